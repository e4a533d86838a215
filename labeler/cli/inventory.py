"""``labeler registry show``: how much the registry holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from labeler.cli import options
from labeler.cli.console import print_json, reporting, say
from labeler.cli.inputs import load_settings
from labeler.cli.registries import open_reader

if TYPE_CHECKING:
    from labeler.registry import IssuerDirectory
    from labeler.registry.inventory import Inventory

__all__ = ["EXIT_CODES", "show"]

EXIT_CODES: Final = "Exit codes: 0 done; 1 it cannot be read; 2 usage."


def show(*, home: options.Home = None, as_json: options.Json = False) -> None:
    """Show how much the registry holds, and for which issuers it has given out marks."""
    with reporting(as_json=as_json):
        from labeler.registry import IssuerDirectory  # noqa: PLC0415 - slow to import
        from labeler.registry.schema import REVISION  # noqa: PLC0415 - as above

        settings = load_settings(home)
        directory = IssuerDirectory.load(settings.issuer_directory)
        with open_reader(settings) as reader:
            found, name = reader.inventory(), reader.name
        if as_json:
            print_json({"registry": name, "revision": REVISION, **_members(found, directory)})
            return
        say(f"{name}, revision {REVISION}")
        for line in _lines(found, directory):
            say(f"  {line}")


def _members(found: Inventory, directory: IssuerDirectory) -> dict[str, object]:
    issuers = [
        {
            "issuer": each.issuer,
            "name": _name(each.issuer, directory),
            "handles": each.handles,
            "first_at": each.first_at.isoformat(),
            "last_at": each.last_at.isoformat(),
        }
        for each in found.issuers
    ]
    return {**asdict(found), "issuers": issuers}


def _lines(found: Inventory, directory: IssuerDirectory) -> Iterator[str]:
    for each in found.issuers:
        name = _name(each.issuer, directory) or "not in the directory"
        handles = "1 handle" if each.handles == 1 else f"{each.handles} handles"
        day = each.last_at.date().isoformat()
        yield f"issuer {each.issuer} ({name}): {handles}, the latest on {day}"
    yield f"{found.receipts} receipts, {found.manifests} manifests"
    yield f"{found.soft_bindings} soft bindings"
    kinds = ", ".join(f"{count} {name}" for name, count in found.fingerprints.items())
    yield f"fingerprints: {kinds or 'none'}"
    yield f"{found.texts} texts"
    yield f"{found.audit_entries} audit entries, {found.checkpoints} checkpoints"
    yield f"{found.api_keys} API keys"


def _name(number: int, directory: IssuerDirectory) -> str | None:
    issuer = directory.find(number)
    return None if issuer is None else issuer.name
