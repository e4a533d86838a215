"""What an hour of sound takes to be stamped and verified: memory, disk and time.

    python -m benchmarks.sound_memory [--minutes 60] [--formats wav,flac] [--folder DIR]

The sound is generated: 44.1 kHz stereo, voices over music. What is weighed how: see `long_files`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.long_files import Cost, cost_table, measure
from benchmarks.workers import worker_pool

_RATE_HZ: Final = 44_100
_BLOCK_S: Final = 10
_ENCODERS: Final = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac"}
_LIMIT_MB: Final = 500


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


def _measure_all(folder: Path, formats: Sequence[str], minutes: float) -> list[Cost]:
    """Every operation on every format, one after the other."""
    costs: list[Cost] = []
    for extension in formats:
        name = f"hour.{extension}"
        print(f"making {name}", file=sys.stderr, flush=True)
        with worker_pool(1) as pool:
            pool.submit(generate, folder / name, minutes).result()
        costs += measure(folder, name, minutes)
    return costs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sound_memory")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--formats", default="wav,flac", help="of wav, flac, mp3, m4a")
    parser.add_argument("--folder", type=Path, help="where everything is made (default: TMPDIR)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="sound-memory-") as folder:
        costs = _measure_all(Path(folder), options.formats.split(","), options.minutes)
    print(cost_table(costs, limit_mb=_LIMIT_MB))
    return int(any(cost.peak_bytes > _LIMIT_MB * 1e6 for cost in costs))


if __name__ == "__main__":
    sys.exit(main())
