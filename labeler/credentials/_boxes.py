"""Where MP4 and QuickTime files keep their manifest store, and how they are hashed around it.

The store is in a box of its own right behind the first one. What the manifest binds is the content
of all boxes but a few, each with its position in front. Source: C2PA 2.4, A.5 (embedding) and 18.6
(BMFF-based hash).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import BinaryIO, Final

from labeler.containers.bmff_file import TopBox, freed, top_boxes
from labeler.containers.chunks import file_size
from labeler.containers.mp4_moved import ImmovableError, rearranged
from labeler.containers.splice import Part, Span, blocks, total
from labeler.credentials._layout import BOX_USER_TYPE, LEFT_OUT, Layout, NoPlaceError
from labeler.credentials._report import Json, member, objects

__all__ = ["find", "hashed", "is_hashed_in_full", "layout", "without_store"]

# Version and flags, what the box is for, and where the first one with hashes of parts stands.
_PURPOSE: Final = bytes(4) + b"manifest\0"
_HEAD_BYTES: Final = len(_PURPOSE) + 8
# What the toolkit leaves out of the hash in addition to what the standard wants.
_MAY_BE_LEFT_OUT: Final = frozenset({*LEFT_OUT, b"free", b"skip"})
_UUID_PATH: Final = "/uuid"


def find(stream: BinaryIO) -> Span | None:
    """Where the store stands; None where there is none, or several to choose from.

    Raises:
        UnreadableMediaError: The file is damaged.
    """
    found = [box for box in top_boxes(stream) if _is_store(box)]
    if len(found) != 1 or len(found[0].body) <= _HEAD_BYTES:
        return None
    body = found[0].body
    head = b"".join(blocks(stream, [Span(body.start, body.start + len(_PURPOSE))]))
    return Span(body.start + _HEAD_BYTES, body.end) if head == _PURPOSE else None


def _is_store(box: TopBox) -> bool:
    # The exclusion looks for the user type behind a short header only.
    return box.user_type == BOX_USER_TYPE and box.header_bytes == 8 + len(BOX_USER_TYPE)


def layout(stream: BinaryIO, store_bytes: int) -> Layout:
    """The file with a store of ``store_bytes``, instead of one that it may have.

    Raises:
        NoPlaceError: Nothing in it can be moved.
        UnreadableMediaError: It is damaged.
    """
    found = top_boxes(stream)
    if not found or found[0].type != b"ftyp":
        raise NoPlaceError("C2PA's tools do not read files without a 'ftyp' box in front")
    if found[-1].span.end != file_size(stream):
        raise NoPlaceError("something that is no box follows the last one")
    header = _header(store_bytes)
    first, *others = (box for box in found if not _is_store(box))
    pieces: list[TopBox | bytes] = [first, header + bytes(store_bytes), *others]
    try:
        parts = rearranged(stream, pieces)
    except ImmovableError as error:
        raise NoPlaceError(f"nothing can be put into it: {error}") from error
    kinds = [piece.type if isinstance(piece, TopBox) else None for piece in pieces]
    return Layout(
        before=parts[0],
        header=header,
        after=tuple(part for box in parts[2:] for part in box),
        boxes=_with_positions(zip(kinds, parts, strict=True), {None, *LEFT_OUT}),
    )


def _header(store_bytes: int) -> bytes:
    size = 24 + _HEAD_BYTES + store_bytes
    return size.to_bytes(4, "big") + b"uuid" + BOX_USER_TYPE + _PURPOSE + bytes(8)


def _with_positions(
    found: Iterable[tuple[bytes | None, tuple[Part, ...]]], left_out: set[bytes | None]
) -> tuple[Part, ...]:
    """The parts of every box that is hashed, each box behind its position."""
    parts: list[Part] = []
    position = 0
    for kind, box in found:
        if kind not in left_out:
            parts += [position.to_bytes(8, "big"), *box]
        position += total(box)
    return tuple(parts)


def without_store(stream: BinaryIO) -> tuple[Part, ...]:
    """The file with free space in the place of a store; nothing moves.

    Raises:
        UnreadableMediaError: It is damaged.
    """
    found = top_boxes(stream)
    if not any(map(_is_store, found)):
        return (Span(0, file_size(stream)),)
    parts = [freed(stream, b) if _is_store(b) else (b.span,) for b in found]
    end = found[-1].span.end
    return (*(part for kept in parts for part in kept), Span(end, file_size(stream)))


# ----------------------------------------------------------------------------------------- reading


def is_hashed_in_full(binding: object) -> bool:
    """Whether a box hash leaves out no more than the toolkit's own, and is one for the whole."""
    if member(binding, "merkle") is not None or member(binding, "url") is not None:
        return False
    left_out = [_kind(entry) for entry in objects(binding, "exclusions")]
    return b"uuid" in left_out and set(left_out) <= {b"uuid", *_MAY_BE_LEFT_OUT}


def _kind(entry: Json) -> bytes | None:
    """The type of box that an exclusion leaves out whole; None where it is another exclusion."""
    path = entry.get("xpath")
    if path == _UUID_PATH:
        due = [{"offset": 8, "value": base64.b64encode(BOX_USER_TYPE).decode()}]
        return b"uuid" if set(entry) == {"xpath", "data"} and entry["data"] == due else None
    if not isinstance(path, str) or set(entry) != {"xpath"}:
        return None
    return path.removeprefix("/").encode("utf-8", "replace") if path.startswith("/") else None


def hashed(stream: BinaryIO, binding: object) -> tuple[Part, ...] | None:
    """What of a file a box hash covers that `is_hashed_in_full`; None where boxes do not tell.

    Raises:
        UnreadableMediaError: The file is damaged.
    """
    found = top_boxes(stream)
    if not found or found[-1].span.end != file_size(stream) or found[-1].is_open:
        return None
    left_out = {_kind(entry) for entry in objects(binding, "exclusions")}
    kinds = [None if _is_store(box) else box.type for box in found]
    spans = [(box.span,) for box in found]
    return _with_positions(zip(kinds, spans, strict=True), {None, *left_out} - {b"uuid"})
