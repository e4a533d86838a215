"""Reading a file's Content Credential: three verdicts, and what the manifest says.

    reading = read(data, MediaType.JPEG, trust=TrustStore.load([Path("C2PA-TRUST-LIST.pem")]))
    if reading is not None and reading.integrity is Integrity.INTACT: ...

Nothing is fetched from the network. No credential found means just that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labeler.credentials import _report
from labeler.credentials._asset import Asset, FileAsset, MemoryAsset, holds
from labeler.credentials._binding import BrokenStoreError
from labeler.credentials._report import Json, member, moment, objects, text
from labeler.credentials.directions import SIGNPOST_LABEL, Directions, read_directions
from labeler.credentials.ingredients import (
    Action,
    Ingredients,
    actions_of,
    generator_of,
    ingredients_of,
)
from labeler.credentials.manifest import SoftBinding
from labeler.credentials.trust import TrustKind, TrustStore
from labeler.credentials.verdicts import (
    History,
    Integrity,
    Trust,
    is_whole,
    judge_bare,
    judge_integrity,
    judge_trust,
)
from labeler.media.media_type import MediaType
from labeler.provenance import SourceType

if TYPE_CHECKING:
    from labeler.credentials import _stores, _toolkit

__all__ = [
    "AiDisclosure",
    "CredentialReading",
    "has_traces",
    "read",
    "read_asset",
    "read_file",
    "read_store",
]

# The type of a manifest store's description box (C2PA 2.4, 11.1.4.1): it begins every store.
_STORE_UUID: Final = bytes.fromhex("6332706100110010800000aa00389b71")
# Labels that every store holds (C2PA 2.4, 11.1.4.2): they are found where the type is damaged.
_STORE_LABELS: Final = (b"c2pa.assertions", b"c2pa.signature")
_WATERMARKED: Final = frozenset({"c2pa.watermarked.bound", "c2pa.watermarked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AiDisclosure:
    """What the manifest says about the model (C2PA 2.4, 18.28)."""

    model_type: str | None
    model_name: str | None
    model_identifier: str | None
    human_oversight: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialReading:
    """What a file's Content Credential says, and how far that can be believed.

    What the manifest says is worth what the verdicts are worth: where `integrity` is not intact,
    take it as a trace and not as a statement.
    """

    integrity: Integrity
    """Whether file and manifest are as they were signed."""
    trust: Trust
    """Whether the signer is trusted."""
    history: History
    """Whether the ingredients were intact."""
    detached: bool = False
    """Whether the manifest lay beside the file (`sidecar`) instead of in it."""
    manifest_id: str | None = None
    """Label of the active manifest."""
    claim_generator: str | None = None
    """The software that made the manifest, with its version."""
    title: str | None = None
    """The title that the manifest gives the file."""
    signer: str | None = None
    """Common name in the signer's certificate."""
    signer_organization: str | None = None
    """Organization in the signer's certificate."""
    signed_at: datetime | None = None
    """Time of the time stamp; None where there is no valid one."""
    time_is_trusted: bool = False
    """Whether the time-stamp authority chains to a trust list for such."""
    actions: tuple[Action, ...] = ()
    """The actions of the active manifest, in order."""
    ingredients: Ingredients = field(default_factory=Ingredients)
    """What the content was made from, as a tree."""
    inherited_source_types: tuple[str, ...] = ()
    """Digital source types (URIs) in the manifests of the ingredients, each once."""
    soft_bindings: tuple[SoftBinding, ...] = ()
    """The watermarks and fingerprints that the active manifest declares; a value that is bytes
    there is base64 here, and an algorithm that is not named is empty."""
    ai_disclosure: AiDisclosure | None = None
    """The first AI disclosure of the active manifest."""
    directions: Directions | None = None
    """Whom to ask, as the active manifest says."""
    failures: tuple[str, ...] = ()
    """C2PA status codes of what failed in the active manifest."""
    history_failures: tuple[str, ...] = ()
    """C2PA status codes of what was changed in ingredients."""

    @property
    def digital_source_types(self) -> tuple[str, ...]:
        """The digital source types (URIs) of the active manifest's actions, each once."""
        found = (action.digital_source_type for action in self.actions)
        return tuple(dict.fromkeys(uri for uri in found if uri is not None))

    @property
    def marked_by(self) -> str | None:
        """Who signed that AI took part, whatever became of the content since; None: nobody surely.

        Whether content is as it was signed is one question, and whether somebody marked it another:
        a comma more does not make a text a person's.
        """
        is_read = self.integrity in {Integrity.INTACT, Integrity.TAMPERED, Integrity.UNBOUND}
        if not is_read or self.source_type is None or not is_whole(self.failures):
            return None
        return self.signer_organization or self.signer

    @property
    def source_type(self) -> SourceType | None:
        """The first digital source type, here or else inherited, that speaks of AI."""
        known = {source_type.uri: source_type for source_type in SourceType}
        found = (*self.digital_source_types, *self.inherited_source_types)
        return next((known[uri] for uri in found if uri in known), None)

    @property
    def declares_watermark(self) -> bool:
        """Whether the manifest says that the content carries a watermark bound to it."""
        return any(action.name in _WATERMARKED for action in self.actions)


def read(
    data: bytes, media_type: MediaType, *, trust: TrustStore, sidecar: bytes | None = None
) -> CredentialReading | None:
    """The Content Credential of a file, or None where there is none.

    Args:
        data: The file.
        media_type: Its format.
        trust: Whom to trust.
        sidecar: The manifest store beside the file, if there is one. It counts only where the file
            itself carries none.
    """
    return read_asset(MemoryAsset(data), media_type, trust, sidecar)[0]


def read_file(
    path: Path, media_type: MediaType, *, trust: TrustStore, sidecar: bytes | None = None
) -> CredentialReading | None:
    """As `read`, for a file that is not held in memory.

    Files of more than 32 MiB whose manifest binds them in one of the simple ways that Labeler
    writes are hashed block by block; others cost up to 600 MB.

    Raises:
        UnreadableMediaError: The file cannot be read.
    """
    return read_asset(FileAsset(path), media_type, trust, sidecar)[0]


def read_store(data: bytes, *, trust: TrustStore) -> CredentialReading:
    """What a manifest store says that came without its file.

    Args:
        data: The store (``application/c2pa``).
        trust: Whom to trust.

    Returns:
        A reading whose integrity is ``UNBOUND``, ``TAMPERED`` or ``DAMAGED``.
    """
    from labeler.credentials import _stores, _toolkit  # noqa: PLC0415 - slow to import

    try:
        loaded = _stores.load_bare(data, trust=trust)
    except (_toolkit.NoManifestError, _toolkit.RemoteManifestError, _toolkit.ToolkitError):
        return _unread(Integrity.DAMAGED, detached=True)
    reading = _interpret(loaded.store, trust, detached=True, time_is_trusted=loaded.time_is_trusted)
    results = member(loaded.store.report, "validation_results", "activeManifest")
    verdict = judge_bare(_report.codes(results, "success"), _report.codes(results, "failure"))
    return replace(reading, integrity=verdict)


def has_traces(asset: Asset, *, damaged: bool = False) -> bool:
    """Whether ``asset`` holds a manifest store, or what is left of one.

    Args:
        asset: The file.
        damaged: Whether it could not be parsed. Labels are looked for then too; in a whole file
            they might be in somebody's text.
    """
    return holds(asset, _STORE_UUID) or (damaged and holds(asset, *_STORE_LABELS))


def read_asset(
    asset: Asset, media_type: MediaType, trust: TrustStore, sidecar: bytes | None
) -> tuple[CredentialReading | None, _stores.Loaded | None]:
    """`read` for bytes and files alike, and the store that was read, where there is one."""
    embedded = _read_one(asset, media_type, trust, None)
    if sidecar is None or (
        embedded[0] is not None and embedded[0].integrity is not Integrity.NOT_CHECKED
    ):
        return embedded
    return _read_one(asset, media_type, trust, sidecar)


def _read_one(
    asset: Asset, media_type: MediaType, trust: TrustStore, sidecar: bytes | None
) -> tuple[CredentialReading | None, _stores.Loaded | None]:
    from labeler.credentials import _stores, _toolkit  # noqa: PLC0415 - slow to import

    detached = sidecar is not None
    try:
        loaded = _stores.load(asset, media_type, trust=trust, sidecar=sidecar)
    except _toolkit.RemoteManifestError:
        return _unread(Integrity.NOT_CHECKED, detached), None
    except BrokenStoreError as error:
        return _unread(Integrity.DAMAGED, detached, error.code), None
    except (_toolkit.NoManifestError, _toolkit.ToolkitError) as error:
        kinds = (_toolkit.NoManifestError, _toolkit.UnsupportedError)
        damaged = not isinstance(error, kinds)
        broken = detached or has_traces(asset, damaged=damaged)
        return (_unread(Integrity.DAMAGED, detached) if broken else None), None
    reading = _interpret(
        loaded.store, trust, detached=detached, time_is_trusted=loaded.time_is_trusted
    )
    return reading, loaded


def _unread(integrity: Integrity, detached: bool, code: str | None = None) -> CredentialReading:
    return CredentialReading(
        integrity=integrity,
        trust=Trust.NOT_CHECKED,
        history=History.NONE,
        detached=detached,
        failures=() if code is None else (code,),
    )


def _interpret(
    store: _toolkit.Store, trust: TrustStore, *, detached: bool, time_is_trusted: bool
) -> CredentialReading:
    report = store.report
    label, manifest = _report.active_manifest(report)
    results = member(report, "validation_results")
    success, failure = (
        _report.codes(member(results, "activeManifest"), outcome)
        for outcome in ("success", "failure")
    )
    changed = _report.tampering(report)
    return CredentialReading(
        integrity=judge_integrity(success, failure),
        trust=_trust(store, trust, success, failure, time_is_trusted=time_is_trusted),
        history=_history(report, changed),
        detached=detached,
        manifest_id=label,
        claim_generator=generator_of(manifest),
        title=text(manifest, "title"),
        signer=text(manifest, "signature_info", "common_name"),
        # The toolkit calls it the issuer, but it is the subject's organization.
        signer_organization=text(manifest, "signature_info", "issuer"),
        signed_at=moment(manifest, "signature_info", "time"),
        time_is_trusted=time_is_trusted,
        actions=tuple(actions_of(manifest)),
        ingredients=ingredients_of(report),
        inherited_source_types=_inherited(report),
        soft_bindings=tuple(_soft_bindings(manifest)),
        ai_disclosure=next(_ai_disclosures(manifest), None),
        directions=next(_directions(manifest), None),
        failures=tuple(dict.fromkeys(failure)),
        history_failures=changed,
    )


# --------------------------------------------------------------------------------------- verdicts


def _trust(
    store: _toolkit.Store,
    trust: TrustStore,
    success: Iterable[str],
    failure: Iterable[str],
    *,
    time_is_trusted: bool,
) -> Trust:
    verdict = judge_trust(
        success,
        failure,
        list_is_ours=trust.vouches(
            TrustKind.MANIFEST, text(store.report, "validation_results", "trustListUri")
        ),
        has_lists=bool(trust.of_kind(TrustKind.MANIFEST)),
    )
    expires_at = moment(store.certificate, "validity", "notAfter")
    if expires_at is not None and expires_at < datetime.now(UTC) and not time_is_trusted:
        # There is a time stamp from before that, but from an authority on no list for such.
        return Trust.EXPIRED if verdict in {Trust.TRUSTED, Trust.UNTRUSTED} else verdict
    return verdict


def _history(report: Json, changed: tuple[str, ...]) -> History:
    if changed:
        return History.TAMPERED
    carried = any(
        text(ingredient, "active_manifest") is not None for ingredient in _report.ancestry(report)
    )
    return History.CLEAN if carried else History.NONE


# --------------------------------------------------------------------------------- what is claimed


def _inherited(report: Json) -> tuple[str, ...]:
    manifests = (
        member(report, "manifests", text(ingredient, "active_manifest") or "")
        for ingredient in _report.ancestry(report)
    )
    found = (
        action.digital_source_type
        for manifest in manifests
        if isinstance(manifest, dict)
        for action in actions_of(manifest)
    )
    return tuple(dict.fromkeys(uri for uri in found if uri is not None))


def _soft_bindings(manifest: Json) -> Iterator[SoftBinding]:
    for data in _report.assertions(manifest, "c2pa.soft-binding"):
        for block in objects(data, "blocks"):
            value = text(block, "value")
            if value is not None:
                yield SoftBinding(algorithm=text(data, "alg") or "", value=value)


def _ai_disclosures(manifest: Json) -> Iterator[AiDisclosure]:
    for data in _report.assertions(manifest, "c2pa.ai-disclosure"):
        yield AiDisclosure(
            model_type=text(data, "modelType"),
            model_name=text(data, "modelName"),
            model_identifier=text(data, "modelIdentifier"),
            human_oversight=text(data, "contentProfile", "humanOversightLevel"),
        )


def _directions(manifest: Json) -> Iterator[Directions]:
    for data in _report.assertions(manifest, SIGNPOST_LABEL):
        directions = read_directions(data)
        if directions is not None:
            yield directions
