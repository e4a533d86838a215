"""Why a file is not stamped, as programs are told: a status, a kind, and the error's own words."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable, Mapping
from typing import Final

from starlette.responses import Response

from detectors.service.problems import ProblemKind, Refused, RequestError

__all__ = ["KINDS", "LostError", "answered", "refusal", "refusal_of_loss"]

_LOG: Final = logging.getLogger(__name__)

_REFUSALS: Final[Mapping[str, tuple[int, str]]] = {
    "UnsupportedMediaError": (415, "unsupported"),
    "MediaTooLargeError": (413, "too-large"),
    "MediaError": (422, "unreadable"),
    "CapacityError": (422, "capacity"),
    "ConflictError": (409, "conflict"),
    "MarkNotVerifiedError": (422, "not-verified"),
    "ParentCredentialError": (422, "parent-credential"),
    "MetadataError": (422, "metadata"),
    "PolicyError": (400, "facts"),
    "ObligationError": (422, "obligation"),
}
"""Errors that are about the file or the request; any other is the service's own."""

KINDS: Final = tuple(sorted({kind for _, kind in _REFUSALS.values()} | {"claims", "limits"}))
"""Every kind that stamping a file can be refused with."""


class LostError(Exception):
    """A worker did not come to an end with a file.

    Args:
        reason: ``time``, ``memory``, ``crash``, ``killed``, ``cancelled`` or ``start``.
        told: What is known beyond that, for the log.
    """

    def __init__(self, reason: str, told: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.told = told


async def answered(work: Awaitable[Response]) -> Response:
    """What ``work`` gives, or the answer that it was refused with."""
    try:
        return await work
    except Refused as refused:
        return refused.response()


def refusal(classes: Iterable[str], problem: str, hint: str | None) -> Refused | RequestError:
    """What to answer for an error of `labeler.errors`.

    Args:
        classes: Names of its class and of those that it is derived from, in this order.
        problem: What it says.
        hint: Likewise.
    """
    names = tuple(classes)
    for name in names:
        if name in _REFUSALS:
            status, kind = _REFUSALS[name]
            return Refused(status, kind, problem, hint=hint)
    # What it says is for the operator: it may name files of this machine.
    is_known = "LabelerError" in names
    _LOG.error("stamping: %s%s", names[0], f": {problem}" if is_known else "")
    return RequestError(ProblemKind.FAILED)


def refusal_of_loss(error: LostError, *, seconds: float) -> Refused | RequestError:
    """What to answer where a worker did not come to an end.

    Args:
        error: How it ended.
        seconds: The time that it had.
    """
    if error.reason == "time":
        return Refused(
            422,
            "limits",
            f"stamping this file takes longer than {seconds:g} s",
            hint="Files that take long are for POST /v1/jobs",
        )
    if error.reason in {"memory", "crash"}:
        return Refused(
            422,
            "limits",
            "stamping this file takes more memory than the limit allows"
            if error.reason == "memory"
            else "the worker process crashed over this file",
            hint="Check the file with another program",
        )
    if error.reason != "cancelled":
        _LOG.error("stamping: the worker was lost (%s) %s", error.reason, error.told)
    return RequestError(ProblemKind.FAILED)
