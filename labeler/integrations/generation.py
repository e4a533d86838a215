"""What adapters for text generation share: one session for each row of a batch, kept in step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.marks.detectability import Detectability
from labeler.marks.sampling import Sampling, candidates
from labeler.marks.text import Session, Watermark

__all__ = ["Rows"]

_COMPARED: Final = 64
"""Last tokens by which a row is known again."""


class Rows:
    """The rows of one call to a library's ``generate``."""

    def __init__(
        self,
        watermark: Watermark,
        sampling: Sampling,
        *,
        prompt_length: int | None = None,
        end_tokens: Collection[int] = (),
    ) -> None:
        """Say how to draw; the sessions begin with the first tokens.

        Args:
            watermark: What marks.
            sampling: How tokens are drawn.
            prompt_length: Tokens in each row that are not the model's, padding included; None for
                as many as there are at the first call.
            end_tokens: Tokens after which a row is over; what a library pads it with is no text.
        """
        self._watermark = watermark
        self._sampling = sampling
        self._prompt_length = prompt_length
        self._end_tokens = frozenset(end_tokens)
        self._sessions: tuple[Session, ...] = ()
        self._length = 0

    @property
    def detectability(self) -> tuple[Detectability, ...]:
        """How well the mark will be found in each row; none before the first token."""
        return tuple(each.detectability for each in self._sessions)

    def choose(
        self, rows: Sequence[NDArray[np.integer[Any]]], logits: Sequence[NDArray[np.floating[Any]]]
    ) -> tuple[int, ...]:
        """The next token of each row.

        Args:
            rows: For each row ``(n,)`` token ids, the prompt's and what was written.
            logits: For each row ``(V,)`` floats, before temperature and truncation.

        Raises:
            ValueError: The rows do not go on where they were: beams, or another call's.
        """
        length = len(rows[0])
        if not self._sessions:
            self._begin(len(rows), length)
        elif length != self._length + 1 or len(rows) != len(self._sessions):
            raise ValueError(
                "the rows do not go on where they were: make a processor for each generation, and"
                " sample without beams and without assisting models"
            )
        self._length = length
        return tuple(
            self._next(session, row[self._prompt_length :], each)
            for session, row, each in zip(self._sessions, rows, logits, strict=True)
        )

    def _begin(self, count: int, length: int) -> None:
        if self._prompt_length is None:
            self._prompt_length = length
        if self._prompt_length != length:
            raise ValueError(
                f"rows of {length} tokens at the first call, and prompts of {self._prompt_length}:"
                " make a processor for each generation"
            )
        self._sessions = tuple(self._watermark.start() for _ in range(count))

    def _next(
        self, session: Session, written: NDArray[np.integer[Any]], logits: NDArray[np.floating[Any]]
    ) -> int:
        known = list(session.tokens[-_COMPARED:])
        if known and known[-1] in self._end_tokens:
            return known[-1]
        there = written[-_COMPARED:].tolist()
        if known and there[-1] != known[-1]:
            # Another processor forced a token.
            session.replace_last(there[-1])
        if there[:-1] != known[:-1]:
            raise ValueError("the rows changed places: a mark needs sampling without beams")
        return session.draw(candidates(logits, self._sampling))
