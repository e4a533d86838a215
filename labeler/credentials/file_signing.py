"""Signing a file on disk: sound or video, which may be larger than memory.

    signed = sign_file(Path("in.wav"), Path("out.wav"), MediaType.WAV, definition, identity)

The manifest goes into the file where the format has a place for it that others look into too, and
else beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labeler.containers.splice import Part, Span, write
from labeler.credentials import _places
from labeler.credentials._asset import FileAsset, digest
from labeler.credentials._fitting import fitted
from labeler.credentials._layout import HASH_ALGORITHM, Binding, DataBinding, NoPlaceError
from labeler.credentials._signing import (
    ParentAsset,
    Signer,
    check_arguments,
    parent_input,
    read_back,
    signing,
)
from labeler.credentials.identity import Identity
from labeler.credentials.manifest import ManifestDefinition
from labeler.credentials.reading import CredentialReading
from labeler.credentials.trust import TrustStore
from labeler.errors import OutputError
from labeler.media.media_type import MediaType

if TYPE_CHECKING:
    from labeler.credentials import _toolkit

__all__ = ["FileParent", "SignedFile", "sign_file"]

_NOBODY: Final = TrustStore()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileParent:
    """The file that the output was made from: the source as it came in, byte for byte."""

    path: Path
    media_type: MediaType
    sidecar: bytes | None = field(default=None, repr=False)
    """Its manifest store, where that lay beside it."""

    def as_asset(self) -> ParentAsset:
        """The same, in the form that bytes and files share."""
        asset = FileAsset(self.path)
        return ParentAsset(asset=asset, media_type=self.media_type, sidecar=self.sidecar)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFile:
    """A signed file."""

    path: Path
    """The file: with the manifest in it, or the same as the source where there is a sidecar."""
    sidecar: bytes | None = field(default=None, repr=False)
    """The manifest store, to be kept in a file beside it; None where it is embedded."""
    store: bytes = field(repr=False)
    """The manifest store, wherever it is."""
    remark: str | None = None
    """Why there is a sidecar; None where there is none."""
    manifest_id: str
    """Label of the manifest."""
    reading: CredentialReading
    """What was read back from `path` and `sidecar`."""


def sign_file(
    source: Path,
    target: Path,
    media_type: MediaType,
    definition: ManifestDefinition,
    identity: Identity,
    *,
    parent: FileParent | None = None,
    force_invalid_parent: bool = False,
    tsa_url: str | None = None,
    trust: TrustStore = _NOBODY,
    now: datetime | None = None,
    may_link: bool = False,
) -> SignedFile:
    """Sign a file, read it back, and leave it at ``target`` only if the credential is intact.

    Args:
        source: The file as it is to be published. A manifest in it is replaced, if it is the
            parent's.
        target: A new file. It holds the same sound and pictures, byte for byte.
        media_type: The format of both.
        definition: What the manifest says (`describe`).
        identity: Who signs; a callback is called twice where the size of the manifest has to be
            found out first (WAV, MP3, FLAC).
        parent: The source as it came in, if ``definition`` speaks of one.
        force_invalid_parent: See `labeler.credentials.sign`.
        tsa_url: See `labeler.credentials.sign`; asked twice, as the callback is.
        trust: Whom to trust; only what is recorded about the parent's signer depends on it.
        now: The present time, for the identity's validity; None: the clock's.
        may_link: Whether ``target`` may be another name of ``source``, where the manifest lies
            beside it: a huge file is then not copied. Whoever changes one changes both.

    Raises:
        IdentityError: The identity's certificates are not valid now.
        ParentCredentialError: The parent's credential is tampered with or damaged.
        SigningError: Anything else about signing.
        UnreadableMediaError: ``source`` or ``parent`` cannot be read.
        OutputError: ``target`` exists already, or cannot be written.
    """
    asset, opened = FileAsset(source), None if parent is None else parent.as_asset()
    check_arguments(asset, media_type, definition, opened, tsa_url)
    identity.check_validity(now or datetime.now(UTC))
    ingredient = parent_input(opened, trust, force=force_invalid_parent)
    if target.exists():
        raise OutputError("the file exists already", file=target, hint="Give another target")
    timed = tsa_url is not None
    try:
        with signing(identity, tsa_url) as signer:
            work = _Work(asset, target, media_type, definition, signer, ingredient, trust, may_link)
            sidecar, remark = work.run()
        reading = read_back(FileAsset(target), media_type, sidecar, trust, timed=timed)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return SignedFile(
        path=target,
        sidecar=sidecar,
        remark=remark,
        store=work.stores[-1],
        manifest_id=reading.manifest_id or "",
        reading=reading,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """One file that is being signed."""

    asset: FileAsset
    target: Path
    media_type: MediaType
    definition: ManifestDefinition
    signer: Signer
    parent: _toolkit.ParentInput | None
    trust: TrustStore
    may_link: bool
    stores: list[bytes] = field(default_factory=list)
    """Those that were signed, the last of which counts: its size has to be found out first."""

    def run(self) -> tuple[bytes | None, str | None]:
        """Write the target; give the manifest's store and the reason, if that lies beside it."""
        try:
            self._embed()
        except NoPlaceError as no_place:
            return self._detach(), f"it lies beside the file: {no_place}"
        return None, None

    def _embed(self) -> None:
        parts = fitted(
            self.asset,
            lambda size: _places.layout(self.asset, self.media_type, size),
            self._store,
        )
        write(self.asset.path, parts, self.target)

    def _detach(self) -> bytes:
        whole = _places.without_store(self.asset, self.media_type)
        store = self._store(DataBinding(digest=self._hash(whole)))
        is_same = whole == (Span(0, self.asset.size),)
        if not (self.may_link and is_same and _linked(self.asset.path, self.target)):
            write(self.asset.path, whole, self.target)
        return store

    def _hash(self, parts: Iterable[Part]) -> bytes:
        return digest(self.asset, parts, HASH_ALGORITHM)

    def _store(self, binding: Binding) -> bytes:
        from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

        self.stores.append(
            _toolkit.sign_store(
                binding, self.definition, self.signer, parent=self.parent, trust=self.trust
            )
        )
        return self.stores[-1]


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the disk, or its borders, do not allow that."""
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True
