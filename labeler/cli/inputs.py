"""From a command's arguments to what it works with: files and settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labeler.cli.console import complain

if TYPE_CHECKING:
    from labeler.batch.sources import Found
    from labeler.settings import Settings

__all__ = ["find_sources", "load_settings"]

_NAMED: Final = 5


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
