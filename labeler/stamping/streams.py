"""Outputs that go into a stream."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from labeler.credentials import sidecar_name
from labeler.errors import OutputError
from labeler.media.content import Content
from labeler.media.scratch import Scratch
from labeler.stamping.outlet import Staged, refusing

__all__ = ["StreamOutlet"]

_PIECE: Final = 1 << 20


class StreamOutlet:
    """A stream that the caller opened; it gets everything at once, when all is known to be well."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    @property
    def name(self) -> str:
        """See `Outlet.name`."""
        name = getattr(self._stream, "name", None)
        return name if isinstance(name, str) else "<stream>"

    @property
    def sidecar_name(self) -> str:
        """See `Outlet.sidecar_name`."""
        return sidecar_name(self.name)

    def check(self, *, overwrite: bool) -> None:
        """Whoever opened the stream has decided about that."""

    def sha256(self) -> str | None:
        """See `Outlet.sha256`."""
        return None

    @contextmanager
    def stage(
        self, content: Content, sidecar: bytes | None, *, scratch: Scratch, overwrite: bool
    ) -> Iterator[Staged]:
        """See `Outlet.stage`."""
        del scratch, overwrite  # decided when the stream was opened
        if sidecar is not None:
            raise OutputError(
                "the credential of this file has to lie beside it, which a stream has no place for",
                file=self.name,
                hint="Give a path or a URL as the target",
            )
        yield _StagedContent(self, self._stream, content)


class _StagedContent:
    """What is about to go into a stream."""

    def __init__(self, outlet: StreamOutlet, stream: BinaryIO, content: Content) -> None:
        self._outlet = outlet
        self._stream = stream
        self._content = content

    def read(self) -> tuple[Content, bytes | None]:
        return self._content, None

    def publish(self) -> None:
        with self._content.open() as source, refusing(self._outlet.name):
            while piece := source.read(_PIECE):
                self._write(memoryview(piece))
            self._stream.flush()

    def _write(self, rest: memoryview) -> None:
        while rest:
            taken = self._stream.write(rest)
            if taken is None and not isinstance(self._stream, io.RawIOBase):
                break  # a home-made stream that does not count, and has taken all
            if not taken:
                raise BlockingIOError("the stream takes no more bytes")
            rest = rest[taken:]
