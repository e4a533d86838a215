"""One file out of the body of a request (multipart/form-data, RFC 7578), or from the URL in it.

Up to a megabyte stays in memory; what is larger goes to a file without a name, which the system
removes even if this process is killed.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final
from urllib.parse import parse_qs

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from detectors.service.fetching import Fetched, Fetcher
from detectors.service.limits import ServiceLimits
from detectors.service.problems import ProblemKind, RequestError
from labeler.media.formats import MediaKind, MediaType

__all__ = [
    "TEXT_EXTENSIONS",
    "Form",
    "Upload",
    "drain",
    "pieces_of",
    "receive_form",
    "receive_upload",
]

FIELD: Final = "file"
"""The form's field."""
URL_FIELD: Final = "url"
"""The field of a form, and the member of a JSON object, that names a file elsewhere."""
_UNNAMED: Final = "upload"
_NAME: Final = 200
"""Longest name, characters; its end is kept, which says what the file is."""
_FIELDS: Final = 8
_FIELD_BYTES: Final = 4096
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_URL_BODY_BYTES: Final = 16384
"""A URL of 2048 characters takes at most 12 KB as JSON or in a form."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A file that was sent, and what was said of it."""

    upload: Upload
    """The file."""
    fields: Mapping[str, str]
    """The other fields by their names, each once: of several the last."""


@asynccontextmanager
async def receive_form(
    request: Request, limits: ServiceLimits, *, field_bytes: int
) -> AsyncIterator[Form]:
    """Read a form with one file and texts; what was read is gone when the block ends.

    Args:
        request: The request.
        limits: What its body may be.
        field_bytes: Longest text, bytes.

    Raises:
        RequestError: There is no file in it, or it is too large, too slow or no form.
    """
    _check_length(request, limits)
    if _media_type(request) != _MULTIPART:
        raise RequestError(ProblemKind.BAD_FORM)
    form = await _parse(request, limits, field_bytes=field_bytes)
    try:
        fields = {name: text for name, text in form.multi_items() if isinstance(text, str)}
        yield Form(upload=_only_file(form), fields=fields)
    finally:
        await form.close()


@asynccontextmanager
async def receive_upload(
    request: Request, limits: ServiceLimits, fetcher: Fetcher | None = None
) -> AsyncIterator[Upload]:
    """Read the body of ``request``; what was read is gone when the block ends.

    Args:
        request: The request.
        limits: What its body may be.
        fetcher: Who fetches the file where the body only names it; None: nobody does.

    Raises:
        RequestError: There is no file in it, or it is too large, too slow or no form; the URL in
            it cannot be fetched.
    """
    _check_length(request, limits)
    kind = _media_type(request)
    if fetcher is not None and kind in {_JSON, _FORM}:
        url = _named_url(await _short_body(request, limits), kind)
        async with fetcher.fetch(url, max_bytes=limits.max_upload_bytes) as fetched:
            yield _as_upload(fetched)
        return
    if kind != _MULTIPART:
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
            async for _ in pieces_of(request, limits.max_upload_bytes):
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


def _check_length(request: Request, limits: ServiceLimits) -> None:
    declared = request.headers.get("content-length", "")
    if re.fullmatch(r"\d+", declared) and int(declared[:20]) > limits.max_upload_bytes:
        raise RequestError(ProblemKind.TOO_LARGE)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _parse(
    request: Request, limits: ServiceLimits, *, field_bytes: int = _FIELD_BYTES
) -> FormData:
    parser = _Parser(
        request.headers,
        pieces_of(request, limits.max_upload_bytes),
        max_files=1,
        max_fields=_FIELDS,
        max_part_size=field_bytes,
    )
    try:
        async with asyncio.timeout(limits.upload_seconds):
            return await parser.parse()
    except TimeoutError:
        raise RequestError(ProblemKind.TOO_SLOW) from None
    except MultiPartException:
        # What it says may hold a piece of the body.
        raise RequestError(ProblemKind.BAD_FORM) from None


async def pieces_of(request: Request, most: int) -> AsyncGenerator[bytes, None]:
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


async def _short_body(request: Request, limits: ServiceLimits) -> bytes:
    most = min(limits.max_upload_bytes, _URL_BODY_BYTES)
    try:
        async with asyncio.timeout(limits.upload_seconds):
            return b"".join([piece async for piece in pieces_of(request, most)])
    except TimeoutError:
        raise RequestError(ProblemKind.TOO_SLOW) from None


def _named_url(body: bytes, kind: str) -> str:
    """The URL in a JSON object, or in a form without a file."""
    try:
        if kind == _JSON:
            members = json.loads(body)
        else:
            fields = parse_qs(body.decode(), max_num_fields=_FIELDS, errors="strict")
            members = {name: values[-1] for name, values in fields.items()}
    except (ValueError, RecursionError):
        raise RequestError(ProblemKind.BAD_FORM) from None
    url = members.get(URL_FIELD) if isinstance(members, dict) else None
    if not isinstance(url, str) or not url.strip():
        raise RequestError(ProblemKind.BAD_URL)
    return url.strip()


def _as_upload(fetched: Fetched) -> Upload:
    """A file that was fetched, under a name that says as much of its kind as one that was sent."""
    name = _plain_name(fetched.name)
    if not PurePosixPath(name).suffix:
        name += TEXT_EXTENSIONS.get(fetched.media_type, "")
    return Upload(name=name, size=fetched.size, stream=fetched.stream)


TEXT_EXTENSIONS: Final = {
    each.value: each.extensions[0]
    for each in MediaType
    if each.kind is MediaKind.TEXT and not each.is_document
}
"""Extensions of what has no signature: pages seldom have one in their URL."""


def _plain_name(given: str) -> str:
    name = PureWindowsPath(PurePosixPath(given).name).name
    name = "".join(each if each.isprintable() else _UNPRINTABLE for each in name)
    name = name[-_NAME:].strip()
    return name if name.strip(".") else _UNNAMED
