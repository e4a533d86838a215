"""How well marked text is found after edits, and a marked passage in other text.

Texts are drawn from a bank of real distributions (`benchmarks.text_simulation`). Of edited tokens
a third are replaced, a third left out, and a third followed by another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.command import benchmark_parser, publish
from benchmarks.tables import markdown_table, percent
from benchmarks.text_simulation import Bank, edited, pasted
from detectors.text import TextDetection, detect
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import PhiloxGumbel

__all__ = ["main"]

_SAMPLERS: Final = ((0.7, 0.95), (0.7, 1.0), (1.0, 1.0))
"""Temperature and top-p."""
_RATES: Final = (0.0, 0.1, 0.3, 0.5)
_WIDTHS: Final = (1, 2, 4)
_PASSAGES: Final = (50, 100, 200)
_SURROUNDINGS: Final = 900
_TOLERANCE: Final = 25
_HEADER: Final = ("Sampler", "Width", "Tokens", "What", "p <= 1e-3", "p <= 1e-6", "log10 p", "Span")


def main() -> None:
    """Measure, and print a table."""
    parser = benchmark_parser("text_edits", __doc__, workers=False)
    parser.add_argument("--texts", type=int, default=200, help="of each kind (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = [
        row
        for temperature, top_p in _SAMPLERS
        for width in _WIDTHS
        for row in _rows(temperature, top_p, width, options.texts, rng)
    ]
    table = markdown_table(_HEADER, rows)
    publish(options, table, [dict(zip(_HEADER, row, strict=True)) for row in rows])


def _rows(
    temperature: float, top_p: float, width: int, texts: int, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    bank = Bank.load(temperature=temperature, top_p=top_p)
    secret = int(rng.integers(1 << 41, 1 << 63))
    key = TextKey(scheme=PhiloxGumbel(secret=secret, context_width=width))
    sampler = f"T {temperature}, top-p {top_p} ({bank.entropy_bits:.2f} bit)"
    rows: list[tuple[str, ...]] = []
    for length in (200, 400):
        marked = bank.texts(PhiloxGumbel(secret=secret, context_width=width), texts, length, rng)
        for rate in _RATES:
            found = [detect(edited(each, rate, rng), [key]) for each in marked]
            rows.append((sampler, str(width), str(length), f"{rate:.0%} edits", *_told(found), ""))
    others = bank.texts(None, texts, _SURROUNDINGS, rng)
    for length in _PASSAGES:
        places = rng.integers(0, _SURROUNDINGS + 1, texts).tolist()
        found = [
            detect(pasted(passage[:length], other, at), [key])
            for passage, other, at in zip(marked, others, places, strict=True)
        ]
        what = f"in {_SURROUNDINGS} others"
        span = _spans(found, places, length)
        rows.append((sampler, str(width), str(length), what, *_told(found), span))
    return rows


def _told(found: Sequence[TextDetection]) -> tuple[str, str, str]:
    logs = np.array([each.log_p_value for each in found]) / math.log(10)
    rates = [percent(int((logs <= level).sum()), len(logs)) for level in (-3, -6)]
    return rates[0], rates[1], f"{np.median(logs):.1f}"


def _spans(found: Sequence[TextDetection], places: Sequence[int], length: int) -> str:
    """Of those that were found, how many are where they are."""
    spans = [
        (each.span, at) for each, at in zip(found, places, strict=True) if each.span is not None
    ]
    right = sum(
        abs(span.start - at) <= _TOLERANCE and abs(span.stop - at - length) <= _TOLERANCE
        for span, at in spans
    )
    return percent(right, len(spans))


if __name__ == "__main__":
    main()
