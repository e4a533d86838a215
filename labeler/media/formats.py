"""The formats that Labeler handles, and what they are called."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["MediaKind", "MediaType"]


class MediaKind(StrEnum):
    """What a person perceives in a file."""

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
    WAV = "audio/wav"
    """RIFF WAVE, and its forms for more than 4 GiB: RF64 and BW64."""
    AIFF = "audio/aiff"
    """AIFF and AIFF-C."""
    FLAC = "audio/flac"
    OGG = "audio/ogg"
    """Vorbis, Opus or FLAC in Ogg."""
    MP3 = "audio/mpeg"
    """MPEG audio, layers I to III."""
    AAC = "audio/aac"
    """AAC in ADTS frames."""
    M4A = "audio/mp4"
    """MP4 with sound and no picture track."""
    WEBM = "audio/webm"
    """WebM or Matroska with sound and no picture track."""
    MP4 = "video/mp4"
    """MP4 with a picture track."""
    MOV = "video/quicktime"
    """QuickTime with a picture track."""
    MKV = "video/x-matroska"
    """Matroska, other than WebM, with a picture track."""
    WEBM_VIDEO = "video/webm"
    """WebM with a picture track."""
    AVI = "video/x-msvideo"
    TEXT = "text/plain"
    """Text without markup; like the two below, told by the file's name too."""
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    XML = "application/xml"
    """This one and the next five are text with a syntax that has comments."""
    CSS = "text/css"
    JAVASCRIPT = "text/javascript"
    YAML = "application/yaml"
    TOML = "application/toml"
    PYTHON = "text/x-python"
    JSON = "application/json"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ODT = "application/vnd.oasis.opendocument.text"
    EPUB = "application/epub+zip"

    @property
    def kind(self) -> MediaKind:
        """What a person perceives in it."""
        major = self.value.partition("/")[0]
        return MediaKind.TEXT if major == "application" else MediaKind(major)

    @property
    def is_document(self) -> bool:
        """Whether it is text in a container (Code of Practice, glossary: containerised text)."""
        return self in _DOCUMENTS

    @property
    def label(self) -> str:
        """The format's name in sentences: ``"JPEG"``."""
        return _LABELS.get(self, self.name)

    @property
    def extensions(self) -> tuple[str, ...]:
        """File name extensions in use, lower case with their dot, the preferred one first."""
        return _EXTENSIONS[self]

    @property
    def extension(self) -> str:
        """The preferred file name extension: ``".jpg"``."""
        return _EXTENSIONS[self][0]


_LABELS: Final = {
    MediaType.WEBP: "WebP",
    MediaType.OGG: "Ogg",
    MediaType.WEBM: "WebM",
    MediaType.MOV: "QuickTime",
    MediaType.MKV: "Matroska",
    MediaType.WEBM_VIDEO: "WebM",
    MediaType.TEXT: "plain text",
    MediaType.MARKDOWN: "Markdown",
    MediaType.JAVASCRIPT: "JavaScript",
    MediaType.PYTHON: "Python",
    MediaType.DOCX: "Word (DOCX)",
    MediaType.XLSX: "Excel (XLSX)",
    MediaType.ODT: "OpenDocument text (ODT)",
}

_DOCUMENTS: Final = frozenset(
    {MediaType.PDF, MediaType.DOCX, MediaType.XLSX, MediaType.ODT, MediaType.EPUB}
)

_EXTENSIONS: Final = {
    MediaType.JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"),
    MediaType.PNG: (".png", ".apng"),
    MediaType.WEBP: (".webp",),
    MediaType.AVIF: (".avif", ".avifs"),
    MediaType.HEIC: (".heic", ".heif", ".hif", ".heics", ".heifs"),
    MediaType.TIFF: (".tif", ".tiff"),
    MediaType.GIF: (".gif",),
    MediaType.WAV: (".wav", ".wave", ".bwf", ".rf64", ".bw64"),
    MediaType.AIFF: (".aiff", ".aif", ".aifc"),
    MediaType.FLAC: (".flac",),
    MediaType.OGG: (".ogg", ".opus", ".oga"),
    MediaType.MP3: (".mp3", ".mp2", ".mpga"),
    MediaType.AAC: (".aac", ".adts"),
    MediaType.M4A: (".m4a", ".m4b", ".mp4", ".m4v"),
    MediaType.WEBM: (".webm", ".weba", ".mka", ".mkv"),
    MediaType.MP4: (".mp4", ".m4v"),
    MediaType.MOV: (".mov", ".qt"),
    MediaType.MKV: (".mkv", ".mk3d"),
    MediaType.WEBM_VIDEO: (".webm", ".mkv"),
    MediaType.AVI: (".avi",),
    MediaType.TEXT: (".txt",),
    MediaType.MARKDOWN: (".md", ".markdown"),
    MediaType.HTML: (".html", ".htm"),
    MediaType.XML: (".xml",),
    MediaType.CSS: (".css",),
    MediaType.JAVASCRIPT: (".js", ".mjs"),
    MediaType.YAML: (".yaml", ".yml"),
    MediaType.TOML: (".toml",),
    MediaType.PYTHON: (".py",),
    MediaType.JSON: (".json",),
    MediaType.PDF: (".pdf",),
    MediaType.DOCX: (".docx",),
    MediaType.XLSX: (".xlsx",),
    MediaType.ODT: (".odt",),
    MediaType.EPUB: (".epub",),
}
