"""Which output a sound with a short payload is: what shares its tag, told apart by ear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from labeler.codec.acoustic import Fingerprint, Match, compare
from labeler.receipt import Receipt

__all__ = ["MATCHES_AT", "Recognition", "SoundRecord", "recognise"]

MATCHES_AT: Final = 1e-6
"""A sound is taken for a known one when the p-value of the match is at most this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundRecord:
    """An output that carries a short payload."""

    receipt: Receipt
    fingerprint: Fingerprint = field(repr=False)
    """Of the output as it was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What is known about a sound whose short payload was read."""

    receipt: Receipt | None
    """The output that it is; None where none matches, or several do."""
    match: Match | None
    """The best match, its p-value multiplied by the number of candidates; None where there was
    nothing to compare with."""
    candidates: int
    """Outputs that share the short payload."""
    matches: int
    """Different handles among those that match."""


def recognise(records: Sequence[SoundRecord], heard: Fingerprint) -> Recognition:
    """Find the output that a sound is.

    Nothing is guessed: where outputs of different handles match, none of them is given. Several
    outputs of one handle, a marked sound that was stamped again, are the same for this purpose: the
    first is given.

    Args:
        records: The outputs that share its short payload, as
            `labeler.registry.RegistryReader.find_by_tag` gives them.
        heard: The sound's fingerprint.
    """
    if not records:
        return Recognition(receipt=None, match=None, candidates=0, matches=0)
    heard_as = [_judge(record, heard, len(records)) for record in records]
    matching = [
        record
        for record, match in zip(records, heard_as, strict=True)
        if match.p_value <= MATCHES_AT
    ]
    handles = {record.receipt.payload for record in matching}
    return Recognition(
        receipt=matching[0].receipt if len(handles) == 1 else None,
        match=min(heard_as, key=lambda each: each.p_value),
        candidates=len(records),
        matches=len(handles),
    )


def _judge(record: SoundRecord, heard: Fingerprint, candidates: int) -> Match:
    match = compare(record.fingerprint, heard)
    return replace(match, p_value=min(1.0, match.p_value * candidates))
