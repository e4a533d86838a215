"""What is due, held against the marks and labels that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from labeler.policy.assessment import Gap, GapStatus, Obligation, Status
from labeler.policy.code_of_practice import synthetic_tracks
from labeler.policy.facts import Facts, LabelPlace, Modality, SyntheticTrack

__all__ = ["MANNER", "MANNER_SOURCES", "find_gaps"]

MANNER: Final = "eu-50-5-manner"
MANNER_SOURCES: Final = ("eu-50-1-inform", "eu-50-3-notice", "eu-50-4-deepfake", "eu-50-4-text")
"""The duties whose manner Art. 50(5) is about here."""
_METADATA: Final = "code-1-1-signed-metadata"
_WATERMARK: Final = "code-1-1-watermark"

_AT_FIRST_EXPOSURE: Final = frozenset(
    {LabelPlace.CONTENT_START, LabelPlace.CONTENT_TOP, LabelPlace.INTERFACE_START}
)
_ADJACENT_SUFFICES: Final = frozenset({"eu-50-1-inform", "eu-50-3-notice"})


def find_gaps(obligations: Mapping[str, Obligation], facts: Facts) -> tuple[Gap, ...]:
    """One gap, met or not, for each obligation that is due and can be seen on the output."""
    no_layer = all(obligations[each].status is Status.NOT_REQUIRED for each in _LAYERS)
    gaps: list[Gap] = []
    for obligation_id, look in _LOOKS.items():
        if not obligations[obligation_id].status.is_due:
            continue
        if no_layer and obligation_id in _WITHOUT_LAYERS:
            gaps.append(_gap(obligation_id, True, "The Code asks no layer of such short text."))
        else:
            gaps.append(_gap(obligation_id, *look(facts)))
    if obligations[MANNER].status.is_due:
        gaps.append(_gap(MANNER, *_manner(obligations, facts)))
    return tuple(gaps)


def _gap(obligation_id: str, is_met: bool, says: str) -> Gap:
    return Gap(
        id=obligation_id,
        status=GapStatus.MET if is_met else GapStatus.NOT_MET,
        explanation=says,
    )


def _marked(facts: Facts) -> tuple[bool, str]:
    marks = facts.marks
    if marks.signed_metadata:
        return True, "There is signed metadata."
    if marks.watermark or marks.audio_watermark:
        return True, "There is a watermark."
    if marks.visible_badge or marks.fingerprint:
        return False, "A visible badge or a fingerprint alone marks nothing (Guidelines 71)."
    return False, "There is neither signed metadata nor a watermark."


def _detectable(facts: Facts) -> tuple[bool, str]:
    if facts.marks.detector:
        return True, "There is a detector."
    return False, "There is no means of detection: marking alone does not suffice (Guidelines 70)."


def _signed(facts: Facts) -> tuple[bool, str]:
    if facts.marks.signed_metadata:
        return True, "There is signed metadata."
    return False, "There is no signed metadata (Code S1 1.1.1)."


def _watermarked(facts: Facts) -> tuple[bool, str]:
    bare = [name for kind in facts.modalities for name in _unmarked(kind, facts)]
    if bare:
        return (
            False,
            f"There is no watermark in the {' and the '.join(sorted(set(bare)))} (Code S1 1.1.2).",
        )
    return True, "There is a watermark in all that is synthetic."


def _unmarked(modality: Modality, facts: Facts) -> list[str]:
    """What of the content has no watermark, in words."""
    pictures, sound = bool(facts.marks.watermark), bool(facts.marks.audio_watermark)
    if modality is Modality.AUDIO:
        return [] if pictures or sound else ["sound"]
    if modality is not Modality.VIDEO:
        return [] if pictures else [modality.value]
    tracks = synthetic_tracks(facts)
    bare = ["picture"] if SyntheticTrack.VISUAL in tracks and not pictures else []
    return [*bare, *(["sound"] if SyntheticTrack.AUDIO in tracks and not sound else [])]


def _manner(obligations: Mapping[str, Obligation], facts: Facts) -> tuple[bool, str]:
    places = facts.label.where or frozenset()
    late = [
        each
        for each in MANNER_SOURCES
        if obligations[each].status.is_due
        and places.isdisjoint(_reaching(obligations[each], facts))
    ]
    if not late:
        return True, "A label reaches people at first exposure."
    told = ", ".join(sorted(each.value for each in places)) or "none is given"
    return False, (
        f"No label reaches people clearly at first exposure, as {' and '.join(late)} asks "
        f"(Guidelines 142-143): {told}."
    )


def _reaching(duty: Obligation, facts: Facts) -> frozenset[LabelPlace]:
    """Places of a label that reach people by first exposure."""
    places = _AT_FIRST_EXPOSURE
    is_limited = duty.status is Status.LIMITED_FORM
    if is_limited or duty.id in _ADJACENT_SUFFICES or facts.channel.closed_internal:
        places |= {LabelPlace.ADJACENT}
    return places | {LabelPlace.CREDITS} if is_limited else places


_LAYERS: Final = (_METADATA, _WATERMARK)
_LOOKS: Final[Mapping[str, Callable[[Facts], tuple[bool, str]]]] = {
    "eu-50-2-mark": _marked,
    "eu-50-2-detect": _detectable,
    _METADATA: _signed,
    _WATERMARK: _watermarked,
    "code-2-1-detector": _detectable,
}
_WITHOUT_LAYERS: Final = frozenset({"eu-50-2-mark", "eu-50-2-detect", "code-2-1-detector"})
