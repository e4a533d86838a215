"""Why a request gets no answer, or another than it asked for.

What can happen to people, too, is a `RequestError`: a kind, with words in their language. What only
programs come to is `Refused`: it says in English what is wrong with this request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from starlette.responses import Response

__all__ = ["ProblemKind", "Refused", "RequestError", "error_members", "problem_json"]

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


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that is answered with an error that says more than its kind.

    Args:
        status: The status code of HTTP.
        kind: What is wrong, for programs.
        problem: The same in words, without a full stop.
        hint: What to do about it, likewise.
        headers: Header fields that go with the status.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        problem: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.problem = problem
        self.hint = hint
        self.headers = dict(headers or {})

    @property
    def members(self) -> dict[str, object]:
        """The error in the form of ``docs/json.md``."""
        return error_members(self.kind, self.problem, hint=self.hint)

    def response(self) -> Response:
        """The answer."""
        return Response(
            _error_json(self.members),
            status_code=self.status,
            media_type="application/json",
            headers=self.headers,
        )


def error_members(kind: str, problem: str, *, hint: str | None = None) -> dict[str, object]:
    """An error in the form of ``docs/json.md``; a service knows no file of the caller's."""
    return {"kind": kind, "problem": problem, "hint": hint, "file": None}


def problem_json(kind: ProblemKind, *, problem: str) -> str:
    """A problem as a body in that form.

    Args:
        kind: What is wrong.
        problem: The same in words; a full stop is left out.
    """
    return _error_json(error_members(kind.value, problem.removesuffix(".")))


def _error_json(members: Mapping[str, object]) -> str:
    return json.dumps({"schema": _SCHEMA, "error": members})
