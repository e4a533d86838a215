"""The fingerprint log of texts: "did we generate this?", without keeping the text.

Of each text that came out, the registry keeps its selected shingles (`labeler.codec.shingles`), a
dozen bytes for each four or five words, under a key that is not in the database. A copy is found
after edits, and a passage of it from about 30 words. What is found is what two texts share, not
who had it first: a quotation that a generated text holds is found in its source as well.

Shingles that more than `COMMON` texts have count for nothing: greetings, disclaimers, forms.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from labeler.codec.keys import Key, load_key
from labeler.codec.overlap import Overlap
from labeler.errors import RegistryError
from labeler.receipt import Receipt

__all__ = ["COMMON", "TextLogSize", "TextMatch", "TextOutput", "log_key_at"]

COMMON: Final = 50
"""Shingles that more texts have are common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutput:
    """One time that a text came out."""

    at: datetime
    """When, UTC."""
    receipt: Receipt | None
    """Of its stamping; None where it was logged without one."""
    provider: str | None
    """Who generated it."""
    model: str | None
    """With which model."""
    reference: str | None
    """What the caller knows it by: the id of a request, without personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMatch:
    """A logged text that the one in question is a copy of, or has a passage of."""

    text_id: int
    """Its number in the log."""
    words: int
    """How many words it has."""
    overlap: Overlap
    """What the text in question has of it, and where."""
    outputs: tuple[TextOutput, ...]
    """When it came out, latest first, no more than 16."""
    times: int
    """How often it came out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLogSize:
    """How much the log holds."""

    texts: int
    """Different texts."""
    outputs: int
    """How often they came out, altogether."""


def log_key_at(file: Path, *, make: bool) -> Key | None:
    """The log's key in a file of mode 0600; None where there is none.

    Keep a copy of it: what was logged is not found with another one. Or use no such file, but a
    key from where you keep your keys.

    Args:
        file: Beside a registry in a file, or in the home directory.
        make: Whether to make one where there is none.

    Raises:
        WatermarkKeyError: It is malformed, or others than its owner may read it.
        RegistryError: It cannot be made.
    """
    if not file.exists():
        if not make:
            return None
        try:
            _make_key(file)
        except OSError as error:
            raise RegistryError(
                f"the key of the fingerprint log cannot be made ({error.strerror})",
                file=file,
                hint="See that its folder can be written, or give a key",
            ) from error
    return load_key(file)


def _make_key(file: Path) -> None:
    """Whole or not at all; where another process is first, its key stays."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(Key.generate().secret.hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()
