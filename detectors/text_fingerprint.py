"""What a text is recognised by, taken where it is read and compared where the registry is.

The log of texts (`labeler.registry.texts`) is out of reach in the sandbox: the shingles travel in a
finding of their own, as those of a sound do (`detectors.fingerprint`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detectors.conclusion import Evidence
from detectors.report import Finding, Presence, Technique
from labeler.codec.keys import Key
from labeler.codec.shingles import LEAST_WORDS, SHINGLE_WORDS, Shingles, shingles
from labeler.errors import CapacityError, RegistryError
from labeler.registry import RegistryReader
from labeler.registry.texts import TextMatch

__all__ = ["TextResolution", "is_of_text", "outline", "resolve", "take"]

_MAX_SHINGLES: Final = 100_000
"""How much of a text is compared, about as many words: a novel."""
_CHUNK: Final = 9_000
"""Characters of one item of a list, which a report may cut off behind 10,000."""
_MAX_CHUNKS: Final = 200
_MAX_WORDS: Final = 1 << 31
_STORED: Final = np.dtype([("value", "<u8"), ("place", "<u4")])
_SELECTED: Final = 1 << 31
_KNOWN: Final = (
    "Text that came out here was found in this file, by its fingerprint and not by a mark: a copy, "
    "or a source that the generated text quotes."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextResolution:
    """Which logged texts a text has something of."""

    finding: Finding
    """PRESENT: of at least one. ABSENT: of none. INCONCLUSIVE: it cannot be compared."""
    warning: str | None
    """What the reader should know, a sentence; None where nothing was found."""


def take(text: str, key: Key) -> Evidence | None:
    """The shingles of a text; None where it has too few words to be recognised."""
    try:
        taken = shingles(text, key)
    except CapacityError:
        return None
    detail = {
        "words": taken.words,
        "key_id": taken.key_id,
        "shingles": _to_chunks(taken),
    }
    return Evidence(
        finding=Finding(
            technique=Technique.FINGERPRINT, presence=Presence.INCONCLUSIVE, detail=detail
        )
    )


def is_of_text(finding: Finding) -> bool:
    """Whether `take` made it, and it is not resolved yet."""
    return finding.technique is Technique.FINGERPRINT and "shingles" in finding.detail


def resolve(finding: Finding, registry: RegistryReader | None) -> TextResolution:
    """Find the logged texts that a text has something of.

    Args:
        finding: What `take` found. It may come from a process that a stranger's file has taken
            over: nothing in it is relied on.
        registry: Where texts are logged; None: nowhere.
    """
    unread = replace(finding, presence=Presence.INCONCLUSIVE, p_value=None, detail={})
    text = _from_detail(finding.detail)
    if text is None or registry is None:
        return TextResolution(finding=unread, warning=None)
    try:
        matches = registry.find_text(text)
    except RegistryError as error:  # logged with another key
        return TextResolution(
            finding=unread, warning=f"{error.problem[:1].upper()}{error.problem[1:]}."
        )
    presence = Presence.PRESENT if matches else Presence.ABSENT
    detail = {"words": text.words, "matches": [outline(each) for each in matches]}
    return TextResolution(
        finding=replace(unread, presence=presence, detail=detail),
        warning=_KNOWN if matches else None,
    )


def _to_chunks(taken: Shingles) -> list[str]:
    table = np.empty(min(_MAX_SHINGLES, len(taken.values)), _STORED)
    table["value"] = taken.values[: len(table)]
    chosen = taken.is_selected[: len(table)].astype(np.uint32) * np.uint32(_SELECTED)
    table["place"] = taken.places[: len(table)].astype(np.uint32) | chosen
    text = base64.b64encode(table.tobytes()).decode("ascii")
    return [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]


def _from_detail(detail: Mapping[str, object]) -> Shingles | None:
    words, key_id, chunks = (detail.get(each) for each in ("words", "key_id", "shingles"))
    if (
        type(words) is not int
        or not LEAST_WORDS <= words <= _MAX_WORDS
        or not isinstance(key_id, str)
        or not isinstance(chunks, Sequence)
        or not 0 < len(chunks) <= _MAX_CHUNKS
    ):
        return None
    try:
        data = base64.b64decode("".join(chunks), validate=True)
        table = np.frombuffer(data, _STORED)
    except (TypeError, ValueError):
        return None
    places = (table["place"] & np.uint32(_SELECTED - 1)).astype(np.int64)
    if not len(table) or np.any(np.diff(places) <= 0):
        return None
    if int(places[-1]) > words - SHINGLE_WORDS:
        return None
    return Shingles(
        words=words,
        key_id=key_id,
        values=table["value"].astype(np.uint64),
        places=places,
        is_selected=(table["place"] & np.uint32(_SELECTED)) != 0,
    )


def outline(match: TextMatch) -> Mapping[str, object]:
    """What a report shows of a match, as JSON values."""
    latest = match.outputs[0] if match.outputs else None
    receipt = None if latest is None else latest.receipt
    return {
        "text_id": match.text_id,
        "words": match.words,
        "shared": match.overlap.aligned,
        "stored": match.overlap.stored,
        "first_word": match.overlap.start,
        "last_word": match.overlap.stop,
        "times": match.times,
        "at": None if latest is None else latest.at.isoformat(),
        "receipt_id": None if receipt is None else receipt.receipt_id,
        "provider": None if latest is None else latest.provider,
        "model": None if latest is None else latest.model,
        "reference": None if latest is None else latest.reference,
    }
