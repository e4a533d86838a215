"""``labeler verify-result``: whether a signed result can be believed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_OK, EXIT_USAGE, print_json, reporting, say
from labeler.cli.inputs import STANDARD_INPUT, load_settings
from labeler.errors import BatchError

if TYPE_CHECKING:
    from detectors.results import ResultCheck, VerificationResult

__all__ = ["EXIT_CODES", "verify_result"]

EXIT_NOT_TRUSTED: Final = 3
EXIT_NOT_GENUINE: Final = 4
EXIT_UNREADABLE: Final = 5

# More than any result; what is longer is not read into memory to be told so.
_LONGEST: Final = 64 << 20
_LONGEST_VALUE: Final = 300

EXIT_CODES: Final = (
    "Exit codes: 0 the result is as a trusted signer signed it, and the file, if given, is the one "
    "that was verified; 3 the signature holds, but its signer is not trusted, the certificate is "
    "not valid any more, or no trust list is in use; 4 the result was changed, its page says "
    "something else, it is dated in the future, or it is about another file; 5 it is no signed "
    "result that can be read. 1 the file or a trust list cannot be read; 2 usage."
)

Result = Annotated[
    str,
    typer.Argument(
        metavar="RESULT",
        help="A signed result (JSON), or the page that holds one; - is standard input.",
        show_default=False,
    ),
]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="The file that it is said to be about."),
]


def verify_result(
    *,
    result: Result,
    file: File = None,
    trust_anchors: options.TrustAnchors = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Check a signed result of `labeler verify`, without a network.

    What it says is shown only where its signature holds. Whether a certificate was revoked is not
    asked.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        document = _read(result)
    with reporting(as_json=as_json):
        from detectors.results import check_result  # noqa: PLC0415 - slow to import
        from detectors.verification import load_trust  # noqa: PLC0415 - as above

        settings = load_settings(home)
        anchors = (*settings.trust_anchors, *(trust_anchors or ()))
        trust = load_trust(load_settings(home, trust_anchors=anchors))
        check = check_result(document, trust=trust, now=datetime.now(UTC), content=file)
        if as_json:
            _print_json(result, check)
        else:
            _print_words(result, check)
        raise typer.Exit(_exit_code(check))


def _read(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(_LONGEST)
    try:
        with Path(name).open("rb") as file:
            return file.read(_LONGEST)
    except OSError as error:
        raise BatchError(
            f"the result cannot be read ({error.strerror or type(error).__name__})",
            file=name,
            hint="Give a result that labeler verify --result-out wrote",
        ) from error


def _exit_code(check: ResultCheck) -> int:
    if check.signature.value == "unreadable":
        return EXIT_UNREADABLE
    if check.signature.value == "invalid" or False in {check.same_file, check.same_page}:
        return EXIT_NOT_GENUINE
    if check.is_future:
        return EXIT_NOT_GENUINE
    return EXIT_OK if check.is_good else EXIT_NOT_TRUSTED


def _print_json(name: str, check: ResultCheck) -> None:
    print_json(
        {
            "file": name,
            "signature": check.signature.value,
            "trust": check.trust.value,
            "signer": check.signer,
            "reason": check.reason,
            "same_file": check.same_file,
            "same_page": check.same_page,
            "is_future": check.is_future,
            "result": None if check.result is None else json.loads(check.result.to_json()),
        }
    )


def _print_words(name: str, check: ResultCheck) -> None:
    say(f"{name}:")
    for sentence in check.in_words():
        say(f"  {sentence}")
    if check.result is not None:
        for line in _told(check.result):
            say(f"  {line}")


def _told(result: VerificationResult) -> Iterator[str]:
    """What was signed. It may come from anybody: nothing is taken for granted but its types."""
    from detectors.results.words import ENGLISH as WORDS  # noqa: PLC0415 - slow to import

    report, detector = result.report, result.detector
    by = " ".join(filter(None, (detector.name, detector.version, detector.url)))
    yield f"Verified at {result.checked_at:%Y-%m-%d %H:%M:%S} UTC by {by}."
    yield f"{WORDS.sha256}: {report.sha256}"
    conclusion = WORDS.conclusions[report.conclusion]
    origin = "" if report.origin is None else f": {WORDS.origins[report.origin]}"
    yield f"{report.file or WORDS.no_name}: {conclusion}{origin}"
    for finding in report.findings:
        odds = "" if finding.p_value is None else f", p = {finding.p_value:.2g}"
        name, presence = WORDS.technique_names[finding.technique], WORDS.presences[finding.presence]
        yield f"  {name}: {presence}{odds}"
        for member, value in finding.detail.items():
            if value not in (None, [], {}):
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                yield f"    {member}: {shorten(text, _LONGEST_VALUE, placeholder=' …')}"
    for warning in report.warnings:
        yield f"! {warning}"
