"""The operations of the Soft Binding Resolution API as the OpenAPI document describes them.

Nothing is done here: what an operation takes and gives, and what can go wrong, is data.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPMethod
from typing import Any, Final, TypeAlias

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from detectors.service import resolution_schemas as schemas
from detectors.service.problems import Refused

__all__ = [
    "ADD_BINDING",
    "ADD_MANIFEST",
    "BY_BINDING",
    "BY_CONTENT",
    "BY_LARGE_BINDING",
    "BY_REFERENCE",
    "CHECK_RECEIPT",
    "DELETE_MANIFEST",
    "GET_MANIFEST",
    "GET_RECEIPT",
    "MOVE_BINDING",
    "STORE_TYPE",
    "Handler",
    "Operation",
    "refuse_others",
]

STORE_TYPE: Final = "application/c2pa"
"""Media type of manifest stores."""
_KEY: Final = {401: "There is no API key that holds.", 403: "It is not good for this."}
_BAD: Final = {400: "A parameter or the body cannot be used."}
_NO_JSON: Final = {415: "The body is no JSON."}
_UNKNOWN: Final = {404: "There is no manifest of that id."}
_FOUND: Final = "What the query led to; nothing is an answer, too."


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
"""What answers a request."""


# Each is itself alone: they are told apart by being what they are.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """One operation."""

    name: str
    """What the specification calls it (``operationId``)."""
    method: str
    path: str
    """Below the base path."""
    tag: str
    """The group that the specification puts it in."""
    about: str
    """What it is for."""
    status: int = 200
    """The status of an answer."""
    answer: type[BaseModel] | None = None
    """What an answer holds; None: see `binary`, else nothing."""
    binary: str | None = None
    """Media type of an answer that is no JSON."""
    told: str = "It is done."
    """What an answer means."""
    problems: Mapping[int, str]
    """What can go wrong, by its status."""
    parameters: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)

    def add_to(self, router: APIRouter, handler: Callable[[Request], Awaitable[Response]]) -> None:
        """Let ``handler`` answer it."""
        answer: dict[str, Any] = {"description": self.told}
        if self.answer is not None:
            answer["model"] = self.answer
        if self.binary is not None:
            answer["content"] = {self.binary: {"schema": schemas.BINARY}}
        described: dict[str, Any] = {"parameters": list(self.parameters)}
        if self.body is not None:
            described["requestBody"] = self.body
        router.add_api_route(
            self.path,
            handler,
            methods=[self.method],
            status_code=self.status,
            summary=self.about,
            tags=[self.tag],
            response_class=Response,
            responses={self.status: answer, **schemas.problems(self.problems)},
            openapi_extra=described,
            operation_id=self.name,
        )


def refuse_others(router: APIRouter, operations: Iterable[Operation]) -> None:
    """Answer every other method on the paths of ``operations``, and name those that there are.

    Where a path has several, the framework would name only one (RFC 9110, 15.5.6: all of them).
    """
    methods: dict[str, list[str]] = {}
    for each in operations:
        methods.setdefault(each.path, []).append(each.method)
    for path, known in methods.items():
        others = [each.value for each in HTTPMethod if each not in {*known, HTTPMethod.CONNECT}]
        router.add_api_route(
            path, _refusal(", ".join(known)), methods=others, include_in_schema=False
        )


def _refusal(allowed: str) -> Handler:
    async def refuse(_request: Request) -> Response:
        raise Refused(
            405,
            "not-allowed",
            "this cannot be asked for in this way",
            headers={"Allow": allowed},
        )

    return refuse


BY_BINDING: Final = Operation(
    name="queryByBinding",
    method="GET",
    path="/matches/byBinding",
    tag="query",
    about="Which manifests does a soft binding lead to?",
    answer=schemas.MatchesBody,
    told=_FOUND,
    problems={**_BAD, **_KEY, 414: "The value is too long for a URL; use POST."},
    parameters=schemas.BINDING,
)
BY_LARGE_BINDING: Final = Operation(
    name="queryByLargeBinding",
    method="POST",
    path="/matches/byBinding",
    tag="query",
    about="The same for a value that is too long for a URL",
    answer=schemas.MatchesBody,
    told=_FOUND,
    problems={**_BAD, **_KEY, **_NO_JSON},
    parameters=(schemas.MAX_RESULTS,),
    body=schemas.QUERY_BODY,
)
BY_CONTENT: Final = Operation(
    name="uploadFile",
    method="POST",
    path="/matches/byContent",
    tag="query",
    about="Which manifests do the marks in a file lead to?",
    answer=schemas.MatchesBody,
    told=_FOUND,
    problems={**_BAD, **_KEY, 415: "The file is of no type that is known."},
    parameters=schemas.HINTS,
    body=schemas.ASSET_BODY,
)
BY_REFERENCE: Final = Operation(
    name="queryByReference",
    method="POST",
    path="/matches/byReference",
    tag="query",
    about="The same for a file that is fetched from a URL",
    answer=schemas.MatchesBody,
    told=_FOUND,
    problems={
        **_BAD,
        **_KEY,
        415: "The body is no JSON, or the file is of no type that is known.",
        424: "The file cannot be fetched.",
    },
    parameters=schemas.HINTS,
    body=schemas.REFERENCE_BODY,
)
ADD_MANIFEST: Final = Operation(
    name="addManifest",
    method="POST",
    path="/manifests",
    tag="store",
    about="Entrust a manifest store to the repository",
    answer=schemas.StoredBody,
    told="It is kept.",
    problems={
        400: "The store is damaged, or its signature does not hold.",
        **_KEY,
        409: "There is another store under its label.",
        415: "The body is no manifest store.",
    },
    parameters=(
        schemas.parameter("returnReceipt", "Whether a receipt is wanted.", schemas.BOOLEAN),
    ),
    body=schemas.body_of({STORE_TYPE: schemas.BINARY}),
)
GET_MANIFEST: Final = Operation(
    name="getManifestById",
    method="GET",
    path="/manifests/{manifestId}",
    tag="fetch",
    about="A manifest store, or its active manifest alone",
    binary=STORE_TYPE,
    told="The manifest store.",
    problems={400: "A parameter cannot be used.", **_KEY, **_UNKNOWN},
    parameters=(
        schemas.MANIFEST_ID,
        schemas.parameter(
            "returnActiveManifest",
            "Whether the manifests of ingredients are left out.",
            schemas.BOOLEAN,
        ),
    ),
)
DELETE_MANIFEST: Final = Operation(
    name="deleteManifest",
    method="DELETE",
    path="/manifests/{manifestId}",
    tag="store",
    about="Delete a manifest store that the same API key stored",
    status=204,
    told="It is gone, with what led to it.",
    problems={**_KEY, **_UNKNOWN},
    parameters=(schemas.MANIFEST_ID,),
)
ADD_BINDING: Final = Operation(
    name="associateManifest",
    method="POST",
    path="/bindings",
    tag="store",
    about="Let a soft binding lead to a manifest that the same API key stored",
    status=204,
    problems={**_BAD, **_KEY, **_UNKNOWN, **_NO_JSON},
    body=schemas.BINDING_BODY,
)
MOVE_BINDING: Final = Operation(
    name="updateAssociatedManifest",
    method="PUT",
    path="/bindings",
    tag="store",
    about="Let a soft binding lead to another manifest that the same API key stored",
    status=204,
    problems={**_BAD, **_KEY, 404: "There is no such manifest or soft binding.", **_NO_JSON},
    body=schemas.BINDING_BODY,
)
GET_RECEIPT: Final = Operation(
    name="getVerifiedReceipt",
    method="GET",
    path="/manifests/{manifestId}/receipts",
    tag="fetch",
    about="The repository's signed word that it was given a manifest store",
    answer=schemas.VerifiedReceiptBody,
    told="The receipt.",
    problems={**_KEY, 404: "There is no manifest of that id, or no receipt."},
    parameters=(schemas.MANIFEST_ID,),
)
CHECK_RECEIPT: Final = Operation(
    name="verifyReceipt",
    method="POST",
    path="/manifests/{manifestId}/receipts",
    tag="fetch",
    about="Does a receipt hold?",
    answer=schemas.VerifiedReceiptBody,
    told="The receipt, and whether it holds.",
    problems={
        400: "The body is no receipt.",
        **_KEY,
        404: "There is no manifest of that id, or no receipt.",
        **_NO_JSON,
    },
    parameters=(schemas.MANIFEST_ID,),
    body=schemas.RECEIPT_BODY,
)
