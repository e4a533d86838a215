"""Trying on a few seconds of a film whether its pictures hold a mark, before all of it is encoded.

They are marked and compressed in memory. Most films hold a fine mark through the hardest of that;
those that do not, for want of texture, get a coarse one. What does not survive what networks do to
films is made stronger; if that is not enough, what it will not survive is told; and where it would
not even survive a usual encoding, none is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors import video as detector
from detectors.mark_layers import MarkLayer
from labeler.codec.keys import Key
from labeler.codec.luma import Luma, LumaFrame
from labeler.codec.patchwork import AnyPayload
from labeler.codec.payload import Payload
from labeler.errors import CapacityError
from labeler.marks.signpost import Signpost
from labeler.marks.video import Grain, Marker
from labeler.media.recompression import recompressed
from labeler.media.video import Video
from labeler.strength import Strength

__all__ = ["Trial", "places"]

_STRENGTHS: Final[tuple[Strength, ...]] = ("quality", "balanced", "robust")
_HARDEST_CRF: Final = 36
"""How hard films are compressed at most that anybody still wants to see (x264)."""
_HARD_CRF: Final = 28
"""About what networks and messengers make of films."""
_USUAL_CRF: Final = 23
"""What a mark has to survive at least: x264's default."""
_WEAK: Final = "too {reason} for it to survive strong compression"
_USUAL_RATE_HZ: Final = 25.0

_EXCERPT_S: Final = 1.0
"""Length of each excerpt, seconds."""
_EXCERPT_FRAMES: Final = 120
"""Most frames of one, however many a second has."""
_EXCERPTS: Final = 3
"""Most excerpts."""
_EXCERPT_EVERY_S: Final = 20.0
"""A film has an excerpt for so many seconds: the trial is to be short beside the encoding."""
_CANDIDATES: Final = 9
"""Places of a long film of which the excerpts are chosen: neither the flattest nor the busiest."""
_LONG_S: Final = 60.0

# What pictures are like that hold no mark: side in pixels, mean luma in 8-bit code values.
_SMALL_BELOW: Final = 300
_DARK_BELOW: Final = 40.0


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a mark is made."""

    strength: Strength
    grain: Grain


@dataclass(frozen=True, slots=True)
class Trial:
    """A film that is tried, and what it is to carry."""

    video: Video
    payload: Payload
    key: Key
    signpost: Signpost | None = None
    """The layer beside the mark."""

    def choose(self, strength: Strength) -> tuple[Marker, str | None]:
        """A marker whose mark survives, and what it does not survive, if that has to be told.

        Args:
            strength: The least; it is raised where that helps.

        Returns:
            A marker that has marked nothing yet, and None or a sentence's part.

        Raises:
            CapacityError: None is strong enough, or the pictures are too small for any.
        """
        starts_s = places(self.video)
        fine = _Manner(strength, "fine")
        if self._survives(_HARDEST_CRF, fine, starts_s):
            return self._marker(fine), None
        coarse = [_Manner(each, "coarse") for each in _STRENGTHS[_STRENGTHS.index(strength) :]]
        for each in coarse:
            if self._survives(_HARD_CRF, each, starts_s):
                return self._marker(each), None
        reason, strongest = _reason(self.video, starts_s), coarse[-1]
        if self._survives(_USUAL_CRF, strongest, starts_s):
            return self._marker(strongest), _WEAK.format(reason=reason)
        raise CapacityError(
            f"the pictures are too {reason} for a watermark that survives recompression",
            hint="Stamp a version with more pixels or more texture",
        )

    def _marker(self, manner: _Manner) -> Marker:
        video = self.video
        return Marker(
            video.height,
            video.width,
            self.payload,
            self.key,
            strength=manner.strength,
            grain=manner.grain,
            depth=video.depth,
            transfer=video.transfer,
            signpost=self.signpost,
        )

    def _survives(self, crf: int, manner: _Manner, starts_s: Sequence[float]) -> bool:
        """Whether all is read after such compression; a signpost need not survive the hardest."""
        read = self._read(crf, manner, starts_s)
        if not self._says(read, self.key, self.payload):
            return False
        if self.signpost is None:
            return True
        if crf > _HARD_CRF and not self._says(read, self.signpost.key, self.signpost.payload):
            read = self._read(_HARD_CRF, manner, starts_s)
        return self._says(read, self.signpost.key, self.signpost.payload)

    def _read(self, crf: int, manner: _Manner, starts_s: Sequence[float]) -> tuple[MarkLayer, ...]:
        marker, rate_hz = self._marker(manner), self.video.frame_rate or _USUAL_RATE_HZ
        marked = (marker.mark(frame.luma) for frame in _excerpts(self.video, starts_s))
        copies = recompressed(marked, depth=self.video.depth, frame_rate=rate_hz, crf=crf)
        keys = [self.key] if self.signpost is None else [self.key, self.signpost.key]
        return detector.detect_lumas(self._as_frames(copies, rate_hz), keys).layers

    @staticmethod
    def _says(read: tuple[MarkLayer, ...], key: Key, payload: AnyPayload) -> bool:
        return any(each.key_id == key.key_id and each.payload == payload for each in read)

    def _as_frames(self, lumas: Iterable[Luma], rate_hz: float) -> Iterator[LumaFrame]:
        for index, luma in enumerate(lumas):
            yield LumaFrame(index / rate_hz, luma, self.video.depth, is_key=index == 0)


def places(video: Video) -> tuple[float, ...]:
    """Where the excerpts begin, seconds: one in the middle of a short film, three in a long one."""
    duration_s = video.duration_s or 0.0
    if duration_s <= _EXCERPT_S:
        return (0.0,)
    if duration_s <= _LONG_S:
        return _spread(duration_s, max(1, min(_EXCERPTS, int(duration_s / _EXCERPT_EVERY_S))))
    # Neither a black second nor the busiest tells what the film is like.
    candidates = _spread(duration_s, _CANDIDATES)
    ranked = sorted(candidates, key=lambda start_s: _liveliness(video, start_s))
    skipped = (_CANDIDATES - _EXCERPTS) // 2
    return tuple(sorted(ranked[skipped : skipped + _EXCERPTS]))


def _spread(duration_s: float, count: int) -> tuple[float, ...]:
    last_s = duration_s - _EXCERPT_S
    return tuple(last_s * (2 * index + 1) / (2 * count) for index in range(count))


def _excerpts(video: Video, starts_s: Iterable[float]) -> Iterator[LumaFrame]:
    is_empty = True
    for start_s in starts_s:
        for frame in _excerpt(video, start_s):
            is_empty = False
            yield frame
    if is_empty:
        # The sound may go on for long after the pictures, and one may be shown for hours.
        yield from _excerpt(video, 0.0)


def _excerpt(video: Video, start_s: float) -> Iterator[LumaFrame]:
    """The frames of a second, but one at least, unless the last is over."""
    for index, frame in enumerate(islice(video.frames(start_s=start_s), _EXCERPT_FRAMES)):
        if index > 0 and frame.time_s >= start_s + _EXCERPT_S:
            return
        yield frame


def _first_at(video: Video, start_s: float) -> NDArray[np.float32] | None:
    """The frame at a time, ``(H, W)`` in code values of 8 bits; None behind the last."""
    for frame in video.frames(start_s=start_s):
        luma: NDArray[np.float32] = frame.luma.astype(np.float32) / 2 ** (frame.depth - 8)
        return luma
    return None


def _liveliness(video: Video, start_s: float) -> float:
    """How much happens in the frame at a time: its mean local deviation."""
    luma = _first_at(video, start_s)
    return 0.0 if luma is None else float(np.mean(np.abs(luma - cv2.blur(luma, (9, 9)))))


def _reason(video: Video, starts_s: Iterable[float]) -> str:
    """Why pictures hold no mark: they are ``"dark"``, for example."""
    if min(video.height, video.width) < _SMALL_BELOW:
        return "small"
    lumas = (_first_at(video, start_s) for start_s in starts_s)
    levels = [float(np.mean(luma)) for luma in lumas if luma is not None]
    return "dark" if levels and float(np.mean(levels)) < _DARK_BELOW else "flat"
