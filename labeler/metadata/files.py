"""Metadata of a file on disk: sound or video, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from labeler.containers.chunks import file_size
from labeler.containers.splice import Span, copy, new_file, opened
from labeler.errors import LabelerError
from labeler.media.media_type import MediaType
from labeler.metadata import iptc, sound_fields, sound_packets, video_packets, xmp
from labeler.metadata.statements import Statements, as_fields, stated
from labeler.metadata.tags import Tags, interpret
from labeler.provenance import Provenance

__all__ = ["read_file", "write_file"]

_Find: TypeAlias = Callable[[BinaryIO], Statements]
_PutPacket: TypeAlias = Callable[[BinaryIO, BinaryIO, bytes], None]
_PutFields: TypeAlias = Callable[[BinaryIO, BinaryIO, dict[str, str]], None]
_Edit: TypeAlias = Callable[[BinaryIO, BinaryIO], None]


@dataclass(frozen=True, slots=True)
class _PacketPlace:
    """A format that keeps an XMP packet."""

    find: _Find
    put: _PutPacket

    def edit(self, source: BinaryIO, provenance: Provenance) -> _Edit | None:
        """How to write what ``provenance`` claims; None where the file says so already."""
        present = next(iter(self.find(source).packets), None)
        packet = xmp.merge(present, iptc.from_provenance(provenance), prefixes=iptc.PREFIXES)
        if packet == present:
            return None
        return lambda opened, target: self.put(opened, target, packet)


@dataclass(frozen=True, slots=True)
class _FieldPlace:
    """A format that knows no XMP, and keeps named texts."""

    find: _Find
    put: _PutFields

    def edit(self, source: BinaryIO, provenance: Provenance) -> _Edit | None:
        """How to write what ``provenance`` claims; None where the file says so already."""
        claims = iptc.from_provenance(provenance)
        present, _ = stated(self.find(source))
        if all(present.get(claim.name) == claim.value for claim in claims):
            return None
        return lambda opened, target: self.put(opened, target, as_fields(claims))


_PLACES: Final[dict[MediaType, _PacketPlace | _FieldPlace]] = {
    MediaType.WAV: _PacketPlace(sound_packets.find_wav, sound_packets.put_wav),
    MediaType.AIFF: _PacketPlace(sound_packets.find_aiff, sound_packets.put_aiff),
    MediaType.MP3: _PacketPlace(sound_packets.find_id3, sound_packets.put_id3),
    MediaType.AAC: _PacketPlace(sound_packets.find_id3, sound_packets.put_id3),
    MediaType.M4A: _PacketPlace(sound_packets.find_mpeg4, sound_packets.put_mpeg4),
    MediaType.FLAC: _FieldPlace(sound_fields.find_flac, sound_fields.put_flac),
    MediaType.OGG: _FieldPlace(sound_fields.find_ogg, sound_fields.put_ogg),
    MediaType.WEBM: _FieldPlace(sound_fields.find_webm, sound_fields.put_webm),
    MediaType.MP4: _PacketPlace(sound_packets.find_mpeg4, sound_packets.put_mpeg4),
    MediaType.MOV: _PacketPlace(video_packets.find_quicktime, video_packets.put_quicktime),
    MediaType.AVI: _PacketPlace(video_packets.find_avi, video_packets.put_avi),
    MediaType.MKV: _FieldPlace(sound_fields.find_webm, sound_fields.put_webm),
    MediaType.WEBM_VIDEO: _FieldPlace(sound_fields.find_webm, sound_fields.put_webm),
}


def write_file(
    source: Path, target: Path, media_type: MediaType, provenance: Provenance, *, name: str
) -> None:
    """Copy a file of sound or video, with the claims of ``provenance`` in its metadata.

    Samples, other metadata and their order stay as they are; a file that makes these claims already
    is copied byte for byte. Prompt and prompt writer are written only if ``provenance`` has them;
    fields that it leaves open keep the values that they have. Memory does not grow with the file.

    Args:
        source: The file; it is not changed.
        target: A new file; if writing fails, there is none.
        media_type: Its format, as `labeler.media.media_type.sniff_file` says.
        provenance: What to claim.
        name: The name that errors give to the file.

    Raises:
        UnreadableMediaError: The file cannot be read, is truncated or damaged.
        MetadataError: Its metadata are malformed, or there is no room for the claims.
        OutputError: ``target`` exists already, or cannot be written.
    """
    try:
        with opened(source) as stream:
            edit = _PLACES[media_type].edit(stream, provenance) or _copy_whole
            with new_file(target) as output:
                edit(stream, output)
    except LabelerError as error:
        error.with_file(name)
        raise


def _copy_whole(source: BinaryIO, target: BinaryIO) -> None:
    copy(source, target, [Span(0, file_size(source))])


def read_file(path: Path, media_type: MediaType) -> Tags:
    """What a file of sound or video says about its origin; empty fields where it says nothing.

    Args:
        path: The file.
        media_type: Its format, as `labeler.media.media_type.sniff_file` says.

    Raises:
        UnreadableMediaError: The file cannot be read, is truncated or damaged.
        MetadataError: Its metadata are malformed.
    """
    with opened(path) as stream:
        return interpret(_PLACES[media_type].find(stream))
