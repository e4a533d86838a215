"""Entries of the issuer directory: signed by their issuers, checked, and put into a directory.

    entry = sign_entry(Issuer(number=7, name="Example AG", …), identity, now=…)
    check_entry(issuer, trust=…, now=…).standing

A signature shows that an entry is its signer's. That the signer may have the number shows whoever
keeps the directory: by ``signer_key``, which binds the number to a key, and by being asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from labeler.credentials.trust import TrustStore
from labeler.credentials.verdicts import Trust
from labeler.errors import SettingsError
from labeler.registry.issuers import (
    DIRECTORY_SCHEMA,
    LOCAL_ISSUER,
    PRIVATE_ISSUERS,
    Issuer,
    parse_entries,
    signed_bytes,
)

if TYPE_CHECKING:
    from labeler.credentials import Identity

__all__ = [
    "EntryCheck",
    "Standing",
    "check_entry",
    "directory_text",
    "merged",
    "reason_against",
    "sign_entry",
    "write_entry",
]

_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class Standing(StrEnum):
    """What an entry's signature is worth."""

    UNSIGNED = "unsigned"
    """As good as who made the directory."""
    SIGNED = "signed"
    """The signature holds; its signer is on no trust list in use."""
    TRUSTED = "trusted"
    """The signature holds, and its signer is trusted."""
    BROKEN = "broken"
    """The signature does not hold, or another key than the entry's own made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCheck:
    """What is to be said of an entry."""

    standing: Standing
    signer: str | None = None
    """The name in the signer's certificate, where the signature holds."""
    reason: str | None = None
    """Why it is broken, or its signer not trusted; without a full stop."""
    problems: tuple[str, ...] = ()
    """What speaks against it in a directory that others use, without full stops."""


def write_entry(issuer: Issuer) -> dict[str, Any]:
    """The JSON form of an entry, without its signature."""
    members = {
        "number": issuer.number,
        "name": issuer.name,
        "url": issuer.url,
        "detector": issuer.detector,
        "resolver": issuer.resolver,
        "contact": issuer.contact,
        "since": None if issuer.since is None else issuer.since.isoformat(),
        "signer_key": issuer.signer_key,
    }
    return {name: value for name, value in members.items() if value is not None}


def sign_entry(issuer: Issuer, identity: Identity, *, now: datetime) -> dict[str, Any]:
    """The JSON form of an entry, signed and bound to the signer's key.

    Args:
        issuer: The entry; its signer key and signature are replaced.
        identity: Who signs.
        now: The present time, with its zone.

    Raises:
        SigningError: The identity cannot sign.
    """
    from labeler.credentials import detached  # noqa: PLC0415 - slow to import

    chain = detached.encoded_chain(identity)
    members = write_entry(issuer) | {"signer_key": detached.key_fingerprint(chain)}
    signed_at = now.astimezone(UTC).isoformat(timespec="seconds")
    value = detached.sign_bytes(identity, signed_bytes(members, signed_at))
    signature = {
        "algorithm": identity.algorithm.value,
        "certificates": [base64.b64encode(each).decode("ascii") for each in chain],
        "signed_at": signed_at,
        "value": base64.b64encode(value).decode("ascii"),
    }
    return members | {"signature": signature}


def check_entry(
    issuer: Issuer, *, trust: TrustStore, now: datetime, private: bool = False
) -> EntryCheck:
    """Whether an entry is its signer's, and fit for a directory.

    Args:
        issuer: The entry.
        trust: Whose certificates are trusted.
        now: The present time, with its zone.
        private: Whether the directory is for use within one organisation.
    """
    problems = tuple(_problems(issuer, private=private))
    if issuer.signature is None:
        if issuer.signer_key is None:
            return EntryCheck(standing=Standing.UNSIGNED, problems=problems)
        told = "it names the key of its signer, and is not signed"
        return EntryCheck(standing=Standing.BROKEN, reason=told, problems=(told, *problems))
    holds, trusted, signer, reason = _judge(issuer, trust, now)
    if not holds:
        told = reason or "its signature does not hold"
        return EntryCheck(standing=Standing.BROKEN, reason=told, problems=(told, *problems))
    standing = Standing.TRUSTED if trusted else Standing.SIGNED
    return EntryCheck(standing=standing, signer=signer, reason=reason, problems=problems)


def reason_against(issuer: Issuer) -> str | None:
    """Why an entry is not to be used at all; None where nothing speaks against it.

    Whether certificates are still valid, and their signers trusted, does not matter here.
    """
    checked = check_entry(issuer, trust=TrustStore(), now=_LONG_AGO, private=True)
    return checked.reason if checked.standing is Standing.BROKEN else None


def merged(
    directory: Mapping[str, Any], entries: Mapping[str, Any], *, file: Path
) -> dict[str, Any]:
    """A directory with more entries, in the order of their numbers; what is unknown is kept.

    Args:
        directory: The directory as a JSON object.
        entries: Another, whose entries are added.
        file: Where the entries are from.

    Raises:
        SettingsError: A number is taken.
    """
    taken = {each.number: each for each in parse_entries(directory)}
    for each in parse_entries(entries, file):
        if each.number in taken:
            raise SettingsError(
                f"the number {each.number} is taken by {taken[each.number].name}",
                file=file,
                hint="Give another number; an entry that is to change has to be taken out first",
            )
    members = [*directory["issuers"], *entries["issuers"]]
    return {
        **directory,
        "schema": DIRECTORY_SCHEMA,
        "issuers": sorted(members, key=lambda entry: int(entry["number"])),
    }


def directory_text(entries: Mapping[str, Any]) -> str:
    """A directory as the text of its file."""
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _problems(issuer: Issuer, *, private: bool) -> Iterator[str]:
    if issuer.number == LOCAL_ISSUER and not private:
        yield "number 0 means every machine's own registry, and is nobody's"
    if issuer.number in PRIVATE_ISSUERS and not private:
        yield f"number {issuer.number} is for private use, and may be anybody's"
    addresses = {"url": issuer.url, "detector": issuer.detector, "resolver": issuer.resolver}
    if not any(addresses.values()) and issuer.number != LOCAL_ISSUER:
        yield "it says nowhere to ask: it has no url, detector or resolver"
    for member, address in addresses.items():
        if address is not None and not private and urlsplit(address).scheme != "https":
            yield f"its {member} is no https URL, so that anybody on the way could answer"


def _judge(
    issuer: Issuer, trust: TrustStore, now: datetime
) -> tuple[bool, bool, str | None, str | None]:
    """Whether the signature holds, whether its signer is trusted, who that is, and why not."""
    from labeler.credentials import detached  # noqa: PLC0415 - slow to import

    signature = issuer.signature
    if signature is None:
        return False, False, None, None
    if issuer.signer_key not in {None, detached.key_fingerprint(signature.certificates)}:
        return False, False, None, "another key signed it than the one that it names"
    verdict = detached.check_bytes(
        signature.signed,
        signature.value,
        algorithm=signature.algorithm,
        certificates=signature.certificates,
        trust=trust,
        now=now,
        signed_at=signature.signed_at,
    )
    return verdict.holds, verdict.trust is Trust.TRUSTED, verdict.signer, verdict.reason
