"""Bodies of requests that are no forms: a JSON object, a manifest store, or a file as it is."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, Final, cast

from starlette.requests import Request

from detectors.service.limits import ServiceLimits
from detectors.service.problems import ProblemKind, Refused, RequestError
from detectors.service.uploads import Upload, pieces_of

__all__ = ["media_type_of", "read_body", "read_json", "spool_body"]

_IN_MEMORY: Final = 1 << 20
_JSON: Final = "application/json"
_JSON_BYTES: Final = 1 << 16


def media_type_of(request: Request) -> str:
    """The media type of a body as its sender declares it, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limits: ServiceLimits, *, max_bytes: int) -> bytes:
    """A body that is held in memory.

    Raises:
        RequestError: It is too large or too slow.
    """
    most = min(max_bytes, limits.max_upload_bytes)
    _check_declared(request, most)
    try:
        async with asyncio.timeout(limits.upload_seconds):
            return b"".join([piece async for piece in pieces_of(request, most)])
    except TimeoutError:
        raise RequestError(ProblemKind.TOO_SLOW) from None


async def read_json(request: Request, limits: ServiceLimits) -> dict[str, Any]:
    """A body that is a JSON object of at most 64 KiB.

    Raises:
        RequestError: It is too large or too slow.
        Refused: It is no JSON object, or does not say that it is JSON (415).
    """
    if media_type_of(request) != _JSON:
        raise Refused(
            415, "unsupported-type", "the body has to be JSON", hint=f"Send it as {_JSON}"
        )
    body = await read_body(request, limits, max_bytes=_JSON_BYTES)
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise Refused(400, "bad-request", "the body is no JSON object")
    return members


@asynccontextmanager
async def spool_body(
    request: Request, limits: ServiceLimits, *, name: str
) -> AsyncIterator[Upload]:
    """A body as a file: in memory, or in a file without a name; it is gone when the block ends.

    Args:
        request: The request.
        limits: What its body may be.
        name: What the file is called.

    Raises:
        RequestError: It is too large or too slow.
    """
    _check_declared(request, limits.max_upload_bytes)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        size = 0
        try:
            async with asyncio.timeout(limits.upload_seconds):
                async for piece in pieces_of(request, limits.max_upload_bytes):
                    size += len(piece)
                    await asyncio.to_thread(file.write, piece)
        except TimeoutError:
            raise RequestError(ProblemKind.TOO_SLOW) from None
        file.seek(0)
        yield Upload(name=name, size=size, stream=cast("BinaryIO", file))


def _check_declared(request: Request, most: int) -> None:
    declared = request.headers.get("content-length", "")
    if re.fullmatch(r"\d+", declared) and int(declared[:20]) > most:
        raise RequestError(ProblemKind.TOO_LARGE)
