"""Find copies and excerpts of logged texts by their shingles, and unrelated texts not.

    bible -f gen1:1-rev22:21 > /tmp/kjv.txt
    python -m benchmarks.text_fingerprints /usr/share/doc/anarchism/html \\
        /usr/share/doc/debian-handbook/html/en-US /tmp/kjv.txt --log-size 1000000

Each positional argument is one body of texts by people, cut into documents of 300 words. Three
quarters of the documents are logged; the others, and texts that a word-trigram model of the same
bodies makes up, are what was never logged. The model is the hardest case there is: it says the
same phrases as the logged texts all the time.

A match is *false* unless the two texts are related: they have 14 words in a row in common, or 20
in passages of four and more in the same order: quotations, and what the Gospels share. Those are
rightly found. Ends with exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import numpy as np

from benchmarks.binomial import interval
from benchmarks.command import benchmark_parser, publish
from benchmarks.tables import markdown_table
from labeler.codec.keys import Key
from labeler.codec.overlap import Overlap, overlap
from labeler.codec.shingles import SHINGLE_WORDS, Selection, shingles, words
from labeler.errors import MediaError
from labeler.media.media_type import sniff
from labeler.media.prose import visible_text
from labeler.registry import Registry, RegistryReader
from labeler.registry.texts import COMMON

WORDS: Final = 300
KEY: Final = Key(bytes(range(32)))
PASSAGE: Final = 14
PASSAGES: Final = 20
LEAST_ALIGNED: Final = 3
"""Pairs with fewer aligned hits are not looked at: far from a match."""
TARGETS: Final = {"30 % edited": 0.99, "60-word excerpt": 0.99, "30-word excerpt": 0.93}
LOOKUP_MS: Final = 2.0
_PER_TEXT: Final = 65
"""Selected shingles of a text of 300 words."""

Words = tuple[str, ...]
Edit = Callable[[np.random.Generator, Words, Words], Words]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How often a kind of copy is found."""

    kind: str
    trials: int
    found: int
    hits: float
    """Median of the aligned hits with its original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """What unrelated texts have in common with logged ones."""

    kind: str
    queries: int
    pairs: int
    """With each logged text."""
    related: int
    """Queries that match related texts only."""
    false: int
    """Queries that match a text that is not related."""
    aligned: tuple[int, ...]
    """Unrelated pairs that have at least 3, 4, … 8 aligned hits."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether targets are met."""
    options = _parser().parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    documents = [each for body in options.texts for each in _documents(body)]
    order = rng.permutation(len(documents))
    logged = [documents[each] for each in order[: 3 * len(order) // 4]]
    held_out = [documents[each] for each in order[3 * len(order) // 4 :]]
    model = _model(documents)
    invented = [_invent(rng, model) for _ in held_out[: options.strangers]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "registry.sqlite3")
        if options.log_size:
            _fill(file, options.log_size)
        with Registry.open(str(file)) as registry:
            _log(registry, logged)
            recalls = [_recall(registry, rng, kind, logged, options.trials) for kind in EDITS]
            times = _times(registry, held_out[:500] + logged[:500])
    index = _Index(logged)
    strangers = [
        _strangers("people's", index, held_out[: options.strangers]),
        _strangers("trigram model's", index, invented),
    ]
    report = _report(recalls, strangers, times, len(logged), options.log_size)
    publish(options, report, [asdict(each) for each in (*recalls, *strangers)])
    met = all(each.found / each.trials >= TARGETS.get(each.kind, 0.0) for each in recalls)
    sys.exit(0 if met and not strangers[0].false and median(times) <= LOOKUP_MS else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("text_fingerprints", __doc__, workers=False)
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXTS", help="file or folder")
    parser.add_argument("--seed", type=int, default=1, help="of edits and choices (default: 1)")
    parser.add_argument("--trials", type=int, default=400, help="of each edit (default: 400)")
    parser.add_argument(
        "--strangers", type=int, default=2500, help="most queries of a kind (default: 2500)"
    )
    parser.add_argument(
        "--log-size",
        type=int,
        default=0,
        metavar="TEXTS",
        help="fill the log with so many random texts before (default: 0)",
    )
    return parser


# ---------------------------------------------------------------- texts


def _documents(body: Path) -> Iterator[Words]:
    """Pieces of 300 words."""
    files = sorted(body.rglob("*")) if body.is_dir() else [body]
    for file in files:
        if file.suffix not in {".txt", ".md", ".markdown", ".html"}:
            continue
        data = file.read_bytes()
        try:
            text = visible_text(data, sniff(data, name=str(file)), name=str(file))
        except MediaError as error:
            print(error, file=sys.stderr)
            continue
        found = tuple(words(text))
        for start in range(0, len(found) - WORDS + 1, WORDS):
            yield found[start : start + WORDS]


def _model(documents: Sequence[Words]) -> Mapping[tuple[str, str], list[str]]:
    followers: dict[tuple[str, str], list[str]] = {}
    for each in documents:
        for first, second, third in zip(each, each[1:], each[2:], strict=False):
            followers.setdefault((first, second), []).append(third)
    return followers


def _invent(rng: np.random.Generator, model: Mapping[tuple[str, str], list[str]]) -> Words:
    starts = list(model)
    text: list[str] = []
    while len(text) < WORDS:
        follow = model.get((text[-2], text[-1])) if len(text) > 1 else None
        if follow is None:
            text.extend(starts[rng.integers(len(starts))])
        else:
            text.append(follow[rng.integers(len(follow))])
    return tuple(text[:WORDS])


def _edited(share: float) -> Edit:
    """A share of the words deleted, replaced, or with another one put before."""

    def edit(rng: np.random.Generator, text: Words, others: Words) -> Words:
        done: list[str] = []
        for word in text:
            if rng.random() >= share:
                done.append(word)
                continue
            kind, other = rng.integers(3), others[rng.integers(len(others))]
            done.extend(((), (other,), (other, word))[kind])
        return tuple(done)

    return edit


def _excerpt(count: int) -> Edit:
    def edit(rng: np.random.Generator, text: Words, others: Words) -> Words:
        del others
        start = rng.integers(len(text) - count + 1)
        return text[start : start + count]

    return edit


def _edited_excerpt(rng: np.random.Generator, text: Words, others: Words) -> Words:
    return _edited(0.1)(rng, _excerpt(60)(rng, text, others), others)


def _pasted(count: int) -> Edit:
    def edit(rng: np.random.Generator, text: Words, others: Words) -> Words:
        at = rng.integers(len(others))
        return others[:at] + _excerpt(count)(rng, text, others) + others[at:]

    return edit


EDITS: Final[Mapping[str, Edit]] = {
    "10 % edited": _edited(0.1),
    "30 % edited": _edited(0.3),
    "50 % edited": _edited(0.5),
    "60-word excerpt": _excerpt(60),
    "30-word excerpt": _excerpt(30),
    "60-word excerpt, 10 % edited": _edited_excerpt,
    "60 words among 300 others": _pasted(60),
    "30 words among 300 others": _pasted(30),
}


# ---------------------------------------------------------------- measuring


def _fill(file: Path, count: int) -> None:
    """Random texts, as far as looking up takes time for them: their shingles, in order."""
    Registry.open(str(file)).close()
    rng = np.random.default_rng(1)
    values = np.sort(rng.integers(-(1 << 63), (1 << 63) - 1, _PER_TEXT * count, np.int64))
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA synchronous = OFF")
    for part in np.array_split(values, max(1, len(values) // 1_000_000)):
        # Numbers that the log itself does not give.
        texts = rng.integers(1 << 31, (1 << 31) + count, len(part))
        rows = zip(part.tolist(), texts.tolist(), strict=True)
        connection.executemany("INSERT OR IGNORE INTO text_shingle VALUES (?, ?)", rows)
        connection.commit()
    connection.close()


def _log(registry: Registry, documents: Sequence[Words]) -> None:
    for number, each in enumerate(documents):
        registry.log_text(None, shingles(" ".join(each), KEY), reference=str(number))


def _recall(
    registry: RegistryReader,
    rng: np.random.Generator,
    kind: str,
    logged: Sequence[Words],
    trials: int,
) -> Recall:
    found, hits = 0, []
    for number in rng.choice(len(logged), min(trials, len(logged)), replace=False):
        other = logged[rng.integers(len(logged))]
        text = shingles(" ".join(EDITS[kind](rng, logged[number], other)), KEY)
        matches = registry.find_text(text)
        found += any(
            output.reference == str(number) for match in matches for output in match.outputs
        )
        original = shingles(" ".join(logged[number]), KEY).selection
        hits.append(overlap(original, text).aligned)
    return Recall(kind=kind, trials=len(hits), found=found, hits=median(hits))


def _times(registry: RegistryReader, documents: Sequence[Words]) -> list[float]:
    """Milliseconds of looking up whole documents, logged ones and others."""
    taken = []
    for each in documents:
        text = shingles(" ".join(each), KEY)
        begin = time.perf_counter()
        registry.find_text(text)
        taken.append(1e3 * (time.perf_counter() - begin))
    return taken


class _Index:
    """The logged texts in memory, for comparing each query with all of them."""

    def __init__(self, documents: Sequence[Words]) -> None:
        self.selections: list[Selection] = [
            shingles(" ".join(each), KEY).selection for each in documents
        ]
        self.documents = documents
        values = np.concatenate([each.values for each in self.selections])
        owners = np.repeat(
            np.arange(len(documents)), [len(each.values) for each in self.selections]
        )
        order = np.argsort(values, kind="stable")
        self._values, self._owners = values[order], owners[order]

    def compare(self, text: Words) -> Iterator[tuple[int, Overlap]]:
        """Each logged text that shares a shingle."""
        made = shingles(" ".join(text), KEY)
        first = np.searchsorted(self._values, made.values, side="left")
        last = np.searchsorted(self._values, made.values, side="right")
        is_common = last - first > COMMON
        owners = {
            int(owner)
            for begin, end in zip(first[~is_common], last[~is_common], strict=True)
            for owner in self._owners[begin:end]
        }
        for owner in owners:
            yield owner, overlap(self.selections[owner], made, common=made.values[is_common])


def _strangers(kind: str, index: _Index, queries: Sequence[Words]) -> Strangers:
    counts: Counter[int] = Counter()
    related = false = 0
    for each in queries:
        verdicts = set()
        for owner, found in index.compare(each):
            if found.aligned < LEAST_ALIGNED and not found.is_match:
                continue
            are_related = _are_related(each, index.documents[owner])
            if found.is_match:
                verdicts.add(are_related)
            if not are_related:
                counts.update(range(LEAST_ALIGNED, min(found.aligned, 8) + 1))
        false += False in verdicts
        related += verdicts == {True}
    return Strangers(
        kind=kind,
        queries=len(queries),
        pairs=len(queries) * len(index.selections),
        related=related,
        false=false,
        aligned=tuple(counts[each] for each in range(LEAST_ALIGNED, 9)),
    )


def _are_related(one: Words, other: Words) -> bool:
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    sizes = [each.size for each in blocks if each.size >= SHINGLE_WORDS]
    return max(sizes, default=0) >= PASSAGE or sum(sizes) >= PASSAGES


# ---------------------------------------------------------------- telling


def _report(
    recalls: Sequence[Recall],
    strangers: Sequence[Strangers],
    times: Sequence[float],
    logged: int,
    others: int,
) -> str:
    found = [
        (
            each.kind,
            f"{each.found / each.trials:.4f}",
            f"{interval(each.found, each.trials)[0]:.3f}",
            each.trials,
            f"{each.hits:.0f}",
        )
        for each in recalls
    ]
    unrelated = [
        (
            each.kind,
            each.queries,
            each.pairs,
            each.related,
            each.false,
            f"{interval(each.false, each.queries)[1]:.1e}",
            " ".join(map(str, each.aligned)),
        )
        for each in strangers
    ]
    late = quantiles(times, n=100)[98]
    return "\n\n".join(
        (
            f"{logged} texts of {WORDS} words logged, among {others} others.",
            markdown_table(("copy", "found", "at least (95 %)", "trials", "aligned hits"), found),
            markdown_table(
                (
                    *("never logged", "queries", "pairs", "related", "false"),
                    *("at most (95 %)", "unrelated pairs with ≥ 3 … ≥ 8 aligned"),
                ),
                unrelated,
            ),
            f"Lookup: median {median(times):.2f} ms, 99 of 100 within {late:.2f} ms.",
        )
    )


if __name__ == "__main__":
    main()
