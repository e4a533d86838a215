"""Where to ask about an output: what a manifest says of the issuer's detector.

C2PA 2.4 has no field for it. A soft binding names an algorithm and a value (18.10), its ``url`` is
deprecated, and the resolver of an algorithm stands in C2PA's list of algorithms, where all users of
an algorithm would have to share one. So it is an assertion of Labeler's own (6.2: entity-specific
labels are reverse domain names), which any reader shows as it is::

    "ai.labeler.signpost": {"issuer": 7, "detector": "https://…", "resolver": "https://…"}

What is not known is left out. It is signed with the rest of the manifest: whoever trusts the signer
may trust the addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["SIGNPOST_LABEL", "Directions", "read_directions", "web_address"]

SIGNPOST_LABEL: Final = "ai.labeler.signpost"
"""Label of the assertion."""
_ISSUERS: Final = 1 << 16
_LONGEST_URL: Final = 2048
_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """Whom to ask about an output."""

    issuer: int | None = None
    """The issuer's number in the directory, 1 to 65535; None: it has none."""
    detector_url: str | None = None
    """Where people and programs find its detector."""
    resolver_url: str | None = None
    """Base URL of the C2PA Soft Binding Resolution API that knows its outputs."""

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return any(each is not None for each in (self.issuer, self.detector_url, self.resolver_url))

    def to_data(self) -> dict[str, object]:
        """The data of the assertion."""
        members = {
            "issuer": self.issuer,
            "detector": self.detector_url,
            "resolver": self.resolver_url,
        }
        return {name: value for name, value in members.items() if value is not None}


def read_directions(data: Mapping[str, object]) -> Directions | None:
    """What an assertion says, which may be any stranger's; None where nothing of it can be used.

    Args:
        data: Its data.
    """
    number = data.get("issuer")
    is_issuer = isinstance(number, int) and not isinstance(number, bool) and 0 < number < _ISSUERS
    directions = Directions(
        issuer=number if isinstance(number, int) and is_issuer else None,
        detector_url=web_address(data.get("detector")),
        resolver_url=web_address(data.get("resolver")),
    )
    return directions or None


def web_address(value: object) -> str | None:
    """``value``, if it is an http or https URL that can be shown and followed; else None.

    Nothing that could be taken for another address: no name or password, no blanks, no characters
    that are not printed.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_URL:
        return None
    if not value.isascii() or not value.isprintable() or any(each in value for each in ' "<>\\'):
        return None
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    is_plain = parts.username is None and parts.password is None and port != 0
    return value if parts.scheme in _SCHEMES and parts.hostname and is_plain else None
