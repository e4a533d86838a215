"""``labeler doctor``: is everything there that marking and verifying need?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_FAILED, EXIT_OK, EXIT_USAGE, print_json, reporting, show
from labeler.cli.inputs import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from labeler.cli.checks import Check

__all__ = ["EXIT_CODES", "doctor"]

EXIT_CODES: Final = "Exit codes: 0 everything that is needed works; 1 something is broken; 2 usage."

_STYLES: Final = {"ok": "green", "note": "dim", "warning": "yellow", "broken": "bold red"}


def doctor(*, home: options.Home = None, as_json: options.Json = False) -> None:
    """Check the installation, from packages to stamped files.

    Nothing is kept: what is stamped on trial lies in a temporary folder, with a registry of its
    own.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        settings = load_settings(home)
    with reporting(as_json=as_json):
        from labeler.cli.checks import examine  # noqa: PLC0415 - slow to import

        checks = tuple(examine(settings))
        healthy = not any(check.status == "broken" for check in checks)
        if as_json:
            print_json({"healthy": healthy, "checks": [check.members() for check in checks]})
        else:
            show(_table(checks))
        raise typer.Exit(EXIT_OK if healthy else EXIT_FAILED)


def _table(checks: tuple[Check, ...]) -> Table:
    from rich.table import Table  # noqa: PLC0415 - only people need it
    from rich.text import Text  # noqa: PLC0415 - only people need it

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row(check.name, Text(check.status, style=_STYLES[check.status]), check.told)
    return table
