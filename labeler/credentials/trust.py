"""Whom to trust: lists of certificates that signers and time-stamp authorities may chain to."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from labeler.credentials.algorithms import EXTENDED_KEY_USAGES
from labeler.credentials.development import ROOT_FILE
from labeler.errors import IdentityError, TrustListError

__all__ = ["TrustKind", "TrustList", "TrustStore"]

_PEM_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_GET_PEM: Final = "Give a trust list or certificates in PEM form"


class TrustKind(StrEnum):
    """What a trust list is for."""

    MANIFEST = "manifest"
    """Signers of manifests."""
    TSA = "tsa"
    """Time-stamp authorities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustList:
    """Certificates that are trusted for one purpose."""

    kind: TrustKind
    name: str
    """Where the list comes from: a file's path."""
    certificates: str = field(repr=False)
    """The anchors as PEM, comments taken out."""
    count: int
    """How many anchors there are."""

    @property
    def uri(self) -> str:
        """A name for the list, made of its content and kind (RFC 6920): it tells no path."""
        digest = hashlib.sha256(self.certificates.encode()).digest()
        name = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return f"ni:///sha-256;{name}?kind={self.kind}"

    @classmethod
    def parse(cls, pem: bytes, *, kind: TrustKind, name: str) -> TrustList:
        """The certificates in ``pem``; text between them is taken for comments.

        Raises:
            TrustListError: There are none, one is malformed, or there is something else between
                them (a private key, say).
        """
        from labeler.credentials import _certificates  # noqa: PLC0415 - slow to import

        blocks = _PEM_BLOCK.findall(pem.decode("utf-8", "replace"))
        foreign = sorted(set(blocks) - {"CERTIFICATE"})
        if foreign:
            raise TrustListError(
                f"the trust list holds something that is no certificate ({', '.join(foreign)})",
                file=name,
                hint="Take it out; a private key that lay in a trust list should be replaced",
            )
        try:
            chain = _certificates.parse_chain(pem)
        except IdentityError as error:
            raise TrustListError(error.problem, file=name, hint=_GET_PEM) from error
        if len(chain) != len(blocks):
            raise TrustListError(
                f"only {len(chain)} of {len(blocks)} certificates can be read",
                file=name,
                hint=_GET_PEM,
            )
        return cls(
            kind=kind, name=name, certificates=_certificates.chain_pem(chain), count=len(chain)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStore:
    """Trust lists, those for signers and those for time-stamp authorities kept apart.

    Without a list for signers nobody is trusted, and readings say that trust was not checked.
    """

    lists: tuple[TrustList, ...] = ()

    @classmethod
    def load(
        cls, manifest_lists: Iterable[Path] = (), tsa_lists: Iterable[Path] = ()
    ) -> TrustStore:
        """The trust lists in PEM files.

        Args:
            manifest_lists: Files of anchors that signers may chain to, such as C2PA's own
                ``C2PA-TRUST-LIST.pem``.
            tsa_lists: Files of anchors that time-stamp authorities may chain to.

        Raises:
            TrustListError: A file cannot be read or is no list of certificates; it is named.
        """
        kinds = ((TrustKind.MANIFEST, manifest_lists), (TrustKind.TSA, tsa_lists))
        return cls(
            lists=tuple(
                TrustList.parse(_read(path), kind=kind, name=str(path))
                for kind, paths in kinds
                for path in paths
            )
        )

    @classmethod
    def from_development_identity(cls, directory: Path) -> TrustStore:
        """Trust in the root that `create_development_identity` made in ``directory``.

        Raises:
            TrustListError: There is none.
        """
        return cls.load([directory / ROOT_FILE])

    def __or__(self, other: TrustStore) -> TrustStore:
        """Trust in what either store trusts."""
        return TrustStore(lists=tuple(dict.fromkeys((*self.lists, *other.lists))))

    def of_kind(self, kind: TrustKind) -> tuple[TrustList, ...]:
        """The lists of one kind."""
        return tuple(entry for entry in self.lists if entry.kind is kind)

    def vouches(self, kind: TrustKind, uri: str | None) -> bool:
        """Whether ``uri``, under which the toolkit found an anchor, names a list of ``kind``."""
        return any(entry.uri == uri for entry in self.of_kind(kind))

    def to_settings(self, *kinds: TrustKind) -> str:
        """The ``trust`` section of the C2PA toolkit's settings, as JSON (c2pa-rs 0.91).

        The toolkit takes an anchor of any list for any purpose, and names one list at random where
        several hold it. So whoever asks about trust has to ask with one kind at a time.
        """
        anchors = [
            {
                "trust_anchors": entry.certificates,
                "trust_kind": entry.kind.value,
                "trust_uri": entry.uri,
            }
            for kind in kinds
            for entry in self.of_kind(kind)
        ]
        # Certificate purposes count only here, not beside the anchors.
        purposes = "\n".join(EXTENDED_KEY_USAGES)
        return json.dumps({"anchors": anchors, "trust_config": purposes})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustListError(
            f"the trust list cannot be read ({error.strerror})",
            file=path,
            hint="Check the path and who may read it",
        ) from error
