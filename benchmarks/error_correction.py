"""How weak a mark may be for its payload to be read: the polar code against its rivals.

    python -m benchmarks.error_correction [--frames N]

Each code carries 80-bit frames over the same chips: a chip is +1 or -1, code bits are dealt to the
chips in one random permutation after another, and the log-likelihood ratios of a bit's chips are
added. A frame is read when it is in the decoder's list (the CRC then picks it). Three channels, all
with Gaussian noise: all chips alike; strength falling evenly by 12 dB from the first chip to the
last; and the second half of the chips lost. Es/N0 is the mean over all chips, lost ones too.
The table gives the Es/N0 at which one frame in ten and one in a hundred is lost (less is better).
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.convolutional_code import ConvolutionalCode
from benchmarks.tables import markdown_table
from labeler.codec.error_correction import CANDIDATES, CODE_BITS
from labeler.codec.payload import FRAME_BITS
from labeler.codec.polar import PolarCode, reliable_positions

CHIPS: Final = 1364
_LEVELS: Final = (1e-1, 1e-2)
_FIRST_DB: Final = -13.5
_LAST_DB: Final = -8.0
_STEP_DB: Final = 0.25
_BATCH: Final = 100
_TIMINGS: Final = 21

_Bits = NDArray[np.uint8]
_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A code with its decoder."""

    name: str
    code_bits: int
    encode: Callable[[_Bits], _Bits]
    """Code words ``(n, code_bits)`` of frames ``(n, 80)``."""
    decoders: tuple[Callable[[_Floats, _Bits], _Bits], ...]
    """Each gives frames ``(n, m, 80)`` for log-likelihood ratios (and, for bounds, for what was
    sent). The last is the one that is meant; those before it are quicker, and find nothing that it
    would not find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A carrier: how strong its chips arrive."""

    name: str
    energies: _Floats
    """``(chips,)`` relative energy of each chip, of mean 1."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    options = _parser().parse_args(arguments)
    channels = _channels(options.chips)
    header = ["code", "ms"]
    header += [f"{channel.name}, {level:g}" for channel in channels for level in _LEVELS]
    rows = []
    for candidate in _candidates(options.only):
        row = [candidate.name, f"{_milliseconds(candidate):.1f}"]
        for channel in channels:
            rates = _error_rates(candidate, channel, options.frames)
            row += [_format_db(_crossing(rates, level)) for level in _LEVELS]
        rows.append(row)
        print(" | ".join(row), file=sys.stderr, flush=True)
    print(f"Es/N0 in dB, {options.chips} chips, {options.frames} frames a point; ms for one word\n")
    print(markdown_table(header, rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.error_correction",
        description="Measure how weak a mark may be for its payload to be read.",
    )
    parser.add_argument("--frames", type=int, default=1000, help="frames a point (%(default)s)")
    parser.add_argument("--chips", type=int, default=CHIPS, help="chips a frame (%(default)s)")
    parser.add_argument("--only", default="", help="only codes whose name contains this")
    return parser


def _channels(chips: int) -> tuple[Channel, ...]:
    falling = 10 ** (np.linspace(0, -12, chips, dtype=np.float32) / 10)
    half = (np.arange(chips) < chips // 2).astype(np.float32)
    return (
        Channel(name="even", energies=np.ones(chips, np.float32)),
        Channel(name="falling 12 dB", energies=falling / falling.mean()),
        Channel(name="half lost", energies=half / half.mean()),
    )


def _candidates(only: str) -> list[Candidate]:
    chosen = reliable_positions(CODE_BITS, FRAME_BITS, inverse_capacity=32)
    short = reliable_positions(512, FRAME_BITS, inverse_capacity=16)
    by_weight = _polarisation_weight(CODE_BITS, FRAME_BITS)
    candidates = [
        *[_polar("polar 1024", chosen, CODE_BITS, size) for size in (8, 16, 32, 64, CANDIDATES)],
        *[_polar("polar 1024, pol. weight", by_weight, CODE_BITS, size) for size in (32, 128)],
        *[_polar("polar 512", short, 512, size) for size in (32, 128)],
        *[_convolutional(tail_biting=False, list_size=size) for size in (1, 8, 32)],
        _convolutional(tail_biting=True, list_size=32),
    ]
    return [candidate for candidate in candidates if only in candidate.name]


def _polar(name: str, positions: tuple[int, ...], length: int, list_size: int) -> Candidate:
    code = PolarCode(length, positions)
    return Candidate(
        name=f"{name}, list {list_size}",
        code_bits=length,
        encode=code.encode,
        decoders=(lambda llrs, _sent: code.decode(llrs, list_size=list_size),),
    )


def _convolutional(*, tail_biting: bool, list_size: int) -> Candidate:
    code = ConvolutionalCode(FRAME_BITS, tail_biting=tail_biting)

    def decoder(size: int) -> Callable[[_Floats, _Bits], _Bits]:
        return lambda llrs, sent: code.decode(llrs, code.end_states(sent), list_size=size)

    kind = "tail-biting, bound" if tail_biting else "zero tail"
    return Candidate(
        name=f"convolutional {code.length} ({kind}), list {list_size}",
        code_bits=code.length,
        encode=code.encode,
        decoders=tuple(map(decoder, sorted({1, list_size}))),
    )


def _polarisation_weight(length: int, count: int) -> tuple[int, ...]:
    """Positions by polarisation weight (G. He et al. 2017), the start of the 5G sequence."""
    position = np.arange(length)
    exponents = np.arange(length.bit_length() - 1)
    weight = (position[:, None] >> exponents & 1) @ 2 ** (exponents / 4)
    return tuple(sorted(np.argsort(weight)[-count:].tolist()))


def _error_rates(candidate: Candidate, channel: Channel, frames: int) -> list[tuple[float, float]]:
    """Pairs of Es/N0 in dB and frame error rate, until the rate is well below the last level."""
    rates: list[tuple[float, float]] = []
    es_n0_db = _FIRST_DB
    while es_n0_db <= _LAST_DB:
        rng = np.random.default_rng(int(-100 * es_n0_db))
        lost = sum(_lost(candidate, channel, es_n0_db, rng) for _ in range(frames // _BATCH))
        rates.append((es_n0_db, lost / (frames // _BATCH * _BATCH)))
        if rates[-1][1] < _LEVELS[-1] / 2:
            break
        # No point is wanted where nearly everything is lost.
        es_n0_db += 2 * _STEP_DB if rates[-1][1] > 0.5 else _STEP_DB
    return rates


def _lost(candidate: Candidate, channel: Channel, es_n0_db: float, rng: np.random.Generator) -> int:
    """How many of a batch of frames are not in the decoder's list."""
    frames = rng.integers(0, 2, (_BATCH, FRAME_BITS), dtype=np.uint8)
    received = _transmit(candidate.encode(frames), channel, es_n0_db, rng)
    for decode in candidate.decoders:
        missing = ~_contains(decode(received, frames), frames)
        frames, received = frames[missing], received[missing]
    return len(frames)


def _transmit(words: _Bits, channel: Channel, es_n0_db: float, rng: np.random.Generator) -> _Floats:
    """``(n, code_bits)`` log-likelihood ratios of code words that went over the channel."""
    code_bits = words.shape[1]
    chips = channel.energies.size
    passes = -(-chips // code_bits)
    dealt = np.concatenate([rng.permutation(code_bits) for _ in range(passes)])[:chips]
    amplitude = np.sqrt(2 * 10 ** (es_n0_db / 10) * channel.energies)
    noise = rng.standard_normal((len(words), chips), np.float32)
    heard = amplitude * (1 - 2 * words[:, dealt].astype(np.float32)) + noise
    soft = np.zeros((code_bits, len(words)), np.float32)
    np.add.at(soft, dealt, (2 * amplitude * heard).T)
    return np.ascontiguousarray(soft.T)


def _contains(candidates: _Bits, frames: _Bits) -> NDArray[np.bool_]:
    """``(n,)`` whether each frame is among its candidates."""
    found: NDArray[np.bool_] = (candidates == frames[:, None]).all(axis=2).any(axis=1)
    return found


def _milliseconds(candidate: Candidate) -> float:
    """Median time to decode one word near the threshold."""
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 2, (1, FRAME_BITS), dtype=np.uint8)
    received = _transmit(candidate.encode(frame), _channels(CHIPS)[0], -12.5, rng)
    times = []
    for _ in range(_TIMINGS):
        start = time.perf_counter()
        candidate.decoders[-1](received, frame)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def _crossing(rates: list[tuple[float, float]], level: float) -> float:
    """Es/N0 in dB at which the error rate falls below ``level``, by its logarithm."""
    for (db, rate), (next_db, next_rate) in itertools.pairwise(rates):
        if rate >= level > next_rate:
            log_rate, log_next = math.log(rate), math.log(max(next_rate, level / 10))
            return db + (next_db - db) * (log_rate - math.log(level)) / (log_rate - log_next)
    return math.nan


def _format_db(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
