"""Metrics: what Prometheus gets, and what nobody can put in there."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from detectors.service.metrics import Metrics, known_media_type
from labeler.registry import Scope
from tests.serving.callers import Caller, make_key


def samples(caller) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = caller.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def gained(before, after):
    return {name: value - before.get(name, 0) for name, value in after.items()}


def test_what_happens_is_counted_under_labels_of_ours(service, settings, caller, picture):
    before = samples(caller)
    marked = caller.stamp(picture, "Geheimplan.png").content
    caller.stamp(picture[:1000], "a.png")
    service.verify(marked, "Geheimplan.png")
    service.verify(b"\x7fELF", "Geheimplan")
    service.client.post("/v1/stamp", files={"file": b"x"})
    service.client.get("/Geheimplan")
    found = gained(before, samples(caller))
    png = ("media_type", "image/png")
    assert found["labeler_verifications_total", (("conclusion", "marked"), png)] == 1
    assert found["labeler_verifications_total",
                 (("conclusion", "unreadable"), ("media_type", "other"))] == 1  # fmt: skip
    assert found["labeler_verification_seconds_count", ()] == 2
    assert found["labeler_stampings_total", (("result", "stamped"),)] == 1
    assert found["labeler_stampings_total", (("result", "unreadable"),)] == 1
    assert found["labeler_stamping_seconds_count", (png,)] == 1
    assert found["labeler_rejected_requests_total", (("kind", "unauthorised"),)] == 1
    assert found["labeler_rejected_requests_total", (("kind", "not-found"),)] == 1
    for gauge in ("requests_in_flight", "queue_length", "stampings_in_flight",
                  "stamping_queue_length"):  # fmt: skip
        assert samples(caller)[f"labeler_{gauge}", ()] == 0
    assert ("labeler_stamping_worker_restarts_total", (("reason", "crash"),)) in found
    assert ("process_resident_memory_bytes", ()) in found
    text = caller.get("/metrics").text
    assert "Geheimplan" not in text
    assert caller.key not in text


def test_two_services_do_not_share_their_counts():
    one, other = Metrics(), Metrics()
    one.watch("thing", "A thing.", lambda: 7)
    assert b"labeler_thing 7.0" in one.text()
    assert b"labeler_thing" not in other.text()


def test_a_media_type_is_one_that_is_known():
    assert known_media_type("image/png") == "image/png"
    assert known_media_type('image/png"} 1\nforged 1') == "other"
    assert known_media_type(None) == "other"


def test_metrics_take_a_key_from_this_machine_too(service, settings):
    assert service.client.get("/metrics").status_code == 401
    other = Caller(service.client, make_key(settings, Scope.STAMP))
    assert other.get("/metrics").status_code == 403
