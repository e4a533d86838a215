"""Tokens that say nothing about a mark: those of templates, system prompts and stock phrases.

The p-values hold for a key drawn at random. One given key meets the same boilerplate in thousands
of documents, and where it happens to score high there, all of them look marked. So what is known
to be boilerplate is left out, and a key that scores high on a reference corpus is not used.

As a file: a line that names the format, a line of JSON, then for each context width its hashes,
64 bits each, little-endian, ascending.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import DEFAULT_CONTEXT_WIDTH, ROBUST_CONTEXT_WIDTH
from labeler.codec.tokens.statistic import TokenIds
from labeler.codec.tokens.statistics import statistic_of
from labeler.errors import OutputError, SettingsError

__all__ = ["Boilerplate", "Vetting", "vet"]

_Hashes = NDArray[np.uint64]

_MAGIC: Final = b"labeler boilerplate 1\n"
_WIDTHS: Final = (ROBUST_CONTEXT_WIDTH, DEFAULT_CONTEXT_WIDTH)
_MAX_WIDTH: Final = 64
_HEADER_BYTES: Final = 65536
_BATCH: Final = 1 << 20
_REBUILD: Final = "Build it anew from the reference documents"
_LIMIT_SIGMAS: Final = 3.0
# Steele, Lea and Flood 2014: the steps of the generator SplitMix64.
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boilerplate:
    """The n-grams, a context and the token behind it, of documents that carry no mark.

    Different n-grams may share a hash; one in 10**10 tokens or so is then left out for nothing.
    """

    hashes: Mapping[int, _Hashes] = field(repr=False)
    """For each context width the 64-bit hashes of the n-grams, ascending."""
    tokenizer: str | None = None
    """SHA-256 of the ``tokenizer.json``; None where it is not known."""

    @property
    def widths(self) -> tuple[int, ...]:
        """The context widths of the keys that it serves."""
        return tuple(sorted(self.hashes))

    @classmethod
    def build(
        cls,
        documents: Iterable[ArrayLike],
        *,
        widths: Iterable[int] = _WIDTHS,
        least_documents: int = 1,
        tokenizer: str | None = None,
    ) -> Boilerplate:
        """From documents that carry no mark: templates as they are filled in, system prompts.

        Args:
            documents: The token ids of each.
            widths: Context widths of the keys that it is to serve, 1 to 64.
            least_documents: In how many documents an n-gram must be to count as boilerplate; 2 for
                a corpus of ordinary texts.
            tokenizer: See `Boilerplate`.

        Raises:
            ValueError: A width or number is out of range.
        """
        wanted = sorted(set(widths))
        if not wanted or wanted[0] < 1 or wanted[-1] > _MAX_WIDTH or least_documents < 1:
            raise ValueError("context widths are 1 to 64, documents at least 1")
        parts: defaultdict[int, list[_Hashes]] = defaultdict(list)
        for document in documents:
            ids = np.asarray(document, np.int64)
            for width in wanted:
                contexts, tokens, _ = windows(ids, width)
                parts[width].append(np.unique(_hashed(contexts, tokens)))
        return cls(
            hashes={width: _common(parts[width], least_documents) for width in wanted},
            tokenizer=tokenizer,
        )

    def covers(self, contexts: TokenIds, tokens: TokenIds) -> NDArray[np.bool_]:
        """Which of the n-grams are boilerplate.

        Args:
            contexts: ``(n, width)`` int64.
            tokens: ``(n,)`` int64.

        Of a width that it was not built for it knows none.
        """
        known = self.hashes.get(contexts.shape[1], np.zeros(0, np.uint64))
        if not len(known):
            return np.zeros(len(tokens), np.bool_)
        wanted = _hashed(contexts, tokens)
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        covered: NDArray[np.bool_] = known[at] == wanted
        return covered

    def save(self, path: Path) -> None:
        """Write it to a new file.

        Raises:
            OutputError: The file exists, or cannot be written.
        """
        body = b"".join(self.hashes[width].astype("<u8").tobytes() for width in self.widths)
        header = {
            "counts": {str(width): len(self.hashes[width]) for width in self.widths},
            "tokenizer": self.tokenizer,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("xb") as file:
                file.write(_MAGIC + json.dumps(header).encode() + b"\n" + body)
            try:
                os.link(part, path)  # unlike renaming it replaces nothing
            finally:
                part.unlink()
        except OSError as error:
            raise OutputError(
                f"the boilerplate cannot be written ({error.strerror})",
                file=path,
                hint="Choose another path, or remove the file that is there",
            ) from error

    @classmethod
    def load(cls, path: Path) -> Boilerplate:
        """From a file that `save` wrote.

        Raises:
            SettingsError: It cannot be read, or is damaged.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"the boilerplate cannot be read ({error.strerror})",
                file=path,
                hint="Check its path and permissions",
            ) from error
        try:
            return _parsed(data)
        except (
            AttributeError,
            KeyError,
            OverflowError,
            RecursionError,
            TypeError,
            ValueError,
        ) as e:
            raise SettingsError(
                "damaged, or not a file of boilerplate", file=path, hint=_REBUILD
            ) from e


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetting:
    """How a key does on text that it did not mark."""

    key_id: str
    ngrams: int
    """Different n-grams that were scored."""
    z: float
    """Standard errors by which their mean score exceeds what is expected."""

    @property
    def is_rejected(self) -> bool:
        """Whether the key is not to be used: it would find itself in unmarked text."""
        return self.z > _LIMIT_SIGMAS


def vet(
    key: TextKey, reference: Iterable[ArrayLike], *, boilerplate: Boilerplate | None = None
) -> Vetting:
    """Try ``key`` on a reference corpus that carries no mark, before it is used.

    Args:
        key: One in a thousand is rejected by chance; draw another.
        reference: The token ids of documents like those that it will meet.
        boilerplate: What will be left out when text is verified.

    Raises:
        ValueError: The corpus has fewer than two n-grams.
    """
    statistic = statistic_of(key.scheme)
    parts = [windows(np.asarray(each, np.int64), statistic.context_width) for each in reference]
    if sum(len(tokens) for _, tokens, _ in parts) < 2:
        raise ValueError("the reference corpus has no text")
    contexts = np.concatenate([each[0] for each in parts])
    tokens = np.concatenate([each[1] for each in parts])
    if boilerplate is not None:
        kept = ~boilerplate.covers(contexts, tokens)
        contexts, tokens = contexts[kept], tokens[kept]
    kept = first_occurrences(contexts, tokens)
    contexts, tokens = contexts[kept], tokens[kept]
    scores = np.concatenate(
        [
            statistic.scores(contexts[at : at + _BATCH], tokens[at : at + _BATCH])
            for at in range(0, len(tokens), _BATCH)
        ]
        or [np.zeros(0)]
    )
    spread = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
    z = (float(scores.mean()) - statistic.mean) / spread * math.sqrt(len(scores)) if spread else 0.0
    return Vetting(key_id=key.key_id, ngrams=len(scores), z=z)


def _hashed(contexts: TokenIds, tokens: TokenIds) -> _Hashes:
    """Hashes of n-grams: SplitMix64's finaliser after each token."""
    state = np.zeros(len(tokens), np.uint64)
    for column in (*contexts.T, tokens):
        state ^= column.astype(np.uint64)
        state += _GOLDEN
        for shift, factor in _MIX:
            state ^= state >> np.uint64(shift)
            state *= np.uint64(factor)
        state ^= state >> np.uint64(31)
    return state


def _common(parts: list[_Hashes], least: int) -> _Hashes:
    """What is in at least so many of the parts."""
    if not parts:
        return np.zeros(0, np.uint64)
    values, counts = np.unique(np.concatenate(parts), return_counts=True)
    common: _Hashes = values[counts >= least]
    return common


def _parsed(data: bytes) -> Boilerplate:
    """The content of a file; any of many exceptions where it is damaged."""
    if not data.startswith(_MAGIC):
        raise ValueError("another format")
    end = data.index(b"\n", len(_MAGIC), len(_MAGIC) + _HEADER_BYTES)
    header: dict[str, Any] = json.loads(data[len(_MAGIC) : end])
    body = data[end + 1 :]
    counts = {int(width): int(count) for width, count in header["counts"].items()}
    tokenizer = header["tokenizer"]
    if hashlib.sha256(body).hexdigest() != header["sha256"] or len(body) != 8 * sum(
        counts.values()
    ):
        raise ValueError("cut off or changed")
    if not isinstance(tokenizer, str | None) or min(counts.values(), default=0) < 0:
        raise ValueError("a label that is no text")
    everything = np.frombuffer(body, "<u8").astype(np.uint64)
    ends = np.cumsum(list(counts.values()))[:-1]
    hashes = dict(zip(counts, np.split(everything, ends), strict=True))
    if any(np.any(each[1:] <= each[:-1]) for each in hashes.values()):
        raise ValueError("not ascending")
    return Boilerplate(hashes=hashes, tokenizer=tokenizer)
