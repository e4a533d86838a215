"""The picture that a HEIF or AVIF file shows: how it is coded, and another one in its place.

Alpha is never coded again: the item that holds it stays as it is, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from labeler.containers.damage import damaged
from labeler.containers.heif import HeifFile, Item, Property, Reference, new_item
from labeler.containers.heif_layout import pack
from labeler.errors import UnsupportedMediaError

__all__ = ["Coding", "orientation", "read_coding", "turns", "with_primary"]

# What describes the coded picture; all other properties describe what is seen, and are kept.
_OF_CODING: Final = frozenset(
    {b"ispe", b"pixi", b"av1C", b"hvcC", b"lhvC", b"a1op", b"a1lx", b"lsel", b"rloc"}
)
# The extended type that makes a uuid box one of C2PA (C2PA 2.4, A.5.1).
_C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
# Where the corners (top left 0, top right 1, bottom left 2, bottom right 3) are shown → Exif 2.32,
# 4.6.4 A, Orientation.
_ORIENTATIONS: Final[dict[tuple[int, ...], int]] = {
    (0, 1, 2, 3): 1, (1, 0, 3, 2): 2, (3, 2, 1, 0): 3, (2, 3, 0, 1): 4,
    (0, 2, 1, 3): 5, (2, 0, 3, 1): 6, (3, 1, 2, 0): 7, (1, 3, 0, 2): 8,
}  # fmt: skip
_UNSPECIFIED: Final = b"\0\x02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How the picture is coded."""

    width: int
    """Width as coded, pixels."""
    height: int
    cropped: tuple[int, int]
    """Width and height of what readers crop it to (clap), before they turn it."""
    bits: int
    """Bits a sample."""
    chroma: str
    """``"4:2:0"``, ``"4:2:2"``, ``"4:4:4"``, or ``"4:0:0"`` without colour."""


def read_coding(file: HeifFile) -> Coding:
    """How the primary item (or the first tile of its grid) is coded.

    Raises:
        UnreadableMediaError: It has no size or no coder configuration.
        UnsupportedMediaError: It is neither AV1 nor HEVC.
    """
    primary = file.primary
    size = _property(primary, b"ispe")
    if size is None or len(size.raw) < 20:
        raise damaged("the file does not say how large its picture is")
    width, height = (int.from_bytes(size.raw[at : at + 4], "big") for at in (12, 16))
    coded = primary
    for _ in range(4):  # grids of identity items of … : no file nests them deeper
        targets = file.targets(b"dimg", coded.id)
        if coded.type in {b"av01", b"hvc1"} or not targets:
            break
        coded = file.item(targets[0])
    bits, chroma = _configuration(coded)
    cropped = _crop(primary) or (width, height)
    return Coding(width=width, height=height, cropped=cropped, bits=bits, chroma=chroma)


def _crop(item: Item) -> tuple[int, int] | None:
    """Width and height of the clean aperture (ISO/IEC 14496-12, 12.1.4)."""
    aperture = _property(item, b"clap")
    if aperture is None or len(aperture.raw) < 24:
        return None
    numbers = [int.from_bytes(aperture.raw[at : at + 4], "big") for at in range(8, 24, 4)]
    if not numbers[1] or not numbers[3]:
        raise damaged("the file crops its picture to a size that makes no sense")
    return numbers[0] // numbers[1], numbers[2] // numbers[3]


def _configuration(item: Item) -> tuple[int, str]:
    if item.type not in {b"av01", b"hvc1"}:
        raise UnsupportedMediaError(
            f"the picture is coded as {item.type!r}, and only AV1 and HEVC are handled",
            hint="Convert it to PNG first",
        )
    av1, hevc = _property(item, b"av1C"), _property(item, b"hvcC")
    if av1 is not None and len(av1.raw) >= 12:
        flags = av1.raw[10]  # AV1-ISOBMFF 2.3.3
        bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
        sampled = {0: "4:4:4", 0x8: "4:2:2", 0xC: "4:2:0"}.get(flags & 0xC, "4:4:4")
        return bits, "4:0:0" if flags & 0x10 else sampled
    if hevc is not None and len(hevc.raw) >= 26:
        # ISO/IEC 14496-15, 8.3.3.1: chroma_format_idc and bit depth follow 16 bytes.
        chroma = {0: "4:0:0", 1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}[hevc.raw[24] & 3]
        return 8 + (hevc.raw[25] & 7), chroma
    raise damaged("the file does not say how its picture is coded")


def turns(file: HeifFile) -> tuple[tuple[str, int], ...]:
    """The rotations and mirrorings that readers apply to the primary item, in their order.

    ``("rotate", n)`` is n quarter turns anticlockwise; ``("mirror", 0)`` swaps top and bottom,
    ``("mirror", 1)`` left and right. Source: ISO/IEC 23008-12, 6.5.10 and 6.5.12.
    """
    names = {b"irot": ("rotate", 3), b"imir": ("mirror", 1)}
    return tuple(
        (names[prop.type][0], prop.raw[8] & names[prop.type][1])
        for prop in file.primary.properties
        if prop.type in names and len(prop.raw) >= 9
    )


def orientation(file: HeifFile) -> int:
    """The Exif orientation, 1 to 8, that says the same as `turns`."""
    corners = np.array([[0, 1], [2, 3]])
    for kind, amount in turns(file):
        corners = np.rot90(corners, amount) if kind == "rotate" else np.flip(corners, amount)
    return _ORIENTATIONS[tuple(int(corner) for corner in corners.flat)]


def with_primary(file: HeifFile, coded: HeifFile, *, keeps_crop: bool) -> bytes:
    """``file`` showing the picture of ``coded``; everything that belongs to the old one goes.

    The new item takes the old one's id, so whatever refers to it (metadata, alpha, depth, gain
    maps) stays with it. Tiles and thumbnails of the old picture are left out.

    Args:
        file: The source, without tracks.
        coded: A file with one picture, just encoded.
        keeps_crop: Whether the picture is still to be cropped as the source says (clap), and not
            as ``coded`` does.
    """
    old, new = file.primary, coded.primary
    dropped = _belongings(file)
    kept = [item for item in file.items if item.id not in dropped and item.id != old.id]
    ours = tuple(prop for prop in new.properties if prop.type in _OF_CODING)
    crops = () if keeps_crop else tuple(prop for prop in new.properties if prop.type == b"clap")
    theirs = tuple(
        prop
        for prop in old.properties
        if prop.type not in _OF_CODING
        and (keeps_crop or prop.type != b"clap")
        and not _is_nclx(prop)
    )
    picture = new_item(old.id, new.type, coded.content(new))
    picture = replace(picture, properties=(*ours, *_colour(old, new), *crops, *theirs))
    references = []
    for reference in file.references:
        if (reference.type, reference.source) in {(b"dimg", old.id), (b"prem", old.id)}:
            continue
        targets = tuple(target for target in reference.targets if target not in dropped)
        if reference.source not in dropped and targets:
            references.append(Reference(reference.type, reference.source, targets))
    boxes = tuple(box for box in file.boxes if not _is_manifest(box.type, box.body))
    changed = replace(file, boxes=boxes, items=(picture, *kept), references=tuple(references))
    return pack(changed)


def _belongings(file: HeifFile) -> frozenset[int]:
    """Tiles of the primary item that nothing else uses, and its thumbnails with their tiles."""
    gone = {file.primary_id, *file.sources(b"thmb", file.primary_id)}
    pending = list(gone)
    while pending:
        for target in file.targets(b"dimg", pending.pop()):
            if target not in gone and set(file.sources(b"dimg", target)) <= gone:
                gone.add(target)
                pending.append(target)
    return frozenset(gone - {file.primary_id})


def _property(item: Item, kind: bytes) -> Property | None:
    return next((prop for prop in item.properties if prop.type == kind), None)


def _is_nclx(prop: Property) -> bool:
    return prop.type == b"colr" and prop.raw[8:12] == b"nclx"


def _is_manifest(kind: bytes, body: bytes) -> bool:
    return kind == b"uuid" and body.startswith(_C2PA_UUID)


def _colour(old: Item, new: Item) -> tuple[Property, ...]:
    """Matrix and range of the new coding, with the primaries and transfer of the old picture."""
    coded = next((prop for prop in new.properties if _is_nclx(prop)), None)
    if coded is None:
        return ()
    stated = next((prop for prop in old.properties if _is_nclx(prop)), None)
    has_profile = any(prop.type == b"colr" and not _is_nclx(prop) for prop in old.properties)
    meaning = coded.raw[12:16]
    if stated is not None:
        meaning = stated.raw[12:16]
    elif has_profile:
        meaning = 2 * _UNSPECIFIED
    return (replace(coded, raw=coded.raw[:12] + meaning + coded.raw[16:]),)
