"""Who signs: a certificate chain, and a way to make signatures with its key.

    identity = Identity.from_pem_files(Path("chain.pem"), Path("key.pem"))
    identity = Identity.from_callback(chain, SigningAlgorithm.ES256, kms_client.sign)

Certificates are checked when an identity is made, so that what is wrong with them is said in plain
words before anything is signed. Secrets never show in `repr`, logs or errors.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from labeler.credentials.algorithms import SigningAlgorithm
from labeler.errors import IdentityError

__all__ = ["DEVELOPMENT_ORGANIZATION", "Identity"]

DEVELOPMENT_ORGANIZATION: Final = "Labeler development only, not for production"
"""The organization that the certificates of development identities name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate chain and a way to make signatures with its key.

    Exactly one of ``private_key`` and ``callback`` is given. An identity can be shared by threads;
    it cannot be pickled, so every process loads its own.

    Raises:
        IdentityError: The chain cannot be used for signing; the message says what is wrong.
    """

    certificate_chain: str
    """Certificates as PEM: the signer's first, then the one that issued it, and so on. The root
    may be left out."""
    algorithm: SigningAlgorithm
    """Signature algorithm; has to go with the signer's key."""
    private_key: bytes | None = field(default=None, repr=False, compare=False)
    """The key as unencrypted PKCS#8 PEM."""
    callback: Callable[[bytes], bytes] | None = field(default=None, repr=False, compare=False)
    """Signs the bytes it is given (not their digest). ECDSA signatures may be DER or r and s side
    by side; RSA ones are PSS with the digest's length as salt. Called in the thread that signs."""

    def __post_init__(self) -> None:
        """Check the chain, and the key against it."""
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        if (self.private_key is None) == (self.callback is None):
            raise IdentityError("an identity needs either a private key or a signing callback")
        chain = _certificates.parse_chain(self.certificate_chain.encode())
        _certificates.check_profile(chain, self.algorithm)
        # Nothing but certificates goes into signed files, whatever else the text held.
        object.__setattr__(self, "certificate_chain", _certificates.chain_pem(chain))
        if self.private_key is not None:
            key = _certificates.parse_private_key(self.private_key, None)
            if not _certificates.belongs(chain[0], key):
                raise IdentityError(
                    "the private key is not the one that the signer's certificate is for",
                    hint="Give the key and the certificate that belong together",
                )

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the key would lie wherever the pickle passes."""
        raise TypeError("an Identity holds a secret and cannot be pickled; load it in each process")

    @classmethod
    def from_pem_files(
        cls,
        chain_path: Path,
        key_path: Path,
        *,
        algorithm: SigningAlgorithm | None = None,
        password: Callable[[], bytes | str] | None = None,
        now: datetime | None = None,
    ) -> Identity:
        """The identity in two PEM files.

        Args:
            chain_path: Certificates, the signer's first.
            key_path: The private key (SEC 1, PKCS#1 or PKCS#8) in a file of mode 0600.
            algorithm: None: what goes with the key; PS256 for RSA keys.
            password: Called once, and only if the key is encrypted.
            now: The time at which the certificates have to be valid; None: the present.

        Raises:
            IdentityError: A file cannot be read, others may read the key, or certificates and key
                cannot be used for signing.
        """
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        chain = _read(chain_path)
        secret = _read(key_path, private=True)
        try:
            key = _certificates.parse_private_key(secret, password)
            algorithm = algorithm or _certificates.default_algorithm(key)
        except IdentityError as error:
            error.with_file(key_path)
            raise
        try:
            identity = cls(
                certificate_chain=chain.decode("utf-8", "replace"),
                algorithm=algorithm,
                private_key=_certificates.pkcs8_pem(key),
            )
            identity.check_validity(now or datetime.now(UTC))
        except IdentityError as error:
            error.with_file(chain_path)
            raise
        return identity

    @classmethod
    def from_callback(
        cls,
        chain_pem: str,
        algorithm: SigningAlgorithm,
        sign: Callable[[bytes], bytes],
        *,
        now: datetime | None = None,
    ) -> Identity:
        """The identity whose key a key management service or hardware module keeps.

        Args:
            chain_pem: Certificates as PEM, the signer's first.
            algorithm: The algorithm with which ``sign`` signs.
            sign: See `callback`. What it raises reaches the caller of `sign` as the cause of a
                `SigningError`; what it returns is checked against the certificate.
            now: The time at which the certificates have to be valid; None: the present.

        Raises:
            IdentityError: The certificates cannot be used for signing.
        """
        identity = cls(certificate_chain=chain_pem, algorithm=algorithm, callback=sign)
        identity.check_validity(now or datetime.now(UTC))
        return identity

    def check_validity(self, now: datetime) -> None:
        """Refuse certificates that are not valid at ``now``.

        Raises:
            IdentityError: The signer's certificate or an intermediate is expired or not valid yet.
        """
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        _certificates.check_validity(
            _certificates.parse_chain(self.certificate_chain.encode()), now
        )

    @property
    def common_name(self) -> str:
        """The signer's name, as verifiers show it."""
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        chain = _certificates.parse_chain(self.certificate_chain.encode())
        return _certificates.common_name(chain[0].subject)

    @property
    def expires_at(self) -> datetime:
        """When the signer's certificate expires, UTC."""
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        chain = _certificates.parse_chain(self.certificate_chain.encode())
        return chain[0].not_valid_after_utc

    @property
    def is_development(self) -> bool:
        """Whether this is an identity that `create_development_identity` made."""
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        chain = _certificates.parse_chain(self.certificate_chain.encode())
        return DEVELOPMENT_ORGANIZATION in chain[0].issuer.rfc4514_string().replace("\\", "")


def _read(path: Path, *, private: bool = False) -> bytes:
    """The content of ``path``; ``private`` files must not be readable by others."""
    try:
        with path.open("rb") as file:
            # Asked of the open file: its name may point elsewhere a moment later.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if private and os.name == "posix" and mode & 0o077:
                raise IdentityError(
                    f"others may read this private key (its mode is {mode:04o})",
                    file=path,
                    hint="Give it mode 0600 (chmod 600)",
                )
            return file.read()
    except OSError as error:
        raise IdentityError(
            f"the file cannot be read ({error.strerror or type(error).__name__})",
            file=path,
            hint="Make a development identity with `labeler keys init`, or name the files to use",
        ) from error
