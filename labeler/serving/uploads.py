"""Requests with a file and an API key: who may send them, and what is in them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from starlette.requests import Request

from detectors.service.admission import Admission
from detectors.service.limits import ServiceLimits
from detectors.service.problems import ProblemKind, RequestError
from detectors.service.uploads import Form, Upload, drain, receive_form
from labeler.serving.orders import FIELD_BYTES

__all__ = ["Door", "detach", "digest_of"]

_EARLY: Final = frozenset(
    {
        ProblemKind.BAD_FORM,
        ProblemKind.BUSY,
        ProblemKind.FORBIDDEN,
        ProblemKind.TOO_LARGE,
        ProblemKind.TOO_MANY,
        ProblemKind.UNAUTHORISED,
    }
)
"""What is wrong before a body has come in to its end."""
_NO_LIMIT: Final = 10**9
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Door:
    """Lets callers with a key in: so many at once, at whatever rate."""

    admission: Admission
    """Counts them, by the ids of their keys."""
    limits: ServiceLimits
    """What a body may be."""

    @classmethod
    def of(cls, limits: ServiceLimits, *, workers: int) -> Door:
        """One behind which there are so many workers."""
        # An operator who gives a key away has decided who may have how much stamped.
        own = replace(limits, workers=workers, burst=_NO_LIMIT, requests_per_second=_NO_LIMIT)
        return cls(Admission(own), limits)

    @asynccontextmanager
    async def draining(self, request: Request) -> AsyncIterator[None]:
        """Let the rest of a body come in where a request ends before it has."""
        try:
            yield
        except RequestError as error:
            if error.kind in _EARLY:
                await drain(request, self.limits)
            raise

    @contextmanager
    def enter(self, owner: str) -> Iterator[None]:
        """Hold a place: see `Admission.enter`."""
        with self.admission.enter(owner):
            yield

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[Form]:
        """The form in a request; nothing of it is left when the block ends.

        Raises:
            RequestError: There is no file in it, or it is too large, too slow or no form.
        """
        async with receive_form(request, self.limits, field_bytes=FIELD_BYTES) as form:
            yield form


async def detach(upload: Upload) -> BinaryIO:
    """The uploaded file as one that outlives its request: without a name, with a descriptor."""
    return await asyncio.to_thread(_detach, upload)


def _detach(upload: Upload) -> BinaryIO:
    # What was in memory goes to a file without a name first.
    file = os.fdopen(os.dup(upload.stream.fileno()), "rb")
    file.seek(0)
    return file


async def digest_of(file: BinaryIO) -> str:
    """SHA-256 of a file from its beginning, hexadecimal."""
    return await asyncio.to_thread(_digest, file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()
