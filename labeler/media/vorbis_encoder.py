"""Vorbis from samples, with libvorbis, which libsndfile brings: FFmpeg's encoder is far worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from labeler.codec.sound import Samples
from labeler.containers import ogg
from labeler.errors import UnsupportedMediaError
from labeler.media.guards import reason
from labeler.media.sample_blocks import regrouped

__all__ = ["encode_vorbis"]

# Vorbis I, 4.3.9: where each of Vorbis's channels is among FFmpeg's, by their number.
_ORDERS: Final = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}
_HEADERS: Final = 3
# libsndfile puts a whole block on the stack.
_BLOCK_FRAMES: Final = 2048
# These qualities are 15 to 25 % of bit rate apart: one or two steps.
_BETTER: Final = 1.3
# Tenths of libvorbis's quality that are tried.
_LEVELS: Final = tuple(n / 10 for n in range(10, -1, -1))


def encode_vorbis(
    blocks: Iterable[Samples],
    scratch: Path,
    *,
    source: bytes,
    bit_rate: float,
) -> tuple[tuple[bytes, ...], Iterator[bytes]]:
    """The three headers and the packets.

    Args:
        blocks: ``(n, channels)`` each, the channels in FFmpeg's order.
        scratch: A file that may be made, and is left behind.
        source: The first header of the sound that is encoded again: its rate, channels and nominal
            bit rate. What is written has a better quality of libvorbis.
        bit_rate: The mean bit rate of the source, in case it has no nominal one.

    Raises:
        UnsupportedMediaError: libvorbis cannot do this.
    """
    soundfile = _soundfile()
    sample_rate_hz, channels = int.from_bytes(source[12:16], "little"), source[11]
    wanted = _BETTER * (_nominal_bit_rate(source) or bit_rate)
    order = _ORDERS.get(channels, tuple(range(channels)))
    try:
        level = _level(soundfile, scratch, sample_rate_hz, channels, wanted)
        with _opened(soundfile, scratch, sample_rate_hz, channels, level) as file:
            for block in regrouped(blocks, _BLOCK_FRAMES):
                file.write(block[:, order].astype(np.float32))
    except soundfile.LibsndfileError as error:
        raise UnsupportedMediaError(
            f"{channels} channels of {sample_rate_hz} Hz cannot be written as Vorbis "
            f"({reason(error)})",
            hint="Convert it to WAV or FLAC first",
        ) from error
    with scratch.open("rb") as file:
        headers = tuple(packet.data for packet in islice(ogg.packets(ogg.pages(file)), _HEADERS))
    return headers, _packets(scratch)


def _packets(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for packet in islice(ogg.packets(ogg.pages(file)), _HEADERS, None):
            yield packet.data


def _level(
    soundfile: ModuleType, scratch: Path, sample_rate_hz: int, channels: int, bit_rate: float
) -> float:
    """The compression level of libsndfile with the least nominal bit rate that is enough."""
    for level in _LEVELS:
        with _opened(soundfile, scratch, sample_rate_hz, channels, level) as file:
            file.write(np.zeros((1, channels), np.float32))
        with scratch.open("rb") as written:
            header = next(ogg.packets(ogg.pages(written))).data
        if _nominal_bit_rate(header) >= bit_rate:
            return level
    return _LEVELS[-1]


def _nominal_bit_rate(header: bytes) -> int:
    """What the first header says (Vorbis I, 4.2.2); 0 where it says nothing."""
    return max(0, int.from_bytes(header[20:24], "little", signed=True))


def _opened(
    soundfile: ModuleType, path: Path, sample_rate_hz: int, channels: int, level: float
) -> Any:
    return soundfile.SoundFile(
        path,
        "w",
        samplerate=sample_rate_hz,
        channels=channels,
        format="OGG",
        subtype="VORBIS",
        compression_level=level,
    )


def _soundfile() -> ModuleType:
    import soundfile  # noqa: PLC0415  only this needs it

    return soundfile  # type: ignore[no-any-return]  # the package has no types
