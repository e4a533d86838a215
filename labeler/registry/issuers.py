"""The issuer directory: whom to ask about a handle.

Every payload carries an issuer number. The directory, a JSON file that ships with Labeler and can
be replaced through `Settings.issuer_directory`, says who that is, and where to ask::

    {"schema": 2, "issuers": [{"number": 7, "name": "Example AG", "url": "https://…",
      "detector": "https://…", "resolver": "https://…", "contact": "…", "since": "2026-11-22",
      "signer_key": "SHA-256", "signature": {"algorithm", "certificates", "signed_at", "value"}}]}

All but number and name may be missing; schema 1 had no more than those and ``url``. Number 0 is
"local": the registry of the machine that stamped. Its handles mean nothing elsewhere.

An entry is worth as much as whoever made the directory, unless its issuer signed it
(`labeler.registry.issuer_entries`). One whose signature does not hold is as good as none: it is not
found, and is told among those that were refused.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.directions import web_address
from labeler.errors import SettingsError

__all__ = [
    "DIRECTORY_SCHEMA",
    "LOCAL_ISSUER",
    "PRIVATE_ISSUERS",
    "EntrySignature",
    "Issuer",
    "IssuerDirectory",
    "RefusedEntry",
    "parse_entries",
    "read_document",
    "signed_bytes",
]

LOCAL_ISSUER: Final = 0
PRIVATE_ISSUERS: Final = range(0xFF00, 0x10000)
"""Numbers that nobody is given: for trials, and for use within one organisation."""
DIRECTORY_SCHEMA: Final = 2
_READ_SCHEMAS: Final = frozenset({1, DIRECTORY_SCHEMA})
_ADDRESSES: Final = ("url", "detector", "resolver")
_LONGEST: Final = 200
"""Characters of a name or a contact."""
_MOST_BYTES: Final = 64 << 20
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_DOMAIN: Final = b"labeler.issuer-entry.v1\n"
_HINT: Final = 'It looks like {"schema": 2, "issuers": [{"number": 7, "name": "…"}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySignature:
    """The signature of an entry; whether it holds is for `issuer_entries` to say."""

    algorithm: SigningAlgorithm
    certificates: tuple[bytes, ...] = field(repr=False)
    """DER, the signer's first."""
    signed_at: datetime
    """When, as the signer says."""
    value: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    """What it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One entry of the directory."""

    number: int
    """The number that payloads carry, 0 to 65535."""
    name: str
    """Who that is."""
    url: str | None = None
    """Where people ask about one of its handles; None: nowhere but at the issuer's own machine."""
    detector: str | None = None
    """Where people and programs find its detector: a Labeler service, or another."""
    resolver: str | None = None
    """Base URL of its C2PA Soft Binding Resolution API."""
    contact: str | None = None
    """Whom to write to."""
    since: date | None = None
    """When the number was given."""
    signer_key: str | None = None
    """SHA-256 of the public key (SubjectPublicKeyInfo) that the entry has to be signed with."""
    signature: EntrySignature | None = None
    """None where it is not signed."""


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that is not used."""

    issuer: Issuer
    reason: str
    """Without a full stop."""


@dataclass(frozen=True, slots=True)
class IssuerDirectory:
    """Issuers by number."""

    issuers: tuple[Issuer, ...]
    refused: tuple[RefusedEntry, ...] = ()
    """Entries whose signatures do not hold."""

    def find(self, number: int) -> Issuer | None:
        """The issuer with ``number``; None where the directory does not know it."""
        return next((issuer for issuer in self.issuers if issuer.number == number), None)

    @classmethod
    def load(cls, file: Path | None = None) -> IssuerDirectory:
        """The directory in ``file``; None: the one that ships with Labeler.

        Raises:
            SettingsError: ``file`` cannot be read, or is not an issuer directory.
        """
        if file is None:
            shipped = resources.files(__package__).joinpath("issuers.json").read_bytes()
            return cls._of(parse_entries(_parse(shipped)))
        return cls._of(parse_entries(read_document(file), file))

    @classmethod
    def _of(cls, entries: Iterable[Issuer]) -> IssuerDirectory:
        from labeler.registry.issuer_entries import reason_against  # noqa: PLC0415 - see there

        judged = [(each, reason_against(each)) for each in entries]
        return cls(
            issuers=tuple(each for each, reason in judged if reason is None),
            refused=tuple(RefusedEntry(each, reason) for each, reason in judged if reason),
        )


def read_document(file: Path) -> Mapping[str, Any]:
    """The JSON object in a directory or an entry's file.

    Raises:
        SettingsError: It cannot be read, or is no JSON object that two readers would take alike.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        return _parse(data)
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(error, file) from error


def parse_entries(document: Mapping[str, Any], file: Path | None = None) -> tuple[Issuer, ...]:
    """The entries of a directory; signatures are not checked.

    Args:
        document: As `read_document` gives it.
        file: Where it is from.

    Raises:
        SettingsError: It is no issuer directory.
    """
    try:
        return _entries(document)
    except (AttributeError, KeyError, TypeError) as error:
        reason = ValueError(f"a member is missing or malformed: {error!r}")
        raise _unusable(reason, file) from error
    except ValueError as error:
        raise _unusable(error, file) from error


def _entries(document: Mapping[str, Any]) -> tuple[Issuer, ...]:
    schema = document["schema"]
    if type(schema) is not int or schema not in _READ_SCHEMAS:
        raise ValueError(f"schema {schema!r:.40} is unknown")
    entries = document["issuers"]
    if not isinstance(entries, list):
        raise ValueError("its issuers are no list")  # noqa: TRY004  bad data, not a bad call
    issuers = tuple(map(_read_issuer, entries))
    if len({issuer.number for issuer in issuers}) < len(issuers):
        raise ValueError("two issuers have the same number")
    return issuers


def _unusable(error: Exception, file: Path | None) -> SettingsError:
    return SettingsError(
        f"the issuer directory cannot be read: {error}",
        file=file,
        hint=_HINT,
    )


def signed_bytes(members: Mapping[str, Any], signed_at: str) -> bytes:
    """What a signature is over: the entry without it, as JSON whose members are in order.

    No blanks, no escapes that JSON can do without, UTF-8: RFC 8785 for whole numbers and texts
    whose members are named in ASCII.

    Args:
        members: The entry; a signature in it is left out.
        signed_at: When, as it stands in the signature.
    """
    entry = {name: value for name, value in members.items() if name != "signature"}
    text = json.dumps(
        {"entry": entry, "signed_at": signed_at},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return _DOMAIN + text.encode()


def _parse(data: bytes) -> Mapping[str, Any]:
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MiB")
    document = json.loads(
        data.decode("utf-8"), object_pairs_hook=_once, parse_float=_whole, parse_constant=_whole
    )
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  bad data, not a bad call
    return document


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a member is there twice")
    return found


def _whole(digits: str) -> int:
    raise ValueError(f"{digits:.40} is no whole number")


def _read_issuer(members: Mapping[str, Any]) -> Issuer:
    number, signature = members["number"], members.get("signature")
    if type(number) is not int or not 0 <= number < 1 << 16:
        raise ValueError(f"issuer number {number!r:.40} is not in 0 to 65535")
    key, since = members.get("signer_key"), members.get("since")
    if key is not None and not _FINGERPRINT.fullmatch(key):
        raise ValueError(f"the signer key of issuer {number} is no SHA-256 in small letters")
    name = _short_text(number, "name", members["name"])
    if name is None:
        raise ValueError(f"issuer {number} has no name")
    addresses = {each: _address(number, each, members.get(each)) for each in _ADDRESSES}
    return Issuer(
        number=number,
        name=name,
        contact=_short_text(number, "contact", members.get("contact")),
        since=None if since is None else date.fromisoformat(since),
        signer_key=key,
        signature=None if signature is None else _read_signature(signature, members),
        **addresses,
    )


def _short_text(number: int, member: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise ValueError(
            f"the {member} of issuer {number} is no text of 1 to {_LONGEST} characters"
        )
    return value


def _address(number: int, member: str, value: object) -> str | None:
    if value is not None and web_address(value) is None:
        raise ValueError(f"the {member} of issuer {number} is no http or https URL")
    return web_address(value)


def _read_signature(signature: Mapping[str, Any], members: Mapping[str, Any]) -> EntrySignature:
    signed_at = datetime.fromisoformat(signature["signed_at"])
    if signed_at.tzinfo is None:
        raise ValueError("the time of a signature has no zone")
    return EntrySignature(
        algorithm=SigningAlgorithm(signature["algorithm"]),
        certificates=tuple(
            base64.b64decode(each, validate=True) for each in signature["certificates"]
        ),
        signed_at=signed_at,
        value=base64.b64decode(signature["value"], validate=True),
        signed=signed_bytes(members, signature["signed_at"]),
    )
