"""The application: its commands, and what is true for all of them."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

import typer

from labeler.cli import (
    api_keys,
    assess,
    checkpoints,
    disclose,
    doctor,
    inventory,
    issuers,
    keys,
    registry,
    report,
    serve,
    stamp,
    text,
    verify,
    verify_result,
)
from labeler.cli.console import stdout

__all__ = ["app", "main"]

DISTRIBUTION: Final = "ai-labeler"

app: Final = typer.Typer(
    name="labeler",
    help="Mark AI output and verify it: signed manifests, robust watermarks, standard metadata.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help is denser, and can be quoted
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            number = version(DISTRIBUTION)
        except PackageNotFoundError:
            number = "(not installed)"
        stdout().print(f"labeler {number}")
        raise typer.Exit


@app.callback()
def labeler(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Mark AI output and verify it: signed manifests, robust watermarks, standard metadata."""


app.command(epilog=stamp.EXIT_CODES)(stamp.stamp)
app.command(epilog=verify.EXIT_CODES)(verify.verify)
app.command(epilog=verify_result.EXIT_CODES)(verify_result.verify_result)
app.command(epilog=disclose.EXIT_CODES)(disclose.disclose)
app.command(epilog=assess.EXIT_CODES)(assess.assess)
app.command(epilog=report.EXIT_CODES)(report.report)
app.command(epilog=doctor.EXIT_CODES)(doctor.doctor)
app.command(epilog=serve.EXIT_CODES)(serve.serve)
app.add_typer(keys.app, name="keys")
registry.app.command(epilog=inventory.EXIT_CODES)(inventory.show)
registry.audit.command(epilog=checkpoints.EXIT_CODES)(checkpoints.checkpoint)
registry.audit.command(epilog=checkpoints.EXIT_CODES_CHECK)(checkpoints.checkpoints)
app.add_typer(registry.app, name="registry")
app.add_typer(issuers.app, name="issuers")
app.add_typer(api_keys.app, name="api-keys")
app.add_typer(text.app, name="text")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end a command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # TextIOWrapper
    app()
