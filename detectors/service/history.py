"""A manifest's history as the page shows it: a tree of what went into the file.

The detail comes from a process that a stranger's file may have taken over: what is no tree, is too
deep or too much, is left out here once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from detectors.report import Finding, Presence
from detectors.service.facts import MOST_SOURCES, Fact, clean, day, plain, source
from detectors.service.words import Words
from labeler.credentials.ingredients import DEEPEST, MOST
from labeler.credentials.verdicts import Integrity

__all__ = ["Step", "history_of"]

_ACTIONS: Final = 20
_CODES: Final = 5
_LARGEST: Final = 10**9
_NO_CREDENTIAL: Final = "none"
_STATES: Final = frozenset(each.value for each in Integrity)
_DASH: Final = " \N{EN DASH} "


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The file, or something that went into it."""

    title: str
    """What it is called; "" where nobody says."""
    relation: str
    """What it is to what was made from it, in words; "" for the file itself."""
    state: str
    """A verdict (`Integrity`), or ``none``: no signed metadata."""
    told: str
    """The same in words."""
    facts: tuple[Fact, ...] = ()
    """Who signed it, and the like."""
    actions: tuple[str, ...] = ()
    """What was done, in words and in order."""
    steps: tuple[Step, ...] = ()
    """What it was made from."""
    omitted: int = 0
    """How many more of these there are."""


def history_of(finding: Finding, words: Words) -> Step | None:
    """The tree in a credential's finding; None where there is no credential that can be read."""
    detail = finding.detail
    if finding.presence is not Presence.PRESENT:
        return None
    told = words.get(f"value.integrity.{detail.get('integrity')}", "")
    growing = _Growing(words)
    steps, omitted = growing.steps(detail, DEEPEST)
    return Step(
        title=words("history.this"),
        relation="",
        state=_state(detail),
        told=told,
        facts=tuple(_facts(detail, words)),
        actions=tuple(_actions(detail, words)),
        steps=steps,
        omitted=omitted,
    )


class _Growing:
    """Makes steps, as many as a page can bear."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._left = MOST

    def steps(self, members: Mapping[str, object], levels: int) -> tuple[tuple[Step, ...], int]:
        """What something was made from, and how much more of it there is."""
        entries = _objects(members.get("ingredients"))
        told = entries[: self._left] if levels else []
        self._left -= len(told)
        omitted = len(entries) - len(told) + _count(members.get("ingredients_omitted"))
        return tuple(self._step(each, levels - 1) for each in told), omitted

    def _step(self, members: Mapping[str, object], levels: int) -> Step:
        words, state = self._words, _state(members)
        relation = clean(members.get("relationship"))
        steps, omitted = self.steps(members, levels)
        return Step(
            title=clean(members.get("title")),
            relation=words.get(f"relation.{relation}", words("relation.other")),
            state=state,
            told=words.get(f"state.{state}", words("state.not-checked")),
            facts=tuple(_facts(members, words)),
            actions=tuple(_actions(members, words)),
            steps=steps,
            omitted=omitted,
        )


def _state(members: Mapping[str, object]) -> str:
    state = members.get("integrity")
    return state if isinstance(state, str) and state in _STATES else _NO_CREDENTIAL


def _facts(members: Mapping[str, object], words: Words) -> Iterator[Fact]:
    types = dict.fromkeys(
        each
        for action in _objects(members.get("actions"))[:_ACTIONS]
        if (each := clean(action.get("digital_source_type")))
    )
    for each in list(types)[:MOST_SOURCES]:
        yield from source(words, each)
    yield from plain(words, "signer", members.get("signer"))
    yield from plain(words, "signed_at", day(members.get("signed_at")))
    yield from plain(words, "generator", members.get("claim_generator"))
    yield from plain(words, "format", members.get("media_type"))
    codes = members.get("failures")
    if isinstance(codes, list):
        yield from plain(words, "codes", ", ".join(filter(None, map(clean, codes[:_CODES]))))


def _actions(members: Mapping[str, object], words: Words) -> Iterator[str]:
    """``edited – Some Program 2.1 – 2026-05-01``."""
    for action in _objects(members.get("actions"))[:_ACTIONS]:
        name = clean(action.get("action"))
        parts = (
            words.get(f"action.{name.removeprefix('c2pa.')}", name),
            clean(action.get("software_agent")),
            day(action.get("when")),
        )
        if name:
            yield _DASH.join(filter(None, parts))


def _objects(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value < _LARGEST else 0
