"""TIFF and BigTIFF: every page with all its bits, every other field carried over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from labeler.codec.pixels import Pixels
from labeler.containers import tiff
from labeler.errors import UnsupportedMediaError
from labeler.media import orientation, tiff_page
from labeler.media.interface import Limits, require_like
from labeler.media.media_type import MediaType

__all__ = ["TiffCodec"]

_NEW_SUBFILE_TYPE: Final = 254
_SUBFILE_TYPE: Final = 255
_DNG_VERSION: Final = 50706
# Field of the C2PA manifest (C2PA 2.4, A.3.6).
_C2PA: Final = 0xCD41
_REDUCED_OR_MASK: Final = 0b101


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that is a whole picture."""

    ifd: tiff.Ifd
    format: tiff_page.PageFormat


class TiffCodec:
    """A TIFF of one or more pages.

    Directories that hold a smaller copy of a page or a mask are no pages: they are carried over.
    """

    media_type = MediaType.TIFF

    def __init__(self, data: bytes, limits: Limits) -> None:
        file = tiff.parse(data)
        self._layout = file.layout
        self._parts = [self._part(ifd) for ifd in map(_without_manifest, file.ifds) if ifd]
        pages = [part for part in self._parts if isinstance(part, _Page)]
        if not pages:
            raise UnsupportedMediaError(
                "the TIFF file holds no whole picture, only previews",
                hint="It may be a camera's raw file: develop or convert it first",
            )
        self.width, self.height = pages[0].format.width, pages[0].format.height
        self.frame_count = len(pages)
        for page in pages:
            limits.check(page.format.width, page.format.height)
        total = sum(page.format.width * page.format.height for page in pages)
        limits.check_total(total)

    def _part(self, ifd: tiff.Ifd) -> _Page | tiff.Ifd:
        if ifd.get(_DNG_VERSION) is not None:
            raise UnsupportedMediaError(
                "the TIFF file is a camera's raw file (DNG)", hint="Develop or convert it first"
            )
        kind = ifd.get(_NEW_SUBFILE_TYPE)
        if kind is not None and any(n & _REDUCED_OR_MASK for n in kind.numbers(self._layout)):
            return ifd
        old_kind = ifd.get(_SUBFILE_TYPE)
        if old_kind is not None and 2 in old_kind.numbers(self._layout):
            return ifd
        return _Page(ifd, tiff_page.read_format(ifd, self._layout))

    def frames(self) -> Iterator[Pixels]:
        """The pages."""
        for part in self._parts:
            if isinstance(part, _Page):
                samples = tiff_page.decode(part.ifd, self._layout, part.format)
                yield tiff_page.view(samples, part.format)

    @property
    def orientations(self) -> tuple[int, ...]:
        """How viewers turn each page, 1 to 8 (TIFF 6.0, section 8, Orientation)."""
        return tuple(
            orientation.of_page(part.ifd, self._layout)
            for part in self._parts
            if isinstance(part, _Page)
        )

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The TIFF with ``frames`` as its pages."""
        incoming = iter(frames)
        ifds = [
            self._encoded(part, incoming) if isinstance(part, _Page) else part
            for part in self._parts
        ]
        for _ in incoming:  # lets a check behind the last frame run
            pass
        return tiff.serialise(tiff.TiffFile(layout=self._layout, ifds=tuple(ifds)))

    def _encoded(self, page: _Page, frames: Iterator[Pixels]) -> tiff.Ifd:
        seen = next(frames, None)
        if seen is None:
            raise ValueError("there are fewer frames than pages")
        form = page.format
        shape: tuple[int, ...] = (form.height, form.width)
        if form.samples_seen > 1:
            shape = (*shape, form.samples_seen)
        require_like(seen, shape=shape, dtype=form.dtype)
        originals = None
        if form.direct and form.samples > form.samples_seen:
            originals = tiff_page.decode(page.ifd, self._layout, form)
        samples = tiff_page.stored(seen, form, originals)
        return tiff_page.encode(samples, page.ifd, self._layout, form)


def _without_manifest(ifd: tiff.Ifd) -> tiff.Ifd | None:
    """The directory without a C2PA manifest; None if it held nothing else."""
    if ifd.get(_C2PA) is None:
        return ifd
    rest = tuple(entry for entry in ifd.entries if entry.tag != _C2PA)
    is_picture = any(entry.tag == 256 for entry in rest)
    return replace(ifd, entries=rest) if is_picture else None
