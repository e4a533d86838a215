"""What the Soft Binding Resolution API says of itself: what it can do, how it is, and where.

Nothing is asked of anybody for it, so nobody is sent away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from detectors.service import resolution_schemas as schemas
from detectors.service.content_matches import FINGERPRINTS
from labeler.credentials import (
    SHORT_SOUND_BINDING_ALGORITHM,
    SOFT_BINDING_ALGORITHM,
    SOUND_BINDING_ALGORITHM,
)

__all__ = ["VERSION", "discovery_router"]

VERSION: Final = "2.4.0"
"""The version of the interface's definition."""
_WELL_KNOWN: Final = "/.well-known/c2pa-soft-binding-resolution"
_WATERMARKS: Final = (
    SOFT_BINDING_ALGORITHM,
    SOUND_BINDING_ALGORITHM,
    SHORT_SOUND_BINDING_ALGORITHM,
)
_ALGORITHMS: Final = {
    "model": schemas.AlgorithmsBody,
    "description": "What can be looked for in files.",
}
_STATUS: Final = {"model": schemas.StatusBody, "description": "How the service is."}
_CAPABILITIES: Final = {
    "model": schemas.CapabilitiesBody,
    "description": "Which optional routes there are.",
}
_PLACE: Final = {"model": schemas.DiscoveryBody, "description": "Where the interface is."}


def discovery_router(
    base_path: str, *, url: str | None, has_references: bool, is_ready: Callable[[], bool]
) -> APIRouter:
    """The routes.

    Args:
        base_path: Where the interface is.
        url: Base URL under which it is known; None: whatever leads to this host.
        has_references: Whether it fetches files.
        is_ready: Whether it can do its work.
    """
    router, services = APIRouter(), f"{base_path}/services"
    base = base_path if url is None else url.rstrip("/")
    references = ["queryByReference"] if has_references else []
    capabilities = ["queryByContent", *references, "storeManifests", "storeBindings"]

    def algorithms() -> dict[str, Any]:
        return {"watermarks": _named(_WATERMARKS), "fingerprints": _named(FINGERPRINTS)}

    def status() -> dict[str, Any]:
        return {
            "status": "ok" if is_ready() else "degraded",
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def told() -> dict[str, Any]:
        return {"c2paSpecificationVersion": VERSION, "supportedCapabilities": capabilities}

    def place() -> dict[str, Any]:
        return {
            "apiEndpoint": base,
            "c2paSpecificationVersion": VERSION,
            "capabilitiesEndpoint": f"{base}/services/capabilities",
            "statusEndpoint": f"{base}/services/status",
        }

    add = partial(_add, router)
    add("getSupportedBindings", f"{services}/supportedAlgorithms", algorithms, _ALGORITHMS)
    add("getServiceStatus", f"{services}/status", status, _STATUS)
    add("getServiceCapabilities", f"{services}/capabilities", told, _CAPABILITIES)
    add("getWellKnown", _WELL_KNOWN, place, _PLACE)
    return router


def _add(
    router: APIRouter,
    name: str,
    path: str,
    tell: Callable[[], dict[str, Any]],
    answer: dict[str, Any],
) -> None:
    async def told() -> Response:
        return JSONResponse(tell())

    router.add_api_route(
        path,
        told,
        methods=["GET"],
        summary=answer["description"],
        tags=["service"],
        response_class=Response,
        responses={200: answer},
        operation_id=name,
    )


def _named(algorithms: Sequence[str]) -> list[dict[str, str]]:
    return [{"alg": each} for each in algorithms]
