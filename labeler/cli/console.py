"""What a command prints: for people and, with ``--json``, for programs.

Results go to standard output; errors, warnings and progress to standard error. Text from files
(names, signers, claims) may come from strangers: `printable` takes away its power over terminals.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

import typer

from labeler.errors import LabelerError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = [
    "EXIT_DEFECT",
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_USAGE",
    "complain",
    "error_members",
    "print_error",
    "print_json",
    "printable",
    "reporting",
    "say",
    "show",
    "stderr",
    "stdout",
]

SCHEMA: Final = 1
"""Version of everything that ``--json`` prints; see ``docs/json.md``."""

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
"""Something could not be done."""
EXIT_USAGE: Final = 2
"""Nothing was done: what was asked for is not possible."""
EXIT_DEFECT: Final = 70
"""Labeler itself is at fault (``EX_SOFTWARE`` of ``sysexits.h``)."""

TRACEBACK_VARIABLE: Final = "LABELER_TRACEBACK"

# Wide enough that a table in a file or pipe is not folded.
_PIPE_WIDTH: Final = 200


def stdout() -> Console:
    """Where results for people go."""
    return _console(sys.stdout)


def stderr() -> Console:
    """Where errors and progress go."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    from rich.console import Console  # noqa: PLC0415 - not needed for --help and --json

    return Console(
        file=file,
        width=None if file.isatty() else _PIPE_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
    )


def show(renderable: RenderableType) -> None:
    """Print something that rich draws on standard output."""
    console = stdout()
    if console.is_terminal:
        console.print(renderable)
        return
    # Rich fills lines up with spaces, which are of no use in a file or pipe.
    with console.capture() as capture:
        console.print(renderable)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a paragraph on standard output; a terminal folds it, a pipe gets it as one line."""
    console = stdout()
    console.print(printable(text), soft_wrap=not console.is_terminal)


def printable(text: str) -> str:
    r"""``text`` with everything that is no printable character written as ``\x1b`` or the like.

    That covers control characters and escape sequences, characters that turn the reading
    direction, and bytes in file names that are no text.
    """
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def print_json(members: Mapping[str, object]) -> None:
    """Print one JSON object as one line on standard output, at once."""
    sys.stdout.write(json.dumps({"schema": SCHEMA, **members}, allow_nan=False) + "\n")
    sys.stdout.flush()


def error_members(error: LabelerError) -> dict[str, object]:
    """An error as the JSON value that ``docs/json.md`` describes."""
    return {
        "kind": type(error).__name__,
        "problem": error.problem,
        "hint": error.hint,
        "file": error.file,
    }


def print_error(error: LabelerError, *, as_json: bool) -> None:
    """Print an error as one line on standard error; with ``--json``, on standard output too."""
    if as_json:
        print_json({"error": error_members(error)})
    complain(str(error))


def complain(text: str) -> None:
    """Print one line on standard error."""
    stderr().print(f"labeler: {printable(text)}", soft_wrap=True)


@contextmanager
def reporting(*, as_json: bool, exit_code: int = EXIT_FAILED) -> Iterator[None]:
    """Turn errors into one clear line and an exit code; nobody is shown a traceback.

    Args:
        as_json: Whether ``--json`` was given.
        exit_code: The exit code for a `LabelerError`.
    """
    try:
        yield
    except LabelerError as error:
        print_error(error, as_json=as_json)
        raise typer.Exit(exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # 128 + SIGINT
    except BrokenPipeError:
        # Whoever read our output has had enough. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None  # 128 + SIGPIPE
    except (typer.Exit, typer.BadParameter, typer.Abort):
        raise
    except OSError as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        print_error(_refusal(error), as_json=as_json)
        raise typer.Exit(exit_code) from None
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        problem = f"an unexpected {type(error).__name__}: {error}"
        hint = f"This is a defect; please report it, with what {TRACEBACK_VARIABLE}=1 shows"
        print_error(LabelerError(problem, hint=hint), as_json=as_json)
        raise typer.Exit(EXIT_DEFECT) from None


def _refusal(error: OSError) -> LabelerError:
    """What the operating system refused at a place that nobody foresaw: no defect of Labeler."""
    name = error.filename
    return LabelerError(
        f"the system refuses access ({error.strerror or type(error).__name__})",
        hint="Check the path, its permissions, and that the disk has room",
        file=os.fsdecode(name) if isinstance(name, str | bytes) else None,
    )
