"""Weaving the patchwork into sound of 16 kHz, block by block.

`Weaver` takes sound and gives the mark: what has to be added. It looks an eighth of a second
ahead, never further, and does the same whatever the size of the blocks: a file and a live stream
get the same mark. Several threads, of several keys, are added up. Three things shape the mark:

- masking (`labeler.marks.masking`): how far each band of each frame may change;
- informed pilots: where the sound itself already says what the pilots of a cell are to say, they
  change less, where it says the opposite, more. The sum over some cells reaches a target;
- a gate: nowhere may the mark be louder than a share of the sound in the same 8 ms, so that it is
  not heard before an attack or in a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.log_spectrum import (
    MOST_DEVIATIONS,
    WINDOW,
    against_neighbours,
    band_energies,
    cumulative,
    decibels,
    reference,
    spectra,
)
from labeler.codec.patchwork import (
    BAND_EDGES_HZ,
    BANDS,
    CELL_FRAMES,
    FRAME,
    HOP,
    PERIOD_CELLS,
    PILOTS,
    RATE_HZ,
)
from labeler.marks.masking import allowed_change
from labeler.strength import Strength

__all__ = ["FLOOR", "Thread", "Weaver", "cell_levels", "preset"]

FLOOR: Final = 2e-8
"""Energy that is added to every band, so that silence has a level: about -90 dB of full scale."""
_DEVIATION_DB: Final = 3.0
"""Deviation of what is unforeseen, at first; it is followed from then on."""
_DEVIATION_MEMORY: Final = 0.98
"""Of one cell to the next: some three seconds."""
_DEVIATION_LIMITS_DB: Final = (1.0, 8.0)
_PILOT_MEMORY: Final = 0.8
"""How much of what the pilots have said counts from one cell to the next."""
_PILOT_LIMITS: Final = (0.15, 1.5)
"""Least and most change of pilots, as shares of what is allowed."""
_GATE: Final = 0.25
"""Most amplitude of the mark, as a share of the sound's."""
_GATE_REACH: Final = 64
"""Samples before and after that the gate looks at: 8 ms in all."""
_OVERLAP: Final = FRAME // HOP
_OVERLAP_GAIN: Final = 1.5
"""Sum of the squares of Hann's window over overlapping frames."""

_PRESETS: Final[dict[Strength, float]] = {"quality": 0.62, "balanced": 0.82, "robust": 1.08}
_PILOT_TARGET: Final = 1.1


@dataclass(frozen=True, slots=True, eq=False)
class Thread:
    """What is woven in."""

    signs: NDArray[np.float32]
    """``CELLS`` of +1 and -1."""
    start: int
    """Cell of the sound in which a period begins, 0 to 47."""
    strength: float
    """Share of the change that `allowed_change` gives."""
    pilot_target: float
    """What pilots are to say on average, in deviations of what is unforeseen, at unit strength."""

    @classmethod
    def of(cls, signs: NDArray[np.float32], start: int, strength: float) -> Thread:
        """A thread with the usual target for its pilots."""
        return cls(signs, start, strength, _PILOT_TARGET)


def preset(strength: Strength) -> float:
    """A thread's strength, as people name it.

    Raises:
        ValueError: ``strength`` is unknown.
    """
    if strength not in _PRESETS:
        raise ValueError(f"strength is one of {', '.join(_PRESETS)}, not {strength!r}")
    return _PRESETS[strength]


def _bins() -> NDArray[np.intp]:
    """Which band each bin of a spectrum is in; `BANDS` where in none."""
    frequency = np.arange(FRAME // 2 + 1) * RATE_HZ / FRAME
    band = np.searchsorted(BAND_EDGES_HZ, frequency, "right") - 1
    return np.where((band >= 0) & (band < BANDS), band, BANDS)


_BAND_OF_BIN: Final = _bins()


def cell_levels(sums: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(cells, BANDS)`` mean levels of whole cells, dB; frames that are left over are left out."""
    levels = decibels(band_energies(sums), floor=FLOOR)
    whole = len(levels) // CELL_FRAMES
    cells = levels[: whole * CELL_FRAMES].reshape(whole, CELL_FRAMES, BANDS)
    return np.asarray(cells.mean(axis=1), np.float32)


class Weaver:
    """Makes the mark for sound that comes in blocks.

    Args:
        channels: Channels of the sound.
        threads: What is woven in, at least one.
        highest_hz: Frequency from which on nothing is changed.
    """

    def __init__(self, channels: int, threads: Sequence[Thread], *, highest_hz: float) -> None:
        self._bands = np.append((BAND_EDGES_HZ[1:] <= highest_hz).astype(np.float32), 0)
        # One frame of silence before the first sample: every sample lies in four frames.
        self._samples = np.zeros((FRAME, channels), np.float32)
        self._spectra = np.zeros((channels, 0, FRAME // 2 + 1), np.complex64)
        self._allowed = np.zeros((0, BANDS), np.float32)
        self._sums = np.zeros((0, FRAME // 2 + 2), np.float64)
        self._threads = [(each.strength, _PilotControl(each)) for each in threads]
        self._tail = np.zeros((FRAME - HOP, channels), np.float32)
        self._gate = _Gate(channels)
        self._left = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mark for the next samples that can be told; the rest follows.

        Args:
            samples: ``(n, channels)`` float32 at 16 kHz.

        Returns:
            ``(m, channels)`` float32.
        """
        self._left += len(samples)
        self._samples = np.concatenate([self._samples, samples])
        self._look()
        return self._emit(self._weave(len(self._allowed) // CELL_FRAMES * CELL_FRAMES))

    def finish(self) -> NDArray[np.float32]:
        """The mark for what is left."""
        self._samples = np.concatenate(
            [self._samples, np.zeros((FRAME + HOP, self._samples.shape[1]), np.float32)]
        )
        self._look()
        woven = self._weave(len(self._allowed))
        rest = np.zeros((self._left + FRAME + _GATE_REACH, woven.shape[1]), np.float32)
        return self._emit(np.concatenate([woven, self._tail, rest]))

    def _emit(self, woven: NDArray[np.float32]) -> NDArray[np.float32]:
        mark = self._gate.push(woven)[: self._left]
        self._left -= len(mark)
        return mark

    def _look(self) -> None:
        """Take in all frames that are whole."""
        frames = (len(self._samples) - FRAME) // HOP + 1
        if frames <= 0:
            return
        used = self._samples[: (frames - 1) * HOP + FRAME]
        new = np.stack([spectra(np.ascontiguousarray(channel)) for channel in used.T])
        middle = new[0] if len(new) == 1 else spectra(reference(used))
        sums = cumulative(middle)
        self._gate.hear(self._samples[: frames * HOP])
        self._spectra = np.concatenate([self._spectra, new], axis=1)
        self._allowed = np.concatenate([self._allowed, allowed_change(middle, sums)])
        self._sums = np.concatenate([self._sums, sums])
        self._samples = self._samples[frames * HOP :].copy()

    def _weave(self, frames: int) -> NDArray[np.float32]:
        """The mark, before the gate, of the next ``frames``; of cells that are not whole, none."""
        if not frames:
            return np.zeros((0, self._tail.shape[1]), np.float32)
        levels = cell_levels(self._sums[:frames])
        whole = len(levels) * CELL_FRAMES
        changes = np.zeros((frames, BANDS + 1), np.float32)
        heard = against_neighbours(levels)
        for strength, control in self._threads:
            allowed = self._allowed[:whole] * np.float32(strength)
            means = allowed.reshape(len(levels), CELL_FRAMES, BANDS).mean(axis=1)
            factors = control.step(heard, means)
            changes[:whole, :BANDS] += np.repeat(factors, CELL_FRAMES, axis=0) * allowed
        gains = (10 ** (changes * self._bands / 20) - 1)[:, _BAND_OF_BIN]
        woven = [self._overlap(gains, *each) for each in enumerate(self._spectra)]
        self._spectra = self._spectra[:, frames:]
        self._allowed = self._allowed[frames:]
        self._sums = self._sums[frames:]
        return np.stack(woven, axis=1)

    def _overlap(
        self, gains: NDArray[np.float32], channel: int, spectrum: NDArray[np.complex64]
    ) -> NDArray[np.float32]:
        """``(frames * HOP,)`` of one channel's mark; what overlaps with frames to come is kept."""
        count = len(gains)
        frames = np.fft.irfft(spectrum[:count] * gains, FRAME, axis=1).astype(np.float32)
        frames *= WINDOW / np.float32(_OVERLAP_GAIN)
        sums = np.zeros((count + _OVERLAP - 1, HOP), np.float32)
        parts = frames.reshape(count, _OVERLAP, HOP)
        for part in range(_OVERLAP):
            sums[part : part + count] += parts[:, part]
        whole = sums.ravel()
        whole[: FRAME - HOP] += self._tail[:, channel]
        self._tail[:, channel] = whole[count * HOP :]
        return whole[: count * HOP]


class _PilotControl:
    """Chooses the change of each cell's pilots by what the sound says already."""

    def __init__(self, thread: Thread) -> None:
        rows = np.roll(np.arange(PERIOD_CELLS), thread.start)
        self._rows = rows
        self._signs = thread.signs
        self._target = thread.pilot_target * thread.strength
        self._cell = 0
        self._said = 0.0
        self._counted = 0.0
        self._variance = _DEVIATION_DB**2

    def step(self, heard: NDArray[np.float32], allowed: NDArray[np.float32]) -> NDArray[np.float32]:
        """Factors for the next cells, signs included.

        Args:
            heard: ``(cells, BANDS)`` what is unforeseen in the sound, dB.
            allowed: ``(cells, BANDS)`` the change that a factor of 1 would make, dB.
        """
        rows = self._rows[(self._cell + np.arange(len(heard))) % PERIOD_CELLS]
        self._cell += len(heard)
        signs, pilots = self._signs[rows], PILOTS[rows]
        factors = signs.copy()
        energy = np.mean(np.minimum(heard * heard, 100), axis=1)
        for at in range(len(heard)):
            mean_square = float(energy[at])
            self._variance += (1 - _DEVIATION_MEMORY) * (mean_square - self._variance)
            deviation = float(np.clip(self._variance**0.5, *_DEVIATION_LIMITS_DB))
            here = pilots[at]
            values = np.clip(heard[at, here] / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)
            already = float(values @ signs[at, here]) / len(values)
            response = float(allowed[at, here].mean()) / deviation
            wanted = self._target * (1 + self._counted) - self._said - already
            factor = float(np.clip(wanted / max(response, 1e-6), *_PILOT_LIMITS))
            self._said = _PILOT_MEMORY * (self._said + already + factor * response)
            self._counted = _PILOT_MEMORY * (self._counted + 1)
            factors[at, here] *= factor
        return factors


class _Gate:
    """Keeps the mark below a share of the sound that it is added to."""

    def __init__(self, channels: int) -> None:
        self._sound = np.zeros((_GATE_REACH, channels), np.float32)
        self._mark = np.zeros((_GATE_REACH, channels), np.float32)
        self._skip = FRAME
        """Samples of silence before the first."""

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Take in the sound; it comes before its mark."""
        self._sound = np.concatenate([self._sound, samples])

    def push(self, mark: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mark, gated, for all samples whose surroundings are known."""
        self._mark = np.concatenate([self._mark, mark])
        count = len(self._mark) - 2 * _GATE_REACH
        if count <= 0:
            return self._mark[:0]
        missing = len(self._mark) - len(self._sound)
        if missing > 0:
            silence = np.zeros((missing, mark.shape[1]), np.float32)
            self._sound = np.concatenate([self._sound, silence])
        loudness = _envelope(self._sound[: len(self._mark)])
        own = _envelope(self._mark)
        share = np.minimum(1, np.float32(_GATE) * loudness / np.maximum(own, 1e-12))
        gated = self._mark[_GATE_REACH : _GATE_REACH + count] * share
        self._mark = self._mark[count:]
        self._sound = self._sound[count:]
        skipped = min(self._skip, count)
        self._skip -= skipped
        return gated[skipped:]


def _envelope(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square around each sample but the first and last `_GATE_REACH`."""
    reach = 2 * _GATE_REACH
    sums = np.zeros((len(samples) + 1, samples.shape[1]), np.float64)
    np.cumsum(samples.astype(np.float64) ** 2, axis=0, out=sums[1:])
    spans = sums[reach + 1 :] - sums[: -reach - 1]
    return np.sqrt(np.maximum(spans, 0) / (reach + 1)).astype(np.float32)
