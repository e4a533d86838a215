"""The signature algorithms and certificate purposes that C2PA knows.

Source: C2PA 2.4, 13.2.1 (algorithms) and 14.5.1.1 (extended key usages).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["EXTENDED_KEY_USAGES", "SigningAlgorithm"]


class SigningAlgorithm(StrEnum):
    """A signature algorithm under its C2PA name."""

    ES256 = "es256"
    """ECDSA with SHA-256, on P-256."""
    ES384 = "es384"
    """ECDSA with SHA-384, on P-384."""
    ES512 = "es512"
    """ECDSA with SHA-512, on P-521."""
    PS256 = "ps256"
    """RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes."""
    PS384 = "ps384"
    """RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes."""
    PS512 = "ps512"
    """RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes."""
    ED25519 = "ed25519"
    """EdDSA on Curve25519."""


EXTENDED_KEY_USAGES: Final = {
    "1.3.6.1.5.5.7.3.4": "emailProtection (S/MIME)",
    "1.3.6.1.5.5.7.3.36": "documentSigning",
    "1.3.6.1.4.1.62558.2.1": "c2pa-kp-claimSigning",
    "1.3.6.1.4.1.311.76.59.1.9": "Microsoft C2PA signing",
}
"""Certificate purposes accepted in signers, by their object identifier."""
