"""Reading a manifest store from a file or from beside it, in memory that does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labeler.credentials import _places, _toolkit
from labeler.credentials._asset import Asset, FileAsset, MemoryAsset
from labeler.credentials._binding import Found, settled
from labeler.credentials._report import Json, codes, member
from labeler.credentials.trust import TrustKind, TrustStore
from labeler.media.media_type import MediaType

__all__ = ["Loaded", "load"]

_TOOLKIT_BYTES: Final = 32 << 20
"""Larger files are hashed here: the toolkit takes memory of their size, up to 512 MiB."""


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
        ToolkitError: It, or the file around it, is damaged.
        UnreadableMediaError: A file cannot be read.
    """
    if isinstance(asset, FileAsset) and asset.size > _TOOLKIT_BYTES:
        found = _places.find(asset, media_type) if sidecar is None else Found(data=sidecar)
        loaded = None if found is None else _load_apart(asset, found, trust)
        if loaded is not None:
            return loaded
    kind = media_type.value
    store = _toolkit.read_store(asset, kind, trust=trust, sidecar=sidecar)
    timed = _asks_about_time(store.report, trust)
    return Loaded(
        store=store,
        time_is_trusted=timed
        and _toolkit.is_time_trusted(asset, kind, trust=trust, sidecar=sidecar),
        data=sidecar,
    )


def _load_apart(asset: Asset, found: Found, trust: TrustStore) -> Loaded | None:
    """The store judged by the toolkit, the file's hash here; None where that cannot be done."""
    bare, kind = MemoryAsset(found.data), _toolkit.STORE_MEDIA_TYPE
    store = _toolkit.read_store(bare, kind, trust=trust)
    report = settled(store.report, _toolkit.assertions_of(found.data), found, asset)
    if report is None:
        return None
    timed = _asks_about_time(report, trust)
    return Loaded(
        store=_toolkit.Store(report=report, certificate=store.certificate),
        time_is_trusted=timed and _toolkit.is_time_trusted(bare, kind, trust=trust),
        data=found.data,
    )


def _asks_about_time(report: Json, trust: TrustStore) -> bool:
    success = codes(member(report, "validation_results", "activeManifest"), "success")
    return bool(trust.of_kind(TrustKind.TSA)) and "timeStamp.validated" in success
