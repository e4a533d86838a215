"""The pixels of one TIFF page: strips and tiles to arrays, and arrays to strips.

Samples of 8 and 16 bits are taken from the file's own bytes, so nothing is scaled or converted;
LZW and PackBits are unpacked and packed by libtiff (through Pillow), which sees the bytes as a grey
picture. Other variants (JPEG, CCITT, palettes, fewer bits) are decoded by Pillow to 8 bits.
Source: TIFF 6.0, sections 3 to 8, 14 (predictor), 15 (tiles), 16 (CMYK), 18 (alpha).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from labeler.codec.pixels import Pixels
from labeler.containers import tiff
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.interface import decoding, encoding
from labeler.media.media_type import MediaType

__all__ = ["PageFormat", "decode", "encode", "read_format"]

_NONE: Final = 1
_LZW: Final = 5
_PACKBITS: Final = 32773
_DEFLATE: Final = 8
_OLD_DEFLATE: Final = 32946
_DIRECT: Final = frozenset({_NONE, _LZW, _PACKBITS, _DEFLATE, _OLD_DEFLATE})
_PILLOW_NAMES: Final = {_LZW: "tiff_lzw", _PACKBITS: "packbits"}
_HORIZONTAL: Final = 2

# Photometric interpretation → number of colour samples.
_COLOURS: Final = {0: 1, 1: 1, 2: 3, 5: 4}
_MIN_IS_WHITE: Final = 0
_CMYK: Final = 5

# Fields that say how pixels are coded: written anew. 266 to 532 are fill order, T4 and T6 options,
# colour map, tile sizes, ink set, sample format, JPEG tables, chroma sampling and reference levels.
_CODING: Final = frozenset(
    {256, 257, 258, 259, 262, 266, 277, 278, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332,
     338, 339, 347, 529, 530, 531, 532}
)  # fmt: skip
_SIZE: Final = frozenset({256, 257})
# What stays of them when samples keep their meaning: ink set, extra samples, sample format.
_SAMPLE_MEANING: Final = frozenset({332, 338, 339})
_STRIP_BYTES: Final = 1 << 18
# Larger tiles, or more samples a pixel, would let a small file fill the memory.
_TILE_PIXELS: Final = 1 << 22
_MOST_SAMPLES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFormat:
    """How a page's pixels are stored, and how they are seen."""

    width: int
    height: int
    bits: int
    """Bits a sample."""
    samples: int
    """Samples a pixel, extra samples included."""
    photometric: int
    compression: int
    predictor: int
    separate: bool
    """Whether each sample has a plane of its own."""
    piece: tuple[int, int]
    """Rows and columns of a strip or tile."""
    tiled: bool
    has_alpha: bool
    """Whether the fourth sample of RGB is alpha, and the only extra sample."""
    direct: bool
    """Whether the samples are taken from the file's bytes; otherwise Pillow decodes them."""

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """Type of a sample as handed out."""
        return np.uint16 if self.direct and self.bits == 16 else np.uint8

    @property
    def samples_seen(self) -> int:
        """Samples a pixel as handed out: 1, 3 or 4."""
        if self.has_alpha:
            return 4
        return 1 if _COLOURS.get(self.photometric) == 1 else 3


def read_format(ifd: tiff.Ifd, layout: tiff.Layout) -> PageFormat:
    """How the page in ``ifd`` is stored.

    Raises:
        UnreadableMediaError: Fields are missing or contradict each other.
        UnsupportedMediaError: The page is of a variant that Labeler does not handle.
    """
    width, height = _number(ifd, layout, 256), _number(ifd, layout, 257)
    bits = _numbers(ifd, layout, 258) or (1,)
    samples = _number(ifd, layout, 277, 1)
    photometric = _number(ifd, layout, 262, 1)
    compression = _number(ifd, layout, 259, _NONE)
    tiled = ifd.run(324) is not None
    rows = min(_number(ifd, layout, 278, height), height)
    piece = (rows, width)
    if tiled:
        piece = (_number(ifd, layout, 323), _number(ifd, layout, 322))
    if not (width and height and samples and all(piece)):
        raise damaged("the TIFF page has no size")
    if tiled and piece[0] * piece[1] > max(_TILE_PIXELS, 4 * width * height):
        raise damaged("the TIFF page has tiles that are larger than the page")
    if samples > _MOST_SAMPLES:
        raise _unsupported(f"has {samples} samples a pixel")
    _refuse_unknown(ifd, layout, bits=bits, photometric=photometric)
    extra = _numbers(ifd, layout, 338)
    direct = (
        compression in _DIRECT
        and set(bits) <= {8, 16}
        and len(set(bits)) == 1
        and samples >= _COLOURS.get(photometric, samples + 1)
        and _number(ifd, layout, 266, 1) == 1
    )
    return PageFormat(
        width=width,
        height=height,
        bits=bits[0],
        samples=samples,
        photometric=photometric,
        compression=compression,
        predictor=_number(ifd, layout, 317, 1),
        separate=samples > 1 and _number(ifd, layout, 284, 1) == 2,
        piece=piece,
        tiled=tiled,
        has_alpha=direct and photometric == 2 and samples == 4 and extra in {(1,), (2,)},
        direct=direct,
    )


def _refuse_unknown(
    ifd: tiff.Ifd, layout: tiff.Layout, *, bits: tuple[int, ...], photometric: int
) -> None:
    kinds = {1: "", 2: "signed", 3: "floating-point", 4: "", 5: "complex", 6: "complex"}
    for number in _numbers(ifd, layout, 339):
        if kinds.get(number, "unknown"):
            raise _unsupported(f"has {kinds.get(number, 'unknown')} samples")
    if max(bits) > 16 or (max(bits) > 8 and set(bits) != {16}):
        raise _unsupported(f"has samples of {max(bits)} bits")
    names = {8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "a camera's raw",
             32844: "LogL", 32845: "LogLuv", 34892: "a camera's raw"}  # fmt: skip
    if photometric in names:
        raise _unsupported(f"has {names[photometric]} colours")
    if photometric == _CMYK and _number(ifd, layout, 332, 1) != 1:
        raise _unsupported("has inks other than CMYK")


def _unsupported(what: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"the TIFF page {what}, which Labeler does not handle",
        hint="Convert it to 8 or 16 bits of grey or RGB first",
    )


def _numbers(ifd: tiff.Ifd, layout: tiff.Layout, tag: int) -> tuple[int, ...]:
    entry = ifd.get(tag)
    return () if entry is None else entry.numbers(layout)


def _number(ifd: tiff.Ifd, layout: tiff.Layout, tag: int, default: int = 0) -> int:
    numbers = _numbers(ifd, layout, tag)
    return numbers[0] if numbers else default


def decode(ifd: tiff.Ifd, layout: tiff.Layout, page: PageFormat) -> Pixels:
    """The page's samples, (H, W, S) uint8 or uint16, as stored.

    Raises:
        UnreadableMediaError: The page is truncated or damaged.
    """
    if not page.direct:
        return _decode_with_pillow(ifd, layout, page)
    run = ifd.run(324) if page.tiled else ifd.run(tiff.STRIP_OFFSETS)
    pieces = run.pieces if run is not None else ()
    result = np.empty((page.height, page.width, page.samples), page.dtype)
    planes = page.samples if page.separate else 1
    boxes = list(_boxes(page))
    if len(pieces) < planes * len(boxes):
        raise damaged("the TIFF page has fewer strips or tiles than its size needs")
    for number, (plane, (top, left)) in enumerate(
        (plane, box) for plane in range(planes) for box in boxes
    ):
        rows, columns = page.piece
        if not page.tiled:
            rows = min(rows, page.height - top)
        samples = 1 if page.separate else page.samples
        block = _piece(pieces[number], (rows, columns, samples), layout, page)
        target = result[top : top + rows, left : left + columns]
        cut = block[: target.shape[0], : target.shape[1]]
        if page.separate:
            target[..., plane] = cut[..., 0]
        else:
            target[:] = cut
    return cast("Pixels", result)


def _boxes(page: PageFormat) -> Iterator[tuple[int, int]]:
    """Top and left of each strip or tile, in the order of the file."""
    for top in range(0, page.height, page.piece[0]):
        for left in range(0, page.width, page.piece[1]):
            yield top, left


def _piece(
    data: bytes, shape: tuple[int, int, int], layout: tiff.Layout, page: PageFormat
) -> NDArray[np.uint8 | np.uint16]:
    rows, columns, samples = shape
    row_bytes = columns * samples * (page.bits // 8)
    raw = _unpacked(data, row_bytes, rows, page.compression)
    if len(raw) < rows * row_bytes:
        raise damaged("the TIFF page ends before its last row")
    values = np.frombuffer(raw, f"{layout.byte_order}u{page.bits // 8}", rows * columns * samples)
    block: NDArray[np.uint8 | np.uint16] = values.reshape(shape).astype(page.dtype)
    if page.predictor == _HORIZONTAL:
        np.cumsum(block, axis=1, dtype=block.dtype, out=block)
    elif page.predictor != 1:
        raise _unsupported(f"is coded with predictor {page.predictor}")
    return block


def _unpacked(data: bytes, row_bytes: int, rows: int, compression: int) -> bytes:
    if compression == _NONE:
        return data
    if compression in {_DEFLATE, _OLD_DEFLATE}:
        try:
            return zlib.decompressobj().decompress(data, row_bytes * rows)
        except zlib.error as exc:
            raise damaged("the TIFF page's compressed data is damaged") from exc
    grey = _one_page(row_bytes, rows, compression, data)
    with decoding():
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(grey))
        return image.tobytes()


def _one_page(width: int, height: int, compression: int, data: bytes) -> bytes:
    """A TIFF file of one strip of grey pixels."""
    layout = tiff.Layout(byte_order="<", big=False)
    fields = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 277: 1, 278: height}
    entries = tuple(_long(tag, value, layout) for tag, value in fields.items())
    run = tiff.Run(tiff.STRIP_OFFSETS, tiff.STRIP_BYTE_COUNTS, (data,))
    return tiff.serialise(tiff.TiffFile(layout=layout, ifds=(tiff.Ifd(entries, (run,)),)))


def _long(tag: int, value: int, layout: tiff.Layout) -> tiff.Entry:
    return tiff.Entry(tag, tiff.LONG, 1, layout.pack("I", value))


def _decode_with_pillow(ifd: tiff.Ifd, layout: tiff.Layout, page: PageFormat) -> Pixels:
    """8-bit grey or RGB of the variants that Pillow knows."""
    entries = tuple(entry for entry in ifd.entries if entry.tag in _CODING)
    alone = tiff.Ifd(entries, tuple(run for run in ifd.runs if run.offsets_tag != 513))
    data = tiff.serialise(tiff.TiffFile(layout=layout, ifds=(alone,)))
    with decoding():
        image: Image.Image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
        image.load()
    mode = "L" if page.samples_seen == 1 else "RGB"
    known = {"1", "L"} if mode == "L" else {"L", "P", "RGB"}
    if image.mode not in known or image.size != (page.width, page.height):
        raise _unsupported(f"has {image.mode} pixels in this compression")
    pixels = np.asarray(image.convert(mode))
    return cast("Pixels", np.atleast_3d(pixels))


def view(samples: Pixels, page: PageFormat) -> Pixels:
    """What is handed out of (H, W, S) samples: (H, W), (H, W, 3) or (H, W, 4)."""
    seen = samples[..., 0] if page.samples_seen == 1 else samples[..., : page.samples_seen]
    if page.direct and page.photometric in {_MIN_IS_WHITE, _CMYK}:
        seen = np.iinfo(seen.dtype).max - seen
    return seen


def stored(seen: Pixels, page: PageFormat, originals: Pixels | None) -> Pixels:
    """The (H, W, S) samples that are seen as ``seen``; the unseen ones come from ``originals``."""
    samples = cast("Pixels", np.atleast_3d(seen))
    if page.direct and page.photometric in {_MIN_IS_WHITE, _CMYK}:
        samples = np.iinfo(samples.dtype).max - samples
    if originals is not None:
        rest = originals[..., page.samples_seen :]
        samples = cast("Pixels", np.concatenate([samples, rest], axis=2))
    return samples


def encode(samples: Pixels, ifd: tiff.Ifd, layout: tiff.Layout, page: PageFormat) -> tiff.Ifd:
    """``ifd`` with (H, W, S) ``samples`` in strips; its other fields are kept.

    The compression stays where it loses nothing, and becomes deflate elsewhere.
    """
    lossless = page.direct and page.compression != _OLD_DEFLATE
    compression = page.compression if lossless else _DEFLATE
    predictor = page.predictor if page.direct else _HORIZONTAL
    if compression in {_NONE, _PACKBITS}:
        predictor = 1
    height, _, count = samples.shape
    row_bytes = samples[0].nbytes
    rows = max(1, min(height, _STRIP_BYTES // row_bytes))
    strips = tuple(
        _packed(samples[top : top + rows], layout, compression, predictor)
        for top in range(0, height, rows)
    )
    bits = 8 * samples.dtype.itemsize
    entries = [
        tiff.Entry(258, tiff.SHORT, count, layout.pack("H", *[bits] * count)),
        *(
            tiff.Entry(tag, tiff.SHORT, 1, layout.pack("H", value))
            for tag, value in (
                (259, compression),
                (262, page.photometric if page.direct else 1 if count == 1 else 2),
                (277, count),
                (284, 1),
                (317, predictor),
            )
            if (tag, value) != (317, 1)  # the default, which compressions without one do not know
        ),
        _long(278, rows, layout),
    ]
    kept = _SIZE | _SAMPLE_MEANING if page.direct else _SIZE
    changed = ifd.with_entries(entries, without=_CODING - kept)
    runs = [run for run in ifd.runs if run.offsets_tag not in {tiff.STRIP_OFFSETS, 324}]
    runs.append(tiff.Run(tiff.STRIP_OFFSETS, tiff.STRIP_BYTE_COUNTS, strips))
    return tiff.Ifd(changed.entries, tuple(runs), changed.sub_ifds)


def _packed(samples: Pixels, layout: tiff.Layout, compression: int, predictor: int) -> bytes:
    """One strip's bytes."""
    if predictor == _HORIZONTAL:
        differences = samples.copy()
        differences[:, 1:] -= samples[:, :-1]
        samples = differences
    ordered = samples.astype(f"{layout.byte_order}u{samples.dtype.itemsize}", copy=False)
    raw = np.ascontiguousarray(ordered).view(np.uint8).reshape(samples.shape[0], -1)
    if compression == _NONE:
        return raw.tobytes()
    if compression == _DEFLATE:
        return zlib.compress(raw.tobytes())
    buffer = io.BytesIO()
    with encoding(MediaType.TIFF):
        Image.fromarray(raw).save(
            buffer, "TIFF", compression=_PILLOW_NAMES[compression], strip_size=2 * raw.nbytes
        )
    run = tiff.parse(buffer.getvalue()).ifds[0].run(tiff.STRIP_OFFSETS)
    if run is None or len(run.pieces) != 1:
        raise UnsupportedMediaError("the TIFF strip could not be compressed")
    return run.pieces[0]
