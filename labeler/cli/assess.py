"""``labeler assess``: from facts to what the law asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import (
    EXIT_OK,
    EXIT_USAGE,
    print_json,
    printable,
    reporting,
    say,
    show,
    stdout,
)
from labeler.errors import PolicyError

if TYPE_CHECKING:
    from rich.table import Table

    from labeler.policy import Assessment, Facts

__all__ = ["EXIT_CODES", "assess"]

EXIT_UNDECIDED: Final = 3
EXIT_PROHIBITED: Final = 4

EXIT_CODES: Final = (
    "Exit codes: 0 assessed; 3 at least one obligation is undecided, because facts are missing; "
    "4 something is prohibited. 1 the facts could not be saved; 2 usage, or facts that cannot be "
    "used."
)

_STYLES: Final = {
    "PROHIBITED": "bold red",
    "REQUIRED": "bold",
    "LIMITED_FORM": "bold",
    "NEEDS_JUDGEMENT": "yellow",
    "DEFERRED": "yellow",
    "EXEMPT": "green",
}
"""Statuses that the table shows; the text below it explains all of them."""

_Facts = Annotated[
    Path | None, typer.Argument(metavar="[FACTS]", help="Facts, JSON or TOML.", show_default=False)
]
_Interactive = Annotated[
    bool, typer.Option("--interactive", "-i", help="Ask for the facts, in plain words.")
]
_Save = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --interactive: keep the facts, .toml or .json."),
]


def assess(
    *,
    facts: _Facts = None,
    interactive: _Interactive = False,
    save: _Save = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Say what the law asks of an output, given the facts about it: who has to mark and label what.

    Facts come from a file or from questions. This is no legal advice.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        if interactive == (facts is not None):
            raise PolicyError(
                "either facts or --interactive has to be given, not both",
                hint="Give a JSON or TOML file, or let yourself be asked",
            )
        if save is not None and not interactive:
            raise PolicyError("--save keeps answers", hint="Give it together with --interactive")
        known = _read(facts) if facts is not None else _ask(save, overwrite=overwrite)
    with reporting(as_json=as_json):
        raise typer.Exit(_answer(known, as_json=as_json))


def _read(path: Path) -> Facts:
    from labeler.policy import read_facts  # noqa: PLC0415 - not needed for --help

    return read_facts(path)


def _ask(save: Path | None, *, overwrite: bool) -> Facts:
    from labeler.cli.questionnaire import ask_all  # noqa: PLC0415 - only people need it

    return ask_all(save, overwrite=overwrite)


def _answer(facts: Facts, *, as_json: bool) -> int:
    """Print the assessment, and give the exit code."""
    from labeler.policy import assess as assess_facts  # noqa: PLC0415 - not needed for --help
    from labeler.policy import explain  # noqa: PLC0415 - not needed for --help

    assessment = assess_facts(facts)
    if as_json:
        print_json({"decision_id": assessment.decision_id, **json.loads(assessment.to_json())})
    else:
        show(_table(assessment))
        say("")
        for line in explain(assessment).splitlines():
            # As written: the lines are indented, and hold what the facts said.
            stdout().print(printable(line), soft_wrap=not stdout().is_terminal)
    statuses = {each.status.value for each in assessment.obligations}
    if "PROHIBITED" in statuses:
        return EXIT_PROHIBITED
    return EXIT_UNDECIDED if "NEEDS_JUDGEMENT" in statuses else EXIT_OK


def _table(assessment: Assessment) -> Table:
    from rich.table import Table  # noqa: PLC0415 - only people need it
    from rich.text import Text  # noqa: PLC0415 - only people need it

    gaps = {gap.id: gap.status.value for gap in assessment.gaps}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("status", "obligation", "whose", "from", "done by", "there"):
        table.add_column(name, overflow="fold")
    for each in assessment.obligations:
        style = _STYLES.get(each.status.value)
        if style is None:
            continue
        since = each.deferred_until or each.applies_from
        table.add_row(
            Text(each.status.value, style=style),
            each.id,
            each.addressee,
            since.isoformat(),
            ", ".join((*each.marks, *each.labels)),
            gaps.get(each.id, ""),
        )
    if not table.row_count:
        table.add_row("", "no obligation that Labeler knows applies")
    return table
