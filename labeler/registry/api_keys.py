"""API keys: who may have a service of this registry do things, and which.

A key is shown once, when it is made, as one text: ``lblr_<key id>_<secret>``. The secret is 256
random bits, and only this stays of it::

    digest   HMAC-SHA256, key: the secret, over ``"labeler api key 1:" key id``

Slow functions (scrypt, Argon2) are for secrets that can be guessed. Nobody tries 2^256 of them, and
a check that takes milliseconds would be a way to keep the service busy. The id is in the digest, so
that the row of one key does not fit another. Whoever reads the database gets no key from it.

Making and revoking a key are entries of the audit log, by whom and why.

Two parts of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from labeler.errors import RegistryError
from labeler.registry.audit import AuditEntry, canonical, check_text
from labeler.registry.audit_log import AuditWriting
from labeler.registry.database import Storage
from labeler.registry.schema import api_keys

__all__ = [
    "API_KEY_CREATION",
    "API_KEY_REVOCATION",
    "ApiKey",
    "ApiKeyReading",
    "ApiKeyWriting",
    "PresentedKey",
    "Scope",
]

API_KEY_CREATION: Final = "api-key-creation"
"""An API key was made; the subject is ``api-key:`` and its id."""
API_KEY_REVOCATION: Final = "api-key-revocation"
"""An API key was revoked; the subject likewise."""

_PREFIX: Final = "lblr"
"""What scanners for leaked secrets know it by."""
_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(
    rf"{_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})"
)
_DOMAIN: Final = b"labeler api key 1:"
_NAME: Final = 100


class Scope(StrEnum):
    """What a key is good for."""

    STAMP = "stamp"
    """Having files stamped in the name of this registry's identity."""
    RECEIPTS = "receipts"
    """Reading receipts."""
    METRICS = "metrics"
    """Reading the service's metrics."""
    STORE_MANIFESTS = "store:manifests"
    """Entrusting manifests to the registry."""
    STORE_BINDINGS = "store:bindings"
    """Saying which soft bindings lead to a manifest."""
    FETCH_MANIFESTS = "fetch:manifests"
    """Reading manifests, where these are not for everybody."""
    JOBS = "jobs"
    """Leaving files that take long, and asking for their answers later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as the registry has it: not the secret."""

    key_id: str
    """Its id, 16 hexadecimal digits."""
    name: str
    """What its owner, or its use, is called."""
    scopes: frozenset[str]
    """What it is good for: values of `Scope`; of a later version, others too."""
    created_at: datetime
    """When it was made, UTC."""
    revoked_at: datetime | None
    """When it was revoked, UTC; None: it holds."""
    digest: str = field(repr=False)
    """What its secret is compared with, hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedKey:
    """A key as somebody shows it; whether it holds is not known yet."""

    key_id: str
    """The id that it names."""
    secret: bytes = field(repr=False)
    """Its secret, 32 bytes."""

    @classmethod
    def parse(cls, text: str) -> PresentedKey | None:
        """The key that ``text`` is; None where it has not the form of one."""
        match = _TEXT.fullmatch(text)
        if match is None:
            return None
        return cls(key_id=match[1], secret=bytes.fromhex(match[2]))

    @classmethod
    def generate(cls) -> PresentedKey:
        """A new one."""
        return cls(key_id=secrets.token_hex(_ID_BYTES), secret=secrets.token_bytes(_SECRET_BYTES))

    @property
    def text(self) -> str:
        """The key as its owner gets it: a secret."""
        return f"{_PREFIX}_{self.key_id}_{self.secret.hex()}"

    @property
    def digest(self) -> str:
        """What stays of it, hexadecimal."""
        message = _DOMAIN + self.key_id.encode("ascii")
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()

    def opens(self, key: ApiKey) -> bool:
        """Whether it is that key, and that holds; how long this takes says nothing of why not."""
        is_it = hmac.compare_digest(self.digest.encode(), key.digest.encode())
        return is_it and self.key_id == key.key_id and key.revoked_at is None


class ApiKeyReading(Storage):
    """Reading API keys."""

    def api_key(self, key_id: str) -> ApiKey | None:
        """The key of that id, revoked or not; None where there is none.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = select(api_keys).where(api_keys.c.key_id == key_id)
        with self._connection() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _key(row)

    def api_keys(self) -> tuple[ApiKey, ...]:
        """All keys, the oldest first, revoked ones too.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        with self._connection() as connection:
            return tuple(map(_key, connection.execute(query)))


class ApiKeyWriting(ApiKeyReading, AuditWriting):
    """Making and revoking API keys."""

    _now: Callable[[], datetime]

    def create_api_key(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        actor: str,
        reason: str,
    ) -> tuple[ApiKey, str]:
        """Make a key.

        Args:
            name: What its owner, or its use, is called.
            scopes: What it is good for, at least one thing.
            actor: Who makes it.
            reason: Why.

        Returns:
            The key, and its text, which nobody can tell afterwards.

        Raises:
            RegistryError: A word is blank or too long, there is no scope, or the registry cannot be
                written.
        """
        _check_name(name)
        granted = sorted({Scope(scope).value for scope in scopes})
        if not granted:
            raise RegistryError(
                "an API key without a scope is good for nothing",
                hint=f"Give one of {', '.join(Scope)}",
            )
        presented = PresentedKey.generate()
        key = ApiKey(
            key_id=presented.key_id,
            name=name,
            scopes=frozenset(granted),
            created_at=self._now().astimezone(UTC),
            revoked_at=None,
            digest=presented.digest,
        )
        with self._writing() as connection:
            connection.execute(insert(api_keys).values(_row(key)))
            body = canonical({"name": name, "scopes": granted})
            self._add(
                connection,
                API_KEY_CREATION,
                _subject(key.key_id),
                actor=actor,
                reason=reason,
                body=body,
            )
        return key, presented.text

    def revoke_api_key(self, key_id: str, *, actor: str, reason: str) -> AuditEntry:
        """Revoke a key, for good.

        Args:
            key_id: Which.
            actor: Who revokes it.
            reason: Why.

        Returns:
            The entry of the audit log.

        Raises:
            RegistryError: There is no such key, it was revoked before, a word is blank, or the
                registry cannot be written.
        """
        columns = api_keys.c
        now = self._now().astimezone(UTC).isoformat()
        with self._writing() as connection:
            done = connection.execute(
                update(api_keys)
                .where(columns.key_id == key_id, columns.revoked_at.is_(None))
                .values(revoked_at=now)
            ).rowcount
            if not done:
                known = connection.execute(select(columns.key_id).where(columns.key_id == key_id))
                problem = "was revoked before" if known.first() else "is not there"
                raise RegistryError(
                    f"the API key {key_id} {problem}",
                    file=self._name,
                    hint="See `labeler api-keys list`",
                )
            return self._add(
                connection,
                API_KEY_REVOCATION,
                _subject(key_id),
                actor=actor,
                reason=reason,
                body=canonical({}),
            )


def _check_name(name: str) -> None:
    check_text(name, "a name")
    if len(name) > _NAME or not name.isprintable():
        raise RegistryError(
            f"the name of an API key has at most {_NAME} characters, all printable",
            hint="Give a shorter name on one line",
        )


def _subject(key_id: str) -> str:
    return f"api-key:{key_id}"


def _row(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "digest": key.digest,
        "scopes": " ".join(sorted(key.scopes)),
        "created_at": key.created_at.isoformat(),
        "revoked_at": None,
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        created_at=datetime.fromisoformat(row.created_at),
        revoked_at=None if row.revoked_at is None else datetime.fromisoformat(row.revoked_at),
        digest=row.digest,
    )
