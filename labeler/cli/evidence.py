"""What verifying found in a file, as facts for the policy to hold against what is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detectors.report import Finding, Presence, Report, Technique
from labeler.media.media_type import MediaType
from labeler.policy import Assessment, Facts, GapStatus, assess
from labeler.policy.facts import LabelPlace, Modality, Output, OutputKind, SyntheticTrack
from labeler.policy.measures import measures_for_gap

if TYPE_CHECKING:
    from labeler.receipt import Receipt
    from labeler.registry import RegistryReader

__all__ = ["gap_members", "has_gaps", "hold_against"]

_ASKED_HERE: Final = frozenset({None, "eu-50-4-deepfake", "eu-50-4-text"})
"""Who asks for labels that gaps are about: the law of the Union, or whoever has it laid."""


def hold_against(facts: Facts, report: Report, registry: RegistryReader | None) -> Assessment:
    """The assessment of a file that exists, with gaps from what was found in it.

    Marks are what was read in the file, whatever the facts say of them; a detector there is, since
    it was just used. Labels cannot be seen by a program: where the registry has the file's receipt,
    it says which were laid, and else the facts do.

    Args:
        facts: What the law goes by.
        report: What verifying the file found.
        registry: Where receipts are; None: there is none here.

    Raises:
        RegistryError: The registry cannot be read.
    """
    known = _with_review(_with_marks(facts, report), report, registry)
    return assess(_with_labels(known, report, registry))


def gap_members(assessment: Assessment) -> list[dict[str, object]]:
    """The gaps as JSON values, each with the measures of the Code that it is about."""
    return [
        {
            "id": gap.id,
            "status": gap.status.value,
            "explanation": gap.explanation,
            "measures": [each.id for each in measures_for_gap(gap.id)],
        }
        for gap in assessment.gaps
    ]


def has_gaps(assessment: Assessment) -> bool:
    """Whether anything that is due is not there."""
    return any(gap.status is GapStatus.NOT_MET for gap in assessment.gaps)


def _with_marks(facts: Facts, report: Report) -> Facts:
    credential = report.finding(Technique.CREDENTIAL)
    watermarks = [each for each in report.findings if each.technique is Technique.WATERMARK]
    modality = _modality(report)
    output = facts.output or Output(kind=OutputKind.CONTENT)
    if output.modality is None and modality is not None:
        output = replace(output, modality=modality)
    is_sound = modality is Modality.AUDIO
    tracks = {each.detail.get("track") for each in watermarks}
    if output.synthetic_tracks is None and tracks == {"visual"}:  # the film is silent
        output = replace(output, synthetic_tracks=frozenset({SyntheticTrack.VISUAL}))
    return replace(
        facts,
        output=output,
        marks=replace(
            facts.marks,
            signed_metadata=_holds(credential),
            watermark=any(_is_there(each) for each in watermarks if not _of_sound(each, is_sound)),
            audio_watermark=any(
                _is_there(each) for each in watermarks if _of_sound(each, is_sound)
            ),
            detector=True,
        ),
    )


def _with_labels(facts: Facts, report: Report, registry: RegistryReader | None) -> Facts:
    places = {place for receipt in _receipts(report, registry) for place in _places(receipt)}
    if not places:
        return facts
    known = facts.label.where or frozenset()
    return replace(facts, label=replace(facts.label, where=known | places))


def _with_review(facts: Facts, report: Report, registry: RegistryReader | None) -> Facts:
    """The review that the registry knows of, by the bytes that were signed off or made of them."""
    if registry is None or report.sha256 is None or _modality(report) is not Modality.TEXT:
        return facts
    from labeler.stamping.editorial import as_signed_off  # noqa: PLC0415 - slow to import

    sources = (receipt.source_sha256 for receipt in _receipts(report, registry))
    digests = (report.sha256, *sources)
    signed = next((each for each in digests if registry.find_sign_off(each) is not None), None)
    work = str(Path(report.file).absolute())
    return as_signed_off(facts, signed or report.sha256, work, registry)


def _receipts(report: Report, registry: RegistryReader | None) -> Iterator[Receipt]:
    """The receipts of a file that is as it was published; a copy may have lost its label."""
    # Not by their handles: texts have none, and a mark that was kept leads to an earlier output.
    if registry is not None and report.sha256 is not None:
        yield from registry.find_output(report.sha256)


def _places(receipt: Receipt) -> Iterator[LabelPlace]:
    for each in receipt.labels:
        if each.laid and each.asked_by in _ASKED_HERE and ":cn" not in each.label:
            yield LabelPlace.CONTENT_TOP if ":text" in each.label else LabelPlace.CONTENT_START


def _modality(report: Report) -> Modality | None:
    if report.media_type is None:
        return None
    return Modality(MediaType(report.media_type).kind.value)


def _is_there(finding: Finding) -> bool:
    return finding.presence is Presence.PRESENT


def _holds(credential: Finding | None) -> bool:
    """Whether there is a credential that matches the content."""
    if credential is None or not _is_there(credential):
        return False
    return credential.detail.get("integrity") == "intact"


def _of_sound(finding: Finding, is_sound: bool) -> bool:
    return is_sound or finding.detail.get("track") == "audio"
