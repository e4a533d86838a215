"""``labeler disclose``: only the label that people perceive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_USAGE, print_json, reporting, say
from labeler.cli.inputs import load_settings

if TYPE_CHECKING:
    from labeler.receipt import Receipt

__all__ = ["EXIT_CODES", "disclose"]

EXIT_CODES: Final = (
    "Exit codes: 0 the labelled file was written; 1 it could not be; 2 usage, nothing was done."
)

_Source = Annotated[str, typer.Argument(metavar="SRC", help="A picture, film, sound or text.")]
_Target = Annotated[Path, typer.Option("--out", metavar="FILE", help="The labelled file.")]
_Throughout = Annotated[
    bool, typer.Option("--throughout", help="Films: show the label all the time.")
]
_Corner = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="top-right, top-left, bottom-right or bottom-left."),
]


def disclose(
    source: _Source,
    *,
    out: _Target,
    source_type: options.SourceType = "trainedAlgorithmicMedia",
    label_language: options.LabelLanguage = None,
    corner: _Corner = None,
    throughout: _Throughout = False,
    overwrite: options.Overwrite = False,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Lay only the label that people see, hear or read.

    No watermark is made. One that the source carries stays, and a Content Credential becomes the
    parent of the new one.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        settings = load_settings(home, label_language=label_language, label_corner=corner)
    with reporting(as_json=as_json):
        from labeler.provenance import Provenance, SourceType  # noqa: PLC0415 - slow to import
        from labeler.stamping.disclosing import disclose as lay  # noqa: PLC0415 - as above

        receipt = lay(
            source,
            out,
            Provenance(source_type=SourceType(source_type)),
            settings=settings,
            throughout=throughout,
            overwrite=overwrite,
        )
        _tell(receipt, out, as_json=as_json)


def _tell(receipt: Receipt, out: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"receipt": json.loads(receipt.to_json())})
        return
    laid = ", ".join(each.label for each in receipt.labels)
    say(f"{out}: {laid}.")
