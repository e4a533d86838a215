"""Which addresses belong to the public Internet, and to nobody's inner network.

What `ipaddress` calls global is more than that: it knows nothing of IPv4 addresses that are written
inside IPv6 ones, of multicast, or of what clouds keep for themselves. Sources: the special-purpose
address registries of IANA (RFC 6890) and the documents named below.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

__all__ = ["Address", "is_public"]

Address: TypeAlias = IPv4Address | IPv6Address

_UNICAST: Final = IPv6Network("2000::/3")
"""All of IPv6 that was ever given to networks (RFC 4291, 2.4)."""
_REFUSED: Final = tuple(
    map(
        IPv4Network,
        (
            "192.0.0.0/24",  # protocol assignments (RFC 6890); a cloud's metadata is here, too
            "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
            "224.0.0.0/4",  # multicast (RFC 5771)
            "168.63.129.16/32",  # Azure's inner services, under a public address
        ),
    )
)
_REFUSED_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, with Teredo's IPv4 inside (RFC 4380)
            "2001:db8::/32",  # documentation (RFC 3849)
            "2002::/16",  # 6to4, with IPv4 inside (RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The upper half of an interface's name that ends with an IPv4 address (RFC 5214, 6.1)."""


def is_public(address: Address) -> bool:
    """Whether ``address`` is one machine of the public Internet."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in each for each in _REFUSED)
    # Outside of it: loopback, mapped and compatible IPv4, NAT64, local, multicast and unused ones.
    if address not in _UNICAST or not address.is_global or address.scope_id is not None:
        return False
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return not any(address in each for each in _REFUSED_6)
