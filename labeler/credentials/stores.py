"""Manifest stores as boxes: which manifests a store holds, and one alone, without judging any.

Source: C2PA 2.4, 11.1.4 (the superboxes of a store); ISO 19566-5, 4 (JUMBF: a superbox begins with
a description box; its label ends with a zero byte).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from labeler.errors import CredentialError

__all__ = ["labels_of", "only_manifest"]

_HEAD: Final = struct.Struct(">I4s")
_LARGE: Final = struct.Struct(">Q")
_SUPERBOX: Final = b"jumb"
_DESCRIPTION: Final = b"jumd"
_STORE: Final = bytes.fromhex("6332706100110010800000aa00389b71")
_HAS_LABEL: Final = 0b10
_MOST: Final = 10_000
"""Manifests of a store."""


def only_manifest(store: bytes, manifest_id: str) -> bytes:
    """A store that holds one manifest of ``store`` and nothing else.

    Its bytes are unchanged, and so its signature holds; the manifests of its ingredients are
    missing.

    Args:
        store: A manifest store.
        manifest_id: Label of the manifest.

    Raises:
        CredentialError: The store is not well formed, or has no such manifest.
    """
    head, manifests = _parts(store)
    if manifest_id not in manifests:
        raise CredentialError("the manifest store has no manifest of that label")
    return _box(_SUPERBOX, _box(*head) + _box(_SUPERBOX, manifests[manifest_id]))


def labels_of(store: bytes) -> tuple[str, ...]:
    """The labels of a store's manifests, in their order: the active one is the last.

    Raises:
        CredentialError: The store is not well formed: it does not end with its box, say, or holds
            what is no manifest. Toolkits overlook that, and who keeps such a store would keep
            anything for anybody.
    """
    return tuple(_parts(store)[1])


def _parts(store: bytes) -> tuple[tuple[bytes, bytes], dict[str, bytes]]:
    """The store's description box, and its manifests' contents by their labels."""
    boxes = list(_boxes(store))
    if len(boxes) != 1 or boxes[0][0] != _SUPERBOX:
        raise _damaged()
    inner = list(_boxes(boxes[0][1]))
    if not inner or inner[0][0] != _DESCRIPTION or not inner[0][1].startswith(_STORE):
        raise _damaged()
    manifests: dict[str, bytes] = {}
    for kind, content in inner[1:]:
        label = _label(content) if kind == _SUPERBOX else None
        if label is None or label in manifests:
            raise _damaged()
        manifests[label] = content
    return inner[0], manifests


def _label(superbox: bytes) -> str | None:
    """The label of a superbox; None where it has none."""
    kind, content = next(_boxes(superbox), (b"", b""))
    if kind != _DESCRIPTION or len(content) < 17 or not content[16] & _HAS_LABEL:
        return None
    try:
        return content[17:].partition(b"\0")[0].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each box.

    Raises:
        CredentialError: One reaches beyond the end, or there are too many.
    """
    at = 0
    for _ in range(_MOST):
        if at == len(data):
            return
        if len(data) - at < _HEAD.size:
            raise _damaged()
        length, kind = _HEAD.unpack_from(data, at)
        begin = at + _HEAD.size
        if length == 1 and len(data) - begin >= _LARGE.size:
            length = _LARGE.unpack_from(data, begin)[0]
            begin += _LARGE.size
        if length < begin - at or length > len(data) - at:
            raise _damaged()
        yield kind, data[begin : at + length]
        at += length
    raise _damaged()


def _box(kind: bytes, content: bytes) -> bytes:
    return _HEAD.pack(_HEAD.size + len(content), kind) + content


def _damaged() -> CredentialError:
    return CredentialError("the manifest store is damaged")
