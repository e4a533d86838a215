"""HEIC, through pillow-heif (``ai-labeler[heic]``): 8 and 10 bits, still pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from labeler.codec.pixels import Pixels
from labeler.containers import heif
from labeler.containers.damage import damaged
from labeler.errors import MissingExtraError, UnsupportedMediaError
from labeler.media.heif_primary import Coding, read_coding, turns, with_primary
from labeler.media.interface import Limits, decoding, encoding, require_like
from labeler.media.media_type import MediaType

__all__ = ["HeicCodec"]

# 45 to 50 dB to the given pixels; x265 is nearly lossless at 90.
_QUALITY: Final = 75
_MOST_BITS: Final = 10


class HeicCodec:
    """A HEIC picture; frames are as stored, before the rotations that the file asks for."""

    media_type = MediaType.HEIC
    frame_count = 1

    def __init__(self, data: bytes, limits: Limits) -> None:
        _pillow_heif()
        self._data = data
        self._file = heif.parse(data)
        self._coding = read_coding(self._file)
        limits.check(self._coding.width, self._coding.height)
        self.width, self.height = self._coding.cropped

    def frames(self) -> Iterator[Pixels]:
        """The one frame."""
        with decoding():
            opened = _pillow_heif().open_heif(io.BytesIO(self._data), convert_hdr_to_8bit=False)
            pixels = _array(opened)
        if self._coding.chroma == "4:0:0":
            pixels = pixels[..., 0]
        for kind, amount in reversed(turns(self._file)):  # libheif has applied them
            pixels = np.rot90(pixels, -amount) if kind == "rotate" else np.flip(pixels, amount)
        if pixels.shape[:2] != (self.height, self.width):
            raise damaged("the HEIC picture has another size than its header says")
        yield cast("Pixels", np.ascontiguousarray(pixels))

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The HEIC with the one frame in ``frames``; its alpha stays as coded in the source."""
        self._refuse_unwritable(self._coding)
        (frame,) = frames
        shape = (self.height, self.width, *self._channels())
        dtype = np.uint8 if self._coding.bits == 8 else np.uint16
        require_like(frame, shape=shape, dtype=dtype)
        colours = np.ascontiguousarray(frame[..., :3]) if frame.ndim == 3 else frame
        mode = ("RGB" if frame.ndim == 3 else "L") + (";16" if dtype is np.uint16 else "")
        library = _pillow_heif()
        buffer = io.BytesIO()
        with encoding(MediaType.HEIC):
            image = library.from_bytes(mode, (frame.shape[1], frame.shape[0]), colours.tobytes())
            chroma = self._coding.chroma.replace(":", "")
            options = {} if mode.startswith("L") else {"chroma": chroma}
            image.save(buffer, quality=_QUALITY, **options)
        coded = heif.parse(buffer.getvalue())
        return with_primary(self._file, coded, keeps_crop=False)

    def _channels(self) -> tuple[int, ...]:
        if self._coding.chroma == "4:0:0":
            return ()
        has_alpha = any(
            prop.type == b"auxC" and (b":alpha" in prop.raw or b":auxid:1" in prop.raw)
            for number in self._file.sources(b"auxl", self._file.primary_id)
            for prop in self._file.item(number).properties
        )
        return (4,) if has_alpha else (3,)

    def _refuse_unwritable(self, coding: Coding) -> None:
        if coding.bits > _MOST_BITS:
            what = f"has {coding.bits} bits a sample"
        elif self._file.has_track:
            what = "holds a sequence"
        else:
            return
        raise UnsupportedMediaError(
            f"the HEIC file {what}, which Labeler reads but does not write",
            hint="Convert it to PNG or TIFF first",
        )


def _array(opened: Any) -> NDArray[np.uint8 | np.uint16]:
    """A copy of the pixels of an opened file.

    Arrays that older versions give ignore the padding of rows, and die with the file.
    """
    width, height = opened.size
    letters, _, deep = opened.mode.partition(";")
    rows = np.frombuffer(opened.data, np.uint8).reshape(-1, opened.stride)[:height]
    dtype = np.dtype(np.uint16 if deep else np.uint8)
    used = rows[:, : width * len(letters) * dtype.itemsize].copy()
    return used.view(dtype).reshape(height, width, len(letters))


def _pillow_heif() -> ModuleType:
    """The optional package.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import pillow_heif  # noqa: PLC0415 - optional, and slow to import
    except ImportError as exc:
        raise MissingExtraError(
            "HEIC needs the package pillow-heif",
            hint="Install it with: pip install 'ai-labeler[heic]'",
        ) from exc
    return pillow_heif
