"""What was stamped and what was not, in words and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from rich.table import Table
from rich.text import Text

from labeler.batch.plan import Item
from labeler.cli.console import SCHEMA, error_members, printable, say, show
from labeler.cli.reports import format_p_value
from labeler.errors import LabelerError
from labeler.receipt import Layer, LayerOutcome, Receipt

__all__ = ["JsonResults", "Results", "WordResults"]

# Up to so many outputs are listed one by one.
_LISTED: Final = 20


class Results(Protocol):
    """Where the results of a batch go, as they come."""

    def add(self, item: Item, outcome: Receipt | LabelerError, *, skipped: bool = False) -> None:
        """Take one result."""

    def finish(self, out: Path) -> None:
        """Print what is to be said at the end."""


class JsonResults:
    """One object a line, at once."""

    def add(self, item: Item, outcome: Receipt | LabelerError, *, skipped: bool = False) -> None:
        """See `Results.add`."""
        receipt = outcome if isinstance(outcome, Receipt) else None
        error = None if isinstance(outcome, Receipt) else outcome
        status = "failed" if receipt is None else "skipped" if skipped else "stamped"
        members = {
            "schema": SCHEMA,
            "source": item.source,
            "target": str(item.target),
            "status": status,
            "receipt": None if receipt is None else json.loads(receipt.to_json()),
            "error": None if error is None else error_members(error),
        }
        sys.stdout.write(json.dumps(members, allow_nan=False) + "\n")
        sys.stdout.flush()

    def finish(self, out: Path) -> None:
        """See `Results.finish`: everything was said."""


@dataclass(slots=True)
class WordResults:
    """Tables at the end."""

    _listed: list[Receipt] = field(default_factory=list)
    _failed: list[tuple[Item, LabelerError]] = field(default_factory=list)
    _stamped: int = 0
    _skipped: int = 0
    _incomplete: int = 0

    def add(self, item: Item, outcome: Receipt | LabelerError, *, skipped: bool = False) -> None:
        """See `Results.add`."""
        if isinstance(outcome, LabelerError):
            self._failed.append((item, outcome))
            return
        self._skipped += skipped
        self._stamped += not skipped
        self._incomplete += bool(outcome.missing)
        if not skipped and len(self._listed) <= _LISTED:
            self._listed.append(outcome)

    def finish(self, out: Path) -> None:
        """See `Results.finish`."""
        if 0 < self._stamped <= _LISTED:
            show(self._table(out))
            for line in self._to_show():
                say(line)
        if self._failed:
            show(self._failures())
        say(self._sentence(out))

    def _table(self, out: Path) -> Table:
        has_labels = any(receipt.labels for receipt in self._listed)
        columns = ("label",) if has_labels else ()
        table = _new_table("file", *columns, "credential", "watermark", "metadata")
        for receipt in self._listed:
            target, folder = Path(receipt.target), out.absolute()
            name = target.relative_to(folder) if target.is_relative_to(folder) else target
            outcomes = {outcome.layer: outcome for outcome in receipt.layers}
            table.add_row(
                Text(printable(str(name))),
                *((_labels(receipt),) if has_labels else ()),
                _cell(outcomes.get(Layer.CREDENTIAL), _credential(receipt)),
                _cell(outcomes.get(Layer.WATERMARK), _watermark(outcomes.get(Layer.WATERMARK))),
                _cell(outcomes.get(Layer.METADATA), "written"),
            )
        return table

    def _to_show(self) -> Iterator[str]:
        """What is left to the publisher: labels that no file can hold."""
        for receipt in self._listed:
            for label in receipt.labels:
                if not label.laid:
                    asked = f"{label.label}, for {label.asked_by}"
                    beside = f'show beside it "{label.text}"'
                    what = beside if label.text else "left to the interface"
                    yield f"{Path(receipt.target).name}: {what} ({asked})"

    def _failures(self) -> Table:
        table = _new_table("failed", "why")
        for item, error in self._failed:
            why = f"{error.problem}. {error.hint}." if error.hint else error.problem
            # The source is in the first column already, but it may be about something else.
            if error.file not in {None, item.source}:
                why = f"{error.file}: {why}"
            table.add_row(Text(printable(item.source), style="bold red"), Text(printable(why)))
        return table

    def _sentence(self, out: Path) -> str:
        parts = [f"{self._stamped} stamped"]
        if self._skipped:
            parts.append(f"{self._skipped} skipped, which were stamped before")
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        if self._incomplete:
            parts.append(f"{self._incomplete} without one of the layers")
        told = f"{'; '.join(parts)}."
        return f"{told} Outputs are in {out}." if self._stamped or self._skipped else told


def _new_table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cell(outcome: LayerOutcome | None, told: str) -> Text:
    if outcome is None:
        return Text("-", style="dim")
    if not outcome.present:
        return Text(printable(f"missing: {outcome.reason or 'no reason known'}"), style="yellow")
    return Text(printable(f"{told}; {outcome.reason}" if outcome.reason else told))


def _labels(receipt: Receipt) -> Text:
    laid = [label.label.removeprefix("label:") for label in receipt.labels if label.laid]
    return Text(printable(", ".join(laid)) if laid else "-")


def _credential(receipt: Receipt) -> str:
    return "signed" if receipt.sidecar is None else f"signed, in {Path(receipt.sidecar).name}"


def _watermark(outcome: LayerOutcome | None) -> str:
    tracks = () if outcome is None else outcome.tracks
    where = " and ".join(track.label for track in tracks)
    parts = [f"embedded in {where}" if where else "embedded"]
    if outcome is not None and outcome.p_value is not None:
        parts.append(format_p_value(outcome.p_value))
    if outcome is not None and outcome.psnr_db is not None:
        parts.append(f"PSNR {outcome.psnr_db:.1f} dB")
    if outcome is not None and outcome.snr_db is not None:
        parts.append(f"SNR {outcome.snr_db:.1f} dB")
    return ", ".join(parts)
