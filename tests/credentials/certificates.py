"""Certificates of every shape, right and wrong, for the tests."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
DIGITAL_SIGNATURE = {"digital_signature"}
AUTHORITY = {"key_cert_sign", "crl_sign"}
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def p256():
    return ec.generate_private_key(ec.SECP256R1())


def new_key(kind="p256"):
    makers = {
        "p256": p256,
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
        "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    }
    return makers[kind]()


@dataclass(frozen=True)
class Shape:
    """What goes into one certificate."""

    name: str = "Leaf"
    organization: str = "Test organization"
    ca: bool | None = False
    path_length: int | None = None
    usages: frozenset[str] | None = frozenset(DIGITAL_SIGNATURE)
    purposes: tuple[x509.ObjectIdentifier, ...] | None = (EMAIL,)
    purposes_critical: bool = False
    authority_key: bool = True
    begin: datetime = NOW - timedelta(days=5)
    end: datetime = NOW + timedelta(days=50)
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()


AUTHORITY_SHAPE = Shape(
    name="Root", ca=True, usages=frozenset(AUTHORITY), purposes=None, authority_key=False
)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and those above it."""

    certificate: x509.Certificate
    key: object
    issuers: tuple[x509.Certificate, ...] = field(default=())

    @property
    def chain(self):
        """The certificate and the intermediates: the root is the last issuer, and left out."""
        return (self.certificate, *self.issuers[:-1])

    @property
    def chain_pem(self):
        return pem(*self.chain)

    def key_pem(self, form=serialization.PrivateFormat.PKCS8, password=None):
        encryption = (
            serialization.NoEncryption()
            if password is None
            else serialization.BestAvailableEncryption(password)
        )
        return self.key.private_bytes(serialization.Encoding.PEM, form, encryption)

    def write(self, directory: Path, chain: str | None = None):
        chain_path, key_path = directory / "chain.pem", directory / "key.pem"
        chain_path.write_text(chain or self.chain_pem)
        key_path.write_bytes(self.key_pem())
        key_path.chmod(0o600)
        return chain_path, key_path


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates).decode()


def _name(shape):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, shape.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, shape.name),
        ]
    )


def issue(shape=None, *, by=None, key=None):
    """A certificate of ``shape``, issued by ``by`` or by itself."""
    shape = shape or Shape()
    key = key or p256()
    issuer_key = key if by is None else by.key
    issuer_name = _name(shape) if by is None else by.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(shape))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(shape.begin)
        .not_valid_after(shape.end)
    )
    for extension, critical in _extensions(shape, key, issuer_key):
        builder = builder.add_extension(extension, critical)
    digest = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    issuers = () if by is None else (by.certificate, *by.issuers)
    return Issued(builder.sign(issuer_key, digest), key, issuers)


def _extensions(shape, key, issuer_key):
    if shape.ca is not None:
        yield x509.BasicConstraints(shape.ca, shape.path_length), True
    if shape.usages is not None:
        yield x509.KeyUsage(**{usage: usage in shape.usages for usage in _USAGES}), True
    if shape.purposes is not None:
        yield x509.ExtendedKeyUsage(shape.purposes), shape.purposes_critical
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    if shape.authority_key:
        public = issuer_key.public_key()
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False
    yield from shape.extra


def issue_root(**changes):
    return issue(replace(AUTHORITY_SHAPE, **changes))
