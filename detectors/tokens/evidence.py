"""The tokens of one text that count, and their scores under one key after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from detectors.tokens.boilerplate import Boilerplate
from labeler.codec.tokens.contexts import NO_TOKEN, first_occurrences, windows
from labeler.codec.tokens.evidence import EvidentStatistic
from labeler.codec.tokens.schemes import (
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    Scheme,
)
from labeler.codec.tokens.statistic import Scores, Statistic, TokenIds
from labeler.codec.tokens.statistics import statistic_of

__all__ = ["Document", "Evidence"]


class _Start(Enum):
    """How a scheme's contexts begin."""

    PADDED = auto()
    """As if nothing had been before the output."""
    PROMPTED = auto()
    """In the prompt."""
    UNKNOWN = auto()
    """With the first tokens that a context needs; they have no scores themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The tokens of a text that count for the keys of one kind."""

    contexts: TokenIds
    tokens: TokenIds
    positions: TokenIds
    """Where the tokens stand in the text."""

    def only(self, kept: NDArray[np.bool]) -> _Sample:
        """The tokens of a mask ``(n,)``."""
        return _Sample(
            contexts=self.contexts[kept], tokens=self.tokens[kept], positions=self.positions[kept]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A text under one key."""

    statistic: Statistic
    scores: Scores = field(repr=False)
    """``(n,)``: never shown to anybody, for they give the key away."""
    positions: TokenIds = field(repr=False)
    """``(n,)``: where the scored tokens stand in the text, ascending."""


@dataclass(slots=True, kw_only=True)
class Document:
    """A text, and what its keys have in common."""

    ids: TokenIds
    prompt: TokenIds
    """What the model was asked; empty: not known, and neither is where its output began."""
    boilerplate: Boilerplate | None
    _samples: dict[tuple[int, bool, _Start], _Sample] = field(default_factory=dict)

    def evidence(self, scheme: Scheme) -> Evidence:
        """The text under one key."""
        statistic = statistic_of(scheme)
        sample = self._sample(
            statistic.context_width, statistic.counts_ngrams, self._start_of(scheme)
        )
        if isinstance(statistic, EvidentStatistic):
            sample = sample.only(
                first_occurrences(statistic.evidence(sample.contexts, sample.tokens))
            )
        return Evidence(
            statistic=statistic,
            scores=statistic.scores(sample.contexts, sample.tokens),
            positions=sample.positions,
        )

    def _start_of(self, scheme: Scheme) -> _Start:
        if len(self.prompt) and isinstance(scheme, PhiloxGumbel | PhiloxDualGumbel):
            return _Start.PADDED
        if len(self.prompt) and isinstance(scheme, MurmurGumbel | MurmurDualGumbel | Kgw):
            return _Start.PROMPTED
        return _Start.UNKNOWN

    def _sample(self, width: int, counts_ngrams: bool, start: _Start) -> _Sample:
        """Repetitions and boilerplate left out."""
        kind = (width, counts_ngrams, start)
        if kind not in self._samples:
            contexts, tokens, positions = windows(
                self.ids,
                width,
                prompt=self.prompt if start is _Start.PROMPTED else (),
                pad=NO_TOKEN if start is _Start.PADDED else None,
            )
            kept = first_occurrences(contexts, tokens if counts_ngrams else None)
            if self.boilerplate is not None:
                kept &= ~self.boilerplate.covers(contexts, tokens)
            everything = _Sample(contexts=contexts, tokens=tokens, positions=positions)
            self._samples[kind] = everything.only(kept)
        return self._samples[kind]
