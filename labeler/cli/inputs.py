"""From a command's arguments to what it works with: files and settings."""

from __future__ import annotations

import getpass
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labeler.cli.console import EXIT_FAILED, EXIT_OK, complain, print_error
from labeler.errors import BatchError, LabelerError, RegistryError

if TYPE_CHECKING:
    from labeler.batch.sources import Found
    from labeler.settings import Settings

__all__ = [
    "EXIT_NONE_FOUND",
    "STANDARD_INPUT",
    "find_sources",
    "load_settings",
    "one_by_one",
    "read_prose",
    "spooled",
    "system_user",
]

_NAMED: Final = 5
_HEAD_BYTES: Final = 4096
_BLOCK_BYTES: Final = 1 << 20
_UNNAMED: Final = "standard-input"
EXIT_NONE_FOUND: Final = 3
"""Nothing was found in at least one file."""
STANDARD_INPUT: Final = "-"
"""What stands for standard input among files."""


def find_sources(
    arguments: Sequence[str], *, recursive: bool, exclude: Path | None = None
) -> Found:
    """The files that ``arguments`` mean; what is left out is told on standard error.

    Raises:
        BatchError: An argument means nothing.
    """
    from labeler.batch.sources import find  # noqa: PLC0415 - slow to import

    found = find(arguments, recursive=recursive, exclude=exclude)
    for left_out in found.left_out[:_NAMED]:
        complain(f"{left_out.location}: left out, {left_out.reason}")
    if len(found.left_out) > _NAMED:
        complain(f"{len(found.left_out) - _NAMED} more files that are no media were left out")
    return found


def load_settings(home: Path | None, **given: Any) -> Settings:
    """The settings of the environment, but for what was given on the command line (not None).

    Raises:
        SettingsError: A value cannot be used.
    """
    from labeler.settings import Settings  # noqa: PLC0415 - slow to import

    given["home"] = home
    return Settings(**{name: value for name, value in given.items() if value is not None})


@contextmanager
def spooled(arguments: Sequence[str], *, name: str | None = None) -> Iterator[list[str]]:
    """The arguments with a file in the place of standard input, which is read once.

    Args:
        arguments: Files and ``-``.
        name: What the file is called, its extension too; None: ``standard-input``, of text with
            the extension of plain text.

    Raises:
        BatchError: ``-`` is there twice, or ``name`` is a path.
    """
    if STANDARD_INPUT not in arguments:
        yield list(arguments)
        return
    if arguments.count(STANDARD_INPUT) > 1:
        raise BatchError("standard input is given twice", hint="Give - once")
    if name is not None and (Path(name).name != name or name in {"", ".", ".."}):
        raise BatchError(
            "the name for standard input is a path", file=name, hint="Give a name alone"
        )
    with tempfile.TemporaryDirectory(prefix="labeler-") as folder:
        file = _spool(Path(folder), name)
        yield [str(file) if each == STANDARD_INPUT else each for each in arguments]


def _spool(folder: Path, name: str | None) -> Path:
    from labeler.media.text_signs import is_text  # noqa: PLC0415 - slow to import

    head = sys.stdin.buffer.read(_HEAD_BYTES)
    file = folder / (name or (_UNNAMED + ".txt" if is_text(head) else _UNNAMED))
    with file.open("wb") as target:
        target.write(head)
        while block := sys.stdin.buffer.read(_BLOCK_BYTES):
            target.write(block)
    return file


def read_prose(name: str) -> str:
    """The text that people see in a file; ``-`` is standard input.

    Raises:
        LabelerError: It is no text, or cannot be read.
    """
    from detectors.texts import read_prose as read  # noqa: PLC0415 - slow to import

    if name != STANDARD_INPUT:
        return read(Path(name))
    with spooled([name]) as files:
        try:
            return read(Path(files[0]))
        except LabelerError as error:
            error.file = "standard input"  # not the file that it was written to
            raise


def one_by_one(names: Sequence[str], work: Callable[[str], bool], *, as_json: bool) -> int:
    """Work on one file after the other, and give the exit code.

    Args:
        names: The files.
        work: Says whether something was found; an error ends the work on its file alone.
        as_json: Whether ``--json`` was given.

    Returns:
        `EXIT_FAILED` where there was an error, else `EXIT_NONE_FOUND` where nothing was found in at
        least one.
    """
    found: list[bool | None] = []
    for name in names:
        try:
            found.append(work(name))
        except LabelerError as error:
            error.with_file(name)
            print_error(error, as_json=as_json)
            found.append(None)
    if None in found:
        return EXIT_FAILED
    return EXIT_OK if all(found) else EXIT_NONE_FOUND


def system_user() -> str:
    """Who a record names that nobody else is named for: the name of the system's user.

    Raises:
        RegistryError: The system does not tell.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # before Python 3.13 the latter two
        raise RegistryError(
            "the system does not tell who its user is", hint="Say who records this: --actor NAME"
        ) from None
