"""From what each technique found to one conclusion.

The rules, the first that fits:

1. *tampered*: a credential does not match the content, or its history holds one that did not.
2. *conflicting*: two techniques contradict each other, or the layers of one watermark.
3. *marked*: at least one technique found a mark of AI.
4. *no-mark-found*: none did. A credential may be there all the same: a camera's, say.

A watermark of Labeler is always a mark of AI. A credential or metadata are one when they name a
source type in which a generative model, or synthetic content, takes part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from detectors.mark_layers import MarkLayer
from detectors.report import Conclusion, Finding, Presence, Technique
from labeler.codec.payload import Origin, Payload, ShortPayload
from labeler.provenance import SourceType

__all__ = ["Evidence", "Verdict", "conclude", "in_words"]

NOT_HUMAN: Final = (
    "No mark was found. That does not mean that a person made the content: marks can be removed, "
    "and much AI output never had one."
)
UNSIGNED: Final = (
    "Only metadata says that the content comes from AI. Metadata is not signed: anyone can write "
    "or remove it."
)

SPLICED: Final = (
    "The film's pictures and its sound carry different watermarks ({one}; {other}): they come from "
    "different outputs."
)
OVERWRITTEN: Final = (
    "The content carries watermarks of several keys that say different things ({one}; {other}): "
    "one of them was copied from other content, or written over the other."
)
MISSING: Final = (
    "The credential names a watermark with {payload}, which was not found in the content."
)

# IPTC NewsCodes, digital source type. What neither set holds (algorithmicallyEnhanced,
# screenCapture, humanEdits, …) neither says that AI took part nor that it did not: a screenshot or
# a retouched copy of AI output rightly bears such a name.
_AI: Final = frozenset(
    {
        SourceType.TRAINED_ALGORITHMIC_MEDIA,
        SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
        SourceType.COMPOSITE_SYNTHETIC,
    }
)
_NOT_AI: Final = frozenset(
    {
        "compositeCapture",
        "computationalCapture",
        "digitalArt",
        "digitalCapture",
        "digitalCreation",
        "negativeFilm",
        "positiveFilm",
        "print",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one technique found, with what the rules need to know of it."""

    finding: Finding
    source_types: tuple[str, ...] = ()
    """The IPTC digital source types that are claimed, as terms (``digitalCapture``) or URIs."""
    names_ai: bool = False
    """Whether it names an AI system, whatever it says of the source type."""
    payload: Payload | ShortPayload | None = None
    """What the watermark carries, read from the content or named by the credential."""
    others: tuple[Payload | ShortPayload, ...] = ()
    """What a credential names beside that: the watermark in a film's sound."""
    layers: tuple[MarkLayer, ...] = ()
    """Of a watermark, what each key says under which one is present: that of `payload` is one."""
    is_tampered: bool = False
    """Whether a credential, or one in its history, does not match its content."""
    warnings: tuple[str, ...] = ()
    """What the reader should know: sentences."""

    @property
    def origin(self) -> Origin | None:
        """How AI took part, as far as this evidence says that it did."""
        if self.finding.presence is not Presence.PRESENT or self.is_tampered:
            return None
        is_watermark = self.finding.technique is Technique.WATERMARK
        if is_watermark and self.payload is not None:
            return self.payload.origin
        stated = next((SourceType(term).origin for term in self._terms if term in _AI), None)
        if stated is None and is_watermark:
            return Origin.UNKNOWN
        if stated is None and self.names_ai and _NOT_AI.isdisjoint(self._terms):
            return Origin.UNKNOWN
        return stated

    @property
    def denies_ai(self) -> bool:
        """Whether it names an origin without AI, and none with."""
        return (
            self.finding.presence is Presence.PRESENT
            and not self.is_tampered
            and self.origin is None
            and not _NOT_AI.isdisjoint(self._terms)
        )

    @property
    def _terms(self) -> tuple[str, ...]:
        return tuple(each.rpartition("/")[2] for each in self.source_types)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all evidence together says."""

    conclusion: Conclusion
    origin: Origin | None
    """How the content came about; None where no mark says so, or marks contradict each other."""
    warnings: tuple[str, ...]


def in_words(payload: Payload | ShortPayload) -> str:
    """What a payload points to: ``handle 0000-0000002a``, or in its short form ``tag 1f2e``."""
    if isinstance(payload, ShortPayload):
        return f"tag {payload.tag:04x}"
    return f"handle {payload.handle}"


# Whose word on the origin counts first: what is signed, what is hard to change, what is not.
_PRECEDENCE: Final = (Technique.CREDENTIAL, Technique.WATERMARK, Technique.METADATA)


def conclude(evidence: Sequence[Evidence]) -> Verdict:
    """Merge what the techniques found."""
    conflicts = tuple(_conflicts(evidence))
    origins: dict[Technique, Origin] = {}
    for each in evidence:
        if each.origin is not None:
            origins.setdefault(each.finding.technique, each.origin)  # of a film, its pictures'
    warnings = [warning for each in evidence for warning in each.warnings]
    warnings.extend(_missing(evidence))
    warnings.extend(_spliced(evidence))
    if any(each.is_tampered for each in evidence):
        conclusion = Conclusion.TAMPERED
    elif conflicts:
        conclusion = Conclusion.CONFLICTING
    elif origins:
        conclusion = Conclusion.MARKED
    else:
        conclusion = Conclusion.NO_MARK_FOUND
        warnings.append(NOT_HUMAN)
    if set(origins) == {Technique.METADATA}:
        warnings.append(UNSIGNED)
    origin = next((origins[each] for each in _PRECEDENCE if each in origins), None)
    return Verdict(
        conclusion=conclusion,
        origin=None if conflicts else origin,
        warnings=(*warnings, *conflicts),
    )


def _missing(evidence: Sequence[Evidence]) -> Iterator[str]:
    """What a credential that holds names, and the content does not have."""
    watermarks = [each for each in evidence if each.finding.technique is Technique.WATERMARK]
    # One that is there and cannot be read in full is most likely that one.
    if not watermarks or any(each.finding.presence is Presence.PRESENT for each in watermarks):
        return
    for each in evidence:
        is_credential = each.finding.technique is Technique.CREDENTIAL
        if is_credential and each.payload is not None and not each.is_tampered:
            yield MISSING.format(payload=in_words(each.payload))


def _spliced(evidence: Sequence[Evidence]) -> Iterator[str]:
    """That the tracks of a film carry different watermarks, which each of them may do rightly."""
    carried = [
        each.payload
        for each in evidence
        if each.finding.technique is Technique.WATERMARK and each.payload is not None
    ]
    for one, other in combinations(carried, 2):
        if not _agree(one, other):
            yield SPLICED.format(one=_with_origin(one), other=_with_origin(other))


def _conflicts(evidence: Sequence[Evidence]) -> Iterator[str]:
    for each in evidence:
        yield from _overwritten(each)
    for one, other in combinations(evidence, 2):
        names = f"{one.finding.technique} and {other.finding.technique}"
        this, that = one.payload, other.payload
        are_tracks = one.finding.technique is other.finding.technique
        if this is not None and that is not None and not are_tracks and not _match(one, other):
            yield (
                f"The {names} contradict each other: {_with_origin(this)} against "
                f"{_with_origin(that)}."
            )
        for says, denies in ((one, other), (other, one)):
            if says.origin is not None and denies.denies_ai:
                yield (
                    f"The {names} contradict each other: the {says.finding.technique} says that AI "
                    f"took part, the {denies.finding.technique} names an origin without AI "
                    f"({', '.join(denies.source_types)})."
                )


def _overwritten(evidence: Evidence) -> Iterator[str]:
    """That layers in one place disagree: no embedder does that, who writes the same into all."""
    said = [each.payload for each in evidence.layers if each.payload is not None]
    for one, other in combinations(said, 2):
        if not _agree(one, other):
            yield OVERWRITTEN.format(one=_with_origin(one), other=_with_origin(other))


def _match(one: Evidence, other: Evidence) -> bool:
    """Whether two techniques may speak of the same mark: one of those that they name."""
    named, told = (
        [payload for payload in (each.payload, *each.others) if payload is not None]
        for each in (one, other)
    )
    return any(_agree(this, that) for this in named for that in told)


def _agree(one: Payload | ShortPayload, other: Payload | ShortPayload) -> bool:
    """Whether two payloads may be of the same mark, one of them in its short form perhaps."""
    if isinstance(one, Payload) and isinstance(other, Payload):
        return one == other
    return _short(one) == _short(other)


def _short(payload: Payload | ShortPayload) -> ShortPayload:
    return ShortPayload.of(payload) if isinstance(payload, Payload) else payload


def _with_origin(payload: Payload | ShortPayload) -> str:
    return f"{in_words(payload)} ({payload.origin.name.lower()})"
