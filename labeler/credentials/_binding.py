"""Holding a large file against the hash in its manifest, block by block.

The toolkit reads up to half a gigabyte at once to do so. Everything else about a manifest, its
signature above all, is the toolkit's to judge; here only the verdict on the file's hash is settled,
and only where the manifest says in one of the simplest ways what is hashed: all of the file but the
manifest itself, or all boxes but the few that hold nothing to play. Source: C2PA 2.4, 15.12.1
and 15.12.2 (validating a data hash and a box hash), 18.5 and 18.6.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from labeler.containers.splice import Part, Span
from labeler.credentials import _boxes
from labeler.credentials._asset import Asset, digest
from labeler.credentials._report import Json, member, objects, text
from labeler.errors import MediaError

__all__ = ["DATA_HASH", "BrokenStoreError", "ElsewhereError", "Found", "settled", "with_match"]

_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_HASH_PREFIX: Final = "c2pa.hash."
DATA_HASH: Final = "c2pa.hash.data"
"""The hash of a file's bytes."""
# Earlier versions leave out the positions of boxes.
_BOX_HASHES: Final = frozenset({"c2pa.hash.bmff.v2", "c2pa.hash.bmff.v3"})
_DATA_CODES: Final = "assertion.dataHash"
_BOX_CODES: Final = "assertion.bmffHash"


class BrokenStoreError(Exception):
    """What should hold a manifest store is damaged, or there are several of them."""

    def __init__(self, code: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        """The standard's status code for that, where it has one."""


class ElsewhereError(Exception):
    """The file says where its manifest store is, and does not hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A manifest store, and where it was found."""

    data: bytes
    """The store."""
    excluded: Span | None = None
    """What the hash of a file that holds it leaves out; None where it lies beside the file, or in a
    box that the hash itself names."""
    also: tuple[Span, ...] = ()
    """Other ways to say what is left out, with no content in them either."""
    checksums: tuple[Span, ...] = ()
    """Where the container keeps the store's checksum: left out beside one of these."""
    hashed: tuple[Part, ...] | None = None
    """What is hashed; None where it is the file's bytes without what is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What a manifest says about the file."""

    algorithm: str
    value: bytes
    parts: tuple[Part, ...]
    """What is hashed."""
    codes: str
    """How the status codes about it begin."""


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
    expected = _expected(assertions, found, asset)
    if expected is None:
        return None
    value = digest(asset, expected.parts, expected.algorithm)
    if not hmac.compare_digest(value, expected.value):
        return report
    return with_match(report, expected.codes)


def _expected(assertions: Json, found: Found, asset: Asset) -> _Expected | None:
    """What the file has to be; None where that is not said in one of the simplest ways."""
    labels = [label for label in assertions if label.startswith(_HASH_PREFIX)]
    if len(labels) != 1:
        return None
    binding = assertions[labels[0]]
    algorithm, encoded = text(binding, "alg"), text(binding, "hash")
    if algorithm not in _HASHES or encoded is None:
        return None
    in_boxes = labels[0] in _BOX_HASHES
    parts = _hashed_boxes(binding, asset) if in_boxes else _around(labels[0], binding, found, asset)
    if parts is None:
        return None
    try:
        value = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    codes = _BOX_CODES if in_boxes else _DATA_CODES
    return _Expected(algorithm=algorithm, value=value, parts=parts, codes=codes)


def _hashed_boxes(binding: object, asset: Asset) -> tuple[Part, ...] | None:
    if not _boxes.is_hashed_in_full(binding):
        return None
    with asset.open() as stream:
        try:
            return _boxes.hashed(stream, binding)
        except MediaError:
            return None


def _around(label: str, binding: object, found: Found, asset: Asset) -> tuple[Part, ...] | None:
    """Everything but the place of the store, if the hash says so."""
    if label != DATA_HASH or member(binding, "url") is not None:
        return None
    holes = [(entry.get("start"), entry.get("length")) for entry in objects(binding, "exclusions")]
    size = asset.size
    if found.excluded is None:
        return None if holes else (Span(0, size),)
    for hole in (found.excluded, *found.also):
        left_out = sorted((hole, *found.checksums))
        if holes == [(each.start, len(each)) for each in left_out]:
            starts, ends = [0, *(each.end for each in left_out)], [each.start for each in left_out]
            return found.hashed or tuple(map(Span, starts, [*ends, size]))
    return None


def with_match(report: Json, codes: str) -> Json | None:
    """The report with the hash's mismatch turned into a match; None if it tells of no mismatch."""
    results = member(report, "validation_results")
    active = member(results, "activeManifest")
    failure = list(objects(active, "failure"))
    wrong = [entry for entry in failure if text(entry, "code") == f"{codes}.mismatch"]
    if len(wrong) != 1 or not isinstance(results, Mapping) or not isinstance(active, Mapping):
        return None
    match = {"code": f"{codes}.match", "url": text(wrong[0], "url"), "explanation": "hash valid"}
    verdict = {
        **active,
        "success": [*objects(active, "success"), match],
        "failure": [entry for entry in failure if entry is not wrong[0]],
    }
    return {**report, "validation_results": {**results, "activeManifest": verdict}}
