"""The acoustic fingerprint: what a sound sounds like, in 32 bits every 16 ms.

    >>> import numpy as np
    >>> sound = np.random.default_rng(1).uniform(-0.5, 0.5, 4 * 16_000).astype(np.float32)
    >>> match = compare(fingerprint(sound, 16_000), fingerprint(sound[16_000:48_000], 16_000))
    >>> round(match.offset_s), match.p_value < 1e-6
    (1, True)

A short payload's tag is shared by many outputs; the fingerprint tells them apart. Unlike a mark it
is not put into the sound but taken from it. Source of the idea: J. Haitsma, T. Kalker, "A highly
robust audio fingerprinting system", ISMIR 2002.

Bit ``m`` of sub-fingerprint ``n`` is 1 where, since two sub-fingerprints before, the level of band
``m`` has risen against that of band ``m + 1``. Levels are logarithmic, so that gain and equalising
cancel. Frames are long against the hop: where they begin hardly matters.

Whether two fingerprints agree by more than chance, their own bits must say, because neighbouring
bits depend on each other, the more so in steady or repeated sound. The correlation of two unrelated
fingerprints has a variance that is a sum over the products of both autocorrelations (M. S.
Bartlett, "Some aspects of the time-correlation problem in regard to tests of significance", Journal
of the Royal Statistical Society 98, 1935). That much is theory. What it does not know is that
outputs of one generator share words, notes and drums: `_KINSHIP` is a measured allowance for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.log_spectrum import reference
from labeler.codec.resampling import Resampler
from labeler.codec.significance import p_value
from labeler.codec.sound import Samples, check_samples

__all__ = [
    "HOP_S",
    "Fingerprint",
    "Fingerprinter",
    "Match",
    "compare",
    "fingerprint",
    "fingerprint_blocks",
]

# What a sub-fingerprint is: another value here is another version of the wire format.
_VERSION: Final = 1
HOP_S: Final = 0.016
"""Time from one sub-fingerprint to the next, seconds."""
_FRAME_S: Final = 0.256
_LAG: Final = 2
"""Sub-fingerprints between the two levels that a bit compares."""
_BITS: Final = 32
_EDGES_HZ: Final = np.geomspace(300.0, 3000.0, _BITS + 2)
"""Of the bands: within the telephone band, and within what a rate of 8 kHz holds."""
_RATE_HZ: Final = 8000
"""Rate of analysis."""
_BAND_FLOOR: Final = 0.01
"""Share of a frame's mean band energy that is added to each: no bit depends on less."""
_QUIET: Final = 1e-4
"""A frame below this share of the sound's loud frames says nothing: -40 dB."""
_LOUD_PERCENTILE: Final = 90
_SILENCE: Final = 1e-9
"""Mean square in the bands below which a frame says nothing: -90 dB of full scale."""

# How two fingerprints are compared.
_LEAST_OVERLAP: Final = 32
"""Audible sub-fingerprints that have to overlap: half a second."""
_LEAST_SHARE: Final = 0.6
"""Share of the shorter fingerprint that has to overlap: half a word is in everything."""
_NOISE: Final = 3.0
"""Standard deviations below which an autocorrelation is taken for zero."""
_KINSHIP: Final = 10.0
"""Variance of unrelated outputs of one generator, relative to what their bits let expect: 4.5 for
one synthetic voice saying other sentences, 10 for one drum kit and synthesiser in one tempo."""

_BLOCK: Final = 1 << 16
"""Samples that are analysed at a time."""
_FRAMES: Final = 256
"""Frames that are transformed at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """The sub-fingerprints of a sound."""

    words: NDArray[np.uint32]
    """``(n,)`` uint32 sub-fingerprints, one every 16 ms; the lowest band is bit 0."""
    audible: NDArray[np.bool_]
    """``(n,)`` bool: whether the sound was loud enough there to say anything."""

    def __len__(self) -> int:
        """Number of sub-fingerprints."""
        return len(self.words)

    @property
    def duration_s(self) -> float:
        """Time from the first to the last sub-fingerprint, seconds."""
        return max(0, len(self) - 1) * HOP_S

    def to_bytes(self) -> bytes:
        """Version (1 byte), number (4 bytes), words (4 bytes each), audibility (1 bit each).

        Big-endian; the last byte is filled up with zeros.
        """
        head = bytes([_VERSION]) + len(self).to_bytes(4, "big")
        return head + self.words.astype(">u4").tobytes() + np.packbits(self.audible).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprint:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: ``data`` is something else, or of a version that is not known.
        """
        if len(data) < 5 or data[0] != _VERSION:
            raise ValueError("not an acoustic fingerprint of a known version")
        count = int.from_bytes(data[1:5], "big")
        if len(data) != 5 + 4 * count + -(-count // 8):
            raise ValueError(f"{len(data)} bytes cannot be {count} sub-fingerprints")
        words = np.frombuffer(data, ">u4", count, 5).astype(np.uint32)
        bits = np.unpackbits(np.frombuffer(data, np.uint8, offset=5 + 4 * count))
        if bits[count:].any():
            raise ValueError("an acoustic fingerprint is filled up with zeros")
        return cls(words, bits[:count].astype(np.bool_))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well two fingerprints agree where they agree best."""

    bit_error_rate: float
    """Share of different bits, 0 to 1, where both are audible; unrelated sounds: about 0.5."""
    offset_s: float
    """Where the second sound begins in the first, seconds; negative: before it."""
    overlap_s: float
    """How much of both was compared, seconds."""
    p_value: float
    """Probability of so good an agreement of sounds that were made apart, though perhaps by one
    generator; all offsets are counted."""


def fingerprint(
    samples: Samples, sample_rate_hz: int, *, tempo: float = 1.0, pitch: float = 1.0
) -> Fingerprint:
    """The fingerprint of a sound.

    Args:
        samples: ``(n,)`` or ``(n, channels)`` float32 or float64, -1 to 1.
        sample_rate_hz: Samples a second.
        tempo: How much faster the sound plays than what it will be compared with; 1.05: 5 %.
        pitch: How much higher its frequencies are.

    Returns:
        An empty fingerprint where the sound is shorter than 0.3 s.

    Raises:
        TypeError: The array has another type.
        ValueError: The array has another shape, the rate is out of range, or a ratio not positive.
    """
    blocks = (samples[start : start + _BLOCK] for start in range(0, len(samples), _BLOCK))
    return fingerprint_blocks(blocks, sample_rate_hz, tempo=tempo, pitch=pitch)


def fingerprint_blocks(
    blocks: Iterable[Samples], sample_rate_hz: int, *, tempo: float = 1.0, pitch: float = 1.0
) -> Fingerprint:
    """The fingerprint of a sound that comes in blocks, whatever its length: see `fingerprint`."""
    taking = Fingerprinter(sample_rate_hz, tempo=tempo, pitch=pitch)
    for block in blocks:
        taking.push(block)
    return taking.finish()


class Fingerprinter:
    """Takes the fingerprint of a sound as it comes: see `fingerprint`.

    Memory grows by half a kilobyte a second.

    Args:
        sample_rate_hz: See `fingerprint`.
        tempo: See `fingerprint`.
        pitch: See `fingerprint`.

    Raises:
        ValueError: A ratio is not positive.
    """

    def __init__(self, sample_rate_hz: int, *, tempo: float = 1.0, pitch: float = 1.0) -> None:
        if not (tempo > 0 and pitch > 0):
            raise ValueError(f"a tempo of {tempo} and a pitch of {pitch} cannot be analysed")
        self._sample_rate_hz = sample_rate_hz
        self._resampler = Resampler(sample_rate_hz, _RATE_HZ, channels=1)
        self._hop = HOP_S * _RATE_HZ / tempo
        self._window = np.hanning(round(_FRAME_S * _RATE_HZ / tempo)).astype(np.float32)
        self._size = 1 << (len(self._window) - 1).bit_length()
        scale = 2 / (self._size * float(self._window @ self._window))
        self._bands = _bands(_EDGES_HZ * pitch * self._size / _RATE_HZ, self._size) * scale
        self._pending = np.empty(0, np.float32)
        self._begin = 0
        """Number of the first pending sample."""
        self._frame = 0
        """Number of the next frame."""
        self._slopes = np.empty((0, _BITS), np.float32)
        """Of the last frames, that bits of the next ones are compared with."""
        self._words: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)]
        self._energies: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
        """In all bands together, frame by frame."""

    def push(self, samples: Samples) -> None:
        """Take in the next samples, ``(n,)`` or ``(n, channels)``.

        Raises:
            TypeError: See `fingerprint`.
            ValueError: See `fingerprint`.
        """
        for start in range(0, len(samples), _BLOCK):
            block = samples[start : start + _BLOCK]
            check_samples(block, self._sample_rate_hz)
            self._analyse(self._resampler.push(reference(block)[:, None])[:, 0])

    def finish(self) -> Fingerprint:
        """The fingerprint of all that was pushed; the object is of no use afterwards."""
        self._analyse(self._resampler.finish()[:, 0])
        energies = np.concatenate(self._energies)
        quieter = np.minimum(energies[_LAG:], energies[:-_LAG])
        loud = float(np.percentile(quieter, _LOUD_PERCENTILE)) if len(quieter) else 0.0
        return Fingerprint(np.concatenate(self._words), quieter > max(_SILENCE, _QUIET * loud))

    def _analyse(self, samples: NDArray[np.float32]) -> None:
        """Take the bits of every frame that is complete."""
        self._pending = np.concatenate([self._pending, samples])
        length = len(self._window)
        end = self._begin + len(self._pending)
        while (first := round(self._frame * self._hop)) + length <= end:
            starts = np.rint((self._frame + np.arange(_FRAMES)) * self._hop).astype(np.intp)
            starts = starts[starts + length <= end] - self._begin
            frames = np.lib.stride_tricks.sliding_window_view(self._pending, length)[starts]
            spectrum = np.fft.rfft(frames * self._window, self._size)[:, : len(self._bands)]
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            self._compare(power @ self._bands)
            self._frame += len(starts)
        drop = min(first - self._begin, len(self._pending))
        self._pending = self._pending[drop:]
        self._begin += drop

    def _compare(self, energies: NDArray[np.float32]) -> None:
        """Compare the band energies ``(n, 33)`` of the next frames with those before."""
        total = energies.sum(axis=1)
        floor = (_BAND_FLOOR / (_BITS + 1)) * total[:, None] + np.float32(1e-20)
        levels = np.log(energies + floor)
        slopes = np.concatenate([self._slopes, levels[:, :-1] - levels[:, 1:]])
        bits = slopes[_LAG:] > slopes[:-_LAG]
        octets = np.packbits(bits, axis=1, bitorder="little")
        self._words.append(octets.view("<u4")[:, 0].astype(np.uint32))
        self._energies.append(total)
        self._slopes = slopes[-_LAG:]


def _bands(edges: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """``(bins, 33)`` the share of each bin of a spectrum that lies in each band.

    Args:
        edges: ``(34,)`` of the bands, in bins.
        size: Of the transform.
    """
    bins = np.arange(min(size // 2, int(edges[-1]) + 1) + 1)
    # A bin reaches half a bin to either side.
    below = np.clip(edges[None, :] - (bins[:, None] - 0.5), 0, 1)
    return np.diff(below, axis=1).astype(np.float32)


def compare(known: Fingerprint, heard: Fingerprint, *, others: int = 0) -> Match:
    """Find where two fingerprints agree best, and how surprising that is.

    Args:
        known: One sound.
        heard: Another, perhaps a part of it, or it a part of this one.
        others: How many offsets, in this sound and in others, were passed over in favour of these
            two; they count too.
    """
    one, other = _Signs.of(known), _Signs.of(heard)
    least = max(_LEAST_OVERLAP, math.ceil(_LEAST_SHARE * min(one.count, other.count)))
    if min(one.count, other.count) < least:
        return _NOTHING
    size = 1 << (len(known) + len(heard) - 1).bit_length()
    spectra = one.spectrum(size), other.spectrum(size)
    correlation = _correlate(*spectra, size)
    overlap = np.rint(_correlate(one.audibility(size), other.audibility(size), size))
    enough = overlap >= least
    if not enough.any():
        return _NOTHING
    spread = _KINSHIP * float(one.variance @ other.variance) * _dependence(*spectra, least, size)
    deviations = correlation / np.sqrt(np.maximum(spread * overlap, 1e-12))
    best = int(np.argmax(np.where(enough, deviations, -np.inf)))
    return Match(
        bit_error_rate=_bit_error_rate(known, heard, best if best < len(known) else best - size),
        offset_s=(best if best < len(known) else best - size) * HOP_S,
        overlap_s=float(overlap[best]) * HOP_S,
        p_value=p_value(
            float(deviations[best]),
            log_hypotheses=math.log(int(np.count_nonzero(enough)) + others),
        ),
    )


_NOTHING: Final = Match(bit_error_rate=0.5, offset_s=0.0, overlap_s=0.0, p_value=1.0)


@dataclass(frozen=True, slots=True)
class _Signs:
    """Bits as signs without their mean, zero where nothing is audible."""

    values: NDArray[np.float32]
    """``(n, 32)``."""
    audible: NDArray[np.bool_]
    count: int
    """Of audible sub-fingerprints."""
    variance: NDArray[np.float64] = field(repr=False)
    """``(32,)`` of each bit."""

    @classmethod
    def of(cls, taken: Fingerprint) -> _Signs:
        count = int(np.count_nonzero(taken.audible))
        signs = (2.0 * _unpack(taken.words) - 1) * taken.audible[:, None]
        values = (signs - signs.sum(axis=0) / max(1, count)) * taken.audible[:, None]
        variance = np.square(values).sum(axis=0) / max(1, count)
        return cls(values.astype(np.float32), taken.audible, count, variance)

    def spectrum(self, size: int) -> NDArray[np.complexfloating[Any]]:
        """``(32, size / 2 + 1)``."""
        return np.fft.rfft(np.ascontiguousarray(self.values.T), size)

    def audibility(self, size: int) -> NDArray[np.complexfloating[Any]]:
        """``(1, size / 2 + 1)``."""
        return np.fft.rfft(self.audible[None, :].astype(np.float64), size)


def _unpack(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """``(n, 32)`` bits, the lowest band first."""
    octets = np.ascontiguousarray(words.astype("<u4")).view(np.uint8).reshape(-1, 4)
    return np.unpackbits(octets, axis=1, bitorder="little")


def _correlate(
    known: NDArray[np.complexfloating[Any]], heard: NDArray[np.complexfloating[Any]], size: int
) -> NDArray[np.floating[Any]]:
    """``(size,)`` sum over all bands of products, by how far the second begins in the first."""
    return np.fft.irfft((known * heard.conj()).sum(axis=0), size)


def _dependence(
    known: NDArray[np.complexfloating[Any]],
    heard: NDArray[np.complexfloating[Any]],
    least: int,
    size: int,
) -> float:
    """How many bits count as one: the sum over all lags of both autocorrelations' products.

    Lags in time and across bands. What lies below the noise of the shorter one's estimate is left
    out: where both sounds are the same, noise would agree with itself.
    """
    powers = [float(_correlate(each, each, size)[0]) for each in (known, heard)]
    noise = _NOISE / math.sqrt(_BITS * least)
    total = 0.0
    for lag in range(_BITS):
        one, other = (
            _correlate(each[: _BITS - lag], each[lag:], size) / max(power, 1e-12)
            for each, power in zip((known, heard), powers, strict=True)
        )
        counts = (np.abs(one) > noise) & (np.abs(other) > noise)
        # Autocorrelations are even: each lag across bands stands for its negative too.
        total += (2 if lag else 1) * float(np.sum(one[counts] * other[counts]))
    return max(1.0, total)


def _bit_error_rate(known: Fingerprint, heard: Fingerprint, offset: int) -> float:
    """Share of different bits where ``heard`` begins at the sub-fingerprint ``offset``."""
    here = slice(max(0, offset), min(len(known), offset + len(heard)))
    there = slice(here.start - offset, here.stop - offset)
    both = known.audible[here] & heard.audible[there]
    different = np.bitwise_count(known.words[here] ^ heard.words[there])[both]
    return float(np.mean(different)) / _BITS
