"""The registry that the settings name, opened for a command; errors are told as everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labeler.cli.console import reporting
from labeler.cli.inputs import load_settings
from labeler.errors import RegistryError

if TYPE_CHECKING:
    from labeler.registry import Registry, RegistryReader
    from labeler.settings import Settings

__all__ = ["changing", "check_there", "open_reader", "reading", "writing"]

_NONE_HERE: Final = (
    "Check --home, LABELER_HOME and LABELER_REGISTRY; stamping or signing off makes one"
)


def open_reader(settings: Settings, *, hint: str = _NONE_HERE) -> RegistryReader:
    """The registry, to be read.

    Args:
        settings: They name it.
        hint: What to do where it is not there.

    Raises:
        RegistryError: There is none, or it cannot be read.
    """
    from labeler.registry import RegistryReader  # noqa: PLC0415 - slow to import

    reader = RegistryReader.of(settings)
    if reader is None:
        raise _none_here(settings, hint)
    return reader


@contextmanager
def reading(
    home: Path | None, *, as_json: bool, hint: str = _NONE_HERE
) -> Iterator[RegistryReader]:
    """The registry of a command that reads it: see `open_reader`."""
    with reporting(as_json=as_json), open_reader(load_settings(home), hint=hint) as reader:
        yield reader


@contextmanager
def writing(home: Path | None, *, as_json: bool) -> Iterator[Registry]:
    """The registry of a command that adds to it; it is made where there is none."""
    with reporting(as_json=as_json):
        from labeler.registry import Registry  # noqa: PLC0415 - slow to import

        with Registry.of(load_settings(home)) as registry:
            yield registry


@contextmanager
def changing(home: Path | None, *, as_json: bool) -> Iterator[Registry]:
    """A registry that is there already, to take something out of it."""
    with reporting(as_json=as_json):
        from labeler.registry import Registry  # noqa: PLC0415 - slow to import

        settings = load_settings(home)
        check_there(settings)
        with Registry.of(settings) as registry:
            yield registry


def check_there(settings: Settings) -> None:
    """See that there is a registry.

    Raises:
        RegistryError: There is none, or it cannot be read.
    """
    from labeler.registry.database import database_of  # noqa: PLC0415 - slow to import

    if not database_of(settings).exists():
        raise _none_here(settings, _NONE_HERE)


def _none_here(settings: Settings, hint: str) -> RegistryError:
    from labeler.registry.database import database_of  # noqa: PLC0415 - slow to import

    return RegistryError("there is no registry", file=database_of(settings).name, hint=hint)
