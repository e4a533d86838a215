import base64
import json
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from detectors.conclusion import conclude
from detectors.fingerprint import MAX_TAKEN_S, take
from detectors.recognition import resolve
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from labeler.codec.acoustic import Fingerprint, fingerprint
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.registry import Registry
from tests.receipts import make_receipt
from tests.sounds import murmur

RATE_HZ = 16_000
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
SHORT = ShortPayload.of(PAYLOAD)


@dataclass(frozen=True)
class Span:
    start_s: float
    end_s: float


def register(registry, samples, receipt_id="r1", payload=PAYLOAD):
    receipt = make_receipt(receipt_id, payload=payload, media_type="audio/wav")
    registry.prepare(receipt, profile="p", fingerprint=fingerprint(samples, RATE_HZ))
    return receipt


def blocks(samples, size=10_000):
    return (samples[start : start + size] for start in range(0, len(samples), size))


@pytest.fixture(scope="module")
def output():
    return murmur(5, RATE_HZ, 2, seed=1)


@pytest.fixture
def registry(tmp_path):
    with Registry.open(str(tmp_path / "registry.sqlite3")) as opened:
        yield opened


def travelled(evidence):
    """The finding as it comes out of the sandbox."""
    report = Report(
        file="a.wav",
        sha256=None,
        media_type="audio/wav",
        conclusion=Conclusion.MARKED,
        origin=None,
        findings=(evidence.finding,),
    )
    return Report.from_json(report.to_json()).findings[0]


def test_a_short_mark_leads_to_its_receipt(registry, output):
    receipt = register(registry, output)
    found = resolve(travelled(take(blocks(output[20_000:60_000]), RATE_HZ)), SHORT, registry)
    assert found.receipt == receipt
    assert found.warning is None
    assert found.finding.technique is Technique.FINGERPRINT
    assert found.finding.presence is Presence.PRESENT
    assert found.finding.p_value < 1e-6
    assert found.finding.detail["candidates"] == 1
    assert found.finding.detail["offset_s"] == pytest.approx(1.25, abs=0.02)
    json.dumps(dict(found.finding.detail))


def test_the_marked_part_of_a_longer_sound_is_taken(registry, output):
    receipt = register(registry, output)
    around = [murmur(15, RATE_HZ, 2, seed=seed) for seed in (5, 6)]
    whole = np.concatenate([around[0], output, around[1]])
    spans = [Span(2.0, 3.0), Span(14.5, 20.8), Span(30.0, 31.0)]
    taken = take(blocks(whole), RATE_HZ, spans=spans)
    assert taken.finding.detail["start_s"] == 14.5
    assert taken.finding.detail["duration_s"] == pytest.approx(6, abs=0.1)
    assert resolve(travelled(taken), SHORT, registry).receipt == receipt


def test_no_more_is_read_than_is_taken(output):
    def endless():
        while True:
            yield output

    taken = take(endless(), RATE_HZ, spans=[Span(3.0, 300.0)])
    assert taken.finding.detail["duration_s"] == pytest.approx(MAX_TAKEN_S, abs=0.5)
    # It has to fit into a report, which cuts longer texts short.
    assert len(taken.finding.detail["fingerprint"]) < 10_000


def test_what_was_sped_up_is_compared_as_it_was(registry, output):
    receipt = register(registry, output)
    where = np.arange(0, len(output) - 1, 1.08)
    faster = np.stack(
        [np.interp(where, np.arange(len(output)), channel) for channel in output.T], axis=1
    ).astype(np.float32)
    plain = take(blocks(faster), RATE_HZ)
    undone = take(blocks(faster), RATE_HZ, speed=1.08, pitch=1.08)
    assert resolve(plain.finding, SHORT, registry).receipt is None
    assert resolve(undone.finding, SHORT, registry).receipt == receipt


def test_taking_says_nothing_of_marks(output):
    taken = take(blocks(output), RATE_HZ)
    assert taken.finding.presence is Presence.INCONCLUSIVE
    assert conclude([taken]).conclusion is Conclusion.NO_MARK_FOUND


def test_without_a_registry_nothing_is_said(output):
    taken = take(blocks(output), RATE_HZ)
    found = resolve(taken.finding, SHORT, None)
    assert found.finding == taken.finding
    assert found.receipt is None
    assert "registry of its issuer" in found.warning


def test_an_unknown_tag_is_said_to_be_unknown(registry, output):
    register(registry, output)
    other = ShortPayload(origin=Origin.GENERATED, tag=SHORT.tag ^ 1)
    found = resolve(take(blocks(output), RATE_HZ).finding, other, registry)
    assert found.finding.presence is Presence.ABSENT
    assert found.finding.p_value is None
    assert found.receipt is None
    assert f"{other.tag:04x}" in found.warning


def test_another_sound_with_the_same_tag_is_not_taken_for_it(registry, output):
    register(registry, output)
    found = resolve(take(blocks(murmur(5, seed=9)), RATE_HZ).finding, SHORT, registry)
    assert found.finding.presence is Presence.ABSENT
    assert found.finding.p_value > 1e-3
    assert found.receipt is None
    assert "sounds like none" in found.warning


def test_it_is_never_guessed_which_of_two_it_is(registry, output):
    twin = next(
        payload
        for serial in range(1, 1 << 32)
        if ShortPayload.of(payload := replace(PAYLOAD, handle=Handle(1, serial))) == SHORT
    )
    register(registry, output, "r1")
    register(registry, output, "r2", twin)
    found = resolve(take(blocks(output), RATE_HZ).finding, SHORT, registry)
    assert found.finding.presence is Presence.INCONCLUSIVE
    assert found.receipt is None
    assert "2 different outputs" in found.warning


def test_too_little_sound_is_said_to_be_too_little(registry, output):
    register(registry, output)
    found = resolve(take(blocks(output[:3_000]), RATE_HZ).finding, SHORT, registry)
    assert found.finding.presence is Presence.INCONCLUSIVE
    assert "too little" in found.warning


HUGE = Fingerprint(np.zeros(100_000, np.uint32), np.ones(100_000, bool)).to_bytes()


@pytest.mark.parametrize(
    "text",
    [None, 7, ["AQ=="], "", "!", "ÄÖ", "AQ", "AQAAAAA=x", base64.b64encode(HUGE).decode()],
    ids=lambda text: repr(text)[:12],
)
def test_a_finding_of_a_worker_that_was_taken_over_does_no_harm(registry, output, text):
    register(registry, output)
    finding = Finding(
        technique=Technique.FINGERPRINT,
        presence=Presence.PRESENT,
        p_value=1e-300,
        detail={"fingerprint": text, "candidates": 5},
    )
    found = resolve(finding, SHORT, registry)
    assert found.finding.presence is Presence.INCONCLUSIVE
    assert found.finding.p_value is None
    assert found.receipt is None


def test_what_runs_in_the_sandbox_knows_no_registry():
    program = "import sys, detectors.sounds; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
