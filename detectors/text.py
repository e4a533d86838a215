"""Reading the watermarks that engines write into text by their choice of tokens.

    >>> detection = detect(token_ids, keys)  # doctest: +SKIP
    >>> detection.presence, detection.log_p_value  # doctest: +SKIP
    (<Presence.PRESENT: 'present'>, -41.3)

Every key is tried on every normalisation of the text and on windows of it, and all of these
hypotheses are counted: the p-value is exact or an upper bound. It speaks of keys drawn at random,
so text that many documents share should be left out: see `Boilerplate`. Fewer than `LEAST_TOKENS`
scored tokens are never *present*. No scores of single tokens are given: they would tell how to
forge or remove the mark. No mark found never means that a person wrote the text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from detectors.report import Presence
from detectors.tokens.boilerplate import Boilerplate, Vetting, vet
from detectors.tokens.evidence import Document, Evidence
from detectors.tokens.normalisation import Normalisation, Normalised, normalised
from detectors.tokens.scan import Hit, refine, scan
from detectors.tokens.tokenizers import (
    Encoding,
    PinnedTokenizer,
    Tokenizer,
    TransformersTokenizer,
    load_tokenizer,
)
from labeler.codec.significance import LEAST_P_VALUE
from labeler.codec.tokens.keys import TextKey, TextKeyring
from labeler.codec.tokens.statistic import TokenIds
from labeler.errors import MediaTooLargeError, SettingsError, WatermarkKeyError

__all__ = [
    "DEFAULT_INCONCLUSIVE",
    "DEFAULT_THRESHOLD",
    "LEAST_TOKENS",
    "MAX_CHARACTERS",
    "Boilerplate",
    "Encoding",
    "Normalisation",
    "PinnedTokenizer",
    "TextDetection",
    "TokenSpan",
    "Tokenizer",
    "TransformersTokenizer",
    "Vetting",
    "detect",
    "detect_text",
    "load_tokenizer",
    "vet",
]

DEFAULT_THRESHOLD: Final = 1e-6
"""Largest p-value at which a mark counts as present."""
LEAST_TOKENS: Final = 50
"""Scored tokens that a mark must have to count as present."""
MAX_CHARACTERS: Final = 20_000_000
"""Most that `detect_text` takes: four forms of the text, and their tokens, are in memory."""
DEFAULT_INCONCLUSIVE: Final = 1e-3
"""Largest p-value at which something may be there."""
_INSUFFICIENT: Final = "insufficient text"
_NO_KEY: Final = "no key"
_TOKEN_LIMIT: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpan:
    """Which tokens of a text are marked, most likely."""

    start: int
    """Position of the first one."""
    stop: int
    """Position behind the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDetection:
    """Whether a text is marked, and with which key."""

    presence: Presence
    p_value: float
    """Probability of so strong a result without the mark, all hypotheses counted; 1e-300 to 1."""
    log_p_value: float
    """Its natural logarithm, beyond that range too; at most 0, finite."""
    key_id: str | None = None
    """The key that it is marked with; None where nothing was found."""
    scheme: str | None = None
    """Name of that key's scheme, likewise."""
    span: TokenSpan | None = None
    """What is marked, in tokens; None where nothing was found."""
    characters: tuple[int, int] | None = None
    """The same as a range of characters of the text that was given; None for token ids."""
    tokens: int = 0
    """How many tokens had scores: repetitions and boilerplate do not count."""
    normalisation: Normalisation | None = None
    """What was undone before the mark was found; None for token ids, and where nothing was."""
    hypotheses: int = 0
    """How many combinations of key, normalisation and window were tried."""
    reason: str | None = None
    """Why the answer cannot say more: ``"insufficient text"``, ``"no key"``, or None."""
    left_out: tuple[str, ...] = ()
    """Ids of the keys that belong to other tokenizers, and were not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """One key on one normalisation of the text."""

    key: TextKey
    version: int
    """Which normalisation."""
    evidence: Evidence
    hit: Hit


def detect(
    token_ids: ArrayLike,
    keys: TextKeyring | Iterable[TextKey],
    *,
    prompt: ArrayLike = (),
    boilerplate: Boilerplate | None = None,
    threshold: float = DEFAULT_THRESHOLD,
) -> TextDetection:
    """Look for a mark in the tokens of a text.

    Args:
        token_ids: ``(n,)``: the model's output, or any part or mixture of it.
        keys: The keys to try; their tokenizers cannot be checked here.
        prompt: The tokens before the output, where ``token_ids`` is all of an output; empty: the
            first tokens have no scores.
        boilerplate: What to leave out.
        threshold: Largest p-value at which a mark is present; up to 1e-3 it is inconclusive.

    Raises:
        TypeError: Token ids are not integers.
        ValueError: Token ids are out of range, or the threshold is.
    """
    document = Document(
        ids=_token_array(token_ids), prompt=_token_array(prompt), boilerplate=boilerplate
    )
    detection, _ = _conclude([document], _distinct(_listed(keys)), threshold)
    return detection


def detect_text(
    text: str,
    tokenizer: Tokenizer,
    keys: TextKeyring | Iterable[TextKey],
    *,
    boilerplate: Boilerplate | None = None,
    threshold: float = DEFAULT_THRESHOLD,
) -> TextDetection:
    """Look for a mark in a text; line breaks and typography are undone where that helps.

    Args:
        text: Any text.
        tokenizer: The model's: see `load_tokenizer`.
        keys: The keys to try; those of other tokenizers are left out.
        boilerplate: What to leave out.
        threshold: See `detect`.

    Raises:
        MediaTooLargeError: The text has more than `MAX_CHARACTERS`.
        SettingsError: The boilerplate belongs to another tokenizer.
        ValueError: The threshold is out of range.
        WatermarkKeyError: All keys belong to other tokenizers.
    """
    fitting, left_out = _fitting(_listed(keys), tokenizer)
    _check_boilerplate(boilerplate, tokenizer)
    if len(text) > MAX_CHARACTERS:
        raise MediaTooLargeError(
            f"a text of {len(text):,} characters; {MAX_CHARACTERS:,} can be searched for a mark",
            hint="Verify it in parts",
        )
    versions, encodings = _encoded(text, tokenizer)
    nothing = np.zeros(0, np.int64)
    documents = [
        Document(ids=each.ids, prompt=nothing, boilerplate=boilerplate) for each in encodings
    ]
    detection, version = _conclude(documents, fitting, threshold)
    detection = replace(detection, left_out=left_out)
    if detection.span is None:
        return detection
    return replace(
        detection,
        normalisation=versions[version].normalisation,
        characters=_characters(versions[version], encodings[version], detection.span),
    )


def _conclude(
    documents: Sequence[Document], keys: Sequence[TextKey], threshold: float
) -> tuple[TextDetection, int]:
    """The answer, and which of the documents it is about."""
    if not 0 < threshold < 1:
        raise ValueError("the threshold is a probability")
    if not keys:
        return _nothing(reason=_NO_KEY), 0
    best: _Result | None = None
    windows = 0
    for version, document in enumerate(documents):
        for key in keys:
            evidence = document.evidence(key.scheme)
            hit = scan(evidence.scores, evidence.statistic)
            windows += hit.windows
            if best is None or hit.log_p_value < best.hit.log_p_value:
                best = _Result(key=key, version=version, evidence=evidence, hit=hit)
    if best is None:
        return _nothing(reason=_INSUFFICIENT), 0
    log_p = min(0.0, best.hit.log_p_value + math.log(len(documents) * len(keys)))
    return _told(best, log_p, windows, threshold), best.version


def _told(best: _Result, log_p: float, windows: int, threshold: float) -> TextDetection:
    """What the most surprising result says."""
    count = len(best.evidence.scores)
    is_short = count < LEAST_TOKENS
    presence = Presence.ABSENT
    if log_p <= math.log(threshold) and not is_short:
        presence = Presence.PRESENT
    elif log_p <= math.log(max(DEFAULT_INCONCLUSIVE, threshold)):
        presence = Presence.INCONCLUSIVE
    detection = TextDetection(
        presence=presence,
        p_value=LEAST_P_VALUE if log_p <= math.log(LEAST_P_VALUE) else math.exp(log_p),
        log_p_value=log_p,
        tokens=count,
        hypotheses=windows,
        reason=_INSUFFICIENT if is_short else None,
    )
    if presence is Presence.ABSENT:
        return detection
    return replace(
        detection,
        key_id=best.key.key_id,
        scheme=best.key.scheme.name,
        span=_span(best.evidence, best.hit),
    )


def _nothing(*, reason: str) -> TextDetection:
    return TextDetection(presence=Presence.ABSENT, p_value=1.0, log_p_value=0.0, reason=reason)


def _span(evidence: Evidence, hit: Hit) -> TokenSpan:
    """The marked tokens with those that their first one depends on: those are the model's too."""
    start, stop = refine(evidence.scores, hit, mean=evidence.statistic.mean)
    first, last = int(evidence.positions[start]), int(evidence.positions[stop - 1])
    return TokenSpan(start=max(0, first - evidence.statistic.context_width), stop=last + 1)


def _characters(version: Normalised, encoding: Encoding, span: TokenSpan) -> tuple[int, int]:
    first = int(encoding.offsets[span.start, 0])
    last = int(encoding.offsets[span.stop - 1, 1])
    return version.original(first), version.original(max(first, last - 1)) + 1


def _encoded(text: str, tokenizer: Tokenizer) -> tuple[list[Normalised], list[Encoding]]:
    """The normalisations whose tokens differ, with their tokens."""
    versions: list[Normalised] = []
    encodings: list[Encoding] = []
    for version in normalised(text):
        encoding = tokenizer.encode(version.text)
        if not any(np.array_equal(encoding.ids, each.ids) for each in encodings):
            versions.append(version)
            encodings.append(encoding)
    return versions, encodings


def _fitting(
    keys: Sequence[TextKey], tokenizer: Tokenizer
) -> tuple[tuple[TextKey, ...], tuple[str, ...]]:
    """The keys that may belong to the tokenizer, and the ids of the others.

    Raises:
        WatermarkKeyError: There are only others.
    """
    given = tokenizer.sha256
    fitting = _distinct(each for each in keys if given is None or each.tokenizer in {None, given})
    if keys and not fitting:
        wanted = sorted({str(each.tokenizer) for each in keys})
        raise WatermarkKeyError(
            f"the text keys belong to another tokenizer: {', '.join(wanted)}, not {given}",
            hint="Give the tokenizer.json of the model that the keys were made for",
        )
    kept = {each.key_id for each in fitting}
    return fitting, tuple(dict.fromkeys(each.key_id for each in keys if each.key_id not in kept))


def _check_boilerplate(boilerplate: Boilerplate | None, tokenizer: Tokenizer) -> None:
    pinned, given = (None if boilerplate is None else boilerplate.tokenizer), tokenizer.sha256
    if pinned is not None and given is not None and pinned != given:
        raise SettingsError(
            f"the boilerplate belongs to another tokenizer: {pinned}, not {given}",
            hint="Build it anew with this one",
        )


def _listed(keys: TextKeyring | Iterable[TextKey]) -> tuple[TextKey, ...]:
    return tuple(keys.values() if isinstance(keys, TextKeyring) else keys)


def _distinct(keys: Iterable[TextKey]) -> tuple[TextKey, ...]:
    """Each scheme and secret once: two of them are one hypothesis."""
    return tuple(TextKeyring(keys).values())


def _token_array(values: ArrayLike) -> TokenIds:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError("token ids are a sequence")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError("token ids are integers")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < _TOKEN_LIMIT:
        raise ValueError("token ids are 0 to 2**32 - 1")
    return array.astype(np.int64)
