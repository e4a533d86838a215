"""Watermarks for films by others, and Labeler's own, behind one interface."""

from __future__ import annotations

import itertools
import math
import statistics
import tempfile
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import video_clips
from benchmarks.ffmpeg import run_ffmpeg
from benchmarks.marking import random_key, random_payload
from benchmarks.peer_process import PeerProcess
from benchmarks.peer_readings import Reading
from benchmarks.video_edits import SHORT_SIDE
from benchmarks.video_reading import detect_any
from detectors.report import Presence
from labeler.codec.keys import Key
from labeler.codec.payload import Payload
from labeler.marks.video import Marker
from labeler.media.video_recipes import RECIPES

__all__ = [
    "Film",
    "LabelerFilm",
    "OtherFrames",
    "System",
    "decoded",
    "rgb_psnr_db",
    "write_film",
]

Film: TypeAlias = NDArray[np.uint8]
"""Frames, ``(n, 1.5 H, W)``: luma above both chroma planes (I420)."""

_READ_FRAMES: Final = 6
"""So many frames, evenly apart, are read by peers that read frames."""


class System(Protocol):
    """A watermark for films."""

    name: str

    def embed(self, film: Film, random: np.random.Generator) -> Film:
        """The marked film; keeps the message in mind."""

    def read(self, path: Path) -> Reading:
        """Look for the mark, and compare its message with the last that was embedded."""


class LabelerFilm:
    """The mark of this project, with a random key."""

    name = "Labeler"

    def __init__(self) -> None:
        self._payload: Payload | None = None
        self._key: Key | None = None

    def embed(self, film: Film, random: np.random.Generator) -> Film:
        """See `System`."""
        self._payload, self._key = random_payload(random), random_key(random)
        height, width = film.shape[1] * 2 // 3, film.shape[2]
        marker = Marker(height, width, self._payload, self._key)
        marked = film.copy()
        for frame in marked:
            frame[:height] = marker.mark(np.ascontiguousarray(frame[:height]))
        return marked

    def read(self, path: Path) -> Reading:
        """See `System`."""
        if self._key is None:
            raise ValueError("nothing has been embedded yet")
        found = _detect(path, self._key)
        return Reading(found[0], found[1] == self._payload)


def _detect(path: Path, key: Key) -> tuple[bool, Payload | None]:
    detection = detect_any(path, [key])
    return detection.presence is Presence.PRESENT, detection.payload


class OtherFrames(PeerProcess):
    """A peer that another Python interpreter runs, frame by frame.

    Raises:
        RuntimeError: The interpreter cannot run the peer; the note has its last words.
    """

    def __init__(self, name: str, python: Path) -> None:
        super().__init__(name, python)
        self._message: list[int] = []

    def embed(self, film: Film, random: np.random.Generator) -> Film:
        """See `System`; what the way to RGB and back changes does not count as the peer's."""
        self._message = random.integers(0, 2, int(self.about["bits"])).tolist()
        frames = np.stack([_rgb(frame) for frame in film])
        np.save(self.source, frames)
        self.ask(do="embed", message=self._message)
        change = _i420(np.load(self.target)).astype(np.int16) - _i420(frames)
        return np.clip(film + change, 0, 255).astype(np.uint8)

    def read(self, path: Path) -> Reading:
        """See `System`."""
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        places = np.linspace(0, len(frames) - 1, min(_READ_FRAMES, len(frames))).round()
        np.save(self.source, np.stack([frames[place] for place in places.astype(int)]))
        answer = self.ask(do="detect")
        exact = answer["message"] == self._message
        return Reading(exact if answer["found"] is None else answer["found"], exact)


def _i420(frames: NDArray[np.uint8]) -> Film:
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420) for frame in frames])


# ---------------------------------------------------------------- files


def decoded(path: Path, *, lines: int, length_s: float) -> tuple[Film, float]:
    """So many seconds from the middle of a clip, scaled, and its rate in frames a second."""
    with tempfile.TemporaryDirectory(prefix="video-peers-") as folder:
        excerpt, scaled = Path(folder, "excerpt.mp4"), Path(folder, "scaled.mp4")
        video_clips.excerpt(path, excerpt, length_s=length_s)
        lossless = ("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
        run_ffmpeg(["-i", excerpt, "-vf", SHORT_SIDE.format(lines), *lossless, scaled])
        with av.open(str(scaled)) as container:
            frames = container.decode(video=0)
            film = np.stack([frame.to_ndarray(format="yuv420p") for frame in frames])
        return np.asarray(film, np.uint8), video_clips.form(scaled).rate_hz


def write_film(film: Film, rate_hz: float, target: Path) -> None:
    """Encode as `labeler.marks.video.embed_file` encodes H.264."""
    recipe = RECIPES["h264"]
    height, width = film.shape[1] * 2 // 3, film.shape[2]
    size = ["-s", f"{width}x{height}", "-r", f"{rate_hz}"]
    options = itertools.chain(*((f"-{name}", value) for name, value in recipe.options.items()))
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", *size, "-i", "-"]
    encoder = ["-c:v", recipe.encoder, *options, "-threads", "1"]
    run_ffmpeg([*raw, *encoder, str(target)], data=film.tobytes())


def rgb_psnr_db(original: Film, changed: Film) -> float:
    """Peak signal-to-noise ratio of RGB over all frames, dB: some systems change colours alone."""
    pairs = zip(original, changed, strict=True)
    mean_square = statistics.mean(
        float(np.mean(np.square(_rgb(one).astype(np.float32) - _rgb(other))))
        for one, other in pairs
    )
    return math.inf if mean_square == 0 else 10 * math.log10(255**2 / mean_square)


def _rgb(frame: Film) -> Film:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420), np.uint8)
