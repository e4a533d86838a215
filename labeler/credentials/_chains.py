"""Whether a chain of certificates leads to an anchor in a trust list.

Source: RFC 5280, 6.1; C2PA 2.4, 14.5.1. Stricter than the former: what a certificate constrains
beyond its purpose and the length of the path is not understood here, and such a path is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from labeler.credentials import _certificates
from labeler.credentials._certificates import Chain
from labeler.credentials.algorithms import EXTENDED_KEY_USAGES, SigningAlgorithm
from labeler.credentials.trust import TrustKind, TrustStore
from labeler.credentials.verdicts import Trust
from labeler.errors import IdentityError

_LONGEST: Final = 8
"""Certificates in a chain; every path of C2PA's trust list has two or three."""
_MIN_RSA_BITS: Final = 2048
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_UNDERSTOOD: Final = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)


def encode(chain: Chain) -> tuple[bytes, ...]:
    """The certificates as DER."""
    return tuple(each.public_bytes(serialization.Encoding.DER) for each in chain)


def decode(certificates: Sequence[bytes]) -> Chain | None:
    """The certificates; None where there are none or too many, or one cannot be read."""
    if not 1 <= len(certificates) <= _LONGEST:
        return None
    try:
        chain = tuple(map(x509.load_der_x509_certificate, certificates))
        for certificate in chain:  # parsed when first asked for
            _ = certificate.extensions, certificate.public_key(), name((certificate,))
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion):
        return None
    return chain


def name(chain: Chain) -> str:
    """The signer's name."""
    return _certificates.common_name(chain[0].subject)


def key_fingerprint(chain: Chain) -> str:
    """SHA-256 of the signer's public key, hexadecimal (RFC 7469, 2.4, on what is hashed)."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(chain[0].public_key().public_bytes(*form)).hexdigest()


def judge(
    chain: Chain, algorithm: SigningAlgorithm, trust: TrustStore, moments: Sequence[datetime]
) -> tuple[Trust, str | None]:
    """Whether the chain's first certificate is trusted at all ``moments``, and why it is not."""
    lists = trust.of_kind(TrustKind.MANIFEST)
    if not lists:
        return Trust.NOT_CHECKED, "no trust list was given"
    anchors = [
        anchor
        for entry in lists
        for anchor in _certificates.parse_chain(entry.certificates.encode())
    ]
    path = _path(chain, anchors)
    if path is None:
        return Trust.UNTRUSTED, "the signer is on no trust list that was given"
    try:
        _certificates.check_profile(path, algorithm)
        _check_path(path)
    except IdentityError as error:
        return Trust.UNTRUSTED, error.problem
    # An anchor's own dates do not matter: the list vouches for its key.
    dated = path[:-1] or path
    try:
        for moment in moments:
            _certificates.check_validity(dated, moment)
    except IdentityError as error:
        return Trust.EXPIRED, error.problem
    return Trust.TRUSTED, None


def _path(chain: Chain, anchors: Sequence[x509.Certificate]) -> Chain | None:
    """The chain up to its first certificate that is an anchor, or that one issued, and that."""
    for depth, certificate in enumerate(chain):
        if depth and not _issued(chain[depth - 1], certificate):
            return None
        if certificate in anchors:
            return chain[: depth + 1]
        for anchor in anchors:
            if certificate.issuer == anchor.subject and _issued(certificate, anchor):
                return (*chain[: depth + 1], anchor)
    return None


def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_path(path: Chain) -> None:
    """Refuse what `check_profile` leaves to the toolkit.

    Raises:
        IdentityError: In plain words, what is wrong.
    """
    for child in path[:-1]:
        digest = child.signature_hash_algorithm
        if digest is not None and digest.name not in _HASHES:
            raise IdentityError(f"a certificate is itself signed with {digest.name.upper()}")
    for issuer in path[1:]:
        key = issuer.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
            raise IdentityError(f"an issuer's RSA key has only {key.key_size} bits")
        for extension in issuer.extensions:
            if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
                raise IdentityError(
                    "an issuer's certificate has the critical extension "
                    f"{extension.oid.dotted_string}, which is not understood here"
                )
            if isinstance(extension.value, x509.ExtendedKeyUsage):
                _check_purposes(extension.value)


def _check_purposes(purposes: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        return
    if not any(each.dotted_string in EXTENDED_KEY_USAGES for each in purposes):
        raise IdentityError("an issuer's certificate is for another purpose")
