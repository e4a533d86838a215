"""Where in a sound, a film or a text the marks are, to be drawn as bars and read as tables.

Like everything in a finding's detail, numbers may be anything: what is no stretch is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from detectors.report import Finding, Presence, Technique
from detectors.service.facts import clock, pair
from detectors.service.words import Words

__all__ = ["Stretch", "Tick", "Timeline", "timelines_of"]

_MOST: Final = 200
"""Most stretches of one bar."""
_LEAST_WIDTH: Final = 0.4
"""What can be seen of a bar, per cent of it."""
_TICKS: Final = 5
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
_ROOM: Final = 75.0
"""Where the last mark of the scale may stand beside its end, per cent."""
_SPACE: Final = "\N{NO-BREAK SPACE}"
_LONGEST: Final = 1e9

Say = Callable[[float], str]
"""A place in a file, as people say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A marked part."""

    x: str
    """Where it begins in the bar, such as ``12.5%``."""
    width: str
    """How much of the bar it is, likewise."""
    start: str
    """Where it begins in the file."""
    end: str
    """Where it ends there."""
    length: str
    """How long it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of the scale."""

    x: str
    """Where it is, such as ``25%``."""
    label: str
    """What it says."""
    anchor: str
    """Which part of the label stands there: ``start``, ``middle`` or ``end``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A file from its beginning to its end."""

    title: str
    """What is marked."""
    summary: str
    """How much of it is."""
    track: str
    """How much of the bar the file fills, such as ``100%``: a film's sound may end early."""
    stretches: tuple[Stretch, ...]
    """What is marked, in order."""
    ticks: tuple[Tick, ...]
    """The scale."""


@dataclass(frozen=True, slots=True)
class _Marked:
    """Stretches of one finding, before they are drawn."""

    name: str
    total: float
    spans: tuple[tuple[float, float], ...]


def timelines_of(findings: Iterable[Finding], words: Words) -> tuple[Timeline, ...]:
    """A bar for each finding that tells where its mark is, and how long the file is.

    Bars in seconds, as those of a film's tracks, have one scale.
    """
    found = [each for each in findings if each.presence is not Presence.ABSENT]
    timed = [each for finding in found for each in _timed(finding)]
    longest = max((each.total for each in timed), default=0.0)
    bars = [_bar(each, longest, clock, clock, words) for each in timed]
    for finding in found:
        for unit, marked in (("characters", _passage(finding)), ("words", _matches(finding))):
            if marked is not None:
                amount = partial(_amount, unit=unit, words=words)
                bars.append(_bar(marked, marked.total, _grouped, amount, words))
    return tuple(bars)


def _timed(finding: Finding) -> Iterator[_Marked]:
    """The spans of time in sound and films."""
    detail = finding.detail
    value, track = detail.get("spans"), detail.get("track", "audio")
    if finding.technique is not Technique.WATERMARK or track not in ("audio", "visual"):
        return
    spans = _joined(pair(each) for each in (value[:_MOST] if isinstance(value, list) else ()))
    total = _length(detail.get("duration_s"))
    if spans and total:
        # A header may say less than there is.
        yield _Marked(f"timeline.{track}", max(total, spans[-1][1]), spans)


def _passage(finding: Finding) -> _Marked | None:
    """What is marked of a text."""
    total = _length(finding.detail.get("character_count"))
    span = pair(finding.detail.get("characters"))
    if finding.technique is not Technique.WATERMARK or not total or span is None:
        return None
    return _within("timeline.text", total, (span,))


def _matches(finding: Finding) -> _Marked | None:
    """Which words of a text are known."""
    total = _length(finding.detail.get("words"))
    matches = finding.detail.get("matches")
    if finding.technique is not Technique.FINGERPRINT or not total or not isinstance(matches, list):
        return None
    objects = (each for each in matches[:_MOST] if isinstance(each, dict))
    spans = (pair([each.get("first_word"), each.get("last_word")]) for each in objects)
    return _within("timeline.matches", total, spans)


def _within(name: str, total: float, spans: Iterable[tuple[float, float] | None]) -> _Marked | None:
    """What of ``spans`` lies in a text, whose length is known for sure."""
    cut = ((start, min(end, total)) for start, end in filter(None, spans))
    joined = _joined(cut)
    return _Marked(name, total, joined) if joined else None


def _joined(spans: Iterable[tuple[float, float] | None]) -> tuple[tuple[float, float], ...]:
    """Stretches in order, those that touch as one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(each for each in spans if each is not None and each[0] < each[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def _bar(marked: _Marked, longest: float, place: Say, amount: Say, words: Words) -> Timeline:
    share = sum(end - start for start, end in marked.spans) / marked.total
    summary = words("timeline.share", share=_percent(share), total=amount(marked.total))
    return Timeline(
        title=words(marked.name),
        summary=summary,
        track=_part(marked.total, longest),
        stretches=tuple(
            Stretch(
                x=_part(min(start, longest * (1 - _LEAST_WIDTH / 100)), longest),
                width=_part(max(end - start, longest * _LEAST_WIDTH / 100), longest),
                start=place(start),
                end=place(end),
                length=amount(end - start),
            )
            for start, end in marked.spans
        ),
        ticks=tuple(_ticks(longest, place)),
    )


def _ticks(longest: float, place: Say) -> Iterator[Tick]:
    step = _step(longest, _STEPS_S if place is clock else ())
    yield Tick(x="0%", label=place(0), anchor="start")
    at = step
    while 100 * at / longest < _ROOM:
        yield Tick(x=_part(at, longest), label=place(at), anchor="middle")
        at += step
    yield Tick(x="100%", label=place(longest), anchor="end")


def _step(longest: float, steps: Iterable[int]) -> float:
    """The smallest round number that is not too often in ``longest``."""
    least = longest / _TICKS
    known = next((each for each in steps if each >= least), None)
    if known is not None:
        return known
    power = 10.0 ** math.floor(math.log10(least))
    return max(1.0, next(each * power for each in (1, 2, 5, 10) if each * power >= least))


def _percent(share: float) -> int:
    """Whole per cent; 0 and 100 only where that is so."""
    percent = round(100 * share)
    return percent if share >= 1 or share <= 0 else min(99, max(1, percent))


def _part(value: float, whole: float) -> str:
    return f"{min(100.0, 100 * value / whole):.4g}%"


def _grouped(value: float) -> str:
    return f"{round(value):,}".replace(",", _SPACE)


def _amount(value: float, *, unit: str, words: Words) -> str:
    return words(f"timeline.{unit}", count=_grouped(value))


def _length(value: object) -> float:
    """How long something is; 0 where that is not known."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < _LONGEST else 0.0
