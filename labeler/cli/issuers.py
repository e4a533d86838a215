"""``labeler issuers``: the directory that says whom to ask about a handle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from labeler.cli import options
from labeler.cli.console import (
    EXIT_FAILED,
    EXIT_OK,
    complain,
    print_json,
    printable,
    reporting,
    say,
    show,
)
from labeler.cli.inputs import load_settings
from labeler.cli.outputs import check_output, write_text
from labeler.errors import SettingsError

if TYPE_CHECKING:
    from labeler.registry.issuer_entries import EntryCheck
    from labeler.registry.issuers import Issuer
    from labeler.settings import Settings

__all__ = ["app"]

EXIT_CODES: Final = "Exit codes: 0 done; 1 refused, nothing was changed; 2 usage."
EXIT_CODES_CHECK: Final = (
    "Exit codes: 0 every entry is in order; 1 one is not, or the directory cannot be read; 2 usage."
)
_UNSIGNED: Final = "The entry is not signed: it is as good as who keeps the directory."

Number = Annotated[
    str,
    typer.Argument(
        metavar="NUMBER", help="Issuer number: decimal, or hexadecimal as 0x0007.",
        show_default=False,
    ),
]  # fmt: skip
Directory = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The directory (default: the one in use, LABELER_ISSUER_DIRECTORY)."
    ),
]
Private = Annotated[
    bool,
    typer.Option(
        "--private",
        help="The directory is for one organisation alone: numbers for private use and http are "
        "allowed.",
    ),
]

app: Final = typer.Typer(
    help="See, check and join the directory that says whom to ask about a handle.",
    no_args_is_help=True,
)


@app.callback()
def issuers() -> None:
    """See, check and join the directory that says whom to ask about a handle."""


@app.command("list", epilog=EXIT_CODES)
def show_all(
    *, directory: Directory = None, home: options.Home = None, as_json: options.Json = False
) -> None:
    """List the issuers that are known here."""
    with reporting(as_json=as_json):
        settings = load_settings(home)
        checked = _checked(directory or settings.issuer_directory, settings, private=True)
        if as_json:
            for issuer, check in checked:
                print_json(_members(issuer, check))
            return
        _show(checked)


@app.command("show", epilog=EXIT_CODES)
def show_one(
    *,
    number: Number,
    directory: Directory = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Show one issuer: who it is, and where to ask."""
    with reporting(as_json=as_json):
        settings = load_settings(home)
        wanted = _parsed(number)
        file = directory or settings.issuer_directory
        found = [
            each for each in _checked(file, settings, private=True) if each[0].number == wanted
        ]
        if not found:
            raise SettingsError(
                f"the issuer directory does not know number {wanted}",
                file=file,
                hint="A newer directory may: docs/signposts.md says where they come from",
            )
        issuer, check = found[0]
        if as_json:
            print_json(_members(issuer, check))
            return
        for name, value in _members(issuer, check).items():
            if value not in (None, []):
                say(f"{name}: {value}")


@app.command(epilog=EXIT_CODES)
def request(
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Where the entry goes, a new file.", show_default=False),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Who the issuer is.", show_default=False)
    ],
    number: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="A number that is free (default: LABELER_ISSUER)."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The page where people ask.")
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The detector, page or interface (default: LABELER_DETECTOR_URL)."
        ),
    ] = None,
    resolver: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Base URL of the Soft Binding Resolution API (default: LABELER_RESOLVER_URL).",
        ),
    ] = None,
    contact: Annotated[str | None, typer.Option(metavar="TEXT", help="Whom to write to.")] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Do not sign the entry.")] = False,
    private: Private = False,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Make an entry for whoever keeps a directory, signed with your signing identity.

    It is a directory with one entry. Hand it over; nothing is sent anywhere.
    """
    with reporting(as_json=as_json):
        from labeler.registry.issuer_entries import directory_text  # noqa: PLC0415 - slow to import
        from labeler.registry.issuers import DIRECTORY_SCHEMA, Issuer  # noqa: PLC0415 - as above

        check_output(out, overwrite=False)
        settings, now = load_settings(home), datetime.now(UTC)
        issuer = Issuer(
            number=settings.issuer if number is None else _parsed(number),
            name=name,
            url=url,
            detector=detector or settings.detector_url,
            resolver=resolver or settings.resolver_url,
            contact=contact,
            since=now.date(),
        )
        entry = _entry(issuer, settings, now, sign=not unsigned)
        document = {"schema": DIRECTORY_SCHEMA, "issuers": [entry]}
        checked = _judged(document, out, settings, private=private)
        _refuse_problems(checked, out)
        write_text(out, directory_text(document), overwrite=False)
        issuer, check = checked[0]
        if as_json:
            print_json({"file": str(out), **_members(issuer, check)})
            return
        say(f"{out}: issuer {issuer.number}, {issuer.name} ({_standing(check)})")
        say("Hand it to whoever keeps the directory: labeler issuers add takes it in.")


@app.command(epilog=EXIT_CODES)
def add(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The entry, as `labeler issuers request` made it.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="DIRECTORY", help="The directory's file; a new one is begun.",
            show_default=False,
        ),
    ],
    private: Private = False,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Check an entry, and put it into a directory.

    Taken numbers, bad addresses and signatures that do not hold are refused. Whether the issuer may
    have the number is for you to know.
    """
    with reporting(as_json=as_json):
        from labeler.registry.issuer_entries import (  # noqa: PLC0415 - slow to import
            directory_text,
            merged,
        )
        from labeler.registry.issuers import DIRECTORY_SCHEMA, read_document  # noqa: PLC0415

        settings, entries = load_settings(home), read_document(file)
        checked = _judged(entries, file, settings, private=private)
        _refuse_problems(checked, file)
        empty: dict[str, object] = {"schema": DIRECTORY_SCHEMA, "issuers": []}
        directory = read_document(to) if to.exists() else empty
        document = merged(directory, entries, file=file)
        write_text(to, directory_text(document), overwrite=True)
        for issuer, check in checked:
            if as_json:
                print_json({"directory": str(to), **_members(issuer, check)})
                continue
            say(f"{to}: issuer {issuer.number}, {issuer.name} ({_standing(check)})")
            if issuer.signature is None:
                complain(_UNSIGNED)


@app.command(epilog=EXIT_CODES_CHECK)
def check(
    *,
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Its file.", show_default=False)
    ],
    private: Private = False,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Check every entry of a directory: addresses, numbers, and signatures."""
    with reporting(as_json=as_json):
        checked = _checked(directory, load_settings(home), private=private)
        if as_json:
            for issuer, each in checked:
                print_json(_members(issuer, each))
        else:
            _show(checked)
            for issuer, each in checked:
                for problem in each.problems:
                    say(f"issuer {issuer.number}: {problem}")
        raise typer.Exit(EXIT_FAILED if any(each.problems for _, each in checked) else EXIT_OK)


def _parsed(number: str) -> int:
    try:
        value = int(number, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 16:
        raise SettingsError(
            f"{number!r} is no issuer number", hint="Numbers are 0 to 65535, or 0x0000 to 0xffff"
        )
    return value


def _entry(issuer: Issuer, settings: Settings, now: datetime, *, sign: bool) -> dict[str, object]:
    from labeler.credentials import Identity  # noqa: PLC0415 - slow to import
    from labeler.registry.issuer_entries import sign_entry, write_entry  # noqa: PLC0415 - as above

    if not sign:
        return write_entry(issuer)
    identity = Identity.from_pem_files(
        settings.certificate_chain_file, settings.private_key_file, now=now
    )
    return sign_entry(issuer, identity, now=now)


def _checked(
    file: Path | None, settings: Settings, *, private: bool
) -> list[tuple[Issuer, EntryCheck]]:
    """The entries of a directory, each with what is to be said of it."""
    from labeler.registry.issuers import IssuerDirectory, read_document  # noqa: PLC0415 - slow

    if file is None:
        return _said(IssuerDirectory.load().issuers, settings, private=private)
    return _judged(read_document(file), file, settings, private=private)


def _judged(
    document: Mapping[str, Any], file: Path, settings: Settings, *, private: bool
) -> list[tuple[Issuer, EntryCheck]]:
    from labeler.registry.issuers import parse_entries  # noqa: PLC0415 - slow to import

    return _said(parse_entries(document, file), settings, private=private)


def _said(
    entries: tuple[Issuer, ...], settings: Settings, *, private: bool
) -> list[tuple[Issuer, EntryCheck]]:
    from detectors.verification import load_trust  # noqa: PLC0415 - slow to import
    from labeler.registry.issuer_entries import check_entry  # noqa: PLC0415 - as above

    trust, now = load_trust(settings), datetime.now(UTC)
    return [(each, check_entry(each, trust=trust, now=now, private=private)) for each in entries]


def _refuse_problems(checked: list[tuple[Issuer, EntryCheck]], file: Path) -> None:
    if not checked:
        raise SettingsError("there is no entry in it", file=file, hint="See docs/signposts.md")
    for issuer, each in checked:
        if each.problems:
            raise SettingsError(
                f"the entry of issuer {issuer.number} cannot be used: {'; '.join(each.problems)}",
                file=file,
                hint="Have it made anew (labeler issuers request); --private allows more",
            )


def _members(issuer: Issuer, check: EntryCheck) -> dict[str, object]:
    return {
        "number": issuer.number,
        "name": issuer.name,
        "url": issuer.url,
        "detector": issuer.detector,
        "resolver": issuer.resolver,
        "contact": issuer.contact,
        "since": None if issuer.since is None else issuer.since.isoformat(),
        "signer_key": issuer.signer_key,
        "signature": check.standing.value,
        "signer": check.signer,
        "reason": check.reason,
        "problems": list(check.problems),
    }


def _standing(check: EntryCheck) -> str:
    signer = "" if check.signer is None else f" by {check.signer}"
    return f"{check.standing.value}{signer}"


def _show(checked: list[tuple[Issuer, EntryCheck]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - only people need it

    table = Table(box=None, pad_edge=False)
    for heading in ("number", "issuer", "ask", "entry"):
        table.add_column(heading)
    for issuer, each in checked:
        ask = issuer.detector or issuer.url or issuer.resolver or "-"
        cells = (issuer.name, ask, _standing(each))
        table.add_row(str(issuer.number), *map(printable, cells))
    show(table)
