"""A checkpoint of the audit log: how long it was, and its head, signed.

    note = sign_checkpoint(entries=42, head="ab…", identity=identity, at=now)
    verdict = check_checkpoint(note, trust=trust, now=now)

A JSON Web Signature (`labeler.credentials.jws`) over::

    {"at": "2026-11-22T12:00:00+00:00", "entries": 42, "head": "<digest>", "schema": 1}

The chain proves that nothing in front of its head was changed; who signed the head, and when, a
chain cannot prove. Keep checkpoints where those who could rewrite the log cannot reach them, or
publish them: they name nobody and no content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from labeler.credentials import Identity, Trust, TrustStore
from labeler.credentials.detached import check_bytes
from labeler.credentials.jws import Jws, sign
from labeler.credentials.strict_json import read_object, write_object
from labeler.errors import RegistryError

__all__ = ["CONTENT_TYPE", "Checkpoint", "CheckpointVerdict", "check_checkpoint", "sign_checkpoint"]

CONTENT_TYPE: Final = "vnd.labeler.audit-checkpoint+json"
"""Media type of what is signed, without ``application/`` (RFC 7515, 4.1.10)."""
_SCHEMA: Final = 1
_MAX_CHARACTERS: Final = 1 << 18
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint states."""

    entries: int
    """How many entries the log had, at least 1."""
    head: str
    """Digest of the last of them, hexadecimal."""
    at: datetime
    """When, as the signer says, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointVerdict:
    """What a checkpoint is worth."""

    checkpoint: Checkpoint | None
    """What it states; None where its signature does not hold."""
    trust: Trust
    """Whether its signer is trusted."""
    signer: str | None
    """The signer's name; None where the signature does not hold."""
    reason: str | None
    """Why the signature does not hold, or the signer is not trusted, without a full stop."""


def sign_checkpoint(*, entries: int, head: str, identity: Identity, at: datetime) -> str:
    """Sign that the log had so many entries, and this head: one line of ASCII.

    Args:
        entries: How many, at least 1.
        head: Digest of the last one, hexadecimal.
        identity: Who signs.
        at: When, with its zone.

    Raises:
        RegistryError: The log is empty.
        SigningError: The identity's callback failed.
    """
    if entries < 1 or not _DIGEST.fullmatch(head):
        raise RegistryError("there is nothing in the audit log that a checkpoint could be of")
    members = {
        "schema": _SCHEMA,
        "entries": entries,
        "head": head,
        "at": at.astimezone(UTC).isoformat(),
    }
    payload = write_object(members).encode("ascii")
    return sign(payload, content_type=CONTENT_TYPE, identity=identity)


def check_checkpoint(text: str, *, trust: TrustStore, now: datetime) -> CheckpointVerdict:
    """Whether somebody signed a checkpoint, and what it states.

    Args:
        text: The checkpoint.
        trust: Whom to trust.
        now: The present.
    """
    try:
        envelope = Jws.from_json(text, content_type=CONTENT_TYPE, max_characters=_MAX_CHARACTERS)
    except ValueError as error:
        return _broken(f"it is no checkpoint: {error}")
    verdict = check_bytes(
        envelope.signing_input,
        envelope.signature,
        algorithm=envelope.algorithm,
        certificates=envelope.certificates,
        trust=trust,
        now=now,
    )
    if not verdict.holds:
        return _broken(verdict.reason or "its signature does not hold")
    try:
        stated = _read(envelope.payload)
    except ValueError as error:
        return _broken(f"it is no checkpoint: {error}")
    return CheckpointVerdict(
        checkpoint=stated, trust=verdict.trust, signer=verdict.signer, reason=verdict.reason
    )


def _read(payload: bytes) -> Checkpoint:
    members = read_object(payload)
    entries, head, at = (members.get(name) for name in ("entries", "head", "at"))
    if members.get("schema") != _SCHEMA:
        raise ValueError("its schema is not known")
    if type(entries) is not int or entries < 1:
        raise ValueError("it does not say how long the log was")
    if not isinstance(head, str) or not _DIGEST.fullmatch(head) or not isinstance(at, str):
        raise ValueError("a member is missing or malformed")
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("its time has no zone")
    return Checkpoint(entries=entries, head=head, at=moment.astimezone(UTC))


def _broken(reason: str) -> CheckpointVerdict:
    return CheckpointVerdict(checkpoint=None, trust=Trust.NOT_CHECKED, signer=None, reason=reason)
