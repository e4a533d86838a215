"""The service, on a port of its own in a thread of this process or in a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from detectors.service import Fetcher, ServiceLimits, create_app
from labeler.settings import Settings
from tests.cli.running import ROOT, environment

COMMAND = "import typer; from labeler.cli.serve import serve; typer.run(serve)"


@dataclass(frozen=True, slots=True)
class Service:
    client: httpx.Client
    address: tuple[str, int]

    def verify(self, data: bytes, name: str, **more) -> httpx.Response:
        return self.client.post("/v1/verify", files={"file": (name, data)}, **more)

    def ask(self, data: bytes, name: str, language: str = "en") -> httpx.Response:
        return self.client.post(f"/?lang={language}", files={"file": (name, data)})

    def send(self, raw: bytes) -> bytes:
        """What comes back for bytes that are no request that a client would send."""
        with socket.create_connection(self.address, timeout=20) as connection:
            connection.sendall(raw)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def requests_in_flight(self, key: str) -> int:
        """How many it says are on their way, to whoever has a key for its metrics."""
        answer = self.client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
        (line,) = re.findall(r"(?m)^labeler_requests_in_flight (.+)$", answer.text)
        return int(float(line))

    @property
    def is_well(self) -> bool:
        return self.client.get("/healthz").is_success and self.client.get("/readyz").is_success


def wait_until(is_so, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def serving(
    settings: Settings, limits: ServiceLimits | None = None, fetcher: Fetcher | None = None
) -> Iterator[Service]:
    limits = limits or ServiceLimits(workers=1, burst=1000)
    with running(create_app(settings, limits=limits, fetcher=fetcher)) as service:
        yield service


@contextmanager
def running(app: FastAPI) -> Iterator[Service]:
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = listening.getsockname()
        with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}", timeout=60) as client:
            wait_until(lambda: server.started)
            wait_until(lambda: client.get("/readyz").is_success)
            yield Service(client, address)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def a_process(home: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env=environment(home, **more),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def children_of(process: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(each.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == process:
            found.append(int(each.parent.name))
    return found


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return " Z " not in Path(f"/proc/{process}/stat").read_text()
