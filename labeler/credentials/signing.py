"""Signing: a manifest goes into the file, or beside it where the format has no place for one.

    bindings = [SoftBinding.for_payload(payload)]
    definition = describe(provenance, now=now, soft_bindings=bindings)
    signed = sign(data, MediaType.PNG, definition, identity)

Signing comes last: any later change of the bytes breaks the credential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from labeler.credentials._asset import MemoryAsset
from labeler.credentials._fitting import Sign
from labeler.credentials._layout import Binding, NoPlaceError
from labeler.credentials._placing import Placed, beside, in_wrapper, inside
from labeler.credentials._signing import (
    ParentAsset,
    check_arguments,
    parent_input,
    read_back,
    signing,
)
from labeler.credentials.identity import Identity
from labeler.credentials.manifest import ManifestDefinition
from labeler.credentials.reading import CredentialReading
from labeler.credentials.tiff import count_pages
from labeler.credentials.trust import TrustStore
from labeler.media.media_type import MediaKind, MediaType

__all__ = ["Parent", "Place", "Signed", "can_embed", "sign"]

# Formats in which an embedded manifest was seen to leave the picture as it was.
_EMBEDDABLE: Final = frozenset(
    {
        MediaType.JPEG,
        MediaType.PNG,
        MediaType.WEBP,
        MediaType.AVIF,
        MediaType.HEIC,
        MediaType.TIFF,
        MediaType.GIF,
    }
)
_WRAPPED: Final = frozenset({MediaType.TEXT, MediaType.MARKDOWN})
_NOBODY: Final = TrustStore()


class Place(StrEnum):
    """Where a manifest goes."""

    INSIDE = "inside"
    """Into the file, where its format has a place for it; else beside it."""
    BESIDE = "beside"
    """Into a file of its own."""
    INVISIBLE = "invisible"
    """Plain text and Markdown: into characters at its end that nobody sees; `Signed.remark` says
    what that costs. About six manifests are signed until one fits, some dozens at worst; a callback
    and the time-stamp authority are asked for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The file that the output was made from: the source as it came in, byte for byte."""

    data: bytes = field(repr=False)
    media_type: MediaType
    sidecar: bytes | None = field(default=None, repr=False)
    """Its manifest store, where that lay beside it."""

    def as_asset(self) -> ParentAsset:
        """The same, in the form that bytes and files share."""
        asset = MemoryAsset(self.data)
        return ParentAsset(asset=asset, media_type=self.media_type, sidecar=self.sidecar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed file."""

    data: bytes = field(repr=False)
    """The file: with the manifest in it, or unchanged where there is a sidecar."""
    sidecar: bytes | None = field(default=None, repr=False)
    """The manifest store, to be kept in a file beside it; None where it is embedded."""
    store: bytes = field(repr=False)
    """The manifest store, wherever it is."""
    remark: str | None = None
    """What to know about the place of the manifest: why it lies beside a text that might hold it,
    or what its place in the text costs; None where there is nothing to say."""
    manifest_id: str
    """Label of the manifest."""
    reading: CredentialReading
    """What was read back from `data` and `sidecar`."""


def can_embed(data: bytes, media_type: MediaType) -> bool:
    """Whether a manifest can go into this file; if not, it goes beside it.

    TIFF files of several pages cannot take one: the toolkit adds a page without a picture, at which
    readers fail (c2pa-rs issue 1894).

    Raises:
        UnreadableMediaError: It is a document, and damaged.
    """
    if media_type.kind is not MediaKind.TEXT:
        return _toolkit_embeds(data, media_type)
    from labeler.credentials import _places  # noqa: PLC0415 - most files are no texts

    try:
        _places.layout(MemoryAsset(data), media_type, 1)
    except NoPlaceError:
        return False
    return True


def _toolkit_embeds(data: bytes, media_type: MediaType) -> bool:
    if media_type is MediaType.TIFF:
        return count_pages(data) == 1
    return media_type in _EMBEDDABLE


def sign(
    data: bytes,
    media_type: MediaType,
    definition: ManifestDefinition,
    identity: Identity,
    *,
    parent: Parent | None = None,
    force_invalid_parent: bool = False,
    tsa_url: str | None = None,
    trust: TrustStore = _NOBODY,
    now: datetime | None = None,
    place: Place = Place.INSIDE,
) -> Signed:
    """Sign a file, read it back, and return it only if the credential is intact.

    Args:
        data: The file as it is to be published, without a manifest.
        media_type: Its format.
        definition: What the manifest says (`describe`).
        identity: Who signs.
        parent: The source, if ``definition`` speaks of one; its manifests go along.
        force_invalid_parent: Dangerous: sign also where the parent's own credential does not hold.
            The new manifest records that, and readers report a tampered history.
        tsa_url: RFC 3161 time-stamp authority that is asked for the time, over the network; one
            that stays silent blocks for 30 seconds. None: no time stamp, no network.
        trust: Whom to trust; only what is recorded about the parent's signer depends on it.
        now: The present time, for the identity's validity; None: the clock's.
        place: Where the manifest goes; what a text carries already is taken out in any case.

    Raises:
        ValueError: Invisible characters are asked for in a format that cannot have them.
        IdentityError: The identity's certificates are not valid now.
        ParentCredentialError: The parent's credential is tampered with or damaged.
        SigningError: Anything else; the cause is what the signing callback or the toolkit raised.
    """
    from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

    asset, opened = MemoryAsset(data), None if parent is None else parent.as_asset()
    if place is Place.INVISIBLE and media_type not in _WRAPPED:
        raise ValueError(f"{media_type.label} cannot carry a manifest in invisible characters")
    check_arguments(asset, media_type, definition, opened, tsa_url)
    identity.check_validity(now or datetime.now(UTC))
    ingredient = parent_input(opened, trust, force=force_invalid_parent)
    with signing(identity, tsa_url) as signer:
        if place is Place.INSIDE and _toolkit_embeds(data, media_type):
            embedded, store = _toolkit.sign_embedded(
                data, media_type.value, definition, signer, parent=ingredient, trust=trust
            )
            placed = Placed(data=embedded)
        else:
            stores: list[bytes] = []  # several, where its size has to be found out first

            def sign_store(binding: Binding) -> bytes:
                stores.append(
                    _toolkit.sign_store(binding, definition, signer, parent=ingredient, trust=trust)
                )
                return stores[-1]

            placed = _way(media_type, place)(data, media_type, sign_store)
            store = stores[-1]
    timed = tsa_url is not None
    output = MemoryAsset(placed.data)
    reading = read_back(output, media_type, placed.sidecar, trust, timed=timed)
    return Signed(
        data=placed.data,
        sidecar=placed.sidecar,
        remark=placed.remark,
        store=store,
        manifest_id=reading.manifest_id or "",
        reading=reading,
    )


def _way(media_type: MediaType, place: Place) -> Callable[[bytes, MediaType, Sign], Placed]:
    if place is Place.INVISIBLE:
        return in_wrapper
    is_placed_here = place is Place.INSIDE and media_type.kind is MediaKind.TEXT
    return inside if is_placed_here else beside
