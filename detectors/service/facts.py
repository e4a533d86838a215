"""What a finding says beyond presence, as pairs of words for people.

The detail comes from a process that a stranger's file may have taken over: any member may be
anything, and nothing is printed but texts that were looked at here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context
from typing import Final

from detectors.report import Finding, Technique
from detectors.service.words import Words

__all__ = ["Fact", "clean", "facts_of", "number"]

_LONGEST: Final = 160
"""Longest text of a stranger's on the page, characters."""
_SPANS: Final = 5
_UNPRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"
_SMALLEST: Final = 1e-300
_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TO: Final = "\N{EN DASH}"
_COMMA: Final = frozenset({"nl", "de", "fr"})
"""Languages that write 0,5."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a box."""

    name: str
    """What it is about."""
    told: str
    """What is said about it."""


def facts_of(finding: Finding, words: Words) -> tuple[Fact, ...]:
    """What ``finding`` says."""
    return tuple(_FACTS[finding.technique](finding, words))


def clean(text: object) -> str:
    """``text`` cut short and without characters that are not printable, or "" where it is none.

    Those that turn the direction of reading are among them.
    """
    if not isinstance(text, str):
        return ""
    short = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return "".join(each if each.isprintable() else _UNPRINTABLE for each in short).strip()


def number(value: float, words: Words) -> str:
    """A probability with two digits, rounded up: ``3.1 × 10⁻⁵⁷`` or ``0.012``."""
    value = max(value, _SMALLEST)
    rounded = Context(prec=2, rounding=ROUND_CEILING).create_decimal(repr(value))
    exponent = rounded.adjusted()
    if exponent >= -3:
        text = f"{rounded.normalize():f}"
    else:
        text = (
            f"{rounded.scaleb(-exponent, Context()).normalize():f} {_TIMES} 10{_raised(exponent)}"
        )
    return text.replace(".", ",") if words.language in _COMMA else text


def _raised(exponent: int) -> str:
    return str(exponent).translate(_RAISED)


def _credential(finding: Finding, words: Words) -> Iterator[Fact]:
    detail = finding.detail
    yield from _known(words, "integrity", detail.get("integrity"))
    yield from _plain(words, "signer", detail.get("signer"))
    yield from _known(words, "trust", detail.get("trust"))
    yield from _plain(words, "signed_at", _day(detail.get("signed_at")))
    yield from _plain(words, "marked_by", detail.get("marked_by"))
    yield from _known(words, "history", detail.get("history"))
    types = detail.get("digital_source_types")
    for each in types[:_SPANS] if isinstance(types, list) else ():
        yield from _source(words, each)
    yield from _plain(words, "generator", detail.get("claim_generator"))


def _watermark(finding: Finding, words: Words) -> Iterator[Fact]:
    detail = finding.detail
    yield from _known(words, "track", detail.get("track"))
    yield from _chance(finding, words)
    payload, receipt = _members(detail, "payload"), _members(detail, "receipt")
    yield from _plain(words, "handle", payload.get("handle") or receipt.get("handle"))
    yield from _plain(words, "issuer", _members(detail, "issuer").get("name"))
    if day := _day(receipt.get("created_at")):
        state = "same" if receipt.get("is_as_published") is True else "changed"
        yield Fact(words("fact.registry"), words(f"value.registry.{state}", day=day))
    whose = " ".join(filter(None, (clean(detail.get(each)) for each in ("provider", "model"))))
    yield from _plain(words, "provider", whose)
    if stretch := _pair(detail.get("characters")):
        start, end = (math.floor(each) for each in stretch)
        yield Fact(words("fact.characters"), words("value.characters", start=start + 1, end=end))
    yield from _plain(words, "spans", _spans(detail.get("spans")))


def _fingerprint(finding: Finding, words: Words) -> Iterator[Fact]:
    yield from _chance(finding, words)
    matches = finding.detail.get("matches")
    count = len(matches) if isinstance(matches, list) else matches
    if isinstance(count, int) and not isinstance(count, bool):
        yield Fact(words("fact.matches"), str(count))


def _metadata(finding: Finding, words: Words) -> Iterator[Fact]:
    detail = finding.detail
    yield from _source(words, detail.get("digital_source_type"))
    system, version = clean(detail.get("ai_system")), clean(detail.get("ai_system_version"))
    yield from _plain(words, "ai_system", f"{system} {version}" if system else "")
    hints = detail.get("generator_hints")
    if isinstance(hints, list):
        yield from _plain(words, "hints", ", ".join(filter(None, map(clean, hints[:_SPANS]))))


_FACTS: Final = {
    Technique.CREDENTIAL: _credential,
    Technique.WATERMARK: _watermark,
    Technique.FINGERPRINT: _fingerprint,
    Technique.METADATA: _metadata,
}


def _plain(words: Words, name: str, value: object) -> Iterator[Fact]:
    if text := clean(value):
        yield Fact(words(f"fact.{name}"), text)


def _known(words: Words, name: str, value: object) -> Iterator[Fact]:
    """A value that there are words for; others are not said."""
    if isinstance(value, str) and (text := words.get(f"value.{name}.{value}", "")):
        yield Fact(words(f"fact.{name}"), text)


def _source(words: Words, value: object) -> Iterator[Fact]:
    term = clean(value).rpartition("/")[2]
    yield from _plain(words, "source_type", words.get(f"value.source.{term}", term))


def _chance(finding: Finding, words: Words) -> Iterator[Fact]:
    if finding.p_value is not None:
        told = words("value.p_value", p=number(finding.p_value, words))
        yield Fact(words("fact.p_value"), told)


def _members(detail: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = detail.get(name)
    return value if isinstance(value, dict) else {}


def _day(value: object) -> str:
    """The day of an ISO 8601 time."""
    return clean(value)[:10]


def _pair(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    one, other = value
    for each in (one, other):
        if isinstance(each, bool) or not isinstance(each, int | float) or not 0 <= each < 1e12:
            return None
    return one, other


def _spans(value: object) -> str:
    """``0:00–0:12, 1:03–1:40``; of many, the first few."""
    pairs = [_pair(each) for each in value] if isinstance(value, list) else []
    parts = [f"{_clock(pair[0])}{_TO}{_clock(pair[1])}" for pair in pairs if pair is not None]
    return ", ".join([*parts[:_SPANS], *(["…"] if len(parts) > _SPANS else [])])


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes}:{left:02}"
