"""``labeler api-keys``: who may have the service do things."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, get_args

import typer

from labeler.cli import options
from labeler.cli.console import complain, print_json, printable, reporting, say, show
from labeler.cli.inputs import load_settings, system_user
from labeler.cli.registries import writing
from labeler.errors import OutputError

if TYPE_CHECKING:
    from labeler.registry import ApiKey

__all__ = ["EXIT_CODES", "ScopeName", "app"]

EXIT_CODES: Final = "Exit codes: 0 done; 1 it cannot be done; 2 usage."
ONCE: Final = "This is the only time that the key is shown: the registry keeps a digest of it."

ScopeName: TypeAlias = Literal[
    "stamp",
    "receipts",
    "metrics",
    "store:manifests",
    "store:bindings",
    "fetch:manifests",
    "jobs",
]
"""Those of `labeler.registry.Scope`, which is slow to import."""

Name = Annotated[
    str,
    typer.Option(metavar="NAME", help="What its owner, or its use, is called.", show_default=False),
]
Scopes = Annotated[
    list[str],
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help=f"What it is good for, of {', '.join(get_args(ScopeName))}; may be given several "
        "times.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write the key to this new file (mode 0600), and do not show it."
    ),
]
KeyId = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why.")]

app: Final = typer.Typer(
    help="Make and revoke the keys that callers of the service show.", no_args_is_help=True
)


@app.callback()
def api_keys() -> None:
    """Make and revoke the keys that callers of the service show."""


@app.command(epilog=EXIT_CODES)
def create(
    *,
    name: Name,
    scope: Scopes,
    out: Out = None,
    reason: Reason = "asked for on the command line",
    actor: options.Actor = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Make a key, and show it once.

    The registry keeps a digest of it, and the audit log who made it. Callers send it as
    "Authorization: Bearer KEY".
    """
    for each in scope:
        if each not in get_args(ScopeName):
            raise typer.BadParameter(
                f"{each!r} is none of {', '.join(get_args(ScopeName))}", param_hint="--scope"
            )
    with reporting(as_json=as_json):
        from labeler.registry import Registry, Scope  # noqa: PLC0415 - slow to import

        settings, who = load_settings(home), actor or system_user()
        with Registry.of(settings) as registry, _new_file(out) as descriptor:
            key, secret = registry.create_api_key(name, map(Scope, scope), actor=who, reason=reason)
            if descriptor is not None:
                os.write(descriptor, f"{secret}\n".encode())
                os.fsync(descriptor)
        shown = secret if out is None else None
        if as_json:
            file = None if out is None else str(out.absolute())
            print_json({**_members(key), "key": shown, "key_file": file})
            return
        if shown is not None:
            say(shown)
            complain(ONCE)
        complain(f"API key {key.key_id}, good for {', '.join(sorted(key.scopes))}")


@app.command("list", epilog=EXIT_CODES)
def list_(*, home: options.Home = None, as_json: options.Json = False) -> None:
    """List the keys, the oldest first, revoked ones too."""
    with reporting(as_json=as_json):
        from labeler.registry import RegistryReader  # noqa: PLC0415 - slow to import

        reader = RegistryReader.of(load_settings(home))
        keys: tuple[ApiKey, ...] = ()
        if reader is not None:
            with reader:
                keys = reader.api_keys()
        if as_json:
            for key in keys:
                print_json(_members(key))
        else:
            _show(keys)


@app.command(epilog=EXIT_CODES)
def revoke(
    *,
    key_id: KeyId,
    reason: Reason = "asked for on the command line",
    actor: options.Actor = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Revoke the key ID, for good. Services notice within five seconds."""
    with writing(home, as_json=as_json) as registry:
        registry.revoke_api_key(key_id, actor=actor or system_user(), reason=reason)
        key = registry.api_key(key_id)
        if as_json:
            print_json({} if key is None else _members(key))
        else:
            say(f"revoked: API key {key_id}")


@contextmanager
def _new_file(path: Path | None) -> Iterator[int | None]:
    """A descriptor of a new file for a secret; the file is gone where the block fails."""
    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OutputError(
            f"the file for the key cannot be made ({error.strerror})",
            file=path,
            hint="Name a new file in a folder that can be written",
        ) from error
    try:
        yield descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _members(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(),
        "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
    }


def _show(keys: tuple[ApiKey, ...]) -> None:
    from rich.table import Table  # noqa: PLC0415 - only people need it

    if not keys:
        complain("there are no API keys")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "scopes", "made", "state"):
        table.add_column(column, overflow="fold")
    for key in keys:
        state = "holds" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}"
        table.add_row(
            key.key_id,
            printable(key.name),
            " ".join(sorted(key.scopes)),
            f"{key.created_at:%Y-%m-%d}",
            state,
        )
    show(table)
