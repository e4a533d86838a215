"""Small texts that commands write: whole, or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from labeler.errors import OutputError

__all__ = ["check_output", "write_text"]

_EXISTS = "the output exists already"
_EXISTS_HINT = "Choose another file, or allow it to be replaced (--overwrite)"


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse early what `write_text` would refuse.

    Raises:
        OutputError: There is a file, which may not be replaced; or a folder.
    """
    if path.is_dir():
        raise OutputError("the output is a folder", file=path, hint="Give the name of a file")
    if not overwrite and os.path.lexists(path):
        raise OutputError(_EXISTS, file=path, hint=_EXISTS_HINT)


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write ``text`` as UTF-8.

    Raises:
        OutputError: It cannot be written, or there is a file already, which may not be replaced.
    """
    check_output(path, overwrite=overwrite)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            if not overwrite and path.exists():  # somebody else's, in the meantime
                raise OutputError(_EXISTS, file=path, hint=_EXISTS_HINT)
            draft.replace(path)
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"the output cannot be written ({error.strerror or error})",
            file=path,
            hint="Check the path, its permissions, and that the disk has room",
        ) from error
