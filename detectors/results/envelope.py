"""The envelope of a signed result: a JSON Web Signature in its flattened JSON form.

::

    {"payload": base64url(result), "protected": base64url(header), "signature": base64url}

    header = {"alg": "ES256", "cty": "vnd.labeler.verification-result+json", "x5c": [DER, …]}

Why this form: algorithm and certificates are under the signature, where a DSSE envelope has no
place for them; libraries for it exist for every language; and ETSI TS 119 182-1 (JAdES) says how
time stamps are added to it, in the unprotected ``header``, without a new signature. What is signed
are the bytes as they stand there, so nobody has to write JSON in the same way to check them. It
starts with a letter, as no C2PA signature's input does: one cannot pass for the other.

The form itself is in `labeler.credentials.jws`.
"""

from __future__ import annotations

from typing import Final, Self

from detectors.results.result import VerificationResult
from labeler.credentials.identity import Identity
from labeler.credentials.jws import Jws, sign
from labeler.errors import VerificationError

__all__ = ["CONTENT_TYPE", "MAX_CHARACTERS", "SignedResult", "sign_result"]

CONTENT_TYPE: Final = "vnd.labeler.verification-result+json"
"""Media type of what is signed, without ``application/`` (RFC 7515, 4.1.10)."""
MAX_CHARACTERS: Final = 16 << 20
"""Of an envelope that is opened; what a report holds is cut short long before."""


class SignedResult(Jws):
    """An envelope, taken apart but not checked: only `check_result` tells whether to believe it.

    Its payload is the JSON of a `VerificationResult`.
    """

    __slots__ = ()

    def to_json(self) -> str:
        """The envelope: one line of ASCII."""
        return self.text

    @classmethod
    def from_json(
        cls,
        text: str | bytes,
        *,
        content_type: str = CONTENT_TYPE,
        max_characters: int = MAX_CHARACTERS,
    ) -> Self:
        """Take an envelope apart.

        Raises:
            ValueError: It is none, one that two readers could take differently, or one that asks
                for what is not known here.
        """
        return super().from_json(text, content_type=content_type, max_characters=max_characters)


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
    return SignedResult.from_json(
        sign(text.encode("ascii"), content_type=CONTENT_TYPE, identity=identity)
    )
