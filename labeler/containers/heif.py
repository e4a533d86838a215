"""HEIF and AVIF: the items of the meta box, and files with items added or exchanged.

A file is a sequence of boxes; its pictures and metadata are *items*, listed in the meta box with
their place in the file. Source: ISO/IEC 14496-12, 8.11 (meta box); ISO/IEC 23008-12 (HEIF).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from labeler.containers import bmff
from labeler.containers.bmff import Box, Fields, make_box, make_full_box
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError

__all__ = ["HeifFile", "Item", "Property", "Reference", "new_item", "parse"]

_IN_FILE: Final = 0
_IN_IDAT: Final = 1
_MAX_ITEMS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an item."""

    raw: bytes
    """The property box."""
    essential: bool
    """Whether a reader that does not know it must not show the item."""

    @property
    def type(self) -> bytes:
        """Four characters."""
        return self.raw[4:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A picture or a block of metadata."""

    id: int
    type: bytes
    """Four characters: ``av01``, ``hvc1``, ``grid``, ``Exif``, ``mime`` …"""
    info: bytes = field(repr=False)
    """Its infe box."""
    content_type: bytes = b""
    """Media type of a ``mime`` item."""
    spans: tuple[tuple[int, int], ...] = ()
    """Offset and length of its pieces in the file (or in ``idat``)."""
    method: int = _IN_FILE
    """0 pieces lie in the file, 1 in the idat box."""
    data: bytes | None = field(default=None, repr=False)
    """Its content, where it is to be written anew."""
    properties: tuple[Property, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """Items that an item points to: ``auxl``, ``cdsc``, ``dimg``, ``thmb`` and so on."""

    type: bytes
    source: int
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeifFile:
    """A HEIF or AVIF file."""

    source: bytes = field(repr=False)
    """The file's bytes, to which the spans refer."""
    boxes: tuple[Box, ...] = field(repr=False)
    """Its boxes, the meta box included."""
    meta: tuple[Box, ...] = field(repr=False)
    """Boxes of the meta box that are carried over as they are."""
    items: tuple[Item, ...]
    references: tuple[Reference, ...]
    primary_id: int

    @property
    def primary(self) -> Item:
        """The item that is shown.

        Raises:
            UnreadableMediaError: There is no such item.
        """
        return self.item(self.primary_id)

    @property
    def has_track(self) -> bool:
        """Whether there are tracks: a sequence of pictures."""
        return any(box.type == b"moov" for box in self.boxes)

    def item(self, number: int) -> Item:
        """The item with this id.

        Raises:
            UnreadableMediaError: There is none.
        """
        for item in self.items:
            if item.id == number:
                return item
        raise damaged("the file refers to an item that it does not hold")

    def content(self, item: Item) -> bytes:
        """What ``item`` holds.

        Raises:
            UnreadableMediaError: It points behind the end of the file.
            UnsupportedMediaError: It lies somewhere that Labeler does not look.
        """
        if item.data is not None:
            return item.data
        store = self.source
        if item.method == _IN_IDAT:
            store = next((box.body for box in self.meta if box.type == b"idat"), b"")
        elif item.method != _IN_FILE:
            raise UnsupportedMediaError("the file builds its pictures from parts of other items")
        if sum(length for _, length in item.spans) > len(store):
            raise damaged("the file's parts lie on top of each other")
        parts = []
        for offset, length in item.spans:
            if offset + length > len(store):
                raise damaged("the file points behind its own end")
            # Length 0 says: to the end (ISO/IEC 14496-12, 8.11.3.1).
            parts.append(store[offset : offset + length] if length else store[offset:])
        return b"".join(parts)

    def targets(self, kind: bytes, source: int) -> tuple[int, ...]:
        """Items to which the item ``source`` points with references of this kind."""
        return tuple(
            target
            for reference in self.references
            if (reference.type, reference.source) == (kind, source)
            for target in reference.targets
        )

    def sources(self, kind: bytes, target: int) -> tuple[int, ...]:
        """Items that point to the item ``target`` with references of this kind."""
        return tuple(
            reference.source
            for reference in self.references
            if reference.type == kind and target in reference.targets
        )

    def free_id(self) -> int:
        """An item id that is not in use."""
        return 1 + max((item.id for item in self.items), default=0)


def new_item(number: int, kind: bytes, data: bytes, *, content_type: bytes = b"") -> Item:
    """An item that holds ``data``."""
    wide = number >= 1 << 16
    parts = [number.to_bytes(4 if wide else 2, "big"), b"\0\0", kind, b"\0"]
    if kind == b"mime":
        parts.append(content_type + b"\0")
    info = make_full_box(b"infe", 3 if wide else 2, 0, parts)
    return Item(id=number, type=kind, info=info, content_type=content_type, data=data)


def parse(data: bytes) -> HeifFile:
    """Take a HEIF or AVIF file apart.

    Raises:
        UnreadableMediaError: The file is truncated, or has no meta box.
    """
    top = bmff.boxes(data)
    meta = next((box for box in top if box.type == b"meta"), None)
    if meta is None:
        raise damaged("the file has no list of its pictures (meta box)")
    children = bmff.boxes(meta.body[4:])
    bodies = {box.type: box.body for box in children}
    if b"pitm" not in bodies or b"iinf" not in bodies or b"iloc" not in bodies:
        raise damaged("the file does not say which picture to show")
    locations = read_locations(bodies[b"iloc"])
    properties = _read_properties(bodies.get(b"iprp", b""))
    items = tuple(
        replace(
            item,
            method=locations.get(item.id, (0, ()))[0],
            spans=locations.get(item.id, (0, ()))[1],
            properties=properties.get(item.id, ()),
        )
        for item in _read_infos(bodies[b"iinf"])
    )
    fields = Fields(bodies[b"pitm"])
    version, _ = fields.version_and_flags()
    rewritten = {b"pitm", b"iloc", b"iinf", b"iref", b"iprp"}
    return HeifFile(
        source=data,
        boxes=top,
        meta=tuple(box for box in children if box.type not in rewritten),
        items=items,
        references=_read_references(bodies.get(b"iref", b"")),
        primary_id=fields.number(4 if version else 2),
    )


def _read_infos(body: bytes) -> list[Item]:
    fields = Fields(body)
    version, _ = fields.version_and_flags()
    fields.number(4 if version else 2)
    items = []
    for box in bmff.boxes(fields.rest()):
        if box.type != b"infe":
            continue
        entry = Fields(box.body)
        version, _ = entry.version_and_flags()
        number = entry.number(4 if version == 3 else 2)
        entry.number(2)
        kind = entry.take(4) if version >= 2 else b""
        entry.string()
        content_type = entry.string() if kind == b"mime" else b""
        items.append(Item(id=number, type=kind, info=box.raw, content_type=content_type))
    return items


_Location = tuple[int, tuple[tuple[int, int], ...]]


def read_locations(body: bytes) -> dict[int, _Location]:
    """Method and spans of each item in the body of an iloc box.

    Raises:
        UnreadableMediaError: The box is truncated.
        UnsupportedMediaError: Items lie in another file.
    """
    fields = Fields(body)
    version, _ = fields.version_and_flags()
    offset_size, length_size, base_size, index_size = _nibbles(fields.number(2))
    locations: dict[int, _Location] = {}
    for _ in range(fields.number(4 if version == 2 else 2)):
        number = fields.number(4 if version == 2 else 2)
        method = fields.number(2) & 15 if version else _IN_FILE
        if fields.number(2):
            raise UnsupportedMediaError(
                "the file keeps its pictures in another file",
                hint="Save it as one file that holds everything",
            )
        base = fields.number(base_size)
        spans = []
        for _ in range(fields.number(2)):
            if version:
                fields.number(index_size)
            spans.append((base + fields.number(offset_size), fields.number(length_size)))
        locations[number] = (method, tuple(spans))
        if len(locations) > _MAX_ITEMS:
            raise damaged("the file lists more items than any picture has")
    return locations


def moved_locations(body: bytes, moved: Callable[[int], int]) -> bytes:
    """The body of an iloc box with offsets into the file moved; its length is the same."""
    fields = Fields(body)
    version, _ = fields.version_and_flags()
    offset_size, length_size, base_size, index_size = _nibbles(fields.number(2))
    wide = 4 if version == 2 else 2
    parts = [body[:6], fields.take(wide)]
    for _ in range(int.from_bytes(parts[1], "big")):
        parts.append(fields.take(wide))
        flags = fields.take(2 if version else 0)
        parts += [flags, fields.take(2)]
        in_file = int.from_bytes(flags, "big") & 15 == _IN_FILE
        base = fields.number(base_size)
        # With a base, the offsets are relative to it and stay.
        parts.append((moved(base) if in_file and base else base).to_bytes(base_size, "big"))
        parts.append(fields.take(2))
        for _ in range(int.from_bytes(parts[-1], "big")):
            parts.append(fields.take(index_size if version else 0))
            offset = fields.number(offset_size)
            shifts = in_file and not base and offset_size
            parts.append((moved(offset) if shifts else offset).to_bytes(offset_size, "big"))
            parts.append(fields.take(length_size))
    return b"".join([*parts, fields.rest()])


def _nibbles(sizes: int) -> tuple[int, int, int, int]:
    """The four numbers of four bits in a number of 16."""
    return sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15


def _read_references(body: bytes) -> tuple[Reference, ...]:
    if not body:
        return ()
    fields = Fields(body)
    version, _ = fields.version_and_flags()
    size = 4 if version else 2
    references = []
    for box in bmff.boxes(fields.rest()):
        entry = Fields(box.body)
        source = entry.number(size)
        targets = tuple(entry.number(size) for _ in range(entry.number(2)))
        references.append(Reference(box.type, source, targets))
    return tuple(references)


def _read_properties(body: bytes) -> dict[int, tuple[Property, ...]]:
    children = bmff.boxes(body)
    pool: tuple[Box, ...] = ()
    found: dict[int, tuple[Property, ...]] = {}
    for box in children:
        if box.type == b"ipco":
            pool = bmff.boxes(box.body)
    for box in children:
        if box.type != b"ipma":
            continue
        fields = Fields(box.body)
        version, flags = fields.version_and_flags()
        width = 2 if flags & 1 else 1
        for _ in range(fields.number(4)):
            number = fields.number(4 if version else 2)
            properties = []
            for _ in range(fields.number(1)):
                index = fields.number(width)
                essential = bool(index >> 8 * width - 1)
                index &= (1 << 8 * width - 1) - 1
                if index > len(pool):
                    raise damaged("the file refers to a property that it does not hold")
                if index:  # 0 stands for no property
                    properties.append(Property(pool[index - 1].raw, essential))
            found[number] = found.get(number, ()) + tuple(properties)
    return found


def serialise_meta(file: HeifFile, items: Iterable[Item]) -> bytes:
    """The meta box of ``file`` with ``items``, whose spans are those of the new file."""
    entries = tuple(items)
    children = [box.raw for box in file.meta if box.type == b"hdlr"]
    wide = any(item.id >= 1 << 16 for item in entries)
    id_size = 4 if wide else 2
    children += [
        make_full_box(b"pitm", int(wide), 0, [file.primary_id.to_bytes(id_size, "big")]),
        locations_box(entries, id_size),
        make_full_box(
            b"iinf", 0 if len(entries) < 1 << 16 else 1, 0,
            [len(entries).to_bytes(2 if len(entries) < 1 << 16 else 4, "big"),
             *(item.info for item in entries)],
        ),
    ]  # fmt: skip
    if file.references:
        children.append(_references_box(file.references, id_size))
    if any(item.properties for item in entries):
        children.append(_properties_box(entries, id_size))
    children += [box.raw for box in file.meta if box.type != b"hdlr"]
    return make_full_box(b"meta", 0, 0, children)


def locations_box(items: Iterable[Item], id_size: int) -> bytes:
    """The iloc box for ``items``, whose ids take ``id_size`` bytes (2 or 4)."""
    located = [item for item in items if item.spans]
    far = any(sum(span) >= 1 << 32 for item in located for span in item.spans)
    size = 8 if far else 4
    version = 2 if id_size == 4 else 1
    parts = [bytes([size << 4 | size, 0]), len(located).to_bytes(id_size, "big")]
    for item in located:
        parts += [
            item.id.to_bytes(id_size, "big"),
            item.method.to_bytes(2, "big"),
            b"\0\0",
            len(item.spans).to_bytes(2, "big"),
        ]
        parts += [number.to_bytes(size, "big") for span in item.spans for number in span]
    return make_full_box(b"iloc", version, 0, parts)


def _references_box(references: Iterable[Reference], id_size: int) -> bytes:
    parts = [
        make_box(
            reference.type,
            reference.source.to_bytes(id_size, "big"),
            len(reference.targets).to_bytes(2, "big"),
            *(target.to_bytes(id_size, "big") for target in reference.targets),
        )
        for reference in references
    ]
    return make_full_box(b"iref", int(id_size == 4), 0, parts)


def _properties_box(items: tuple[Item, ...], id_size: int) -> bytes:
    pool = list(dict.fromkeys(prop.raw for item in items for prop in item.properties))
    wide = len(pool) > 127
    width, top = (2, 1 << 15) if wide else (1, 1 << 7)
    index = {raw: number for number, raw in enumerate(pool, 1)}
    owners = [item for item in items if item.properties]
    parts = [len(owners).to_bytes(4, "big")]
    # Readers expect the ids in ascending order (ISO/IEC 23008-12, 9.3.1).
    for item in sorted(owners, key=lambda owner: owner.id):
        parts += [item.id.to_bytes(id_size, "big"), bytes([len(item.properties)])]
        parts += [
            (index[prop.raw] | (top if prop.essential else 0)).to_bytes(width, "big")
            for prop in item.properties
        ]
    associations = make_full_box(b"ipma", int(id_size == 4), int(wide), parts)
    return make_box(b"iprp", make_box(b"ipco", *pool), associations)
