"""Signatures over bytes that are no media, made with the identity that signs manifests.

    signature = sign_bytes(identity, data)
    verdict = check_bytes(
        data, signature, algorithm=..., certificates=..., trust=TrustStore.load([...]), now=...
    )

ECDSA signatures are written as r and s side by side, as in JOSE and COSE. Whether a signature holds
and whether its signer is trusted are two answers, as they are for manifests. Nothing is asked over
the network, so a revoked certificate is not noticed.

Source: RFC 7518, 3.4 and 3.5; RFC 8037, 3.1; C2PA 2.4, 14.5.1 (what a certificate has to be like);
RFC 5280, 6.1 (paths, of which names and policies are not constrained here: a certificate that asks
for that is not taken).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.identity import Identity
from labeler.credentials.trust import TrustStore
from labeler.credentials.verdicts import Trust
from labeler.errors import SigningError

__all__ = [
    "SignatureVerdict",
    "check_bytes",
    "encoded_chain",
    "key_fingerprint",
    "sign_bytes",
    "signer_name",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureVerdict:
    """What a signature and the certificates beside it are worth."""

    holds: bool
    """Whether the first certificate's key made the signature over exactly these bytes."""
    trust: Trust
    """Whether that signer is trusted; ``NOT_CHECKED`` where the signature does not hold, or no
    trust list was given."""
    signer: str | None
    """The signer's name; None where the signature does not hold."""
    reason: str | None
    """Why the signature does not hold or the signer is not trusted, without a full stop."""


def encoded_chain(identity: Identity) -> tuple[bytes, ...]:
    """The identity's certificates as DER, the signer's first."""
    from labeler.credentials import _certificates, _chains  # noqa: PLC0415 - slow to import

    return _chains.encode(_certificates.parse_chain(identity.certificate_chain.encode()))


def signer_name(certificates: Sequence[bytes]) -> str | None:
    """The name in the first of the certificates (DER); None where they cannot be read.

    Anybody can put any name into a certificate: only a trusted one is worth something.
    """
    from labeler.credentials import _chains  # noqa: PLC0415 - slow to import

    chain = _chains.decode(certificates)
    return None if chain is None else _chains.name(chain)


def key_fingerprint(certificates: Sequence[bytes]) -> str | None:
    """SHA-256 of the first certificate's public key (SubjectPublicKeyInfo), hexadecimal.

    It stays when a certificate is renewed for the same key. None where they cannot be read.
    """
    from labeler.credentials import _chains  # noqa: PLC0415 - slow to import

    chain = _chains.decode(certificates)
    return None if chain is None else _chains.key_fingerprint(chain)


def sign_bytes(identity: Identity, data: bytes) -> bytes:
    """The identity's signature over ``data``.

    Raises:
        SigningError: The identity's callback failed, or what it returned does not fit its
            certificate. The cause is what the callback raised.
    """
    from labeler.credentials import _raw_signatures  # noqa: PLC0415 - slow to import

    if identity.callback is None:
        return _raw_signatures.sign_with_key(identity, data)
    try:
        signature: object = identity.callback(data)
    except Exception as error:
        raise SigningError(
            f"the signing callback failed: {type(error).__name__}",
            hint="See the cause of this error; the key service's own log may say more",
        ) from error
    normal = None
    if isinstance(signature, bytes | bytearray):
        normal = _raw_signatures.normalise(identity, data, bytes(signature))
    if normal is None:
        raise SigningError(
            "what the signing callback returned is no signature of the certificate's key",
            hint="Check that key, certificate and algorithm belong together",
        )
    return normal


def check_bytes(
    data: bytes,
    signature: bytes,
    *,
    algorithm: SigningAlgorithm,
    certificates: Sequence[bytes],
    trust: TrustStore,
    now: datetime,
    signed_at: datetime | None = None,
) -> SignatureVerdict:
    """Whether a signature over ``data`` holds, and whether its signer is trusted.

    Args:
        data: What was signed.
        signature: In the form in which `sign_bytes` writes it.
        algorithm: Has to go with the first certificate's key.
        certificates: DER, the signer's first, then the one that issued it, and so on.
        trust: Whom to trust: the lists for signers.
        now: The present. Without a trusted time stamp nothing shows when a signature was made, so
            certificates have to be valid now.
        signed_at: When the signer says that it signed; certificates have to be valid then too.
    """
    from labeler.credentials import _chains, _raw_signatures  # noqa: PLC0415 - slow to import

    chain = _chains.decode(certificates)
    if chain is None:
        return _broken("a certificate is missing, malformed, or of a type that is not supported")
    if not _raw_signatures.holds(chain[0], algorithm, data, signature):
        return _broken("the signature does not fit what was signed")
    moments = (now,) if signed_at is None else (now, signed_at)
    standing, reason = _chains.judge(chain, algorithm, trust, moments)
    return SignatureVerdict(holds=True, trust=standing, signer=_chains.name(chain), reason=reason)


def _broken(reason: str) -> SignatureVerdict:
    return SignatureVerdict(holds=False, trust=Trust.NOT_CHECKED, signer=None, reason=reason)
