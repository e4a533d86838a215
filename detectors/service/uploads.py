"""One file out of the body of a request (multipart/form-data, RFC 7578).

Up to a megabyte stays in memory; what is larger goes to a file without a name, which the system
removes even if this process is killed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from detectors.service.limits import ServiceLimits
from detectors.service.problems import ProblemKind, RequestError

__all__ = ["Upload", "drain", "receive_upload"]

FIELD: Final = "file"
"""The form's field."""
_UNNAMED: Final = "upload"
_NAME: Final = 200
"""Longest name, characters; its end is kept, which says what the file is."""
_FIELDS: Final = 8
_FIELD_BYTES: Final = 4096
_DRAIN_SECONDS: Final = 10.0
_ENDED: Final = "body_has_ended"
_UNPRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was sent."""

    name: str
    """What the sender calls it: a name without folders, and nothing that is not printable."""
    size: int
    """Bytes."""
    stream: BinaryIO
    """The bytes, from their beginning."""


@asynccontextmanager
async def receive_upload(request: Request, limits: ServiceLimits) -> AsyncIterator[Upload]:
    """Read the body of ``request``; what was read is gone when the block ends.

    Raises:
        RequestError: There is no file in it, or it is too large, too slow or no form.
    """
    declared = request.headers.get("content-length", "")
    if re.fullmatch(r"\d+", declared) and int(declared[:20]) > limits.max_upload_bytes:
        raise RequestError(ProblemKind.TOO_LARGE)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise RequestError(ProblemKind.BAD_FORM)
    form = await _parse(request, limits)
    try:
        yield _only_file(form)
    finally:
        await form.close()


async def drain(request: Request, limits: ServiceLimits) -> None:
    """Let what is left of a body come in, within limits, for clients that only then read answers.

    Otherwise the system resets the connection, and a browser shows that in place of the answer.
    """
    with suppress(TimeoutError, RequestError, ClientDisconnect):
        async with asyncio.timeout(min(_DRAIN_SECONDS, limits.upload_seconds)):
            async for _ in _pieces(request, limits.max_upload_bytes):
                pass


class _Parser(MultiPartParser):
    """Refuses forms without an end, whose last file the original would leave open."""

    has_ended = False

    def on_end(self) -> None:
        self.has_ended = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self.has_ended:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("the form has no end")
        return form


async def _parse(request: Request, limits: ServiceLimits) -> FormData:
    parser = _Parser(
        request.headers,
        _pieces(request, limits.max_upload_bytes),
        max_files=1,
        max_fields=_FIELDS,
        max_part_size=_FIELD_BYTES,
    )
    try:
        async with asyncio.timeout(limits.upload_seconds):
            return await parser.parse()
    except TimeoutError:
        raise RequestError(ProblemKind.TOO_SLOW) from None
    except MultiPartException:
        # What it says may hold a piece of the body.
        raise RequestError(ProblemKind.BAD_FORM) from None


async def _pieces(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The pieces of a body, of which a client that declares no length may send any number."""
    while not getattr(request.state, _ENDED, False):
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        setattr(request.state, _ENDED, not message.get("more_body", False))
        piece = message.get("body", b"")
        most -= len(piece)
        if most < 0:
            raise RequestError(ProblemKind.TOO_LARGE)
        yield piece


def _only_file(form: FormData) -> Upload:
    file = form.get(FIELD)
    # A form in which nobody chose a file has an empty one without a name.
    if not isinstance(file, UploadFile) or (not file.filename and not file.size):
        raise RequestError(ProblemKind.NO_FILE)
    return Upload(name=_plain_name(file.filename or ""), size=file.size or 0, stream=file.file)


def _plain_name(given: str) -> str:
    name = PureWindowsPath(PurePosixPath(given).name).name
    name = "".join(each if each.isprintable() else _UNPRINTABLE for each in name)
    name = name[-_NAME:].strip()
    return name if name.strip(".") else _UNNAMED
