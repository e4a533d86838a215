"""What is signed or read: bytes, or a file that need not fit into memory."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from labeler.containers.splice import Part, Span, blocks, opened

__all__ = ["Asset", "FileAsset", "MemoryAsset", "digest", "holds"]

_LONGEST_NEEDLE: Final = 64


@dataclass(frozen=True, slots=True)
class MemoryAsset:
    """Content in memory."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """The content as a seekable stream."""
        return io.BytesIO(self.data)


@dataclass(frozen=True, slots=True)
class FileAsset:
    """A file on disk."""

    path: Path

    @property
    def size(self) -> int:
        """Bytes.

        Raises:
            UnreadableMediaError: There is no such file.
        """
        with self.open() as stream:
            return stream.seek(0, io.SEEK_END)

    def open(self) -> BinaryIO:
        """The content as a seekable stream.

        Raises:
            UnreadableMediaError: It cannot be opened.
        """
        return opened(self.path)


Asset: TypeAlias = MemoryAsset | FileAsset


def digest(asset: Asset, parts: Iterable[Part], algorithm: str) -> bytes:
    """The hash of ``parts`` of ``asset``, one after the other.

    Raises:
        UnreadableMediaError: It cannot be read.
    """
    hasher = hashlib.new(algorithm)
    with asset.open() as stream:
        for block in blocks(stream, parts):
            hasher.update(block)
    return hasher.digest()


def holds(asset: Asset, *needles: bytes) -> bool:
    """Whether every one of ``needles``, of at most 64 bytes each, is somewhere in ``asset``.

    Raises:
        UnreadableMediaError: It cannot be read.
    """
    missing = set(needles)
    for window in _windows(asset):
        missing = {needle for needle in missing if needle not in window}
        if not missing:
            return True
    return False


def _windows(asset: Asset) -> Iterator[bytes]:
    """The content block by block, each with the end of the one before it in front."""
    tail = b""
    with asset.open() as stream:
        for block in blocks(stream, [Span(0, asset.size)]):
            window = tail + block
            yield window
            tail = window[-(_LONGEST_NEEDLE - 1) :]
