"""What a stamping starts from: the key, the identity, and the source as it was recognised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from labeler.codec.keys import PUBLIC_KEY, Key, Keyring
from labeler.credentials import Identity, find_sidecar, read_sidecar
from labeler.errors import (
    IdentityError,
    OutputError,
    UnreadableMediaError,
    UnsupportedMediaError,
    WatermarkKeyError,
)
from labeler.media.content import Content
from labeler.media.media_type import MediaKind, MediaType, check_name, sniff_file
from labeler.receipt import Layer
from labeler.settings import Settings
from labeler.stamping.interface import Order
from labeler.stamping.outlet import Outlet

__all__ = [
    "check_target",
    "check_tracks",
    "choose_key",
    "choose_signpost",
    "load_identity",
    "recognise",
    "sidecar_beside",
]

_FILM: Final = MediaKind.VIDEO


def choose_key(settings: Settings, keyring: Keyring) -> Key:
    """The key that watermarks are made with."""
    if settings.watermark_key_id is None:
        return PUBLIC_KEY
    try:
        return keyring[settings.watermark_key_id]
    except KeyError:
        raise WatermarkKeyError(
            f"there is no watermark key {settings.watermark_key_id}",
            file=settings.watermark_keys,
            hint="Make one with `labeler keys init`, or correct LABELER_WATERMARK_KEY_ID",
        ) from None


def choose_signpost(settings: Settings, key: Key) -> Key | None:
    """The key of the layer that everybody can read, beside marks made with ``key``; None: none."""
    return PUBLIC_KEY if settings.public_signpost and key != PUBLIC_KEY else None


def load_identity(settings: Settings, now: Callable[[], datetime]) -> Identity | IdentityError:
    """Who signs, or why nobody can where the credential may be missing."""
    try:
        return Identity.from_pem_files(
            settings.certificate_chain_file, settings.private_key_file, now=now()
        )
    except IdentityError as error:
        if Layer.CREDENTIAL in settings.allow_missing:
            return error
        raise


def recognise(content: Content) -> MediaType:
    """The source's format."""
    with content.open() as file:
        media_type = sniff_file(file, name=content.name)
    check_name(media_type, content.name)
    return media_type


def check_tracks(order: Order) -> None:
    """Refuse synthetic tracks of what is no film."""
    if order.provenance.synthetic_tracks is not None and order.media_type.kind is not _FILM:
        raise UnsupportedMediaError(
            f"synthetic tracks are declared, and the file is no film but {order.media_type.label}",
            hint="Leave the declaration out (--synthetic-tracks), and stamp films apart",
        )


def sidecar_beside(content: Content) -> bytes | None:
    """The manifest store beside the source, where there is one."""
    path = None if content.path is None else find_sidecar(content.path)
    return None if path is None else read_sidecar(path)


def check_target(outlet: Outlet, media_type: MediaType, *, overwrite: bool) -> None:
    """Refuse early a target that cannot be written."""
    try:
        check_name(media_type, outlet.name)
    except UnreadableMediaError:
        raise OutputError(
            f"the output is {media_type.label}, which its name denies",
            file=outlet.name,
            hint=f"Stamping keeps the source's format: use the extension {media_type.extension}",
        ) from None
    outlet.check(overwrite=overwrite)
