"""The three verdicts on a credential, from the status codes of validation.

They are kept apart because none follows from another: an intact file may be signed by a stranger,
and a trusted signer may have worked on a file that had been tampered with.

Source: C2PA 2.4, 15.2.1 (status codes).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

__all__ = ["History", "Integrity", "Trust", "is_tampering", "is_whole"]


class Integrity(StrEnum):
    """Whether file and manifest are as they were signed."""

    INTACT = "intact"
    """The signature is valid, and every hash matches."""
    TAMPERED = "tampered"
    """Content or manifest was changed after signing, or the manifest is another file's."""
    DAMAGED = "damaged"
    """There is a manifest, but it, or the file around it, cannot be parsed."""
    NOT_CHECKED = "not-checked"
    """The manifest is elsewhere, and nothing is fetched from the network."""
    UNBOUND = "unbound"
    """The manifest is as it was signed, and came without its file: it was found by what a watermark
    says, say. Whether a file is the one that it was signed for, no hash tells."""


class Trust(StrEnum):
    """Whether the signer is trusted."""

    TRUSTED = "trusted"
    """The signer's certificate chains to a trust list for signers."""
    UNTRUSTED = "untrusted"
    """It does not. This says nothing about the file, only that its signer is not known."""
    EXPIRED = "expired"
    """It is expired, and no trusted time stamp shows that it was valid when it signed."""
    REVOKED = "revoked"
    """It was revoked."""
    NOT_CHECKED = "not-checked"
    """No trust list was given, or there is no valid signature to ask about."""


class History(StrEnum):
    """Whether what went into the file was intact, as far as it carried manifests."""

    CLEAN = "clean"
    """Every ingredient that carried a manifest was intact when it was used."""
    TAMPERED = "tampered"
    """An ingredient, at whatever depth, was tampered with before it was used, or its manifest was
    changed afterwards."""
    NONE = "none"
    """No ingredient carried a manifest."""


SIGNATURE_VALID: Final = "claimSignature.validated"
_CONTENT_MATCHES: Final = frozenset(
    {
        "assertion.dataHash.match",
        "assertion.bmffHash.match",
        "assertion.boxesHash.match",
        "assertion.collectionHash.match",
        "assertion.multiAssetHash.match",
    }
)
_CONTENT_DIFFERS: Final = frozenset(
    code.replace(".match", ".mismatch") for code in _CONTENT_MATCHES
)
# Failures that are about who signed and when (the verdict on trust), about identities that a third
# party asserts, or that something was out of reach: none says that a byte was changed.
_NOT_TAMPERING: Final = (
    "signingCredential.",
    "timeStamp.",
    "timeOfSigning.",
    "claimSignature.outsideValidity",
    "cawg.",
    "manifest.inaccessible",
)
_ABOUT_INGREDIENTS: Final = "ingredient."
_EXPIRED: Final = frozenset({"signingCredential.expired", "claimSignature.outsideValidity"})
_REVOKED: Final = frozenset({"signingCredential.revoked", "signingCredential.ocsp.revoked"})
_TRUSTED: Final = "signingCredential.trusted"


def is_tampering(code: str) -> bool:
    """Whether a failure with this status code means that something was changed."""
    return not code.startswith(_NOT_TAMPERING)


def is_whole(failure: Iterable[str]) -> bool:
    """Whether a manifest is as it was signed, whatever became of the content.

    Args:
        failure: The status codes of what failed in it.
    """
    changed = (
        code for code in failure if is_tampering(code) and not code.startswith(_ABOUT_INGREDIENTS)
    )
    return all(code in _CONTENT_DIFFERS for code in changed)


def judge_integrity(success: Iterable[str], failure: Iterable[str]) -> Integrity:
    """The verdict on the active manifest, from its own status codes."""
    good = set(success)
    changed = any(
        is_tampering(code) and not code.startswith(_ABOUT_INGREDIENTS) for code in failure
    )
    whole = SIGNATURE_VALID in good and not good.isdisjoint(_CONTENT_MATCHES)
    return Integrity.INTACT if whole and not changed else Integrity.TAMPERED


def judge_bare(success: Iterable[str], failure: Iterable[str]) -> Integrity:
    """The verdict on a manifest without a file."""
    whole = SIGNATURE_VALID in set(success) and is_whole(failure)
    return Integrity.UNBOUND if whole else Integrity.TAMPERED


def judge_trust(
    success: Iterable[str], failure: Iterable[str], *, list_is_ours: bool, has_lists: bool
) -> Trust:
    """The verdict on the signer of the active manifest.

    Args:
        success: Its status codes of success.
        failure: Its status codes of failure.
        list_is_ours: Whether the anchor was found in a list for signers.
        has_lists: Whether there is such a list at all.
    """
    good, bad = set(success), set(failure)
    if SIGNATURE_VALID not in good:
        return Trust.NOT_CHECKED  # whoever made this need not be who the certificate names
    if bad & _REVOKED:
        return Trust.REVOKED
    if bad & _EXPIRED:
        return Trust.EXPIRED
    if not has_lists:
        return Trust.NOT_CHECKED
    return Trust.TRUSTED if _TRUSTED in good and list_is_ours else Trust.UNTRUSTED
