"""Outputs that appear whole or not at all, and never in place of a file that should stay.

An output is written under a hidden name beside its target, flushed to the disk, checked there, and
only then given its name. Whatever goes wrong before leaves the target as it was.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from labeler.errors import OutputError

__all__ = ["TEMPORARY_PREFIX", "publish_atomically", "publish_with_sidecar"]

TEMPORARY_PREFIX: Final = ".labeler-"
"""Names of files that are not published yet begin with this; a killed process may leave them."""

# What file systems without hard links answer (FAT, some network mounts).
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_REASONS: Final = {
    errno.ENOENT: ("the folder does not exist", "Create it first"),
    errno.ENOTDIR: ("the folder does not exist", "A part of its path is a file; check the path"),
    errno.EACCES: ("the folder cannot be written to", "Check its permissions"),
    errno.EPERM: ("the folder cannot be written to", "Check its permissions"),
    errno.EROFS: ("the file system is read-only", "Choose another folder"),
    errno.ENOSPC: ("there is no space left on the disk", "Free some, or choose another folder"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, or choose another folder"),
    errno.ENAMETOOLONG: ("the file name is too long", "Choose a shorter one"),
    errno.EISDIR: ("there is a folder of that name", "Choose another name"),
}


def publish_atomically(
    path: Path,
    data: bytes,
    *,
    overwrite: bool = False,
    check: Callable[[Path], None] | None = None,
) -> None:
    """Write ``data`` to ``path``, whole or not at all.

    Of several writers of the same path, one wins and the others fail, unless ``overwrite`` is set.

    Args:
        path: The target; its folder must exist. A symbolic link is replaced, not followed.
        data: The content.
        overwrite: Whether a file that is there may be replaced.
        check: Called with the path of the written file before it gets its name; what it raises
            goes to the caller, and nothing is published. The path has the target's extension.

    Raises:
        OutputError: The target exists already, or cannot be written.
    """
    _refuse_taken(path, overwrite=overwrite)
    with _temporary(path, data) as temporary:
        if check is not None:
            check(temporary)
        with _explained(path):
            _place(temporary, path, overwrite=overwrite)
            _flush_folder(path.parent)


def publish_with_sidecar(
    path: Path,
    data: bytes,
    sidecar_path: Path,
    sidecar: bytes,
    *,
    overwrite: bool = False,
    check: Callable[[Path, Path], None] | None = None,
) -> None:
    """Write a file and the sidecar that belongs to it, so that the file never stands alone.

    The sidecar gets its name first. A sidecar without its file, as a killed process may leave it,
    counts as not there.

    Args:
        path: The target.
        data: Its content.
        sidecar_path: The sidecar, in the same folder.
        sidecar: Its content.
        overwrite: Whether a file that is there may be replaced, with its sidecar.
        check: Called with the paths of the written file and sidecar before they get their names.

    Raises:
        OutputError: The target exists already, or one of them cannot be written.
        ValueError: The sidecar is to lie in another folder.
    """
    if sidecar_path.parent != path.parent:
        raise ValueError("a sidecar lies in the folder of its file")
    _refuse_taken(path, overwrite=overwrite)
    with (
        _temporary(path, data) as temporary,
        _temporary(sidecar_path, sidecar) as temporary_sidecar,
    ):
        if check is not None:
            check(temporary, temporary_sidecar)
        with _explained(path), _locked(path.parent):
            _refuse_taken(path, overwrite=overwrite)
            with _restored_on_failure(sidecar_path):
                temporary_sidecar.replace(sidecar_path)
                _place(temporary, path, overwrite=overwrite)
            _flush_folder(path.parent)


def _refuse_taken(path: Path, *, overwrite: bool) -> None:
    with _explained(path):
        is_folder, is_there = path.is_dir(), os.path.lexists(path)
    if is_folder:
        raise _error(path, errno.EISDIR)
    if is_there and not overwrite:
        raise _exists(path)


def _exists(path: Path) -> OutputError:
    return OutputError(
        "the output exists already",
        hint="Choose another name or folder, or ask for it to be overwritten",
        file=path,
    )


def _error(path: Path, number: int | None, text: str = "it cannot be written") -> OutputError:
    problem, hint = _REASONS.get(number or 0, (text, "Check the folder and the disk"))
    return OutputError(problem, hint=hint, file=path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what an operating system error means for the output."""
    try:
        yield
    except OSError as exc:
        raise _error(path, exc.errno, f"it cannot be written ({exc.strerror or exc})") from exc


@contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[Path]:
    """A hidden file beside ``path`` that holds ``data`` on the disk; it is gone afterwards."""
    # The extension stays: readers go by it.
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{path.suffix[:32]}")
    try:
        with _explained(path):
            # Not tempfile: its files are for their owner only, and outputs follow the umask.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give the written file its name."""
    if overwrite:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # fails if the name is taken, unlike a rename
    except FileExistsError as exc:
        raise _exists(path) from exc
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        _claim_and_replace(temporary, path)


def _claim_and_replace(temporary: Path, path: Path) -> None:
    """As linking, where there are no hard links: an empty file holds the name for a moment."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError as exc:
        raise _exists(path) from exc
    try:
        temporary.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _restored_on_failure(path: Path) -> Iterator[None]:
    """Put back what was at ``path``, or nothing, if what follows fails."""
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    except BaseException:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            with _temporary(path, before) as temporary:
                temporary.replace(path)
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other publishers of pairs out of the folder; the lock ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems have no locks; there the pair is not safe from other writers.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
