"""Checking a signed result, without a network.

In this order, and no further than what holds: the envelope can be taken apart; the signature is the
certificate's; the certificate leads to a trust list; what is signed is a result of a known schema;
the page around it says the same; the file is the one that was verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from detectors.results.envelope import MAX_CHARACTERS, SignedResult
from detectors.results.page import extract_envelope, render_page
from detectors.results.result import VerificationResult
from detectors.results.words import ENGLISH, LANGUAGES, Words
from labeler.credentials.detached import SignatureVerdict, check_bytes
from labeler.credentials.trust import TrustStore
from labeler.credentials.verdicts import Trust
from labeler.errors import UnreadableMediaError

__all__ = ["ResultCheck", "Signature", "check_result"]

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_BLOCK_BYTES: Final = 1 << 20


class Signature(StrEnum):
    """What became of the signature."""

    VALID = "valid"
    """The result is as the certificate's owner signed it."""
    INVALID = "invalid"
    """It is not: it was changed, or signed with another key."""
    UNREADABLE = "unreadable"
    """There is no envelope that can be taken apart, or what it holds is no result, or one of
    another schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCheck:
    """What a signed result is worth."""

    signature: Signature
    """Whether it is as it was signed."""
    trust: Trust
    """Whether the signer is trusted; ``NOT_CHECKED`` where there is no valid signature."""
    signer: str | None = None
    """The name in the signer's certificate; None where there is no valid signature."""
    reason: str | None = None
    """Why the signature does not hold or the signer is not trusted, without a full stop."""
    result: VerificationResult | None = None
    """What was signed; None unless `signature` is valid: nothing else is to be shown to anybody."""
    same_file: bool | None = None
    """Whether the file is the one that was verified; None where none was given, or there is nothing
    to compare it with."""
    file_sha256: str | None = None
    """SHA-256 of the file that was given, hexadecimal."""
    same_page: bool | None = None
    """Whether the page says what the result says; None where the envelope came alone."""
    is_future: bool = False
    """Whether the result says that it was made later than now."""

    @property
    def is_good(self) -> bool:
        """Whether everything that was checked is as it should be."""
        return (
            self.signature is Signature.VALID
            and self.trust is Trust.TRUSTED
            and self.same_file is not False
            and self.same_page is not False
            and not self.is_future
        )

    def in_words(self, words: Words = ENGLISH) -> tuple[str, ...]:
        """The check as sentences, the weightiest first."""
        return tuple(self._sentences(words))

    def _sentences(self, words: Words) -> Iterator[str]:
        if self.signature is Signature.UNREADABLE:
            yield words.unreadable.format(reason=self.reason)
            return
        if self.signature is Signature.INVALID:
            yield words.invalid.format(reason=self.reason)
            return
        yield words.valid.format(signer=self.signer)
        yield words.trusts[self.trust].format(reason=self.reason)
        if self.same_page is False:
            yield words.page_altered
        if self.same_file is not None:
            told = words.file_same if self.same_file else words.file_other
            yield told.format(sha256=self.file_sha256)
        if self.is_future and self.result is not None:
            yield words.future.format(checked_at=self.result.checked_at.isoformat())


def check_result(
    document: str | bytes,
    *,
    trust: TrustStore,
    now: datetime,
    content: Path | bytes | None = None,
) -> ResultCheck:
    """Check a signed result, or a page that holds one.

    Args:
        document: The envelope, or the page.
        trust: Whom to trust: the lists for signers.
        now: The present time, with a time zone.
        content: The content that is said to have been verified; None: that is not checked.

    Returns:
        What it is worth. What is wrong with the document is no error.

    Raises:
        UnreadableMediaError: The file ``content`` cannot be read.
    """
    digest = None if content is None else _digest(content)
    try:
        page, signed = _open(document)
    except ValueError as error:  # among them text that is no UTF-8
        return _unreadable(str(error))
    verdict = _judge(signed, trust, now, None)
    if not verdict.holds:
        return ResultCheck(signature=Signature.INVALID, trust=verdict.trust, reason=verdict.reason)
    try:
        result = VerificationResult.from_json(signed.payload)
    except ValueError as error:
        return _unreadable(f"what is signed cannot be used: {error}")
    verdict = _judge(signed, trust, now, result.checked_at)
    return ResultCheck(
        signature=Signature.VALID,
        trust=verdict.trust,
        signer=verdict.signer,
        reason=verdict.reason,
        result=result,
        same_file=None if digest is None else digest == result.report.sha256,
        file_sha256=digest,
        same_page=None if page is None else _says_the_same(page, signed),
        is_future=result.checked_at > now + _CLOCKS_DIFFER,
    )


def _unreadable(reason: str) -> ResultCheck:
    return ResultCheck(
        signature=Signature.UNREADABLE, trust=Trust.NOT_CHECKED, reason=reason.rstrip(".")
    )


def _open(document: str | bytes) -> tuple[str | None, SignedResult]:
    """The page, if it is one, and the envelope."""
    if len(document) > 2 * MAX_CHARACTERS:
        raise ValueError("it is too long")
    if isinstance(document, bytes):
        document = document.decode("utf-8")
    text = document.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.lstrip().startswith("<"):
        return None, SignedResult.from_json(text)
    return text, SignedResult.from_json(extract_envelope(text))


def _judge(
    signed: SignedResult, trust: TrustStore, now: datetime, signed_at: datetime | None
) -> SignatureVerdict:
    return check_bytes(
        signed.signing_input,
        signed.signature,
        algorithm=signed.algorithm,
        certificates=signed.certificates,
        trust=trust,
        now=now,
        signed_at=signed_at,
    )


def _says_the_same(page: str, signed: SignedResult) -> bool:
    return any(page == render_page(signed, words=words) for words in LANGUAGES.values())


def _digest(content: Path | bytes) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    try:
        with content.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise UnreadableMediaError(
            f"the file cannot be read ({error.strerror or type(error).__name__})",
            file=content,
            hint="Check the path and who may read it",
        ) from error
    return digest.hexdigest()
