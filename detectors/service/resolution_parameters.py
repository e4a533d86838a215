"""The parameters of the Soft Binding Resolution API, taken apart strictly.

What two readers could take differently is refused, and nothing that is refused is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from detectors.binding_values import decode_value
from detectors.service.problems import Refused

__all__ = [
    "MAX_NAME",
    "Reference",
    "Wanted",
    "check_asset_type",
    "flag",
    "is_name",
    "most_of",
    "path_id",
    "read_name",
    "read_values",
]

MAX_NAME: Final = 256
"""Longest name of an algorithm or a manifest, characters."""
_ASSET_TYPES: Final = frozenset({"application", "audio", "image", "model", "text", "video"})
_DEFAULT_RESULTS: Final = 10
_MAX_RESULTS: Final = 100
_NAME: Final = re.compile(r"[!-.0-~]+")
"""Printable ASCII, but no blank and no slash: algorithms and manifests have no others."""
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_BOOLEANS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of a file."""

    algorithm: str | None
    """Only matches by this algorithm; None: by any."""
    most: int
    """Matches at most."""
    hint_algorithm: str
    hint_values: Sequence[str]
    """What the value to look for beside may be in a registry; empty: there is none."""

    @classmethod
    def of(cls, request: Request) -> Wanted:
        """What the parameters of a request say.

        Raises:
            Refused: They make no sense.
        """
        given = request.query_params
        hint = (given.get("hintAlg"), given.get("hintValue"))
        if (hint[0] is None) != (hint[1] is None):
            raise Refused(400, "bad-request", "hintAlg and hintValue come together")
        algorithm = given.get("alg")
        return cls(
            algorithm=None if algorithm is None else read_name(algorithm, "alg"),
            most=most_of(request),
            hint_algorithm="" if hint[0] is None else read_name(hint[0], "hintAlg"),
            hint_values=() if hint[1] is None else read_values(hint[1], "hintValue"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A file elsewhere."""

    url: str
    length: int
    """Bytes at most."""
    media_type: str | None
    """What it has to be; None: anything."""

    @classmethod
    def of(cls, members: dict[str, Any]) -> Reference:
        """The file that a body names.

        Raises:
            Refused: It names none, or a part of one.
        """
        url, length, asset_type = (
            members.get(each) for each in ("referenceUrl", "assetLength", "assetType")
        )
        if not isinstance(url, str) or not url.startswith("https://"):
            raise Refused(400, "bad-url", "referenceUrl has to be an https URL")
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise Refused(400, "bad-request", "assetLength has to be a whole number from 1")
        if not isinstance(asset_type, str | None):
            raise Refused(400, "bad-request", "assetType is no text")
        if members.get("region") is not None:
            # To look everywhere would be to answer another question.
            raise Refused(400, "unsupported-region", "regions of a file are not supported")
        return cls(url=url, length=length, media_type=asset_type)


def flag(request: Request, name: str) -> bool:
    """A parameter that is true or false; false where it is missing.

    Raises:
        Refused: It is neither.
    """
    given = request.query_params.get(name, "false")
    if given not in _BOOLEANS:
        raise Refused(400, "bad-request", f"{name} has to be true or false")
    return _BOOLEANS[given]


def path_id(request: Request) -> str:
    """The manifest's id in the path.

    Raises:
        Refused: There can be no manifest of such an id.
    """
    given = str(request.path_params["manifestId"])
    if not is_name(given):
        raise Refused(404, "not-found", "there is no manifest of that id")
    return given


def read_values(given: object, name: str) -> tuple[str, ...]:
    """What a value may be in a registry: see `detectors.binding_values.decode_value`.

    Raises:
        Refused: It is no value.
    """
    if not isinstance(given, str):
        raise Refused(400, "bad-request", f"{name} is missing, or no text")
    try:
        return decode_value(given)
    except ValueError as error:
        raise Refused(
            400,
            "bad-value",
            f"{name} cannot be read: {error}",
            hint="Send base64 of the soft binding's value",
        ) from None


def read_name(given: object, name: str) -> str:
    """The name of an algorithm or a manifest.

    Raises:
        Refused: It is none.
    """
    if not isinstance(given, str) or not is_name(given):
        raise Refused(400, "bad-request", f"{name} is missing, or no name")
    return given


def most_of(request: Request) -> int:
    """How many matches are wanted at most.

    Raises:
        Refused: It is no number of them.
    """
    given = request.query_params.get("maxResults", str(_DEFAULT_RESULTS))
    if not _DIGITS.fullmatch(given) or int(given) < 1:
        raise Refused(400, "bad-request", "maxResults has to be a whole number from 1")
    return min(int(given), _MAX_RESULTS)


def check_asset_type(media_type: str) -> None:
    """See that a body is of a type that files have.

    Raises:
        Refused: It is not.
    """
    top, slash, name = media_type.partition("/")
    if top not in _ASSET_TYPES or not slash or not name:
        raise Refused(
            415,
            "unsupported-type",
            "the body has to be a file, with its own media type",
            hint="Send the file's bytes as they are, and say in Content-Type what they are",
        )


def is_name(text: str) -> bool:
    """Whether an algorithm or a manifest may be called that."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None
