"""Overlays laid into the planes of decoded frames, in the film's own code values.

Nothing outside of an overlay changes, and nothing goes through another colour space. Chroma gets
what an overlay holds on average around each of its samples, where these lie (ITU-T H.273, 8.7); in
interlaced films, of the lines of its own field. What is transparent becomes opaque under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from labeler.media.overlay import Overlay
from labeler.media.video_colours import ColourCode
from labeler.media.video_interface import PictureTrack
from labeler.media.video_planes import component_views, detour_for

__all__ = ["Painter"]

_Floats: TypeAlias = NDArray[Any]
"""float32."""

# Overlays whose code values are kept; a film has a label or two.
_MOST_KEPT: Final = 8
# Side of a picture by which samplings are told apart.
_PROBE: Final = 16
# chroma_sample_loc_type where chroma lies on columns of luma, and where on rows.
_ON_COLUMNS: Final = frozenset({None, 0, 2, 4})
_ON_ROWS: Final = frozenset({2, 3})


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An overlay in code values, on whole samples of chroma."""

    overlay: Overlay
    rows: slice
    """Rows of luma."""
    columns: slice
    coverage: _Floats
    values: tuple[_Floats, ...]
    """One for each component but alpha, at the resolution of luma."""


class Painter:
    """Lays overlays over the frames of a film.

    Args:
        track: What is known of its pictures, in the pixel format of the frames.

    Raises:
        UnsupportedMediaError: Colours cannot be coded as its are; see `ColourCode`.
    """

    def __init__(self, track: PictureTrack) -> None:
        self._detour = detour_for(track.pixel_format)
        form = av.VideoFormat(self._detour or track.pixel_format, _PROBE, _PROBE)
        shown = [each for each in form.components if not each.is_alpha]
        kind = "rgb" if form.is_rgb else "yuv" if len(shown) > 1 else "y"
        self._depth = form.components[0].bits
        self._code = ColourCode(track, components=kind, depth=self._depth)
        self._has_alpha = len(shown) < len(form.components)
        self._steps = tuple((_PROBE // each.height, _PROBE // each.width) for each in shown)
        self._is_interlaced = track.is_interlaced
        location = track.colours.chroma_location
        is_jpeg = track.codec == "mjpeg"
        self._sited = (location in _ON_ROWS, location in _ON_COLUMNS and not is_jpeg)
        self._kept: list[_Prepared] = []

    def lay(self, frame: av.VideoFrame, overlays: Sequence[Overlay]) -> av.VideoFrame:
        """Lay overlays over a frame, the last on top.

        Args:
            frame: It may be changed, and must be writable.
            overlays: They lie within the frame.

        Returns:
            The same object, or another in the same format.

        Raises:
            ValueError: An overlay goes beyond the frame.
        """
        if not overlays:
            return frame
        changed = frame if self._detour is None else frame.reformat(format=self._detour)
        views = component_views(changed)
        for overlay in overlays:
            self._blend(views, self._prepared(overlay, frame.height, frame.width))
        if changed is frame:
            return frame
        return changed.reformat(format=frame.format.name)

    def _blend(self, views: Sequence[NDArray[Any]], made: _Prepared) -> None:
        peak = (1 << self._depth) - 1
        weight = made.coverage
        if self._has_alpha:
            alpha = views[-1][made.rows, made.columns]
            opacity = np.pad(
                alpha.astype(np.float32) / np.float32(peak),
                [(0, full - part) for full, part in zip(weight.shape, alpha.shape, strict=True)],
                mode="edge",
            )
            total = weight + opacity * (1 - weight)
            np.copyto(alpha, np.rint(total * peak)[: alpha.shape[0], : alpha.shape[1]], "unsafe")
            weight = weight / np.maximum(total, np.float32(1e-6))
        for view, value, step in zip(views, made.values, self._steps, strict=False):
            rows, columns = (
                slice(each.start // by, -(-each.stop // by))
                for each, by in zip((made.rows, made.columns), step, strict=True)
            )
            part = view[rows, columns]
            over = self._sampled(weight, step)[: part.shape[0], : part.shape[1]]
            colour = self._sampled(weight * value, step)[: part.shape[0], : part.shape[1]]
            np.copyto(part, np.rint(part * (1 - over) + colour).clip(0, peak), casting="unsafe")

    def _prepared(self, overlay: Overlay, height: int, width: int) -> _Prepared:
        """The overlay in code values, computed once.

        Raises:
            ValueError: It goes beyond the frame.
        """
        for each in self._kept:
            if each.overlay is overlay:
                return each
        bottom = overlay.top + overlay.coverage.shape[0]
        right = overlay.left + overlay.coverage.shape[1]
        if bottom > height or right > width:
            raise ValueError(
                f"an overlay that ends in row {bottom} and column {right} does not lie within "
                f"{width} by {height} pixels"
            )
        cell_y = max(step[0] for step in self._steps) * (2 if self._is_interlaced else 1)
        cell_x = max(step[1] for step in self._steps)
        # One sample of chroma more on each side, because it mixes with its neighbours.
        before_y, before_x = overlay.top % cell_y, overlay.left % cell_x
        before_y += cell_y if overlay.top >= cell_y else 0
        before_x += cell_x if overlay.left >= cell_x else 0
        after_y, after_x = cell_y + -bottom % cell_y, cell_x + -right % cell_x
        margins = ((before_y, after_y), (before_x, after_x))
        inside = (height - overlay.top + before_y, width - overlay.left + before_x)
        values = self._code.encode(overlay.rgb)
        made = _Prepared(
            overlay,
            slice(overlay.top - before_y, min(bottom + after_y, height)),
            slice(overlay.left - before_x, min(right + after_x, width)),
            _beyond(np.pad(overlay.coverage, margins), *inside),
            tuple(np.pad(value, margins, mode="edge") for value in values),
        )
        self._kept = [*self._kept[1 - _MOST_KEPT :], made]
        return made

    def _sampled(self, values: _Floats, step: tuple[int, int]) -> _Floats:
        """Values of luma's resolution where a component has its samples."""
        down, across = step
        if self._is_interlaced and down > 1:
            fields = [_halved(values[parity::2], down, on_first=False) for parity in (0, 1)]
            values = np.stack(fields, axis=1).reshape(-1, values.shape[1])
        else:
            values = _halved(values, down, on_first=self._sited[0])
        return _halved(values.T, across, on_first=self._sited[1]).T


def _beyond(coverage: _Floats, rows: int, columns: int) -> _Floats:
    """Coverage that goes on beyond the frame's last row and column as it is in these."""
    coverage[rows:] = coverage[min(rows, len(coverage)) - 1]
    last = min(columns, coverage.shape[1]) - 1
    coverage[:, columns:] = coverage[:, last : last + 1]
    return coverage


def _halved(values: _Floats, by: int, *, on_first: bool) -> _Floats:
    """Fewer rows: the mean of ``by`` each; around the first of two, if samples lie on it."""
    if by == 1:
        return values
    if on_first and by == 2:
        padded = np.pad(values, ((1, 0), (0, 0)), mode="edge")
        return np.asarray((padded[0:-1:2] + 2 * padded[1::2] + padded[2::2]) / np.float32(4))
    return np.asarray(values.reshape(-1, by, values.shape[1]).mean(axis=1, dtype=np.float32))
