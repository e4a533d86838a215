"""Badges: labels as people see them, drawn for a canvas of a given size.

A badge is an opaque plate with letters on it and two rings around it, one black and one white.
Whatever lies behind it, one of the rings stands out by at least the square root of 21, which is
4.58: that is the contrast of either to the grey that is worst for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labeler.disclosure import shapes
from labeler.disclosure.icons import read_icon
from labeler.disclosure.labels import Corner, Scheme, VisibleLabel
from labeler.disclosure.shapes import Coverage, Typeface
from labeler.disclosure.words import badge_words, chinese
from labeler.errors import CapacityError

__all__ = ["Badge", "Variant", "arrange", "as_stored", "render"]

_Rgb: TypeAlias = tuple[int, int, int]

_BLACK: Final = (0, 0, 0)
_WHITE: Final = (255, 255, 255)
_LETTERS_SHARE: Final = 0.06
"""Height of the letters, of the shortest side."""
_CHINESE_SHARE: Final = 0.052
"""The same for China, where 5 % is the least (GB 45438-2025, 4.2 b and d)."""
_LEAST_LETTERS_PX: Final = 14
_LEAST_CHARACTERS_PX: Final = 10
_WIDEST: Final = 0.25
"""Most of the canvas's width that a badge takes."""
_HIGHEST: Final = 0.5
_SECOND_LAYER: Final = 0.42
"""Height of the second layer's capitals, of the letters "AI"."""
_LEAST_WORDS_PX: Final = 7
"""Below this height capitals cannot be told apart: the second layer, which the Code of Practice
only encourages (S2 1.1), is left out."""
_LEAST_WIDTH_PX: Final = 64
_LEAST_HEIGHT_PX: Final = 24
"""Of a canvas; on smaller ones nobody can read what a label says."""
_MARGIN_SHARE: Final = 0.025


class Variant(StrEnum):
    """The four colour variants."""

    DARK = "dark"
    """White on black."""
    LIGHT = "light"
    """Black on white."""
    BLUE = "blue"
    """White on the blue of the European flag."""
    YELLOW = "yellow"
    """Black on its yellow."""

    @property
    def plate(self) -> _Rgb:
        """Colour of the plate, sRGB."""
        return {"dark": _BLACK, "light": _WHITE, "blue": (0, 51, 153), "yellow": (255, 204, 0)}[
            self.value
        ]

    @property
    def letters(self) -> _Rgb:
        """Colour of the letters and of the inner ring; the outer one has the opposite colour."""
        return _WHITE if self in {Variant.DARK, Variant.BLUE} else _BLACK


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Badge:
    """A drawn label, and where on the canvas it lies."""

    coverage: Coverage
    """``(h, w)`` float32: how opaque it is, 0 to 1."""
    rgb: NDArray[np.uint8]
    """``(h, w, 3)`` uint8, sRGB."""
    top: int
    """Row of its first pixel on the canvas."""
    left: int
    letters: Coverage | None
    """``(h, w)`` where the letters are, 0 to 1; None for an icon that is not ours."""
    letters_px: int
    """Height of the lowest letter of the main element, pixels; 0 for an icon that is not ours."""
    border_px: int
    """How wide both rings are together, pixels."""
    words: str
    """What is written on it, for people who do not see it; "AI" alone for icons."""

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.coverage.shape[0])

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.coverage.shape[1])


def render(
    label: VisibleLabel, *, width: int, height: int, variant: Variant = Variant.DARK
) -> Badge:
    """Draw a label for a canvas of ``width`` x ``height`` pixels, as people see it.

    Letters are 6 % of the shortest side high, at least 14 pixels where a quarter of the width
    leaves room for them; those of Chinese labels are at least 5 % of it, each of them. A second
    layer too small to be read is left out. Badges are no wider than a quarter of the width, but
    for Chinese ones on pictures so small that 5 % and one pixel more take up more.

    Raises:
        ValueError: The canvas has no pixels.
        UnreadableMediaError: The label's own icon cannot be read.
        UnsupportedMediaError: It is no picture that can be laid.
        MediaTooLargeError: It has too many pixels.
    """
    if width < 1 or height < 1:
        raise ValueError(f"a canvas has pixels, not {width} x {height}")
    if label.icon is not None:
        badge = _icon_badge(label, width, height)
    else:
        letters, letters_px, text = _lettering(label, width, height)
        badge = _plate(letters, letters_px, text, variant)
    return _in_corner(badge, label.corner, width, height)


def arrange(
    labels: Sequence[VisibleLabel],
    *,
    width: int,
    height: int,
    variants: Sequence[Variant] = (),
) -> tuple[Badge, ...]:
    """Draw several labels; those that share a corner stand below (or above) each other.

    Args:
        labels: What to draw.
        width: Of the canvas, pixels.
        height: Of the canvas, pixels.
        variants: One for each label; none: all in `Variant.DARK`.

    Raises:
        ValueError: As `render`, or the number of variants differs.
        CapacityError: The canvas has no room for a label that can be read.
        MediaError: As `render`.
    """
    if labels and (width < _LEAST_WIDTH_PX or height < _LEAST_HEIGHT_PX):
        raise CapacityError(
            f"{width} x {height} pixels are too few for a label that can be read",
            hint="Label a larger version",
        )
    chosen = variants or [Variant.DARK] * len(labels)
    placed: list[Badge] = []
    taken: dict[Corner, int] = {}
    for label, variant in zip(labels, chosen, strict=True):
        badge = render(label, width=width, height=height, variant=variant)
        offset = taken.get(label.corner, 0)
        down = label.corner in {Corner.TOP_LEFT, Corner.TOP_RIGHT}
        top = badge.top + offset if down else badge.top - offset
        top = min(max(top, 0), height - badge.height)
        placed.append(replace(badge, top=top))
        taken[label.corner] = offset + badge.height + max(1, badge.border_px)
    return tuple(placed)


def as_stored(badge: Badge, orientation: int, *, width: int, height: int) -> Badge:
    """A badge that was drawn for a picture as people see it, for its pixels as they are stored.

    Args:
        badge: Drawn for the canvas that people see.
        orientation: 1 to 8, how the stored pixels are turned (Exif 2.32, 4.6.4 A, Orientation).
        width: Of the canvas that people see, pixels.
        height: Of the canvas that people see, pixels.

    Raises:
        ValueError: There is no such orientation.
    """
    if orientation not in _TURNS:
        raise ValueError(f"an orientation is 1 to 8, not {orientation}")
    transposed, upside_down, mirrored = _TURNS[orientation]
    top, left, box = badge.top, badge.left, (badge.height, badge.width)
    if transposed:
        top, left, box, width, height = left, top, box[::-1], height, width
    if upside_down:
        top = height - top - box[0]
    if mirrored:
        left = width - left - box[1]

    def turned(array: NDArray[np.generic]) -> NDArray[np.generic]:
        array = array.swapaxes(0, 1) if transposed else array
        array = array[::-1] if upside_down else array
        return np.ascontiguousarray(array[:, ::-1] if mirrored else array)

    return replace(
        badge,
        coverage=np.asarray(turned(badge.coverage), np.float32),
        rgb=np.asarray(turned(badge.rgb), np.uint8),
        letters=None if badge.letters is None else np.asarray(turned(badge.letters), np.float32),
        top=top,
        left=left,
    )


# From what is seen to what is stored: swap the axes, then turn over rows, then columns.
_TURNS: Final = {
    1: (False, False, False), 2: (False, False, True), 3: (False, True, True),
    4: (False, True, False), 5: (True, False, False), 6: (True, True, False),
    7: (True, True, True), 8: (True, False, True),
}  # fmt: skip


def _lettering(label: VisibleLabel, width: int, height: int) -> tuple[Coverage, int, str]:
    """The letters, the height of the lowest one of the main element, and what they say."""
    if label.scheme is Scheme.CHINA:
        return _chinese_lettering(label, width, height)
    widest = _widest(width)
    letters_px = max(_LEAST_LETTERS_PX, round(_LETTERS_SHARE * min(width, height)))
    while letters_px > 1 and (
        shapes.ai_width(letters_px) + 2 * _padding(letters_px) > widest
        or letters_px + 2 * _padding(letters_px) > _HIGHEST * height
    ):
        letters_px -= 1
    main = shapes.ai_letters(letters_px)
    room = widest - 2 * _padding(letters_px)
    line = _second_layer(badge_words(label.extent, label.language), letters_px, room)
    gap = max(2, round(0.28 * letters_px))
    whole = letters_px + gap + 2 * _padding(letters_px)
    if line is None or whole + line[0].shape[0] > _HIGHEST * height:
        return main, letters_px, "AI"
    return shapes.stack([main, line[0]], gap=gap), letters_px, f"AI {line[1]}"


def _second_layer(text: str, letters_px: int, room: int) -> tuple[Coverage, str] | None:
    """``text`` in capitals as large as the room allows; None where they could not be read."""
    if not text or room < 1:
        return None
    face = Typeface.capitals()
    size = max(_LEAST_WORDS_PX, _SECOND_LAYER * letters_px) / shapes.glyph_height(face)
    line = shapes.words(text, face, size)
    while line.shape[1] > room:
        size *= min(0.99, room / line.shape[1])
        if size * shapes.glyph_height(face) < _LEAST_WORDS_PX - 0.5:
            return None
        line = shapes.words(text, face, size)
    return line, text


def _chinese_lettering(label: VisibleLabel, width: int, height: int) -> tuple[Coverage, int, str]:
    """Characters of which each is high enough, in as few lines as a quarter of the width takes."""
    face, text, shortest = Typeface.han(), chinese(label.extent), min(width, height)
    # One pixel more than the least: an encoder may take half of one away.
    wanted = max(-(-shortest * 5 // 100) + 1, round(_CHINESE_SHARE * shortest))
    arrangements = ([text], [text[:2], text[2:]], [text[at : at + 2] for at in (0, 2, 4)])
    for least in (max(wanted, _LEAST_CHARACTERS_PX), wanted):
        size = least / shapes.glyph_height(face)
        while (lowest := _lowest(text, face, size)) < least:
            size *= 1.02
        for lines in arrangements:
            drawn = [shapes.words(line, face, size) for line in lines if line]
            page = shapes.stack(drawn, gap=max(1, round(0.12 * size)))
            if page.shape[1] + 2 * _padding(lowest) <= _widest(width):
                return page, lowest, text
    return page, lowest, text


def _lowest(text: str, face: Typeface, size: float) -> int:
    """The height of the lowest character, pixels."""
    return min(len(shapes.words(character, face, size)) for character in text)


def _widest(width: int) -> int:
    return max(1, int(_WIDEST * width))


def _ring(letters_px: int) -> int:
    """Width of one ring, pixels: two survive compression and halved chroma."""
    return 1 if letters_px < 8 else max(2, round(0.06 * letters_px))


def _padding(letters_px: int) -> int:
    """From the letters to the badge's edge, rings included, pixels."""
    return 2 * _ring(letters_px) + max(1, round(0.24 * letters_px))


def _plate(letters: Coverage, letters_px: int, text: str, variant: Variant) -> Badge:
    """Letters on their plate, with both rings around it."""
    ring, padding = _ring(letters_px), _padding(letters_px)
    height, width = (side + 2 * padding for side in letters.shape)
    radius = 2 * ring + 0.22 * letters_px
    placed = np.pad(letters, padding)
    whole, without_outer, inner = (
        shapes.rounded_plate(height, width, inset=inset, radius=radius)
        for inset in (0, ring, 2 * ring)
    )
    opposite = _BLACK if variant.letters == _WHITE else _WHITE
    colours = np.full((height, width, 3), opposite, np.float32)
    for shape, colour in (
        (without_outer, variant.letters), (inner, variant.plate), (placed, variant.letters),
    ):  # fmt: skip
        colours += shape[..., None] * (np.array(colour, np.float32) - colours)
    return Badge(
        coverage=whole,
        rgb=np.rint(colours).astype(np.uint8),
        top=0,
        left=0,
        letters=placed,
        letters_px=letters_px,
        border_px=2 * ring,
        words=text,
    )


def _icon_badge(label: VisibleLabel, width: int, height: int) -> Badge:
    """The label's own icon, as high as our badge would be, with its proportions."""
    letters, letters_px, text = _lettering(replace(label, icon=None), width, height)
    target = letters.shape[0] + 2 * _padding(letters_px)
    rgba = read_icon(label.icon, height=target, widest=_widest(width)) if label.icon else None
    if rgba is None:
        raise ValueError("the label has no icon")
    return Badge(
        coverage=rgba[..., 3].astype(np.float32) / np.float32(255),
        rgb=np.ascontiguousarray(rgba[..., :3]),
        top=0,
        left=0,
        letters=None,
        letters_px=0,
        border_px=2 * _ring(letters_px),
        words=text,
    )


def _in_corner(badge: Badge, corner: Corner, width: int, height: int) -> Badge:
    """The badge with its place; on canvases smaller than itself, what fits of it."""
    margin = max(2, round(_MARGIN_SHARE * min(width, height)))
    fits = np.s_[:height, :width]
    badge = replace(
        badge,
        coverage=badge.coverage[fits],
        rgb=badge.rgb[fits],
        letters=None if badge.letters is None else badge.letters[fits],
    )
    below, beside = height - badge.height, width - badge.width
    is_top = corner in {Corner.TOP_LEFT, Corner.TOP_RIGHT}
    is_left = corner in {Corner.TOP_LEFT, Corner.BOTTOM_LEFT}
    down, across = min(margin, below), min(margin, beside)
    return replace(
        badge, top=down if is_top else below - down, left=across if is_left else beside - across
    )
