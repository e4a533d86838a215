"""JSON Web Signatures in their flattened JSON form, over bytes with a type of their own.

::

    {"payload": base64url(bytes), "protected": base64url(header), "signature": base64url}

    header = {"alg": "ES256", "cty": "vnd.labeler.…+json", "x5c": [DER, …]}

The content type is under the signature, so that what was signed as one thing never passes for
another.

Source: RFC 7515, 3.2, 4.1 (headers), 5.2 and 7.2.2; RFC 7518, 3.1; RFC 8037, 3.1; RFC 8725 (what to
refuse).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final, Self

from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.detached import encoded_chain, sign_bytes
from labeler.credentials.identity import Identity
from labeler.credentials.strict_json import read_object, write_object

__all__ = ["Jws", "sign"]

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
class Jws:
    """A signature with what it is over, taken apart but not checked."""

    payload: bytes = field(repr=False)
    """What is signed."""
    algorithm: SigningAlgorithm
    """What the header says that it was signed with."""
    certificates: tuple[bytes, ...] = field(repr=False)
    """DER, the signer's first."""
    signature: bytes = field(repr=False)
    """The signature over `signing_input`."""
    signing_input: bytes = field(repr=False)
    """The bytes that the signature is over."""
    text: str = field(repr=False)
    """The signature as it was read."""

    @classmethod
    def from_json(cls, text: str | bytes, *, content_type: str, max_characters: int) -> Self:
        """Take a signature apart.

        Args:
            text: One JSON object, ASCII.
            content_type: What has to be signed: a media type without ``application/``.
            max_characters: Of ``text``.

        Raises:
            ValueError: It is none, one that two readers could take differently, or one that asks
                for what is not known here.
        """
        if len(text) > max_characters:
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
            algorithm=_algorithm(header, content_type),
            certificates=_certificates(header),
            signature=_decode(_text(members["signature"])),
            signing_input=f"{protected}.{payload}".encode("ascii"),
            text=text.strip(),
        )


def sign(payload: bytes, *, content_type: str, identity: Identity) -> str:
    """``payload`` signed: one line of ASCII.

    Raises:
        SigningError: The identity's callback failed.
    """
    header = {
        "alg": _NAMES[identity.algorithm],
        "cty": content_type,
        "x5c": [base64.b64encode(each).decode("ascii") for each in encoded_chain(identity)],
    }
    protected = _encode(write_object(header).encode("ascii"))
    encoded = _encode(payload)
    signature = sign_bytes(identity, f"{protected}.{encoded}".encode("ascii"))
    members = {"payload": encoded, "protected": protected, "signature": _encode(signature)}
    return write_object(members)


def _algorithm(header: dict[str, Any], content_type: str) -> SigningAlgorithm:
    # What is critical changes how a signature is made, and nothing of it is known here.
    if "crit" in header or "b64" in header:
        raise ValueError("its header asks for what is not known here")
    if header.get("cty") != content_type:
        raise ValueError("it is about something else")
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
