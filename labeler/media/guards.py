"""What the codecs of all media share to turn foreign errors into those of the family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labeler.errors import LabelerError, MediaTooLargeError, OutputError, UnreadableMediaError
from labeler.media.content import unreadable

__all__ = ["decoding", "naming", "not_written", "reading", "reason"]


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Give errors that name no file the name of the file that they are about."""
    try:
        yield
    except LabelerError as exc:
        exc.with_file(name)
        raise


@contextmanager
def decoding(
    what: str, *, make_smaller: str, too_large: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn what foreign decoders raise into a `MediaError`.

    Args:
        what: What is decoded, as errors call it: ``"the sound"``.
        make_smaller: How it becomes smaller: ``"Cut it"``.
        too_large: The foreign errors that say that it is too large, beside `MemoryError`.
    """
    memory: tuple[type[Exception], ...] = (MemoryError, *too_large)
    try:
        yield
    except LabelerError:
        raise
    except memory as exc:
        raise MediaTooLargeError(
            f"{what} is too large to be decoded",
            hint=f"{make_smaller}, or give the process more memory",
        ) from exc
    except Exception as exc:
        raise UnreadableMediaError(
            f"{what} cannot be decoded ({reason(exc)})",
            hint="The file is truncated or damaged; get an undamaged copy of it",
        ) from exc


@contextmanager
def reading(what: str, name: str) -> Iterator[None]:
    """Turn what reading a file that stays on disk raises into errors of the family.

    Args:
        what: What is decoded, as errors call it: ``"the sound"``.
        name: The name that errors give to the file.
    """
    with naming(name), decoding(what, make_smaller="Cut it"):
        try:
            yield
        except OSError as error:
            raise unreadable(error, name) from error


def not_written(what: str, error: OSError, target: Path) -> OutputError:
    """The error for a file that the operating system does not let be written.

    Args:
        what: What should have been in it: ``"the sound"``.
        error: What the system says.
        target: The file.
    """
    return OutputError(
        f"{what} cannot be written ({error.strerror or error})",
        file=target,
        hint="Give a new file in a folder that can be written and has room",
    )


def reason(exc: Exception) -> str:
    """What a foreign error says, in one line without its full stop."""
    # Errors of the system and of FFmpeg have the words apart from number and function.
    words = getattr(exc, "strerror", None)
    lines = (words if isinstance(words, str) else str(exc)).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(exc).__name__
