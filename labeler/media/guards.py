"""What the codecs of all media share to turn foreign errors into those of the family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labeler.errors import LabelerError, MediaTooLargeError, UnreadableMediaError

__all__ = ["decoding", "naming", "reason"]


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


def reason(exc: Exception) -> str:
    """What a foreign error says, in one line without its full stop."""
    # Errors of the system and of FFmpeg have the words apart from number and function.
    words = getattr(exc, "strerror", None)
    lines = (words if isinstance(words, str) else str(exc)).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(exc).__name__
