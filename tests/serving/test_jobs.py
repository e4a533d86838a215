"""Jobs: leave a file, come back for the answer, or think better of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time

import numpy as np
import pytest
import soundfile

from detectors import Conclusion, verify
from detectors.service import ServiceLimits
from labeler.registry import JobState, Scope
from labeler.serving import ServingLimits, create_app
from tests.films import film
from tests.service.serving import running, wait_until
from tests.serving.callers import Caller, make_key


@pytest.fixture(scope="session")
def long_sound(tmp_path_factory) -> bytes:
    """What takes seconds to stamp."""
    file = tmp_path_factory.mktemp("sound") / "long.wav"
    noise = np.random.default_rng(3).normal(0, 0.1, 22_050 * 150)
    soundfile.write(file, noise, 22_050)
    return file.read_bytes()


@pytest.fixture
def forgetful(caller):
    """Takes back the jobs that a test leaves."""
    left = []

    def leave(*arguments, by=caller, **more):
        answer = by.leave(*arguments, **more)
        if answer.status_code == 202:
            left.append((by, answer.headers["location"]))
        return answer

    yield leave
    for by, path in left:
        by.client.delete(path, headers=by.headers)


def test_a_file_is_verified_later(caller, forgetful, settings, picture):
    marked = caller.stamp(picture, "a.png").content
    taken = forgetful(marked, "one.png", "verify")
    assert taken.status_code == 202
    job = taken.json()
    assert job["schema"] == 1
    assert (job["kind"], job["answer"], job["error"]) == ("verify", None, None)
    path = taken.headers["location"]
    assert path == f"/v1/jobs/{job['job_id']}"
    job = caller.wait_for(path, "done", "failed")
    assert (job["state"], job["progress"], job["error"]) == ("done", 1.0, None)
    found = verify(marked, settings=settings, name="one.png")
    assert job["answer"]["report"] == json.loads(found.to_json())
    assert job["expires_at"] > job["created_at"]
    assert caller.get(f"{path}/file").status_code == 404


def test_a_file_is_stamped_later_and_fetched_any_number_of_times(
    caller, forgetful, settings, picture
):
    path = forgetful(picture, "robot.png", "stamp").headers["location"]
    job = caller.wait_for(path, "done", "failed")
    assert job["state"] == "done", job
    answer = job["answer"]
    assert (answer["file"], answer["receipt"]["target"]) == (f"{path}/file", "stamped.png")
    first, second = caller.get(answer["file"]), caller.get(answer["file"])
    assert first.content == second.content
    assert first.headers["content-type"] == "image/png"
    assert hashlib.sha256(first.content).hexdigest() == answer["receipt"]["target_sha256"]
    assert verify(first.content, settings=settings).conclusion is Conclusion.MARKED
    assert caller.get(answer["manifest"]).status_code == 200
    assert (
        caller.get(first.headers["location"]).json()["receipt_id"]
        == (answer["receipt"]["receipt_id"])
    )


def test_what_cannot_be_stamped_fails_with_its_reason(caller, forgetful, picture):
    path = forgetful(picture[:1000], "a.png", "stamp").headers["location"]
    job = caller.wait_for(path, "failed", "done")
    assert (job["state"], job["answer"]) == ("failed", None)
    assert job["error"]["kind"] == "unreadable"
    path = forgetful(b"\x7fELF", "a", "verify").headers["location"]
    job = caller.wait_for(path, "failed", "done")
    assert job["answer"]["report"]["conclusion"] == "unreadable"


@pytest.mark.parametrize(
    ("fields", "status"), [({"kind": "both"}, 400), ({"kind": ""}, 400), ({"kind": "stamp"}, 400)]
)
def test_what_is_no_job_is_refused_at_once(caller, picture, fields, status):
    files = {"file": ("a.png", picture)}
    answer = caller.client.post("/v1/jobs", files=files, data=fields, headers=caller.headers)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (status, "claims")


def test_a_job_is_its_owners_alone(caller, forgetful, service, settings, picture):
    path = forgetful(picture, "a.png", "verify").headers["location"]
    other = Caller(service.client, make_key(settings, Scope.JOBS))
    for method in ("GET", "DELETE"):
        answer = service.client.request(method, path, headers=other.headers)
        assert answer.status_code == 404
    assert other.get(f"{path}/file").status_code == 404
    assert service.client.get(path).status_code == 401
    refused = other.leave(picture, "a.png", "stamp")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (403, "forbidden")
    assert caller.get(path).status_code == 200


def test_a_caller_has_so_many_jobs_and_no_more(caller, forgetful, picture):
    for _ in range(4):
        assert forgetful(picture, "a.png", "verify").status_code == 202
    more = caller.leave(picture, "a.png", "verify")
    assert (more.status_code, more.json()["error"]["kind"]) == (429, "too-many-requests")
    assert int(more.headers["retry-after"]) > 0


def test_the_same_request_is_the_same_job(caller, forgetful, picture):
    first = forgetful(picture, "a.png", "stamp", again="night 1")
    second = forgetful(picture, "a.png", "stamp", again="night 1")
    assert (second.status_code, second.json()["job_id"]) == (202, first.json()["job_id"])
    other = caller.leave(picture, "a.png", "verify", again="night 1")
    assert (other.status_code, other.json()["error"]["kind"]) == (422, "idempotency-key-reused")
    caller.wait_for(first.headers["location"], "done")
    third = forgetful(picture, "a.png", "stamp", again="night 1")
    assert third.json()["answer"]["receipt"]["target_sha256"]


def test_a_cancelled_job_is_gone_at_once(caller, settings, picture, long_sound, registry):
    taken = caller.leave(long_sound, "long.wav", "stamp")
    behind = caller.leave(picture, "a.png", "stamp")
    path = taken.headers["location"]
    caller.wait_for(path, "running")
    assert caller.get(behind.headers["location"]).json()["state"] == "queued"
    wait_until(lambda: files_below(settings.scratch))
    began = time.monotonic()
    for each in (path, behind.headers["location"]):
        assert caller.client.delete(each, headers=caller.headers).status_code == 204
    assert time.monotonic() - began < 5
    assert caller.get(path).status_code == 404
    assert files_below(settings.scratch) == []
    assert registry.job(taken.json()["job_id"]) is None
    # And its worker is replaced.
    again = caller.leave(picture, "a.png", "stamp").headers["location"]
    assert caller.wait_for(again, "done", "failed")["state"] == "done"
    caller.client.delete(again, headers=caller.headers)


def test_progress_is_told(caller, forgetful, tmp_path):
    seen = []
    made = film(tmp_path / "film.mp4", frames=60).read_bytes()
    path = forgetful(made, "film.mp4", "stamp").headers["location"]
    while (job := caller.get(path).json())["state"] in {"queued", "running"}:
        seen.append(job["progress"])
        time.sleep(0.02)
    assert job["state"] == "done", job
    assert seen == sorted(seen)
    assert any(0 < each < 1 for each in seen)


def test_nothing_of_a_job_has_a_name_on_disk_or_is_in_the_registry(
    caller, forgetful, settings, picture, registry, tmp_path
):
    secret = "Geheimplan"
    path = forgetful(picture, f"{secret}.png", "verify").headers["location"]
    caller.wait_for(path, "done")
    path = forgetful(picture, f"{secret}.png", "stamp").headers["location"]
    caller.wait_for(path, "done")
    assert files_below(settings.scratch) == []
    with registry._connection() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM job").all()
    assert rows
    assert secret not in repr(rows)
    digest = hashlib.sha256(picture).hexdigest()
    assert digest not in repr(rows)


def test_answers_are_forgotten_in_time(settings, picture):
    limits = ServiceLimits(workers=1, burst=1000)
    serving = ServingLimits(lease_seconds=0.3, answer_seconds=0.5)
    with running(create_app(settings, limits=limits, serving=serving)) as service:
        caller = Caller(service.client, make_key(settings, Scope.JOBS))
        path = caller.leave(picture, "a.png", "verify").headers["location"]
        caller.wait_for(path, "done")
        wait_until(lambda: caller.get(path).status_code == 404, 5)
        refused = caller.leave(picture, "a.png", "stamp")
        assert (refused.status_code, refused.json()["error"]["kind"]) == (400, "claims")
        assert service.client.post("/v1/stamp").status_code == 404


def test_everybody_may_leave_files_where_that_is_allowed(settings, picture):
    limits = ServiceLimits(workers=1, burst=3, requests_per_second=0.001)
    with running(create_app(settings, limits=limits, anonymous_jobs=True)) as service:
        files = {"file": ("a.png", picture)}
        taken = service.client.post("/v1/jobs", files=files, data={"kind": "verify"})
        assert taken.status_code == 202
        path = taken.headers["location"]
        wait_until(lambda: service.client.get(path).json()["state"] == "done")
        stamp = service.client.post("/v1/jobs", files=files, data={"kind": "stamp"})
        assert stamp.status_code in {400, 403}
        # They are as many as the page's, and no more.
        service.client.post("/v1/jobs", files=files, data={"kind": "verify"})
        more = service.client.post("/v1/jobs", files=files, data={"kind": "verify"})
        assert more.status_code == 429
        assert service.client.delete(path).status_code == 204
        assert service.client.get(path).status_code == 404


def test_what_another_process_had_is_told_as_lost(caller, registry, settings):
    key_id = caller.key.split("_")[1]
    for job_id, state, answer in (
        ("1" * 32, JobState.DONE, {"receipt_id": "r-1"}),
        ("2" * 32, JobState.FAILED, {"kind": "unreadable", "problem": "p"}),
        ("3" * 32, None, None),
    ):
        registry.add_job(job_id, kind="stamp", key_id=key_id, request={"digest": ""})
        if state is not None:
            registry.change_job(job_id, state, answer=answer)
    done = caller.get("/v1/jobs/" + "1" * 32).json()
    assert (done["state"], done["error"]["kind"]) == ("failed", "answer-lost")
    assert "/v1/receipts/r-1" in done["error"]["hint"]
    failed = caller.get("/v1/jobs/" + "2" * 32).json()
    assert (failed["state"], failed["error"]["kind"]) == ("failed", "unreadable")
    waiting = "/v1/jobs/" + "3" * 32
    assert caller.get(waiting).json()["state"] in {"queued", "failed"}
    wait_until(lambda: caller.get(waiting).json()["state"] == "failed", 10)
    assert caller.get(waiting).json()["error"]["kind"] == "lost"


def test_stopping_does_not_wait_for_jobs(settings, long_sound, picture):
    limits = ServiceLimits(workers=1, burst=1000)
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running(create_app(settings, limits=limits, stamping=True)))
        caller = Caller(service.client, make_key(settings, Scope.JOBS, Scope.STAMP))
        for kind in ("verify", "stamp"):
            path = caller.leave(long_sound, "long.wav", kind).headers["location"]
            caller.wait_for(path, "running")
        began = time.monotonic()
        stack.pop_all().close()
        ended.set()
    assert ended.is_set()
    assert time.monotonic() - began < 10
    assert files_below(settings.scratch) == []


def files_below(folder) -> list[str]:
    return [os.fspath(each) for each in folder.rglob("*") if each.is_file()]
