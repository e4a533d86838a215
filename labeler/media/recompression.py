"""What is left of luma planes when a film is published again: coded hard with H.264, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labeler.codec.luma import Luma

if TYPE_CHECKING:
    import av

__all__ = ["recompressed"]

_THREADS: Final = 2
# x264 knows 8 and 10 bits.
_MORE_DEPTH: Final = 10
_SLOWEST_HZ: Final = 1.0
"""For x264 no frame lasts longer than a second."""


def recompressed(
    lumas: Iterable[Luma],
    *,
    depth: int,
    frame_rate: float,
    crf: int = 28,
    preset: str = "veryfast",
) -> Iterator[Luma]:
    """Code luma planes with x264 and decode them again; there is no colour.

    Args:
        lumas: At least one, all ``(H, W)`` and uint8, or uint16 for more than 8 bits.
        depth: Bits of their values; of more than 10, 10 are coded.
        frame_rate: Frames a second.
        crf: x264's constant rate factor: 18 looks like the source, 28 is what networks make of it.
        preset: x264's preset.

    Yields:
        As many planes of the same shape, dtype and depth, in the same order.

    Raises:
        ValueError: Shapes or dtypes differ.
    """
    coder: _Coder | None = None
    for luma in lumas:
        if coder is None:
            coder = _Coder(luma, depth=depth, frame_rate=frame_rate, crf=crf, preset=preset)
        yield from coder.take(luma)
    if coder is not None:
        yield from coder.rest()


class _Coder:
    """An encoder, and a decoder behind it.

    Args:
        first: The first plane; all others are like it.
        depth: Bits of its values.
        frame_rate: Frames a second.
        crf: x264's constant rate factor.
        preset: x264's preset.
    """

    def __init__(
        self, first: Luma, *, depth: int, frame_rate: float, crf: int, preset: str
    ) -> None:
        from av import CodecContext  # noqa: PLC0415  loading takes a tenth of a second

        self._like = (first.shape, first.dtype)
        self._depth = depth
        self._coded_depth = 8 if depth <= 8 else _MORE_DEPTH
        self._form = "gray" if depth <= 8 else "gray10le"
        self._count = 0
        self._decoder: Any = CodecContext.create("h264", "r")
        self._decoder.thread_count = _THREADS
        encoder: Any = CodecContext.create("libx264", "w")
        encoder.height, encoder.width = first.shape
        encoder.pix_fmt, encoder.thread_count = self._form, _THREADS
        encoder.framerate = Fraction(max(frame_rate, _SLOWEST_HZ)).limit_denominator(1001)
        encoder.time_base = 1 / encoder.framerate
        encoder.options = {"preset": preset, "crf": str(crf)}
        self._encoder = encoder

    def take(self, luma: Luma) -> Iterator[Luma]:
        """Put one plane in, and get those out that are ready."""
        from av import VideoFrame  # noqa: PLC0415  loaded already

        if (luma.shape, luma.dtype) != self._like:
            raise ValueError(f"luma like the first is expected, not {luma.shape} {luma.dtype}")
        scaled = _scaled(luma, self._depth, self._coded_depth)
        frame = VideoFrame.from_ndarray(scaled, self._form)
        frame.pts = self._count
        self._count += 1
        yield from self._decoded(self._encoder.encode(frame))

    def rest(self) -> Iterator[Luma]:
        """The planes that are still to come."""
        yield from self._decoded([*self._encoder.encode(None), None])

    def _decoded(self, packets: list[av.Packet[Any] | None]) -> Iterator[Luma]:
        from labeler.media.video_luma import luma_access  # noqa: PLC0415  it loads FFmpeg

        for packet in packets:
            for frame in self._decoder.decode(packet):
                luma = luma_access(frame.format.name).read(frame)
                yield _scaled(luma, self._coded_depth, self._depth)


def _scaled(luma: Luma, depth: int, wanted: int) -> Luma:
    """A copy of the plane with values of ``wanted`` bits."""
    more = wanted - depth
    return np.ascontiguousarray(luma << more if more > 0 else luma >> -more)
