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

__all__ = [
    "MOST_SOURCES",
    "Fact",
    "clean",
    "clock",
    "day",
    "facts_of",
    "known",
    "number",
    "pair",
    "plain",
    "source",
]

_LONGEST: Final = 160
"""Longest text of a stranger's on the page, characters."""
_SPANS: Final = 5
MOST_SOURCES: Final = 5
"""Most source types that are told of one manifest."""
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
    if recovered := _members(detail, "recovered"):
        told = "value.recovered" if recovered.get("value") else "value.recovered.alike"
        yield Fact(words("fact.recovered"), words(told))
    yield from known(words, "integrity", detail.get("integrity"))
    yield from plain(words, "signer", detail.get("signer"))
    yield from known(words, "trust", detail.get("trust"))
    yield from plain(words, "signed_at", day(detail.get("signed_at")))
    yield from plain(words, "marked_by", detail.get("marked_by"))
    yield from known(words, "history", detail.get("history"))
    types = detail.get("digital_source_types")
    for each in types[:MOST_SOURCES] if isinstance(types, list) else ():
        yield from source(words, each)
    yield from plain(words, "generator", detail.get("claim_generator"))
    yield from plain(words, "detector", _members(detail, "signpost").get("detector_url"))


def _watermark(finding: Finding, words: Words) -> Iterator[Fact]:
    detail = finding.detail
    yield from known(words, "track", detail.get("track"))
    yield from _chance(finding, words)
    payload, receipt = _members(detail, "payload"), _members(detail, "receipt")
    yield from plain(words, "handle", payload.get("handle") or receipt.get("handle"))
    yield from plain(words, "issuer", _members(detail, "issuer").get("name"))
    yield from plain(words, "detector", _members(detail, "issuer").get("detector"))
    layers = detail.get("layers")
    if isinstance(layers, list) and len(layers) > 1:
        yield Fact(words("fact.layers"), str(len(layers)))
    if published := day(receipt.get("created_at")):
        state = "same" if receipt.get("is_as_published") is True else "changed"
        yield Fact(words("fact.registry"), words(f"value.registry.{state}", day=published))
    whose = " ".join(filter(None, (clean(detail.get(each)) for each in ("provider", "model"))))
    yield from plain(words, "provider", whose)
    if stretch := pair(detail.get("characters")):
        start, end = (math.floor(each) for each in stretch)
        yield Fact(words("fact.characters"), words("value.characters", start=start + 1, end=end))
    yield from plain(words, "spans", _spans(detail.get("spans")))


def _fingerprint(finding: Finding, words: Words) -> Iterator[Fact]:
    yield from known(words, "content", finding.detail.get("content"))
    yield from _chance(finding, words, "p_value.unrelated")
    matches = finding.detail.get("matches")
    count = len(matches) if isinstance(matches, list) else matches
    if isinstance(count, int) and not isinstance(count, bool):
        yield Fact(words("fact.matches"), str(count))


def _metadata(finding: Finding, words: Words) -> Iterator[Fact]:
    detail = finding.detail
    yield from source(words, detail.get("digital_source_type"))
    system, version = clean(detail.get("ai_system")), clean(detail.get("ai_system_version"))
    yield from plain(words, "ai_system", f"{system} {version}" if system else "")
    hints = detail.get("generator_hints")
    if isinstance(hints, list):
        yield from plain(words, "hints", ", ".join(filter(None, map(clean, hints[:_SPANS]))))


_FACTS: Final = {
    Technique.CREDENTIAL: _credential,
    Technique.WATERMARK: _watermark,
    Technique.FINGERPRINT: _fingerprint,
    Technique.METADATA: _metadata,
}


def plain(words: Words, name: str, value: object) -> Iterator[Fact]:
    """A text of a stranger's, where it is one."""
    if text := clean(value):
        yield Fact(words(f"fact.{name}"), text)


def known(words: Words, name: str, value: object) -> Iterator[Fact]:
    """A value that there are words for; others are not said."""
    if isinstance(value, str) and (text := words.get(f"value.{name}.{value}", "")):
        yield Fact(words(f"fact.{name}"), text)


def source(words: Words, value: object) -> Iterator[Fact]:
    """An IPTC digital source type, in words where there are any for it."""
    term = clean(value).rpartition("/")[2]
    yield from plain(words, "source_type", words.get(f"value.source.{term}", term))


def _chance(finding: Finding, words: Words, told_as: str = "p_value") -> Iterator[Fact]:
    if finding.p_value is not None:
        told = words(f"value.{told_as}", p=number(finding.p_value, words))
        yield Fact(words("fact.p_value"), told)


def _members(detail: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = detail.get(name)
    return value if isinstance(value, dict) else {}


def day(value: object) -> str:
    """The day of an ISO 8601 time."""
    return clean(value)[:10]


def pair(value: object) -> tuple[float, float] | None:
    """Two numbers from 0 up, where ``value`` is that."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    one, other = value
    for each in (one, other):
        if isinstance(each, bool) or not isinstance(each, int | float) or not 0 <= each < 1e12:
            return None
    return one, other


def _spans(value: object) -> str:
    """``0:00–0:12, 1:03–1:40``; of many, the first few."""
    pairs = [pair(each) for each in value] if isinstance(value, list) else []
    parts = [f"{clock(each[0])}{_TO}{clock(each[1])}" for each in pairs if each is not None]
    return ", ".join([*parts[:_SPANS], *(["…"] if len(parts) > _SPANS else [])])


def clock(seconds: float) -> str:
    """``1:03``, or ``1:00:03`` from an hour on."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
