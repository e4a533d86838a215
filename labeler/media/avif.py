"""AVIF, still and animated: 8 bits are written, more are read."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Final, cast

import numpy as np
from PIL import AvifImagePlugin, ExifTags, Image

from labeler.codec.pixels import Pixels
from labeler.containers import heif, tiff
from labeler.containers.damage import damaged
from labeler.containers.heif_layout import with_inline_track_items
from labeler.errors import LabelerError, UnsupportedMediaError
from labeler.media import avif_sequence
from labeler.media.heif_primary import read_coding, turns, with_primary
from labeler.media.interface import Limits, decoding, encoding, require_like
from labeler.media.media_type import MediaType

__all__ = ["AvifCodec"]

# The file is 1.2 to 2 times as large as one of quality 80 was, and at most 0.6 dB farther from the
# source than at 95, which makes 1.5 to 2.9 times.
_QUALITY: Final = 90
_PROFILES: Final = frozenset({b"prof", b"rICC"})


class AvifCodec:
    """An AVIF; frames are as stored, before the rotations that the file asks for."""

    media_type = MediaType.AVIF

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._file = heif.parse(data)
        self._coding = read_coding(self._file)
        limits.check(self._coding.width, self._coding.height)
        opened = self._opened()
        self.width, self.height = opened.size
        self.frame_count = opened.n_frames
        self._mode = opened.mode
        limits.check(self.width, self.height, frames=self.frame_count)

    def _opened(self) -> AvifImagePlugin.AvifImageFile:
        with decoding():
            return AvifImagePlugin.AvifImageFile(io.BytesIO(self._data))

    def frames(self) -> Iterator[Pixels]:
        """The frames, in 8 bits."""
        image = self._opened()
        for number in range(self.frame_count):
            with decoding():
                image.seek(number)
                image.load()
                pixels = np.asarray(image)
            if pixels.shape[:2] != (self.height, self.width):
                raise damaged("a frame of the AVIF has another size than its header says")
            yield self._view(pixels)

    def _view(self, pixels: Pixels) -> Pixels:
        """Pictures without colour as grey; their alpha is kept aside."""
        if self._coding.chroma == "4:0:0" and pixels.ndim == 3:
            return cast("Pixels", np.ascontiguousarray(pixels[..., 0]))
        return pixels

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The AVIF with ``frames``; alpha of a still picture stays as coded in the source."""
        self._refuse_unwritable()
        images = (self._image(frame) for frame in frames)
        if self._file.has_track:
            return self._encode_sequence(list(images))
        (image,) = images
        buffer = io.BytesIO()
        with encoding(MediaType.AVIF):
            image.save(buffer, "AVIF", quality=_QUALITY, subsampling=self._coding.chroma)
        return with_primary(self._file, heif.parse(buffer.getvalue()), keeps_crop=True)

    def _refuse_unwritable(self) -> None:
        if self._coding.bits > 8:
            what = f"has {self._coding.bits} bits a sample"
        elif self._file.has_track and self._mode == "RGBA":
            what = "is an animation with transparency"
        elif self._file.has_track and (turns(self._file) or _is_turned(self._exif())):
            # Pillow 13 crashes on orientations of animations.
            what = "is an animation that is shown rotated"
        else:
            return
        raise UnsupportedMediaError(
            f"the AVIF file {what}, which Labeler reads but cannot write without loss",
            hint="Convert it to PNG first",
        )

    def _image(self, frame: Pixels) -> Image.Image:
        shape: tuple[int, ...] = (self.height, self.width)
        if self._coding.chroma != "4:0:0" and self._mode != "L":
            shape = (*shape, len(self._mode))
        require_like(frame, shape=shape, dtype=np.uint8)
        colours = frame[..., :3] if frame.ndim == 3 else frame
        return Image.fromarray(np.ascontiguousarray(colours))

    def _encode_sequence(self, images: list[Image.Image]) -> bytes:
        timing = avif_sequence.read_timing(self._file)
        if len(timing.durations) != self.frame_count:
            raise damaged("the AVIF animation's table of durations does not match its frames")
        profile = next(
            (p.raw[12:] for p in self._file.primary.properties if p.raw[8:12] in _PROFILES), None
        )
        buffer = io.BytesIO()
        with encoding(MediaType.AVIF):
            images[0].save(
                buffer,
                "AVIF",
                save_all=True,
                append_images=images[1:],
                # In units of the source's time scale, which `with_timing` sets afterwards.
                duration=list(timing.durations),
                quality=_QUALITY,
                subsampling=self._coding.chroma,
                icc_profile=profile,
                exif=_StoredExif(self._exif()),
                xmp=self._metadata(b"mime"),
            )
        return with_inline_track_items(avif_sequence.with_timing(buffer.getvalue(), timing))

    def _exif(self) -> bytes:
        """The Exif block, behind the offset that its item begins with."""
        return self._metadata(b"Exif")[4:]

    def _metadata(self, kind: bytes) -> bytes:
        """Content of the Exif or XMP item; empty where there is none."""
        for item in self._file.items:
            if item.type == kind and item.content_type in {b"", b"application/rdf+xml"}:
                return self._file.content(item)
        return b""


class _StoredExif(Image.Exif):
    """Exif bytes that Pillow writes as they are; given bytes, it would write them its own way."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._raw = raw

    def __contains__(self, tag: object) -> bool:
        return False  # Pillow looks for the orientation only, to take it out

    def __len__(self) -> int:
        return len(self._raw)

    def tobytes(self, offset: int = 8) -> bytes:  # noqa: ARG002 - the interface of the base class
        """The bytes as stored."""
        return self._raw


def _is_turned(exif: bytes) -> bool:
    """Whether Exif asks for a rotation, or cannot be read."""
    if not exif:
        return False
    try:
        first = tiff.parse(exif.removeprefix(b"Exif\0\0"), with_runs=False)
    except LabelerError:
        return True
    entries = [ifd.get(ExifTags.Base.Orientation) for ifd in first.ifds]
    return any(entry is not None and entry.numbers(first.layout) != (1,) for entry in entries)
