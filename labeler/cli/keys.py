"""``labeler keys``: making the identity and the keys of this user."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from labeler.cli import options
from labeler.cli.console import print_json, printable, reporting, say, show
from labeler.cli.inputs import load_settings

if TYPE_CHECKING:
    from labeler.settings import Settings

EXIT_CODES: Final = "Exit codes: 0 made; 1 refused, nothing was changed; 2 usage."

NOT_FOR_PRODUCTION: Final = (
    "This identity is for development, not for production: nobody but you trusts its signatures, "
    "and anyone can make one like it."
)

app: Final = typer.Typer(help="Make signing identities and watermark keys.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Make signing identities and watermark keys."""


@app.command(epilog=EXIT_CODES)
def init(
    *,
    name: options.SignerName = "Labeler development signer",
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Make a development identity and a secret watermark key.

    The identity (a certificate authority, a certificate and its private key) signs manifests. It is
    NOT for production: nobody else trusts it. Nothing that exists is overwritten.
    """
    with reporting(as_json=as_json):
        _init(load_settings(home), name, as_json=as_json)


def _init(settings: Settings, name: str, *, as_json: bool) -> None:
    from labeler.codec.keys import Key, save_key  # noqa: PLC0415 - slow to import
    from labeler.credentials import (  # noqa: PLC0415 - slow to import
        ROOT_FILE,
        create_development_identity,
    )

    # First what can be refused, so that a refusal leaves everything as it was.
    identity = create_development_identity(
        settings.identity, now=datetime.now(UTC), common_name=name
    )
    key_file = save_key(Key.generate(), settings.watermark_keys)
    if as_json:
        print_json(
            {
                "home": str(settings.home),
                "identity": str(settings.identity),
                "signer": identity.common_name,
                "expires_at": identity.expires_at.isoformat(),
                "root": str(settings.identity / ROOT_FILE),
                "watermark_key_id": key_file.stem,
                "watermark_key": str(key_file),
                "warnings": [NOT_FOR_PRODUCTION],
            }
        )
        return
    _print_made(settings.identity, identity.common_name, identity.expires_at, key_file)


def _print_made(directory: Path, signer: str, expires_at: datetime, key_file: Path) -> None:
    from rich.table import Table  # noqa: PLC0415 - only people need it

    table = Table.grid(padding=(0, 2))
    table.add_row("identity", printable(str(directory)))
    table.add_row("signer", f"{printable(signer)}, until {expires_at:%Y-%m-%d}")
    table.add_row("watermark key", printable(str(key_file)))
    show(table)
    say("")
    say(NOT_FOR_PRODUCTION)
    say("")
    say(
        "Watermarks are made with the public key, which everyone can detect. To use your secret "
        "key instead:"
    )
    say(f"  export LABELER_WATERMARK_KEY_ID={key_file.stem}")
