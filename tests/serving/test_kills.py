"""What is killed leaves nothing: neither files nor records that are half there."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from labeler.registry import RegistryReader, Scope
from labeler.settings import Settings
from tests.cli.running import labeler
from tests.service.serving import a_process, children_of, free_port, runs, wait_until
from tests.serving.callers import Caller, make_key

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service lives through its deaths."""

    home: Path
    temporary: Path
    port: int
    key: str

    @property
    def registry(self) -> Path:
        return self.home / "registry.sqlite3"

    def left(self) -> list[str]:
        return sorted(str(each.relative_to(self.temporary)) for each in self.temporary.rglob("*"))

    def files(self) -> list[str]:
        return [each for each in self.left() if (self.temporary / each).is_file()]

    @contextmanager
    def served(self):
        arguments = ("--port", str(self.port), "--workers", "1", "--stamping")
        with a_process(self.home, *arguments, TMPDIR=str(self.temporary)) as process:
            wait_until(lambda: answers(self.port), 60)
            with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60) as client:
                yield process, Caller(client, self.key)

    def check_records(self) -> None:
        """Whatever is in the registry is whole."""
        with closing(sqlite3.connect(self.registry)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            orphans = """SELECT receipt_id FROM receipt WHERE json_extract(body, '$.manifest_id')
                         NOT IN (SELECT manifest_id FROM manifest)"""
            assert connection.execute(orphans).fetchall() == []
        with RegistryReader.open(str(self.registry)) as reader:
            assert reader.verify_audit().intact


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    folder = tmp_path_factory.mktemp("kills")
    home, temporary = folder / "home", folder / "tmp"
    temporary.mkdir()
    assert labeler("keys", "init", home=home).code == 0
    return Place(home, temporary, free_port(), make_key(Settings(home=home), *Scope))


@pytest.fixture(scope="module")
def long_sound(tmp_path_factory) -> bytes:
    file = tmp_path_factory.mktemp("sound") / "long.wav"
    soundfile.write(file, np.random.default_rng(3).normal(0, 0.1, 22_050 * 150), 22_050)
    return file.read_bytes()


def test_what_is_killed_leaves_nothing(place, long_sound, picture):
    """One story: each death needs a life before it, and starting takes seconds."""
    jobs = _the_server_dies_over_everything(place, long_sound, picture)
    with place.served() as (process, caller):
        _its_jobs_have_failed(place, caller, jobs)
        for delay in (0.0, 0.7):
            _a_worker_dies(place, process, caller, long_sound, delay)
        assert caller.stamp(picture, "a.png").status_code == 200
        _both_die_at_once(place, process, caller, long_sound)
    with place.served() as (_, caller):
        assert place.files() == []
        assert caller.stamp(picture, "a.png").status_code == 200
    place.check_records()


def _the_server_dies_over_everything(place, long_sound, picture) -> dict[str, str]:
    with place.served() as (process, caller):
        done = caller.leave(picture, "a.png", "stamp").headers["location"]
        caller.wait_for(done, "done")
        at_work = caller.leave(long_sound, "a.wav", "stamp").headers["location"]
        waiting = caller.leave(picture, "a.png", "stamp").headers["location"]
        caller.wait_for(at_work, "running")
        with stamping(caller, long_sound), half_an_upload(place) as connection:
            wait_until(place.files)
            children = children_of(process.pid)
            assert len(children) >= 3  # one verifies, two stamp
            process.send_signal(signal.SIGKILL)
            process.wait()
            wait_until(lambda: not any(map(runs, children)))
            connection.close()
    assert place.left() == []
    place.check_records()
    return {"done": done, "at work": at_work, "waiting": waiting}


def _its_jobs_have_failed(place, caller, jobs) -> None:
    with closing(sqlite3.connect(place.registry)) as connection, connection:
        # A quarter of a minute later.
        connection.execute(
            "UPDATE job SET changed_at = '2026-01-01T00:00:00+00:00' WHERE answer IS NULL"
        )
    for name, path in jobs.items():
        job = caller.get(path).json()
        assert (job["state"], job["answer"]) == ("failed", None), name
        assert job["error"]["kind"] == ("answer-lost" if name == "done" else "lost")
        assert caller.get(f"{path}/file").status_code == 404
    receipt = caller.get(jobs["done"]).json()["error"]["hint"].split()[4].rstrip(";")
    assert caller.get(receipt).json()["media_type"] == "image/png"


def _a_worker_dies(place, process, caller, long_sound, delay) -> None:
    before = set(children_of(process.pid))
    answers_: list[httpx.Response] = []
    with stamping(caller, long_sound, answers_):
        wait_until(place.files)
        time.sleep(delay)
        (worker,) = [each for each in before if writes(each, place.temporary)]
        os.kill(worker, signal.SIGKILL)
    (answer,) = answers_
    assert (answer.status_code, answer.json()["error"]["kind"]) == (503, "failed")
    assert place.left() == []
    assert answers(place.port)
    place.check_records()
    # The next file gets another worker.
    assert caller.stamp(long_sound[:1000], "a.wav").status_code == 422


def _both_die_at_once(place, process, caller, long_sound) -> None:
    with stamping(caller, long_sound):
        wait_until(place.files)
        children = children_of(process.pid)
        for each in (*children, process.pid):
            os.kill(each, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not any(map(runs, children)))
    place.check_records()


@contextmanager
def stamping(caller, data, answers_: list | None = None):
    """While somebody waits for a file to be stamped."""

    def ask():
        try:
            answer = caller.stamp(data, "a.wav")
        except httpx.TransportError:
            return
        if answers_ is not None:
            answers_.append(answer)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def half_an_upload(place):
    head = (
        f"POST /v1/stamp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {place.key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    )
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", place.port)))
        connection.sendall(head.encode() + bytes(3_000_000))
        time.sleep(0.3)
        yield connection


def writes(process: int, folder: Path) -> bool:
    """Whether a process holds the lock of a folder there."""
    try:
        held = [str(each.readlink()) for each in Path(f"/proc/{process}/fd").iterdir()]
    except OSError:
        return False
    return any(each.startswith(f"{folder}/") for each in held)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False
