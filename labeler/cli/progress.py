"""A progress bar for people who watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from labeler.cli.console import stderr

__all__ = ["Meter", "progress_bar"]


class Meter(Protocol):
    """Counts what is finished."""

    def __call__(self, *, failed: int) -> None:
        """One more is finished; ``failed`` of all have failed."""


@contextmanager
def progress_bar(total: int) -> Iterator[Meter]:
    """A bar on standard error, where that is a terminal and there is more than one thing to do."""
    console = stderr()
    with Progress(
        TextColumn("stamping"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}", style="red"),
        console=console,
        disable=not console.is_terminal or total < 2,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=total, failures="")

        def advance(*, failed: int) -> None:
            progress.update(task, advance=1, failures=f"{failed} failed" if failed else "")

        yield advance
