"""Receipts of manifests: the repository's signed word that it was given a manifest store, and when.

A receipt has the form of the specification (``c2pa.manifestReceipt``). Its proof is a JSON Web
Signature by the service's identity (`labeler.credentials.jws`) over::

    {"manifest_id", "repository", "schema": 1, "sha256", "stored_at"}

``sha256`` is that of the store. Receipts are not kept: they are made from what the registry holds
whenever somebody asks, and checked against it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from labeler.credentials import Identity, TrustStore
from labeler.credentials.detached import check_bytes, encoded_chain
from labeler.credentials.jws import Jws, sign
from labeler.registry import StoredManifest

__all__ = ["CONTENT_TYPE", "ManifestReceipts"]

CONTENT_TYPE: Final = "vnd.labeler.manifest-receipt+json"
"""Media type of what is signed, without ``application/``."""
_SCHEMA: Final = 1
_PROOF: Final = "JWS"
"""What `proof` holds beside it are the members of RFC 7515, 7.2.2."""
_TYPE: Final = "org.c2pa.manifest-receipt"
_CONTEXT: Final = {
    "c2pa": "https://c2pa.org/ns/",
    "receipt": "https://c2pa.org/ns/manifest-receipt#",
}
_MOST: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReceipts:
    """Makes receipts, and checks them."""

    identity: Identity
    """Who signs."""
    repository: str
    """Base URL of the interface."""

    def issue(self, stored: StoredManifest) -> dict[str, Any]:
        """The receipt of a manifest.

        Raises:
            SigningError: It cannot be signed.
        """
        payload = json.dumps(self._statement(stored), sort_keys=True).encode("ascii")
        proof = json.loads(sign(payload, content_type=CONTENT_TYPE, identity=self.identity))
        return {
            "@context": dict(_CONTEXT),
            "@type": _TYPE,
            "repository": {"uri": self.repository, "manifestId": stored.manifest_id},
            "anchor": {"uri": self._anchor(stored), "proof": {"alg": _PROOF, **proof}},
        }

    def verified(self, stored: StoredManifest) -> dict[str, Any]:
        """The receipt of a manifest, verified.

        Raises:
            SigningError: It cannot be signed.
        """
        return {**self.issue(stored), "verified": True}

    def verify(self, receipt: Mapping[str, Any], stored: StoredManifest) -> dict[str, Any]:
        """A receipt that somebody brings along, and whether it is this repository's of a manifest.

        Args:
            receipt: The receipt, whatever is in it.
            stored: The manifest that it is said to be of.
        """
        told = {name: receipt[name] for name in ("@context", "@type", "repository", "anchor")}
        try:
            self._check(receipt, stored)
        except ValueError as error:
            return {**told, "verified": False, "error": str(error)}
        return {**told, "verified": True}

    def _check(self, receipt: Mapping[str, Any], stored: StoredManifest) -> None:
        """See that a receipt holds.

        Raises:
            ValueError: It does not.
        """
        repository = receipt["repository"]
        if repository.get("manifestId") != stored.manifest_id:
            raise ValueError("The receipt is of another manifest")
        # The signature covers what the registry holds, and so the rest of the receipt has to.
        is_same = self._signed(receipt["anchor"].get("proof", {})) == self._statement(stored)
        if not is_same or repository.get("uri") != self.repository:
            raise ValueError("The receipt says something else than the repository holds")

    def _signed(self, proof: Mapping[str, Any]) -> object:
        """What a proof says on this repository's word.

        Raises:
            ValueError: It is not this repository's.
        """
        members = dict(proof)
        if members.pop("alg", None) != _PROOF:
            raise ValueError("The proof is of another kind than this repository's")
        try:
            jws = Jws.from_json(
                json.dumps(members), content_type=CONTENT_TYPE, max_characters=_MOST
            )
            told: object = json.loads(jws.payload)
        except (ValueError, RecursionError):
            raise ValueError("The proof cannot be read") from None
        # A trusted signature is not enough: others sign with trusted certificates, too.
        if jws.certificates[:1] != encoded_chain(self.identity)[:1]:
            raise ValueError("The proof is of another certificate than this repository has now")
        verdict = check_bytes(
            jws.signing_input,
            jws.signature,
            algorithm=jws.algorithm,
            certificates=jws.certificates,
            trust=TrustStore(),
            now=datetime.now(UTC),
        )
        if not verdict.holds:
            raise ValueError("The proof's signature does not hold")
        return told

    def _statement(self, stored: StoredManifest) -> dict[str, object]:
        return {
            "schema": _SCHEMA,
            "repository": self.repository,
            "manifest_id": stored.manifest_id,
            "sha256": stored.sha256,
            "stored_at": stored.stored_at.astimezone(UTC).isoformat(),
        }

    def _anchor(self, stored: StoredManifest) -> str:
        return f"{self.repository}/manifests/{quote(stored.manifest_id, safe=':')}/receipts"
