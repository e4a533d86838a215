"""What WAV and AIFF share: samples that lie uncompressed in one chunk of a file of chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from labeler.codec.sound import Samples
from labeler.containers.chunks import Chunk, ChunkedFile, Part, StreamedChunk
from labeler.containers.damage import damaged
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.pcm import SampleFormat
from labeler.media.sound_interface import SoundLimits
from labeler.media.sound_times import tied_in_chunks, tied_in_tags

__all__ = ["PcmCodec", "PcmHeader"]

# What does not hold for other samples: a manifest, and the samples' checksum (BWF MetaEdit).
_STALE: Final = frozenset({b"C2PA", b"MD5 "})

_MOST_TAGS: Final = 1 << 24
_TAGS: Final = frozenset({b"id3 ", b"ID3 ", b"_PMX"})

_Resize: TypeAlias = Callable[[BinaryIO, ChunkedFile, Chunk, int], Part]
_Write: TypeAlias = Callable[[BinaryIO, BinaryIO, ChunkedFile, Iterable[Part]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PcmHeader:
    """What the chunks before the samples say about them."""

    parsed: ChunkedFile
    samples: Chunk
    """The chunk that they are in."""
    start: int
    """Where the first one begins in the file."""
    frames: int
    channels: int
    sample_rate_hz: int
    format: SampleFormat
    channel_names: tuple[str, ...]

    @property
    def frame_size(self) -> int:
        """Bytes."""
        return self.channels * self.format.width

    @property
    def end(self) -> int:
        """Where the last frame ends in the file."""
        return self.start + self.frames * self.frame_size


class PcmCodec:
    """One opened file of uncompressed samples.

    Args:
        path: The file.
        media_type: Its format.
        limits: How large it may be.
        read: Its header's reader.
        write: The writer of its chunks.
        resize: Gives each chunk but the samples' as it has to be for another number of frames.
    """

    def __init__(
        self,
        path: Path,
        media_type: MediaType,
        limits: SoundLimits,
        *,
        read: Callable[[BinaryIO], PcmHeader],
        write: _Write,
        resize: _Resize,
    ) -> None:
        self._path = path
        self._write = write
        self._resize = resize
        self.media_type = media_type
        with open_regular(path) as file:
            self._header = header = read(file)
        if header.frames < 1:
            header.parsed.require_whole()
        limits.check(
            channels=header.channels, sample_rate_hz=header.sample_rate_hz, frames=header.frames
        )
        self.sample_rate_hz = header.sample_rate_hz
        self.channels = header.channels
        self.length: int | None = header.frames
        self.damage: str | None = None  # errors tell it
        self.why_fixed = self._tied()
        self.channel_names = header.channel_names

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return self._header.frames / self.sample_rate_hz

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples in blocks of ``(n, channels)``, none longer than ``frames``.

        Raises:
            UnreadableMediaError: The file is cut off; the samples that it has came before.
        """
        with open_regular(self._path) as file:
            for data in self._raw_blocks(file, frames):
                yield self._header.format.decode(data).reshape(-1, self.channels)
        self._header.parsed.require_whole()

    def _tied(self) -> str | None:
        parsed = self._header.parsed
        if parsed.form not in {b"RIFF", b"FORM"}:
            return "it is of the form for more than 4 GiB"
        if (tied := tied_in_chunks(parsed.chunks)) is not None:
            return tied
        # What is cut off cannot be written anyway.
        tags = [each for each in parsed.chunks if each.type in _TAGS and not each.missing]
        if any(chunk.size > _MOST_TAGS for chunk in tags):
            return "its tags are too large to be looked through"
        with open_regular(self._path) as file:
            found = (tied_in_tags(parsed.read(file, chunk)) for chunk in tags)
            return next(filter(None, found), None)

    def encode(self, blocks: Iterable[Samples], target: Path, *, length: int | None = None) -> None:
        """Write the file with the samples in ``blocks`` in place of its own to ``target``."""
        header = self._header
        change = 0 if length is None else length - header.frames
        with open_regular(self._path) as source, target.open("wb") as output:
            samples = StreamedChunk(
                type=header.samples.type,
                size=header.samples.size + change * header.frame_size,
                pieces=self._pieces(source, blocks),
                is_long=header.samples.is_long,
            )
            parts = (
                samples if chunk is header.samples else self._fitting(source, chunk, length)
                for chunk in header.parsed.chunks
                if chunk.type not in _STALE
            )
            self._write(source, output, header.parsed, parts)

    def _fitting(self, source: BinaryIO, chunk: Chunk, length: int | None) -> Part:
        if length is None:
            return chunk
        return self._resize(source, self._header.parsed, chunk, length)

    def _pieces(self, source: BinaryIO, blocks: Iterable[Samples]) -> Iterator[bytes]:
        header = self._header
        sample_format = self._honest_format(source)
        yield _read(source, header.samples.start, header.start)
        for block in blocks:
            yield sample_format.encode(block)
        # Less than a frame, or what the header does not count.
        yield from _read_blocks(source, header.end, header.samples.start + header.samples.size)

    def _honest_format(self, source: BinaryIO) -> SampleFormat:
        """The format with the bits that are in use: some headers name fewer than there are."""
        sample_format = self._header.format
        if sample_format.has_spare_bits and any(
            map(sample_format.uses_spare_bits, self._raw_blocks(source, 1 << 16))
        ):
            return replace(sample_format, bits=8 * sample_format.width)
        return sample_format

    def _raw_blocks(self, file: BinaryIO, frames: int) -> Iterator[bytes]:
        header = self._header
        step = frames * header.frame_size
        for start in range(header.start, header.end, step):
            yield _read(file, start, min(start + step, header.end))


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    data = file.read(end - start)
    if len(data) != end - start:
        raise damaged("the file became shorter while it was read")
    return data


def _read_blocks(file: BinaryIO, start: int, end: int, size: int = 1 << 20) -> Iterator[bytes]:
    for at in range(start, end, size):
        yield _read(file, at, min(at + size, end))
