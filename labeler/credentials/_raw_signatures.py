"""Making and checking signatures over bytes, without the C2PA toolkit."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from labeler.credentials import _certificates
from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.identity import Identity
from labeler.errors import IdentityError

_CURVES: Final[dict[SigningAlgorithm, tuple[str, hashes.HashAlgorithm]]] = {
    SigningAlgorithm.ES256: ("secp256r1", hashes.SHA256()),
    SigningAlgorithm.ES384: ("secp384r1", hashes.SHA384()),
    SigningAlgorithm.ES512: ("secp521r1", hashes.SHA512()),
}
_RSA: Final[dict[SigningAlgorithm, hashes.HashAlgorithm]] = {
    SigningAlgorithm.PS256: hashes.SHA256(),
    SigningAlgorithm.PS384: hashes.SHA384(),
    SigningAlgorithm.PS512: hashes.SHA512(),
}


def sign_with_key(identity: Identity, data: bytes) -> bytes:
    """The signature of an identity that has its key at hand."""
    if identity.private_key is None:
        raise IdentityError("an identity needs either a private key or a signing callback")
    key = _certificates.parse_private_key(identity.private_key, None)
    match key:
        case ec.EllipticCurvePrivateKey():
            _, digest = _CURVES[identity.algorithm]
            return _side_by_side(key.sign(data, ec.ECDSA(digest)), key.curve)
        case rsa.RSAPrivateKey():
            digest = _RSA[identity.algorithm]
            return key.sign(data, _pss(digest), digest)
        case _:
            return key.sign(data)


def normalise(identity: Identity, data: bytes, signature: bytes) -> bytes | None:
    """A callback's ``signature`` as it is written; None where it does not fit ``data``."""
    leaf = _certificates.parse_chain(identity.certificate_chain.encode())[0]
    if holds(leaf, identity.algorithm, data, signature):
        return signature
    key = leaf.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            signature = _side_by_side(signature, key.curve)
        except (ValueError, OverflowError):  # no DER, or numbers too large
            return None
        return signature if holds(leaf, identity.algorithm, data, signature) else None
    return None


def holds(
    leaf: x509.Certificate, algorithm: SigningAlgorithm, data: bytes, signature: bytes
) -> bool:
    """Whether ``leaf``'s key made ``signature`` over ``data``, by ``algorithm`` and no other."""
    key = leaf.public_key()
    try:
        match key:
            case ec.EllipticCurvePublicKey() if algorithm in _CURVES:
                return _holds_ecdsa(key, algorithm, data, signature)
            case rsa.RSAPublicKey() if algorithm in _RSA:
                digest = _RSA[algorithm]
                key.verify(signature, data, _pss(digest), digest)
            case ed25519.Ed25519PublicKey() if algorithm is SigningAlgorithm.ED25519:
                key.verify(signature, data)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _holds_ecdsa(
    key: ec.EllipticCurvePublicKey, algorithm: SigningAlgorithm, data: bytes, signature: bytes
) -> bool:
    curve, digest = _CURVES[algorithm]
    size = _size(key.curve)
    if key.curve.name != curve or len(signature) != 2 * size:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
    key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
    return True


def _side_by_side(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    size = _size(curve)
    return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(signature))


def _size(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


def _pss(digest: hashes.HashAlgorithm) -> padding.PSS:
    return padding.PSS(padding.MGF1(digest), digest.digest_size)
