"""From reports to the manifests that files may have lost."""

from __future__ import annotations

import pytest

from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.service.content_matches import (
    KnownOutput,
    fingerprint_matches,
    watermark_matches,
)
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.credentials import SoftBinding
from labeler.receipt import write_payload, write_short_payload

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 1))
SHORT = ShortPayload.of(PAYLOAD)


def report(media_type: str, *findings: Finding) -> Report:
    return Report(
        file="a",
        sha256=None,
        media_type=media_type,
        conclusion=Conclusion.MARKED,
        origin=None,
        findings=findings,
    )


def watermark(**detail) -> Finding:
    return Finding(technique=Technique.WATERMARK, presence=Presence.PRESENT, detail=detail)


def fingerprint(presence: Presence, **detail) -> Finding:
    return Finding(technique=Technique.FINGERPRINT, presence=presence, detail=detail)


def test_a_payload_is_a_binding_of_its_medium():
    found = watermark(payload=write_payload(PAYLOAD))
    assert watermark_matches(report("image/png", found)) == (
        (SoftBinding.for_payload(PAYLOAD),),
        (),
    )
    assert watermark_matches(report("audio/wav", found))[0] == (SoftBinding.for_sound(PAYLOAD),)


def test_what_the_registry_resolved_comes_along():
    found = watermark(payload=write_payload(PAYLOAD), receipt={"receipt_id": "r"})
    assert watermark_matches(report("image/png", found))[1] == (KnownOutput(receipt_id="r"),)


def test_a_short_payload_leads_to_candidates_only_until_they_are_told_apart():
    found = watermark(short_payload=write_short_payload(SHORT))
    assert watermark_matches(report("audio/wav", found))[0] == (SoftBinding.for_sound(SHORT),)
    none = fingerprint(Presence.ABSENT, candidates=3)
    assert watermark_matches(report("audio/wav", found, none)) == ((), ())
    told = watermark(short_payload=write_short_payload(SHORT), receipt={"receipt_id": "r"})
    assert watermark_matches(report("audio/wav", told)) == ((), (KnownOutput(receipt_id="r"),))


def test_nothing_is_made_of_nonsense():
    for detail in ({}, {"payload": 1}, {"payload": {}}, {"receipt": "r"}, {"receipt": {}}):
        assert watermark_matches(report("image/png", watermark(**detail))) == ((), ())


def test_a_text_that_came_out_is_a_match_with_its_share():
    matches = [
        {"receipt_id": "a", "shared": 30, "stored": 40},
        {"receipt_id": None, "shared": 1, "stored": 1},
        {"receipt_id": "b", "shared": 50, "stored": 40},
        {"receipt_id": "c"},
        "nonsense",
    ]
    found = fingerprint(Presence.PRESENT, matches=matches)
    assert fingerprint_matches(report("text/plain", found)) == (
        KnownOutput(receipt_id="a", similarity=75),
        KnownOutput(receipt_id="b", similarity=100),
        KnownOutput(receipt_id="c"),
    )
    absent = fingerprint(Presence.ABSENT, matches=matches)
    assert fingerprint_matches(report("text/plain", absent)) == ()


@pytest.mark.parametrize(
    ("match", "score"),
    [
        ({"distance": 0}, 100),
        ({"distance": 31}, 88),
        ({"distance": 256}, 0),
        ({"distance": 300}, 0),
        ({"bit_error_rate": 0.25}, 75),
        ({"moments": 3, "of": 12}, 25),
        ({"moments": 3, "of": 0}, None),
        ({"moments": 3}, None),
        ({"shared": "x", "stored": 4}, 0),
        ({}, None),
    ],
)
def test_a_score_says_how_much_agrees(match, score):
    found = fingerprint(Presence.PRESENT, matches=[{"receipt_id": "a", **match}])
    assert fingerprint_matches(report("image/png", found)) == (
        KnownOutput(receipt_id="a", similarity=score),
    )
