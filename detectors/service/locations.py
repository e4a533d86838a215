"""URLs that strangers give: taken apart once, strictly, so that nobody reads them another way.

Source: RFC 3986. Browsers are more lenient (WHATWG URL); what they repair is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from detectors.service.problems import ProblemKind, RequestError

__all__ = ["PORTS", "Location", "parse_location"]

PORTS: Final = frozenset({80, 443})
_SCHEMES: Final = {"http": 80, "https": 443}
_LONGEST: Final = 2048
_REFUSED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
"""Control characters and blanks, which some readers drop, and what some take for a slash."""
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last label of what some readers take for an IPv4 address (WHATWG URL, 3.5)."""
_KEPT: Final = "/:?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a file lies."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """A name in lower case, or an address without brackets; ASCII."""
    port: int
    target: str
    """Path and query, ASCII, from its slash on."""

    @property
    def authority(self) -> str:
        """Host and port as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _SCHEMES[self.scheme] else f"{host}:{self.port}"

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
        base = f"{self.scheme}://{self.authority}{self.target}"
        try:
            location = parse_location(urljoin(base, reference), ports)
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
    try:
        parts = urlsplit(url)
        host = _host(parts.hostname or "", is_bracketed="[" in parts.netloc)
        port = parts.port
    except ValueError:
        # Whatever the reason says may quote the URL.
        raise RequestError(ProblemKind.BAD_URL) from None
    port = _SCHEMES.get(parts.scheme) if port is None else port
    is_strange = len(url) > _LONGEST or _REFUSED.search(url) or "@" in parts.netloc
    if is_strange or parts.scheme not in _SCHEMES or port is None or port not in ports:
        raise RequestError(ProblemKind.BAD_URL)
    target = quote(parts.path or "/", safe=_KEPT)
    query = quote(parts.query, safe=_KEPT)
    return Location(
        scheme=parts.scheme, host=host, port=port, target=f"{target}?{query}" if query else target
    )


def _host(given: str, *, is_bracketed: bool) -> str:
    """The host in the one way to write it.

    Raises:
        ValueError: It is neither a name nor an address, or an address in another notation.
    """
    if is_bracketed:
        return str(ip_address(given))
    host = given.encode("idna").decode("ascii").lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return str(ip_address(host))  # neither 0177.1 nor 2130706433
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError
    return host
