"""What a content was made from: a manifest's ingredients, theirs, and so on, as a tree.

Each ingredient is as the manifest that used it recorded it then, and as its own manifest is found
now. The ingredient's content is not there any more, so whether it was intact is the word of whoever
signed the next step; whether its manifest was changed since is seen here.

A store may be made by an attacker: the tree ends at `DEEPEST` and `MOST`, where manifests go round,
and texts are cut short. Thumbnails are left alone: nobody decodes a stranger's pictures here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from labeler.credentials._report import (
    Json,
    active_manifest,
    ancestry,
    assertions,
    codes,
    failed,
    member,
    moment,
    objects,
    text,
)
from labeler.credentials.verdicts import Integrity, is_tampering, judge_integrity

__all__ = ["DEEPEST", "MOST", "Action", "Ingredient", "Ingredients", "ingredients_of"]

DEEPEST: Final = 8
"""Levels of ingredients that are told; what lies deeper is counted as left out."""
MOST: Final = 100
"""Ingredients that are told, those near the file before those far from it."""
_ACTIONS: Final = 20
_CODES: Final = 20
_TEXT: Final = 300
"""Longest text, characters."""
_PATH: Final = "self#jumbf=/c2pa/"
"""How the URIs of boxes in a store begin (C2PA 2.4, 8.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that was done to the content (C2PA 2.4, 18.15)."""

    name: str
    """Such as ``c2pa.created``."""
    digital_source_type: str | None = None
    """IPTC digital source type, a URI."""
    software_agent: str | None = None
    """What did it, with its version if that is known."""
    when: datetime | None = None
    """When it was done, as the signer says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """Something that went into a content (C2PA 2.4, 18.16)."""

    relationship: str | None = None
    """``parentOf``: the content is an edited form of it. ``componentOf``: it is a part of it.
    ``inputTo``: it was put into a process that made it, as a prompt is. Others may be there."""
    title: str | None = None
    """What the manifest that used it calls it, else what its own does."""
    media_type: str | None = None
    """IANA media type, as it is written there."""
    manifest_id: str | None = None
    """Label of its own manifest; None where it carried none, as are the next six."""
    integrity: Integrity | None = None
    """Whether it was intact when it was used, as recorded then, and its manifest is so still.
    ``not-checked`` where neither is known."""
    claim_generator: str | None = None
    """The software that made its manifest."""
    signer: str | None = None
    """Common name in its signer's certificate, which is held against no trust list."""
    signer_organization: str | None = None
    """Organization there."""
    signed_at: datetime | None = None
    """Time of its time stamp, whoever made that."""
    actions: tuple[Action, ...] = ()
    """What its manifest says was done, the first of it."""
    failures: tuple[str, ...] = ()
    """C2PA status codes that say that it was changed."""
    ingredients: tuple[Ingredient, ...] = ()
    """What it was made from itself."""
    omitted: int = 0
    """How many more of these there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """The ingredients of the active manifest."""

    listed: tuple[Ingredient, ...] = ()
    """Those that are told."""
    omitted: int = 0
    """How many more there are."""


def ingredients_of(report: Json) -> Ingredients:
    """The tree of what went into a content, from the toolkit's report."""
    root = _Branch(label=active_manifest(report)[0])
    changed = _changed(report)
    waiting, told = deque([root]), 0
    while waiting:
        branch = waiting.popleft()
        path = branch.path
        for entry in objects(member(report, "manifests", branch.label or ""), "ingredients"):
            label = text(entry, "active_manifest")
            if told >= MOST or branch.depth >= DEEPEST or label in path:
                branch.omitted += 1
                continue
            told += 1
            child = _Branch(label=label, entry=entry, above=branch)
            branch.children.append(child)
            if label is not None:
                waiting.append(child)
    return Ingredients(
        listed=tuple(_told(each, report, changed) for each in root.children),
        omitted=root.omitted,
    )


@dataclass(slots=True, eq=False)
class _Branch:
    """An ingredient while the tree grows; the root has no entry."""

    label: str | None
    entry: Json = field(default_factory=dict)
    above: _Branch | None = None
    children: list[_Branch] = field(default_factory=list)
    omitted: int = 0

    @property
    def depth(self) -> int:
        return 0 if self.above is None else self.above.depth + 1

    @property
    def path(self) -> frozenset[str]:
        """The manifests from here to the root: one that comes again goes round."""
        above = frozenset[str]() if self.above is None else self.above.path
        return above if self.label is None else above | {self.label}


def _told(branch: _Branch, report: Json, changed: Mapping[str, Iterable[str]]) -> Ingredient:
    entry, label = branch.entry, branch.label
    found = None if label is None else member(report, "manifests", label)
    manifest: Json = found if isinstance(found, Mapping) else {}
    within = None if branch.above is None else branch.above.label
    failures = _failures(entry, (_uri(within, entry), f"{_PATH}{label}"), changed)
    return Ingredient(
        relationship=_short(text(entry, "relationship")),
        title=_short(text(entry, "title") or text(manifest, "title")),
        media_type=_short(text(entry, "format")),
        manifest_id=_short(label),
        integrity=None if label is None and not failures else _integrity(entry, failures),
        claim_generator=_short(generator_of(manifest)),
        signer=_short(text(manifest, "signature_info", "common_name")),
        signer_organization=_short(text(manifest, "signature_info", "issuer")),
        signed_at=moment(manifest, "signature_info", "time"),
        actions=tuple(_first_actions(manifest)),
        failures=failures[:_CODES],
        ingredients=tuple(_told(each, report, changed) for each in branch.children),
        omitted=branch.omitted,
    )


def _failures(
    entry: Json, uris: tuple[str, ...], changed: Mapping[str, Iterable[str]]
) -> tuple[str, ...]:
    """What says that an ingredient was changed: recorded when it was used, and found since."""
    recorded = filter(is_tampering, failed(entry))
    found = (code for uri in uris for code in changed.get(uri, ()))
    return tuple(dict.fromkeys(_short(code) or "" for code in (*recorded, *found)))


def _integrity(entry: Json, failures: tuple[str, ...]) -> Integrity:
    if failures:
        return Integrity.TAMPERED
    success = (
        *codes(member(entry, "validation_results", "activeManifest"), "success"),
        *codes(entry, "validation_status"),
    )
    # Where nothing was recorded, nothing is known, and not that something was changed.
    is_intact = judge_integrity(success, ()) is Integrity.INTACT
    return Integrity.INTACT if is_intact else Integrity.NOT_CHECKED


def _changed(report: Json) -> Mapping[str, Iterable[str]]:
    """Status codes of changes that were found later, by the URI of what they are about."""
    found: dict[str, dict[str, None]] = {}

    def note(uri: str | None, failures: Iterable[str]) -> None:
        if uri is not None:
            found.setdefault(uri, {}).update(dict.fromkeys(filter(is_tampering, failures)))

    results = member(report, "validation_results")
    for entry in objects(results, "activeManifest", "failure"):
        code = text(entry, "code") or ""
        if code.startswith("ingredient."):
            note(text(entry, "url"), (code,))
    recorded = (member(each, "validation_results") for each in ancestry(report))
    for checked in (results, *recorded):
        for delta in objects(checked, "ingredientDeltas"):
            failures = codes(member(delta, "validationDeltas"), "failure")
            note(text(delta, "ingredientAssertionURI"), failures)
    return found


def _uri(manifest: str | None, entry: Json) -> str:
    return f"{_PATH}{manifest}/c2pa.assertions/{text(entry, 'label')}"


def _short(value: str | None) -> str | None:
    return value if value is None or len(value) <= _TEXT else value[:_TEXT] + "…"


# ---------------------------------------------------------------------- what one manifest claims


def named(value: object) -> str | None:
    """A generator or agent: its name and version, or the text that older manifests have."""
    if isinstance(value, str):
        return value
    parts = (text(value, "name"), text(value, "version"))
    return " ".join(part for part in parts if part) or None


def generator_of(manifest: Json) -> str | None:
    """The software that made a manifest."""
    first = next(objects(manifest, "claim_generator_info"), None)
    return named(first) or text(manifest, "claim_generator")


def actions_of(manifest: Json) -> Iterator[Action]:
    """What a manifest says was done, in order."""
    for data in assertions(manifest, "c2pa.actions"):
        for action in objects(data, "actions"):
            yield Action(
                name=text(action, "action") or "",
                digital_source_type=text(action, "digitalSourceType"),
                software_agent=named(member(action, "softwareAgent")),
                when=moment(action, "when"),
            )


def _first_actions(manifest: Json) -> Iterator[Action]:
    for action, _ in zip(actions_of(manifest), range(_ACTIONS), strict=False):
        yield Action(
            name=_short(action.name) or "",
            digital_source_type=_short(action.digital_source_type),
            software_agent=_short(action.software_agent),
            when=action.when,
        )
