"""The C2PA toolkit (c2pa-python), behind the few calls that Labeler makes.

This is the only module that touches `c2pa`, and it is imported when first needed. Nothing is shared
between calls, so threads may call at the same time and processes may fork between calls. The
network is off in every context.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import c2pa

from labeler.credentials._asset import Asset, MemoryAsset
from labeler.credentials._layout import Binding
from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.manifest import PARENT_LABEL, ManifestDefinition
from labeler.credentials.trust import TrustKind, TrustStore

STORE_MEDIA_TYPE: Final = "application/c2pa"

ToolkitError: Final = c2pa.C2paError
"""What the toolkit raises."""
UnsupportedError: Final = c2pa.C2paError.NotSupported
"""What it raises for formats that it embeds nothing in."""
_REMOTE_PREFIX: Final = "Remote:"
_PARENT_RESOURCE: Final = "parent.c2pa"

_ALGORITHMS: Final = {
    SigningAlgorithm.ES256: c2pa.C2paSigningAlg.ES256,
    SigningAlgorithm.ES384: c2pa.C2paSigningAlg.ES384,
    SigningAlgorithm.ES512: c2pa.C2paSigningAlg.ES512,
    SigningAlgorithm.PS256: c2pa.C2paSigningAlg.PS256,
    SigningAlgorithm.PS384: c2pa.C2paSigningAlg.PS384,
    SigningAlgorithm.PS512: c2pa.C2paSigningAlg.PS512,
    SigningAlgorithm.ED25519: c2pa.C2paSigningAlg.ED25519,
}


class NoManifestError(Exception):
    """There is no manifest."""


class RemoteManifestError(Exception):
    """The manifest is elsewhere, and is not fetched."""


def _context(trust: TrustStore, *kinds: TrustKind, doubt_time: bool = True) -> Any:
    settings = {
        "trust": json.loads(trust.to_settings(*kinds)),
        "core": {"allowed_network_hosts": []},
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_timestamp_trust": doubt_time,
            # What was signed is read back in full, which checks more: the asset's hash too.
            "verify_after_sign": False,
        },
        # A thumbnail would be a copy of the content that carries no watermark.
        "builder": {"thumbnail": {"enabled": False}},
    }
    return c2pa.Context.from_dict(settings)


# ---------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What the toolkit says about a manifest store."""

    report: Mapping[str, object]
    """``Reader.json()``."""
    certificate: Mapping[str, object]
    """``Reader.crjson()``'s account of the active manifest's signer."""


def read_store(
    asset: Asset, media_type: str, *, trust: TrustStore, sidecar: bytes | None = None
) -> Store:
    """What the toolkit says about the manifest in ``asset``, or in ``sidecar`` if that is given.

    Signers are held against the lists for signers only. Time stamps are believed whoever made them,
    so that a signer is judged as of then; whether to believe them is for `is_time_trusted`.

    Raises:
        NoManifestError: There is none.
        RemoteManifestError: There is only a reference to one.
        ToolkitError: It, or the file around it, is damaged.
        UnreadableMediaError: A file cannot be read.
    """
    context = _context(trust, TrustKind.MANIFEST, doubt_time=False)
    try:
        with (
            asset.open() as stream,
            c2pa.Reader(media_type, stream, sidecar, context=context) as reader,
        ):
            report = json.loads(reader.json())
            manifests = json.loads(reader.crjson()).get("manifests", [])
    except c2pa.C2paError.ManifestNotFound as error:
        raise NoManifestError from error
    except c2pa.C2paError as error:
        if str(error).startswith(_REMOTE_PREFIX):
            raise RemoteManifestError from error
        raise
    label = report.get("active_manifest")
    active = next((entry for entry in manifests if entry.get("label") == label), dict[str, Any]())
    return Store(report=report, certificate=active.get("signature", {}).get("certificateInfo", {}))


def is_time_trusted(
    asset: Asset, media_type: str, *, trust: TrustStore, sidecar: bytes | None = None
) -> bool:
    """Whether the time stamp was made by an authority on a list for such.

    Raises:
        ToolkitError: As `read_store`.
        UnreadableMediaError: A file cannot be read.
    """
    context = _context(trust, TrustKind.TSA)
    with (
        asset.open() as stream,
        c2pa.Reader(media_type, stream, sidecar, context=context) as reader,
    ):
        results = reader.get_validation_results() or {}
    success = results.get("activeManifest", {}).get("success", [])
    return any(entry.get("code") == "timeStamp.trusted" for entry in success)


def assertions_of(store: bytes) -> Mapping[str, object]:
    """The assertions of a manifest store's active manifest, by their labels.

    Raises:
        ToolkitError: The store is damaged.
    """
    return assertions_in(MemoryAsset(store), STORE_MEDIA_TYPE)


def assertions_in(asset: Asset, media_type: str) -> Mapping[str, object]:
    """The assertions of the active manifest in ``asset``, by their labels.

    Raises:
        ToolkitError: The file or its store is damaged.
        UnreadableMediaError: The file cannot be read.
    """
    context = _context(TrustStore())
    with asset.open() as stream, c2pa.Reader(media_type, stream, context=context) as reader:
        report = json.loads(reader.detailed_json())
    manifest = report.get("manifests", {}).get(report.get("active_manifest"), {})
    assertions = manifest.get("assertion_store", {})
    return assertions if isinstance(assertions, dict) else {}


# ---------------------------------------------------------------------------------------- signing


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentManifest:
    """A parent's manifest store, and what reading it said."""

    data: bytes
    report: Mapping[str, object]
    """`Store.report`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentInput:
    """A parent ingredient: the file that was opened."""

    asset: Asset
    media_type: str
    manifest: ParentManifest | None = None
    """Its manifest; None where the toolkit is to look for one in the file."""


def local_signer(algorithm: SigningAlgorithm, chain: str, key: bytes, tsa_url: str | None) -> Any:
    """A signer that holds the key; its manifests are 9 KB smaller than a callback's."""
    info = c2pa.C2paSignerInfo(
        algorithm.value.encode(), chain.encode(), key, None if tsa_url is None else tsa_url.encode()
    )
    return c2pa.Signer.from_info(info)


def callback_signer(
    algorithm: SigningAlgorithm,
    chain: str,
    callback: Callable[[bytes], bytes],
    tsa_url: str | None,
) -> Any:
    """A signer that calls ``callback``, which must not raise: the toolkit drops what it raises."""
    return c2pa.Signer.from_callback(callback, _ALGORITHMS[algorithm], chain, tsa_url)


def sign_embedded(
    data: bytes,
    media_type: str,
    definition: ManifestDefinition,
    signer: Any,
    *,
    parent: ParentInput | None,
    trust: TrustStore,
) -> tuple[bytes, bytes]:
    """``data`` with a signed manifest in it, and the manifest's store by itself."""
    output = io.BytesIO()
    content = json.loads(definition.json)
    with _builder(content, definition, parent, trust) as builder:
        store: bytes = builder.sign(signer, media_type, io.BytesIO(data), output)
    return output.getvalue(), store


def sign_store(
    binding: Binding,
    definition: ManifestDefinition,
    signer: Any,
    *,
    parent: ParentInput | None,
    trust: TrustStore,
) -> bytes:
    """A signed manifest store for the file that ``binding`` is for (C2PA 2.4, 11.4)."""
    content = json.loads(definition.json)
    assertion = {"label": binding.label, "created": True, "data": binding.to_json()}
    content["assertions"].append(assertion)
    with _builder(content, definition, parent, trust) as builder:
        # The toolkit signs a bare store with the hash that it finds there; the asset is not read.
        store: bytes = builder.sign(signer, STORE_MEDIA_TYPE, io.BytesIO(b"-"), io.BytesIO())
    return store


def _builder(
    content: dict[str, Any],
    definition: ManifestDefinition,
    parent: ParentInput | None,
    trust: TrustStore,
) -> Any:
    manifest = None if parent is None else parent.manifest
    if parent is not None and manifest is not None:
        content.setdefault("ingredients", []).append(_known_parent(parent, manifest))
    context = _context(trust, TrustKind.MANIFEST, TrustKind.TSA)
    builder = c2pa.Builder(json.dumps(content), context=context)
    for resource in definition.resources:
        builder.add_resource(resource.identifier, io.BytesIO(resource.data))
    if manifest is not None:
        builder.add_resource(_PARENT_RESOURCE, io.BytesIO(manifest.data))
    elif parent is not None:
        ingredient = {"label": PARENT_LABEL, "relationship": "parentOf"}
        with parent.asset.open() as stream:
            builder.add_ingredient(json.dumps(ingredient), parent.media_type, stream)
    return builder


def _known_parent(parent: ParentInput, manifest: ParentManifest) -> dict[str, object]:
    """A parent whose manifest was read before: the toolkit wants its validation results with it."""
    return {
        "label": PARENT_LABEL,
        "relationship": "parentOf",
        "format": parent.media_type,
        "active_manifest": manifest.report["active_manifest"],
        "validation_results": manifest.report["validation_results"],
        "manifest_data": {"format": STORE_MEDIA_TYPE, "identifier": _PARENT_RESOURCE},
    }
