"""What a file holds, in memory or on disk, and what to call it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO

from labeler.errors import UnreadableMediaError

__all__ = ["Content", "DiskFile", "open_regular", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFile:
    """A file that stays on disk, as it was when it was first looked at."""

    path: Path
    size: int
    """Bytes."""
    inode: int
    changed_ns: int
    """When its content was last changed, nanoseconds."""

    @classmethod
    def of(cls, path: Path) -> DiskFile:
        """The regular file at ``path``.

        Raises:
            OSError: It cannot be opened.
            UnreadableMediaError: It is a pipe or device.
        """
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
        return cls(
            path=path.absolute(),
            size=status.st_size,
            inode=status.st_ino,
            changed_ns=status.st_mtime_ns,
        )


class Content:
    """A file's content, and what to call it; of what stays on disk it holds no more than the place.

    Args:
        body: The bytes, or the file that holds them.
        name: What errors and reports call it.
        path: The local file it came from, beside which its sidecar lies; None where it came from
            elsewhere.
    """

    __slots__ = ("_body", "_sha256", "name", "path")

    def __init__(self, body: bytes | DiskFile, name: str, path: Path | None = None) -> None:
        self._body = body
        self._sha256: str | None = None
        self.name = name
        self.path = path

    @classmethod
    def of_file(cls, file: Path, name: str, path: Path | None = None) -> Content:
        """The content of a file that stays on disk.

        Raises:
            UnreadableMediaError: It cannot be opened.
        """
        try:
            return cls(DiskFile.of(file), name, path)
        except OSError as error:
            raise unreadable(error, name) from error

    @property
    def file(self) -> DiskFile | None:
        """The file on disk; None for bytes in memory."""
        return None if isinstance(self._body, bytes) else self._body

    @property
    def local_path(self) -> Path:
        """Where the file on disk lies.

        Raises:
            UnreadableMediaError: It has changed.
            ValueError: The content is in memory.
        """
        if isinstance(self._body, bytes):
            raise ValueError("the content is in memory, not on disk")  # noqa: TRY004  not its type, but its place
        self.check_unchanged()
        return self._body.path

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._body) if isinstance(self._body, bytes) else self._body.size

    @property
    def data(self) -> bytes:
        """All of it, in memory: for what is known to be small enough."""
        if isinstance(self._body, bytes):
            return self._body
        with self.open() as file:
            return file.read()

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal; computed once.

        Raises:
            UnreadableMediaError: The file cannot be read, or has changed.
        """
        if self._sha256 is None:
            with self.open() as file:
                try:
                    self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                except OSError as error:
                    raise unreadable(error, self.name) from error
            self.check_unchanged()
        return self._sha256

    def open(self) -> BufferedReader | BytesIO:
        """The bytes as a seekable stream from their beginning.

        Raises:
            UnreadableMediaError: The file cannot be opened, or has changed.
        """
        if isinstance(self._body, bytes):
            return BytesIO(self._body)
        self.check_unchanged()
        try:
            return open_regular(self._body.path)
        except OSError as error:
            raise unreadable(error, self.name) from error

    def copy_to(self, stream: BinaryIO) -> None:
        """Write all of it into ``stream``."""
        with self.open() as file:
            shutil.copyfileobj(file, stream, 1 << 20)

    def check_unchanged(self) -> None:
        """See that a file on disk is the one that was looked at first.

        Raises:
            UnreadableMediaError: It is not.
        """
        if isinstance(self._body, bytes):
            return
        try:
            found = DiskFile.of(self._body.path)
        except OSError as error:
            raise unreadable(error, self.name) from error
        if found != self._body:
            raise UnreadableMediaError(
                "the file was changed while it was being read",
                hint="Try again when nothing writes to it",
                file=self.name,
            )


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: It cannot be opened.
        UnreadableMediaError: It is a pipe or device.
    """
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115  the caller closes it; Path.open has no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnreadableMediaError(
            "it is a pipe or device, not a file", hint="Save its content in a file first", file=path
        )
    return file


def unreadable(error: OSError, name: str) -> UnreadableMediaError:
    """The error for a source that the operating system does not give."""
    return UnreadableMediaError(
        f"the file cannot be read ({error.strerror or error})",
        hint="Check its path and its permissions",
        file=name,
    )


def _open_at_once(path: str, flags: int) -> int:
    # A named pipe would be waited for until somebody writes into it.
    return os.open(path, flags | os.O_NONBLOCK)
