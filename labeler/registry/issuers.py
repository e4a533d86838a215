"""The issuer directory: whom to ask about a handle.

Every payload carries an issuer number. The directory, a JSON file that ships with Labeler and can
be replaced through `Settings.issuer_directory`, says who that is::

    {"schema": 1, "issuers": [{"number": 7, "name": "Example AG", "url": "https://…"}]}

Number 0 is "local": the registry of the machine that stamped. Its handles mean nothing elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from labeler.errors import SettingsError

__all__ = ["LOCAL_ISSUER", "Issuer", "IssuerDirectory"]

LOCAL_ISSUER: Final = 0
DIRECTORY_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One entry of the directory."""

    number: int
    """The number that payloads carry, 0 to 65535."""
    name: str
    """Who that is."""
    url: str | None = None
    """Where to ask about one of its handles; None: nowhere but at the issuer's own machine."""


@dataclass(frozen=True, slots=True)
class IssuerDirectory:
    """Issuers by number."""

    issuers: tuple[Issuer, ...]

    def find(self, number: int) -> Issuer | None:
        """The issuer with ``number``; None where the directory does not know it."""
        return next((issuer for issuer in self.issuers if issuer.number == number), None)

    @classmethod
    def load(cls, file: Path | None = None) -> IssuerDirectory:
        """The directory in ``file``; None: the one that ships with Labeler.

        Raises:
            SettingsError: ``file`` cannot be read, or is not an issuer directory.
        """
        if file is None:
            return _parse(resources.files(__package__).joinpath("issuers.json").read_text("utf-8"))
        try:
            return _parse(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"the issuer directory cannot be read: {error}",
                file=file,
                hint='It looks like {"schema": 1, "issuers": [{"number": 7, "name": "…"}]}',
            ) from error


def _parse(text: str) -> IssuerDirectory:
    try:
        members = json.loads(text)
        if members["schema"] != DIRECTORY_SCHEMA:
            raise ValueError(f"schema {members['schema']!r} is unknown")
        issuers = tuple(_read_issuer(each) for each in members["issuers"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"a member is missing or malformed: {error!r}") from error
    if len({issuer.number for issuer in issuers}) < len(issuers):
        raise ValueError("two issuers have the same number")
    return IssuerDirectory(issuers)


def _read_issuer(members: Mapping[str, Any]) -> Issuer:
    number, name, url = members["number"], members["name"], members.get("url")
    if not isinstance(number, int) or not 0 <= number < 1 << 16:
        raise ValueError(f"issuer number {number!r} is not in 0 to 65535")
    if not isinstance(name, str) or not isinstance(url, str | None):
        raise ValueError(  # noqa: TRY004  bad data, not a bad call
            f"issuer {number} has a name or URL that is no text"
        )
    return Issuer(number=number, name=name, url=url)
