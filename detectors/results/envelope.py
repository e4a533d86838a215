"""The envelope of a signed result: a JSON Web Signature in its flattened JSON form.

::

    {"payload": base64url(result), "protected": base64url(header), "signature": base64url}

    header = {"alg": "ES256", "cty": "vnd.labeler.verification-result+json", "x5c": [DER, …]}

Why this form: algorithm and certificates are under the signature, where a DSSE envelope has no
place for them; libraries for it exist for every language; and ETSI TS 119 182-1 (JAdES) says how
time stamps are added to it, in the unprotected ``header``, without a new signature. What is signed
are the bytes as they stand there, so nobody has to write JSON in the same way to check them. It
starts with a letter, as no C2PA signature's input does: one cannot pass for the other.

Source: RFC 7515, 3.2, 4.1 (headers), 5.2 and 7.2.2; RFC 7518, 3.1; RFC 8037, 3.1; RFC 8725 (what to
refuse).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final, Self

from detectors.results.result import VerificationResult
from detectors.results.strict_json import read_object, write_object
from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.detached import encoded_chain, sign_bytes
from labeler.credentials.identity import Identity
from labeler.errors import VerificationError

__all__ = ["CONTENT_TYPE", "MAX_CHARACTERS", "SignedResult", "sign_result"]

CONTENT_TYPE: Final = "vnd.labeler.verification-result+json"
"""Media type of what is signed, without ``application/`` (RFC 7515, 4.1.10)."""
MAX_CHARACTERS: Final = 16 << 20
"""Of an envelope that is opened; what a report holds is cut short long before."""

_ALGORITHMS: Final = {
    "ES256": SigningAlgorithm.ES256,
    "ES384": SigningAlgorithm.ES384,
    "ES512": SigningAlgorithm.ES512,
    "PS256": SigningAlgorithm.PS256,
    "PS384": SigningAlgorithm.PS384,
    "PS512": SigningAlgorithm.PS512,
    "EdDSA": SigningAlgorithm.ED25519,
}
_NAMES: Final = {algorithm: name for name, algorithm in _ALGORITHMS.items()}
_SIGNED: Final = frozenset({"payload", "protected", "signature"})
_UNSIGNED: Final = "header"
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedResult:
    """An envelope, taken apart but not checked: only `check_result` tells whether to believe it."""

    payload: bytes = field(repr=False)
    """What is signed: the JSON of a `VerificationResult`."""
    algorithm: SigningAlgorithm
    """What the header says that it was signed with."""
    certificates: tuple[bytes, ...] = field(repr=False)
    """DER, the signer's first."""
    signature: bytes = field(repr=False)
    """The signature over `signing_input`."""
    signing_input: bytes = field(repr=False)
    """The bytes that the signature is over."""
    text: str = field(repr=False)
    """The envelope as it was read."""

    def to_json(self) -> str:
        """The envelope: one line of ASCII."""
        return self.text

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Take an envelope apart.

        Raises:
            ValueError: It is none, one that two readers could take differently, or one that asks
                for what is not known here.
        """
        if len(text) > MAX_CHARACTERS:
            raise ValueError("it is too long")
        if isinstance(text, bytes):
            text = text.decode("ascii")
        if not text.isascii():
            raise ValueError("it is no ASCII text")
        members = read_object(text)
        if not members.keys() >= _SIGNED or members.keys() - _SIGNED - {_UNSIGNED}:
            raise ValueError("it is no flattened JSON Web Signature")
        protected = _text(members["protected"])
        payload = _text(members["payload"])
        header = read_object(_decode(protected))
        return cls(
            payload=_decode(payload),
            algorithm=_algorithm(header),
            certificates=_certificates(header),
            signature=_decode(_text(members["signature"])),
            signing_input=f"{protected}.{payload}".encode("ascii"),
            text=text.strip(),
        )


def sign_result(result: VerificationResult, identity: Identity) -> SignedResult:
    """Sign a result.

    Raises:
        SigningError: The identity's callback failed.
        VerificationError: The result could not be read again: a finding's detail is no JSON, or
            nests too deep. It may come from a worker that a stranger's file has taken over.
    """
    try:
        text = result.to_json()
        VerificationResult.from_json(text)
    except (RecursionError, TypeError, ValueError) as error:
        raise VerificationError(
            "the report holds something that no reader could read, so it is not signed",
            file=result.report.file or None,
            hint="Treat the file as hostile: no file should lead to such a report",
        ) from error
    header = {
        "alg": _NAMES[identity.algorithm],
        "cty": CONTENT_TYPE,
        "x5c": [base64.b64encode(each).decode("ascii") for each in encoded_chain(identity)],
    }
    protected = _encode(write_object(header).encode("ascii"))
    payload = _encode(text.encode("ascii"))
    signature = sign_bytes(identity, f"{protected}.{payload}".encode("ascii"))
    members = {"payload": payload, "protected": protected, "signature": _encode(signature)}
    return SignedResult.from_json(write_object(members))


def _algorithm(header: dict[str, Any]) -> SigningAlgorithm:
    # What is critical changes how a signature is made, and nothing of it is known here.
    if "crit" in header or "b64" in header:
        raise ValueError("its header asks for what is not known here")
    if header.get("cty") != CONTENT_TYPE:
        raise ValueError("it is not about a verification")
    name = header.get("alg")
    if not isinstance(name, str) or name not in _ALGORITHMS:
        raise ValueError(f"its signature algorithm {name!r:.40} is not known")
    return _ALGORITHMS[name]


def _certificates(header: dict[str, Any]) -> tuple[bytes, ...]:
    found = header.get("x5c")
    if not isinstance(found, list) or not found:
        raise ValueError("its certificates are missing")
    try:
        return tuple(base64.b64decode(_text(each), validate=True) for each in found)
    except binascii.Error:
        raise ValueError("a certificate is no base64") from None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    if not _BASE64URL.fullmatch(text):
        raise ValueError("a member is no base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("a member is no base64url") from None
    if _encode(data) != text:  # bits at the end that belong to no byte
        raise ValueError("a member is no base64url")
    return data


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")  # noqa: TRY004  bad data, not a bad call
    return value
