"""A certificate authority for development: one root, one signer, and the root's key thrown away.

Source of the certificates' content: C2PA 2.4, 14.5.1.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labeler.credentials import _certificates
from labeler.credentials.identity import DEVELOPMENT_ORGANIZATION

_LIFETIME: Final = timedelta(days=730)
# Clocks of the machines that verify may be a little behind the one that makes the certificates.
_CLOCK_TOLERANCE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What a development identity consists of, as PEM."""

    root: str
    """The root certificate, which verifiers have to trust."""
    chain: str
    """The signer's certificate; the root is left out, as verifiers have it from their own lists."""
    key: bytes = field(repr=False)
    """The signer's private key, unencrypted PKCS#8."""


def issue(common_name: str, now: datetime) -> Issued:
    """A root of its own for one signer named ``common_name``, valid from ``now``.

    The root's key is gone when this returns: nobody can issue another certificate under it.

    Raises:
        ValueError: ``common_name`` has no character or more than 64.
    """
    root_key = ec.generate_private_key(ec.SECP256R1())
    # Roots of the same name would be mistaken for each other in one trust list.
    root_name = _name(f"Labeler development root {secrets.token_hex(4)}")
    root = (
        _builder(root_name, root_name, root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
        .add_extension(_authority_key(root_key), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        _builder(_name(common_name), root_name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(_authority_key(root_key), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return Issued(
        root=_certificates.chain_pem([root]),
        chain=_certificates.chain_pem([leaf]),
        key=_certificates.pkcs8_pem(key),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT_ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_TOLERANCE)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
