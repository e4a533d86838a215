"""The C2PA Soft Binding Resolution API: from a watermark to the manifest that a file has lost.

    GET  /c2pa/v1/matches/byBinding?alg=ai.labeler.tile.1&value=MTEwMDA3ZGVhZGJlZWY=
    GET  /c2pa/v1/manifests/urn:c2pa:…

Everybody may ask, unless the settings say otherwise; storing needs an API key. Requests are taken
apart in `detectors.service.resolving`, so that they are answered as the specification says, and
described in `detectors.service.resolution_operations`. The specification names the status codes of
refusals and leaves their bodies open: they have the form of all other errors (``docs/json.md``).

Source: C2PA 2.5, Soft Binding Resolution API 2.4.0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from detectors.service import resolution_operations as operations
from detectors.service.admitted import admitted_by
from detectors.service.bodies import read_json
from detectors.service.manifest_receipts import ManifestReceipts
from detectors.service.parts import Addition, Parts
from detectors.service.problems import ProblemKind, Refused, RequestError
from detectors.service.repository import Repository
from detectors.service.resolution_discovery import discovery_router
from detectors.service.resolution_operations import Handler
from detectors.service.resolution_parameters import flag, path_id
from detectors.service.resolution_schemas import is_receipt
from detectors.service.resolving import Resolving
from detectors.service.signing import ResultSigner
from labeler.credentials import Identity
from labeler.credentials.stores import only_manifest
from labeler.errors import LabelerError

__all__ = ["BASE_PATH", "soft_bindings"]

_LOG: Final = logging.getLogger(__name__)
BASE_PATH: Final = "/c2pa/v1"
"""Where the interface is; ``v1`` is its compatibility version, which is not that of Labeler's."""


def soft_bindings(parts: Parts, *, base_path: str = BASE_PATH) -> Addition:
    """The interface, as a part of the service.

    Args:
        parts: What the service is made of.
        base_path: Where it is.

    Raises:
        IdentityError: The identity that the settings name cannot be used.
    """
    verifying, settings = parts.verifying, parts.settings
    repository, signer = Repository(settings), ResultSigner.of(settings)
    resolving = Resolving(
        repository=repository,
        pool=verifying.pool,
        limits=parts.limits,
        authority=parts.authority,
        fetcher=verifying.fetcher,
        is_public=settings.public_manifests,
    )
    interface = _Interface(
        resolving=resolving,
        identity=None if signer is None else signer.identity,
        url=settings.resolver_url,
        base_path=base_path,
    )
    router = APIRouter(prefix=base_path, route_class=admitted_by(parts))
    interface.add_to(router)
    both = APIRouter()
    both.include_router(router)
    both.include_router(
        discovery_router(
            base_path,
            url=settings.resolver_url,
            has_references=verifying.fetcher is not None,
            is_ready=lambda: verifying.pool.is_ready,
        )
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        with repository:
            yield

    return Addition(router=both, running=running())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """What answers."""

    resolving: Resolving
    """Does the work."""
    identity: Identity | None
    """Who signs receipts; None: there are none."""
    url: str | None
    """The base URL under which the interface is known; None: that of the socket."""
    base_path: str

    def add_to(self, router: APIRouter) -> None:
        """Answer all operations."""
        answered: dict[operations.Operation, Handler] = {
            operations.BY_BINDING: self._by_binding,
            operations.BY_LARGE_BINDING: self._by_large_binding,
            operations.BY_CONTENT: self._by_content,
            operations.ADD_MANIFEST: self._store,
            operations.GET_MANIFEST: self._fetch,
            operations.DELETE_MANIFEST: self._delete,
            operations.ADD_BINDING: self._bind,
            operations.MOVE_BINDING: self._rebind,
            operations.GET_RECEIPT: self._receipt,
            operations.CHECK_RECEIPT: self._check_receipt,
        }
        if self.resolving.fetcher is not None:
            answered[operations.BY_REFERENCE] = self._by_reference
        for operation, handler in answered.items():
            operation.add_to(router, handler)
        operations.refuse_others(router, answered)

    async def _by_binding(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        return _matches(await self.resolving.by_binding(request))

    async def _by_large_binding(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        return _matches(await self.resolving.by_large_binding(request))

    async def _by_content(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        return _matches(await self.resolving.by_content(request))

    async def _by_reference(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        return _matches(await self.resolving.by_reference(request))

    async def _store(self, request: Request) -> Response:
        wants_receipt = flag(request, "returnReceipt")
        stored, trust = await self.resolving.store(request)
        answer: dict[str, Any] = {"manifestId": stored.manifest_id, "trust": trust.value}
        receipts = self._receipts(request) if wants_receipt else None
        if receipts is not None:
            answer["receipt"] = await _in_thread(receipts.issue, stored)
        return JSONResponse(answer)

    async def _fetch(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        is_alone = flag(request, "returnActiveManifest")
        stored = await self.resolving.repository.manifest(path_id(request))
        data = stored.store
        if is_alone:
            data = await _in_thread(only_manifest, data, stored.manifest_id)
        return Response(data, media_type=operations.STORE_TYPE)

    async def _delete(self, request: Request) -> Response:
        await self.resolving.delete(request)
        return Response(status_code=204)

    async def _bind(self, request: Request) -> Response:
        await self.resolving.bind(request, replace=False)
        return Response(status_code=204)

    async def _rebind(self, request: Request) -> Response:
        await self.resolving.bind(request, replace=True)
        return Response(status_code=204)

    async def _receipt(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        stored = await self.resolving.repository.manifest(path_id(request))
        receipts = self._receipts(request)
        if receipts is None:
            raise _no_receipts()
        return JSONResponse(await _in_thread(receipts.verified, stored))

    async def _check_receipt(self, request: Request) -> Response:
        await self.resolving.may_fetch(request)
        members = await read_json(request, self.resolving.limits)
        if not is_receipt(members):
            raise Refused(400, "bad-request", "the body is no receipt")
        stored = await self.resolving.repository.manifest(path_id(request))
        receipts = self._receipts(request)
        if receipts is None:
            raise _no_receipts()
        return JSONResponse(await _in_thread(receipts.verify, members, stored))

    def _receipts(self, request: Request) -> ManifestReceipts | None:
        """Who makes receipts; None: nobody does."""
        if self.identity is None:
            return None
        return ManifestReceipts(identity=self.identity, repository=self._base_url(request))

    def _base_url(self, request: Request) -> str:
        if self.url is not None:
            return self.url.rstrip("/")
        # Not what the request calls the host: its sender would choose what is signed.
        host, port = request.scope.get("server") or ("localhost", None)
        host = f"[{host}]" if ":" in host else host
        place = host if port is None else f"{host}:{port}"
        return f"{request.url.scheme}://{place}{self.base_path}"


def _matches(found: Sequence[dict[str, Any]]) -> Response:
    return JSONResponse({"matches": list(found)})


def _no_receipts() -> Refused:
    return Refused(404, "not-found", "this repository makes no receipts")


async def _in_thread(work: Callable[..., Any], *arguments: object) -> Any:
    """What ``work`` gives, in a thread: keys may be elsewhere, and stores are large."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except LabelerError as error:
        _LOG.error("%s: %s", type(error).__name__, error.problem)
        raise RequestError(ProblemKind.FAILED) from None
