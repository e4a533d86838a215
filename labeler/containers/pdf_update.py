"""PDF files, added to without changing a byte of them.

What is new stands behind the end of the file as it was, so that digital signatures in it go on to
hold. Source: ISO 32000-2, 7.5.6 (incremental updates) and 14.4 (file identifiers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from labeler.containers.pdf import Pdf
from labeler.containers.pdf_objects import Dictionary, Reference

__all__ = ["Appendix", "Revision", "append"]

# What a trailer says about its own section only, or what is written anew.
_OWN: Final = (
    *(b"Prev", b"XRefStm", b"Size", b"ID", b"Type", b"W", b"Index", b"Length"),
    *(b"Filter", b"DecodeParms", b"F", b"FFilter", b"FDecodeParms", b"DL"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An object that is new, or takes the place of an older one."""

    reference: Reference
    value: bytes
    """As it is written; of a stream, its dictionary without its length."""
    content: bytes | None = field(default=None, repr=False)
    """What the stream holds, written as it is; None where it is no stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appendix:
    """What goes behind the end of a file."""

    data: bytes = field(repr=False)
    content: int
    """Where in `data` the content of the last revision that is a stream begins; 0 without one."""


def append(pdf: Pdf, revisions: Sequence[Revision]) -> Appendix:
    """What makes ``revisions`` part of a file.

    The table at its end is of the kind that the file has already: readers of the one need not
    understand the other. Whatever the file's trailer says is said again.
    """
    out = bytearray(b"" if pdf.data.endswith((b"\n", b"\r")) else b"\n")
    base, content = len(pdf.data), 0
    offsets: dict[Reference, int] = {}
    for revision in revisions:
        target = revision.reference
        offsets[target] = base + len(out)
        out += b"%d %d obj\n" % (target.number, target.generation)
        if revision.content is None:
            out += revision.value + b"\nendobj\n"
            continue
        out += _with_length(revision.value, len(revision.content)) + b"\nstream\n"
        content = len(out)
        out += revision.content + b"\nendstream\nendobj\n"
    number = max(pdf.table.next_number, *(target.number + 1 for target in offsets))
    start = base + len(out)
    if pdf.table.is_stream:
        offsets[Reference(number)] = start
        out += _table_stream(_trailer(pdf, number + 1), number, offsets)
    else:
        out += _table(offsets) + b"trailer\n" + _trailer(pdf, number).to_bytes() + b"\n"
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return Appendix(data=bytes(out), content=content)


def _with_length(head: bytes, size: int) -> bytes:
    return head.removesuffix(b">>") + b"/Length %d >>" % size


def _trailer(pdf: Pdf, size: int) -> Dictionary:
    """The file's trailer for the new section; the file's second identifier changes with it."""
    trailer = pdf.table.trailer.without(*_OWN).put(b"Size", b"%d" % size)
    identifiers = pdf.items(pdf.table.trailer.get(b"ID"))
    if len(identifiers) == 2:
        changed = hashlib.sha256(pdf.data).hexdigest()[:32].encode("ascii")
        trailer = trailer.put(b"ID", b"[" + identifiers[0] + b" <" + changed + b">]")
    return trailer.put(b"Prev", b"%d" % pdf.table.start)


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers in ascending order, in runs without gaps."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] + 1 == number:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _table(offsets: dict[Reference, int]) -> bytes:
    entries = {target.number: (offset, target.generation) for target, offset in offsets.items()}
    # The head of the list of free numbers, which some readers take every table to begin with.
    lines = [b"xref\n0 1\n0000000000 65535 f \n"]
    for run in _runs(entries):
        lines.append(b"%d %d\n" % (run[0], len(run)))
        lines += [b"%010d %05d n \n" % entries[number] for number in run]
    return b"".join(lines)


def _table_stream(trailer: Dictionary, number: int, offsets: dict[Reference, int]) -> bytes:
    """A cross-reference stream: its rows are few, so that they need no compression."""
    entries = {target.number: (offset, target.generation) for target, offset in offsets.items()}
    width = 4 if max(offsets.values()) < 1 << 32 else 8
    index = b" ".join(b"%d %d" % (run[0], len(run)) for run in _runs(entries))
    rows = b"".join(
        b"\x01" + offset.to_bytes(width, "big") + generation.to_bytes(2, "big")
        for _, (offset, generation) in sorted(entries.items())
    )
    head = (
        Dictionary(((b"Type", b"/XRef"),))
        .put(b"W", b"[1 %d 2]" % width)
        .put(b"Index", b"[" + index + b"]")
    )
    head = Dictionary((*head.entries, *trailer.entries))
    written = _with_length(head.to_bytes(), len(rows))
    return b"%d 0 obj\n" % number + written + b"\nstream\n" + rows + b"\nendstream\nendobj\n"
