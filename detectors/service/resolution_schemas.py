"""What the Soft Binding Resolution API takes and gives, for the OpenAPI document.

Source: C2PA 2.5, Soft Binding Resolution API 2.4.0 (the schemas ``c2pa.…`` there).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detectors.service.schemas import ErrorBody

__all__ = [
    "ASSET_BODY",
    "BINARY",
    "BINDING",
    "BINDING_BODY",
    "BOOLEAN",
    "HINTS",
    "MANIFEST_ID",
    "MAX_RESULTS",
    "QUERY_BODY",
    "RECEIPT_BODY",
    "REFERENCE_BODY",
    "AlgorithmsBody",
    "CapabilitiesBody",
    "DiscoveryBody",
    "MatchesBody",
    "ReceiptBody",
    "StatusBody",
    "StoredBody",
    "VerifiedReceiptBody",
    "body_of",
    "is_receipt",
    "parameter",
    "problems",
]

_ALG: Final = "Name of the soft binding algorithm, as in C2PA's list of these."
_VALUE: Final = "Base64 of the soft binding's value, as its algorithm defines it."


class MatchBody(BaseModel):
    """A manifest that a soft binding leads to."""

    manifestId: str = Field(description="Label of the active manifest.")  # noqa: N815  as specified
    endpoint: str | None = Field(
        default=None, description="Where the manifest is, if not at this interface."
    )
    similarityScore: int | None = Field(  # noqa: N815  as specified
        default=None, ge=0, le=100, description="How strong the match is, for fingerprints."
    )


class MatchesBody(BaseModel):
    """The manifests that a query led to, the likeliest first."""

    matches: list[MatchBody]


class ReceiptRepository(BaseModel):
    model_config = ConfigDict(extra="forbid")

    uri: str
    manifestId: str  # noqa: N815  as specified


class ReceiptAnchor(BaseModel):
    uri: str
    parameters: dict[str, Any] | None = None
    proof: dict[str, Any]


class ReceiptBody(BaseModel):
    """The repository's signed word that it was given a manifest store."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    context: dict[str, Any] | str = Field(alias="@context")
    type_: Literal["org.c2pa.manifest-receipt"] = Field(alias="@type")
    repository: ReceiptRepository
    anchor: ReceiptAnchor


class VerifiedReceiptBody(ReceiptBody):
    """A receipt, and whether it holds."""

    verified: bool
    error: str | None = Field(default=None, description="Why it does not hold.")


class StoredBody(BaseModel):
    """What became of a manifest store that was entrusted to the repository."""

    manifestId: str = Field(description="Label of its active manifest.")  # noqa: N815  as specified
    receipt: ReceiptBody | None = None
    trust: Literal["trusted", "untrusted", "expired", "revoked", "not-checked"] = Field(
        description="Whether its signer is on one of the repository's trust lists."
    )


class AlgorithmBody(BaseModel):
    alg: str


class AlgorithmsBody(BaseModel):
    """What can be asked for."""

    watermarks: list[AlgorithmBody]
    fingerprints: list[AlgorithmBody]


class StatusBody(BaseModel):
    """How the service is."""

    status: Literal["ok", "degraded", "down"]
    timestamp: str


class CapabilitiesBody(BaseModel):
    """What of the optional routes there is."""

    c2paSpecificationVersion: str  # noqa: N815  as specified
    supportedCapabilities: list[str]  # noqa: N815  as specified


class DiscoveryBody(BaseModel):
    """Where the interface is."""

    apiEndpoint: str  # noqa: N815  as specified
    c2paSpecificationVersion: str  # noqa: N815  as specified
    capabilitiesEndpoint: str  # noqa: N815  as specified
    statusEndpoint: str  # noqa: N815  as specified


def parameter(
    name: str, about: str, schema: dict[str, Any], *, place: str = "query", required: bool = False
) -> dict[str, Any]:
    """One parameter of an operation."""
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": about,
        "schema": schema,
    }


def body_of(content: dict[str, Any]) -> dict[str, Any]:
    """The body of an operation: media types and their schemas."""
    return {
        "required": True,
        "content": {media_type: {"schema": schema} for media_type, schema in content.items()},
    }


def problems(statuses: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """The responses of errors: their statuses, and what each means."""
    always = {
        408: "The body took too long.",
        413: "The body is too large.",
        429: "Too many requests of this address.",
        503: "The service is busy, or cannot work at the moment.",
    }
    told = {**statuses, **always}
    return {status: {"model": ErrorBody, "description": about} for status, about in told.items()}


_NAME: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 256,
    "pattern": "^[!-.0-~]+$",
}
_BASE64: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 2,
    "pattern": "^[A-Za-z0-9+/_-]{2,}={0,2}$",
}
BINARY: Final[dict[str, Any]] = {"type": "string", "format": "binary"}
BOOLEAN: Final[dict[str, Any]] = {"type": "boolean", "default": False}
MANIFEST_ID: Final = parameter(
    "manifestId", "Label of the active manifest.", _NAME, place="path", required=True
)
MAX_RESULTS: Final = parameter(
    "maxResults",
    "Most matches that are returned; never more than 100.",
    {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 10},
)
HINTS: Final[tuple[dict[str, Any], ...]] = (
    parameter("alg", f"Only matches by this algorithm. {_ALG}", _NAME),
    MAX_RESULTS,
    parameter("hintAlg", "Algorithm of `hintValue`; the two come together.", _NAME),
    parameter("hintValue", f"A soft binding to look for beside. {_VALUE}", _BASE64),
)
BINDING: Final[tuple[dict[str, Any], ...]] = (
    parameter("value", _VALUE, _BASE64 | {"maxLength": 2048}, required=True),
    parameter("alg", _ALG, _NAME, required=True),
    MAX_RESULTS,
)
QUERY_BODY: Final = body_of(
    {
        "application/json": {
            "type": "object",
            "required": ["value", "alg"],
            "properties": {
                "value": _BASE64 | {"description": _VALUE},
                "alg": _NAME | {"description": _ALG},
            },
        }
    }
)
BINDING_BODY: Final = body_of(
    {
        "application/json": {
            "type": "object",
            "required": ["bindingValue", "manifestId"],
            "properties": {
                "bindingValue": _BASE64 | {"description": _VALUE},
                "manifestId": _NAME | {"description": "Label of the active manifest."},
            },
        }
    }
)
_TYPES: Final = ("image", "audio", "video", "application", "model", "text")
ASSET_BODY: Final = body_of({f"{each}/*": BINARY for each in _TYPES})
REFERENCE_BODY: Final = body_of(
    {
        "application/json": {
            "type": "object",
            "required": ["referenceUrl", "assetLength"],
            "properties": {
                "referenceUrl": {"type": "string", "format": "uri", "pattern": "^https://.*"},
                "assetLength": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Bytes; a longer file is refused.",
                },
                "assetType": {
                    "type": "string",
                    "description": "Media type; a file of another one is refused.",
                },
                "region": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "Not supported: a request with it is refused.",
                },
            },
        }
    }
)
_RECEIPT: Final = ReceiptBody.model_json_schema(ref_template="#/components/schemas/{model}")
_RECEIPT.pop("$defs", None)  # they are among the components, as parts of what is answered
RECEIPT_BODY: Final = body_of({"application/json": _RECEIPT})


def is_receipt(members: dict[str, Any]) -> bool:
    """Whether an object has the form of a receipt; that says nothing of what is in it."""
    try:
        ReceiptBody.model_validate(members)
    except ValidationError:
        return False
    return True
