"""A folder for files on their way: made when the first of them is, removed at the end.

What is worked on where it lies, sound for example, may be larger than memory. Its steps write files
here. A process that is killed cannot tidy up: whoever needs such a folder next removes it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from labeler.closing import Closing
from labeler.errors import OutputError

__all__ = ["Scratch", "remove_abandoned"]

_PREFIX: Final = "labeler-scratch-"


class Scratch(Closing):
    """A folder that exists from the first `new_file` until `close`; of one thread at a time.

    Args:
        parent: The folder that it is made in; None: the system's for temporary files (``TMPDIR``).
    """

    __slots__ = ("_descriptor", "_folder", "_parent")

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = _place(parent)
        self._folder: Path | None = None
        self._descriptor = -1

    def new_file(self, suffix: str = "") -> Path:
        """The path of a file that does not exist yet.

        Args:
            suffix: How its name ends: ``".wav"``.

        Raises:
            OutputError: There is no place for it.
        """
        if self._folder is None:
            with self.writing():
                self._parent.mkdir(parents=True, exist_ok=True)
                remove_abandoned(self._parent)
                self._folder, self._descriptor = _make_folder(self._parent)
        return self._folder / (secrets.token_hex(8) + suffix)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what is raised for want of room, say, into an error that helps.

        Raises:
            OutputError: An `OSError` or `OutputError` was raised in the block.
        """
        try:
            yield
        except (OSError, OutputError) as error:
            reason = error.problem if isinstance(error, OutputError) else error.strerror
            raise OutputError(
                f"temporary files cannot be written: {reason or error}",
                file=self._parent,
                hint="Make room there, or set LABELER_SCRATCH to a folder on another disk",
            ) from error

    def close(self) -> None:
        """Remove the folder and everything in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._descriptor)
            self._folder = None


def _place(parent: Path | None) -> Path:
    return Path(tempfile.gettempdir()) if parent is None else parent


def _make_folder(parent: Path) -> tuple[Path, int]:
    """A new folder and a descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        # Until it is locked it looks abandoned, and may be removed.
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, descriptor
            os.close(descriptor)


def remove_abandoned(parent: Path | None = None) -> None:
    """Remove folders whose processes have ended without doing so.

    Args:
        parent: As in `Scratch`.

    Raises:
        OSError: The folder that they lie in cannot be read.
    """
    with os.scandir(_place(parent)) as entries:
        for entry in entries:
            if not entry.name.startswith(_PREFIX):
                continue
            # Another process may be quicker, or hold the lock: then it is not abandoned.
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                    _remove_unlocked(entry.path)


def _remove_unlocked(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
