"""The text mark: a key has its part in the choice of each token, and the text stays as likely.

    >>> import numpy as np
    >>> from labeler.codec.keys import PUBLIC_KEY
    >>> from labeler.codec.tokens.keys import TextKey
    >>> watermark = Watermark(TextKey.derive(PUBLIC_KEY, model="an example"))
    >>> session = watermark.start()  # one for each answer
    >>> token = session.sample(np.zeros(50_000), temperature=0.8, top_p=0.95)
    >>> session.detectability.tokens
    1

Of the candidates that are left after temperature and truncation the one wins whose
``ln p - ln(-ln u)`` is greatest, ``u`` being pseudo-random numbers of key, last tokens and
candidate (S. Aaronson 2022; the wire format is vLLM's ``philox4x32-10-v1``). For whoever lacks the
key that is drawing from the model's own distribution. The choice is the last step: nothing may be
drawn after it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.philox import uniforms, words
from labeler.codec.tokens.schemes import PhiloxGumbel
from labeler.codec.tokens.statistic import TokenIds
from labeler.codec.tokens.tails import log_gamma_tail
from labeler.errors import WatermarkKeyError
from labeler.marks.detectability import Detectability, expected_score
from labeler.marks.sampling import Candidates, Sampling, candidates

__all__ = ["CONTEXT_HISTORY", "Session", "Watermark"]

CONTEXT_HISTORY: Final = 8192
"""Tokens back to which a context that was there before is remembered, as vLLM does by default."""

_START: Final = -1
"""Stands in contexts where there is no token yet."""
_MOST_NOISE: Final = -math.log(-math.log1p(-1 / ((1 << 24) + 1)))
"""What ``-ln(-ln u)`` reaches at most: u has 24 bits."""
_FEW: Final = 1024
"""Candidates that are not worth thinning out first."""
_LIKELY: Final = 4.0
"""Distance to the likeliest candidate, in nats, up to which one is tried first."""


class Watermark:
    """Marks texts with one key; every answer gets a session of its own."""

    def __init__(self, key: TextKey, *, rng: np.random.Generator | None = None) -> None:
        """Take a key.

        Args:
            key: Of the scheme `PhiloxGumbel`, which is what Labeler writes.
            rng: Where the tokens that the key does not choose come from, for repeatable tests;
                None for the operating system's randomness, afresh in every session.

        Raises:
            WatermarkKeyError: The key is of another scheme, or its secret can be guessed.
        """
        if not isinstance(key.scheme, PhiloxGumbel):
            raise WatermarkKeyError(
                f"a key of the scheme {key.scheme.name}, which Labeler reads but does not write",
                hint=f"Use a key of the scheme {PhiloxGumbel.name}",
            )
        if key.is_guessable:
            raise WatermarkKeyError(
                "the secret of the text key is a small number, which anybody can try",
                hint="Derive the key from 256 random bits (TextKey.derive)",
            )
        self._scheme = key.scheme
        self._key_id = key.key_id
        self._rng = rng

    @property
    def key_id(self) -> str:
        """Id of the key."""
        return self._key_id

    def start(self, *, unmarked: int | None = None) -> Session:
        """Begin an answer.

        The key's choice is the same whenever context and distribution are. Without unmarked tokens
        at the beginning a prompt would have one answer only: several candidates of it, or one asked
        for again, would be identical. A detector that does not know the prompt leaves out the first
        ``context_width`` tokens, so that leaving those to chance costs nothing.

        Args:
            unmarked: Tokens at the beginning that are drawn as ever; None for the key's context
                width, 0 for what vLLM does.

        Raises:
            ValueError: The number is negative.
        """
        first = self._scheme.context_width if unmarked is None else unmarked
        if first < 0:
            raise ValueError("the number of unmarked tokens is negative")
        rng = np.random.default_rng() if self._rng is None else self._rng.spawn(1)[0]
        return Session(self._scheme, self._key_id, rng, first)


class Session:
    """One answer while it is being written; made by `Watermark.start`."""

    __slots__ = (
        "_expected",
        "_gain",
        "_is_marked",
        "_key_id",
        "_last_seen",
        "_marked",
        "_rng",
        "_scheme",
        "_scored",
        "_tokens",
        "_unmarked",
    )

    def __init__(
        self, scheme: PhiloxGumbel, key_id: str, rng: np.random.Generator, unmarked: int
    ) -> None:
        self._scheme = scheme
        self._key_id = key_id
        self._rng = rng
        self._unmarked = unmarked
        self._tokens = [_START] * scheme.context_width
        self._last_seen: dict[tuple[int, ...], int] = {}
        self._marked = self._scored = 0
        self._expected = 0.0
        self._gain = 0.0
        self._is_marked = False

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens so far."""
        return tuple(self._tokens[self._scheme.context_width :])

    @property
    def detectability(self) -> Detectability:
        """How well the mark will be found, as things stand."""
        return Detectability(
            key_id=self._key_id,
            scheme=self._scheme.name,
            tokens=len(self._tokens) - self._scheme.context_width,
            marked=self._marked,
            scored=self._scored,
            expected_score=self._expected,
            expected_log_p_value=log_gamma_tail(self._expected, self._scored),
        )

    def sample(
        self,
        logits: NDArray[np.floating[Any]],
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_p: float = 0.0,
    ) -> int:
        """Choose the next token; see `Sampling` for the numbers.

        Args:
            logits: ``(V,)`` floats with all penalties applied, -inf for tokens that are ruled out.
            temperature: 0 takes the likeliest token, and marks nothing.
            top_k: Number of likeliest tokens to choose from.
            top_p: Probability that the tokens to choose from have together.
            min_p: Least probability, as a share of the likeliest token's.

        Raises:
            ValueError: A number is out of range, or the logits hold NaN or +inf, or only -inf.
        """
        sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        return self.draw(candidates(logits, sampling))

    def choose(self, tokens: TokenIds, log_probabilities: NDArray[np.floating[Any]]) -> int:
        """Choose the next token of candidates: the final step of any sampler.

        Args:
            tokens: ``(k,)`` integers, each once.
            log_probabilities: ``(k,)`` natural logarithms, up to a common constant; -inf for tokens
                that are ruled out.

        Raises:
            ValueError: Shapes do not fit, a number is NaN or +inf, or no candidate is possible.
        """
        ids, logs = np.asarray(tokens), np.asarray(log_probabilities, np.float64)
        if ids.ndim != 1 or ids.shape != logs.shape or not ids.size or ids.dtype.kind not in "iu":
            raise ValueError("candidates are a vector of token ids and one of log probabilities")
        greatest = logs.max()
        if not math.isfinite(greatest):
            raise ValueError("log probabilities are finite, or -inf for some of the candidates")
        if logs.min() == -np.inf:
            ids, logs = ids[logs > -np.inf], logs[logs > -np.inf]
        logs = logs - greatest
        return self.draw(Candidates(ids.astype(np.int64), logs - np.log(np.exp(logs).sum())))

    def draw(self, offered: Candidates) -> int:
        """Choose the next token of candidates whose probabilities add up to 1."""
        width, at = self._scheme.context_width, len(self._tokens)
        context = tuple(self._tokens[-width:])
        before = self._last_seen.get(context)
        is_free = offered.tokens.size > 1
        # A repeated context would choose the same again: sequences would run in circles.
        is_repeated = before is not None and at - before <= CONTEXT_HISTORY
        self._is_marked = is_free and not is_repeated and at >= width + self._unmarked
        pick = self._keyed if self._is_marked else self._ordinary
        token = pick(context, offered)
        self._gain = 0.0
        if before is None and at >= 2 * width:
            self._scored += 1
            self._gain = expected_score(offered.log_probabilities) if self._is_marked else 1.0
        self._expected += self._gain
        self._marked += self._is_marked
        self._last_seen[context] = at
        self._tokens.append(token)
        return token

    def replace_last(self, token: int) -> None:
        """Say that another token was taken than the one chosen last: forced, or corrected.

        Raises:
            ValueError: There is no token yet.
        """
        if len(self._tokens) == self._scheme.context_width:
            raise ValueError("no token was chosen yet")
        if self._is_marked:
            self._marked -= 1
            self._is_marked = False
            if self._gain:
                self._expected += 1 - self._gain
                self._gain = 1.0
        self._tokens[-1] = token

    def _ordinary(self, _: tuple[int, ...], offered: Candidates) -> int:
        if offered.tokens.size == 1:
            return int(offered.tokens[0])
        sums = np.cumsum(np.exp(offered.log_probabilities), dtype=np.float64)
        at = int(np.searchsorted(sums, self._rng.random() * sums[-1], side="right"))
        return int(offered.tokens[min(at, offered.tokens.size - 1)])

    def _keyed(self, context: tuple[int, ...], offered: Candidates) -> int:
        contexts = np.array([context], np.int64)
        tokens, logs = offered.tokens, offered.log_probabilities
        if tokens.size > _FEW:
            greatest = logs.max()
            likely = logs >= greatest - _LIKELY
            best = self._values(contexts, tokens[likely], logs[likely]).max()
            # No noise lifts the others above what one of these has reached.
            possible = logs >= min(best - _MOST_NOISE, greatest - _LIKELY)
            tokens, logs = tokens[possible], logs[possible]
        return int(tokens[self._values(contexts, tokens, logs).argmax()])

    def _values(
        self, contexts: TokenIds, tokens: TokenIds, logs: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        numbers = uniforms(words(self._scheme.secret, contexts, tokens)[0])
        noise: NDArray[np.float64] = -np.log(-np.log(numbers))
        return noise + logs.astype(np.float64, copy=False)
