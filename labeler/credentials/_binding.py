"""Holding a large file against the hash in its manifest, block by block.

The toolkit reads up to half a gigabyte at once to do so. Everything else about a manifest, its
signature above all, is the toolkit's to judge; here only the verdict on the file's hash is settled,
and only where the manifest says in the simplest way what is hashed: all of the file but the
manifest itself. Source: C2PA 2.4, 15.12.1 (validating a data hash) and 18.5.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from labeler.containers.splice import Part, Span
from labeler.credentials._asset import Asset, digest
from labeler.credentials._report import Json, member, objects, text

__all__ = ["Found", "settled"]

_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_HASH_PREFIX: Final = "c2pa.hash."
_DATA_HASH: Final = "c2pa.hash.data"
_MATCH: Final = "assertion.dataHash.match"
_MISMATCH: Final = "assertion.dataHash.mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A manifest store, and where it was found."""

    data: bytes
    """The store."""
    excluded: Span | None = None
    """What the hash of a file that holds it leaves out; None where it lies beside the file."""


def settled(report: Json, assertions: Json, found: Found, asset: Asset) -> Json | None:
    """The toolkit's report on a bare store, with the verdict on the file's hash put in.

    None where the manifest binds the file in another way: then the toolkit has to judge.

    Args:
        report: What the toolkit says about the store alone; without the file, no hash matches.
        assertions: The assertions of its active manifest, by label.
        found: The store, and where it was found.
        asset: The file.

    Raises:
        UnreadableMediaError: The file cannot be read.
    """
    expected = _expected(assertions, found)
    if expected is None:
        return None
    algorithm, value = expected
    size = asset.size
    hole = found.excluded or Span(size, size)
    parts: list[Part] = [Span(0, hole.start), Span(hole.end, size)]
    if not hmac.compare_digest(digest(asset, parts, algorithm), value):
        return report
    return _with_match(report)


def _expected(assertions: Json, found: Found) -> tuple[str, bytes] | None:
    """Algorithm and value of the hash; None where it is not of the simplest kind."""
    if [label for label in assertions if label.startswith(_HASH_PREFIX)] != [_DATA_HASH]:
        return None
    binding = assertions[_DATA_HASH]
    algorithm, value = text(binding, "alg"), text(binding, "hash")
    if algorithm not in _HASHES or value is None or member(binding, "url") is not None:
        return None
    holes = [(entry.get("start"), entry.get("length")) for entry in objects(binding, "exclusions")]
    if holes != [(hole.start, len(hole)) for hole in (found.excluded,) if hole is not None]:
        return None
    try:
        return algorithm, base64.b64decode(value, validate=True)
    except binascii.Error:
        return None


def _with_match(report: Json) -> Json | None:
    """The report with the hash's mismatch turned into a match; None if it tells of no mismatch."""
    results = member(report, "validation_results")
    active = member(results, "activeManifest")
    failure = list(objects(active, "failure"))
    wrong = [entry for entry in failure if text(entry, "code") == _MISMATCH]
    if len(wrong) != 1 or not isinstance(results, Mapping) or not isinstance(active, Mapping):
        return None
    match = {"code": _MATCH, "url": text(wrong[0], "url"), "explanation": "data hash valid"}
    verdict = {
        **active,
        "success": [*objects(active, "success"), match],
        "failure": [entry for entry in failure if entry is not wrong[0]],
    }
    return {**report, "validation_results": {**results, "activeManifest": verdict}}
