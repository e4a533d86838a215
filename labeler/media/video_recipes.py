"""Which of FFmpeg's encoders writes which family of codecs, and how well.

What comes out is to look like what goes in, at a bearable speed: about as x264 makes it at CRF 18,
where no difference is seen. Luma PSNR against the source, rate, and processor time a frame of 40
frames of Big Buck Bunny in 720p::

    libx264      preset faster,   CRF 18   45.0 dB   3.2 Mb/s    49 ms
    libx265      preset veryfast, CRF 18   44.5 dB   3.5 Mb/s    92 ms
    libvpx-vp9   cpu-used 5,      CRF 20   44.4 dB   3.5 Mb/s   194 ms
    libsvtav1    preset 6,        CRF 18   44.1 dB   3.3 Mb/s    66 ms
    libvpx       cpu-used 5,      CRF 8    46.5 dB   6.4 Mb/s    20 ms
    mpeg4        quantiser 2               44.8 dB   9.0 Mb/s     5 ms
    mpeg2video   quantiser 2               45.6 dB    12 Mb/s     5 ms
    mjpeg        quantiser 2               45.5 dB    30 Mb/s     6 ms

Lossless codecs stay so, and ProRes and DNxHR keep their profiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Final

__all__ = ["RECIPES", "Fields", "Recipe"]


class Fields(Enum):
    """What an encoder does with frames that are made of two fields."""

    FLAGGED = "flagged"
    """It codes the fields apart, if it is told."""
    FREE = "free"
    """It codes lines without looking at others far away: it need not know."""
    REFUSED = "refused"
    """It would mix the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One encoder."""

    encoder: str
    """FFmpeg's name."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Its own and the general ones."""
    fields: Fields = Fields.REFUSED
    rates: tuple[Fraction, ...] = ()
    """Where it knows no times but numbers of frames: at which rates, frames a second."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Pixel formats that its decoder gives, and what it takes for them."""


# The quantiser of FFmpeg's own encoders, from 1 (best) to 31; in units of 1/118 (FF_QP2LAMBDA).
_QUANTISER: Final = {"flags": "+qscale", "global_quality": str(2 * 118)}
_FULL_RANGE: Final = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p"}

# Rates of ISO/IEC 13818-2, table 6-4, and the slow ones of MPEG-4 part 2 beside them.
_RATES: Final = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 60)),
    *(Fraction(rate) for rate in (24, 25, 30, 50, 60)),
)
_SLOW_RATES: Final = (*_RATES, *(Fraction(rate) for rate in (1, 2, 5, 10, 12, 15, 20)))

RECIPES: Final = {
    "h264": Recipe(
        encoder="libx264", options={"preset": "faster", "crf": "18"}, fields=Fields.FLAGGED
    ),
    "hevc": Recipe(encoder="libx265", options={"preset": "veryfast", "crf": "18"}),
    "vp8": Recipe(
        encoder="libvpx",
        # Frames that are not shown would be packets of their own. The rate is only a limit.
        options={"crf": "8", "b": "100M", "deadline": "good", "cpu-used": "5", "auto-alt-ref": "0"},
    ),
    "vp9": Recipe(
        encoder="libvpx-vp9",
        options={
            "crf": "20",
            "b": "0",
            "deadline": "good",
            "cpu-used": "5",
            "row-mt": "1",
            "tile-columns": "2",
        },
        instead=_FULL_RANGE,
    ),
    "av1": Recipe(
        encoder="libsvtav1",
        options={"preset": "6", "crf": "18", "svtav1-params": "lp=2"},
        instead=_FULL_RANGE,
    ),
    "mpeg4": Recipe(encoder="mpeg4", options=_QUANTISER, fields=Fields.FLAGGED, rates=_SLOW_RATES),
    "mpeg2video": Recipe(
        encoder="mpeg2video", options=_QUANTISER, fields=Fields.FLAGGED, rates=_RATES
    ),
    "mpeg1video": Recipe(encoder="mpeg1video", options=_QUANTISER, rates=_RATES),
    "mjpeg": Recipe(
        encoder="mjpeg", options=_QUANTISER | {"strict": "unofficial", "huffman": "optimal"}
    ),
    "prores": Recipe(
        encoder="prores_ks",
        fields=Fields.FLAGGED,
        # Its decoder gives 4444 in 12 bits, of which the codec itself has none: 10 are enough.
        instead={"yuv444p12le": "yuv444p10le", "yuva444p12le": "yuva444p10le"},
    ),
    "dnxhd": Recipe(encoder="dnxhd", fields=Fields.FLAGGED),
    "ffv1": Recipe(
        encoder="ffv1", options={"level": "3", "slices": "4", "slicecrc": "1"}, fields=Fields.FREE
    ),
    "huffyuv": Recipe(encoder="huffyuv", fields=Fields.FREE, instead={"bgr24": "rgb24"}),
    "ffvhuff": Recipe(encoder="ffvhuff", fields=Fields.FREE),
    "utvideo": Recipe(encoder="utvideo", fields=Fields.FREE),
    "magicyuv": Recipe(encoder="magicyuv", fields=Fields.FREE),
    "qtrle": Recipe(encoder="qtrle", fields=Fields.FREE),
    "png": Recipe(encoder="png", fields=Fields.FREE),
    "rawvideo": Recipe(encoder="rawvideo", fields=Fields.FREE),
    "v210": Recipe(encoder="v210", fields=Fields.FREE),
    "cfhd": Recipe(encoder="cfhd", options={"quality": "film1"}, fields=Fields.REFUSED),
}
"""By FFmpeg's name of the codec."""
