"""When a spoken label is heard: at the start, and again in pauses, so that no word is cut.

Source: Code of Practice, S2 1.1 (audio-only: at the beginning) and 1.2.3 (reminders at regular
intervals, and after interruptions).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.sound import Samples
from labeler.disclosure.labels import Schedule
from labeler.disclosure.loudness import LoudnessMeter
from labeler.media.sample_blocks import regrouped

__all__ = ["Heard", "Place", "listen", "places"]

_STEP_S: Final = 0.02
# Closures within words are shorter (Lisker 1957: stops last 0.06 to 0.15 s).
_PAUSE_S: Final = 0.25
# What of the way to the next interval a pause is looked for on both sides; around breaks, seconds.
_SEARCHED: Final = 1 / 3
_NEAR_BREAK_S: Final = 3.0
# Between two labels there is some content.
_APART_S: Final = 1.0
# A pause is so much quieter than the whole, or as quiet as the room that was recorded, decibels.
_BELOW_DB: Final = 25.0
_ABOVE_FLOOR_DB: Final = 6.0
_LEAST_BELOW_DB: Final = 15.0
_SILENCE_DB: Final = -60.0
_STEPS_AT_ONCE: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a pass over a sound told."""

    frames: int
    """How many there are."""
    sample_rate_hz: int
    loudness_lufs: float | None
    """Integrated loudness (BS.1770); None of silence."""
    levels: NDArray[np.float32]
    """Of each 20 ms, the RMS value of the loudest channel."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a label comes."""

    at: int
    """The frame of the content that it comes in front of, or begins to be heard with."""
    is_inserted: bool
    """Whether the content waits for it; else it is laid over."""


def listen(
    blocks: Iterable[Samples], sample_rate_hz: int, channels: int, names: tuple[str, ...] = ()
) -> Heard:
    """Hear a sound once; memory: 4 bytes for each 20 ms.

    Args:
        blocks: ``(n, channels)`` float32 or float64, -1 to 1.
        sample_rate_hz: Samples a second in each channel.
        channels: How many there are.
        names: See `Sound.channel_names`.
    """
    meter = LoudnessMeter(sample_rate_hz, channels, names)
    step = _step(sample_rate_hz)
    levels, frames = [np.zeros(0, np.float32)], 0
    for block in regrouped(blocks, step * _STEPS_AT_ONCE):
        meter.push(block)
        frames += len(block)
        squares = block.astype(np.float32) ** 2
        sums = np.add.reduceat(squares, np.arange(0, len(block), step)) / step
        levels.append(np.sqrt(sums.max(axis=1)))
    return Heard(
        frames=frames,
        sample_rate_hz=sample_rate_hz,
        loudness_lufs=meter.finish(),
        levels=np.concatenate(levels),
    )


def places(schedule: Schedule, heard: Heard, *, frames: int, insert: bool) -> tuple[Place, ...]:
    """Where labels come, in order; the first is at the start.

    Repeats that are inserted wait for the nearest pause; where there is none, as in music, they
    are laid over. Those that would not end before the sound does are left out, and so are those
    at intervals that come too close to others.

    Args:
        schedule: When labels are wanted.
        heard: The sound.
        frames: How long one takes.
        insert: Whether the content can wait.
    """
    rate_hz = heard.sample_rate_hz
    every: float = schedule.every_s * rate_hz
    apart = round(_APART_S * rate_hz)
    # From start to start of what comes out; some content is heard between two labels.
    every = max(every - frames, frames) if insert else max(every, frames + apart)
    pauses = _pauses(heard) if insert else np.zeros(0, np.int64)
    found = [Place(0, insert)]
    for moment in schedule.breaks_s:
        place = _near(pauses, round(moment * rate_hz), round(_NEAR_BREAK_S * rate_hz))
        _add(found, _moved(found, place, frames, apart), heard, frames, apart)
    for count in range(1, int(heard.frames / every) + 1):
        place = _near(pauses, round(count * every), round(every * _SEARCHED))
        _add(found, place, heard, frames, apart)
    return tuple(found)


def _add(found: list[Place], place: Place, heard: Heard, frames: int, apart: int) -> None:
    if place.at + frames > heard.frames:
        return
    here = bisect(found, place)
    if not any(_clash(each, place, frames, apart) for each in found[max(here - 1, 0) : here + 1]):
        found.insert(here, place)


def _clash(one: Place, other: Place, frames: int, apart: int) -> bool:
    first, second = sorted((one, other))
    return second.at < _end(first, frames) + apart


def _end(place: Place, frames: int) -> int:
    return place.at if place.is_inserted else place.at + frames


def _moved(found: list[Place], place: Place, frames: int, apart: int) -> Place:
    """``place`` behind the labels that are heard at that moment: of a break none may go missing."""
    for each in found:
        if _clash(each, place, frames, apart):
            place = Place(_end(each, frames) + apart, is_inserted=False)
    return place


def _near(pauses: NDArray[np.int64], at: int, reach: int) -> Place:
    if len(pauses):
        nearest = int(pauses[np.abs(pauses - at).argmin()])
        if abs(nearest - at) <= reach:
            return Place(nearest, is_inserted=True)
    return Place(at, is_inserted=False)


def _pauses(heard: Heard) -> NDArray[np.int64]:
    """The frames in the middle of pauses."""
    step = _step(heard.sample_rate_hz)
    least = round(_PAUSE_S / _STEP_S)
    middles = [
        (begin + end) // 2 * step for begin, end in _quiet_runs(heard) if end - begin >= least
    ]
    return np.array(middles, np.int64)


def _quiet_runs(heard: Heard) -> Iterator[tuple[int, int]]:
    is_quiet = np.concatenate([[False], heard.levels <= _threshold(heard), [False]])
    edges = np.flatnonzero(np.diff(is_quiet.astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _threshold(heard: Heard) -> float:
    """The RMS value up to which it is quiet."""
    if heard.loudness_lufs is None:
        return 1.0
    floor = 20 * np.log10(max(float(np.percentile(heard.levels, 5)), 1e-9))
    wanted = max(heard.loudness_lufs - _BELOW_DB, floor + _ABOVE_FLOOR_DB, _SILENCE_DB)
    return float(10 ** (min(wanted, heard.loudness_lufs - _LEAST_BELOW_DB) / 20))


def _step(sample_rate_hz: int) -> int:
    return max(1, round(_STEP_S * sample_rate_hz))
