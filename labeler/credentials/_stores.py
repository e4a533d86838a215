"""Reading a manifest store from a file or from beside it, in memory that does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from labeler.credentials import _crowds, _places, _text_places, _toolkit, _zip_place
from labeler.credentials._asset import Asset, FileAsset, MemoryAsset, holds
from labeler.credentials._binding import DATA_HASH, ElsewhereError, Found, settled, with_match
from labeler.credentials._layout import BOX_USER_TYPE
from labeler.credentials._report import Json, codes, member, objects
from labeler.credentials.trust import TrustKind, TrustStore
from labeler.media.media_type import MediaType

__all__ = ["Loaded", "load", "load_bare"]

_TOOLKIT_BYTES: Final = 32 << 20
"""Larger files are hashed here: the toolkit takes memory of their size, up to 512 MiB."""

_HINTS: Final = (BOX_USER_TYPE, b"provenance")
"""What is in every film or picture that has a store in a box, or says in ``dcterms:provenance``
where one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What reading a store gave."""

    store: _toolkit.Store
    time_is_trusted: bool
    """Whether its time stamp was made by an authority on a list for such."""
    data: bytes | None = None
    """The store, where it was taken out of the file or lay beside it."""


def load(
    asset: Asset, media_type: MediaType, *, trust: TrustStore, sidecar: bytes | None
) -> Loaded:
    """What the toolkit says about the manifest in ``asset``, or in ``sidecar`` if that is given.

    Raises:
        NoManifestError: There is none.
        RemoteManifestError: There is only a reference to one.
        BrokenStoreError: The place for it in a text is damaged, or there are several.
        ToolkitError: It, or the file around it, is damaged.
        UnreadableMediaError: A file cannot be read, or consists of more parts than it may.
    """
    if media_type in _text_places.TYPES:
        return _load_text(asset, media_type, trust, sidecar)
    _crowds.require_few_parts(asset, media_type)
    is_crowded = _crowds.has_too_many_boxes(asset, media_type)
    if is_crowded or (isinstance(asset, FileAsset) and asset.size > _TOOLKIT_BYTES):
        found = _places.find(asset, media_type) if sidecar is None else Found(data=sidecar)
        loaded = None if found is None else _load_apart(asset, found, trust)
        if loaded is not None:
            return loaded
        if is_crowded:
            raise _unheld(asset, found)
    if sidecar is not None and media_type.is_document and _leaves_out(sidecar):
        # Anything may stand there now, and the toolkit would not look: on its own it matches none.
        found = Found(data=sidecar)
        store = _toolkit.read_store(MemoryAsset(sidecar), _toolkit.STORE_MEDIA_TYPE, trust=trust)
        return _loaded(store, store.report, found, trust)
    kind = media_type.value
    store = _toolkit.read_store(asset, kind, trust=trust, sidecar=sidecar)
    if sidecar is None:
        store = _with_entries(store, asset, kind)
    timed = _asks_about_time(store.report, trust)
    return Loaded(
        store=store,
        time_is_trusted=timed
        and _toolkit.is_time_trusted(asset, kind, trust=trust, sidecar=sidecar),
        data=sidecar,
    )


def load_bare(data: bytes, *, trust: TrustStore) -> Loaded:
    """What the toolkit says about a manifest store without a file.

    Raises:
        NoManifestError: It is empty.
        ToolkitError: It is damaged.
    """
    store = _toolkit.read_store(MemoryAsset(data), _toolkit.STORE_MEDIA_TYPE, trust=trust)
    return _loaded(store, store.report, Found(data=data), trust)


def _unheld(asset: Asset, found: Found | None) -> Exception:
    """Why nothing is said of the manifest of a file that the toolkit is not given."""
    if found is None and not any(holds(asset, each) for each in _HINTS):
        return _toolkit.NoManifestError()
    return _crowds.refused(_crowds.MAX_BOXES)


def _leaves_out(sidecar: bytes) -> bool:
    """Whether the hash in a store leaves out a part of the file: the store's place, once there."""
    hashes = (
        value
        for label, value in _toolkit.assertions_of(sidecar).items()
        if label.startswith(DATA_HASH)
    )
    return any(next(objects(each, "exclusions"), None) is not None for each in hashes)


def _with_entries(store: _toolkit.Store, asset: Asset, kind: str) -> _toolkit.Store:
    """The toolkit's account, right also where it cannot read the entries of an archive.

    Of archives with a hash for each entry it knows one form of two, and only entries that are not
    compressed.
    """
    failure = codes(member(store.report, "validation_results", "activeManifest"), "failure")
    if not any(code.startswith(_zip_place.COLLECTION_CODES) for code in failure):
        return store
    binding = _toolkit.assertions_in(asset, kind).get(_zip_place.COLLECTION_HASH)
    matches = _zip_place.matches_collection(binding, asset)
    report = with_match(store.report, _zip_place.COLLECTION_CODES) if matches else None
    return store if report is None else replace(store, report=report)


def _load_text(
    asset: Asset, media_type: MediaType, trust: TrustStore, sidecar: bytes | None
) -> Loaded:
    """As `load`, for texts: the toolkit neither finds a store in them nor knows their hash."""
    with asset.open() as stream:
        data = stream.read()
    if sidecar is not None:
        found: Found | None = Found(data=sidecar)
    else:
        try:
            found = _text_places.find(data, media_type)
        except ElsewhereError as error:
            raise _toolkit.RemoteManifestError from error
    if found is None:
        raise _toolkit.NoManifestError
    store, report = _judged(MemoryAsset(data), found, trust)
    # What binds the text in a way that is not known here does not match it.
    return _loaded(store, store.report if report is None else report, found, trust)


def _load_apart(asset: Asset, found: Found, trust: TrustStore) -> Loaded | None:
    """The store judged by the toolkit, the file's hash here; None where that cannot be done."""
    store, report = _judged(asset, found, trust)
    return None if report is None else _loaded(store, report, found, trust)


def _judged(asset: Asset, found: Found, trust: TrustStore) -> tuple[_toolkit.Store, Json | None]:
    """The toolkit's account of a bare store, and its report with the verdict on the file's hash."""
    store = _toolkit.read_store(MemoryAsset(found.data), _toolkit.STORE_MEDIA_TYPE, trust=trust)
    return store, settled(store.report, _toolkit.assertions_of(found.data), found, asset)


def _loaded(store: _toolkit.Store, report: Json, found: Found, trust: TrustStore) -> Loaded:
    bare, kind = MemoryAsset(found.data), _toolkit.STORE_MEDIA_TYPE
    timed = _asks_about_time(report, trust)
    return Loaded(
        store=_toolkit.Store(report=report, certificate=store.certificate),
        time_is_trusted=timed and _toolkit.is_time_trusted(bare, kind, trust=trust),
        data=found.data,
    )


def _asks_about_time(report: Json, trust: TrustStore) -> bool:
    success = codes(member(report, "validation_results", "activeManifest"), "success")
    return bool(trust.of_kind(TrustKind.TSA)) and "timeStamp.validated" in success
