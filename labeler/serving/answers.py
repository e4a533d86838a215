"""What answers are made of: receipts as JSON, and outputs as bodies."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from labeler.receipt import Receipt

__all__ = ["FileAnswer", "json_answer", "links_of", "receipt_members", "receipt_path"]

_SCHEMA: Final = 1
_PIECE: Final = 1 << 20


class FileAnswer(Response):
    """A file as the body; it is closed at the end, whatever happens.

    Args:
        file: The file; it is read by place, so that others may read it at the same time.
        size: Its size, bytes.
        media_type: Its media type.
        headers: Further header fields.
    """

    def __init__(
        self, file: BinaryIO, size: int, *, media_type: str, headers: Mapping[str, str]
    ) -> None:
        # What strangers sent is not to be looked at in a browser under this service's name.
        fixed = {"Content-Length": str(size), "Content-Disposition": "attachment"}
        super().__init__(media_type=media_type, headers={**headers, **fixed})
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file piece by piece."""
        del scope, receive
        with self._file as file:
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            place = 0
            while piece := await asyncio.to_thread(os.pread, file.fileno(), _PIECE, place):
                place += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def json_answer(
    members: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An object of JSON, with the schema that it follows."""
    text = json.dumps({"schema": _SCHEMA, **members}, allow_nan=False)
    return Response(text, status_code=status, media_type="application/json", headers=headers)


def receipt_members(receipt: Receipt) -> dict[str, Any]:
    """A receipt in the form of ``docs/json.md``, with names of files in place of their paths."""
    members: dict[str, Any] = json.loads(receipt.to_json())
    for name in ("target", "sidecar"):
        if members[name] is not None:
            members[name] = PurePosixPath(members[name]).name
    return members


def receipt_path(receipt_id: str) -> str:
    """Where a receipt is."""
    return f"/v1/receipts/{receipt_id}"


def links_of(receipt: Receipt) -> dict[str, str]:
    """Header fields that lead from an output to its receipt, and to its manifest.

    The relation of the manifest is that of C2PA (2.4, 11.4) for manifests by reference.
    """
    path = receipt_path(receipt.receipt_id)
    links = [f'<{path}>; rel="describedby"; type="application/json"']
    if receipt.manifest_id is not None:
        links.append(f'<{path}/manifest>; rel="c2pa-manifest"; type="application/c2pa"')
    return {
        "Location": path,
        "Labeler-Receipt-Id": receipt.receipt_id,
        "Link": ", ".join(links),
    }
