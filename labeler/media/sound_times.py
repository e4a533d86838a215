"""What in a file of sound is tied to times, and would be wrong if something were put in front."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Final

from labeler.containers import id3_tag
from labeler.containers.chunks import Chunk
from labeler.containers.sound_heads import id3_size
from labeler.errors import UnreadableMediaError

__all__ = ["tied_in_chunks", "tied_in_comments", "tied_in_id3", "tied_in_tags"]

# ID3v2.4 section 4 and "ID3v2 Chapter Frame Addendum": events, tables of times, lyrics with times,
# chapters, the length; and their names in version 2.2.
_FRAMES: Final = frozenset(
    {b"CHAP", b"CTOC", b"SYLT", b"SYTC", b"ETCO", b"MLLT", b"POSS", b"ASPI", b"TLEN"}
    | {b"SLT", b"STC", b"ETC", b"MLL", b"TLE"}
)
# What names times in tags of free text: Vorbis comments, APEv2, Lyrics3, the time stamps of
# segments that are streamed (RFC 8216, 3.4), markers in XMP (XMP specification, part 2, 1.2.6).
_NAMED: Final = re.compile(
    rb"CHAPTER\d\d|CUESHEET|LYRICSBEGIN|\[\d\d:\d\d[.:]|transportStreamTimestamp|xmpDM:(?:Tracks|markers)",
    re.IGNORECASE,
)
_IN_TAGS: Final = "its tags tell times in it"
# Chunks of WAV and AIFF that say nothing about times in the samples, or are written anew.
_TIMELESS: Final = frozenset(
    {b"fmt ", b"data", b"fact", b"bext", b"id3 ", b"ID3 ", b"_PMX", b"PEAK", b"ds64"}
    | {b"JUNK", b"junk", b"PAD ", b"FLLR", b"MD5 ", b"C2PA", b"DISP"}
    | {b"COMM", b"SSND", b"FVER", b"NAME", b"AUTH", b"(c) ", b"ANNO", b"CHAN"}
)


def tied_in_chunks(chunks: Iterable[Chunk]) -> str | None:
    """The first chunk that may refer to times, in words; None if there is none.

    Cue points, loops and marks refer to samples by number; of what is unknown nobody knows.

    Args:
        chunks: Those of a WAV or AIFF file.
    """
    for chunk in chunks:
        if chunk.type not in _TIMELESS and chunk.list_type != b"INFO":
            name = (chunk.list_type or chunk.type).decode("ascii", "replace").strip()
            return f"its {name} chunk refers to places in it"
    return None


def tied_in_tags(data: bytes) -> str | None:
    """What a chunk of a WAV or AIFF file with tags tells about times, in words; None if nothing.

    Args:
        data: ID3v2 tags or XMP.
    """
    return tied_in_id3(data) if data.startswith(b"ID3") else tied_in_comments(data)


def tied_in_id3(head: bytes) -> str | None:
    """What ID3v2 tags tell about times, in words; None if nothing.

    Args:
        head: What lies in front of the sound; or one tag.
    """
    position = 0
    while size := id3_size(head[position : position + 10]):
        try:
            tag = id3_tag.read(io.BytesIO(head[position : position + size]))
        except UnreadableMediaError:
            return "its tags cannot be read"
        if tag is not None and any(map(_is_tied, tag.frames)):
            return _IN_TAGS
        position += size
    return None


def _is_tied(frame: id3_tag.Frame) -> bool:
    # Text may be UTF-16, in which every other byte of these names is zero.
    return frame.id in _FRAMES or (
        not frame.id.startswith((b"APIC", b"PIC", b"GEO"))
        and tied_in_comments(frame.content.replace(b"\0", b"")) is not None
    )


def tied_in_comments(text: bytes) -> str | None:
    """What tags of free text tell about times, in words; None if nothing.

    Args:
        text: A Vorbis comment header, an APEv2 tag or XMP, as it is written.
    """
    return _IN_TAGS if _NAMED.search(text) else None
