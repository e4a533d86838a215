"""Sound that is nothing but frames, each with its own header: MP3 and ADTS.

Tags may lie in front and behind, and a few bytes that are no frame between two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Generic, Protocol, Self, TypeAlias, TypeVar

from labeler.containers.chunks import file_size
from labeler.containers.sound_heads import id3_size

__all__ = ["Frame", "Header", "Place", "frames", "locate"]

# Junk that a file may have in front of its first frame, or between two, and still be read.
_SEARCHED_BYTES: Final = 1 << 16
# What may follow the last frame: ID3v1, APEv2, Lyrics3, ID3v2 at the end.
_TAGS: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
_HEADER_BYTES: Final = 9


class Header(Protocol):
    """The header of a frame."""

    @property
    def size(self) -> int:
        """Bytes of the whole frame, at least 1."""
        ...

    @property
    def bit_rate_index(self) -> int:
        """Which bit rate the frame has."""
        ...

    def continues(self, other: Self) -> bool:
        """Whether it may follow ``other`` in one stream."""
        ...


H = TypeVar("H", bound=Header)
Parse: TypeAlias = Callable[[bytes], H | None]
"""The header at the beginning of a few bytes; None if there is none."""


@dataclass(frozen=True, slots=True)
class Frame(Generic[H]):
    """One frame."""

    start: int
    """Position of its first byte in the file."""
    header: H
    data: bytes = field(repr=False)
    """All of it; fewer bytes than the header says at the end of a file that was cut."""


@dataclass(frozen=True, slots=True)
class Place(Generic[H]):
    """Where the sound lies in a file."""

    start: int
    """Position of the first frame."""
    end: int
    """Position behind the last one."""
    first: Frame[H]
    bit_rates: frozenset[int]
    """Every `Header.bit_rate_index`; that of the first frame only where there are no others."""
    count: int
    """Frames."""
    damage: str | None
    """What is wrong with it, without full stop."""


def locate(file: BinaryIO, parse: Parse[H]) -> Place[H] | None:
    """Find the sound in a file by reading all of its headers; None if there is none.

    Args:
        file: The file; where it stands does not matter.
        parse: What tells headers.
    """
    start = _first(file, _behind_tags(file), parse)
    if start is None:
        return None
    end, count, damage = start, 0, None
    rates: set[int] = set()
    for frame in frames(file, start, parse):
        if frame.start != end:
            damage = f"{frame.start - end} bytes at byte {end} are no frames of sound"
        end = frame.start + len(frame.data)
        if len(frame.data) < frame.header.size:
            damage = "the file ends in the middle of a frame"
        if not count:
            first = frame
        else:
            rates.add(frame.header.bit_rate_index)
        count += 1
    file.seek(end)
    if not file.read(16).startswith(_TAGS) and file_size(file) - end > _SEARCHED_BYTES:
        damage = f"the sound ends at byte {end}, and what follows is no tag"
    rates = rates or {first.header.bit_rate_index}
    return Place(start, end, first, frozenset(rates), count, damage)


def frames(file: BinaryIO, start: int, parse: Parse[H]) -> Iterator[Frame[H]]:
    """The frames from ``start`` on, where one begins; a few bytes that are none are passed over.

    Args:
        file: The file; where it stands does not matter.
        start: Position of the first frame.
        parse: What tells headers.
    """
    position = start
    model: H | None = None
    while True:
        file.seek(position)
        header = parse(file.read(_HEADER_BYTES))
        if header is None or (model is not None and not header.continues(model)):
            found = None if model is None else _resumed(file, position, model, parse)
            if found is None:
                return
            position = found
            continue
        model = model or header
        file.seek(position)
        yield Frame(position, header, file.read(header.size))
        position += header.size


def _behind_tags(file: BinaryIO) -> int:
    position = 0
    while True:
        file.seek(position)
        size = id3_size(file.read(10))
        if not size:
            return position
        position += size


def _first(file: BinaryIO, position: int, parse: Parse[H]) -> int | None:
    """Where the first frame begins that others follow."""
    file.seek(position)
    data = file.read(_SEARCHED_BYTES)
    skipped = len(data) - len(data.lstrip(b"\0"))
    found = next((at for at in _candidates(data, skipped) if _is_run(data, at, None, parse)), None)
    return None if found is None else position + found


def _resumed(file: BinaryIO, position: int, model: H, parse: Parse[H]) -> int | None:
    """Where the next frame of the stream begins behind damage; None if none is near."""
    file.seek(position)
    data = file.read(_SEARCHED_BYTES)
    if data.startswith(_TAGS):
        return None
    found = next((at for at in _candidates(data, 1) if _is_run(data, at, model, parse)), None)
    return None if found is None else position + found


def _candidates(data: bytes, start: int) -> Iterator[int]:
    """Where a frame may begin."""
    at = data.find(b"\xff", start)
    while at >= 0:
        yield at
        at = data.find(b"\xff", at + 1)


def _is_run(data: bytes, at: int, model: H | None, parse: Parse[H]) -> bool:
    """Whether a frame begins at ``at``, and two more follow it, or the data end."""
    for number in range(3):
        header = parse(data[at : at + _HEADER_BYTES])
        if header is None or (model is not None and not header.continues(model)):
            # What follows the only frames of a short file may be a tag.
            return number > 0 and data[at:].startswith(_TAGS)
        model = header
        at += header.size
        if at + _HEADER_BYTES > len(data):
            return True
    return True
