"""Looking for a Content Credential (C2PA), and putting what it says into the terms of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from detectors.conclusion import Evidence
from detectors.layers import read_credential
from detectors.report import Finding, Presence, Technique
from labeler.credentials import (
    DEVELOPMENT_ORGANIZATION,
    Action,
    CredentialReading,
    Directions,
    History,
    Ingredient,
    Integrity,
    Trust,
    TrustStore,
    read_store,
)
from labeler.media.content import Content
from labeler.media.media_type import MediaType

__all__ = ["detect", "detect_store"]

_PRESENCES: Final = {
    Integrity.INTACT: Presence.PRESENT,
    Integrity.TAMPERED: Presence.PRESENT,
    Integrity.DAMAGED: Presence.INCONCLUSIVE,
    Integrity.NOT_CHECKED: Presence.INCONCLUSIVE,
    Integrity.UNBOUND: Presence.PRESENT,
}
_ON_INTEGRITY: Final = {
    Integrity.TAMPERED: "The credential does not match the file: content or credential was changed "
    "after signing, or the credential is another file's.",
    Integrity.DAMAGED: "There is a credential, or what is left of one, that cannot be read.",
    Integrity.NOT_CHECKED: "The file only refers to a credential that is kept elsewhere; nothing "
    "was fetched.",
}
_ON_TRUST: Final = {
    Trust.UNTRUSTED: "The credential's signer is on none of the trust lists in use.",
    Trust.EXPIRED: "The credential's certificate is expired, and no trusted time stamp shows that "
    "it was valid when it signed.",
    Trust.REVOKED: "The credential's certificate was revoked.",
}
_MARKED: Final = (
    "The credential does not match the file, but its signature holds: {signer} signed that AI made "
    "or changed what it was given for. That was changed since, or is another file."
)
_TAMPERED_HISTORY: Final = (
    "The credential's history holds an ingredient that was changed after it was signed."
)
_DEVELOPMENT: Final = (
    "The credential was signed with a development identity, which anyone can make."
)


def detect(
    content: Content, media_type: MediaType, *, trust: TrustStore, sidecar: bytes | None = None
) -> Evidence:
    """Look for a credential in a file, or beside it.

    Args:
        content: The file.
        media_type: Its format.
        trust: Whom to trust.
        sidecar: The manifest store beside the file, where there is one.
    """
    reading = read_credential(content, media_type, trust=trust, sidecar=sidecar)
    if reading is None:
        return Evidence(finding=Finding(technique=Technique.CREDENTIAL, presence=Presence.ABSENT))
    return _evidence(reading)


def detect_store(store: bytes, *, trust: TrustStore) -> Evidence:
    """Read a manifest store that was recovered for a file that has lost it.

    Args:
        store: The store.
        trust: Whom to trust.
    """
    return _evidence(read_store(store, trust=trust))


def _evidence(reading: CredentialReading) -> Evidence:
    tampered = reading.integrity is Integrity.TAMPERED or reading.history is History.TAMPERED
    bound = tuple(each.payload for each in reading.soft_bindings if each.payload is not None)
    return Evidence(
        finding=Finding(
            technique=Technique.CREDENTIAL,
            presence=_PRESENCES[reading.integrity],
            detail=_detail(reading),
        ),
        source_types=(*reading.digital_source_types, *reading.inherited_source_types),
        payload=next(iter(bound), None),
        others=bound[1:],
        is_tampered=tampered,
        warnings=tuple(_warnings(reading)),
    )


def _warnings(reading: CredentialReading) -> Iterator[str]:
    if reading.integrity is Integrity.TAMPERED and reading.marked_by is not None:
        yield _MARKED.format(signer=reading.marked_by)
    elif reading.integrity in _ON_INTEGRITY:
        yield _ON_INTEGRITY[reading.integrity]
    if reading.history is History.TAMPERED:
        yield _TAMPERED_HISTORY
    if reading.trust in _ON_TRUST:
        yield _ON_TRUST[reading.trust]
    if reading.signer_organization == DEVELOPMENT_ORGANIZATION:
        yield _DEVELOPMENT


def _detail(reading: CredentialReading) -> Mapping[str, object]:
    disclosure = reading.ai_disclosure
    return {
        "marked_by": reading.marked_by,
        "integrity": reading.integrity.value,
        "trust": reading.trust.value,
        "history": reading.history.value,
        "detached": reading.detached,
        "manifest_id": reading.manifest_id,
        "claim_generator": reading.claim_generator,
        "title": reading.title,
        "signer": reading.signer,
        "signer_organization": reading.signer_organization,
        "signed_at": _time(reading.signed_at),
        "time_is_trusted": reading.time_is_trusted,
        "digital_source_types": list(reading.digital_source_types),
        "inherited_source_types": list(reading.inherited_source_types),
        "actions": _actions(reading.actions),
        "ingredients": [_ingredient(each) for each in reading.ingredients.listed],
        "ingredients_omitted": reading.ingredients.omitted,
        "soft_bindings": [
            {"algorithm": binding.algorithm, "value": binding.value}
            for binding in reading.soft_bindings
        ],
        "signpost": _signpost(reading.directions),
        "ai_disclosure": None
        if disclosure is None
        else {
            "model_type": disclosure.model_type,
            "model_name": disclosure.model_name,
            "model_identifier": disclosure.model_identifier,
            "human_oversight": disclosure.human_oversight,
        },
        "failures": list(reading.failures),
        "history_failures": list(reading.history_failures),
    }


def _ingredient(ingredient: Ingredient) -> Mapping[str, object]:
    integrity = ingredient.integrity
    return {
        "relationship": ingredient.relationship,
        "title": ingredient.title,
        "media_type": ingredient.media_type,
        "manifest_id": ingredient.manifest_id,
        "integrity": None if integrity is None else integrity.value,
        "claim_generator": ingredient.claim_generator,
        "signer": ingredient.signer,
        "signer_organization": ingredient.signer_organization,
        "signed_at": _time(ingredient.signed_at),
        "actions": _actions(ingredient.actions),
        "failures": list(ingredient.failures),
        "ingredients": [_ingredient(each) for each in ingredient.ingredients],
        "ingredients_omitted": ingredient.omitted,
    }


def _actions(actions: Iterable[Action]) -> list[Mapping[str, object]]:
    return [
        {
            "action": action.name,
            "digital_source_type": action.digital_source_type,
            "software_agent": action.software_agent,
            "when": _time(action.when),
        }
        for action in actions
    ]


def _signpost(directions: Directions | None) -> Mapping[str, object] | None:
    if directions is None:
        return None
    return {
        "issuer": directions.issuer,
        "detector_url": directions.detector_url,
        "resolver_url": directions.resolver_url,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
