"""Labels on pictures: laid on every frame, upright in the corner that people see.

picture = labelled(open_picture(data, name="photo.jpg"), [VisibleLabel()])
data = picture.encode(picture.frames())
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from labeler.codec.pixels import Pixels
from labeler.disclosure.badge import Badge, arrange, as_stored
from labeler.disclosure.contrast import best_variant
from labeler.disclosure.labels import VisibleLabel
from labeler.disclosure.visibility import check_seen
from labeler.media.media_type import MediaType
from labeler.media.picture import Picture

__all__ = ["LabelledPicture", "badges_for", "labelled", "lay"]

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def labelled(picture: Picture, labels: Sequence[VisibleLabel]) -> LabelledPicture:
    """The picture with ``labels`` on all its frames or pages; see `LabelledPicture`.

    Raises:
        UnreadableMediaError: The file's orientation, or a label's icon, cannot be read.
        MediaError: A label's icon cannot be laid.
    """
    return LabelledPicture(picture, labels)


class LabelledPicture:
    """A picture whose frames carry labels; it is used as a `Picture` is.

    Args:
        picture: Left as it is.
        labels: Laid in their order; those that share a corner stand below each other.
    """

    def __init__(self, picture: Picture, labels: Sequence[VisibleLabel]) -> None:
        self._picture = picture
        self._labels = tuple(labels)
        self._orientations = picture.orientations
        # Icons are read now: a file that is missing is told before anything is decoded.
        self._layout((picture.height, picture.width), self._orientations[0])

    @property
    def media_type(self) -> MediaType:
        """The format."""
        return self._picture.media_type

    @property
    def width(self) -> int:
        """Width of the canvas or first page as stored, pixels."""
        return self._picture.width

    @property
    def height(self) -> int:
        """Height of the canvas or first page as stored, pixels."""
        return self._picture.height

    @property
    def frame_count(self) -> int:
        """How many frames or pages `frames` gives; 1 for a still picture."""
        return self._picture.frame_count

    @property
    def name(self) -> str:
        """What errors call the file."""
        return self._picture.name

    @property
    def orientations(self) -> tuple[int, ...]:
        """See `Picture.orientations`."""
        return self._orientations

    def frames(self) -> Iterator[Pixels]:
        """The frames or pages with their labels, as `Picture.frames` gives them.

        The colour variant is chosen on the first frame of each size, so that the label of an
        animation does not flicker. Of frames with alpha, what is under a label becomes opaque.

        Raises:
            UnreadableMediaError: A frame is truncated or damaged.
        """
        known: dict[tuple[int, int, int], tuple[Badge, ...]] = {}
        for frame, orientation in zip(self._picture.frames(), self._orientations, strict=True):
            height, width = frame.shape[:2]
            if (height, width, orientation) not in known:
                badges = badges_for(frame, self._labels, orientation=orientation)
                known[height, width, orientation] = badges
            yield lay(frame, known[height, width, orientation])

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """See `Picture.encode`; what comes out is looked at, where labels may not be seen.

        Raises:
            UnsupportedMediaError: As `Picture.encode`; or the file keeps samples of its own
                (black ink, transparency) that hide a label.
            ValueError: As `Picture.encode`.
        """
        data = self._picture.encode(frames)

        def badges_of(index: int, size: tuple[int, int]) -> tuple[Badge, ...]:
            return self._layout(size, self._orientations[index])

        check_seen(data, self.media_type, badges_of, name=self.name)
        return data

    def _layout(self, size: tuple[int, int], orientation: int) -> tuple[Badge, ...]:
        """Where labels lie on stored pixels, whatever their colours."""
        blank = cast("Pixels", np.broadcast_to(np.uint8(0), size))
        return badges_for(blank, self._labels, orientation=orientation)


def badges_for(
    frame: Pixels, labels: Sequence[VisibleLabel], *, orientation: int = 1
) -> tuple[Badge, ...]:
    """Labels drawn for stored pixels, in the colours that stand out most from these.

    Args:
        frame: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16, as stored.
        labels: What to draw.
        orientation: How viewers turn the frame, 1 to 8.

    Raises:
        MediaError: A label's icon cannot be laid.
    """
    height, width = frame.shape[:2]
    seen = (width, height) if orientation < 5 else (height, width)

    def stored(badges: Iterable[Badge]) -> tuple[Badge, ...]:
        turned = (as_stored(each, orientation, width=seen[0], height=seen[1]) for each in badges)
        return tuple(turned)

    first = stored(arrange(labels, width=seen[0], height=seen[1]))
    variants = [best_variant(_colours_behind(frame, badge)) for badge in first]
    return stored(arrange(labels, width=seen[0], height=seen[1], variants=variants))


def lay(frame: Pixels, badges: Iterable[Badge]) -> Pixels:
    """A copy of ``frame`` with ``badges`` laid on it, blended as viewers blend: in sRGB values.

    Args:
        frame: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16.
        badges: Drawn for this frame, see `badges_for`.
    """
    out = frame.copy()
    peak = float(np.iinfo(frame.dtype).max)
    for badge in badges:
        area = out[badge.top : badge.top + badge.height, badge.left : badge.left + badge.width]
        colour = badge.rgb.astype(np.float32) * np.float32(peak / 255)
        area[...] = np.rint(_blended(area.astype(np.float32), badge.coverage, colour, peak))
    return out


def _blended(
    below: NDArray[Any], coverage: NDArray[np.float32], colour: NDArray[np.float32], peak: float
) -> NDArray[Any]:
    if below.ndim == 2:
        return cast("NDArray[Any]", below + coverage * (colour @ _LUMA - below))
    cover = coverage[..., None]
    if below.shape[2] == 3:
        return cast("NDArray[Any]", below + cover * (colour - below))
    kept = below[..., 3:] / peak * (1 - cover)
    alpha = cover + kept
    mixed = (colour * cover + below[..., :3] * kept) / np.maximum(alpha, 1e-6)
    # What is transparent all the same keeps its colours.
    mixed = np.where(alpha > 0, mixed, below[..., :3])
    return np.concatenate([mixed, alpha * peak], axis=2).clip(0, peak)


def _colours_behind(frame: Pixels, badge: Badge) -> NDArray[np.uint8]:
    """What the badge will cover and a margin around it, as RGB in uint8, on white."""
    reach = 2 * badge.border_px
    rows = slice(max(0, badge.top - reach), badge.top + badge.height + reach)
    columns = slice(max(0, badge.left - reach), badge.left + badge.width + reach)
    area = frame[rows, columns]
    levels = area.astype(np.float32) * np.float32(255 / np.iinfo(frame.dtype).max)
    if levels.ndim == 2:
        levels = np.repeat(levels[..., None], 3, axis=2)
    elif levels.shape[2] == 4:
        levels = 255 + (levels[..., :3] - 255) * levels[..., 3:] / 255
    return np.asarray(np.rint(levels), np.uint8)
