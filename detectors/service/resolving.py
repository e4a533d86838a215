"""The work behind the Soft Binding Resolution API: from a request to what it asks for.

Everything here takes a request apart strictly, and refuses what two readers could take differently;
the routes are in `detectors.service.soft_bindings`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from starlette.requests import Request

from detectors.binding_values import MAX_VALUE_CHARACTERS
from detectors.report import Conclusion, Finding, Presence, Report
from detectors.service.authorisation import Authority, Scope
from detectors.service.bodies import media_type_of, read_body, read_json, spool_body
from detectors.service.content_matches import KnownOutput, fingerprint_matches, watermark_matches
from detectors.service.fetching import Fetcher
from detectors.service.limits import ServiceLimits
from detectors.service.pool import VerifierPool
from detectors.service.problems import ProblemKind, Refused, RequestError
from detectors.service.repository import Repository
from detectors.service.resolution_parameters import (
    Reference,
    Wanted,
    check_asset_type,
    is_name,
    most_of,
    path_id,
    read_name,
    read_values,
)
from detectors.service.uploads import TEXT_EXTENSIONS, receive_upload
from labeler.credentials import Integrity, SoftBinding, Trust
from labeler.credentials.stores import labels_of
from labeler.errors import CredentialError, LabelerError
from labeler.registry import StoredManifest

__all__ = ["MAX_STORE_BYTES", "Resolving"]

_LOG: Final = logging.getLogger(__name__)
MAX_STORE_BYTES: Final = 32 << 20
"""Largest manifest store that is taken: the toolkit unpacks no larger ones."""
_STORE_TYPE: Final = "application/c2pa"
_FORM: Final = "multipart/form-data"
_MAX_URL_VALUE: Final = 2048
_BINDINGS: Final = 100
"""Soft bindings of one manifest that are taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """Does what is asked for."""

    repository: Repository
    """Manifests, and what leads to them."""
    pool: VerifierPool
    """Who opens what strangers send."""
    limits: ServiceLimits
    """What a request may take."""
    authority: Authority
    """Knows who may do what."""
    fetcher: Fetcher | None
    """Who fetches what a request only names; None: nobody does."""
    is_public: bool
    """Whether everybody may ask for manifests."""

    async def may_fetch(self, request: Request) -> None:
        """Let a request through that reads manifests.

        Raises:
            RequestError: It may not.
        """
        if not self.is_public:
            await self.authority.require(request, Scope.FETCH_MANIFESTS)

    # ------------------------------------------------------------------------------------- queries

    async def by_binding(self, request: Request) -> Sequence[dict[str, Any]]:
        """The matches of a value in the URL.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        given = request.query_params
        if len(given.get("value", "")) > _MAX_URL_VALUE:
            raise Refused(
                414, "query-too-long", "the value is too long for a URL", hint="Use POST instead"
            )
        return await self._by_value(given.get("value"), given.get("alg"), most_of(request))

    async def by_large_binding(self, request: Request) -> Sequence[dict[str, Any]]:
        """The matches of a value in the body.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        most = most_of(request)
        members = await read_json(request, self.limits)
        return await self._by_value(members.get("value"), members.get("alg"), most)

    async def by_content(self, request: Request) -> Sequence[dict[str, Any]]:
        """The matches of a file.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        wanted = Wanted.of(request)
        media_type = media_type_of(request)
        if media_type == _FORM:  # not as specified, but what some clients send
            async with receive_upload(request, self.limits) as upload:
                return await self._of_report(await self._verify(upload.stream, upload.name), wanted)
        check_asset_type(media_type)
        # Of texts the name says what they are.
        name = f"upload{TEXT_EXTENSIONS.get(media_type, '')}"
        async with spool_body(request, self.limits, name=name) as upload:
            report = await self._verify(upload.stream, name)
        return await self._of_report(report, wanted)

    async def by_reference(self, request: Request) -> Sequence[dict[str, Any]]:
        """The matches of a file elsewhere.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        if self.fetcher is None:
            raise RequestError(ProblemKind.NOT_FOUND)
        wanted = Wanted.of(request)
        members = await read_json(request, self.limits)
        reference = Reference.of(members)
        most, said = min(reference.length, self.limits.max_upload_bytes), reference.media_type
        async with self.fetcher.fetch(reference.url, max_bytes=most) as fetched:
            name = f"upload{TEXT_EXTENSIONS.get(said or fetched.media_type, '')}"
            report = await self._verify(fetched.stream, name)
        if said is not None and report.media_type != said:
            raise Refused(400, "other-type", "the file is of another type than was said")
        return await self._of_report(report, wanted)

    async def _by_value(
        self, value: object, algorithm: object, most: int
    ) -> Sequence[dict[str, Any]]:
        values = read_values(value, "value")
        found = await self.repository.find(
            values, algorithm=read_name(algorithm, "alg"), limit=most
        )
        return [{"manifestId": each} for each in found]

    async def _of_report(self, report: Report, wanted: Wanted) -> Sequence[dict[str, Any]]:
        bindings, outputs = watermark_matches(report)
        found: dict[str, int | None] = {}
        if wanted.algorithm in {None, *(each.algorithm for each in bindings)}:
            await self._add_outputs(found, outputs)
        for each in bindings:
            if wanted.algorithm in {None, each.algorithm}:
                await self._add(found, [each.value], each.algorithm, wanted.most)
        if wanted.hint_values:
            await self._add(found, wanted.hint_values, wanted.hint_algorithm, wanted.most)
        alike = (
            each
            for each in fingerprint_matches(report)
            if wanted.algorithm in {None, each.algorithm}
        )
        await self._add_outputs(found, alike)
        return [_match(*each) for each in list(found.items())[: wanted.most]]

    async def _add(
        self, found: dict[str, int | None], values: Iterable[str], algorithm: str, most: int
    ) -> None:
        for each in await self.repository.find(values, algorithm=algorithm, limit=most):
            found.setdefault(each, None)

    async def _add_outputs(
        self, found: dict[str, int | None], outputs: Iterable[KnownOutput]
    ) -> None:
        for output in outputs:
            for each in await self.repository.of_receipts([output.receipt_id]):
                found.setdefault(each, output.similarity)

    async def _verify(self, stream: BinaryIO, name: str) -> Report:
        try:
            report = await self.pool.verify(stream, name=name)
        except LabelerError as error:
            _LOG.error("%s: %s", type(error).__name__, error.problem)
            raise RequestError(ProblemKind.FAILED) from None
        if report.conclusion is not Conclusion.UNREADABLE:
            return report
        if report.media_type is None:
            raise Refused(415, "unsupported-type", "the file is of no type that is known")
        raise Refused(400, "unreadable", "the file cannot be read to its end")

    # ------------------------------------------------------------------------------------- storing

    async def store(self, request: Request) -> tuple[StoredManifest, Trust]:
        """Keep the manifest store in a request; and whether its signer is trusted.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        caller = await self.authority.require(request, Scope.STORE_MANIFESTS)
        if media_type_of(request) != _STORE_TYPE:
            raise Refused(
                415,
                "unsupported-type",
                "the body has to be a manifest store",
                hint=f"Send it as {_STORE_TYPE}",
            )
        store = await read_body(request, self.limits, max_bytes=MAX_STORE_BYTES)
        finding = await self._read_store(store)
        manifest_id = _manifest_id(finding)
        _check_boxes(store, manifest_id)
        stored = await self.repository.store(
            manifest_id, store, _bindings(finding), key_id=caller.key_id
        )
        return stored, _trust(finding)

    async def bind(self, request: Request, *, replace: bool) -> None:
        """Let a value lead to a manifest, or to another one than before.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        caller = await self.authority.require(request, Scope.STORE_BINDINGS)
        members = await read_json(request, self.limits)
        value = read_values(members.get("bindingValue"), "bindingValue")[0]
        if len(value) > MAX_VALUE_CHARACTERS:
            raise Refused(
                400, "value-too-long", f"the value is longer than {MAX_VALUE_CHARACTERS} characters"
            )
        manifest_id = read_name(members.get("manifestId"), "manifestId")
        bind = self.repository.rebind if replace else self.repository.bind
        await bind(manifest_id, value, key_id=caller.key_id)

    async def delete(self, request: Request) -> None:
        """Delete a manifest.

        Raises:
            RequestError, Refused: It cannot be met.
        """
        caller = await self.authority.require(request, Scope.STORE_MANIFESTS)
        await self.repository.delete(path_id(request), key_id=caller.key_id)

    async def _read_store(self, store: bytes) -> Finding:
        """What a store says, read where nothing can happen.

        Raises:
            Refused: It is damaged, or its signature does not hold.
        """
        try:
            finding = await self.pool.read_store(store)
        except LabelerError as error:
            raise Refused(
                400, "unreadable", f"the manifest store cannot be read: {error.problem}"
            ) from None
        if finding.detail.get("integrity") != Integrity.UNBOUND.value:
            is_damaged = finding.presence is not Presence.PRESENT
            problem = "it is damaged" if is_damaged else "its signature or a hash does not hold"
            raise Refused(400, "invalid-manifest", f"the manifest store is refused: {problem}")
        return finding


def _match(manifest_id: str, similarity: int | None) -> dict[str, Any]:
    score = {} if similarity is None else {"similarityScore": similarity}
    return {"manifestId": manifest_id, **score}


def _check_boxes(store: bytes, manifest_id: str) -> None:
    """See that a store ends where it says, and that the manifest that was read is its active one.

    Raises:
        Refused: It does not, or is not.
    """
    try:
        labels = labels_of(store)
    except CredentialError:
        labels = ()
    if labels[-1:] != (manifest_id,):
        raise Refused(
            400, "invalid-manifest", "the manifest store is refused: it is not well formed"
        )


def _trust(finding: Finding) -> Trust:
    try:
        return Trust(str(finding.detail.get("trust")))
    except ValueError:  # a worker that a stranger's store has taken over may say anything
        return Trust.NOT_CHECKED


def _manifest_id(finding: Finding) -> str:
    given = finding.detail.get("manifest_id")
    if not isinstance(given, str) or not is_name(given):
        raise Refused(400, "invalid-manifest", "the active manifest has no usable label")
    return given


def _bindings(finding: Finding) -> list[SoftBinding]:
    """What a manifest says of its watermarks and fingerprints, as far as it can be kept."""
    given = finding.detail.get("soft_bindings")
    if not isinstance(given, list):
        return []
    pairs = [(each.get("algorithm"), each.get("value")) for each in given if isinstance(each, dict)]
    return [
        SoftBinding(algorithm=algorithm, value=value)
        for algorithm, value in pairs[:_BINDINGS]
        if isinstance(algorithm, str)
        and isinstance(value, str)
        and 0 < len(value) <= MAX_VALUE_CHARACTERS
        and value.isprintable()
        and (not algorithm or is_name(algorithm))
    ]
