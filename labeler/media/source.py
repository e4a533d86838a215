"""Reading content whole: from a path, a URL, bytes or a stream."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias
from urllib.parse import unquote, urlsplit

from labeler.errors import (
    MediaTooLargeError,
    MissingExtraError,
    SettingsError,
    UnreadableMediaError,
)

__all__ = ["Content", "Source", "as_local_path", "is_url", "open_filesystem", "read_content"]

Source: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, an fsspec URL (``s3://bucket/a.png``), bytes, or a binary stream."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """A file's bytes, and what to call them."""

    data: bytes = field(repr=False)
    name: str
    """What errors and reports call it."""
    path: Path | None
    """The local file it came from; None where it came from elsewhere."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def is_url(location: str) -> bool:
    """Whether ``location`` is a URL rather than a path."""
    scheme, separator, _ = location.partition("://")
    return bool(separator) and scheme.replace("+", "").replace(":", "").isalnum()


def as_local_path(location: str | PathLike[str]) -> Path | None:
    """The local path that ``location`` names; None where it is a URL of something else."""
    text = os.fspath(location)
    if not is_url(text):
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme in {"file", "local"} and parts.netloc in {"", "localhost"}:
        return Path(unquote(parts.path))
    return None


def read_content(source: Source, *, max_bytes: int, name: str | None = None) -> Content:
    """The whole of ``source``.

    Args:
        source: A path, an fsspec URL, bytes, or a binary stream, read from where it stands.
        max_bytes: Most bytes to read.
        name: What to call it; None: its path, URL or stream name.

    Raises:
        UnreadableMediaError: It cannot be read.
        MediaTooLargeError: It has more than ``max_bytes``.
        MissingExtraError: The URL's protocol needs a package that is not installed.
        SettingsError: The URL's protocol is unknown.
        TypeError: ``source`` is none of these, a PIL image for example.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _checked(bytes(source), name or "<bytes>", None, max_bytes)
    if isinstance(source, str | PathLike):
        path = as_local_path(source)
        called = name or os.fspath(source)
        if path is not None:
            return _checked(_read_file(path, called, max_bytes), called, path, max_bytes)
        return _checked(_read_url(os.fspath(source), called, max_bytes), called, None, max_bytes)
    if not hasattr(source, "read"):
        raise TypeError(f"a path, a URL, bytes or a stream is needed, not {type(source).__name__}")
    called = name or _stream_name(source)
    return _checked(_read_stream(source, called, max_bytes), called, None, max_bytes)


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of ``url``, and the path of ``url`` in it.

    Raises:
        MissingExtraError: The URL's protocol needs a package that is not installed.
        SettingsError: The URL's protocol is unknown.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415  most callers have only files

    try:
        filesystem, path = url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(
            f"this URL needs a package that is not installed ({error})",
            hint="Install the package that the message names",
            file=url,
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"the URL's protocol is unknown ({error})", hint="Give a path or a URL", file=url
        ) from error
    return filesystem, path


def _read_file(path: Path, name: str, max_bytes: int) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableMediaError(
                    "it is a pipe or device, not a file",
                    hint="Save its content in a file first",
                    file=name,
                )
            return _read_stream(file, name, max_bytes)
    except OSError as error:
        raise _unreadable(error, name) from error


def _open_at_once(path: str, flags: int) -> int:
    # A named pipe would be waited for until somebody writes into it.
    return os.open(path, flags | os.O_NONBLOCK)


def _read_url(url: str, name: str, max_bytes: int) -> bytes:
    filesystem, path = open_filesystem(url)
    try:
        with filesystem.open(path, "rb") as stream:
            return _read_stream(stream, name, max_bytes)
    except OSError as error:
        raise _unreadable(error, name) from error


def _read_stream(stream: BinaryIO, name: str, max_bytes: int) -> bytes:
    # One more byte than allowed tells that there are more, without reading them all.
    pieces, left = [], max_bytes + 1
    try:
        # Raw streams may give less than was asked for.
        while left > 0 and (piece := stream.read(left)):
            pieces.append(bytes(piece))
            left -= len(piece)
    except OSError as error:
        raise _unreadable(error, name) from error
    return b"".join(pieces)


def _unreadable(error: OSError, name: str) -> UnreadableMediaError:
    return UnreadableMediaError(
        f"the file cannot be read ({error.strerror or error})",
        hint="Check its path and its permissions",
        file=name,
    )


def _checked(data: bytes, name: str, path: Path | None, max_bytes: int) -> Content:
    if len(data) > max_bytes:
        raise MediaTooLargeError(
            f"the file has more than {max_bytes} bytes",
            hint="Raise max_file_bytes (LABELER_MAX_FILE_BYTES) if it is to be trusted",
            file=name,
        )
    return Content(data, name, path)


def _stream_name(stream: BinaryIO) -> str:
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "<stream>"
