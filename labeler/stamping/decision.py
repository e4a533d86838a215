"""From what the law asks to what is done to one file.

The facts are assessed first. What is prohibited is refused, and so is what is undecided and would
be seen; marks that are due may not be missing, and labels that are due are laid. Marks that are not
due are made as far as the content allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from labeler.aigc import AigcLabel
from labeler.disclosure.labels import (
    Corner,
    Extent,
    Schedule,
    Scheme,
    SpokenLabel,
    TextLabel,
    VisibleLabel,
)
from labeler.disclosure.words import Kind, sentence
from labeler.errors import ObligationError, PolicyError
from labeler.media.media_type import MediaKind, MediaType
from labeler.policy import Assessment, Facts, Obligation, Status, assess
from labeler.policy.facts import Modality, Output, OutputKind, SyntheticTrack
from labeler.provenance import Provenance, Track
from labeler.receipt import LabelOutcome, Layer
from labeler.settings import Settings
from labeler.stamping.labelling import Labelling

__all__ = ["Decision", "complete", "decide"]

_KINDS: Final[Mapping[MediaKind, Kind]] = {
    MediaKind.IMAGE: Kind.PICTURE,
    MediaKind.AUDIO: Kind.SOUND,
    MediaKind.VIDEO: Kind.FILM,
    MediaKind.TEXT: Kind.TEXT,
}
_TRACKS: Final[Mapping[SyntheticTrack, Track]] = {
    SyntheticTrack.VISUAL: Track.VISUAL,
    SyntheticTrack.AUDIO: Track.AUDIO,
}
# Undecided, these would leave people without a label that may be due.
_PERCEIVED: Final[Mapping[str, str | None]] = {
    "eu-5-1-prohibited": None,
    "eu-50-4-deepfake": None,
    "eu-50-4-text": None,
    "cn-gb45438-explicit": "system.generates_for_china",
    "in-it-rules-label": "system.generates_for_india",
}
_MARKING: Final = "eu-50-2-mark"
_MARKED_TRACKS: Final = {"watermark:video": Track.VISUAL, "watermark:audio": Track.AUDIO}
_VISIBLE: Final = "label:visible"
_SPOKEN: Final = "label:spoken"
_CHINESE_VISIBLE: Final = "label:cn:visible"
_CHINESE_SPOKEN: Final = "label:cn:spoken"
_CHINESE_TEXT: Final = "label:cn:text"
_TEXT_TOP: Final = "label:text:top"
_ADJACENT: Final = "label:adjacent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done to one file, and why."""

    assessment: Assessment
    layers: Mapping[Layer, str]
    """The layers that are due, each with the obligation that asks it."""
    marked_tracks: frozenset[Track]
    """The tracks of a film in which a watermark is due."""
    labels: Labelling
    """What is laid on the content."""
    provenance: Provenance
    """The claims, with what the law wants written."""
    outcomes: tuple[LabelOutcome, ...]
    """The labels that are due, for the receipt."""

    @property
    def allow_missing(self) -> frozenset[Layer]:
        """The layers that are known not to be due.

        Where it is undecided whether the output has to be marked, none is.
        """
        if self.assessment.obligation(_MARKING).status is Status.NEEDS_JUDGEMENT:
            return frozenset()
        return frozenset(Layer) - frozenset(self.layers)

    @property
    def reason(self) -> str:
        """What is due, in a sentence."""
        due = [each.id for each in self.assessment.obligations if each.status.is_due]
        return f"Due: {', '.join(due)}." if due else "Nothing is due."


def complete(
    facts: Facts,
    media_type: MediaType,
    *,
    is_silent: bool,
    declared: frozenset[Track] | None = None,
) -> Facts:
    """The facts, with what the file itself tells.

    Args:
        facts: As they were stated.
        media_type: Of the file.
        is_silent: Whether it is a film without sound, in which none can be synthetic.
        declared: Its tracks that are claimed to be synthetic; None: nothing is.

    Raises:
        PolicyError: The file is no content of the modality that the facts say, or other tracks are
            claimed to be synthetic.
    """
    modality = Modality(media_type.kind.value)
    output = facts.output or Output(kind=OutputKind.CONTENT)
    if output.modality not in {None, modality}:
        raise PolicyError(
            f"output.modality is {output.modality}, and the file is {media_type.label}",
            hint="Correct the facts, or leave output.modality out: the file tells it",
        )
    tracks = _agreed(output.synthetic_tracks, declared)
    if is_silent and tracks is None:
        tracks = frozenset({SyntheticTrack.VISUAL})
    return replace(facts, output=replace(output, modality=modality, synthetic_tracks=tracks))


def _agreed(
    stated: frozenset[SyntheticTrack] | None, declared: frozenset[Track] | None
) -> frozenset[SyntheticTrack] | None:
    """The synthetic tracks; what is marked goes by the claims, so that they have to agree."""
    if declared is None:
        return stated
    claimed = frozenset(track for track, name in _TRACKS.items() if name in declared)
    if stated is not None and stated - {SyntheticTrack.TEXT} != claimed:
        raise PolicyError(
            "output.synthetic_tracks differs from what is declared (--synthetic-tracks)",
            hint="Leave one of them out",
        )
    return stated or claimed


def decide(
    facts: Facts,
    media_type: MediaType,
    provenance: Provenance,
    settings: Settings,
    *,
    produce_id: str,
) -> Decision:
    """What is to be done to a file.

    Args:
        facts: As `complete` gives them.
        media_type: Of the file.
        provenance: What is claimed about it.
        settings: The language of labels, who the producer is, and more.
        produce_id: Names the output for the AIGC field.

    Raises:
        ObligationError: It is prohibited or undecided, or what is due cannot be done.
    """
    assessment = assess(facts)
    refuse(assessment)
    marks = _collect(assessment, "marks")
    terms = _collect(assessment, "labels")
    layers = {_layer_of(mark): asked for mark, asked in marks.items() if mark != "detector"}
    if "metadata:aigc" in marks:
        provenance = replace(provenance, aigc=_aigc(settings, produce_id))
    provenance = _with_tracks(provenance, facts, media_type)
    extent = Extent.MODIFIED if provenance.source_type.is_edit else Extent.GENERATED
    labels = _labelling(terms, extent, settings)
    told = sentence(extent, settings.label_language, _KINDS[media_type.kind])
    if _ADJACENT in terms:
        provenance = replace(provenance, disclosure=told)
    outcomes = tuple(_outcome(term, asked, told) for term, asked in terms.items())
    return Decision(
        assessment=assessment,
        layers=layers,
        marked_tracks=frozenset(track for mark, track in _MARKED_TRACKS.items() if mark in marks),
        labels=labels,
        provenance=provenance,
        outcomes=outcomes,
    )


def refuse(assessment: Assessment) -> None:
    """Refuse what is prohibited, and what a person has to judge before it is published.

    Raises:
        ObligationError: It is.
    """
    for each in assessment.prohibited:
        raise ObligationError(
            f"the output is prohibited: {each.basis[0].ref}",
            hint=f"No mark and no label cures that ({each.id})",
        )
    for obligation_id, asked_first in _PERCEIVED.items():
        each = assessment.obligation(obligation_id)
        # What is not known to concern a country at all is no doubt about its labels.
        if each.status is Status.NEEDS_JUDGEMENT and asked_first not in each.missing_facts:
            raise ObligationError(
                f"whether {each.id} is due is not decided ({each.basis[0].ref})",
                hint=f"Add what is known to the facts: {', '.join(each.missing_facts)}",
            )


def _collect(assessment: Assessment, what: str) -> dict[str, str]:
    """Marks or labels that are due, each with the first obligation that asks it."""
    found: dict[str, str] = {}
    for each in assessment.obligations:
        for term in _terms(each, what):
            found.setdefault(term, each.id)
    return found


def _terms(obligation: Obligation, what: str) -> tuple[str, ...]:
    return obligation.marks if what == "marks" else obligation.labels


def _layer_of(mark: str) -> Layer:
    if mark == "c2pa":
        return Layer.CREDENTIAL
    return Layer.WATERMARK if mark.startswith("watermark:") else Layer.METADATA


def _aigc(settings: Settings, produce_id: str) -> AigcLabel:
    producer = settings.aigc_producer
    if producer is None:
        raise ObligationError(
            "cn-gb45438-implicit is due, and nobody is named as the content's producer",
            hint="Set LABELER_AIGC_PRODUCER to the provider's name or code",
        )
    return AigcLabel.first(content_producer=producer, produce_id=produce_id)


def _with_tracks(provenance: Provenance, facts: Facts, media_type: MediaType) -> Provenance:
    stated = facts.subject.synthetic_tracks
    if media_type.kind is not MediaKind.VIDEO or stated is None or provenance.synthetic_tracks:
        return provenance
    tracks = frozenset(_TRACKS[each] for each in stated if each in _TRACKS)
    return replace(provenance, synthetic_tracks=tracks or None)


def _labelling(terms: Mapping[str, str], extent: Extent, settings: Settings) -> Labelling:
    if any(term.startswith(_SPOKEN) for term in terms) and _CHINESE_SPOKEN in terms:
        raise ObligationError(
            "spoken labels of the Union and of China are due, and they cannot be laid together",
            hint="Stamp one version for each",
        )
    if _TEXT_TOP in terms and _CHINESE_TEXT in terms:
        raise ObligationError(
            "written labels of the Union and of China are due, and they cannot be laid together",
            hint="Stamp one version for each",
        )
    written = None
    if _TEXT_TOP in terms or _CHINESE_TEXT in terms:
        scheme = Scheme.EU if _TEXT_TOP in terms else Scheme.CHINA
        written = TextLabel(extent=extent, language=settings.label_language, scheme=scheme)
    return Labelling(
        visible=_visible(terms, extent, settings),
        spoken=_spoken(terms, extent, settings),
        written=written,
    )


def _visible(
    terms: Mapping[str, str], extent: Extent, settings: Settings
) -> tuple[VisibleLabel, ...]:
    labels: list[VisibleLabel] = []
    ours = [term for term in terms if term.startswith(_VISIBLE)]
    if ours:
        labels.append(
            VisibleLabel(
                extent=extent,
                language=settings.label_language,
                corner=settings.label_corner,
                schedule=Schedule(throughout=any(each.endswith("throughout") for each in ours)),
                icon=settings.label_icon,
            )
        )
    if _CHINESE_VISIBLE in terms:
        corner = Corner.BOTTOM_RIGHT
        if settings.label_corner is Corner.BOTTOM_RIGHT:
            corner = Corner.TOP_RIGHT
        labels.append(VisibleLabel(extent=extent, scheme=Scheme.CHINA, corner=corner))
    return tuple(labels)


def _spoken(terms: Mapping[str, str], extent: Extent, settings: Settings) -> SpokenLabel | None:
    if _CHINESE_SPOKEN in terms:
        return SpokenLabel(extent=extent, scheme=Scheme.CHINA)
    if any(term.startswith(_SPOKEN) for term in terms):
        return SpokenLabel(
            extent=extent, language=settings.label_language, recording=settings.label_recording
        )
    return None


def _outcome(term: str, asked_by: str, told: str) -> LabelOutcome:
    """A label, and whether a file can hold it: what it cannot is left to its publisher."""
    prefixes = (_VISIBLE, _SPOKEN, "label:cn:", _TEXT_TOP)
    text = told if term == _ADJACENT else None
    return LabelOutcome(label=term, asked_by=asked_by, laid=term.startswith(prefixes), text=text)
