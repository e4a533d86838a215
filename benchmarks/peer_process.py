"""A peer's watermark in a Python of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["PeerProcess"]

_WORKER: Final = Path(__file__).with_name("peer_worker.py")


class PeerProcess:
    """Another Python interpreter that runs a peer (see ``peer_worker``).

    Raises:
        RuntimeError: The interpreter cannot run the peer; the note has its last words.
    """

    def __init__(self, name: str, python: Path, arguments: Sequence[str] = ()) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory()
        self._errors = Path(self._folder.name, "errors.txt")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, _WORKER, name, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
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
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=60)
        self._folder.cleanup()

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
            error = RuntimeError(f"{self.name} does not run in that Python")
            error.add_note(self._errors.read_text(errors="replace")[-2000:])
            raise error
        answer: dict[str, Any] = json.loads(line)
        return answer
