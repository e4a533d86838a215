"""The pixels of one PNG picture: decoded to arrays with all their bits, and encoded again.

Pillow does 8 bits, and 16 bits of grey. It would cut 16-bit colour down to 8, so OpenCV decodes
those, and a small encoder writes them.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from labeler.codec.pixels import Pixels
from labeler.containers import png
from labeler.containers.damage import damaged
from labeler.media.interface import decoding

__all__ = ["Colours", "decode", "encode", "sample_bits"]

# zlib's own default: at 9 a photograph takes three times as long and shrinks by 2 %.
_COMPRESSION_LEVEL: Final = 6
# Rows that are filtered together, as bytes: bounds the memory of the 16-bit encoder.
_BAND_BYTES: Final = 1 << 22


class Colours:
    """What PLTE and tRNS say: the colours that pixel values stand for.

    Args:
        header: The file's header.
        chunks: Its chunks.
    """

    def __init__(self, header: png.Header, chunks: tuple[png.Chunk, ...]) -> None:
        found = {chunk.type: chunk.data for chunk in chunks if chunk.type in {b"PLTE", b"tRNS"}}
        self._type = header.colour_type
        self._depth = header.bit_depth
        self._transparency = found.get(b"tRNS")
        self._palette = found.get(b"PLTE", b"")
        if self._type == 3 and (not self._palette or len(self._palette) % 3):
            raise damaged("the PNG has no palette, or a broken one")
        if self._type in {4, 6}:
            self._transparency = None
        expected = {0: 2, 2: 6}.get(self._type)
        if self._transparency is not None and expected not in {None, len(self._transparency)}:
            raise damaged("the PNG's transparent colour has the wrong length")

    @property
    def has_alpha(self) -> bool:
        """Whether pixels may be transparent."""
        return self._type in {4, 6} or self._transparency is not None

    @property
    def is_grey(self) -> bool:
        """Whether pixels have no colour."""
        return self._type in {0, 4}

    def expand(self, stored: Pixels) -> Pixels:
        """Pixels (H, W) or (H, W, C) as stored, with palette and transparent colour resolved."""
        if self._type == 3:
            return self._table()[stored]
        if self._transparency is None:
            return stored
        stated = np.frombuffer(self._transparency, ">u2").astype(np.int64)
        # Decoded pixels have the whole range of their type already; the key has the file's depth.
        full, own = np.iinfo(stored.dtype).max, (1 << self._depth) - 1
        key = (stated & own) * (full // own)
        matches = np.all(np.atleast_3d(stored) == key, axis=2)
        alpha = np.where(matches, 0, full).astype(stored.dtype)
        return cast("Pixels", np.dstack([stored, alpha]))

    def _table(self) -> NDArray[np.uint8]:
        """(256, 3) or (256, 4) colours by index; indices without a colour are black."""
        table = np.zeros((256, 4), np.uint8)
        table[:, 3] = 255
        colours = np.frombuffer(self._palette, np.uint8)[: 3 * 256].reshape(-1, 3)
        table[: len(colours), :3] = colours
        if self._transparency is None:
            return table[:, :3]
        alphas = np.frombuffer(self._transparency, np.uint8)[:256]
        table[: len(alphas), 3] = alphas
        return table


def sample_bits(header: png.Header) -> int:
    """Bits of a sample once it is expanded: 8 or 16."""
    return 16 if header.bit_depth == 16 else 8


def decode(
    header: png.Header, colours: Colours, palette: tuple[png.Chunk, ...], coded: bytes
) -> Pixels:
    """The pixels of one picture, (H, W) grey or (H, W, 2 to 4), alpha last.

    Args:
        header: Its header: in an animation the frame's size, not the canvas's.
        colours: Palette and transparency.
        palette: The PLTE chunk, where there is one.
        coded: The joined content of its IDAT or fdAT chunks.

    Raises:
        UnreadableMediaError: ``coded`` is truncated or damaged.
    """
    chunks = [header.to_chunk(), *palette, png.Chunk(b"IDAT", coded), png.Chunk(b"IEND", b"")]
    data = png.serialise(chunks)
    if header.bit_depth == 16 and header.colour_type != 0:
        return colours.expand(_decode_deep(header, data, coded))
    with decoding():
        image: Image.Image = PngImagePlugin.PngImageFile(io.BytesIO(data))
        image.load()
        if image.mode == "1":
            image = image.convert("L")
        stored = np.asarray(image)
    if image.mode == "I;16":
        stored = stored.astype(np.uint16)
    return colours.expand(stored)


def _decode_deep(header: png.Header, data: bytes, coded: bytes) -> NDArray[np.uint16]:
    """16-bit RGB, RGBA, or grey with alpha."""
    _check_length(header, coded)
    with decoding():
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if (
        decoded is None
        or decoded.dtype != np.uint16
        or decoded.shape[:2]
        != (
            header.height,
            header.width,
        )
    ):
        raise damaged("the PNG's pixels cannot be decoded")
    channels = decoded.shape[2] if decoded.ndim == 3 else 1
    order = {2: [2, 1, 0], 6: [2, 1, 0, 3], 4: [0, channels - 1]}[header.colour_type]
    return cast("NDArray[np.uint16]", np.ascontiguousarray(decoded[..., order]))


def _check_length(header: png.Header, coded: bytes) -> None:
    """Refuse coded data that ends too early, which OpenCV would fill up with black."""
    samples = {2: 3, 4: 2, 6: 4}[header.colour_type]
    # Interlacing adds filter bytes; without them the count is a lower bound.
    expected = header.height * header.width * samples * 2
    unpacker = zlib.decompressobj()
    have = 0
    try:
        data = coded
        while data and have < expected:
            have += len(unpacker.decompress(data, _BAND_BYTES))
            data = unpacker.unconsumed_tail
    except zlib.error as exc:
        raise damaged("the PNG's compressed data is damaged") from exc
    if have < expected:
        raise damaged("the PNG ends before its last row")


def encode(pixels: Pixels) -> tuple[png.Header, bytes]:
    """One picture, (H, W) or (H, W, 2 to 4) of uint8 or uint16, as header and IDAT content."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    header = png.Header(
        width=pixels.shape[1],
        height=pixels.shape[0],
        bit_depth=8 * pixels.dtype.itemsize,
        colour_type={1: 0, 2: 4, 3: 2, 4: 6}[channels],
    )
    if pixels.dtype == np.uint16:
        return header, _encode_deep(pixels.reshape(*pixels.shape[:2], channels))
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        buffer, "PNG", compress_level=_COMPRESSION_LEVEL
    )
    chunks = png.parse(buffer.getvalue())
    written = png.Header.from_chunk(chunks[0])
    coded = b"".join(chunk.data for chunk in chunks if chunk.type == b"IDAT")
    return replace(header, bit_depth=written.bit_depth), coded


def _encode_deep(pixels: Pixels) -> bytes:
    """IDAT content of (H, W, C) uint16, filtered and compressed band by band."""
    height, width, channels = pixels.shape
    step = 2 * channels
    row_bytes = width * step
    packer = zlib.compressobj(_COMPRESSION_LEVEL)
    parts = []
    above = np.zeros(row_bytes, np.uint8)
    rows = max(1, _BAND_BYTES // row_bytes)
    for top in range(0, height, rows):
        band = np.ascontiguousarray(pixels[top : top + rows].astype(">u2"))
        raw = band.view(np.uint8).reshape(len(band), row_bytes)
        parts.append(packer.compress(_filtered(raw, above, step).tobytes()))
        above = raw[-1]
    return b"".join([*parts, packer.flush()])


def _filtered(raw: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Rows with the filter byte in front; per row the better of Sub, Up, Average and Paeth.

    Source: PNG third edition, 9.2 (the filters) and 12.7 (the rule of choice).
    """
    up = np.vstack([above[None], raw[:-1]]).astype(np.int16)
    here = raw.astype(np.int16)
    left = np.zeros_like(here)
    left[:, step:] = here[:, :-step]
    corner = np.zeros_like(here)
    corner[:, step:] = up[:, :-step]
    estimate = left + up - corner
    to_left, to_up, to_corner = (abs(estimate - near) for near in (left, up, corner))
    paeth = np.where(
        (to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner)
    )
    candidates = [(here - guess).astype(np.uint8) for guess in (left, up, (left + up) >> 1, paeth)]
    costs = [np.abs(rows.view(np.int8).astype(np.int16)).sum(axis=1) for rows in candidates]
    best = np.argmin(costs, axis=0)
    result = np.empty((raw.shape[0], 1 + raw.shape[1]), np.uint8)
    result[:, 0] = best + 1
    result[:, 1:] = np.choose(best[:, None], candidates)
    return result
