"""Signing a file on disk: sound, which may be larger than memory.

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

from labeler.containers.splice import Part, Span, new_file, total, write
from labeler.credentials import _places
from labeler.credentials._asset import FileAsset, digest
from labeler.credentials._places import NoPlaceError
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
from labeler.errors import OutputError, SigningError
from labeler.media.media_type import MediaType

if TYPE_CHECKING:
    from labeler.credentials import _toolkit

__all__ = ["FileParent", "SignedFile", "sign_file"]

_MAX_M4A_BYTES: Final = 200 << 20
_NOBODY: Final = TrustStore()
_USUAL_STORE_BYTES: Final = 4096
_ROUNDS: Final = 8


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
    """The file: with the manifest in it, or a copy of the source where there is a sidecar."""
    sidecar: bytes | None = field(default=None, repr=False)
    """The manifest store, to be kept in a file beside it; None where it is embedded."""
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
) -> SignedFile:
    """Sign a file, read it back, and leave it at ``target`` only if the credential is intact.

    Args:
        source: The file as it is to be published. A manifest in it is replaced, if it is the
            parent's.
        target: A new file. It holds the same sound, byte for byte.
        media_type: The format of both.
        definition: What the manifest says (`describe`).
        identity: Who signs; a callback is called twice where the size of the manifest has to be
            found out first (WAV, MP3, FLAC).
        parent: The source as it came in, if ``definition`` speaks of one.
        force_invalid_parent: See `labeler.credentials.sign`.
        tsa_url: See `labeler.credentials.sign`; asked twice, as the callback is.
        trust: Whom to trust; only what is recorded about the parent's signer depends on it.
        now: The present time, for the identity's validity; None: the clock's.

    Raises:
        IdentityError: The identity's certificates are not valid now.
        ParentCredentialError: The parent's credential is tampered with or damaged.
        SigningError: Anything else about signing.
        UnreadableMediaError: ``source`` or ``parent`` cannot be read.
        OutputError: ``target`` exists already, or cannot be written.
    """
    asset, opened = FileAsset(source), None if parent is None else parent.as_asset()
    check_arguments(asset, definition, opened, tsa_url)
    identity.check_validity(now or datetime.now(UTC))
    ingredient = parent_input(opened, trust, force=force_invalid_parent)
    if target.exists():
        raise OutputError("the file exists already", file=target, hint="Give another target")
    timed = tsa_url is not None
    try:
        with signing(identity, tsa_url) as signer:
            work = _Work(asset, target, media_type, definition, signer, ingredient, trust)
            sidecar, remark = work.run()
        reading = read_back(FileAsset(target), media_type, sidecar, trust, timed=timed)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return SignedFile(
        path=target,
        sidecar=sidecar,
        remark=remark,
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

    def run(self) -> tuple[bytes | None, str | None]:
        """Write the target; give the manifest's store and the reason, if that lies beside it."""
        try:
            if self.media_type is MediaType.M4A:
                self._let_toolkit_embed()
            else:
                self._embed()
        except NoPlaceError as no_place:
            return self._detach(), f"it lies beside the file: {no_place}"
        return None, None

    def _let_toolkit_embed(self) -> None:
        from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

        if self.asset.size > _MAX_M4A_BYTES:
            raise NoPlaceError(
                f"a file of more than {_MAX_M4A_BYTES >> 20} MiB takes too much memory to embed it"
            )
        with self.asset.open() as source, new_file(self.target) as output:
            _toolkit.sign_stream(
                source,
                output,
                self.media_type.value,
                self.definition,
                self.signer,
                parent=self.parent,
                trust=self.trust,
            )

    def _embed(self) -> None:
        """Make room for the store, hash everything else, and put the signed store there.

        The hash covers sizes in headers that depend on the store's own size, and the store names
        the place it has: so its size has to be known before. Stores of the same content have the
        same size, as signatures are padded.
        """
        size = self.asset.size
        _places.layout(self.asset, self.media_type, 0)  # whether there is a place at all
        bytes_due = len(self._store(bytes(32), Span(size, size + _USUAL_STORE_BYTES)))
        for _ in range(_ROUNDS):
            room = _places.layout(self.asset, self.media_type, bytes_due)
            start = total(room.before)
            hashed = self._hash((*room.before, *room.after))
            store = self._store(hashed, Span(start, start + len(room.header) + bytes_due))
            if len(store) == bytes_due:
                parts = (*room.before, room.header, store, *room.after)
                write(self.asset.path, parts, self.target)
                return
            bytes_due = len(store)
        raise SigningError("the manifest has another size each time that it is signed")

    def _detach(self) -> bytes:
        whole = _places.without_store(self.asset, self.media_type)
        store = self._store(self._hash(whole), None)
        write(self.asset.path, whole, self.target)
        return store

    def _hash(self, parts: Iterable[Part]) -> bytes:
        from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

        return digest(self.asset, parts, _toolkit.HASH_ALGORITHM)

    def _store(self, hashed: bytes, excluded: Span | None) -> bytes:
        from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

        binding = _toolkit.Binding(digest=hashed, excluded=excluded)
        return _toolkit.sign_store(
            binding, self.definition, self.signer, parent=self.parent, trust=self.trust
        )
