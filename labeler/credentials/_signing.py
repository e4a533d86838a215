"""What signing bytes and signing files have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from labeler.credentials import _text_places
from labeler.credentials._asset import Asset
from labeler.credentials.identity import Identity
from labeler.credentials.manifest import ManifestDefinition
from labeler.credentials.reading import CredentialReading, has_traces, read_asset
from labeler.credentials.trust import TrustStore
from labeler.credentials.verdicts import History, Integrity
from labeler.errors import IdentityError, ParentCredentialError, SigningError
from labeler.media.media_type import MediaType

if TYPE_CHECKING:
    from labeler.credentials import _toolkit

__all__ = ["ParentAsset", "Signer", "check_arguments", "parent_input", "read_back", "signing"]

Signer: TypeAlias = Any
"""The toolkit's signer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentAsset:
    """The file that the output was made from."""

    asset: Asset
    media_type: MediaType
    sidecar: bytes | None


def check_arguments(
    asset: Asset,
    media_type: MediaType,
    definition: ManifestDefinition,
    parent: ParentAsset | None,
    tsa_url: str | None,
) -> None:
    """Refuse what cannot be signed, or what signing would throw away.

    Raises:
        SigningError: The file is empty, carries a manifest that is not its parent's, or ``tsa_url``
            is no URL.
        ValueError: ``parent`` and ``definition`` do not agree.
    """
    if definition.has_parent != (parent is not None):
        raise ValueError("a parent has to be given exactly if the manifest definition has one")
    if not asset.size:
        raise SigningError("there is nothing to sign: the file is empty")
    if parent is None and (has_traces(asset) or _text_carries(asset, media_type)):
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


def _text_carries(asset: Asset, media_type: MediaType) -> bool:
    if media_type not in _text_places.TYPES:
        return False
    with asset.open() as stream:
        return _text_places.carries(stream.read(), media_type)


def parent_input(
    parent: ParentAsset | None, trust: TrustStore, *, force: bool
) -> _toolkit.ParentInput | None:
    """The parent for the toolkit, its credential checked.

    Raises:
        ParentCredentialError: It is damaged, or was tampered with and is not to be forced.
    """
    from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

    if parent is None:
        return None
    reading, loaded = read_asset(parent.asset, parent.media_type, trust, parent.sidecar)
    if reading is not None:
        _check_parent(reading, force=force)
    manifest = None
    if loaded is not None and loaded.data is not None:
        manifest = _toolkit.ParentManifest(data=loaded.data, report=loaded.store.report)
    return _toolkit.ParentInput(
        asset=parent.asset, media_type=parent.media_type.value, manifest=manifest
    )


def _check_parent(reading: CredentialReading, *, force: bool) -> None:
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


@contextmanager
def signing(identity: Identity, tsa_url: str | None) -> Iterator[Signer]:
    """A signer for the toolkit, whose failures in the block are told in plain words.

    Raises:
        SigningError: The toolkit failed; the cause is what it, or the signing callback, raised.
    """
    from labeler.credentials import _toolkit  # noqa: PLC0415 - slow to import

    recorder = None if identity.callback is None else _Recorder(identity, identity.callback)
    try:
        with _signer(identity, recorder, tsa_url) as signer:
            yield signer
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


def read_back(
    asset: Asset, media_type: MediaType, sidecar: bytes | None, trust: TrustStore, *, timed: bool
) -> CredentialReading:
    """Read what was signed; the toolkit itself does not check the file's hash after signing.

    Raises:
        SigningError: It is not intact, or has no time stamp where it has to have one.
    """
    reading, _ = read_asset(asset, media_type, trust, sidecar)
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
