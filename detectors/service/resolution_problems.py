"""Why the Soft Binding Resolution API refuses a request: for programs only, so in English only.

The specification names the status codes and leaves the bodies open; these have the form of all
other errors (``docs/json.md``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

__all__ = ["ResolutionError", "problem_response"]

_SCHEMA: Final = 1


class ResolutionError(Exception):
    """A request that the interface refuses.

    Args:
        status: The status code of HTTP.
        kind: What is wrong, for programs.
        problem: The same in words, without a full stop. It quotes nothing of the request.
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


def problem_response(error: ResolutionError) -> Response:
    """The answer that tells of it."""
    told = {"kind": error.kind, "problem": error.problem, "hint": error.hint, "file": None}
    body = json.dumps({"schema": _SCHEMA, "error": told})
    return Response(
        body, status_code=error.status, media_type="application/json", headers=error.headers
    )
