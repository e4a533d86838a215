"""Manifest stores of strangers, and API keys for a service's repository."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from PIL import Image

from labeler.credentials import Identity, SoftBinding, describe, sign
from labeler.media.formats import MediaType
from labeler.provenance import Provenance, SourceType
from labeler.registry import Registry, Scope
from labeler.settings import Settings

BASE = "/c2pa/v1"
STORE_TYPE = "application/c2pa"


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest store, which nobody has yet."""

    manifest_id: str
    store: bytes


def a_store(identity: Identity, *bindings: SoftBinding, title: str | None = None) -> Stored:
    """A manifest store that somebody signed for a picture of nothing."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "PNG")
    definition = describe(
        Provenance(source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA, title=title),
        now=datetime.now(UTC),
        soft_bindings=bindings,
    )
    signed = sign(file.getvalue(), MediaType.PNG, definition, identity)
    return Stored(signed.manifest_id, signed.store)


def a_key(settings: Settings, *scopes: Scope) -> dict[str, str]:
    """The header field of a new API key."""
    registry = Registry.of(settings)
    try:
        _, text = registry.create_api_key("test", scopes, actor="test", reason="test")
    finally:
        registry.close()
    return {"Authorization": f"Bearer {text}"}


def store(
    client: httpx.Client, key: dict[str, str], data: bytes, *, query: str = ""
) -> httpx.Response:
    """What comes of entrusting a store to a service."""
    headers = key | {"Content-Type": STORE_TYPE}
    return client.post(f"{BASE}/manifests{query}", content=data, headers=headers)
