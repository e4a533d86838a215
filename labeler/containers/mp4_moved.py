"""An MP4 or QuickTime file put together anew: boxes move, and what points into them is corrected.

Positions in a file are counted from its beginning, so that whatever comes to stand in front of the
samples moves them all. Source: ISO/IEC 14496-12, 8.7.5 (stco, co64), 8.8.7 (tfhd), 8.8.10 (tfra).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers.bmff import Fields, boxes
from labeler.containers.bmff_file import TopBox, sized
from labeler.containers.damage import damaged
from labeler.containers.splice import Part, blocks, total

__all__ = ["ImmovableError", "rearranged"]

# Where positions are: in these, and in nothing else that is read here.
_POINTING: Final = frozenset({b"moov", b"moof", b"mfra", b"meta"})
_NESTS: Final = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"moof", b"traf", b"mfra", b"meta"}
)
_MAX_READ_BYTES: Final = 1 << 28
_BASE_OFFSET: Final = 1
_SELF_CONTAINED: Final = 1


class ImmovableError(Exception):
    """Something in the file has to stay where it is; the message says what."""


@dataclass(frozen=True, slots=True)
class _Map:
    """Where what was in a file is now."""

    starts: NDArray[np.int64]
    """Where each stretch began, in ascending order."""
    shifts: NDArray[np.int64]
    """How far each has moved."""

    def of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The new positions; one in front of every stretch, which points to nothing, stays."""
        if not len(self.starts):
            return positions
        found = np.searchsorted(self.starts, positions, "right") - 1
        return positions + np.where(found < 0, 0, self.shifts[found])


def rearranged(file: BinaryIO, pieces: Sequence[TopBox | bytes]) -> tuple[tuple[Part, ...], ...]:
    """A file of other boxes, or of the same in other places.

    Args:
        file: The old file.
        pieces: The boxes of the new one in their order: those of the old one, and new ones whole. A
            new ``moov`` box still has the positions of the old file.

    Returns:
        The parts of each, as many bytes as before, with every position corrected.

    Raises:
        ImmovableError: The file has positions that cannot be corrected.
        UnreadableMediaError: It is damaged.
    """
    kept = [(piece,) if isinstance(piece, bytes) else _sized(piece) for piece in pieces]
    starts = list(accumulate(map(total, kept), initial=0))
    olds = [
        (piece.span.start, start - piece.span.start)
        for piece, start in zip(pieces, starts, strict=False)
        if isinstance(piece, TopBox)
    ]
    if all(shift == 0 for _, shift in olds):
        return tuple(kept)
    _check_index(pieces, starts)
    table = np.array(sorted(olds), np.int64).reshape(-1, 2)
    moves = _Map(table[:, 0], table[:, 1])
    return tuple(
        (_corrected(b"".join(blocks(file, parts)), moves),) if _points(piece) else parts
        for piece, parts in zip(pieces, kept, strict=True)
    )


def _sized(box: TopBox) -> tuple[Part, ...]:
    parts = sized(box)
    if parts is None:
        raise ImmovableError("its last box has more than 4 GiB and does not say how many")
    return parts


def _points(piece: TopBox | bytes) -> bool:
    kind, size = (
        (piece[4:8], len(piece)) if isinstance(piece, bytes) else (piece.type, len(piece.span))
    )
    if kind in _POINTING and size > _MAX_READ_BYTES:
        raise damaged(f"the {kind.decode('latin-1')!r} box is too large for what it is")
    return kind in _POINTING


def _check_index(pieces: Sequence[TopBox | bytes], starts: Sequence[int]) -> None:
    """See that nothing moves apart that a segment index (8.16.3) counts the bytes between."""
    kinds = [piece.type if isinstance(piece, TopBox) else piece[4:8] for piece in pieces]
    if b"sidx" not in kinds:
        return
    behind = list(zip(pieces, starts, strict=False))[kinds.index(b"sidx") :]
    old = [piece.span.start - start for piece, start in behind if isinstance(piece, TopBox)]
    if len(old) < len(behind) or any(a != b for a, b in pairwise(old)):
        raise ImmovableError("its index of segments does not allow a change among them")


def _corrected(whole: bytes, moves: _Map) -> bytes:
    """The bytes of a box with the positions in it corrected."""
    data = bytearray(whole)
    for leaf in _leaves(whole, 0):
        correct = _CORRECTIONS.get(leaf.type)
        if correct is not None:
            correct(data, leaf, moves)
    return bytes(data)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A box that holds no others."""

    type: bytes
    start: int
    """Where its content begins."""
    end: int

    def body(self, data: bytearray) -> bytes:
        return bytes(data[self.start : self.end])


def _leaves(data: bytes, base: int) -> Iterator[_Leaf]:
    for box in boxes(data):
        at = base + box.start + box.header_bytes
        if box.type not in _NESTS:
            yield _Leaf(box.type, at, base + box.end)
            continue
        body = box.body
        # MPEG-4 puts a version in front of what a meta box holds, QuickTime does not.
        skipped = 4 if box.type == b"meta" and body[4:8] != b"hdlr" else 0
        yield from _leaves(body[skipped:], at + skipped)


def _correct_chunks(data: bytearray, leaf: _Leaf, moves: _Map) -> None:
    """Where the chunks of a track begin."""
    body, width = leaf.body(data), 4 if leaf.type == b"stco" else 8
    fields = Fields(body)
    fields.version_and_flags()
    size = fields.number(4) * width
    table = np.frombuffer(fields.take(size), f">u{width}").astype(np.int64)
    data[leaf.start + 8 : leaf.start + 8 + size] = _packed(moves.of(table), width)


def _packed(positions: NDArray[np.int64], width: int) -> bytes:
    if len(positions) and (positions.min() < 0 or int(positions.max()) >= 1 << (8 * width)):
        raise ImmovableError(f"its positions of {8 * width} bits leave no room for more")
    return positions.astype(f">u{width}").tobytes()


def _correct_number(data: bytearray, at: int, width: int, moves: _Map) -> None:
    old = np.frombuffer(bytes(data[at : at + width]), f">u{width}").astype(np.int64)
    data[at : at + width] = _packed(moves.of(old), width)


def _correct_fragment(data: bytearray, leaf: _Leaf, moves: _Map) -> None:
    """The header of a track fragment, which may name where its samples are counted from."""
    fields = Fields(leaf.body(data))
    if fields.version_and_flags()[1] & _BASE_OFFSET:
        fields.take(12)
        _correct_number(data, leaf.start + 8, 8, moves)


def _correct_access(data: bytearray, leaf: _Leaf, moves: _Map) -> None:
    """Where the fragments are that can be played first."""
    fields = Fields(leaf.body(data))
    width = 8 if fields.version_and_flags()[0] else 4
    fields.take(4)
    lengths, count = fields.number(4), fields.number(4)
    # A time and a position, and three numbers of 1 to 4 bytes.
    stride = 2 * width + 3 + sum(lengths >> shift & 3 for shift in (0, 2, 4))
    fields.take(count * stride)
    for entry in range(count):
        _correct_number(data, leaf.start + 16 + entry * stride + width, width, moves)


def _check_references(data: bytearray, leaf: _Leaf, _moves: _Map) -> None:
    """Refuse samples in other files, whose positions look like those in this one."""
    for box in boxes(leaf.body(data)[8:]):
        if not box.body[3:4] or not box.body[3] & _SELF_CONTAINED:
            raise ImmovableError("some of its samples are in another file")


def _refuse(_data: bytearray, leaf: _Leaf, _moves: _Map) -> None:
    raise ImmovableError(f"it holds positions in a box {leaf.type.decode()!r}")


_CORRECTIONS: Final[Mapping[bytes, Callable[[bytearray, _Leaf, _Map], None]]] = {
    b"stco": _correct_chunks,
    b"co64": _correct_chunks,
    b"tfhd": _correct_fragment,
    b"tfra": _correct_access,
    b"dref": _check_references,
    # Compressed headers, pictures beside the film, and auxiliary data of encrypted samples.
    b"cmov": _refuse,
    b"iloc": _refuse,
    b"saio": _refuse,
}
