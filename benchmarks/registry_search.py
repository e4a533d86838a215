"""Finding a picture by its looks in a registry of a million: from the tables, not from arrays.

    python -m benchmarks.registry_search [--entries N]

A registry is made with so many fingerprints. Timed are the first search, which reads the table and
makes the index, and then searches for copies (one in 31 bits changed) and for unknown pictures,
each in all eight orientations and with the receipts of what was found.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from benchmarks.tables import markdown_table
from detectors.known_looks import KnownLooks
from labeler.provenance import SourceType
from labeler.receipt import Receipt
from labeler.registry import Registry, RegistryReader
from labeler.registry.fingerprints import PDQ
from labeler.registry.schema import fingerprints

__all__: list[str] = []

Bytes: TypeAlias = NDArray[np.uint8]

_RECEIPTS = 1000
_QUERIES = 300
_DISTANCE = 31


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    count = parser.parse_args().entries
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, (count, 32), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        location = str(Path(folder, "registry.sqlite3"))
        _fill(location, values)
        with RegistryReader.open(location) as reader:
            rows = list(_measure(reader, values, rng))
    print(markdown_table(["", "median", "p99"], rows))


def _fill(location: str, values: Bytes) -> None:
    with Registry.open(location) as registry:
        for number in range(_RECEIPTS):
            registry.prepare(_receipt(number), profile="p")
        for begin in range(0, len(values), 50_000):
            rows = [
                {
                    "receipt_id": f"r{(begin + place) % _RECEIPTS}",
                    "algorithm": PDQ,
                    "offset_ms": 0,
                    "value": value.tobytes(),
                }
                for place, value in enumerate(values[begin : begin + 50_000])
            ]
            with registry._writing() as connection:  # noqa: SLF001 - as fast as can be
                connection.execute(insert(fingerprints), rows)


def _receipt(number: int) -> Receipt:
    return Receipt(
        receipt_id=f"r{number}",
        created_at=datetime(2026, 8, 2, tzinfo=UTC),
        target=f"{number}.png",
        sidecar=None,
        media_type="image/png",
        source_sha256="00" * 32,
        target_sha256="00" * 32,
        source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA,
        payload=None,
        key_id=None,
        manifest_id=None,
        layers=(),
    )


def _measure(
    reader: RegistryReader, values: Bytes, rng: np.random.Generator
) -> Iterator[list[str]]:
    known = KnownLooks()
    start = time.perf_counter()
    known.find(_words(values[:1]), reader)
    yield ["making the index, s", f"{time.perf_counter() - start:.2f}", "-"]
    for what in ("copies", "unknown pictures"):
        times, found = [], 0
        for _ in range(_QUERIES):
            query = rng.integers(0, 256, (8, 32), np.uint8)
            if what == "copies":
                wanted = int(rng.integers(len(values)))
                bits = np.unpackbits(values[wanted])
                bits[rng.choice(256, _DISTANCE, replace=False)] ^= 1
                query[3] = np.packbits(bits)
            words = _words(query)
            start = time.perf_counter()
            alike = known.find(words, reader)
            times.append(1000 * (time.perf_counter() - start))
            found += bool(alike)
        middle, slow = np.percentile(times, [50, 99])
        yield [f"{what}, ms ({found} of {_QUERIES} found)", f"{middle:.1f}", f"{slow:.1f}"]


def _words(values: Bytes) -> NDArray[np.uint64]:
    return np.frombuffer(values.tobytes(), ">u8").astype(np.uint64).reshape(-1, 4)


if __name__ == "__main__":
    main()
