"""Checking the signatures that a signing callback returns.

Source: C2PA 2.4, 13.2.1; RFC 9053, 2 (the forms that COSE writes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from labeler.credentials._certificates import Chain
from labeler.credentials.algorithms import SigningAlgorithm
from labeler.errors import IdentityError

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_HASHES: Final[dict[SigningAlgorithm, hashes.HashAlgorithm]] = {
    SigningAlgorithm.ES256: hashes.SHA256(),
    SigningAlgorithm.ES384: hashes.SHA384(),
    SigningAlgorithm.ES512: hashes.SHA512(),
    SigningAlgorithm.PS256: hashes.SHA256(),
    SigningAlgorithm.PS384: hashes.SHA384(),
    SigningAlgorithm.PS512: hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Checks what a signing callback returns against the signer's certificate."""

    public_key: PublicKey
    algorithm: SigningAlgorithm

    @classmethod
    def of(cls, chain: Chain, algorithm: SigningAlgorithm) -> SignatureCheck:
        """The check for the first certificate of a chain that passed `check_profile`."""
        key = chain[0].public_key()
        if not isinstance(key, PublicKey):
            raise IdentityError("C2PA does not know this type of key")
        return cls(key, algorithm)

    def normalise(self, data: bytes, signature: bytes) -> bytes | None:
        """``signature`` in the form that COSE writes, or None where it does not fit ``data``.

        ECDSA signatures may come in as DER or as r and s side by side.
        """
        match self.public_key:
            case ec.EllipticCurvePublicKey():
                return self._normalise_ecdsa(self.public_key, data, signature)
            case rsa.RSAPublicKey():
                digest = _HASHES[self.algorithm]
                scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
                key = self.public_key
                return signature if _holds(key.verify, signature, data, scheme, digest) else None
            case _:
                return signature if _holds(self.public_key.verify, signature, data) else None

    def _normalise_ecdsa(
        self, key: ec.EllipticCurvePublicKey, data: bytes, signature: bytes
    ) -> bytes | None:
        scheme = ec.ECDSA(_HASHES[self.algorithm])
        size = (key.curve.key_size + 7) // 8
        if len(signature) == 2 * size:
            r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
            if _holds(key.verify, encode_dss_signature(r, s), data, scheme):
                return signature
        # The toolkit itself turns DER into the form that COSE writes.
        return signature if _holds(key.verify, signature, data, scheme) else None


def _holds(verify: Callable[..., None], *arguments: object) -> bool:
    try:
        verify(*arguments)
    except InvalidSignature:
        return False
    return True
