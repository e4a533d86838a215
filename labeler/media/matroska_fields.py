"""What is said about a track of Matroska, as it becomes when the track is coded anew.

Source: RFC 9559, sections 5.1.4 and 5.1.8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers import ebml, matroska
from labeler.containers.damage import damaged
from labeler.containers.ebml import make
from labeler.media.matroska_clusters import whole

__all__ = [
    "NewSound",
    "entry_of",
    "live_tags",
    "picture_entry",
    "sound_entry",
    "with_entry",
    "without",
]

_NS: Final = 1_000_000_000

# Of a track's entry.
_CODEC_SETTINGS: Final = b"\x3a\x96\x97"
_SEEK_PRE_ROLL: Final = b"\x56\xbb"
_MIN_CACHE: Final = b"\x6d\xe7"
_MAX_CACHE: Final = b"\x6d\xf8"
_MOST_ADDITIONS: Final = b"\x55\xee"
_ADDITION_MAPPING: Final = b"\x41\xe4"
_ADDITION_VALUE: Final = b"\x41\xf0"
_VIDEO_SETTINGS: Final = b"\xe0"
_OF_CODEC: Final = frozenset(
    {matroska.CODEC_ID, matroska.CODEC_PRIVATE, matroska.CODEC_DELAY}
    | {_SEEK_PRE_ROLL, _MIN_CACHE, _MAX_CACHE}
)
# True of the old frames only.
_STALE: Final = frozenset({_CODEC_SETTINGS, matroska.ENCODINGS, matroska.CRC})
# Pixels in both directions, and the four letters that say how uncompressed ones lie.
_OF_FRAMES: Final = frozenset({b"\xb0", b"\xba", b"\x2e\xb5\x24"})

# Of tags.
_TAG: Final = b"\x73\x73"
_TARGETS: Final = b"\x63\xc0"
_TAG_TRACK_UID: Final = b"\x63\xc5"
_SIMPLE_TAG: Final = b"\x67\xc8"
_TAG_NAME: Final = b"\x45\xa3"
_TAG_STRING: Final = b"\x44\x87"
# What mkvmerge counts, beside what its own list names.
_COUNTED: Final = frozenset({"BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES"})
_LIST: Final = "_STATISTICS_TAGS"
_OWN: Final = "_STATISTICS_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSound:
    """What a sound track becomes."""

    private: bytes
    """The codec's own header; its length does not change while frames are written."""
    sample_rate_hz: int
    channels: int
    delay: int
    """Frames of sound that are decoded but not played at the beginning."""


def without(data: bytes, *kinds: bytes) -> list[bytes]:
    """The elements in ``data``, but for those with these numbers."""
    return [make(kind, body) for kind, body in ebml.children(data) if kind not in kinds]


def with_entry(tracks: bytes, number: int, change: Callable[[bytes], Iterable[bytes]]) -> bytes:
    """The content of Tracks with the entry of one track changed.

    Args:
        tracks: The content.
        number: The track's number.
        change: Gives the new elements for the content of its entry.
    """
    parts: list[bytes] = []
    for kind, body in ebml.children(tracks):
        if kind == matroska.TRACK_ENTRY and _numbered(body) == number:
            parts.append(make(kind, *change(body)))
        elif kind != matroska.CRC:
            parts.append(make(kind, body))
    return b"".join(parts)


def entry_of(tracks: bytes, number: int) -> bytes:
    """The content of the entry of the track with this number; empty where there is none."""
    entries = (body for kind, body in ebml.children(tracks) if kind == matroska.TRACK_ENTRY)
    return next((body for body in entries if _numbered(body) == number), b"")


def _numbered(entry: bytes) -> int:
    return matroska.number(dict(ebml.children(entry)).get(matroska.TRACK_NUMBER, b""))


def sound_entry(data: bytes, track: NewSound) -> Iterator[bytes]:
    """The fields of a sound track with those of the new one."""
    delay = make(
        matroska.CODEC_DELAY, round(track.delay * _NS / track.sample_rate_hz).to_bytes(8, "big")
    )
    dropped = _STALE | {matroska.CODEC_DELAY, matroska.CODEC_PRIVATE}
    for kind, body in ebml.children(data):
        if kind == matroska.AUDIO_SETTINGS:
            yield make(kind, *_sound_settings(body, track))
        elif kind not in dropped:
            yield make(kind, body)
    if track.private:
        yield make(matroska.CODEC_PRIVATE, track.private)
    yield delay


def _sound_settings(data: bytes, track: NewSound) -> Iterator[bytes]:
    yield make(matroska.SAMPLING_FREQUENCY, struct.pack(">d", track.sample_rate_hz))
    yield make(matroska.CHANNELS, whole(track.channels))
    yield from without(
        data, matroska.SAMPLING_FREQUENCY, matroska.OUTPUT_FREQUENCY, matroska.CHANNELS
    )


def picture_entry(old: bytes, new: bytes) -> Iterator[bytes]:
    """The fields of a picture track with those of the new one that depend on how it is coded.

    Numbers, name, language, flags, durations, sizes, colours, projection, alpha and fields stay.
    Mappings of what lies beside blocks stay where it is found by a number of its own; those that
    only tell decoders about the frames (Dolby Vision) become those of the new track.

    Args:
        old: The content of the entry.
        new: Likewise of the entry of the new pictures.
    """
    fields = list(ebml.children(new))
    settings = dict(fields).get(_VIDEO_SETTINGS, b"")
    most = max(_most_additions(old), _most_additions(new))
    dropped = _OF_CODEC | _STALE | {_MOST_ADDITIONS}
    has_settings = False
    for kind, body in ebml.children(old):
        if kind == _VIDEO_SETTINGS:
            has_settings = True
            yield make(kind, *without(body, *_OF_FRAMES, matroska.CRC), *_only(settings))
        elif kind not in dropped and not (kind == _ADDITION_MAPPING and _is_for_decoders(body)):
            yield make(kind, body)
    if not has_settings:
        raise damaged("the picture track of the Matroska file has no sizes")
    if most or _MOST_ADDITIONS in dict(ebml.children(old)):
        yield make(_MOST_ADDITIONS, whole(most))
    for kind, body in fields:
        if kind in _OF_CODEC or (kind == _ADDITION_MAPPING and _is_for_decoders(body)):
            yield make(kind, body)


def _only(settings: bytes) -> Iterator[bytes]:
    return (make(kind, body) for kind, body in ebml.children(settings) if kind in _OF_FRAMES)


def _most_additions(entry: bytes) -> int:
    return matroska.number(dict(ebml.children(entry)).get(_MOST_ADDITIONS, b"")[:8])


def _is_for_decoders(mapping: bytes) -> bool:
    return _ADDITION_VALUE not in dict(ebml.children(mapping))


def live_tags(data: bytes, uid: int) -> bytes | None:
    """The content of Tags without what mkvmerge counted in the old frames of a track.

    Args:
        data: The content.
        uid: The track's UID.

    Returns:
        None where nothing has to go.
    """
    kept: list[bytes] = []
    is_changed = False
    for kind, body in ebml.children(data):
        live = _live_tag(body, uid) if kind == _TAG else None
        if live is None:
            kept += [] if kind == matroska.CRC else [make(kind, body)]
            continue
        is_changed = True
        if live:
            kept.append(make(kind, *live))
    return b"".join(kept) if is_changed else None


def _live_tag(data: bytes, uid: int) -> list[bytes] | None:
    """What is left of one tag; nothing where all of it was counted, None where nothing was."""
    fields = list(ebml.children(data))
    targets = [each for kind, body in fields if kind == _TARGETS for each in ebml.children(body)]
    uids = [matroska.number(body) for kind, body in targets if kind == _TAG_TRACK_UID]
    simple = {_named(body): body for kind, body in fields if kind == _SIMPLE_TAG}
    if uids != [uid]:
        return None
    listed = dict(ebml.children(simple.get(_LIST, b""))).get(_TAG_STRING, b"")
    counted = _COUNTED | set(listed.decode("utf-8", "replace").split())
    gone = {name for name in simple if name.startswith(_OWN) or name in counted}
    kept = [
        (kind, body)
        for kind, body in fields
        if kind != matroska.CRC and not (kind == _SIMPLE_TAG and _named(body) in gone)
    ]
    if not gone:
        return None
    is_empty = all(kind != _SIMPLE_TAG for kind, _ in kept)
    return [] if is_empty else [make(kind, body) for kind, body in kept]


def _named(simple: bytes) -> str:
    """The name of a tag; older versions of mkvmerge put a language behind it: "BPS-eng"."""
    name = dict(ebml.children(simple)).get(_TAG_NAME, b"").decode("utf-8", "replace")
    return name.removesuffix("-eng")
