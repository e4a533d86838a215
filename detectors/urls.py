"""URLs of the web, taken apart once and strictly, so that nobody reads them another way.

    Place.named("https://example.com/a.png?x=1").authority

Here is what holds for every URL that is asked. What else is refused depends on what it is for, and
is said there: `detectors.web` for interfaces, `detectors.service.locations` for strangers' files.

Source: RFC 3986. Browsers are more lenient (WHATWG URL); what they repair is refused here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final, Self
from urllib.parse import quote, urljoin, urlsplit

__all__ = ["SCHEMES", "Place"]

SCHEMES: Final = {"http": 80, "https": 443}
"""The schemes, and the port that each has by itself."""
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last label of what some readers take for an IPv4 address (WHATWG URL, 3.5)."""
_KEPT: Final = "/:?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place on the web."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """A name in lower case, or an address without brackets; ASCII."""
    port: int
    target: str
    """Path and query, ASCII, from its slash on."""

    @classmethod
    def named(cls, url: str) -> Self:
        """The place that an absolute URL names; a fragment is left out.

        Raises:
            ValueError: It is no URL of http or https, has a user's name in it, or its host is
                neither a name nor an address in its usual notation. What the error says may quote
                the URL, and a password in it.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or "@" in parts.netloc:
            raise ValueError
        target = quote(parts.path or "/", safe=_KEPT)
        query = quote(parts.query, safe=_KEPT)
        return cls(
            scheme=parts.scheme,
            host=_host(parts.hostname or "", is_bracketed="[" in parts.netloc),
            port=SCHEMES[parts.scheme] if parts.port is None else parts.port,
            target=f"{target}?{query}" if query else target,
        )

    @property
    def authority(self) -> str:
        """Host and port, as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"

    def resolve(self, reference: str) -> str:
        """The URL that ``reference`` means, which may be relative to this place.

        Raises:
            ValueError: It means none.
        """
        return urljoin(f"{self.scheme}://{self.authority}{self.target}", reference)


def _host(given: str, *, is_bracketed: bool) -> str:
    """The host in the one way to write it.

    Raises:
        ValueError: It is neither a name nor an address, or an address in another notation.
    """
    if is_bracketed:
        return str(IPv6Address(given))
    # What a name is in the system of names: IDNA.
    host = given.encode("idna").decode("ascii").lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return str(ip_address(host))  # neither 0177.1 nor 2130706433
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError
    return host
