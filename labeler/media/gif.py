"""GIF: frames as whole canvases, written back with palettes of their own."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from labeler.codec.pixels import Pixels
from labeler.containers import gif
from labeler.containers.damage import damaged
from labeler.containers.gif import Block, BlockKind
from labeler.errors import UnreadableMediaError
from labeler.media.apng import changed_box
from labeler.media.interface import Limits, decoding, encoding, require_like
from labeler.media.media_type import MediaType
from labeler.media.quantise import quantise

__all__ = ["GifCodec"]

_C2PA: Final = b"C2PA_GIF"
_DISPOSE_LEAVE: Final = 1
_DISPOSE_CLEAR: Final = 2
_COLOURS: Final = 256


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a frame stands among the blocks."""

    control: bytes | None
    """Its graphic control extension."""
    image: Block
    """Descriptor, palette and pixels."""


class GifCodec:
    """A GIF, still or animated; 8 bits of palette a frame."""

    media_type = MediaType.GIF

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._file = gif.parse(data)
        self._parts = _parts(self._file.blocks)
        frames = [part for part in self._parts if isinstance(part, _Frame)]
        self.width, self.height = self._file.width, self._file.height
        self.frame_count = len(frames)
        limits.check(self.width, self.height, frames=self.frame_count)
        for frame in frames:
            right, bottom = _extent(frame.image)
            if right > self.width or bottom > self.height:
                raise UnreadableMediaError(
                    "a frame of the GIF is larger than its canvas",
                    hint="Open and save it with an image editor first",
                )
        covered = _extent(frames[0].image) == (self.width, self.height)
        covered = covered and frames[0].image.raw[1:5] == bytes(4)
        flags = (frame.control[3] if frame.control else 0 for frame in frames)
        self._channels = 4 if not covered or any(flag & 1 for flag in flags) else 3

    def frames(self) -> Iterator[Pixels]:
        """The frames as whole canvases: RGBA where anything may be transparent, else RGB."""
        with decoding():
            image = GifImagePlugin.GifImageFile(io.BytesIO(self._data))
        mode = "RGBA" if self._channels == 4 else "RGB"
        for number in range(self.frame_count):
            with decoding():
                image.seek(number)
                pixels = np.asarray(image.convert(mode))
            if pixels.shape[:2] != (self.height, self.width):
                raise damaged("a frame of the GIF has another size than its canvas")
            yield pixels

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The GIF with ``frames``, each quantised to 256 colours."""
        canvases = self._checked(frames)
        current = next(canvases)
        before: Pixels | None = None
        blocks: list[Block] = []
        for part in self._parts:
            if isinstance(part, Block):
                blocks.append(part)
                continue
            # Whether this frame must be cleared away is decided by the one that follows it.
            following = next(canvases, None)
            clear = following is not None and _uncovers(current, following)
            blocks += _encoded(part, before, current, clear=clear)
            before = None if clear else current
            current = current if following is None else following
        return gif.serialise(self._file.head, blocks)

    def _checked(self, frames: Iterable[Pixels]) -> Iterator[Pixels]:
        for frame in frames:
            require_like(frame, shape=(self.height, self.width, self._channels), dtype=np.uint8)
            yield frame


def _parts(blocks: Iterable[Block]) -> list[Block | _Frame]:
    """Frames with their controls, and the blocks around them without a C2PA manifest."""
    parts: list[Block | _Frame] = []
    control: Block | None = None
    for block in blocks:
        if block.kind is BlockKind.GRAPHIC_CONTROL and len(block.raw) == 8:
            control = block
        elif block.kind is BlockKind.IMAGE:
            parts.append(_Frame(control.raw if control else None, block))
            control = None
        elif block.application[:8] != _C2PA:
            if block.kind is BlockKind.PLAIN_TEXT and control is not None:
                parts.append(control)
                control = None
            parts.append(block)
    return parts


def _extent(image: Block) -> tuple[int, int]:
    """Right and bottom end of a frame on the canvas."""
    x, y, width, height = (int.from_bytes(image.raw[at : at + 2], "little") for at in (1, 3, 5, 7))
    return x + width, y + height


def _uncovers(current: Pixels, following: Pixels) -> bool:
    """Whether some pixel turns transparent: only clearing the canvas can do that."""
    if current.shape[2] == 3:
        return False
    return bool(np.any((current[..., 3] > 127) & (following[..., 3] <= 127)))


def _encoded(frame: _Frame, before: Pixels | None, after: Pixels, *, clear: bool) -> list[Block]:
    """Control and image block that turn the canvas ``before`` into ``after``.

    ``before`` is None where the canvas is empty.
    """
    height, width = after.shape[:2]
    visible = np.ones((height, width), bool) if after.shape[2] == 3 else after[..., 3] > 127
    x, y = 0, 0
    if before is not None:
        visible &= (before != after).any(axis=2)
        if not clear:  # a frame that is cleared afterwards must cover what it clears
            x, y, width, height = changed_box(before, after)
    area = (slice(y, y + height), slice(x, x + width))
    drawn = visible[area]
    has_holes = not drawn.all()
    indices = np.zeros((height, width), np.uint8)
    palette = np.zeros((1, 3), np.uint8)
    if drawn.any():
        limit = _COLOURS - has_holes
        colours = after[area][..., :3][drawn].astype(np.uint8, copy=False)
        palette, indices[drawn] = quantise(colours, limit=limit)
    transparent = len(palette) if has_holes else None
    if transparent is not None:
        indices[~drawn] = transparent
    image = _image_block((x, y, width, height), palette, indices)
    if frame.control is None and transparent is None and not clear:
        return [image]
    return [_control(frame.control, transparent, clear=clear), image]


def _control(stored: bytes | None, transparent: int | None, *, clear: bool) -> Block:
    """A graphic control extension with the delay and input flag of the stored one."""
    stored = stored or bytes(8)
    dispose = _DISPOSE_CLEAR if clear else _DISPOSE_LEAVE
    flags = stored[3] & 0b10 | dispose << 2 | (transparent is not None)
    body = bytes([flags]) + stored[4:6] + bytes([transparent or 0])
    return Block(BlockKind.GRAPHIC_CONTROL, b"\x21\xf9\x04" + body + b"\0")


def _image_block(
    box: tuple[int, int, int, int], palette: NDArray[np.uint8], indices: NDArray[np.uint8]
) -> Block:
    """An image descriptor with a palette of 256 colours, and the compressed indices."""
    buffer = io.BytesIO()
    with encoding(MediaType.GIF):
        # As grey levels the indices are compressed as they are, without a palette's sorting.
        Image.fromarray(indices).save(buffer, "GIF", interlace=0, optimize=False)
    written = gif.parse(buffer.getvalue())
    raw = next(block.raw for block in written.blocks if block.kind is BlockKind.IMAGE)
    data = raw[10 + (3 << (raw[9] & 7) + 1 if raw[9] & 0x80 else 0) :]
    table = np.zeros((_COLOURS, 3), np.uint8)
    table[: len(palette)] = palette
    position = b"".join(number.to_bytes(2, "little") for number in box)
    return Block(BlockKind.IMAGE, b"\x2c" + position + b"\x87" + table.tobytes() + data)
