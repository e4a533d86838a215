"""A progress bar for people who watch."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from labeler.cli.console import stderr

__all__ = ["Meter", "progress_bar"]


@dataclass(slots=True)
class Meter:
    """What the bar shows: how many things are finished, and how far those at work are."""

    _progress: Progress
    _task: TaskID
    _finished: int = 0
    _failed: int = 0
    _parts: dict[Hashable, float] = field(default_factory=dict)

    def watch(self, thing: Hashable, part: float) -> None:
        """``thing`` takes long, and so much of it is done, 0 to 1."""
        self._parts[thing] = part
        self._show()

    def finish(self, thing: Hashable, *, failed: int) -> None:
        """One more is finished; ``failed`` of all have failed."""
        self._parts.pop(thing, None)
        self._finished += 1
        self._failed = failed
        self._show()

    def _show(self) -> None:
        completed = self._finished + sum(self._parts.values())
        # One small thing is done before a bar is of use; one that takes long is worth watching.
        visible = bool(self._parts) or self._progress.tasks[0].visible
        failures = f"{self._failed} failed" if self._failed else ""
        self._progress.update(self._task, completed=completed, visible=visible, failures=failures)


@contextmanager
def progress_bar(total: int) -> Iterator[Meter]:
    """A bar on standard error, where that is a terminal and there is something to wait for."""
    console = stderr()
    with Progress(
        TextColumn("stamping"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}", style="red"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        yield Meter(progress, progress.add_task("", total=total, failures="", visible=total > 1))
