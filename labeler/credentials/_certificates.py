"""What C2PA asks of a signer's certificates and key, checked before anything is signed.

It is imported when first needed: `cryptography` takes longer to import than all the rest of
`labeler.credentials`.

Source: C2PA 2.4, 14.5.1 (X.509 certificate profiles).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labeler.credentials.algorithms import EXTENDED_KEY_USAGES, SigningAlgorithm
from labeler.errors import IdentityError

Chain = tuple[x509.Certificate, ...]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_MIN_RSA_BITS: Final = 2048
_CURVES: Final = {
    "secp256r1": SigningAlgorithm.ES256,
    "secp384r1": SigningAlgorithm.ES384,
    "secp521r1": SigningAlgorithm.ES512,
}
_RSA_ALGORITHMS: Final = frozenset(
    {SigningAlgorithm.PS256, SigningAlgorithm.PS384, SigningAlgorithm.PS512}
)
_CERTIFICATE_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
# C2PA forbids a signer's certificate to be good for everything, or for these beside signing.
_FORBIDDEN_USAGES: Final = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any purpose",
    ExtendedKeyUsageOID.TIME_STAMPING: "time stamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP signing",
}
_REISSUE: Final = "Have the certificate issued again for signing C2PA claims"


# ---------------------------------------------------------------------------------------- reading


def parse_chain(pem: bytes) -> Chain:
    """The certificates in ``pem``, in their order; other blocks and comments are left out.

    Raises:
        IdentityError: There is none, or one is malformed.
    """
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise IdentityError(
            "there is no certificate in PEM form",
            hint="Give the signer's certificate first, then those that issued it, as PEM",
        )
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem))
        for certificate in chain:  # both are parsed when first asked for
            _ = certificate.extensions, certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise IdentityError(
            "a certificate is malformed, or of a type that is not supported",
            hint="Export the certificates again as PEM",
        ) from error
    return chain


def chain_pem(chain: Iterable[x509.Certificate]) -> str:
    """The certificates as PEM text, and nothing else."""
    encoding = serialization.Encoding.PEM
    return b"".join(certificate.public_bytes(encoding) for certificate in chain).decode("ascii")


def parse_private_key(pem: bytes, password: Callable[[], bytes | str] | None) -> PrivateKey:
    """The private key in ``pem``: SEC 1, PKCS#1 or PKCS#8; the password is asked for if needed.

    Raises:
        IdentityError: It is no private key, of a type that C2PA does not know, or the password is
            missing or wrong. The error never quotes the key or the password.
    """
    try:
        return _supported(serialization.load_pem_private_key(pem, None))
    except TypeError:
        pass  # it is encrypted
    except (ValueError, UnsupportedAlgorithm):
        raise IdentityError(
            "the file holds no private key in PEM form (PKCS#8, PKCS#1 or SEC 1)",
            hint="Export the key as PEM, for example with `openssl pkey`",
        ) from None
    if password is None:
        raise IdentityError("the private key is encrypted", hint="Give its password")
    secret = password()
    encoded = secret.encode() if isinstance(secret, str) else secret
    try:
        return _supported(serialization.load_pem_private_key(pem, encoded))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise IdentityError(
            "the private key cannot be decrypted", hint="Check the password"
        ) from None


def _supported(key: object) -> PrivateKey:
    if isinstance(key, PrivateKey):
        return key
    raise IdentityError(
        "C2PA does not know this type of key",
        hint="Use an elliptic curve key (P-256, P-384, P-521), Ed25519, or RSA",
    )


def pkcs8_pem(key: PrivateKey) -> bytes:
    """The key as unencrypted PKCS#8 PEM, the one form that the C2PA toolkit takes."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def default_algorithm(key: PrivateKey) -> SigningAlgorithm:
    """The algorithm that C2PA goes with ``key``; RSA keys sign with PS256.

    Raises:
        IdentityError: The key is on a curve that C2PA does not know.
    """
    match key:
        case ec.EllipticCurvePrivateKey():
            if key.curve.name not in _CURVES:
                raise IdentityError(
                    f"C2PA does not know the curve {key.curve.name}",
                    hint="Use a key on P-256, P-384 or P-521",
                )
            return _CURVES[key.curve.name]
        case rsa.RSAPrivateKey():
            return SigningAlgorithm.PS256
        case _:
            return SigningAlgorithm.ED25519


def belongs(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether ``certificate`` is for ``key``."""
    return certificate.public_key() == key.public_key()


def common_name(name: x509.Name) -> str:
    """The common name, or the whole name where there is none."""
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attributes[0].value) if attributes else name.rfc4514_string()


# --------------------------------------------------------------------------------------- checking


def check_profile(chain: Chain, algorithm: SigningAlgorithm) -> None:
    """Refuse a chain with which no valid C2PA signature can be made.

    Raises:
        IdentityError: In plain words, the first thing that is wrong.
    """
    _check_order(chain)
    leaf = chain[0]
    _check_signer(leaf)
    _check_key_usage(leaf)
    _check_extended_key_usage(leaf)
    _check_extensions(leaf)
    _check_algorithm(leaf, algorithm)
    _check_issuers(chain)


def check_validity(chain: Chain, now: datetime) -> None:
    """Refuse a chain of which the signer or an intermediate is not valid at ``now``.

    Raises:
        IdentityError: One is expired, or not valid yet.
    """
    for index, certificate in enumerate(chain):
        if index and certificate.subject == certificate.issuer:
            continue  # the root's dates do not matter: verifiers trust the key in their own list
        end, begin = certificate.not_valid_after_utc, certificate.not_valid_before_utc
        if now > end:
            raise IdentityError(
                f"{_name(index, certificate)} expired on {end:%Y-%m-%d}",
                hint="Have it renewed; a file signed with an expired certificate reads as invalid",
            )
        if now < begin:
            raise IdentityError(
                f"{_name(index, certificate)} is not valid before {begin:%Y-%m-%d %H:%M} UTC",
                hint="Check this machine's clock, or wait",
            )


def _name(index: int, certificate: x509.Certificate) -> str:
    role = "the signer's certificate" if index == 0 else f"certificate {index + 1} of the chain"
    return f"{role} ({common_name(certificate.subject)})"


def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_order(chain: Chain) -> None:
    for index, (child, issuer) in enumerate(pairwise(chain)):
        if _issued(child, issuer):
            continue
        if all(_issued(child, issuer) for child, issuer in pairwise(reversed(chain))):
            raise IdentityError(
                "the certificates are in reverse order",
                hint="Put the signer's certificate first, then the one that issued it, and so on",
            )
        raise IdentityError(
            f"{_name(index, child)} was not issued by the one that follows it "
            f"({common_name(issuer.subject)})",
            hint="Put the signer's certificate first, then the one that issued it, and so on",
        )


def _find(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _check_signer(leaf: x509.Certificate) -> None:
    if leaf.version is not x509.Version.v3:
        raise IdentityError("the signer's certificate is not of version 3", hint=_REISSUE)
    constraints = _find(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise IdentityError(
            f"the first certificate ({common_name(leaf.subject)}) is that of a certificate "
            "authority, which must not sign content",
            hint="Use a certificate that the authority issued for signing, and put it first",
        )
    algorithm = leaf.signature_hash_algorithm
    if algorithm is not None and algorithm.name not in _CERTIFICATE_HASHES:
        raise IdentityError(
            f"the signer's certificate is itself signed with {algorithm.name.upper()}, "
            "which is not secure any more",
            hint=_REISSUE,
        )


def _check_key_usage(leaf: x509.Certificate) -> None:
    usage = _find(leaf, x509.KeyUsage)
    if usage is None:
        raise IdentityError(
            "the signer's certificate has no key usage", hint=f"{_REISSUE} (digitalSignature)"
        )
    if not (usage.digital_signature or usage.content_commitment):
        raise IdentityError(
            "the signer's certificate is not for digital signatures (key usage)",
            hint=f"{_REISSUE} (digitalSignature)",
        )
    if usage.key_cert_sign:
        raise IdentityError(
            "the signer's certificate may sign certificates (key usage keyCertSign), "
            "which C2PA forbids",
            hint=_REISSUE,
        )


def _check_extended_key_usage(leaf: x509.Certificate) -> None:
    found = _find(leaf, x509.ExtendedKeyUsage)
    usages = () if found is None else tuple(found)
    for usage in usages:
        if usage in _FORBIDDEN_USAGES:
            raise IdentityError(
                f"the signer's certificate is good for {_FORBIDDEN_USAGES[usage]} "
                "(extended key usage), which C2PA forbids",
                hint=_REISSUE,
            )
    if not any(usage.dotted_string in EXTENDED_KEY_USAGES for usage in usages):
        raise IdentityError(
            "the signer's certificate lacks an extended key usage that C2PA accepts",
            hint=f"{_REISSUE} or S/MIME (emailProtection); "
            "those for web servers and for code do not do",
        )


def _check_extensions(leaf: x509.Certificate) -> None:
    if _find(leaf, x509.AuthorityKeyIdentifier) is None:
        raise IdentityError(
            "the signer's certificate lacks the authority key identifier", hint=_REISSUE
        )
    for extension in leaf.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            raise IdentityError(
                f"the signer's certificate has the critical extension "
                f"{extension.oid.dotted_string}, which verifiers do not know",
                hint=_REISSUE,
            )


def _check_algorithm(leaf: x509.Certificate, algorithm: SigningAlgorithm) -> None:
    key = leaf.public_key()
    match key:
        case ec.EllipticCurvePublicKey():
            fitting = {_CURVES[key.curve.name]} if key.curve.name in _CURVES else set()
            kind = f"an elliptic curve key ({key.curve.name})"
        case rsa.RSAPublicKey():
            fitting, kind = set(_RSA_ALGORITHMS), "an RSA key"
            if key.key_size < _MIN_RSA_BITS:
                raise IdentityError(
                    f"the signer's RSA key has {key.key_size} bits; C2PA asks for {_MIN_RSA_BITS}",
                    hint="Make a larger key, and have it certified",
                )
        case ed25519.Ed25519PublicKey():
            fitting, kind = {SigningAlgorithm.ED25519}, "an Ed25519 key"
        case _:
            fitting, kind = set(), "a key of a type that C2PA does not know"
    if algorithm not in fitting:
        names = " or ".join(sorted(fitting)) or "no algorithm of C2PA"
        raise IdentityError(
            f"the algorithm {algorithm} does not go with the signer's certificate, "
            f"which is for {kind}",
            hint=f"That key goes with {names}",
        )


def _check_issuers(chain: Chain) -> None:
    for index, certificate in enumerate(chain[1:], start=1):
        constraints = _find(certificate, x509.BasicConstraints)
        usage = _find(certificate, x509.KeyUsage)
        may_sign = usage is None or usage.key_cert_sign
        if constraints is None or not constraints.ca or not may_sign:
            raise IdentityError(
                f"{_name(index, certificate)} is not that of a certificate authority, "
                "but issued the one before it",
                hint=_REISSUE,
            )
        # The path length counts the intermediates between this authority and the signer.
        if constraints.path_length is not None and constraints.path_length < index - 1:
            raise IdentityError(
                f"{_name(index, certificate)} allows {constraints.path_length} intermediate "
                f"certificates below it, but there are {index - 1}",
                hint=_REISSUE,
            )
