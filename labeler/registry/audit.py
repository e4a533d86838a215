"""The audit log's entries, and what holds them together.

Who decided what, when and why: sign-offs (the human review and editorial responsibility that Art.
50(4) subparagraph 2 of Regulation (EU) 2024/1689 asks for), decisions and stampings. The entries
form a chain: each holds the digest of the one before it::

    detail_digest   HMAC-SHA256, key ``salt``, over {"actor", "body", "reason"}
    digest          SHA-256 over {"at", "detail_digest", "kind", "previous", "sequence", "subject",
                    "version"}, where ``previous`` is the digest of the entry before

Both over canonical JSON: members in the order of their names, no spaces, ASCII only. ``body`` is a
text of JSON in there. The first entry's ``previous`` is `GENESIS`.

Actor, reason and body name people, who may ask to be forgotten (Art. 17 of Regulation (EU)
2016/679). They and the salt can be erased, all four or none; what is left is a keyed digest that
says nothing without its key, and the chain still holds. Each erasure is an entry itself, so that
one that nobody recorded is found.

A chain shows every change but one: someone who can write the file may cut its end off, or write all
of it anew. To notice that, keep the digest of the latest entry somewhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from labeler.errors import RegistryError

__all__ = [
    "DECISION",
    "ERASURE",
    "GENESIS",
    "SIGN_OFF",
    "STAMPING",
    "AuditEntry",
    "AuditVerdict",
    "canonical",
    "check_text",
    "digest_detail",
    "digest_entry",
    "inspect",
    "verify_chain",
]

SIGN_OFF: Final = "sign-off"
"""A person has signed content off; its subject is the content's SHA-256."""
DECISION: Final = "decision"
"""What the law asks of an output was assessed; its subject is the content's SHA-256."""
STAMPING: Final = "stamping"
"""An output was stamped; its subject is the output's SHA-256."""
ERASURE: Final = "erasure"
"""Actor, reason and body of an entry were erased; its subject is that entry's digest."""

GENESIS: Final = "0" * 64
"""What the first entry has for the digest of the one before it."""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry of the log."""

    sequence: int
    """Its place, from 1 without gaps."""
    at: str
    """When it was recorded, UTC, ISO 8601."""
    actor: str | None
    """Who did it; None where that was erased."""
    kind: str
    """`SIGN_OFF`, `DECISION`, `STAMPING`, `ERASURE` or another lower-case word."""
    subject: str
    """What it is about, as a rule the SHA-256 of content, hexadecimal. It cannot be erased."""
    reason: str | None
    """Why; None where that was erased."""
    body: str | None
    """The particulars, a JSON object; None where they were erased."""
    previous: str
    """Digest of the entry before, hexadecimal; `GENESIS` for the first."""
    digest: str
    """SHA-256 of this entry, hexadecimal."""
    detail_digest: str
    """HMAC-SHA256 of actor, reason and body, hexadecimal."""
    salt: str | None = field(repr=False)
    """The key of `detail_digest`, hexadecimal; None where it was erased."""

    @property
    def is_erased(self) -> bool:
        """Whether actor, reason and body are gone."""
        return self.salt is None

    @property
    def members(self) -> Mapping[str, Any]:
        """What `body` holds; nothing where it was erased.

        Raises:
            RegistryError: It is no JSON object: somebody has changed it.
        """
        try:
            found = json.loads(self.body or "{}")
        except ValueError as error:
            raise RegistryError(f"entry {self.sequence} of the audit log is damaged") from error
        if not isinstance(found, dict):
            raise RegistryError(f"entry {self.sequence} of the audit log is damaged")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """Whether the log is as it was written."""

    intact: bool
    """Whether every entry holds, and the expected one is there."""
    entries: int
    """How many entries there are, up to and including the first broken one."""
    head: str
    """Digest of the latest entry that holds; `GENESIS` where there is none."""
    first_broken: int | None = None
    """Sequence number of the first entry that does not hold; None: the entries there all do."""
    problem: str | None = None
    """What is wrong, a sentence without its full stop; None where nothing is."""


def canonical(members: Mapping[str, object]) -> str:
    """``members`` as canonical JSON.

    Raises:
        RegistryError: There is something in it that JSON does not have.
    """
    try:
        return json.dumps(members, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise RegistryError(
            f"the audit log cannot take this record: {error}",
            hint="Use texts, numbers, booleans, lists and mappings with texts for names",
        ) from error


def check_text(text: str, name: str) -> str:
    """``text``, where it is one that says something.

    Raises:
        RegistryError: It is blank, or cannot be stored.
    """
    if not text.strip():
        raise RegistryError(
            f"the audit log takes no record without {name}", hint=f"Give {name} that is not blank"
        )
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise RegistryError(f"{name} holds characters that are no text", hint="Write it anew")
    return text


def digest_detail(salt: str, *, actor: str, reason: str, body: str) -> str:
    """The keyed digest of what can be erased; ``salt`` is hexadecimal.

    Raises:
        ValueError: ``salt`` is not hexadecimal.
    """
    message = canonical({"actor": actor, "body": body, "reason": reason}).encode("ascii")
    return hmac.new(bytes.fromhex(salt), message, hashlib.sha256).hexdigest()


def digest_entry(
    *, sequence: int, at: str, kind: str, subject: str, previous: str, detail_digest: str
) -> str:
    """The digest that the next entry will hold."""
    members = {
        "at": at,
        "detail_digest": detail_digest,
        "kind": kind,
        "previous": previous,
        "sequence": sequence,
        "subject": subject,
        "version": _VERSION,
    }
    return hashlib.sha256(canonical(members).encode("ascii")).hexdigest()


def inspect(entry: AuditEntry) -> str | None:
    """What is wrong with an entry by itself; None where nothing is."""
    digest = digest_entry(
        sequence=entry.sequence,
        at=entry.at,
        kind=entry.kind,
        subject=entry.subject,
        previous=entry.previous,
        detail_digest=entry.detail_digest,
    )
    if digest != entry.digest:
        return "it was changed after it was recorded"
    if entry.salt is None or entry.actor is None or entry.reason is None or entry.body is None:
        return None  # erased; whether that was recorded the chain knows
    try:
        detail = digest_detail(entry.salt, actor=entry.actor, reason=entry.reason, body=entry.body)
    except ValueError:
        detail = None
    if detail != entry.detail_digest:
        return "its actor, reason or body was changed after it was recorded"
    return None


def verify_chain(entries: Iterable[AuditEntry], *, expected: str | None = None) -> AuditVerdict:
    """Follow the chain from its first entry.

    Args:
        entries: All of them, in their order.
        expected: Digest of an entry that has to be among them: what was the latest when somebody
            noted it. None: whether the end was cut off is not known.
    """
    head, count = GENESIS, 0
    found = expected in {None, GENESIS}
    erased: dict[str, int] = {}
    for count, entry in enumerate(entries, 1):
        problem = _link(entry, sequence=count, previous=head) or inspect(entry)
        if problem is not None:
            return _broken(count, head, count, f"entry {count}: {problem}")
        head = entry.digest
        found = found or head == expected
        if entry.kind == ERASURE:
            erased.pop(entry.subject, None)
        if entry.is_erased:
            erased[head] = count
    if erased:
        first = min(erased.values())
        problem = f"entry {first}: its actor, reason and body are gone, and no erasure is recorded"
        return _broken(count, head, first, problem)
    if not found:
        problem = "the expected entry is missing: the end was cut off, or the log written anew"
        return _broken(count, head, None, problem)
    return AuditVerdict(intact=True, entries=count, head=head)


def _link(entry: AuditEntry, *, sequence: int, previous: str) -> str | None:
    if entry.sequence != sequence:
        return f"it is missing; entry {entry.sequence} comes in its place"
    if entry.previous != previous:
        return "it does not follow the entry before it"
    return None


def _broken(entries: int, head: str, first: int | None, problem: str) -> AuditVerdict:
    return AuditVerdict(
        intact=False, entries=entries, head=head, first_broken=first, problem=problem
    )
