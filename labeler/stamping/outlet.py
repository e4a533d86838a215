"""What every kind of target offers: staging an output, and publishing it.

A *staged* output is written, but not where anyone looks for it; what was written can be read back,
and then it is published, or thrown away when its context ends. A sidecar is published before its
file, so that the file is never seen without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from labeler.errors import OutputError
from labeler.media.content import Content
from labeler.media.scratch import Scratch

__all__ = ["EXISTS", "EXISTS_HINT", "TEMPORARY_SUFFIX", "Outlet", "Staged", "refusing"]

TEMPORARY_SUFFIX: Final = ".tmp"
"""Temporary files lie beside their target, on its file system: ``.picture.png.<random>.tmp``."""
EXISTS: Final = "the output exists already"
EXISTS_HINT: Final = "Choose another target, or allow it to be replaced (--overwrite)"


class Staged(Protocol):
    """An output that was written and that nobody can see yet."""

    def read(self) -> tuple[Content, bytes | None]:
        """What was written: the file and its sidecar."""
        ...

    def publish(self) -> None:
        """Let it appear.

        Raises:
            OutputError: It could not, and has not.
        """
        ...


class Outlet(Protocol):
    """One target."""

    @property
    def name(self) -> str:
        """Absolute path, URL, or name of the stream."""
        ...

    @property
    def sidecar_name(self) -> str:
        """Absolute path or URL of the sidecar, if there will be one."""
        ...

    def check(self, *, overwrite: bool) -> None:
        """Refuse early what staging and publishing would refuse.

        Raises:
            OutputError: The target exists and is not to be replaced, or can be no file.
        """
        ...

    def sha256(self) -> str | None:
        """SHA-256 of what is there, hexadecimal; None where nothing is."""
        ...

    def stage(
        self, content: Content, sidecar: bytes | None, *, scratch: Scratch, overwrite: bool
    ) -> AbstractContextManager[Staged]:
        """Write an output where nobody looks.

        Args:
            content: The file.
            sidecar: The manifest store beside it; None: there is none.
            scratch: Where what was written is put to be read back, if it lies far away.
            overwrite: Whether an existing target may be replaced.

        Raises:
            OutputError: It cannot be written.
        """
        ...


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn what the operating system raises into errors that name the output."""
    try:
        yield
    except FileExistsError as error:
        raise OutputError(EXISTS, file=name, hint=EXISTS_HINT) from error
    except OSError as error:
        raise OutputError(
            f"the output cannot be written ({error.strerror or error})",
            file=name,
            hint="Check the path, its permissions, and that the disk has room",
        ) from error
