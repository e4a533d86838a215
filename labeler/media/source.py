"""Reading content: from a path, a URL, bytes or a stream.

A picture is read whole, once. Sound and films may be larger than memory: they stay where they lie
on disk, and what comes from elsewhere is put there first.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from labeler.errors import (
    MediaError,
    MediaTooLargeError,
    MissingExtraError,
    SettingsError,
)
from labeler.media.content import Content, open_regular, unreadable
from labeler.media.media_type import MediaKind, sniff, sniff_file
from labeler.media.scratch import Scratch

__all__ = ["Content", "Source", "as_local_path", "is_url", "open_filesystem", "read_content"]

Source: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, an fsspec URL (``s3://bucket/a.png``), bytes, or a binary stream."""

# What is taken elsewhere.
_OTHERS: Final = {"AudioSegment": ": use labeler.integrations.segments.stamp for those of pydub"}

_HEAD_BYTES: Final = 4096
_CHUNK: Final = 1 << 20
_STAY_ON_DISK: Final = frozenset({MediaKind.AUDIO, MediaKind.VIDEO})


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


def read_content(
    source: Source,
    *,
    max_bytes: int,
    max_sound_bytes: int | None = None,
    max_video_bytes: int | None = None,
    scratch: Scratch | None = None,
    name: str | None = None,
) -> Content:
    """The content of ``source``: of sound or a film in a local file, only where it lies.

    Args:
        source: A path, an fsspec URL, bytes, or a binary stream, read from where it stands.
        max_bytes: Most bytes that are read into memory.
        max_sound_bytes: Most bytes of sound; None: ``max_bytes``.
        max_video_bytes: Most bytes of a film; None: ``max_bytes``.
        scratch: Where sound and films that are not in a local file are put, and so how long their
            content can be used; None: they are read into memory like a picture.
        name: What to call it; None: its path, URL or stream name.

    Raises:
        UnreadableMediaError: It cannot be read.
        MediaTooLargeError: It has more bytes than allowed.
        MissingExtraError: The URL's protocol needs a package that is not installed.
        OutputError: There is no room in ``scratch``.
        SettingsError: The URL's protocol is unknown.
        TypeError: ``source`` is none of these, a PIL image for example.
    """
    limits = _Limits(
        max_bytes,
        max_bytes if max_sound_bytes is None else max_sound_bytes,
        max_bytes if max_video_bytes is None else max_video_bytes,
    )
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_stream(io.BytesIO(source), name or "<bytes>", limits, scratch)
    if isinstance(source, str | PathLike):
        path = as_local_path(source)
        called = name or os.fspath(source)
        if path is not None:
            return _read_file(path, called, limits)
        return _read_url(os.fspath(source), called, limits, scratch)
    if not hasattr(source, "read"):
        raise TypeError(
            f"a path, a URL, bytes or a stream is needed, not {type(source).__name__}"
            + _OTHERS.get(type(source).__name__, "")
        )
    return _read_stream(source, name or _stream_name(source), limits, scratch)


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


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many bytes content may have."""

    in_memory: int
    sound: int
    video: int

    def on_disk(self, kind: MediaKind) -> int:
        """Most bytes of what looks like ``kind``, by its beginning: a film may be sound alone."""
        return self.sound if kind is MediaKind.AUDIO else max(self.sound, self.video)

    def check(self, size: int, name: str, kind: MediaKind | None = None) -> None:
        most, setting = self.in_memory, "max_file_bytes"
        if kind is MediaKind.AUDIO:
            most, setting = self.sound, "max_sound_bytes"
        elif kind is MediaKind.VIDEO:
            most, setting = self.video, "max_video_bytes"
        if size > most:
            raise MediaTooLargeError(
                f"the file has more than {most} bytes",
                hint=f"Raise {setting} (LABELER_{setting.upper()}) if it is to be trusted",
                file=name,
            )


def _stays_on_disk(head: bytes, name: str) -> MediaKind | None:
    """The kind of a file that begins with ``head``, if it may be larger than memory."""
    try:
        kind = sniff(head, name=name).kind
    except MediaError:
        return None  # whoever wants to know what it is asks again, and gets the error
    return kind if kind in _STAY_ON_DISK else None


def _read_file(path: Path, name: str, limits: _Limits) -> Content:
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
            if _stays_on_disk(head, name) is None:
                pieces = chain([head], _pieces(file, name, limits.in_memory + 1 - len(head)))
                data = b"".join(pieces)
                limits.check(len(data), name)
                return Content(data, name, path)
            kind = _kind(file, name)
    except OSError as error:
        raise unreadable(error, name) from error
    except MediaError as error:
        error.file = name
        raise
    content = Content.of_file(path, name, path)
    limits.check(content.size, name, kind)
    return content


def _kind(file: BinaryIO, name: str) -> MediaKind:
    """Which of the kinds that stay on disk a file is, by all of it."""
    try:
        return sniff_file(file, name=name).kind
    except MediaError:
        return MediaKind.VIDEO  # as above


def _read_url(url: str, name: str, limits: _Limits, scratch: Scratch | None) -> Content:
    filesystem, path = open_filesystem(url)
    try:
        with filesystem.open(path, "rb") as stream:
            return _read_stream(stream, name, limits, scratch)
    except OSError as error:
        raise unreadable(error, name) from error


def _read_stream(stream: BinaryIO, name: str, limits: _Limits, scratch: Scratch | None) -> Content:
    head = b"".join(_pieces(stream, name, _HEAD_BYTES))
    kind = _stays_on_disk(head, name)
    if scratch is not None and kind is not None:
        pieces = chain([head], _pieces(stream, name, limits.on_disk(kind) + 1 - len(head)))
        return _spool(pieces, name, limits, scratch)
    data = b"".join(chain([head], _pieces(stream, name, limits.in_memory + 1 - len(head))))
    limits.check(len(data), name)
    return Content(data, name)


def _pieces(stream: BinaryIO, name: str, most: int) -> Iterator[bytes]:
    """Up to ``most`` bytes: one more than is allowed tells that there are more."""
    try:
        # Raw streams may give less than was asked for.
        while most > 0 and (piece := stream.read(min(most, _CHUNK))):
            most -= len(piece)
            yield bytes(piece)
    except OSError as error:
        raise unreadable(error, name) from error


def _spool(pieces: Iterator[bytes], name: str, limits: _Limits, scratch: Scratch) -> Content:
    path = scratch.new_file()
    with scratch.writing(), path.open("w+b") as file:
        for piece in pieces:
            file.write(piece)
        size = file.tell()
        limits.check(size, name, _kind(file, name))
    return Content.of_file(path, name)


def _stream_name(stream: BinaryIO) -> str:
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "<stream>"
