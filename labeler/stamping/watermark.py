"""Putting the image mark into every frame of a picture, and measuring what that changed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from labeler.codec.keys import Key
from labeler.codec.payload import Payload
from labeler.codec.pixels import Pixels
from labeler.errors import CapacityError
from labeler.marks import image
from labeler.media.picture import Picture
from labeler.strength import Strength

__all__ = ["MarkedPicture", "mark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedPicture:
    """A picture whose pixels carry the mark."""

    data: bytes = field(repr=False)
    """The file, encoded again."""
    payload: Payload
    psnr_db: float | None
    """Peak signal-to-noise ratio of marked to unmarked pixels over RGB and all frames; None where
    nothing changed."""
    marked_frames: frozenset[int]
    """Numbers of the frames that carry the mark."""
    frame_count: int

    @property
    def remark(self) -> str | None:
        """What the mark does not cover; None where it covers every frame."""
        bare = self.frame_count - len(self.marked_frames)
        return f"{bare} of {self.frame_count} frames are too flat to carry it" if bare else None


def mark(picture: Picture, payload: Payload, key: Key, *, strength: Strength) -> MarkedPicture:
    """Encode ``picture`` again with ``payload`` in every frame that can carry it.

    A blank page or a black frame cannot; it is passed on as it is, as long as another can.

    Raises:
        CapacityError: No frame can carry the mark.
        MediaError: The picture cannot be decoded, or its format not be written.
    """
    marking = _Marking(payload, key, strength)
    data = picture.encode(marking.frames(picture))
    if marking.refusal is not None and not marking.marked:
        raise marking.refusal
    return MarkedPicture(
        data=data,
        payload=payload,
        psnr_db=marking.psnr_db(),
        marked_frames=frozenset(marking.marked),
        frame_count=picture.frame_count,
    )


@dataclass(slots=True)
class _Marking:
    """Marks frames on their way to the encoder, which takes them one by one."""

    payload: Payload
    key: Key
    strength: Strength
    marked: list[int] = field(default_factory=list)
    refusal: CapacityError | None = None
    _squared_error: float = 0.0
    """Sum over all frames, each relative to its type's whole range."""
    _values: int = 0

    def frames(self, picture: Picture) -> Iterator[Pixels]:
        last = picture.frame_count - 1
        for index, pixels in enumerate(picture.frames()):
            try:
                marked = image.embed(pixels, self.payload, self.key, strength=self.strength)
            except CapacityError as error:
                self.refusal = error
                if index == last and not self.marked:
                    raise  # nothing would come of encoding
                yield pixels
                continue
            self.marked.append(index)
            self._measure(pixels, marked)
            yield marked

    def _measure(self, before: Pixels, after: Pixels) -> None:
        peak = float(np.iinfo(before.dtype).max)
        self._squared_error += cv2.norm(before, after, cv2.NORM_L2SQR) / peak**2
        channels = 1 if before.ndim == 2 else 3  # alpha is no part of what is compared
        self._values += before.shape[0] * before.shape[1] * channels

    def psnr_db(self) -> float | None:
        if not self._squared_error:
            return None
        return 10 * math.log10(self._values / self._squared_error)
