"""Many processes write to one registry: is anything lost, and how long does one of them wait?

    python -m benchmarks.registry_writes [--writes 10000] [--processes 8] [URL ...]

Without a URL: a file of SQLite in a temporary folder, and a PostgreSQL server of its own. Both
write as they do for users: a commit is on disk before it returns. Every process does in turns what
a stamping does: reserve a handle, prepare a receipt with its manifest and fingerprint, confirm it,
and record it in the audit log. Each of these four is one write.

Put the temporary folder on the disk in question (``TMPDIR``): what a commit costs is what that
disk takes to flush.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from benchmarks.tables import markdown_table
from labeler.codec.payload import Origin, Payload
from labeler.credentials import SoftBinding
from labeler.provenance import SourceType
from labeler.receipt import Layer, LayerOutcome, Receipt
from labeler.registry import ContentFingerprint, DurableRecord, Registry
from labeler.registry.schema import fingerprints, manifests, receipts, reservations
from tests import postgresql

_KINDS = ("reserve", "prepare", "confirm", "record")
_STORE = bytes(20_000)
"""As large as the manifest store of a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came of it."""

    name: str
    writes: int
    seconds: float
    waits_ms: np.ndarray
    """How long each write took."""
    problems: tuple[str, ...]

    def row(self) -> list[str]:
        median, most, worst = np.quantile(self.waits_ms, [0.5, 0.99, 1.0])
        return [
            self.name,
            str(self.writes),
            f"{self.writes / self.seconds:.0f}",
            f"{median:.1f}",
            f"{most:.1f}",
            f"{worst:.0f}",
            "; ".join(self.problems) or "none",
        ]


def write(location: str, stampings: int, start_at: float) -> tuple[list[float], list[int]]:
    """What one process does; gives how long each write took, in ms, and the serials it got."""
    waits, serials = [], []
    with Registry.open(location) as registry:
        time.sleep(max(0.0, start_at - time.time()))
        for _ in range(stampings):
            since = time.perf_counter()
            handle = registry.reserve(0)
            receipt = make_receipt(Payload(origin=Origin.GENERATED, handle=handle))
            steps = (
                lambda receipt=receipt: registry.prepare(
                    receipt, profile="p", durable=make_durable(receipt)
                ),
                lambda receipt=receipt: registry.confirm(receipt.receipt_id),
                lambda receipt=receipt: registry.record(
                    "stamping", receipt.target_sha256, actor="labeler", reason="stamped", body={}
                ),
            )
            waits.append(time.perf_counter() - since)
            serials.append(handle.serial)
            for step in steps:
                since = time.perf_counter()
                step()
                waits.append(time.perf_counter() - since)
    return [1000 * wait for wait in waits], serials


def make_receipt(payload: Payload) -> Receipt:
    name = uuid.uuid4().hex
    return Receipt(
        receipt_id=name,
        created_at=datetime.now(UTC),
        target=f"/srv/out/{name}.png",
        sidecar=None,
        media_type="image/png",
        source_sha256=2 * name,
        target_sha256=2 * name[::-1],
        source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA,
        payload=payload,
        key_id="0123456789abcdef",
        manifest_id=f"urn:c2pa:{name}",
        layers=(LayerOutcome(layer=Layer.WATERMARK, present=True, p_value=1e-40, psnr_db=45.5),),
    )


def make_durable(receipt: Receipt) -> DurableRecord:
    return DurableRecord(
        manifest=_STORE,
        soft_bindings=(SoftBinding(value=receipt.receipt_id),),
        fingerprints=(ContentFingerprint(algorithm="pdq", value=bytes(32)),),
    )


def measure(location: str, *, writes: int, processes: int) -> Tally:
    stampings = writes // len(_KINDS) // processes
    Registry.open(location).close()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        list(pool.map(warm_up, range(4 * processes)))
        start_at = time.time() + 1.0
        done = list(
            pool.map(write, [location] * processes, [stampings] * processes, [start_at] * processes)
        )
        seconds = time.time() - start_at
    return Tally(
        name=location.partition(":")[0] if "://" in location else "sqlite",
        writes=stampings * processes * len(_KINDS),
        seconds=seconds,
        waits_ms=np.concatenate([waits for waits, _ in done]),
        problems=tuple(find_problems(location, [each for _, serials in done for each in serials])),
    )


def warm_up(_: int) -> None:
    """So that every process has imported everything."""
    time.sleep(0.2)


def find_problems(location: str, serials: list[int]) -> list[str]:
    expected, problems = len(serials), []
    if len(set(serials)) != expected:
        problems.append("a handle was given twice")
    with Registry.open(location) as registry:
        verdict = registry.verify_audit()
        if not verdict.intact or verdict.entries != expected:
            problems.append(f"audit log: {verdict.entries} entries, {verdict.problem}")
        with registry._connection() as connection:  # noqa: SLF001 - rows have to be counted
            for table in (reservations, receipts, manifests, fingerprints):
                count = connection.execute(select(func.count()).select_from(table)).scalar_one()
                if count != expected:
                    problems.append(f"{table.name}: {count} of {expected}")
            query = select(func.count()).where(receipts.c.state != "published")
            if connection.execute(query).scalar_one():
                problems.append("a receipt was not confirmed")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--writes", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("urls", nargs="*", metavar="URL", help="registries that are empty yet")
    given = parser.parse_args()
    with ExitStack() as stack:
        urls = given.urls
        if not urls:
            folder = Path(tempfile.mkdtemp(prefix="registry-"))
            stack.callback(shutil.rmtree, folder)
            urls = [str(folder / "registry.sqlite3"), stack.enter_context(own_server())]
        tallies = [measure(url, writes=given.writes, processes=given.processes) for url in urls]
    header = ["database", "writes", "a second", "median, ms", "99 %, ms", "slowest, ms", "problems"]
    print(markdown_table(header, [each.row() for each in tallies]))
    return 1 if any(each.problems for each in tallies) else 0


@contextmanager
def own_server() -> Iterator[str]:
    with postgresql.running(is_durable=True) as server:
        yield server.new()


if __name__ == "__main__":
    sys.exit(main())
