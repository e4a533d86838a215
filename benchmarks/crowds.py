"""What files of nothing but parts cost the C2PA toolkit and the whole of an examination.

    python -m benchmarks.crowds

Each format's smallest part is repeated a thousand, four thousand and sixteen thousand times. Where
four times as many cost four times as much, the cost of a part is a constant; where they cost
sixteen times as much, it grows with the square. The unit is the toolkit reading a JPEG of one
segment: ratios carry over to other machines, milliseconds do not. The toolkit gets the files here
without the limits of ``labeler/credentials/_crowds.py``; the last column is with them.
"""

from __future__ import annotations

import statistics
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.command import benchmark_parser, publish
from benchmarks.measuring import timed
from benchmarks.tables import markdown_table
from labeler.containers.bmff import make_box
from labeler.credentials import TrustStore, read
from labeler.credentials import _toolkit as toolkit
from labeler.credentials._asset import MemoryAsset
from labeler.errors import MediaError
from labeler.media.media_type import MediaType

COUNTS: Final = (1_000, 4_000, 16_000)
REPEATS: Final = 3
NOBODY: Final = TrustStore()
FTYP: Final = make_box(b"ftyp", b"isom", bytes(4), b"isom")
HEIC: Final = make_box(b"ftyp", b"heic", bytes(4), b"heic")
FREE: Final = make_box(b"free")
JPEG: Final = b"\xff\xd8\xff\xe1\0\x02\xff\xda\0\x08\x01\x01\0\0\x3f\0\xff\xd9"
HEADER: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0\x3a\x7e\x9b\x55"
IEND: Final = b"\0\0\0\0IEND\xae\x42\x60\x82"
STORE: Final = make_box(b"jumd", bytes.fromhex("6332706100110010800000aa00389b71"), b"\3c2pa\0")
Make = Callable[[int], bytes]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + bytes(4)


def _gif(blocks: bytes) -> bytes:
    return b"GIF89a\1\0\1\0\0\0\0" + blocks + b"\x3b"


def _riff(form: bytes, count: int) -> bytes:
    body = form + b"junk\0\0\0\0" * count
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _tiff(count: int) -> bytes:
    fields = struct.pack("<HHII", 256, 4, 1, 1) * count
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + fields + bytes(4)


def _id3(count: int) -> bytes:
    body = (b"TXXX" + struct.pack(">IH", 1, 0) + b"\0") * count
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body + (b"\xff\xfb\x90\x64" + bytes(413)) * 4


FILES: Final[dict[str, tuple[MediaType, int, Make]]] = {
    "MP4, boxes": (MediaType.MP4, 8, lambda n: FTYP + FREE * n),
    "MP4, boxes in moov": (MediaType.MP4, 8, lambda n: FTYP + make_box(b"moov", FREE * n)),
    "HEIC, boxes in meta": (
        MediaType.HEIC,
        8,
        lambda n: HEIC + make_box(b"meta", bytes(4), FREE * n),
    ),
    "PNG, chunks": (
        MediaType.PNG,
        12,
        lambda n: HEADER + (bytes(4) + b"teST" + bytes(4)) * n + IEND,
    ),
    "PNG, boxes of a store": (
        MediaType.PNG,
        8,
        lambda n: HEADER + _chunk(b"caBX", make_box(b"jumb", STORE, FREE * n)) + IEND,
    ),
    "JPEG, segments": (MediaType.JPEG, 4, lambda n: JPEG[:2] + b"\xff\xe1\0\2" * n + JPEG[2:]),
    "GIF, blocks": (MediaType.GIF, 3, lambda n: _gif(b"\x21\xfe\0" * n)),
    "GIF, sub-blocks": (MediaType.GIF, 2, lambda n: _gif(b"\x21\xfe" + b"\1x" * n + b"\0")),
    "WAV, chunks": (MediaType.WAV, 8, lambda n: _riff(b"WAVE", n)),
    "WebP, chunks": (MediaType.WEBP, 8, lambda n: _riff(b"WEBP", n)),
    "TIFF, fields": (MediaType.TIFF, 12, _tiff),
    "FLAC, blocks": (MediaType.FLAC, 4, lambda n: b"fLaC\0\0\0\x22" + bytes(34) + b"\1\0\0\0" * n),
    "MP3, frames of a tag": (MediaType.MP3, 11, _id3),
    "PDF, objects": (MediaType.PDF, 17, lambda n: b"%PDF-1.7\n" + b"1 0 obj<<>>endobj\n" * n),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one kind of part costs."""

    name: str
    part_bytes: int
    toolkit_ms: tuple[float, ...]
    """For each of `COUNTS`."""
    reading_ms: float
    """The last of them, with the limits."""

    @property
    def growth(self) -> float:
        """How much more four times as many cost."""
        return self.toolkit_ms[-1] / self.toolkit_ms[-2]


def toolkit_ms(data: bytes, media_type: MediaType) -> float:
    """The toolkit alone."""

    def run() -> None:
        with suppress(toolkit.ToolkitError, toolkit.NoManifestError):
            toolkit.read_store(MemoryAsset(data), media_type.value, trust=NOBODY)

    return 1e3 * statistics.median(timed(run)[1] for _ in range(REPEATS))


def reading_ms(data: bytes, media_type: MediaType) -> float:
    """The toolkit behind the limits."""

    def run() -> None:
        with suppress(MediaError):
            read(data, media_type, trust=NOBODY)

    return 1e3 * statistics.median(timed(run)[1] for _ in range(REPEATS))


def measure() -> list[Outcome]:
    """Every kind of part."""
    return [
        Outcome(
            name=name,
            part_bytes=part_bytes,
            toolkit_ms=tuple(toolkit_ms(make(count), media_type) for count in COUNTS),
            reading_ms=reading_ms(make(COUNTS[-1] * 4), media_type),
        )
        for name, (media_type, part_bytes, make) in FILES.items()
    ]


def report(outcomes: Sequence[Outcome], unit_ms: float) -> str:
    """A table."""
    rows = [
        (
            each.name,
            each.part_bytes,
            f"{each.growth:.1f}",
            *(f"{value / unit_ms:.0f}" for value in each.toolkit_ms),
            f"{each.toolkit_ms[-1] / COUNTS[-1] / each.part_bytes * 1e3:.2f}",
            f"{each.reading_ms / unit_ms:.0f}",
        )
        for each in outcomes
    ]
    header = ("part", "bytes", "cost of 4 times as many", *(f"{each:,}" for each in COUNTS))
    return markdown_table((*header, "s a MB", f"{4 * COUNTS[-1]:,}, with limits"), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    options = benchmark_parser("crowds", __doc__, workers=False).parse_args(arguments)
    toolkit_ms(JPEG, MediaType.JPEG)  # what is slow the first time
    unit_ms = toolkit_ms(JPEG, MediaType.JPEG)
    outcomes = measure()
    publish(options, report(outcomes, unit_ms), [asdict(each) for each in outcomes])
    return 0


if __name__ == "__main__":
    sys.exit(main())
