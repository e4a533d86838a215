"""What happens to films on their way: recompression, scaling, cropping, turning, cutting, chains.

A detector gets the result as it is: nothing is scaled or turned back. The numbers in the names are
CRFs, kbit/s, lines of the short side, percent of the *area* that a crop keeps, degrees, frames a
second, and standard deviations (noise in grey levels, blur in pixels).

    damaged = ATTACKS["crop-50"](marked, folder)
"""

from __future__ import annotations

from typing import Final

from benchmarks.video_edits import (
    AVERAGE,
    SHORT_SIDE,
    Attack,
    av1,
    chain,
    crop,
    excerpt,
    filtered,
    gif,
    h264,
    h264_capped,
    h265,
    screenshot,
    unchanged,
    vp9,
)

__all__ = ["ATTACKS", "GROUPS", "OTHERS"]

_ZOOM_50: Final = ",scale=trunc(iw/0.7071/2)*2:trunc(ih/0.7071/2)*2"
_ZOOM_25: Final = ",scale=iw*2:ih*2"
_SQUARE: Final = "max(iw,ih)"
_WIDE: Final = f"if(eq(iw,ih),trunc(ih*8/9)*2,{_SQUARE})"
"""Bars make a square of an oblong, and 16:9 of a square."""
_BOXES: Final = (
    "drawbox=x=iw*0.04:y=ih*0.05:w=iw*0.2:h=ih*0.2:color=white@1:t=fill,"
    "drawbox=x=iw*0.1:y=ih*0.8:w=iw*0.8:h=ih*0.15:color=black@0.8:t=fill"
)
_RECORDED: Final = (
    f"{crop(0.8464, 0.4, 0.6)},scale=-2:'trunc(min(ih/0.92,720)*0.4)*2',gblur=sigma=0.7,"
    "eq=brightness=0.05:contrast=0.9:gamma=1.1,noise=alls=3:allf=t"
)
_JPEG: Final = ("-q:v", "6")

ATTACKS: Final[dict[str, Attack]] = {
    "unchanged": unchanged,
    # Recompression
    "h264-28": h264(28),
    "h264-32": h264(32),
    "h264-36": h264(36),
    "h264-40": h264(40),
    "h265-28": h265(28),
    "h265-34": h265(34),
    "vp9-36": vp9(36),
    "av1-38": av1(38),
    "av1-50": av1(50),
    "h264-400k": h264_capped(400),
    "gif": gif(480, 10),
    # Scaling, cropping, bars
    "resize-480": filtered(SHORT_SIDE.format(480)),
    "resize-360": filtered(SHORT_SIDE.format(360)),
    "resize-240": filtered(SHORT_SIDE.format(240)),
    "resize-480+h264-30": filtered(SHORT_SIDE.format(480), crf=30),
    "crop-80": filtered(crop(0.8, 0.3, 0.6)),
    "crop-50": filtered(crop(0.5, 0.2, 0.7)),
    "crop-25": filtered(crop(0.25, 0.6, 0.4)),
    "crop-10": filtered(crop(0.1, 0.5, 0.5)),
    "crop-50-zoomed": filtered(crop(0.5, 0.7, 0.3) + _ZOOM_50),
    "crop-25-zoomed": filtered(crop(0.25, 0.35, 0.55) + _ZOOM_25),
    "crop-50+resize-360+h264-28": filtered(
        f"{crop(0.5, 0.5, 0.5)},{SHORT_SIDE.format(360)}", crf=28
    ),
    "vertical-9x16": filtered("crop='trunc(min(iw,ih*9/16)/2)*2':ih"),
    "squeeze-4x3": filtered("scale=trunc(iw*3/8)*2:ih,setsar=1"),
    "letterbox": filtered(f"pad='{_WIDE}':'{_SQUARE}':(ow-iw)/2:(oh-ih)/2"),
    # Turning and mirroring
    "rotate-90": filtered("transpose=1"),
    "rotate-3": filtered("rotate=3*PI/180"),
    "flip": filtered("hflip"),
    # Time
    "rate-15": filtered("fps=15"),
    "drop-half": filtered("select='gt(random(3),0.5)'", own_times=True),
    "speed-1.25": filtered("setpts=PTS/1.25"),
    "average-3": filtered(AVERAGE.format(3)),
    "average-9": filtered(AVERAGE.format(9)),
    "excerpt-1": excerpt(1, crf=28),
    "excerpt-3": excerpt(3, crf=28),
    "excerpt-3+h264-32": excerpt(3, crf=32),
    # Tone, noise, filters
    "contrast-1.5": filtered("eq=contrast=1.5"),
    "contrast-0.5": filtered("eq=contrast=0.5"),
    "grey-gamma-1.6": filtered("hue=s=0,eq=gamma=1.6"),
    "blur-1.5": filtered("gblur=sigma=1.5"),
    "noise-12": filtered("noise=alls=12:allf=t"),
    "denoise": filtered("hqdn3d=6:6:8:8"),
    # Composition, pictures of it, and whole journeys
    "overlay": filtered(_BOXES),
    "screenshot-png": screenshot(".png"),
    "screenshot-jpeg": screenshot(".jpg", *_JPEG),
    "h264-32+screenshot-jpeg": chain(h264(32), screenshot(".jpg", *_JPEG)),
    "screen-recording": filtered(_RECORDED, crf=30),
    "social": chain(h264(26), filtered(SHORT_SIDE.format(480), crf=30)),
    "messenger": chain(
        filtered(SHORT_SIDE.format(360), crf=30), filtered(SHORT_SIDE.format(720), crf=28)
    ),
}
"""Every attack by name."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "core": (
        *("unchanged", "h264-28", "h264-32", "h264-36", "h265-28", "h265-34", "vp9-36", "av1-50"),
        *("h264-400k", "resize-360", "resize-240", "crop-50", "crop-25", "crop-50-zoomed"),
        *("crop-25-zoomed", "vertical-9x16", "squeeze-4x3", "letterbox", "rotate-90", "rotate-3"),
        *("flip", "rate-15", "drop-half", "speed-1.25", "average-9", "excerpt-1", "overlay"),
        *("gif", "screenshot-jpeg", "screen-recording"),
    ),
    "chains": ("social", "messenger"),
    "hard": ("h264-40",),
    "flat-and-small": ("h264-28", "h264-32"),
    "tone": (
        *("contrast-1.5", "contrast-0.5", "grey-gamma-1.6", "blur-1.5", "noise-12", "denoise"),
    ),
    "beyond": ("crop-10", "h264-32+screenshot-jpeg"),
}
"""The attacks that targets are set for, by target, and two groups without: edits of tone, and what
is more than can be promised."""

OTHERS: Final = tuple(name for name in ATTACKS if name not in sum(GROUPS.values(), ()))
"""The attacks of no group."""
