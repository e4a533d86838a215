"""False positives on text made from templates, with and without the boilerplate filter.

Reports of one kind share most of their words. A key that happens to like those finds itself in all
of them; leaving out what other, unmarked reports of the kind hold undoes that. Every text here is
written by filling in a template a dozen times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.binomial import at_least
from benchmarks.command import benchmark_parser, publish
from benchmarks.tables import markdown_table
from detectors.text import Boilerplate, detect, vet
from labeler.codec.tokens.contexts import windows
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.philox import words
from labeler.codec.tokens.schemes import PhiloxGumbel
from labeler.codec.tokens.statistic import TokenIds
from labeler.codec.tokens.tails import log_gamma_tail

__all__ = ["main"]

_LEVELS: Final = (1e-2, 1e-3, 1e-4, 1e-6)
_TOO_RARE: Final = 1e-3
_WORD: Final = re.compile(r"\w+|[^\w\s]")
_REFERENCE: Final = 60
_NAIVE: Final = "counts repetitions"
_PLAIN: Final = "detect"
_FILTERED: Final = "detect, boilerplate left out"
_VETTED: Final = "the same with vetted keys"
_HEADER: Final = ("Width", "Detector", "Level", "Expected", "Count", "Verdict")
_FILLINGS: Final = {
    "place": ("Aldham", "Brinton", "Corby", "Dunmere", "Eskdale", "Fenwick", "Garston", "Hallow"),
    "name": ("Ash", "Bell", "Cole", "Dane", "Elm", "Frost", "Gale", "Hart", "Ives", "Kerr", "Moss"),
    "sky": ("sunny", "cloudy", "overcast", "clear", "foggy"),
    "side": ("north", "south", "east", "west"),
}
_WEATHER: Final = (
    "Weather report for {place}. Today will be mostly {sky}, with a high of {n} degrees and a low "
    "of {n} degrees. Winds will come from the {side} at {n} kilometres an hour. The chance of rain "
    "is {n} per cent. Residents of {place} are advised to check the forecast again before they "
    "travel, and to keep away from the river while the water is high."
)
_ORDER: Final = (
    "Dear {name}, thank you for your order number {n}. We are pleased to tell you that {n} items "
    "have left our warehouse in {place} and will reach you within {n} working days. If anything is "
    "missing or damaged, please write to our customer service in {place} within {n} days, and name "
    "the number of your order. With kind regards, {name}, customer service."
)
_TEST: Final = (
    "Test report {n}. Unit {name} was run {n} times on machine {n} in {place}. Of these runs {n} "
    "passed and {n} failed; the slowest took {n} seconds. No errors were found in the log. The "
    "result is stored under number {n} and will be kept for {n} days, after which it is removed "
    "together with all files that belong to it."
)
_KINDS: Final = (_WEATHER, _ORDER, _TEST)
_LICENCE: Final = (
    "This message and any attachment are confidential and meant for the person to whom they are "
    "addressed only. If you are not that person, please tell the sender, delete the message, and "
    "do not copy it or give it to anybody else. Nothing in this message is an offer or a promise "
    "unless a contract signed by both sides says so. Opinions are those of the writer and not "
    "those of the company."
)


def main() -> None:
    """Measure, and print a table."""
    parser = benchmark_parser("text_templates", __doc__, workers=False)
    parser.add_argument("--texts", type=int, default=50, help="default: 50")
    parser.add_argument("--keys", type=int, default=100, help="for each text (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    options = parser.parse_args()
    rows = []
    for width in (2, 4):
        rng = np.random.default_rng(options.seed)
        rows += _rows(width, options.texts, options.keys, rng)
    publish(
        options,
        markdown_table(_HEADER, rows),
        [dict(zip(_HEADER, map(str, row), strict=True)) for row in rows],
    )


def _rows(width: int, count: int, keys: int, rng: np.random.Generator) -> list[tuple[object, ...]]:
    vocabulary: dict[str, int] = {}
    reference = [_text(rng, vocabulary) for _ in range(_REFERENCE)]
    texts = [_text(rng, vocabulary) for _ in range(count)]
    boilerplate = Boilerplate.build(reference, widths=[width], least_documents=2)
    values: dict[str, list[float]] = {_NAIVE: []}
    values |= {_PLAIN: [], _FILTERED: [], _VETTED: []}
    for _ in range(keys):
        secret = int(rng.integers(1 << 41, 1 << 63))
        key = TextKey(scheme=PhiloxGumbel(secret=secret, context_width=width))
        is_good = not vet(key, reference).is_rejected
        for text in texts:
            kept = detect(text, [key], boilerplate=boilerplate).p_value
            values[_NAIVE].append(_naive(text, secret, width))
            values[_PLAIN].append(detect(text, [key]).p_value)
            values[_FILTERED].append(kept)
            if is_good:
                values[_VETTED].append(kept)
    return [_row(width, what, level, each) for what, each in values.items() for level in _LEVELS]


def _row(width: int, what: str, level: float, values: Sequence[float]) -> tuple[object, ...]:
    count = sum(each <= level for each in values)
    verdict = "TOO MANY" if at_least(count, len(values), level) < _TOO_RARE else "holds"
    expected = f"{level * len(values):.4g} of {len(values)}"
    return (width, what, f"{level:.0e}", expected, count, verdict)


def _naive(text: TokenIds, secret: int, width: int) -> float:
    """What a detector gives that counts repetitions."""
    contexts, tokens, _ = windows(text, width)
    drawn = words(secret, contexts, tokens[:, None])[:, 0]
    total = float(-np.log1p(-(drawn / 2.0**32)).sum())
    return float(np.exp(log_gamma_tail(total, len(tokens))))


def _text(rng: np.random.Generator, vocabulary: dict[str, int]) -> TokenIds:
    """A dozen entries of one kind, the notice that all texts bear, as tokens."""
    kind = _KINDS[int(rng.integers(0, len(_KINDS)))]
    entries = [_filled(kind, rng) for _ in range(12)]
    told = " ".join([*entries, _LICENCE])
    return np.array(
        [vocabulary.setdefault(word, len(vocabulary)) for word in _WORD.findall(told)], np.int64
    )


def _filled(kind: str, rng: np.random.Generator) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] == "n":
            return str(rng.integers(1, 1000))
        return str(rng.choice(_FILLINGS[match[1]]))

    return re.sub(r"\{(\w+)\}", value, kind)


if __name__ == "__main__":
    main()
