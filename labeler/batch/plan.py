"""What a batch will do, settled and checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labeler.batch.sources import Source
from labeler.errors import BatchError
from labeler.media.source import is_url

__all__ = ["Item", "make_plan"]


@dataclass(frozen=True, slots=True)
class Item:
    """One source and where its output goes."""

    source: str
    """Absolute path of the source, or its URL."""
    target: Path
    """Path of the output."""

    def fingerprint(self) -> str | None:
        """Size and time of change of the source, as text; None for URLs and what is gone."""
        if is_url(self.source):
            return None
        try:
            status = Path(self.source).stat()
        except OSError:
            return None
        return f"{status.st_size}:{status.st_mtime_ns}"


def make_plan(sources: Iterable[Source], out: Path) -> tuple[Item, ...]:
    """Name the output of each source: the same name below ``out``.

    Raises:
        BatchError: Two sources would have the same output, or an output would replace a source.
    """
    items: dict[Path, Item] = {}
    for source in sources:
        item = Item(_absolute(source.location), out / source.name)
        other = items.setdefault(item.target, item)
        if not _same_file(other.source, item.source):
            raise BatchError(
                f"{other.source} and {item.source} would have the same output",
                file=item.target,
                hint="Stamp them into different folders, or give the folder that holds both",
            )
    _refuse_to_replace_sources(tuple(items.values()))
    return tuple(items.values())


def _absolute(location: str) -> str:
    return location if is_url(location) else str(Path(location).absolute())


def _same_file(one: str, other: str) -> bool:
    if one == other or is_url(one) or is_url(other):
        return one == other
    return Path(one).resolve() == Path(other).resolve()


def _refuse_to_replace_sources(items: tuple[Item, ...]) -> None:
    # By identity, not by name: there are links, and file systems that ignore case.
    sources = {_identity(Path(item.source)) for item in items if not is_url(item.source)}
    sources.discard(None)
    for item in items:
        if _identity(item.target) in sources:
            raise BatchError(
                "the output would replace a source",
                file=item.target,
                hint="Choose another folder with --out",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
