"""Which format a file has, told by its content; text, without a signature, by its name as well."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import PurePath
from typing import BinaryIO, Final

from labeler.containers.picture_tracks import mp4_has_pictures, read_matroska_tracks
from labeler.containers.sound_heads import (
    adts_frame_size,
    id3_size,
    mpeg_frame_size,
    ogg_streams,
    run_of_frames,
)
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.document_type import ZIP_SIGNATURE, document_type
from labeler.media.foreign import (
    CONVERT_FILM,
    CONVERT_SOUND,
    FOREIGN_BRANDS,
    OTHER_EXTENSIONS,
    Foreign,
    probe_foreign,
    probe_text,
)
from labeler.media.formats import MediaKind, MediaType
from labeler.media.text_signs import begins_html, is_text

__all__ = ["MediaKind", "MediaType", "check_name", "sniff", "sniff_file"]

# How much of a file `sniff` looks at, bytes, at its start and behind an ID3 tag there.
_HEAD_BYTES: Final = 4096
# Streams cut out of a broadcast begin within an MPEG audio frame; none is longer, bytes.
_LONGEST_FRAME: Final = 1441

_SUPPORTED: Final = "Labeler handles " + ", ".join(dict.fromkeys(kind.label for kind in MediaType))

# ISO base media file format: brand → format (ISO/IEC 23008-12 B.4, AV1 image file format 1.1 6).
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
)

# Brands of MP4 files: Apple's and Adobe's own, and those that say little more than which edition of
# ISO/IEC 14496-12, -14 or -15 the file follows.
_SOUND_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"F4A ", b"F4B "})
_MP4_BRANDS: Final = (
    _SOUND_BRANDS
    | {b"M4V ", b"M4VH", b"M4VP", b"F4V ", b"mp41", b"mp42", b"mp71", b"isom", b"dash", b"MSNV"}
    | {b"avc1", b"hvc1", b"av01", b"cmfc", b"XAVC"}
    | {b"iso%d" % edition for edition in range(2, 10)}
    | {b"isoa", b"isob", b"isoc"}
)
# What QuickTime files begin with that are older than brands (QuickTime File Format, "Atoms").
_OLD_QUICKTIME: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})

# Signatures at the file's start of the formats handled (PNG 3, GIF89a 17, TIFF 6.0 section 2,
# RFC 9639 section 6, RFC 8794 section 11.2, ISO 32000-2 7.5.2).
_HANDLED: Final = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"II*\0", MediaType.TIFF),
    (b"MM\0*", MediaType.TIFF),
    (b"II+\0", MediaType.TIFF),
    (b"MM\0+", MediaType.TIFF),
    (b"fLaC", MediaType.FLAC),
    (b"\x1a\x45\xdf\xa3", MediaType.MKV),
    (b"%PDF-", MediaType.PDF),
)

_RIFF_FORMS: Final[dict[bytes, MediaType | Foreign]] = {
    b"WAVE": MediaType.WAV,
    b"WEBP": MediaType.WEBP,
    b"AVI ": MediaType.AVI,
    b"RMID": ("a MIDI file, which holds notes and no sound", "Render it as sound first"),
}

# What begins the first packet of an Ogg stream: the sound that is handled, and the pictures that
# may be in a file beside it (Vorbis I 4.2.1, RFC 7845 5.1, Ogg mapping of FLAC, Theora 6.1).
_OGG_SOUND: Final = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
_OGG_PICTURES: Final = (b"\x80theora", b"BBCD", b"OVP80", b"\x80daala", b"\x01video")
_OGG_OTHER: Final = ((b"Speex   ", "Speex speech"), (b"CELT    ", "CELT sound"))

_TEXTS: Final = {
    extension: media_type
    for media_type in MediaType
    if media_type.kind is MediaKind.TEXT and not media_type.is_document
    for extension in media_type.extensions
}

_FRAMES: Final = ((adts_frame_size, MediaType.AAC), (mpeg_frame_size, MediaType.MP3))


def sniff(data: bytes, *, name: str) -> MediaType:
    """The format of ``data``, told by its first bytes.

    Whether MP4 and Matroska files hold moving pictures or only sound is told by their lists of
    tracks, which may lie anywhere, and which document a ZIP archive is by its directory at the
    end; where ``data`` does not reach that far, by what is usual.

    Args:
        data: The file's content; but for those its first 4096 bytes are enough.
        name: The file's name or path. Text is only what has one of its extensions: an error page
            in place of a picture is none. On other formats it has no influence.

    Raises:
        UnreadableMediaError: ``data`` is empty or begins with nothing but zeros.
        UnsupportedMediaError: It is of a format that Labeler does not handle.
    """
    return sniff_file(BytesIO(data), name=name)


def _told_by_head(head: bytes, name: str) -> MediaType:
    """The format as far as a file's first bytes tell."""
    if not head:
        raise UnreadableMediaError("the file is empty", hint="Copy or download it again", file=name)
    for signature, media_type in _HANDLED:
        if head.startswith(signature):
            return media_type
    found = _probe(head)
    if found is not None:
        return _handled(found, name)
    if not head.strip(b"\0"):
        raise UnreadableMediaError(
            "the file begins with nothing but zero bytes",
            hint="A copy or download was probably cut short; get the file again",
            file=name,
        )
    raise UnsupportedMediaError(
        "the file has no format that Labeler recognises", hint=_SUPPORTED, file=name
    )


def _told_as_text(head: bytes, name: str) -> MediaType | None:
    """Which text a file is that begins with ``head``; None where its name or bytes say otherwise.

    That comes first: "BMW" begins text as well as a BMP picture.
    """
    promised = _TEXTS.get(PurePath(name).suffix.lower())
    if promised is None or not is_text(head):
        return None
    return MediaType.HTML if begins_html(head) else promised


def sniff_file(file: BinaryIO, *, name: str) -> MediaType:
    """The format of an open file, as `sniff` tells it; however long its ID3 tag, it is passed.

    Args:
        file: A binary file that can seek; where it stands does not matter.
        name: The file's name or path; errors give it to the file.

    Raises:
        UnreadableMediaError: The file is empty or begins with nothing but zeros.
        UnsupportedMediaError: It is of a format that Labeler does not handle.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    text = _told_as_text(head, name)
    if text is not None:
        return text
    if head.startswith(ZIP_SIGNATURE):
        return _handled(document_type(file, head), name)
    behind = id3_size(head)
    if not behind:
        return _told_by_tracks(_told_by_head(head, name), file, name)
    file.seek(behind)
    return _behind_id3(file.read(_HEAD_BYTES), name)


def _told_by_tracks(media_type: MediaType, file: BinaryIO, name: str) -> MediaType:
    """The format of a file whose beginning tells ``media_type``, by the tracks that it has."""
    if media_type in {MediaType.M4A, MediaType.MP4, MediaType.MOV}:
        has_pictures = mp4_has_pictures(file)
        if has_pictures is False and media_type is MediaType.MOV:
            return _handled(("a QuickTime file without moving pictures", CONVERT_SOUND), name)
        if has_pictures is not None and media_type is not MediaType.MOV:
            return MediaType.MP4 if has_pictures else MediaType.M4A
    if media_type is MediaType.MKV:
        tracks = read_matroska_tracks(file)
        if tracks.has_pictures is False:
            return MediaType.WEBM
        return MediaType.WEBM_VIDEO if tracks.is_webm else MediaType.MKV
    return media_type


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
    if promised is None or extension in media_type.extensions:
        return
    raise UnreadableMediaError(
        f"the name says {promised} ({extension}), but the content is {media_type.label}",
        hint=f"Rename it to {path.with_suffix(media_type.extension).name}, "
        "or find out what happened to the file",
        file=name,
    )


def _promise(extension: str) -> str | None:
    fitting = [media_type for media_type in MediaType if extension in media_type.extensions]
    if not fitting:
        return OTHER_EXTENSIONS.get(extension)
    # Of films and of sound in the same container, those that are usually called so.
    return min(fitting, key=lambda each: each.extensions.index(extension)).label


def _handled(found: MediaType | Foreign, name: str) -> MediaType:
    if isinstance(found, MediaType):
        return found
    raise UnsupportedMediaError(f"the file is {found[0]}", hint=found[1] or _SUPPORTED, file=name)


def _probe(head: bytes) -> MediaType | Foreign | None:
    for probe in _PROBES:
        found = probe(head)
        if found is not None:
            return found
    return None


def _behind_id3(head: bytes, name: str) -> MediaType:
    """What a file is that begins with an ID3v2 tag; ``head`` is what follows the tag."""
    head = head.lstrip(b"\0")  # Some taggers leave room that their tag does not count.
    if head.startswith(b"fLaC"):
        return MediaType.FLAC
    for probe in (_probe_frames, probe_foreign):
        found = probe(head)
        if found is not None:
            return _handled(found, name)
    return MediaType.MP3


def _probe_riff(head: bytes) -> MediaType | Foreign | None:
    if head[:4] not in {b"RIFF", b"RF64", b"BW64"} or len(head) < 12:
        return None
    other = ("a RIFF file that holds neither a picture, nor sound, nor a film", None)
    return _RIFF_FORMS.get(head[8:12], other)


def _probe_iff(head: bytes) -> MediaType | Foreign | None:
    if head[:4] != b"FORM" or len(head) < 12:
        return None
    if head[8:12] in {b"AIFF", b"AIFC"}:
        return MediaType.AIFF
    return ("an IFF file that holds no AIFF sound", None)


def _probe_ogg(head: bytes) -> MediaType | Foreign | None:
    if not head.startswith(b"OggS"):
        return None
    streams = list(ogg_streams(head))
    if any(stream.startswith(_OGG_PICTURES) for stream in streams):
        return ("an Ogg video", CONVERT_FILM)
    if any(stream.startswith(_OGG_SOUND) for stream in streams):
        return MediaType.OGG
    for signature, description in _OGG_OTHER:
        if any(stream.startswith(signature) for stream in streams):
            return (f"{description} in Ogg", CONVERT_SOUND)
    return ("an Ogg file with neither Vorbis, Opus nor FLAC in it", CONVERT_SOUND)


def _probe_frames(head: bytes) -> MediaType | Foreign | None:
    for frame_size, media_type in _FRAMES:
        count, end = run_of_frames(frame_size, head)
        # FF FE also begins a text in UTF-16: one header that nothing follows proves little.
        if count > 1 or (count and end + 7 > len(head) and head[1] != 0xFE):
            return media_type
    for at in range(1, min(_LONGEST_FRAME, len(head))):
        if head[at] == 0xFF and run_of_frames(mpeg_frame_size, head, at)[0] > 2:
            return MediaType.MP3
    return None


def _probe_quicktime(head: bytes) -> MediaType | None:
    # That the first box is small tells it from text, which may have such a word there.
    is_old = head[4:8] in _OLD_QUICKTIME and (head[4:8] == b"mdat" or not head[0])
    return MediaType.MOV if is_old or head[4:12] == b"ftypqt  " else None


def _probe_bmff(head: bytes) -> MediaType | Foreign | None:
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
    if brands[0] not in FOREIGN_BRANDS and _MP4_BRANDS.intersection(brands):
        return MediaType.M4A if brands[0] in _SOUND_BRANDS else MediaType.MP4
    return FOREIGN_BRANDS.get(brands[0], ("an MP4 or QuickTime file", None))


_PROBES: Final[tuple[Callable[[bytes], MediaType | Foreign | None], ...]] = (
    _probe_riff,
    _probe_iff,
    _probe_quicktime,
    _probe_bmff,
    _probe_ogg,
    probe_foreign,
    _probe_frames,
    probe_text,
)
