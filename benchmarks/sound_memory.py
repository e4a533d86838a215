"""What an hour of sound takes to be stamped and verified: memory, disk and time.

    python -m benchmarks.sound_memory [--minutes 60] [--formats wav,flac] [--folder DIR]

The sound is generated: 44.1 kHz stereo, voices over music. Each file is stamped by a process of its
own and verified by another, whose worker is the one that is weighed: it is what decodes. Peaks
include Python and the libraries. Disk is what temporary files took at most, seen every tenth of a
second.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import peak_bytes
from benchmarks.tables import markdown_table
from benchmarks.workers import worker_pool
from detectors import Conclusion, Verifier
from labeler.credentials import create_development_identity
from labeler.provenance import Provenance
from labeler.settings import Settings
from labeler.stamping import Stamper

_RATE_HZ: Final = 44_100
_BLOCK_S: Final = 10
_ENCODERS: Final = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac"}
_LIMIT_MB: Final = 500
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one operation on one file took."""

    file: str
    operation: str
    file_bytes: int
    peak_bytes: int
    disk_bytes: int
    """Most that temporary files took."""
    cpu_s: float
    wall_s: float
    duration_s: float
    """Of the sound."""


def generate(path: Path, minutes: float) -> None:
    """Write ``minutes`` of sound, never more than some seconds of it in memory."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_ENCODERS[path.suffix[1:]], rate=_RATE_HZ)
        stream.layout = "stereo"
        resampler = av.AudioResampler(
            format=stream.codec_context.codec.audio_formats[0].name,
            layout="stereo",
            rate=_RATE_HZ,
            frame_size=stream.codec_context.frame_size or 4096,
        )
        position = 0
        for block in _sound(round(minutes * 60)):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block.T), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = _RATE_HZ, position
            position += len(block)
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def _sound(seconds: int) -> Iterator[NDArray[np.float32]]:
    """Blocks of ``(n, 2)``: chords that change, a drum, and syllables of noise."""
    random = np.random.default_rng(1)
    for begin_s in range(0, seconds, _BLOCK_S):
        time_s = begin_s + np.arange(min(_BLOCK_S, seconds - begin_s) * _RATE_HZ) / _RATE_HZ
        chord_hz = 110 * 2 ** (random.integers(0, 24, 4) / 12)
        music = sum(
            np.sin(2 * np.pi * hz * n * time_s) / n**1.5 for hz in chord_hz for n in (1, 2, 3, 5)
        )
        noise = random.normal(0, 1, (len(time_s), 2))
        drum = np.exp(-12 * (time_s % 0.5))
        voice = np.clip(np.sin(2 * np.pi * 3.3 * time_s), 0, 1) * np.diff(noise[:, 0], prepend=0)
        both = 0.04 * music + 0.15 * voice
        block = both[:, None] + 0.1 * drum[:, None] * noise + 0.002 * noise
        yield np.clip(block, -1, 1).astype(np.float32)


class _DiskWatch:
    """Looks at how much lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self.most = 0
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            files = [path for path in self._folder.rglob("*") if path.is_file()]
            try:
                self.most = max(self.most, sum(path.stat().st_size for path in files))
            except FileNotFoundError:
                continue  # it has just been removed

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.most


def stamp(folder: Path, name: str, minutes: float) -> Cost:
    """Stamp a file of the folder."""
    settings = _settings(folder)
    source = folder / name
    watch = _DiskWatch(settings.scratch or folder)
    wall, cpu = time.perf_counter(), time.process_time()
    with Stamper(settings) as stamper:
        stamper.stamp(source, folder / "out" / name, Provenance(), overwrite=True)
    return Cost(
        file=name,
        operation="stamp",
        file_bytes=source.stat().st_size,
        peak_bytes=peak_bytes(),
        disk_bytes=watch.stop(),
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - wall,
        duration_s=60 * minutes,
    )


def verify(folder: Path, name: str, minutes: float, marked: bool) -> Cost:
    """Verify a file of the folder, or what came of stamping it; weigh the worker."""
    settings = _settings(folder)
    path = folder / "out" / name if marked else folder / name
    watch = _DiskWatch(settings.scratch or folder)
    wall = time.perf_counter()
    with Verifier(settings) as verifier:
        report = verifier.verify(path)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    expected = Conclusion.MARKED if marked else Conclusion.NO_MARK_FOUND
    if report.conclusion is not expected:
        raise RuntimeError(f"{path} is {report.conclusion}: {report.warnings}")
    return Cost(
        file=name,
        operation="verify, marked" if marked else "verify, unmarked",
        file_bytes=path.stat().st_size,
        peak_bytes=used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        disk_bytes=watch.stop(),
        cpu_s=used.ru_utime + used.ru_stime,
        wall_s=time.perf_counter() - wall,
        duration_s=60 * minutes,
    )


def _settings(folder: Path) -> Settings:
    (folder / "scratch").mkdir(exist_ok=True)
    settings = Settings(home=folder / "home", scratch=folder / "scratch")
    if not settings.identity.exists():
        create_development_identity(settings.identity, now=datetime.now(UTC))
    return settings


def measure(folder: Path, formats: Sequence[str], minutes: float) -> list[Cost]:
    """Every operation on every format, one after the other."""
    costs = []
    with worker_pool(1, fresh=True) as pool:
        for extension in formats:
            name = f"hour.{extension}"
            print(f"making {name}", file=sys.stderr, flush=True)
            pool.submit(generate, folder / name, minutes).result()
            for task in (
                (stamp, folder, name, minutes),
                (verify, folder, name, minutes, True),
                (verify, folder, name, minutes, False),
            ):
                costs.append(pool.submit(*task).result())
                print(costs[-1], file=sys.stderr, flush=True)
    return costs


def table(costs: Sequence[Cost]) -> str:
    """The costs for people."""
    header = (
        "file", "operation", "MB", "peak MB", "temporary MB", "CPU s", "wall s", "times real time",
        f"≤ {_LIMIT_MB} MB",
    )  # fmt: skip
    rows = [
        (
            cost.file,
            cost.operation,
            f"{cost.file_bytes / 1e6:.0f}",
            f"{cost.peak_bytes / 1e6:.0f}",
            f"{cost.disk_bytes / 1e6:.0f}",
            f"{cost.cpu_s:.0f}",
            f"{cost.wall_s:.0f}",
            f"{cost.duration_s / cost.cpu_s:.0f}",
            "yes" if cost.peak_bytes <= _LIMIT_MB * 1e6 else "NO",
        )
        for cost in costs
    ]
    return markdown_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sound_memory")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--formats", default="wav,flac", help="of wav, flac, mp3, m4a")
    parser.add_argument("--folder", type=Path, help="where everything is made (default: TMPDIR)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="sound-memory-") as folder:
        costs = measure(Path(folder), options.formats.split(","), options.minutes)
    print(table(costs))
    return int(any(cost.peak_bytes > _LIMIT_MB * 1e6 for cost in costs))


if __name__ == "__main__":
    sys.exit(main())
