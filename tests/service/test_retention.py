"""Nothing is kept: neither on disk, nor in logs, and not when everything is killed."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from detectors.report import Conclusion
from detectors.service import pool
from detectors.service.limits import ServiceLimits
from labeler.errors import OutputError
from labeler.settings import Settings
from tests.service.serving import (
    a_process,
    children_of,
    free_port,
    runs,
    serving,
    wait_until,
)
from tests.service.test_adversary import FILES, HEAD, part

SECRET = "Geheimplan"


def sound() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(3).normal(0, 0.1, 48_000 * 12)
    soundfile.write(file, noise, 48_000, format="WAV")
    return file.getvalue()


def everything_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_left_on_disk_and_nothing_is_logged(
    tmp_path, monkeypatch, marked, unmarked, caplog
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # the client's, not ours
    temporary, scratch = tmp_path / "tmp", tmp_path / "scratch"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    settings = Settings(home=tmp_path / "home", scratch=scratch)
    seen: set[str] = set()
    calls: list[dict[str, object]] = []
    verify = pool.Verifier.examine

    def watched(verifier, source, **more):
        calls.append(more)
        seen.update(everything_below(tmp_path))
        return verify(verifier, source, **more)

    monkeypatch.setattr(pool.Verifier, "examine", watched)
    with serving(settings, ServiceLimits(workers=1, burst=1000)) as service:
        wave = sound()
        assert len(wave) > 1 << 20  # more than what stays in memory
        secret = f"{SECRET} of a stranger".encode() * 100_000
        for data, ending in ((marked, "png"), (unmarked, "png"), (wave, "wav"), (secret, "txt"),
                             *((data, name) for data, name in FILES.values())):  # fmt: skip
            for send in (service.verify, service.ask):
                assert send(data, f"{SECRET}.{ending}").status_code in {200, 422}
        service.client.get(f"/{SECRET}")
        with socket.create_connection(service.address) as connection:
            connection.sendall(HEAD + b"Content-Length: 9000000\r\n\r\n")
            connection.sendall(part(b"file", bytes(3_000_000)))
        wait_until(lambda: service.is_well)
        assert everything_below(tmp_path) == {}
    assert len(calls) > 10
    assert seen == set()
    assert list(temporary.iterdir()) == []
    assert not scratch.exists() or list(scratch.iterdir()) == []
    assert any("verified" in record.message for record in caplog.records)
    assert SECRET not in caplog.text
    assert "127.0.0.1" not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("detectors")
    )


def test_a_defect_is_logged_without_what_it_says(settings, monkeypatch, caplog):
    examine = pool.Verifier.examine

    def verify(verifier, source, **more):
        if more["name"] == "trial":
            return examine(verifier, source, **more)
        raise RuntimeError(source.read())

    monkeypatch.setattr(pool.Verifier, "examine", verify)
    with serving(settings) as service:
        for send in (service.verify, service.ask):
            answer = send(SECRET.encode(), SECRET)
            assert answer.status_code == 500
            assert SECRET not in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert service.is_well
    assert "defect: RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_what_is_not_the_files_fault_is_a_503(settings, monkeypatch, caplog):
    examine = pool.Verifier.examine

    def verify(verifier, source, **more):
        if more["name"] == "trial":
            return examine(verifier, source, **more)
        raise OutputError("temporary files cannot be written: no space left", file="/tmp")

    monkeypatch.setattr(pool.Verifier, "examine", verify)
    with serving(settings) as service:
        answer = service.verify(b"x", "a.png")
        assert (answer.status_code, answer.json()["error"]["kind"]) == (503, "failed")
        assert service.ask(b"x", "a.png").status_code == 503
    assert "no space left" in caplog.text


def test_a_log_line_holds_no_line_of_a_workers(settings, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    verify = pool.Verifier.examine

    def taken_over(verifier, source, **more):
        completed = verify(verifier, source, **more)
        kind = "image/png\nforged line" + "x" * 500
        return replace(completed, report=replace(completed.report, media_type=kind))

    monkeypatch.setattr(pool.Verifier, "examine", taken_over)
    with serving(settings) as service:
        assert service.verify(b"x", "a.png").json()["conclusion"] == Conclusion.UNREADABLE
    assert "\nforged" not in caplog.text


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_service_leaves_nothing(tmp_path):
    temporary, home, port = tmp_path / "tmp", tmp_path / "home", free_port()
    temporary.mkdir()
    abandoned = temporary / "labeler-scratch-left"
    abandoned.mkdir()
    (abandoned / "film").write_bytes(b"x")
    with a_process(home, "--port", str(port), "--workers", "1", TMPDIR=str(temporary)) as process:
        wait_until(lambda: answers(port))
        assert list(temporary.iterdir()) == []  # what an earlier one left behind is gone
        workers = children_of(process.pid)
        assert workers
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(HEAD + b"Content-Length: 9000000\r\n\r\n")
            connection.sendall(part(b"file", bytes(3_000_000)))
            time.sleep(0.3)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        wait_until(lambda: not any(map(runs, workers)))
    assert list(temporary.iterdir()) == []
    assert everything_below(home) == {} if home.exists() else True


def test_it_stops_when_it_is_asked_to_and_says_where_it_listens(tmp_path):
    port = free_port()
    with a_process(tmp_path / "home", "--port", str(port), "--workers", "1") as process:
        wait_until(lambda: answers(port))
        process.terminate()
        assert process.wait(30) in {-signal.SIGTERM, 128 + signal.SIGTERM}
        log = process.stderr.read()
    assert f"http://127.0.0.1:{port}" in log
    assert "Traceback" not in log


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with a_process(tmp_path / "home", "--port", str(port)) as process:
            assert process.wait(30) == 1
            log = process.stderr.read()
    assert "in use" in log
    assert "Traceback" not in log


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False
