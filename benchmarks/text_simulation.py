"""Texts for measuring detectors, as tokens: marked ones from real distributions, and human ones.

How strong a mark is depends on the distributions that tokens are drawn from, and on nothing else of
a model. So marked texts are drawn step by step from a bank of real ones, without the model.
"""

from __future__ import annotations

import gzip
import html
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens import philox
from labeler.codec.tokens.schemes import PhiloxGumbel
from labeler.codec.tokens.statistic import TokenIds

__all__ = ["BANK", "Bank", "edited", "human_documents", "pasted"]

BANK: Final = Path(__file__).parent.parent / "tests" / "data" / "text" / "bank.npz"
_CANDIDATES: Final = 64
_VOCABULARY: Final = 49_152
_WORD: Final = re.compile(r"\w+|[^\w\s]")
_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Next-token distributions, cut to what a sampler leaves of them."""

    ids: TokenIds
    """``(n, k)`` int64."""
    log_probabilities: NDArray[np.float64]
    """``(n, k)``, natural; -inf for what the sampler leaves out."""

    @classmethod
    def load(cls, *, temperature: float, top_p: float = 1.0, path: Path = BANK) -> Bank:
        """The distributions of a file at a temperature."""
        with np.load(path) as file:
            ids = file["ids"][:, :_CANDIDATES].astype(np.int64)
            logits = file["logits"][:, :_CANDIDATES].astype(np.float64) / temperature
        weights = np.exp(logits - logits[:, :1])
        weights /= weights.sum(1, keepdims=True)
        weights[np.cumsum(weights, 1) - weights >= top_p] = 0
        weights /= weights.sum(1, keepdims=True)
        with np.errstate(divide="ignore"):
            return cls(ids=ids, log_probabilities=np.log(weights))

    @property
    def entropy_bits(self) -> float:
        """Mean entropy of the distributions."""
        finite = np.where(np.isfinite(self.log_probabilities), self.log_probabilities, 0)
        return float(-(np.exp(self.log_probabilities) * finite).sum(1).mean() / np.log(2))

    def texts(
        self, scheme: PhiloxGumbel | None, documents: int, length: int, rng: np.random.Generator
    ) -> TokenIds:
        """``(documents, length)`` tokens; marked, or by ordinary sampling where there is no scheme.

        A context that a text had before is sampled ordinarily, as the writer does.
        """
        width = 0 if scheme is None else scheme.context_width
        texts = np.full((documents, width + length), -1, np.int64)
        used: list[set[bytes]] = [set() for _ in range(documents)]
        everybody = np.arange(documents)
        for step in range(width, width + length):
            rows = rng.integers(0, len(self.ids), documents)
            candidates = self.ids[rows]
            uniforms = rng.random(candidates.shape)
            if scheme is not None:
                contexts = np.ascontiguousarray(texts[:, step - width : step])
                pairs = zip(used, contexts, strict=True)
                fresh = np.array([_is_new(each, context) for each, context in pairs])
                words = philox.words(scheme.secret, contexts[fresh], candidates[fresh])
                uniforms[fresh] = philox.uniforms(words)
            noise = -np.log(-np.log(np.maximum(uniforms, 1e-300)))
            winners = np.argmax(self.log_probabilities[rows] + noise, axis=1)
            texts[:, step] = candidates[everybody, winners]
        return texts[:, width:]


def edited(text: TokenIds, rate: float, rng: np.random.Generator) -> TokenIds:
    """A text of which so many tokens in a hundred are replaced, left out or followed by another."""
    result: list[int] = []
    for token in text.tolist():
        kind = int(rng.integers(0, 3)) if rng.random() < rate else 3
        other = int(rng.integers(0, _VOCABULARY))
        result.extend(((other,), (), (token, other), (token,))[kind])
    return np.array(result, np.int64)


def pasted(marked: TokenIds, others: TokenIds, at: int) -> TokenIds:
    """Others with the marked text between them."""
    return np.concatenate([others[:at], marked, others[at:]])


def human_documents(length: int) -> list[TokenIds]:
    """Texts by people in Debian's packages ``anarchism``, ``debian-handbook``, ``bible-kjv-text``.

    A token is a word or a sign. What a document shares with an earlier one is in it again.

    Args:
        length: Tokens of each.
    """
    vocabulary: dict[str, int] = {}
    documents: list[TokenIds] = []
    for text in _human_texts():
        tokens = [vocabulary.setdefault(word, len(vocabulary)) for word in _WORD.findall(text)]
        documents.extend(
            np.array(tokens[at : at + length], np.int64)
            for at in range(0, len(tokens) - length + 1, length)
        )
    return documents


def _human_texts() -> Iterator[str]:
    for pattern in (
        "anarchism/markdown/**/*.md*",
        "anarchism/markdown/**/*.txt*",
        "debian-handbook/html/en-US/*.html",
    ):
        for path in sorted(Path("/usr/share/doc").glob(pattern)):
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(
                errors="replace"
            )
            yield html.unescape(_TAG.sub(" ", text)) if ".html" in path.name else text
    try:
        yield subprocess.run(
            ["bible", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return


def _is_new(used: set[bytes], context: TokenIds) -> bool:
    told = context.tobytes()
    is_new = told not in used
    used.add(told)
    return is_new
