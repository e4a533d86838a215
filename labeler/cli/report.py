"""``labeler report``: the gap report, as a page or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_USAGE, print_json, printable, reporting, say
from labeler.cli.outputs import check_output, write_text
from labeler.errors import OutputError

if TYPE_CHECKING:
    from labeler.gaps import GapDocument

__all__ = ["EXIT_CODES", "report"]

EXIT_CODES: Final = (
    "Exit codes: 0 written; 1 it could not be written; 2 usage, or facts that cannot be used."
)

_SUFFIXES: Final = (".html", ".htm", ".json")

_Facts = Annotated[
    Path | None,
    typer.Option("--facts", metavar="FILE", help="Facts, JSON or TOML; else nothing is judged."),
]
_Section = Annotated[
    int | None,
    typer.Option(min=1, max=2, help="Section of the Code: 1 providers, 2 deployers; else both."),
]
_Organisation = Annotated[
    str | None, typer.Option(metavar="NAME", help="Whose report it is, for its title.")
]
_Out = Annotated[
    Path,
    typer.Option(metavar="FILE", help="The report: .html or .json.", show_default=False),
]


def report(
    *,
    out: _Out,
    facts: _Facts = None,
    section: _Section = None,
    organisation: _Organisation = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Write a gap report: each measure of the Code, what Labeler does for it, what is left to you.

    It is no claim of conformity and no legal advice.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        if out.suffix.lower() not in _SUFFIXES:
            raise OutputError(
                "the report's name says neither HTML nor JSON",
                file=out,
                hint="End it in .html or .json",
            )
        check_output(out, overwrite=overwrite)
        document = _make(facts, section, organisation)
    with reporting(as_json=as_json):
        is_json = out.suffix.lower() == ".json"
        text = document.to_json() if is_json else document.to_html()
        write_text(out, text, overwrite=overwrite)
        _print_written(out, document, as_json=as_json)


def _make(facts: Path | None, section: int | None, organisation: str | None) -> GapDocument:
    from labeler.gaps import make_document  # noqa: PLC0415 - not needed for --help
    from labeler.policy import read_facts  # noqa: PLC0415 - not needed for --help
    from labeler.policy.facts import CodeSection  # noqa: PLC0415 - not needed for --help

    return make_document(
        None if facts is None else read_facts(facts),
        sections=tuple(CodeSection) if section is None else (CodeSection(section),),
        organisation=organisation,
    )


def _print_written(out: Path, document: GapDocument, *, as_json: bool) -> None:
    from labeler.gaps import Standing  # noqa: PLC0415 - not needed for --help

    counts = {standing.value: document.count(standing) for standing in Standing}
    if as_json:
        print_json({"target": str(out.absolute()), "counts": counts})
        return
    say(f"{printable(str(out))}: {len(document.items)} measures.")
    told = [f"{count} {name}" for name, count in counts.items() if count]
    say(", ".join(told) + ".")
    say("This is no claim of conformity and no legal advice.")
