"""A batch: what is left to do of it, and doing it so that it can always go on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labeler.batch.ledger import Entry, Ledger, State
from labeler.batch.leftovers import remove_leftovers
from labeler.batch.plan import Item
from labeler.batch.pool import Finished, Pool
from labeler.errors import BatchError
from labeler.media.source import is_url
from labeler.receipt import Receipt

__all__ = ["Agenda", "Skipped", "Task", "carry_out", "make_agenda", "tidy"]


@dataclass(frozen=True, slots=True)
class Task:
    """An item that is to be stamped."""

    item: Item
    overwrite: bool = False
    """Whether a file in the place of the output may be replaced."""
    begun: bool = False
    """Whether an earlier run has begun it, and may have published its output."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item that an earlier run of the batch has done."""

    item: Item
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a run of a batch does, and what it need not do."""

    todo: tuple[Task, ...]
    skipped: tuple[Skipped, ...]


def make_agenda(
    items: Iterable[Item],
    entries: Mapping[Path, Entry],
    *,
    request: str,
    resume: bool,
    overwrite: bool,
) -> Agenda:
    """Settle what is to be done, before anything is written.

    Args:
        items: The whole batch.
        entries: What the ledger knows.
        request: Digest of what is asked for.
        resume: Whether items that are done are skipped, and those that were cut short redone.
        overwrite: Whether outputs that exist already are replaced.

    Raises:
        BatchError: Outputs exist that may be neither skipped nor replaced.
    """
    todo, skipped, in_the_way = [], [], []
    for item in items:
        entry = entries.get(item.target) if resume else None
        exists = os.path.lexists(item.target)
        if entry is not None and entry.state is State.CLAIMED and entry.source == item.source:
            # Whatever lies there was made by the run that was cut short: the claim says that the
            # place was free then, or that its file might be replaced.
            todo.append(Task(item, overwrite=True, begun=True))
        elif exists and entry is not None and entry.receipt and _is_same(item, entry, request):
            skipped.append(Skipped(item, entry.receipt))
        elif exists and not overwrite:
            in_the_way.append((item, entry))
        else:
            todo.append(Task(item, overwrite=overwrite))
    if in_the_way:
        raise _in_the_way(*in_the_way[0], count=len(in_the_way), resume=resume)
    return Agenda(tuple(todo), tuple(skipped))


def _is_same(item: Item, entry: Entry, request: str) -> bool:
    """Whether the item was done just as it would be now."""
    if (entry.source, entry.request) != (item.source, request) or entry.receipt is None:
        return False
    if is_url(item.source) or item.fingerprint() == entry.fingerprint:
        return True
    # Copying or touching a file changes its time; its content decides.
    with Path(item.source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.receipt.source_sha256


def _in_the_way(item: Item, entry: Entry | None, *, count: int, resume: bool) -> BatchError:
    others = f", and {count - 1} more outputs with it" if count > 1 else ""
    if entry is not None and entry.state is State.DONE:
        return BatchError(
            f"it was stamped from another source or with other options{others}",
            file=item.target,
            hint="Give the same options as before, or --overwrite to stamp it again",
        )
    hint = "--overwrite replaces it"
    if not resume:
        hint = f"--resume goes on with a batch that was cut short, {hint}"
    return BatchError(f"the output exists already{others}", file=item.target, hint=hint)


def carry_out(
    todo: Iterable[Task],
    *,
    ledger: Ledger,
    pool: Pool[Task, Receipt],
    request: str,
    stop: Callable[[], bool],
) -> Generator[Finished[Task, Receipt], None, None]:
    """Stamp, and keep the ledger. Items come in the order in which they are finished.

    Args:
        todo: What is to be done.
        ledger: Where it is noted.
        pool: Who does it.
        request: Digest of what is asked for.
        stop: Whether to stop: what was begun is finished, nothing else is begun.
    """
    begun: set[Path] = set()

    def claimed() -> Iterator[Task]:
        for task in todo:
            ledger.claim(task.item, request)
            begun.add(task.item.target)
            yield task

    try:
        for finished in pool.run(claimed(), stop=stop):
            item = finished.task.item
            if isinstance(finished.outcome, Receipt):
                ledger.complete(item, finished.outcome)
                begun.remove(item.target)
            elif not finished.worker_died:
                ledger.fail(item, finished.outcome)
                begun.remove(item.target)
            yield finished
    finally:
        # What a worker that was killed had begun stays claimed: it may have published its output.
        for target in begun:
            remove_leftovers(target)


def tidy(entries: Mapping[Path, Entry]) -> None:
    """Remove the temporary files of a run that was cut short."""
    for target, entry in entries.items():
        if entry.state is State.CLAIMED:
            remove_leftovers(target)
