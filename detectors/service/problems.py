"""Why a request gets no answer: for programs a kind, for people words in their language."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final

__all__ = ["ProblemKind", "RequestError", "problem_json"]

_SCHEMA: Final = 1
"""Version of what programs are told; that of ``labeler --json``."""


class ProblemKind(StrEnum):
    """What is wrong; each has words under ``problem.<kind>``."""

    NO_FILE = "no-file"
    BAD_FORM = "bad-form"
    BAD_URL = "bad-url"
    NOT_PUBLIC = "not-public"
    NOT_FETCHED = "not-fetched"
    FETCH_TOO_SLOW = "fetch-too-slow"
    TOO_SLOW = "too-slow"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many-requests"
    BUSY = "busy"
    NOT_FOUND = "not-found"
    NOT_ALLOWED = "not-allowed"
    FAILED = "failed"
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"

    @property
    def status(self) -> int:
        """The status code of HTTP (RFC 9110; 424: RFC 4918; 429: RFC 6585)."""
        return _STATUS[self]


_STATUS: Final = {
    ProblemKind.NO_FILE: 400,
    ProblemKind.BAD_FORM: 400,
    ProblemKind.BAD_URL: 400,
    ProblemKind.NOT_PUBLIC: 403,
    ProblemKind.UNAUTHORISED: 401,
    ProblemKind.FORBIDDEN: 403,
    ProblemKind.NOT_FOUND: 404,
    ProblemKind.NOT_ALLOWED: 405,
    ProblemKind.TOO_SLOW: 408,
    ProblemKind.TOO_LARGE: 413,
    ProblemKind.NOT_FETCHED: 424,
    ProblemKind.FETCH_TOO_SLOW: 424,
    ProblemKind.TOO_MANY: 429,
    ProblemKind.BUSY: 503,
    ProblemKind.FAILED: 503,
}


class RequestError(Exception):
    """A request that gets no answer.

    Args:
        kind: What is wrong.
        retry_after: Seconds after which it may be tried again; None: nobody knows.
        challenge: How the caller has to show who it is (RFC 9110, 11.6.1); None: it need not.
    """

    def __init__(
        self, kind: ProblemKind, *, retry_after: int | None = None, challenge: str | None = None
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.retry_after = retry_after
        self.challenge = challenge

    @property
    def headers(self) -> dict[str, str]:
        """Header fields of the response."""
        given = {
            "Retry-After": None if self.retry_after is None else str(self.retry_after),
            "WWW-Authenticate": self.challenge,
        }
        return {name: value for name, value in given.items() if value is not None}


def problem_json(kind: ProblemKind, *, problem: str) -> str:
    """A problem in the form that errors have in ``docs/json.md``."""
    error = {"kind": kind.value, "problem": problem.removesuffix("."), "hint": None, "file": None}
    return json.dumps({"schema": _SCHEMA, "error": error})
