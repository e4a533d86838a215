"""Sound packets into samples and back, with the codecs that FFmpeg brings; nothing about files.

Containers are read and written by Labeler itself, so that what FFmpeg's own readers and writers
would drop or change (tags, order, gapless playback) stays. FFmpeg is loaded when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.sound import Samples
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.guards import reason
from labeler.media.sample_blocks import regrouped

if TYPE_CHECKING:
    import av

__all__ = [
    "LAYOUTS",
    "MAX_CHANNELS",
    "Coding",
    "Encoder",
    "Packet",
    "channel_names",
    "decode",
    "library_name",
    "probe",
]

LAYOUTS: Final = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
"""FFmpeg's names of the layouts that Vorbis, Opus and FLAC mean by 1 to 8 channels."""

MAX_CHANNELS: Final = 8
"""Most channels that PyAV can take out of what is decoded, or put into what is encoded."""

_DTYPES: Final[dict[str, type[np.generic]]] = {
    "u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64,
}  # fmt: skip
_INTEGERS: Final[dict[str, type[np.signedinteger[Any]]]] = {"s16": np.int16, "s32": np.int32}


@dataclass(frozen=True, slots=True)
class Packet:
    """What a codec takes or gives at once."""

    data: bytes = field(repr=False)
    frames: int
    """How many frames (one sample of each channel) it stands for; 0 where nobody knows."""
    primes: bool = False
    """Whether it only prepares the decoder for the next one, and no sample of it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What a decoder has to know before the first packet."""

    codec: str
    """FFmpeg's name of the decoder."""
    sample_rate_hz: int
    """Of the samples that come out."""
    channels: int
    setup: bytes = field(default=b"", repr=False)
    """The codec's own header, as FFmpeg expects it (``extradata``)."""
    bits: int = 24
    """Most bits of a sample, where they are integers."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What the first packets decode to."""

    sample_rate_hz: int
    layout: str
    """FFmpeg's name of the channel layout: ``"stereo"``, ``"5.1"``."""
    channel_names: tuple[str, ...]
    frames_per_packet: int
    """Frames in the first block."""


@cache
def channel_names(layout: str) -> tuple[str, ...]:
    """The channels of one of FFmpeg's layouts in their order: ``"5.1"`` → ``("FL", "FR", ...)``."""
    return tuple(channel.name for channel in _av().AudioLayout(layout).channels)


def library_name() -> bytes:
    """What FFmpeg's codecs call themselves: ``b"Lavc62.28"``."""
    major, minor, _ = _av().library_versions["libavcodec"]
    return b"Lavc%d.%d" % (major, minor)


def decode(
    coding: Coding, packets: Iterable[Packet], *, report: Callable[[str], None]
) -> Iterator[Samples]:
    """The samples of ``packets``, with everything that the codec puts before and behind.

    A packet that cannot be decoded becomes silence, and is reported: marks can be read around it.

    Args:
        coding: What they are.
        packets: In order.
        report: Is told what is wrong with the sound.

    Yields:
        ``(n, channels)`` float32; float64 where samples have more than 24 bits.

    Raises:
        UnreadableMediaError: Nothing can be decoded.
    """
    decoder = _Decoder(coding)
    worked = False
    for packet in packets:
        try:
            frames = decoder.feed(packet.data)
        except (ValueError, OSError, RuntimeError, LookupError) as error:
            report(f"a part of the sound cannot be decoded ({reason(error)})")
            if packet.frames:
                yield np.zeros((packet.frames, coding.channels), np.float32)
            continue
        worked |= bool(frames)
        if not packet.primes:
            yield from frames
    rest = decoder.drain()
    yield from rest
    if not worked and not rest:
        raise damaged("no part of the sound can be decoded")


def probe(coding: Coding, packets: Iterable[Packet]) -> Probed:
    """What the first packets decode to, for formats whose headers do not say all of it.

    Args:
        coding: Its rate and channels may be those that the header names.
        packets: A few of the first.

    Raises:
        UnreadableMediaError: None of them can be decoded.
    """
    context = _context(coding)
    errors = _av().error.FFmpegError
    for packet in packets:
        try:
            frames = context.decode(_av().Packet(packet.data))
        except errors:
            continue
        for frame in frames:
            names = tuple(channel.name for channel in frame.layout.channels)
            return Probed(frame.sample_rate, frame.layout.name, names, frame.samples)
    raise damaged("no part of the sound can be decoded")


class _Decoder:
    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._context = _context(coding)

    def feed(self, data: bytes) -> list[Samples]:
        """The samples that come out for one packet.

        Raises:
            ValueError: It cannot be decoded, or to another kind of sound.
        """
        try:
            frames = self._context.decode(_av().Packet(data))
        except _av().error.FFmpegError as error:
            raise ValueError(reason(error)) from error
        return [self._samples(frame) for frame in frames if frame.samples]

    def drain(self) -> list[Samples]:
        """The samples that the decoder still holds."""
        try:
            return [self._samples(frame) for frame in self._context.decode(None) if frame.samples]
        except (_av().error.FFmpegError, ValueError):
            return []  # Some decoders say only now that they hold nothing.

    def _samples(self, frame: av.AudioFrame) -> Samples:
        coding = self._coding
        found = (frame.sample_rate, len(frame.layout.channels))
        if found != (coding.sample_rate_hz, coding.channels):
            raise ValueError(f"it changes to {found[0]} Hz and {found[1]} channels")
        planes = _planes(frame, coding.channels)
        return np.ascontiguousarray(_as_float(planes, coding.bits).T)


def _planes(frame: av.AudioFrame, channels: int) -> NDArray[Any]:
    """The samples, ``(channels, n)``.

    PyAV's own ``to_ndarray`` crashes on 8 planes: it reads a ninth one, which does not exist.
    """
    dtype = np.dtype(_DTYPES[frame.format.name.removesuffix("p")])
    planes: Any = frame.planes  # Buffers, though their stubs do not say so.
    if not frame.format.is_planar:
        return np.frombuffer(planes[0], dtype, frame.samples * channels).reshape(-1, channels).T
    return np.stack([np.frombuffer(plane, dtype, frame.samples) for plane in planes[:channels]])


def _as_float(planes: NDArray[Any], bits: int) -> Samples:
    """Full scale from -1 to 1; float32 holds up to 24 bits without loss."""
    if planes.dtype.kind == "f":
        return planes
    wide: Samples = planes.astype(np.float64 if bits > 24 else np.float32)
    wide /= 1 << (8 * planes.dtype.itemsize - 1)
    return wide


def _context(coding: Coding) -> av.AudioCodecContext:
    # What is trimmed is decided by the containers' readers, not by the decoder.
    context = _av().AudioCodecContext.create(coding.codec, "r")
    context.options = {"flags2": "+skip_manual"}
    if coding.setup:
        context.extradata = coding.setup
    context.sample_rate = coding.sample_rate_hz
    return context  # type: ignore[no-any-return]  # the package is not loaded for type checks


class Encoder:
    """Samples into packets.

    Args:
        codec: FFmpeg's name of the encoder.
        sample_rate_hz: Samples a second in each channel.
        layout: FFmpeg's name of the channel layout.
        sample_format: FFmpeg's name of the format in which it takes samples: ``"fltp"``.
        bits: Of integer formats: how many of their bits count, 16 or 24.
        bit_rate: Bits a second; None where the encoder decides.
        options: The encoder's own.

    Raises:
        UnsupportedMediaError: The encoder cannot do this.
    """

    def __init__(
        self,
        codec: str,
        *,
        sample_rate_hz: int,
        layout: str,
        sample_format: str,
        bits: int = 16,
        bit_rate: int | None = None,
        options: dict[str, str] | None = None,
    ) -> None:
        context = _av().AudioCodecContext.create(codec, "w")
        context.sample_rate, context.layout = sample_rate_hz, layout
        context.format = sample_format
        context.time_base = Fraction(1, sample_rate_hz)
        context.options = dict(options or {})
        if bit_rate is not None:
            context.bit_rate = bit_rate
        try:
            context.open()
        except (_av().error.FFmpegError, ValueError) as error:
            raise UnsupportedMediaError(
                f"{layout} sound of {sample_rate_hz} Hz cannot be written by the encoder "
                f"{codec} ({reason(error)})",
                hint="Convert it to WAV or FLAC first",
            ) from error
        self._context = context
        self._layout = layout
        self._bits = bits
        self.delay = 0
        """Frames that the decoder gives before the first of the source's; known with the first
        packet."""
        self.taken = 0
        """Frames taken so far."""

    @property
    def setup(self) -> bytes:
        """The codec's own header (``extradata``)."""
        return bytes(self._context.extradata or b"")

    @property
    def frame_size(self) -> int:
        """Frames in each packet; 0 where that varies."""
        return int(self._context.frame_size)

    def packets(self, blocks: Iterable[Samples]) -> Iterator[Packet]:
        """Encode ``blocks``, ``(n, channels)`` each, of any length.

        Yields:
            Packets; the first makes `delay` known.

        Raises:
            UnsupportedMediaError: The encoder gives up.
        """
        first = True
        for packet in self._coded(blocks):
            if first:
                self.delay = max(0, -(packet.pts or 0))
                first = False
            yield Packet(bytes(packet), packet.duration or 0)

    def _coded(self, blocks: Iterable[Samples]) -> Iterator[av.Packet[Any]]:
        for block in regrouped(blocks, self.frame_size or 4096):
            frame = self._frame(block)
            frame.pts = self.taken
            self.taken += len(block)
            yield from self._encode(frame)
        yield from self._encode(None)

    def _encode(self, frame: av.AudioFrame | None) -> list[av.Packet[Any]]:
        try:
            packets: list[av.Packet[Any]] = self._context.encode(frame)
        except _av().error.FFmpegError as error:
            raise UnsupportedMediaError(
                f"the sound cannot be encoded ({reason(error)})",
                hint="Convert it to WAV or FLAC first",
            ) from error
        return packets

    def _frame(self, block: Samples) -> av.AudioFrame:
        form = self._context.format
        kind = form.name.removesuffix("p")
        planes: NDArray[Any] = block.astype(np.float32, copy=False)
        if kind in _INTEGERS:
            planes = _as_integers(block, self._bits, _INTEGERS[kind])
        laid = planes.T if form.is_planar else planes.reshape(1, -1)
        frame = _av().AudioFrame(format=form.name, layout=self._layout, samples=len(block))
        # PyAV's own ``from_ndarray`` takes 8 planes for 9.
        for plane, data in zip(frame.planes[: len(laid)], laid, strict=True):
            plane.update(np.ascontiguousarray(data))
        frame.sample_rate = self._context.sample_rate
        frame.time_base = self._context.time_base
        return frame  # type: ignore[no-any-return]  # the package is not loaded for type checks


def _as_integers(
    block: Samples, bits: int, dtype: type[np.signedinteger[Any]]
) -> NDArray[np.signedinteger[Any]]:
    """The nearest of 2 ** ``bits`` steps, in the high bits of ``dtype``."""
    full = 1 << (bits - 1)
    steps = np.rint(block.astype(np.float64) * full).clip(-full, full - 1).astype(np.int64)
    return (steps << (np.iinfo(dtype).bits - bits)).astype(dtype)


@cache
def _av() -> ModuleType:
    """FFmpeg, loaded at first use. PyAV leaves its log switched off unless the caller does not."""
    import av  # noqa: PLC0415  loading takes a tenth of a second

    return av
