"""Picking values out of the toolkit's JSON reports.

What is inside comes from strangers' files, so nothing is taken to be there or to have its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from labeler.credentials.verdicts import is_tampering

Json = Mapping[str, object]


def member(value: object, *keys: str) -> object:
    """What ``value[keys[0]][keys[1]]…`` holds; None where something is missing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text(value: object, *keys: str) -> str | None:
    """The same, if it is text."""
    found = member(value, *keys)
    return found if isinstance(found, str) else None


def moment(value: object, *keys: str) -> datetime | None:
    """The same, if it is an RFC 3339 time with its zone."""
    found = text(value, *keys)
    try:
        parsed = None if found is None else datetime.fromisoformat(found)
    except ValueError:
        return None
    return parsed if parsed is not None and parsed.tzinfo is not None else None


def objects(value: object, *keys: str) -> Iterator[Json]:
    """The objects in the list there, if it is a list."""
    found = member(value, *keys)
    if isinstance(found, list):
        yield from (entry for entry in found if isinstance(entry, Mapping))


def active_manifest(report: Json) -> tuple[str | None, Json]:
    """Label and content of the active manifest."""
    label = text(report, "active_manifest")
    manifest = member(report, "manifests", label) if label is not None else None
    return label, manifest if isinstance(manifest, Mapping) else {}


def assertions(manifest: Json, label: str) -> Iterator[Json]:
    """The data of the assertions with ``label``, in any version and instance of it."""
    for assertion in objects(manifest, "assertions"):
        base = (text(assertion, "label") or "").partition("__")[0]
        stem, dot, number = base.rpartition(".v")
        if label == base or (dot and number.isdecimal() and label == stem):
            data = member(assertion, "data")
            if isinstance(data, Mapping):
                yield data


def codes(results: object, outcome: str) -> tuple[str, ...]:
    """The status codes of one outcome (``success``, ``informational``, ``failure``), in order."""
    return tuple(code for entry in objects(results, outcome) if (code := text(entry, "code")))


def ancestry(report: Json) -> Iterator[Json]:
    """The ingredients of the active manifest, their manifests' ingredients, and so on."""
    pending = [active_manifest(report)[0]]
    seen: set[str | None] = {None}
    while pending:
        label = pending.pop()
        if label in seen:
            continue
        seen.add(label)
        for ingredient in objects(member(report, "manifests", label or ""), "ingredients"):
            yield ingredient
            pending.append(text(ingredient, "active_manifest"))


def ingredient_failures(report: Json) -> Iterator[str]:
    """Status codes of failures of all ingredients: then (recorded) and now (found again)."""
    results = member(report, "validation_results")
    yield from (
        code
        for code in codes(member(results, "activeManifest"), "failure")
        if code.startswith("ingredient.")
    )
    yield from _delta_failures(results)
    for ingredient in ancestry(report):
        yield from failed(ingredient)
        yield from _delta_failures(member(ingredient, "validation_results"))


def failed(ingredient: Json) -> Iterator[str]:
    """Status codes of what had failed in an ingredient when it was used, as was recorded then."""
    yield from codes(member(ingredient, "validation_results", "activeManifest"), "failure")
    # Ingredients of the first two versions list failures and successes together.
    yield from (
        code
        for entry in objects(ingredient, "validation_status")
        if (code := text(entry, "code")) and not _means_success(code)
    )


def _delta_failures(results: object) -> Iterator[str]:
    for delta in objects(results, "ingredientDeltas"):
        yield from codes(member(delta, "validationDeltas"), "failure")


def _means_success(code: str) -> bool:
    good = (".match", ".validated", ".trusted", ".accessible", ".notRevoked", ".insideValidity")
    return code.endswith(good)


def tampering(report: Json) -> tuple[str, ...]:
    """Those of `ingredient_failures` that mean that something was changed, each once."""
    return tuple(dict.fromkeys(filter(is_tampering, ingredient_failures(report))))
