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
from labeler.metadata import sound_fields, sound_packets, video_packets
from labeler.metadata.aigc_blanks import (
    FindBlanks,
    aiff_blanks,
    avi_blanks,
    blanked,
    id3_blanks,
    mpeg4_blanks,
    wav_blanks,
)
from labeler.metadata.claims import (
    FieldEdit,
    description_with_claims,
    field_edit,
    packet_with_claims,
    require_one_label,
)
from labeler.metadata.statements import Statements, stated
from labeler.metadata.tags import Tags, interpret
from labeler.provenance import Provenance

__all__ = ["read_file", "write_file"]

_Find: TypeAlias = Callable[[BinaryIO], Statements]
_PutPacket: TypeAlias = Callable[[BinaryIO, BinaryIO, bytes], None]
_PutDescribed: TypeAlias = Callable[[BinaryIO, BinaryIO, bytes, str], None]
_PutFields: TypeAlias = Callable[[BinaryIO, BinaryIO, FieldEdit], None]
_Edit: TypeAlias = Callable[[BinaryIO, BinaryIO], None]


@dataclass(frozen=True, slots=True)
class _PacketPlace:
    """A format that keeps an XMP packet."""

    find: _Find
    put: _PutPacket
    blanks: FindBlanks
    """Where AIGC labels stand outside the packet, and what goes over them."""
    put_described: _PutDescribed | None = None
    """As ``put``, in formats that have a description beside the packet, which players show."""

    def edit(self, source: BinaryIO, provenance: Provenance) -> _Edit | None:
        """How to write what ``provenance`` claims; None where the file says so already."""
        found = self.find(source)
        present = next(iter(found.packets), None)
        packet = packet_with_claims(present, provenance)
        is_labelled = provenance.aigc is not None
        description = description_with_claims(found, provenance) if self.put_described else None
        is_said = packet == present and description is None
        if is_said and not (is_labelled and len(stated(found).aigc) > 1):
            return None

        def write(opened: BinaryIO, target: BinaryIO) -> None:
            blanks = tuple(self.blanks(opened)) if is_labelled else ()
            source = blanked(opened, blanks) if blanks else opened
            if self.put_described is not None and description is not None:
                self.put_described(source, target, packet, description)
            else:
                self.put(source, target, packet)

        return write


@dataclass(frozen=True, slots=True)
class _FieldPlace:
    """A format that knows no XMP, and keeps named texts."""

    find: _Find
    put: _PutFields

    def edit(self, source: BinaryIO, provenance: Provenance) -> _Edit | None:
        """How to write what ``provenance`` claims; None where the file says so already."""
        edit = field_edit(self.find(source), provenance)
        if edit is None:
            return None
        return lambda opened, target: self.put(opened, target, edit)


_ID3_PLACE: Final = _PacketPlace(
    sound_packets.find_id3, sound_packets.put_id3, id3_blanks, sound_packets.put_id3
)
_PLACES: Final[dict[MediaType, _PacketPlace | _FieldPlace]] = {
    MediaType.WAV: _PacketPlace(sound_packets.find_wav, sound_packets.put_wav, wav_blanks),
    MediaType.AIFF: _PacketPlace(sound_packets.find_aiff, sound_packets.put_aiff, aiff_blanks),
    MediaType.MP3: _ID3_PLACE,
    MediaType.AAC: _ID3_PLACE,
    MediaType.M4A: _PacketPlace(sound_packets.find_mpeg4, sound_packets.put_mpeg4, mpeg4_blanks),
    MediaType.FLAC: _FieldPlace(sound_fields.find_flac, sound_fields.put_flac),
    MediaType.OGG: _FieldPlace(sound_fields.find_ogg, sound_fields.put_ogg),
    MediaType.WEBM: _FieldPlace(sound_fields.find_webm, sound_fields.put_webm),
    MediaType.MP4: _PacketPlace(sound_packets.find_mpeg4, sound_packets.put_mpeg4, mpeg4_blanks),
    MediaType.MOV: _PacketPlace(
        video_packets.find_quicktime, video_packets.put_quicktime, mpeg4_blanks
    ),
    MediaType.AVI: _PacketPlace(video_packets.find_avi, video_packets.put_avi, avi_blanks),
    MediaType.MKV: _FieldPlace(sound_fields.find_webm, sound_fields.put_webm),
    MediaType.WEBM_VIDEO: _FieldPlace(sound_fields.find_webm, sound_fields.put_webm),
}


def write_file(
    source: Path, target: Path, media_type: MediaType, provenance: Provenance, *, name: str
) -> None:
    """Copy a file of sound or video, with the claims of ``provenance`` in its metadata.

    Samples, other metadata and their order stay as they are; a file that makes these claims already
    is copied byte for byte. Prompt and prompt writer are written only if ``provenance`` has them;
    fields that it leaves open keep the values that they have. An AIGC label replaces all that the
    file has, wherever they stand. Memory does not grow with the file.

    Args:
        source: The file; it is not changed.
        target: A new file; if writing fails, there is none.
        media_type: Its format, as `labeler.media.media_type.sniff_file` says.
        provenance: What to claim.
        name: The name that errors give to the file.

    Raises:
        UnreadableMediaError: The file cannot be read, is truncated or damaged.
        MetadataError: Its metadata are malformed, there is no room for the claims, or an AIGC
            label stands where it cannot be replaced.
        OutputError: ``target`` exists already, or cannot be written.
    """
    try:
        with opened(source) as stream:
            place = _PLACES[media_type]
            edit = place.edit(stream, provenance) or _copy_whole
            with new_file(target) as output:
                edit(stream, output)
                if provenance.aigc is not None:
                    output.flush()
                    require_one_label(place.find(output))
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
