"""What is signed of a verification.

Its JSON, members in the order of their names, no spaces, ASCII only::

    {"checked_at": "2026-11-22T09:00:00Z",
     "detector": {"name": "Labeler", "url": "https://…" | null, "version": "…"},
     "report": {…},          as `labeler verify --json` prints it, `sha256` never null
     "schema": 1,
     "size": bytes | null}

Of the file's name only the last part is kept, or nothing: ``""``. The content itself is not in it,
and of its metadata only what the findings tell. Readers ignore members that they do not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from detectors.report import Report
from labeler.credentials.manifest import generator_version
from labeler.credentials.strict_json import read_object, write_object
from labeler.errors import VerificationError

__all__ = ["Detector", "VerificationResult"]

RESULT_SCHEMA: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SEPARATORS: Final = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """The detection solution that a result comes from.

    Raises:
        ValueError: The name is empty, or ``url`` is no http or https URL.
    """

    name: str
    """What it is called."""
    version: str
    """Its version."""
    url: str | None = None
    """Where people find it; None where it has no address, and the name has to do."""

    def __post_init__(self) -> None:
        """Check that there is something to find it by."""
        if not self.name:
            raise ValueError("a detector needs a name")
        if self.url is not None and (
            urlsplit(self.url).scheme not in {"http", "https"} or not urlsplit(self.url).hostname
        ):
            raise ValueError("a detector's address has to be an http or https URL")

    @classmethod
    def here(cls, *, url: str | None = None) -> Self:
        """This installation of Labeler."""
        return cls(name="Labeler", version=generator_version(), url=url)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult:
    """What verifying one file found, when, and by what.

    Raises:
        ValueError: The report has no hash of the content, the time has no time zone, or the size is
            negative.
    """

    report: Report
    """What was found, technique by technique; of the file's name the last part, or ``""``."""
    detector: Detector
    """Who found it."""
    checked_at: datetime
    """When, with a time zone; whole seconds are kept. Its signer says so: no one else does."""
    size: int | None = None
    """Bytes of the content; None where that was not noted."""

    def __post_init__(self) -> None:
        """Check what later readers rely on."""
        if self.report.sha256 is None or not _DIGEST.fullmatch(self.report.sha256):
            raise ValueError("a result needs the SHA-256 of the content")
        if self.checked_at.tzinfo is None:
            raise ValueError("the time of a result needs a time zone")
        if self.size is not None and self.size < 0:
            raise ValueError("a size is not negative")
        whole = self.checked_at.astimezone(UTC).replace(microsecond=0)
        object.__setattr__(self, "checked_at", whole)

    @classmethod
    def of(
        cls,
        report: Report,
        *,
        detector: Detector,
        checked_at: datetime,
        size: int | None = None,
        with_name: bool = True,
    ) -> Self:
        """The result for a report.

        Args:
            report: What was found.
            detector: Who found it.
            checked_at: The present time, with a time zone.
            size: Bytes of the content, where known.
            with_name: Whether the file's name is told: its last part, without folders, and of a URL
                without what comes after ``?``.

        Raises:
            VerificationError: The content could not be read, so that there is no hash of it.
            ValueError: The time has no time zone.
        """
        if report.sha256 is None:
            raise VerificationError(
                "a content that could not be read has no hash, so there is nothing to sign",
                file=report.file,
                hint="See the report for why it cannot be read",
            )
        name = _last_part(report.file) if with_name else ""
        return cls(
            report=replace(report, file=name), detector=detector, checked_at=checked_at, size=size
        )

    def to_json(self) -> str:
        """The result as the module describes it."""
        detector = self.detector
        return write_object(
            {
                "schema": RESULT_SCHEMA,
                "checked_at": self.checked_at.isoformat().replace("+00:00", "Z"),
                "detector": {
                    "name": detector.name,
                    "version": detector.version,
                    "url": detector.url,
                },
                "report": json.loads(self.report.to_json()),
                "size": self.size,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote, in this version or a later one of the same schema.

        Raises:
            ValueError: ``text`` is no result, or one of another schema.
        """
        members = read_object(text)
        schema = members.get("schema")
        if type(schema) is not int or schema != RESULT_SCHEMA:
            raise ValueError(f"its schema {schema!r:.40} is not known")
        try:
            return cls(
                report=Report.from_json(json.dumps(members["report"])),
                detector=_read_detector(_typed(members["detector"], dict)),
                checked_at=datetime.fromisoformat(_typed(members["checked_at"], str)),
                size=None if members["size"] is None else _typed(members["size"], int),
            )
        except KeyError as error:
            raise ValueError(f"{error} is missing") from None
        except (OverflowError, RecursionError, TypeError) as error:
            raise ValueError(f"a member cannot be used: {error}") from error


def _read_detector(members: Mapping[str, Any]) -> Detector:
    url = members["url"]
    return Detector(
        name=_typed(members["name"], str),
        version=_typed(members["version"], str),
        url=None if url is None else _typed(url, str),
    )


def _typed(value: object, kind: type[Any]) -> Any:
    if type(value) is not kind:  # True is an int elsewhere
        raise ValueError(f"{value!r:.80} is no {kind.__name__}")
    return value


def _last_part(file: str) -> str:
    """The name without folders, address and query: these may hold names of people, and secrets."""
    if "://" in file:
        path = file.partition("://")[2].partition("?")[0].partition("#")[0]
        file = unquote(path.partition("/")[2])
    return _SEPARATORS.split(file.rstrip("/\\"))[-1]
