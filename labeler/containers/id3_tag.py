"""An ID3v2 tag taken apart into its frames, and put together again with others.

Frames that are not replaced keep their content and order. Sources: the ID3v2.2.0,
ID3v2.3.0 and ID3v2.4.0 structure documents.

    tag = read(stream) or Tag()
    head = tag.put(Frame(b"PRIV", content), over=is_xmp).to_bytes()
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from labeler.containers.damage import damaged
from labeler.containers.sound_heads import id3_size
from labeler.errors import MediaTooLargeError

__all__ = ["Frame", "Tag", "read"]

_HEADER_BYTES: Final = 10
_UNSYNCHRONISED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10
# ExifTool complains of a last frame behind which there is no room for the header of another.
_LEAST_PADDING: Final = 10
_SYNC: Final = re.compile(rb"\xff[\xe0-\xff]")
# Flags of a frame of version 2.4 (4.1.2): changed against false sync patterns; its length given.
_FRAME_CHANGED, _FRAME_LENGTH = 0x02, 0x01
_MAX_BYTES: Final = (1 << 28) - 1
# Flags of a frame that say that its content is compressed, encrypted, unsynchronised or begins with
# further fields (2.3: 3.3.1, 2.4: 4.1).
_CODED: Final = {2: 0, 3: 0xE0, 4: 0x4F}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    id: bytes
    """Four characters; three in version 2.2."""
    content: bytes = field(repr=False)
    """What follows its header, as it is written."""
    flags: bytes = b"\0\0"
    """As they are written."""
    start: int = 0
    """Where its content begins in the tag that was read; 0 if that was read otherwise than it is
    written, and in new frames."""
    plain_size: bool = False
    """Whether its size is written in another form than version 2.4 wants, as iTunes did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A whole tag."""

    version: int = 3
    """2, 3 or 4."""
    frames: tuple[Frame, ...] = ()
    rest: bytes = field(default=b"", repr=False)
    """What follows the last frame that can be read, other than padding."""
    size: int = 0
    """How many bytes the tag has in the file that it was read from."""

    def is_coded(self, frame: Frame) -> bool:
        """Whether the frame's content has to be decoded before it can be read."""
        return bool(frame.flags[-1:] and frame.flags[-1] & _CODED[self.version])

    def put(self, new: Frame, *, over: Callable[[Frame], bool]) -> Tag:
        """The tag with ``new`` instead of all frames that ``over`` is true of."""
        at = next((n for n, frame in enumerate(self.frames) if over(frame)), len(self.frames))
        behind = (frame for frame in self.frames[at:] if not over(frame))
        return replace(self, frames=(*self.frames[:at], new, *behind))

    def position(self, frame: Frame) -> int:
        """Where the content of one of `frames` begins in `to_bytes`."""
        before = self.frames[: self.frames.index(frame) + 1]
        return _HEADER_BYTES + sum(len(self._written(each)) for each in before) - len(frame.content)

    def to_bytes(self) -> bytes:
        """The tag without extended header and footer, padded to at least the size that it had.

        Raises:
            MediaTooLargeError: It is larger than tags can be.
        """
        body = b"".join(map(self._written, self.frames)) + self.rest
        body += bytes(max(_LEAST_PADDING, self.size - _HEADER_BYTES - len(body)))
        if len(body) > _MAX_BYTES:
            raise MediaTooLargeError(
                "the file's ID3 tag would have more than 256 MiB",
                hint="Remove large pictures from it",
            )
        return b"ID3" + bytes([self.version, 0, 0]) + _synchsafe(len(body)) + body

    def _written(self, frame: Frame) -> bytes:
        size = len(frame.content)
        if self.version == 2:
            return frame.id + size.to_bytes(3, "big") + frame.content
        plain = self.version == 3 or frame.plain_size
        coded = size.to_bytes(4, "big") if plain else _synchsafe(size)
        return frame.id + coded + frame.flags + frame.content


def read(stream: BinaryIO) -> Tag | None:
    """The tag at the beginning of a file; None if there is none.

    Raises:
        UnreadableMediaError: It is truncated, or of a version that nobody knows.
    """
    stream.seek(0)
    head = stream.read(_HEADER_BYTES)
    size = id3_size(head)
    if not size:
        return None
    body = stream.read(size - _HEADER_BYTES)
    if len(body) < size - _HEADER_BYTES:
        raise damaged("the file ends in the middle of its ID3 tag")
    version, flags = head[3], head[5]
    if version not in _CODED:
        raise damaged(f"its ID3 tag has the version 2.{version}, which does not exist")
    if flags & _FOOTER and version == 4:
        body = body[:-_HEADER_BYTES]
    is_changed = bool(flags & _UNSYNCHRONISED)
    if is_changed and version < 4:
        body = _synchronised(body)
    position = _extended_size(body, version, flags)
    frames = tuple(_frames(body, version, position))
    if frames:
        position = frames[-1].start + len(frames[-1].content) - _HEADER_BYTES
    if version == 4:
        frames = tuple(_resolved(frame, by_tag=is_changed) for frame in frames)
    elif is_changed:
        frames = tuple(replace(frame, start=0) for frame in frames)
    return Tag(version=version, frames=frames, rest=body[position:].rstrip(b"\0"), size=size)


def _synchronised(data: bytes) -> bytes:
    """``data`` without the zeros that keep decoders from taking it for sound (2.4: 6.1)."""
    # Some writers set the flag and do nothing.
    return data if _SYNC.search(data) else data.replace(b"\xff\0", b"\xff")


def _resolved(frame: Frame, *, by_tag: bool) -> Frame:
    """A frame of version 2.4 in the form that it had before it was changed for old decoders."""
    flags = frame.flags[1]
    others = _CODED[4] & ~(_FRAME_CHANGED | _FRAME_LENGTH)
    if flags & others or not (by_tag or flags & _FRAME_CHANGED):
        return frame
    # The length that it then has may come first.
    content = _synchronised(frame.content)[4 if flags & _FRAME_LENGTH else 0 :]
    kept = bytes([frame.flags[0], flags & ~(_FRAME_CHANGED | _FRAME_LENGTH)])
    return replace(frame, content=content, flags=kept, start=0)


def _extended_size(body: bytes, version: int, flags: int) -> int:
    if version == 2 or not flags & _EXTENDED:
        return 0
    # Version 2.3 does not count the size field itself.
    return _number(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")


def _frames(body: bytes, version: int, position: int) -> Iterator[Frame]:
    """The frames, up to padding or to the first that makes no sense."""
    id_bytes, header_bytes = (3, 6) if version == 2 else (4, 10)
    while _is_name(name := body[position : position + id_bytes], id_bytes):
        coded = body[position + id_bytes : position + 2 * id_bytes]
        start = position + header_bytes
        size, plain = _frame_size(body, version, start, coded)
        if start + size > len(body):
            return
        yield Frame(
            name,
            body[start : start + size],
            flags=body[start - 2 : start] if version > 2 else b"",
            start=_HEADER_BYTES + start,
            plain_size=plain,
        )
        position = start + size


def _frame_size(body: bytes, version: int, start: int, coded: bytes) -> tuple[int, bool]:
    """A frame's size, and whether it is written as a plain number where it ought not to be."""
    plain = int.from_bytes(coded, "big")
    if version != 4:
        return plain, False
    size = _number(coded)
    if size != plain and not _may_end(body, start + size) and _may_end(body, start + plain):
        return plain, True
    return size, False


def _may_end(body: bytes, position: int) -> bool:
    """Whether a frame may end there: another, padding, or the tag's end follows."""
    following = body[position : position + 4]
    return position <= len(body) and (_is_name(following, 4) or not following.strip(b"\0"))


def _is_name(name: bytes, size: int) -> bool:
    return len(name) == size and name.isalnum() and name.upper() == name


def _number(field: bytes) -> int:
    """Seven bits of each byte."""
    value = 0
    for byte in field:
        value = value << 7 | byte & 0x7F
    return value


def _synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))
