"""The service under load: fifty clients at once, and whether it still answers who asks after it.

    python -m benchmarks.service_load PICTURE [--clients 50] [--uploads 8]

The service runs in a process of its own, with two workers. Each client uploads the picture so many
times, one upload after the other; meanwhile another connection asks ``/healthz`` without a pause.
Printed are what was answered, the uploads' times, and the health checks'.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

from benchmarks.tables import markdown_table
from labeler.credentials import create_development_identity
from labeler.provenance import Provenance
from labeler.settings import Settings
from labeler.stamping import stamp

__all__: list[str] = []

_START_S = 60.0
_PROGRAM = """
import sys, uvicorn
from detectors.service import ServiceLimits, create_app
limits = ServiceLimits(queue=500, requests_at_once=500, burst=100_000)
uvicorn.run(create_app(limits=limits), port=int(sys.argv[1]), log_level="warning")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--uploads", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        create_development_identity(home / "identity", now=datetime.now(UTC))
        marked = Path(folder, f"marked{options.picture.suffix}")
        stamp(options.picture, marked, Provenance(), settings=Settings(home=home))
        with _serving(home) as base:
            rows = asyncio.run(
                _measure(base, marked.read_bytes(), options.clients, options.uploads)
            )
    print(markdown_table(["", "count", "median, ms", "p99, ms", "most, ms"], rows))


@contextmanager
def _serving(home: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "LABELER_HOME": str(home)}
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(port)], env=environment)
    base, begun = f"http://127.0.0.1:{port}", time.monotonic()
    try:
        while not _is_ready(base):
            if time.monotonic() - begun > _START_S or process.poll() is not None:
                raise SystemExit("the service does not start")
            time.sleep(0.05)
        print(f"ready after {time.monotonic() - begun:.1f} s")
        yield base
    finally:
        process.terminate()
        process.wait()


def _is_ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/readyz").is_success
    except httpx.TransportError:
        return False


async def _measure(base: str, data: bytes, clients: int, uploads: int) -> list[list[str]]:
    answers: Counter[str] = Counter()
    upload_times: list[float] = []
    health_times: list[float] = []
    busy = asyncio.Event()

    async def upload() -> None:
        async with httpx.AsyncClient(base_url=base, timeout=600) as client:
            for _ in range(uploads):
                begun = time.perf_counter()
                response = await client.post("/v1/verify", files={"file": ("a.png", data)})
                upload_times.append(time.perf_counter() - begun)
                answers[f"{response.status_code} {response.json().get('conclusion')}"] += 1

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=base, timeout=60) as client:
            while not busy.is_set():
                begun = time.perf_counter()
                (await client.get("/healthz")).raise_for_status()
                health_times.append(time.perf_counter() - begun)
                await asyncio.sleep(0.005)

    asking = asyncio.create_task(ask())
    await asyncio.gather(*(upload() for _ in range(clients)))
    busy.set()
    await asking
    for answer, count in answers.most_common():
        print(f"{count:6} {answer}")
    return [_row("uploads", upload_times), _row("health checks", health_times)]


def _row(name: str, times: list[float]) -> list[str]:
    middle, slow, most = 1000 * np.percentile(times, [50, 99, 100])
    return [name, str(len(times)), f"{middle:.1f}", f"{slow:.1f}", f"{most:.1f}"]


if __name__ == "__main__":
    main()
