"""Routes that let requests in as long as there is room, and tell what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from detectors.service.parts import Parts
from detectors.service.problems import Refused, RequestError
from detectors.service.uploads import drain

__all__ = ["admitted_by"]


def admitted_by(parts: Parts) -> type[APIRoute]:
    """The class of such routes.

    Args:
        parts: Has who lets requests in, and what these may take.
    """
    limits, admission = parts.limits, parts.verifying.admission

    class AdmittedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def admitted(request: Request) -> Response:
                address = "" if request.client is None else request.client.host
                try:
                    with admission.enter(address):
                        return await answer(request)
                except Refused as error:
                    await drain(request, limits)
                    return error.response()
                except RequestError:
                    await drain(request, limits)
                    raise

            return admitted

    return AdmittedRoute
