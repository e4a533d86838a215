"""A Matroska or WebM file with other frames in its track, and everything else as it was."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers import ebml, matroska
from labeler.containers.ebml import Element, make
from labeler.containers.matroska import Layout
from labeler.containers.splice import copy
from labeler.media.av_sound import Packet

__all__ = ["MatroskaWriter", "NewTrack"]

_SEGMENT: Final = b"\x18\x53\x80\x67"
_SEEK: Final = b"\x4d\xbb"
_SEEK_ID: Final = b"\x53\xab"
_SEEK_POSITION: Final = b"\x53\xac"
_CUE_POINT: Final = b"\xbb"
_CUE_TIME: Final = b"\xb3"
_CUE_PLACE: Final = b"\xb7"
_CUE_TRACK: Final = b"\xf7"
_CUE_CLUSTER: Final = b"\xf1"
# Written anew.
_DROPPED: Final = frozenset({matroska.SEEK_HEAD, matroska.CUES})
_KEYFRAME: Final = 0x80
_CLUSTER_NS: Final = 5_000_000_000
_CLUSTER_BYTES: Final = 1 << 20
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrack:
    """What a sound track becomes."""

    private: bytes
    """The codec's own header; its length does not change while frames are written."""
    sample_rate_hz: int
    channels: int
    delay: int
    """Frames of sound that are decoded but not played at the beginning."""


class MatroskaWriter:
    """Writes the file.

    Args:
        source: The file that is copied from.
        output: Where to, from its beginning.
        layout: What is in the source.
        number: The number of the track.
        start: When its first block begins, in units of the source's time.
    """

    def __init__(
        self, source: BinaryIO, output: BinaryIO, layout: Layout, *, number: int, start: int
    ) -> None:
        self._source = source
        self._output = output
        self._number = number
        self._start = start
        info, tracks = layout.find(matroska.INFO), layout.find(matroska.TRACKS)
        self._info = b"" if info is None else ebml.content(source, info)
        self._tracks = b"" if tracks is None else ebml.content(source, tracks)
        fields = dict(ebml.children(self._info))
        self._scale = matroska.number(fields.get(matroska.TIMESTAMP_SCALE, b"")) or (
            matroska.DEFAULT_SCALE_NS
        )
        kept = [element for element in layout.elements if element.id not in _DROPPED]
        self._before = [element for element in kept if element.start < layout.first_cluster]
        self._after = [element for element in kept if element.start > layout.first_cluster]
        self._head = layout.head
        self._places: dict[bytes, int] = {}
        self._cues: list[tuple[int, int]] = []

    def write(self, track: NewTrack, packets: Iterable[Packet], length: int) -> None:
        """Write everything; `finish` corrects what is known only then.

        Args:
            track: What the track becomes, as far as it is known.
            packets: Its frames.
            length: How many frames of sound are played.
        """
        copy(self._source, self._output, [self._head])
        self._segment_at = self._output.tell()
        self._output.write(make(_SEGMENT, b"", size_bytes=8))
        self._body_at = self._output.tell()
        self._output.write(self._seek_head())
        self._copy(self._before, track, length)
        self._write_clusters(track, packets, length)
        self._place(matroska.CUES)
        self._output.write(make(matroska.CUES, *self._cue_points()))
        self._copy(self._after, track, length)

    def finish(self, track: NewTrack, length: int) -> None:
        """Write the headers again, as they have become."""
        size = self._output.tell() - self._body_at
        self._output.seek(self._segment_at)
        self._output.write(_SEGMENT + (size | 1 << 56).to_bytes(8, "big"))
        self._output.write(self._seek_head())
        for element in (*self._before, *self._after):
            new = self._changed(element, track, length)
            if new is not None:
                self._output.seek(self._body_at + self._places[element.id])
                self._output.write(new)

    def _copy(self, elements: Iterable[Element], track: NewTrack, length: int) -> None:
        for element in elements:
            self._place(element.id)
            new = self._changed(element, track, length)
            copy(self._source, self._output, [element.span if new is None else new])

    def _place(self, kind: bytes) -> None:
        self._places.setdefault(kind, self._output.tell() - self._body_at)

    def _changed(self, element: Element, track: NewTrack, length: int) -> bytes | None:
        """What becomes of an element that does not stay as it is; None for the others."""
        if element.id == matroska.INFO:
            # As FFmpeg counts it, with what is not played at the beginning.
            duration = (track.delay + length) * _NS / track.sample_rate_hz / self._scale
            value = make(matroska.DURATION, struct.pack(">d", duration))
            kept = _without(self._info, matroska.DURATION, matroska.CRC)
            return make(matroska.INFO, *kept, value, size_bytes=8)
        if element.id == matroska.TRACKS:
            entries = (
                make(kind, *_entry(data, track)) if kind == matroska.TRACK_ENTRY else b""
                for kind, data in ebml.children(self._tracks)
            )
            return make(matroska.TRACKS, *entries, size_bytes=8)
        return None

    def _seek_head(self) -> bytes:
        """Where to find what; always of the same size."""
        kinds = dict.fromkeys([*(e.id for e in (*self._before, *self._after)), matroska.CUES])
        entries = (
            make(
                _SEEK,
                make(_SEEK_ID, kind),
                make(_SEEK_POSITION, self._places.get(kind, 0).to_bytes(8, "big")),
            )
            for kind in kinds
        )
        return make(matroska.SEEK_HEAD, *entries, size_bytes=8)

    def _cue_points(self) -> Iterator[bytes]:
        for time, position in self._cues:
            place = make(
                _CUE_PLACE,
                make(_CUE_TRACK, _whole(self._number)),
                make(_CUE_CLUSTER, _whole(position)),
            )
            yield make(_CUE_POINT, make(_CUE_TIME, _whole(time)), place)

    def _write_clusters(self, track: NewTrack, packets: Iterable[Packet], length: int) -> None:
        position, end = 0, track.delay + length
        blocks: list[bytes] = []
        begun = size = 0
        for packet, is_last in _with_last(packets):
            time = self._start + position * _NS // (track.sample_rate_hz * self._scale)
            if blocks and ((time - begun) * self._scale >= _CLUSTER_NS or size >= _CLUSTER_BYTES):
                self._write_cluster(begun, blocks)
                blocks, size = [], 0
            begun = begun if blocks else time
            position += packet.frames
            spare = max(position - end, 0) if is_last else 0
            discard = round(spare * _NS / track.sample_rate_hz)
            blocks.append(self._block(packet.data, time - begun, discard))
            size += len(packet.data)
        self._write_cluster(begun, blocks)

    def _block(self, data: bytes, offset: int, discard_ns: int) -> bytes:
        head = _numbered(self._number) + offset.to_bytes(2, "big", signed=True)
        if not discard_ns:
            return make(matroska.SIMPLE_BLOCK, head, bytes([_KEYFRAME]), data)
        padding = make(matroska.DISCARD_PADDING, discard_ns.to_bytes(8, "big", signed=True))
        return make(matroska.BLOCK_GROUP, make(matroska.BLOCK, head, b"\0", data), padding)

    def _write_cluster(self, time: int, blocks: list[bytes]) -> None:
        self._cues.append((time, self._output.tell() - self._body_at))
        stamp = make(matroska.TIMESTAMP, _whole(time))
        self._output.write(make(matroska.CLUSTER, stamp, *blocks))


def _without(data: bytes, *kinds: bytes) -> list[bytes]:
    return [make(kind, body) for kind, body in ebml.children(data) if kind not in kinds]


def _entry(data: bytes, track: NewTrack) -> Iterator[bytes]:
    """The fields of a track with those of the new one."""
    delay = make(
        matroska.CODEC_DELAY, round(track.delay * _NS / track.sample_rate_hz).to_bytes(8, "big")
    )
    dropped = {matroska.CODEC_DELAY, matroska.CODEC_PRIVATE, matroska.CRC}
    for kind, body in ebml.children(data):
        if kind == matroska.AUDIO_SETTINGS:
            yield make(kind, *_settings(body, track))
        elif kind not in dropped:
            yield make(kind, body)
    yield make(matroska.CODEC_PRIVATE, track.private)
    yield delay


def _settings(data: bytes, track: NewTrack) -> Iterator[bytes]:
    rate = struct.pack(">d", track.sample_rate_hz)
    yield make(matroska.SAMPLING_FREQUENCY, rate)
    yield make(matroska.CHANNELS, _whole(track.channels))
    yield from _without(
        data, matroska.SAMPLING_FREQUENCY, matroska.OUTPUT_FREQUENCY, matroska.CHANNELS
    )


def _numbered(number: int) -> bytes:
    """A track's number in a block, coded as sizes are."""
    width = next(n for n in range(1, 9) if number < (1 << 7 * n) - 1)
    return (number | 1 << 7 * width).to_bytes(width, "big")


def _whole(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _with_last(packets: Iterable[Packet]) -> Iterator[tuple[Packet, bool]]:
    """Each packet, and whether it is the last."""
    before: Packet | None = None
    for packet in packets:
        if before is not None:
            yield before, False
        before = packet
    if before is not None:
        yield before, True
