"""A peer's watermark in a Python of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["PeerProcess", "last_words"]

_WORKER: Final = "benchmarks.peer_worker"
_ROOT: Final = Path(__file__).parents[1]


class PeerProcess:
    """Another Python interpreter that runs a peer (see ``peer_worker``).

    Raises:
        RuntimeError: The interpreter cannot run the peer; see `last_words`.
    """

    def __init__(self, name: str, python: Path, arguments: Sequence[str] = ()) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory()
        self._errors = Path(self._folder.name, "errors.txt")
        # That interpreter sees Labeler's sources, but for `benchmarks` it must not need them.
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        command = [str(python), "-m", _WORKER, name, *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with self._errors.open("wb") as errors:
            try:
                self._process = subprocess.Popen(
                    command, **pipes, stderr=errors, text=True, env=environment
                )
            except OSError as missing:
                self._folder.cleanup()
                raise _failure(name, str(missing)) from missing
        self.about = self._answer()
        """What the peer says of itself."""
        self.source = Path(self._folder.name, "source.npy")
        """Where the peer looks for what it is asked about."""
        self.target = Path(self._folder.name, "marked.npy")
        """Where it writes what it marked."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._end()

    def ask(self, **request: object) -> dict[str, Any]:
        """Send a request, and wait for what the peer says."""
        if self._process.stdin is None:
            raise ValueError("the peer has been closed")
        files = {"source": str(self.source), "target": str(self.target)}
        print(json.dumps({**files, **request}), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            words = self._errors.read_text(errors="replace")[-2000:]
            self._end()
            raise _failure(self.name, words)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait(timeout=60)
        self._folder.cleanup()


def _failure(name: str, words: str) -> RuntimeError:
    error = RuntimeError(f"{name} does not run in that Python")
    error.add_note(words)
    return error


def last_words(error: RuntimeError) -> str:
    """The last line that a peer wrote before it failed, which mostly says why."""
    notes = getattr(error, "__notes__", ["no reason was given"])
    lines = notes[-1].strip().splitlines()
    return str(lines[-1]) if lines else "no reason was given"
