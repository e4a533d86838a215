"""What the API says, for its OpenAPI document; ``docs/json.md`` says what each member means."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from detectors.report import Conclusion, Presence, Technique

__all__ = ["ErrorBody", "FindingBody", "HealthBody", "ReportBody"]


class FindingBody(BaseModel):
    """What one technique found."""

    technique: Technique
    presence: Presence
    p_value: float | None = Field(ge=0, le=1)
    detail: dict[str, Any]


class ReportBody(BaseModel):
    """What verifying one file found. No mark found does not mean that a person made it."""

    model_config = {"populate_by_name": True}

    schema_: Literal[1] = Field(alias="schema")
    file: str
    sha256: str | None
    media_type: str | None
    conclusion: Conclusion
    origin: (
        Literal["unknown", "generated", "modified", "composite", "enhanced", "algorithmic"] | None
    )
    findings: list[FindingBody]
    warnings: list[str]


class _Error(BaseModel):
    kind: str
    problem: str
    hint: str | None
    file: str | None


class ErrorBody(BaseModel):
    """Why there is no report."""

    model_config = {"populate_by_name": True}

    schema_: Literal[1] = Field(alias="schema")
    error: _Error


class HealthBody(BaseModel):
    """How the service is."""

    status: Literal["ok", "starting", "registry-unreachable"]
