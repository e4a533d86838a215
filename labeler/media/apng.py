"""Animated PNG: where each frame lies, how frames become canvases, and frame control chunks.

Source: W3C PNG specification, third edition, 11.3.6 (acTL, fcTL, fdAT).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from labeler.codec.pixels import Pixels
from labeler.containers import png
from labeler.containers.damage import damaged

__all__ = ["Animation", "FrameControl", "SubFrame", "changed_box", "compose", "read_animation"]

_FCTL: Final = struct.Struct(">IIIIIHHBB")
_DISPOSE_BACKGROUND: Final = 1
_DISPOSE_PREVIOUS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameControl:
    """An fcTL chunk without its sequence number."""

    width: int
    height: int
    x: int
    y: int
    delay: tuple[int, int]
    """Numerator and denominator of the delay, seconds."""
    dispose: int = 0
    """0 leave the canvas, 1 clear the frame's area, 2 restore what was before."""
    blend: int = 0
    """0 replace the area, 1 draw over it."""

    @classmethod
    def from_chunk(cls, chunk: png.Chunk) -> FrameControl:
        """Read fcTL.

        Raises:
            UnreadableMediaError: It has the wrong length or unknown values.
        """
        if len(chunk.data) != _FCTL.size:
            raise damaged("a frame of the animated PNG has a header of the wrong length")
        _, width, height, x, y, number, per, dispose, blend = _FCTL.unpack(chunk.data)
        if dispose > 2 or blend > 1 or not width or not height:
            raise damaged("a frame of the animated PNG has a header with unknown values")
        return cls(
            width=width, height=height, x=x, y=y, delay=(number, per), dispose=dispose, blend=blend
        )

    @property
    def right(self) -> int:
        """The column behind the frame's last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row behind the frame's last."""
        return self.y + self.height

    def to_chunk(self, sequence: int) -> png.Chunk:
        """The fcTL chunk with this sequence number."""
        packed = _FCTL.pack(
            sequence,
            self.width,
            self.height,
            self.x,
            self.y,
            *self.delay,
            self.dispose,
            self.blend,
        )
        return png.Chunk(b"fcTL", packed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFrame:
    """One frame of an animation as it is stored."""

    control: FrameControl
    coded: bytes
    """Its compressed pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """What makes a PNG an animation."""

    frames: tuple[SubFrame, ...]
    starts_with_default: bool
    """Whether the default image (IDAT) is the first frame; otherwise only readers that do not
    know animations show it."""
    plays: int
    """How often it is played; 0 for ever."""


def read_animation(header: png.Header, chunks: tuple[png.Chunk, ...]) -> Animation | None:
    """The animation in a PNG file; None for a still picture.

    Raises:
        UnreadableMediaError: Its chunks do not hold together.
    """
    control = next((chunk for chunk in chunks if chunk.type == b"acTL"), None)
    if control is None:
        return None
    if len(control.data) != 8:
        raise damaged("the animated PNG's header has the wrong length")
    frames, starts_with_default = _sub_frames(chunks)
    for frame in frames:
        if not frame.coded:
            raise damaged("a frame of the animated PNG has no pixels")
        if frame.control.right > header.width or frame.control.bottom > header.height:
            raise damaged("a frame of the animated PNG is larger than its canvas")
    if not frames:
        return None
    plays = int.from_bytes(control.data[4:], "big")
    return Animation(frames=frames, starts_with_default=starts_with_default, plays=plays)


def _sub_frames(chunks: tuple[png.Chunk, ...]) -> tuple[tuple[SubFrame, ...], bool]:
    """The frames, and whether the default image is the first of them."""
    parts: list[tuple[FrameControl, list[bytes]]] = []
    starts_with_default = False
    for chunk in chunks:
        if chunk.type == b"fcTL":
            parts.append((FrameControl.from_chunk(chunk), []))
        elif chunk.type == b"IDAT" and parts:
            starts_with_default = True
            parts[-1][1].append(chunk.data)
        elif chunk.type == b"fdAT" and parts:
            parts[-1][1].append(chunk.data[4:])
    frames = (SubFrame(control=control, coded=b"".join(coded)) for control, coded in parts)
    return tuple(frames), starts_with_default


def compose(canvas: Pixels, frames: Iterable[tuple[FrameControl, Pixels]]) -> Iterator[Pixels]:
    """The canvas after each frame, (H, W, C); a new array each time.

    Args:
        canvas: (H, W, C), transparent black; changed in place.
        frames: Controls and pixels (h, w, C) of the frames.
    """
    for control, pixels in frames:
        area = (
            slice(control.y, control.bottom),
            slice(control.x, control.right),
        )
        before = canvas[area].copy()
        has_alpha = canvas.shape[2] in {2, 4}
        canvas[area] = _over(before, pixels) if control.blend and has_alpha else pixels
        yield canvas.copy()
        if control.dispose == _DISPOSE_BACKGROUND:
            canvas[area] = 0
        elif control.dispose == _DISPOSE_PREVIOUS:
            canvas[area] = before


def _over(below: Pixels, above: Pixels) -> Pixels:
    """``above`` drawn over ``below``, neither premultiplied, alpha last."""
    full = np.uint64(np.iinfo(above.dtype).max)
    upper, lower = above.astype(np.uint64), below.astype(np.uint64)
    weight = upper[..., -1:] * full
    rest = (full - upper[..., -1:]) * lower[..., -1:]
    total = weight + rest
    # Rounded to the nearest: adding half the divisor first.
    mixed = (upper * weight + lower * rest + total // 2) // np.maximum(total, 1)
    mixed[..., -1:] = (total + full // 2) // full
    opaque = upper[..., -1:] == full
    return cast("Pixels", np.where(opaque, upper, mixed).astype(above.dtype))


def changed_box(before: Pixels, after: Pixels) -> tuple[int, int, int, int]:
    """Smallest (x, y, width, height) that holds every changed pixel; one pixel if none changed."""
    changed = before != after
    if changed.ndim == 3:
        changed = changed.any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not rows.size:
        return 0, 0, 1, 1
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1
