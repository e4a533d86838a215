"""Formats that Labeler does not handle, recognised so that errors can name them."""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = [
    "CONVERT",
    "CONVERT_FILM",
    "CONVERT_SOUND",
    "FOREIGN_BRANDS",
    "OTHER_EXTENSIONS",
    "Foreign",
    "probe_foreign",
    "probe_text",
]

Foreign: TypeAlias = tuple[str, str | None]
"""What a file is, as an error says it behind "the file is", and what to do about it."""

CONVERT: Final = "Convert it to one of JPEG, PNG, WebP, AVIF or TIFF first"
"""What to do with a picture of a format that is not handled."""
CONVERT_SOUND: Final = "Convert it to WAV, FLAC or another of the sound formats handled first"
"""What to do with such a sound."""
CONVERT_FILM: Final = "Convert it to MP4 or Matroska first"
"""What to do with such a film."""
_CONVERT_EITHER: Final = "Convert it first: a film to MP4 or Matroska, sound to WAV or FLAC"

# What an extension promises that is no `MediaType`; extensions found in neither table promise
# nothing (".bin", ".tmp", the hash at the end of a cache's file name).
OTHER_EXTENSIONS: Final = {
    ".3gp": "3GPP", ".ac3": "AC-3", ".amr": "AMR", ".ape": "Monkey's Audio",
    ".bmp": "BMP", ".caf": "CAF", ".cr2": "camera raw", ".cr3": "camera raw",
    ".arw": "camera raw", ".dng": "camera raw", ".nef": "camera raw",
    ".dsf": "DSD", ".dff": "DSD", ".exr": "OpenEXR", ".gz": "gzip",
    ".ico": "icon", ".j2k": "JPEG 2000", ".jp2": "JPEG 2000", ".jxl": "JPEG XL",
    ".mid": "MIDI", ".midi": "MIDI", ".ogv": "Ogg video",
    ".psd": "Photoshop", ".spx": "Speex", ".svg": "SVG", ".tga": "TGA",
    ".w64": "Wave64", ".wma": "Windows Media", ".wmv": "Windows Media", ".wv": "WavPack",
    ".zip": "ZIP",
}  # fmt: skip

FOREIGN_BRANDS: Final = {
    b"mif1": ("a HEIF picture with neither HEVC nor AV1 in it", CONVERT),
    b"msf1": ("a HEIF picture with neither HEVC nor AV1 in it", CONVERT),
    b"crx ": ("a camera raw file", CONVERT),
    b"M4P ": ("sound with copy protection, which only its shop's players can read", None),
    **dict.fromkeys(
        (b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3ge6", b"3gg6", b"3g2a", b"3g2b"),
        ("a 3GPP file", _CONVERT_EITHER),
    ),
}
"""ISO base media files that are only recognised, by their major brand."""

# Signatures of formats that are only recognised, so that the error can name them.
_FOREIGN: Final = (
    (b"PK\x05\x06", "an empty ZIP archive", None),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of the old Office, or one with a password",
     "Save it without a password as DOCX, XLSX, ODT or PDF"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first"),
    (b"BM", "a BMP picture", CONVERT),
    (b"\0\0\x01\0", "an icon (ICO)", CONVERT),
    (b"8BPS", "a Photoshop document", CONVERT),
    (b"\xff\x0a", "a JPEG XL picture", CONVERT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", CONVERT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", CONVERT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", CONVERT),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", CONVERT),
    (b"#?RADIANCE", "a Radiance HDR picture", CONVERT),
    (b"qoif", "a QOI picture", CONVERT),
    (b"FUJIFILMCCD-RAW", "a camera raw file", CONVERT),
    (b"IIRO", "a camera raw file", CONVERT),
    (b"IIU\0", "a camera raw file", CONVERT),
    (b"\x8aMNG\r\n\x1a\n", "an MNG animation", None),
    (b"riff\x2e\x91\xcf\x11", "Wave64 sound", CONVERT_SOUND),
    (b"RIFX", "big-endian WAV sound (RIFX)", CONVERT_SOUND),
    (b"caff", "sound in a Core Audio file (CAF)", CONVERT_SOUND),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (ASF, WMA, WMV)", _CONVERT_EITHER),
    (b"#!AMR", "AMR speech", CONVERT_SOUND),
    (b"MThd", "a MIDI file, which holds notes and no sound", "Render it as sound first"),
    (b"\x0b\x77", "AC-3 sound", CONVERT_SOUND),
    (b"\x7f\xfe\x80\x01", "DTS sound", CONVERT_SOUND),
    (b"DSD ", "DSD sound (DSF)", CONVERT_SOUND),
    (b"FRM8", "DSD sound (DSDIFF)", CONVERT_SOUND),
    (b"MAC ", "Monkey's Audio", CONVERT_SOUND),
    (b"wvpk", "WavPack sound", CONVERT_SOUND),
    (b"TTA1", "True Audio (TTA)", CONVERT_SOUND),
    (b"MPCK", "Musepack sound", CONVERT_SOUND),
    (b"MP+", "Musepack sound", CONVERT_SOUND),
    (b"tBaK", "TAK sound", CONVERT_SOUND),
    (b".snd", "sound in a Sun or NeXT file (AU)", CONVERT_SOUND),
    (b"Creative Voice File", "sound in a Creative Voice file", CONVERT_SOUND),
    (b"ADIF", "AAC in an ADIF stream", CONVERT_SOUND),
    (b".RMF", "RealMedia", _CONVERT_EITHER),
    (b"FLV\x01", "a Flash video", CONVERT_FILM),
    (b"\0\0\x01\xba", "an MPEG video", CONVERT_FILM),
    (b"\x7fELF", "a program", None),
    (b"MZ", "a program", None),
)  # fmt: skip


def probe_foreign(head: bytes) -> Foreign | None:
    """What a file is that begins with ``head``, where its first bytes tell."""
    for signature, description, hint in _FOREIGN:
        if head.startswith(signature):
            return (description, hint)
    if any(_is_transport_stream(head[start:]) for start in (0, 4)):
        return ("an MPEG transport stream", CONVERT_FILM)
    return None


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets of 188 bytes follow each other, or of 192, as cameras and Blu-ray have it."""
    return any(head[: 3 * size : size] == b"GGG" for size in (188, 192))


def probe_text(head: bytes) -> Foreign | None:
    """What kind of text a file is that begins with ``head``, where it is one of the usual ones."""
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
