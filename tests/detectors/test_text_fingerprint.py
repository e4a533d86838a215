"""Texts are recognised by what a worker says, and nothing that it says is relied on."""

import json
from dataclasses import replace

import pytest

from detectors import text_fingerprint
from detectors.lookup import Lookup
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from labeler.codec.keys import Key
from labeler.codec.shingles import shingles
from labeler.registry import Registry, RegistryReader
from labeler.settings import Settings

KEY = Key.from_bytes(bytes(range(32)))
TEXT = " ".join(f"word{number}" for number in range(200))


def taken(text=TEXT, key=KEY):
    evidence = text_fingerprint.take(text, key)
    assert evidence is not None
    # As it comes out of the sandbox.
    detail = json.loads(json.dumps(dict(evidence.finding.detail)))
    return replace(evidence.finding, detail=detail)


@pytest.fixture
def logged(tmp_path):
    """A registry that knows one text, and the key of its log."""
    location = str(tmp_path / "registry.sqlite3")
    with Registry.open(location) as registry:
        key = registry.make_text_key()
        registry.log_text(None, shingles(TEXT, key), provider="P", model="M", reference="r")
    return RegistryReader.open(location), key


def test_a_logged_text_is_found_and_another_is_not(logged):
    registry, key = logged
    finding = taken(key=key)
    assert text_fingerprint.is_of_text(finding)
    assert finding.presence is Presence.INCONCLUSIVE
    found = text_fingerprint.resolve(finding, registry)
    assert found.finding.presence is Presence.PRESENT
    assert found.warning is not None
    (match,) = found.finding.detail["matches"]
    assert (match["provider"], match["model"], match["reference"]) == ("P", "M", "r")
    assert not text_fingerprint.is_of_text(found.finding)
    other = " ".join(f"other{number}" for number in range(200))
    none = text_fingerprint.resolve(taken(other, key), registry)
    assert none.finding.presence is Presence.ABSENT
    assert none.finding.detail["matches"] == []
    assert none.warning is None


def test_short_texts_have_no_fingerprint_and_long_ones_are_cut():
    assert text_fingerprint.take("too few words", KEY) is None
    finding = taken(" ".join(map(str, range(120_000))))
    assert len(finding.detail["shingles"]) <= 200
    assert max(map(len, finding.detail["shingles"])) <= 10_000
    resolution = text_fingerprint.resolve(finding, None)
    assert resolution.finding.presence is Presence.INCONCLUSIVE


def test_another_key_or_no_registry_finds_nothing(logged):
    registry, _ = logged
    unknown = text_fingerprint.resolve(taken(key=KEY), registry)
    assert unknown.finding.presence is Presence.INCONCLUSIVE
    assert unknown.finding.detail == {}
    assert unknown.warning is not None
    assert unknown.warning[0].isupper()
    nowhere = text_fingerprint.resolve(taken(), None)
    assert nowhere.finding.presence is Presence.INCONCLUSIVE
    assert nowhere.warning is None


@pytest.mark.parametrize(
    "lie",
    [
        {"words": "many"},
        {"words": True},
        {"words": -1},
        {"words": 19},
        {"words": 10**30},
        {"words": 21},
        {"words": None},
        {"key_id": 5},
        {"shingles": None},
        {"shingles": 7},
        {"shingles": []},
        {"shingles": [7]},
        {"shingles": ["?"]},
        {"shingles": ["é"]},
        {"shingles": ["AAAA"]},
        {"shingles": ["AAAAAAAAAAAAAAAA"] * 2},
        {"shingles": ["AAAAAAAAAAAAAAAA"] * 201},
    ],
    ids=lambda lie: str(lie)[:40],
)
def test_lies_are_no_matches(logged, lie):
    registry, key = logged
    finding = taken(key=key)
    lying = replace(
        finding,
        presence=Presence.PRESENT,
        p_value=1e-99,
        detail={**finding.detail, "matches": ["invented"], **lie},
    )
    resolution = text_fingerprint.resolve(lying, registry)
    assert resolution.finding == Finding(
        technique=Technique.FINGERPRINT, presence=Presence.INCONCLUSIVE
    )
    assert resolution.warning is None


def test_a_worker_cannot_claim_a_match(tmp_path):
    claimed = Finding(
        technique=Technique.FINGERPRINT,
        presence=Presence.PRESENT,
        p_value=1e-99,
        detail={"matches": [5], "fingerprint": "?"},
    )
    report = Report(
        file="x.txt",
        sha256=None,
        media_type=None,
        conclusion=Conclusion.NO_MARK_FOUND,
        origin=None,
        findings=(claimed,),
        warnings=(),
    )
    with Lookup(Settings(home=tmp_path)) as lookup:
        (told,) = lookup.complete(report, pytest.fail).report.findings
    assert told.presence is Presence.INCONCLUSIVE
    assert told.p_value is None
    assert told.detail == {"fingerprint": "?"}
