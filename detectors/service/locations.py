"""URLs of files that strangers give: what may be fetched for them.

People paste them from browsers, so fragments and letters beyond ASCII are taken, unlike in URLs of
interfaces (`detectors.web`); other ports than those of the web are not.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from detectors.service.problems import ProblemKind, RequestError
from detectors.urls import SCHEMES, Place

__all__ = ["PORTS", "Location", "parse_location"]

PORTS: Final = frozenset(SCHEMES.values())
"""Others belong to services that speak something else, and may be made to act by a request."""
_LONGEST: Final = 2048
"""Characters; the interface's description says so."""
_REFUSED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
"""Control characters and blanks, which some readers drop, and what some take for a slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Place):
    """Where a file lies."""

    @property
    def name(self) -> str:
        """What the file is called: the last part of the path; may be empty."""
        return unquote(self.target.partition("?")[0]).rpartition("/")[2]

    def follow(self, reference: str, ports: Collection[int]) -> Location:
        """Where a redirect leads.

        Raises:
            RequestError: To no place that is fetched from (`BAD_URL`); from https to http, too.
        """
        if _REFUSED.search(reference):
            raise RequestError(ProblemKind.BAD_URL)
        try:
            location = parse_location(self.resolve(reference), ports)
        except ValueError:
            raise RequestError(ProblemKind.BAD_URL) from None
        if self.scheme == "https" and location.scheme != "https":
            raise RequestError(ProblemKind.BAD_URL)
        return location


def parse_location(url: str, ports: Collection[int] = PORTS) -> Location:
    """The place that ``url`` names.

    Args:
        url: An absolute URL.
        ports: Those that may be fetched from.

    Raises:
        RequestError: It is no URL of http or https, or not as such are written; it names another
            port, or has a user's name in it (`BAD_URL`).
    """
    if len(url) > _LONGEST or _REFUSED.search(url):
        raise RequestError(ProblemKind.BAD_URL)
    try:
        location = Location.named(url)
    except ValueError:
        # Whatever the reason says may quote the URL.
        raise RequestError(ProblemKind.BAD_URL) from None
    if location.port not in ports:
        raise RequestError(ProblemKind.BAD_URL)
    return location
