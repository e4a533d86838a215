"""Watermarks for sound by others, and Labeler's own, behind one interface."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from benchmarks.marking import random_key, random_payload
from benchmarks.peer_process import PeerProcess
from benchmarks.peer_readings import Reading
from benchmarks.sound_edits import Sound, mono, resampled
from benchmarks.sound_marking import mark
from detectors.audio import detect
from detectors.report import Presence
from labeler.codec.keys import Key
from labeler.codec.payload import Payload
from labeler.errors import CapacityError

__all__ = ["Audiowmark", "LabelerMark", "OtherPython", "System"]


class System(Protocol):
    """A watermark for sound."""

    name: str
    bits: int
    """Of its message; 0 if the mark says nothing but that it is there."""

    def embed(self, samples: Sound, rate_hz: int, random: np.random.Generator) -> Sound | None:
        """The marked sound, or None where the system refuses; keeps the message in mind."""

    def read(self, samples: Sound, rate_hz: int) -> Reading:
        """Look for the mark, and compare its message with the last that was embedded."""


class LabelerMark:
    """The mark of this project, with the standard payload and a random key."""

    name = "Labeler"
    bits = 56

    def __init__(self) -> None:
        self._payload: Payload | None = None
        self._key: Key | None = None

    def embed(self, samples: Sound, rate_hz: int, random: np.random.Generator) -> Sound | None:
        """See `System`."""
        self._payload, self._key = random_payload(random), random_key(random)
        try:
            return mark(samples, rate_hz, self._payload, self._key)
        except CapacityError:
            return None

    def read(self, samples: Sound, rate_hz: int) -> Reading:
        """See `System`."""
        if self._key is None:
            raise ValueError("nothing has been embedded yet")
        detection = detect(samples, rate_hz, [self._key])
        present = detection.presence is Presence.PRESENT
        return Reading(present, detection.payload == self._payload)


class OtherPython(PeerProcess):
    """A peer that another Python interpreter runs.

    Peers work on mono sound at a rate of their own: what they change there is brought to the rate
    of the original and added to each of its channels, so that nothing else changes.

    Raises:
        RuntimeError: The interpreter cannot run the peer; the note has its last words.
    """

    def __init__(self, name: str, python: Path, arguments: Sequence[str] = ()) -> None:
        super().__init__(name, python, arguments)
        self.bits = int(self.about["bits"])
        self._rate_hz = int(self.about["rate_hz"])
        self._message: list[int] = []

    def embed(self, samples: Sound, rate_hz: int, random: np.random.Generator) -> Sound | None:
        """See `System`."""
        self._message = random.integers(0, 2, self.bits).tolist()
        wave = self._save(samples, rate_hz)
        self.ask(do="embed", message=self._message)
        change = np.load(self.target)[: len(wave)]
        change = np.pad(change, (0, len(wave) - len(change))) - wave
        change = resampled(change[:, None], self._rate_hz, rate_hz)[: len(samples)]
        marked = samples.copy()
        marked[: len(change)] += change
        return marked

    def read(self, samples: Sound, rate_hz: int) -> Reading:
        """See `System`."""
        self._save(samples, rate_hz)
        answer = self.ask(do="detect")
        return Reading(answer["found"], answer["message"] == self._message if self.bits else None)

    def _save(self, samples: Sound, rate_hz: int) -> Sound:
        wave = resampled(mono(samples, rate_hz)[0], rate_hz, self._rate_hz)[:, 0]
        np.save(self.source, wave)
        return wave


class Audiowmark:
    """The program ``audiowmark``, with its short payload (a block of the long one takes 52 s)."""

    name = "audiowmark"
    bits = 16

    def __init__(self, program: Path) -> None:
        self._program = program
        self._message = ""

    def embed(self, samples: Sound, rate_hz: int, random: np.random.Generator) -> Sound | None:
        """See `System`."""
        self._message = random.bytes(self.bits // 8).hex()
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "in.wav"), Path(folder, "out.wav")
            soundfile.write(source, samples, rate_hz, subtype="FLOAT")
            self._run("add", source, target, self._message)
            marked, _ = soundfile.read(target, dtype="float32", always_2d=True)
        return np.ascontiguousarray(marked[: len(samples)], np.float32)

    def read(self, samples: Sound, rate_hz: int) -> Reading:
        """See `System`."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "in.wav")
            soundfile.write(source, samples, rate_hz, subtype="FLOAT")
            lines = self._run("get", "--detect-speed", source).splitlines()
        messages = [line.split()[2] for line in lines if line.startswith("pattern")]
        return Reading(bool(messages), self._message in messages)

    def _run(self, command: str, *arguments: str | Path) -> str:
        whole = [self._program, command, "--short", str(self.bits), *arguments]
        done = subprocess.run(whole, capture_output=True, text=True, check=True)
        return done.stdout
