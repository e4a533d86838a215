"""AIGC labels outside XMP, in sound and video: emptied where they stand, so that nothing moves.

GB 45438-2025, 6.1 c) wants one label in a file. Where formats keep XMP, that is the one; other
programs put theirs among a file's texts. What is written over them has their length.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias

from labeler.containers import aiff, id3_tag, riff
from labeler.containers.bmff_file import top_boxes
from labeler.containers.chunks import ChunkedFile, file_size
from labeler.containers.splice import blocks
from labeler.errors import LabelerError
from labeler.metadata.mpeg4_fields import MAX_MOOV_BYTES, items_of
from labeler.metadata.sound_packets import ID3_CHUNKS, id3_text, info_texts
from labeler.metadata.statements import names_aigc

__all__ = [
    "Blank",
    "FindBlanks",
    "aiff_blanks",
    "avi_blanks",
    "blanked",
    "id3_blanks",
    "mpeg4_blanks",
    "wav_blanks",
]

_NAME: Final = re.compile(rb"aigc", re.IGNORECASE)
# A type that readers of chunks pass over (RIFF, chapter 2, "JUNK"), and one for boxes.
_UNUSED_CHUNK: Final = b"JUNK"
_UNUSED_BOX: Final = b"free"


@dataclass(frozen=True, slots=True)
class Blank:
    """What is written over a stretch of a file."""

    start: int
    """Position of its first byte in the file."""
    data: bytes
    """As many bytes as are written over."""


FindBlanks: TypeAlias = Callable[[BinaryIO], Iterable[Blank]]


def blanked(stream: BinaryIO, blanks: Iterable[Blank]) -> BinaryIO:
    """The file as it would be with ``blanks`` in it; closing it leaves ``stream`` open."""
    return io.BufferedReader(_Blanked(stream, tuple(blanks)))


class _Blanked(io.RawIOBase):
    """Reads another file, with some of its bytes changed."""

    def __init__(self, stream: BinaryIO, blanks: tuple[Blank, ...]) -> None:
        super().__init__()
        self._stream = stream
        self._blanks = blanks
        self._size = file_size(stream)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    # A buffer of bytes, as `io` hands it over.
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # no other comes
        self._stream.seek(self._position)
        data = bytearray(self._stream.read(len(buffer)))
        for blank in self._blanks:
            at = blank.start - self._position
            low, high = max(at, 0), min(at + len(blank.data), len(data))
            if low < high:
                data[low:high] = blank.data[low - at : high - at]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


# ---------------------------------------------------------------------------- RIFF, AIFF and ID3


def wav_blanks(stream: BinaryIO) -> Iterator[Blank]:
    """The labels among the texts of a WAV file."""
    yield from _chunk_blanks(riff.parse(stream), stream)


def aiff_blanks(stream: BinaryIO) -> Iterator[Blank]:
    """The labels among the texts of an AIFF file."""
    yield from _chunk_blanks(aiff.parse(stream), stream)


def avi_blanks(stream: BinaryIO) -> Iterator[Blank]:
    """The labels among the texts of an AVI file."""
    for part in riff.parts(stream):
        yield from _chunk_blanks(part, stream)


def _chunk_blanks(file: ChunkedFile, stream: BinaryIO) -> Iterator[Blank]:
    for chunk in file.chunks:
        if chunk.list_type == b"INFO":
            for text in info_texts(file.read(stream, chunk)):
                if names_aigc(text.name):
                    yield Blank(chunk.start + text.start, _UNUSED_CHUNK)
                    yield Blank(chunk.start + text.start + 8, bytes(text.size))
        elif chunk.type in ID3_CHUNKS:
            yield from _frame_blanks(io.BytesIO(file.read(stream, chunk)), chunk.start)


def id3_blanks(stream: BinaryIO) -> Iterator[Blank]:
    """The labels in the ID3 tag at a file's beginning."""
    yield from _frame_blanks(stream, 0)


def _frame_blanks(stream: BinaryIO, at: int) -> Iterator[Blank]:
    tag = id3_tag.read(stream) or id3_tag.Tag()
    for frame in tag.frames:
        text = id3_text(tag, frame)
        # A frame that is read otherwise than it is written has no place of its own.
        if text is not None and names_aigc(text[0]) and frame.start:
            # The first byte tells the encoding, in all of which zeros are empty texts.
            yield Blank(at + frame.start + 1, bytes(len(frame.content) - 1))


# --------------------------------------------------------------------------- MPEG-4 and QuickTime


def mpeg4_blanks(stream: BinaryIO) -> Iterator[Blank]:
    """The labels among the items of an MPEG-4 or QuickTime file."""
    for box in top_boxes(stream):
        if box.type == b"moov" and len(box.body) <= MAX_MOOV_BYTES:
            moov = b"".join(blocks(stream, [box.body]))
            yield from _item_blanks(moov, box.body.start)


def _item_blanks(moov: bytes, at: int) -> Iterator[Blank]:
    try:
        items = [item for item in items_of(moov) if names_aigc(item.name)]
    except LabelerError:  # as where they are read
        return
    for item in items:
        yield Blank(at + item.start + 4, _UNUSED_BOX)
        yield Blank(at + item.body.start, bytes(len(item.body)))
        if item.key is not None:  # whoever lists the keys is not to find it either
            written = moov[item.key.start : item.key.end]
            yield Blank(at + item.key.start, _NAME.sub(_UNUSED_BOX, written))
