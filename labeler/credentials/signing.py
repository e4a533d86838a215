"""Signing: a manifest goes into the file, or beside it where the format has no place for one.

    definition = describe(provenance, now=now, soft_binding=SoftBinding.for_payload(payload))
    signed = sign(data, MediaType.PNG, definition, identity)

Signing comes last: any later change of the bytes breaks the credential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from labeler.credentials.identity import Identity
from labeler.credentials.manifest import ManifestDefinition
from labeler.credentials.reading import CredentialReading, has_traces, read
from labeler.credentials.tiff import count_pages
from labeler.credentials.trust import TrustStore
from labeler.credentials.verdicts import History, Integrity
from labeler.errors import IdentityError, ParentCredentialError, SigningError
from labeler.media.media_type import MediaType

if TYPE_CHECKING:
    from labeler.credentials import _toolkit

__all__ = ["Parent", "Signed", "can_embed", "sign"]

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
_NOBODY: Final = TrustStore()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The file that the output was made from: the source as it came in, byte for byte."""

    data: bytes = field(repr=False)
    media_type: MediaType
    sidecar: bytes | None = field(default=None, repr=False)
    """Its manifest store, where that lay beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed file."""

    data: bytes = field(repr=False)
    """The file: with the manifest in it, or unchanged where there is a sidecar."""
    sidecar: bytes | None = field(default=None, repr=False)
    """The manifest store, to be kept in a file beside it; None where it is embedded."""
    manifest_id: str
    """Label of the manifest."""
    reading: CredentialReading
    """What was read back from `data` and `sidecar`."""


def can_embed(data: bytes, media_type: MediaType) -> bool:
    """Whether a manifest can go into this file; if not, it goes beside it.

    TIFF files of several pages cannot take one: the toolkit adds a page without a picture, at which
    readers fail (c2pa-rs issue 1894).
    """
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

    Raises:
        IdentityError: The identity's certificates are not valid now.
        ParentCredentialError: The parent's credential is tampered with or damaged.
        SigningError: Anything else; the cause is what the signing callback or the toolkit raised.
    """
    _check_arguments(data, definition, parent, tsa_url)
    identity.check_validity(now or datetime.now(UTC))
    if parent is not None:
        parent = _checked_parent(parent, trust, force=force_invalid_parent)
    embed = can_embed(data, media_type)
    made = _run(
        data,
        media_type if embed else None,
        definition,
        identity,
        parent=parent,
        tsa_url=tsa_url,
        trust=trust,
    )
    output, sidecar = (made, None) if embed else (data, made)
    reading = _read_back(output, media_type, sidecar, trust, timed=tsa_url is not None)
    return Signed(
        data=output, sidecar=sidecar, manifest_id=reading.manifest_id or "", reading=reading
    )


# ---------------------------------------------------------------------------------------- before


def _check_arguments(
    data: bytes, definition: ManifestDefinition, parent: Parent | None, tsa_url: str | None
) -> None:
    if definition.has_parent != (parent is not None):
        raise ValueError("a parent has to be given exactly if the manifest definition has one")
    if not data:
        raise SigningError("there is nothing to sign: the file is empty")
    if parent is None and has_traces(data):
        raise SigningError(
            "the file carries a manifest already, which signing it anew would throw away",
            hint="Give the original file as the parent",
        )
    if tsa_url is not None and (
        urlsplit(tsa_url).scheme not in {"http", "https"} or not urlsplit(tsa_url).hostname
    ):
        raise SigningError(
            "the address of the time-stamp authority is no http or https URL",
            hint="Correct the setting tsa_url",
        )


def _checked_parent(parent: Parent, trust: TrustStore, *, force: bool) -> Parent:
    """The parent with the sidecar that counts, its credential checked."""
    reading = read(parent.data, parent.media_type, trust=trust, sidecar=parent.sidecar)
    if reading is None or not reading.detached:
        parent = Parent(data=parent.data, media_type=parent.media_type)
    if reading is None:
        return parent
    if reading.integrity is Integrity.DAMAGED:
        raise ParentCredentialError(
            "the source's Content Credential is damaged and cannot be taken over",
            hint="Get the source again, or remove the credential from it deliberately",
        )
    what = None
    if reading.integrity is Integrity.TAMPERED:
        what = "the source was changed after it was signed: its Content Credential does not match"
    elif reading.history is History.TAMPERED:
        what = "the source was made from a file that was changed after it had been signed"
    if what is not None and not force:
        raise ParentCredentialError(
            f"{what} ({', '.join(reading.failures or reading.history_failures)})",
            hint="Get the original source, or force stamping (--force-invalid-parent): the history "
            "is then recorded as tampered with",
        )
    return parent


# ---------------------------------------------------------------------------------------- signing


class _Recorder:
    """Calls an identity's callback for the toolkit, and keeps what it raises."""

    def __init__(self, identity: Identity, callback: Callable[[bytes], bytes]) -> None:
        from labeler.credentials import _certificates, _signatures  # noqa: PLC0415 - slow to import

        chain = _certificates.parse_chain(identity.certificate_chain.encode())
        self._check = _signatures.SignatureCheck.of(chain, identity.algorithm)
        self._callback = callback
        self.error: BaseException | None = None

    def __call__(self, data: bytes) -> bytes:
        try:
            signature = self._check.normalise(data, self._signature(data))
        except BaseException as error:  # noqa: BLE001 - raised again when the toolkit has returned
            self.error = error
            return b""
        if signature is None:
            self.error = ValueError("the signature does not fit the certificate")
            return b""
        return signature

    def _signature(self, data: bytes) -> bytes:
        signature: object = self._callback(data)
        if not isinstance(signature, bytes | bytearray):
            raise TypeError(f"the callback returned {type(signature).__name__} instead of bytes")
        return bytes(signature)


def _run(
    data: bytes,
    media_type: MediaType | None,
    definition: ManifestDefinition,
    identity: Identity,
    *,
    parent: Parent | None,
    tsa_url: str | None,
    trust: TrustStore,
) -> bytes:
    """The file with its manifest, or with no ``media_type`` the manifest store alone."""
    from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

    recorder = None if identity.callback is None else _Recorder(identity, identity.callback)
    ingredient = _parent_input(parent)
    try:
        with _signer(identity, recorder, tsa_url) as signer:
            if media_type is None:
                return _toolkit.sign_detached(
                    data, definition, signer, parent=ingredient, trust=trust
                )
            return _toolkit.sign_embedded(
                data, media_type.value, definition, signer, parent=ingredient, trust=trust
            )
    except _toolkit.ToolkitError as error:
        if recorder is not None and recorder.error is not None:
            raise _callback_failed(recorder.error) from recorder.error
        # The toolkit's message holds the authority's address, and that may hold a password.
        secret = tsa_url is not None and "@" in urlsplit(tsa_url).netloc
        raise _toolkit_failed(error, tsa_url) from (None if secret else error)


def _signer(identity: Identity, recorder: _Recorder | None, tsa_url: str | None) -> Any:
    from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

    chain, algorithm = identity.certificate_chain, identity.algorithm
    if recorder is not None:
        return _toolkit.callback_signer(algorithm, chain, recorder, tsa_url)
    if identity.private_key is None:
        raise IdentityError("an identity needs either a private key or a signing callback")
    return _toolkit.local_signer(algorithm, chain, identity.private_key, tsa_url)


def _parent_input(parent: Parent | None) -> _toolkit.ParentInput | None:
    from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

    if parent is None:
        return None
    return _toolkit.ParentInput(
        data=parent.data, media_type=parent.media_type.value, sidecar=parent.sidecar
    )


def _callback_failed(error: BaseException) -> BaseException:
    """What to raise for what the callback raised: interruptions pass as they are."""
    if not isinstance(error, Exception):
        return error
    return SigningError(
        f"the signing callback failed: {type(error).__name__}",
        hint="See the cause of this error; the key service's own log may say more",
    )


def _toolkit_failed(error: Exception, tsa_url: str | None) -> SigningError:
    reason = str(error)
    # The identity is checked before and callbacks are watched: what else fails inside the toolkit's
    # signature is the time stamp.
    if tsa_url is not None and reason.startswith("Signature: internal error"):
        return SigningError(
            f"the time-stamp authority at {urlsplit(tsa_url).hostname} gave no time stamp",
            hint="Check its address and the network, or sign without a time stamp",
        )
    return SigningError(f"the C2PA toolkit cannot sign this file: {reason}")


# ------------------------------------------------------------------------------------------ after


def _read_back(
    data: bytes, media_type: MediaType, sidecar: bytes | None, trust: TrustStore, *, timed: bool
) -> CredentialReading:
    """Read what was signed; the toolkit itself does not check the file's hash after signing."""
    reading = read(data, media_type, trust=trust, sidecar=sidecar)
    if reading is None or reading.integrity is not Integrity.INTACT:
        codes = () if reading is None else reading.failures
        raise SigningError(
            "the signed file does not read back as intact"
            + (f" ({', '.join(codes)})" if codes else "")
        )
    if timed and reading.signed_at is None:
        raise SigningError(
            "the time stamp is missing from the signed file",
            hint="Check the time-stamp authority, or sign without a time stamp",
        )
    return reading
