"""Which format a file has, told by its content and never by its name."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from labeler.errors import UnreadableMediaError, UnsupportedMediaError

__all__ = ["MediaKind", "MediaType", "check_name", "sniff"]

# How much of a file `sniff` looks at, bytes.
_HEAD_BYTES: Final = 4096


class MediaKind(StrEnum):
    """What a person perceives in a file; also the first half of its IANA media type."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TEXT = "text"


class MediaType(StrEnum):
    """A format that Labeler handles; the value is its IANA media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    """PNG, animated PNG (APNG) included."""
    WEBP = "image/webp"
    AVIF = "image/avif"
    HEIC = "image/heic"
    TIFF = "image/tiff"
    GIF = "image/gif"

    @property
    def kind(self) -> MediaKind:
        """What a person perceives in it."""
        return MediaKind(self.value.partition("/")[0])

    @property
    def label(self) -> str:
        """The format's name in sentences: ``"JPEG"``."""
        return "WebP" if self is MediaType.WEBP else self.name

    @property
    def extensions(self) -> tuple[str, ...]:
        """File name extensions in use, lower case with their dot, the preferred one first."""
        return _EXTENSIONS[self]

    @property
    def extension(self) -> str:
        """The preferred file name extension: ``".jpg"``."""
        return _EXTENSIONS[self][0]


_EXTENSIONS: Final = {
    MediaType.JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"),
    MediaType.PNG: (".png", ".apng"),
    MediaType.WEBP: (".webp",),
    MediaType.AVIF: (".avif", ".avifs"),
    MediaType.HEIC: (".heic", ".heif", ".hif", ".heics", ".heifs"),
    MediaType.TIFF: (".tif", ".tiff"),
    MediaType.GIF: (".gif",),
}

# What an extension promises that is no `MediaType`; extensions found in neither table promise
# nothing (".bin", ".tmp", the hash at the end of a cache's file name).
_OTHER_EXTENSIONS: Final = {
    ".aac": "AAC", ".aiff": "AIFF", ".avi": "AVI", ".bmp": "BMP", ".cr2": "camera raw",
    ".cr3": "camera raw", ".arw": "camera raw", ".dng": "camera raw", ".nef": "camera raw",
    ".docx": "Word", ".exr": "OpenEXR", ".flac": "FLAC", ".gz": "gzip", ".html": "HTML",
    ".ico": "icon", ".j2k": "JPEG 2000", ".jp2": "JPEG 2000", ".json": "JSON", ".jxl": "JPEG XL",
    ".m4a": "MPEG-4 audio", ".m4v": "MP4", ".mkv": "Matroska", ".mov": "QuickTime", ".mp3": "MP3",
    ".mp4": "MP4", ".ogg": "Ogg", ".opus": "Ogg", ".pdf": "PDF", ".psd": "Photoshop",
    ".svg": "SVG", ".tga": "TGA", ".txt": "text", ".wav": "WAV", ".webm": "WebM", ".xml": "XML",
    ".zip": "ZIP",
}  # fmt: skip

_SUPPORTED: Final = "Labeler handles " + ", ".join(kind.label for kind in MediaType)
_CONVERT: Final = "Convert it to one of JPEG, PNG, WebP, AVIF or TIFF first"

# ISO base media file format: brand → format (ISO/IEC 23008-12 B.4, AV1 image file format 1.1 6).
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
)

# Signatures at the file's start of the formats handled (PNG 3, GIF89a 17, TIFF 6.0 section 2).
_HANDLED: Final = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"II*\0", MediaType.TIFF),
    (b"MM\0*", MediaType.TIFF),
    (b"II+\0", MediaType.TIFF),
    (b"MM\0+", MediaType.TIFF),
)

# Signatures of formats that are only recognised, so that the error can name them.
_FOREIGN: Final = (
    (b"%PDF-", "a PDF document", "Export its pages as pictures first"),
    (b"PK\x03\x04", "a ZIP archive or an Office document", "Unpack it first"),
    (b"PK\x05\x06", "an empty ZIP archive", None),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first"),
    (b"BM", "a BMP picture", _CONVERT),
    (b"\0\0\x01\0", "an icon (ICO)", _CONVERT),
    (b"8BPS", "a Photoshop document", _CONVERT),
    (b"\xff\x0a", "a JPEG XL picture", _CONVERT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", _CONVERT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", _CONVERT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _CONVERT),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", _CONVERT),
    (b"#?RADIANCE", "a Radiance HDR picture", _CONVERT),
    (b"qoif", "a QOI picture", _CONVERT),
    (b"FUJIFILMCCD-RAW", "a camera raw file", _CONVERT),
    (b"IIRO", "a camera raw file", _CONVERT),
    (b"IIU\0", "a camera raw file", _CONVERT),
    (b"\x8aMNG\r\n\x1a\n", "an MNG animation", None),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video", None),
    (b"OggS", "Ogg audio or video", None),
    (b"fLaC", "FLAC audio", None),
    (b"ID3", "MP3 audio", None),
    (b"\xff\xfb", "MP3 audio", None),
    (b"\x7fELF", "a program", None),
    (b"MZ", "a program", None),
)  # fmt: skip

_RIFF_FORMS: Final = {b"WAVE": "WAV audio", b"AVI ": "an AVI video"}


def sniff(data: bytes, *, name: str) -> MediaType:
    """The format of ``data``, told by its first bytes.

    Args:
        data: The file's content; its first 4096 bytes are enough.
        name: The name that errors give to the file; it has no influence on the result.

    Raises:
        UnreadableMediaError: ``data`` is empty or begins with nothing but zeros.
        UnsupportedMediaError: It is of a format that Labeler does not handle.
    """
    head = bytes(data[:_HEAD_BYTES])
    if not head:
        raise UnreadableMediaError("the file is empty", hint="Copy or download it again", file=name)
    for signature, media_type in _HANDLED:
        if head.startswith(signature):
            return media_type
    for probe in _PROBES:
        found = probe(head)
        if isinstance(found, MediaType):
            return found
        if found is not None:
            raise UnsupportedMediaError(
                f"the file is {found[0]}", hint=found[1] or _SUPPORTED, file=name
            )
    if not head.strip(b"\0"):
        raise UnreadableMediaError(
            "the file begins with nothing but zero bytes",
            hint="A copy or download was probably cut short; get the file again",
            file=name,
        )
    raise UnsupportedMediaError(
        "the file has no format that Labeler recognises", hint=_SUPPORTED, file=name
    )


def check_name(media_type: MediaType, name: str) -> None:
    """Refuse a name whose extension promises another format than the content has.

    A name without extension, or with one that promises nothing (``.bin``), passes.

    Args:
        media_type: What `sniff` said.
        name: The file's name or path.

    Raises:
        UnreadableMediaError: The extension is that of another format.
    """
    path = PurePath(name)
    extension = path.suffix.lower()
    promised = _promise(extension)
    if promised is None or promised == media_type.label:
        return
    raise UnreadableMediaError(
        f"the name says {promised} ({extension}), but the content is {media_type.label}",
        hint=f"Rename it to {path.with_suffix(media_type.extension).name}, "
        "or find out what happened to the file",
        file=name,
    )


def _promise(extension: str) -> str | None:
    for media_type, extensions in _EXTENSIONS.items():
        if extension in extensions:
            return media_type.label
    return _OTHER_EXTENSIONS.get(extension)


_Foreign = tuple[str, str | None]


def _probe_riff(head: bytes) -> MediaType | _Foreign | None:
    if head[:4] != b"RIFF" or len(head) < 12:
        return None
    form = head[8:12]
    if form == b"WEBP":
        return MediaType.WEBP
    return (_RIFF_FORMS.get(form, "a RIFF file that holds no WebP picture"), None)


def _probe_bmff(head: bytes) -> MediaType | _Foreign | None:
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    # The major brand, then the compatible ones behind the minor version (ISO/IEC 14496-12 4.3).
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return MediaType.AVIF
        if brand in _HEIC_BRANDS:
            return MediaType.HEIC
    if brands[0] in {b"mif1", b"msf1"}:
        return ("a HEIF picture with neither HEVC nor AV1 in it", _CONVERT)
    if brands[0] == b"crx ":
        return ("a camera raw file", _CONVERT)
    return ("an MP4 or QuickTime file", None)


def _probe_foreign(head: bytes) -> _Foreign | None:
    for signature, description, hint in _FOREIGN:
        if head.startswith(signature):
            return (description, hint)
    return None


def _probe_text(head: bytes) -> _Foreign | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return (
            "an HTML page",
            "An error page may have been saved in place of a picture; download it again",
        )
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        return ("an SVG drawing", "Export it as PNG first")
    if text.startswith((b"<?xml", b"{", b"[")):
        return ("a text file (XML or JSON)", None)
    return None


_PROBES: Final[tuple[Callable[[bytes], MediaType | _Foreign | None], ...]] = (
    _probe_riff,
    _probe_bmff,
    _probe_foreign,
    _probe_text,
)
