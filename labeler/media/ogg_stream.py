"""The one stream of sound in an Ogg file: its headers, its length, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from labeler.containers import ogg, opus, vorbis
from labeler.containers.damage import damaged
from labeler.containers.flac import frame_samples
from labeler.errors import UnsupportedMediaError
from labeler.media.content import open_regular

__all__ = ["FLAC", "OPUS", "VORBIS", "OggStream", "meter", "read_stream", "sound_packets"]

VORBIS: Final = b"\x01vorbis"
OPUS: Final = b"OpusHead"
FLAC: Final = b"\x7fFLAC"

_OTHERS: Final = (
    (b"\x80theora", "video"),
    (b"BBCD", "video"),
    (b"OVP80", "video"),
    (b"\x01video", "video"),
    (b"fishead", "a skeleton"),
    (b"CMML", "captions"),
    (b"\x80kate", "captions"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OggStream:
    """What a pass over all pages told."""

    codec: bytes
    """`VORBIS`, `OPUS` or `FLAC`."""
    serial: int
    headers: tuple[bytes, ...] = field(repr=False)
    """The packets in front of the sound."""
    first_granule: int
    """Position in time of the first frame that is decoded; below 0 where some are not played."""
    last_granule: int
    """Position behind the last frame that is played."""
    decoded: int
    """Frames that the packets stand for."""
    size: int
    """Bytes of the packets with sound."""
    damage: str | None


def read_stream(path: Path) -> OggStream:
    """Look at every page of a file.

    Raises:
        UnreadableMediaError: It has no headers, or they are damaged.
        UnsupportedMediaError: There is something else beside the sound, or behind it.
    """
    with open_regular(path) as file:
        watch = _Watch(path.stat().st_size)
        packets = ogg.packets(watch.over(ogg.pages(file)))
        headers = _read_headers(packets)
        clock = _Clock(meter(headers))
        for packet in packets:
            clock.pass_over(packet)
    watch.finish()
    return OggStream(
        codec=next(codec for codec in (VORBIS, OPUS, FLAC) if headers[0].startswith(codec)),
        serial=watch.serial,
        headers=headers,
        first_granule=clock.first or 0,
        last_granule=clock.last,
        decoded=clock.decoded,
        size=clock.size,
        damage=watch.damage,
    )


def sound_packets(path: Path, header_count: int) -> Iterator[bytes]:
    """The packets behind the headers."""
    with open_regular(path) as file:
        for packet in islice(ogg.packets(ogg.pages(file)), header_count, None):
            yield packet.data


def _read_headers(packets: Iterator[ogg.Packet]) -> tuple[bytes, ...]:
    first = next((packet.data for packet in packets), b"")
    if first.startswith(FLAC):
        more = int.from_bytes(first[7:9], "big")
    elif first.startswith((VORBIS, OPUS)):
        more = 2 if first.startswith(VORBIS) else 1
    else:
        raise damaged("the Ogg file does not begin with the header of a sound")
    headers = [first, *(packet.data for packet in islice(packets, more))]
    # The number of FLAC's headers may be left open: the last one says that it is.
    while first.startswith(FLAC) and not more and not (headers[-1][0] & 0x80 and len(headers) > 1):
        following = next(packets, None)
        if following is None:
            break
        headers.append(following.data or b"\x80")
    if len(headers) < 1 + more:
        raise damaged("the Ogg file ends in the middle of its headers")
    return tuple(headers)


def meter(headers: tuple[bytes, ...]) -> Callable[[bytes], int]:
    """What tells how many frames come out of a decoder for each packet in turn."""
    if headers[0].startswith(OPUS):
        return opus.frames
    if headers[0].startswith(VORBIS):
        return vorbis.Meter(vorbis.read_timing(headers[0], headers[2])).frames
    return frame_samples


class _Clock:
    """Adds up what the packets stand for, and compares it with what the pages say."""

    def __init__(self, measure: Callable[[bytes], int]) -> None:
        self._measure = measure
        self.first: int | None = None
        self.last = 0
        self.decoded = 0
        self.size = 0

    def pass_over(self, packet: ogg.Packet) -> None:
        self.decoded += self._measure(packet.data)
        self.size += len(packet.data)
        granule = packet.page.granule
        if not packet.ends_page or granule is None:
            return
        self.last = granule
        if self.first is None:
            # What a stream of one page lacks is missing at its end.
            self.first = 0 if packet.page.is_last else granule - self.decoded


class _Watch:
    """Sees that the pages are those of one whole stream.

    Args:
        size: Bytes of the file.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._end = 0
        self._sequence: int | None = None
        self._only_first = True
        self.serial = 0
        self.damage: str | None = None

    def over(self, pages: Iterable[ogg.Page]) -> Iterator[ogg.Page]:
        """The pages of the stream."""
        for page in pages:
            self._look_for_gaps(page)
            if page.is_first and page.is_whole:
                self._begin(page)
            else:
                self._only_first = False
            if page.is_whole and page.serial == self.serial:
                if self._sequence is not None and page.sequence != self._sequence + 1:
                    self._report(f"pages are missing in front of byte {page.start}")
                self._sequence = page.sequence
                yield page
            elif page.is_whole:
                self._report(f"the page at byte {page.start} is of a stream that never began")

    def finish(self) -> None:
        """See that nothing follows the last page."""
        if self._end < self._size:
            self._report(f"what follows byte {self._end} is no Ogg page")

    def _begin(self, page: ogg.Page) -> None:
        if self._sequence is None:
            self.serial = page.serial
            return
        if not self._only_first:
            raise UnsupportedMediaError(
                "the Ogg file is a chain of several recordings",
                hint="Split it into one file for each, then try again",
            )
        kind = next((name for head, name in _OTHERS if page.body.startswith(head)), "another sound")
        raise UnsupportedMediaError(
            f"the Ogg file holds {kind} beside the sound", hint="Extract the sound first"
        )

    def _look_for_gaps(self, page: ogg.Page) -> None:
        if page.start != self._end:
            self._report(f"what follows byte {self._end} is no Ogg page")
        if not page.is_whole:
            self._report(f"the Ogg page at byte {page.start} is damaged or cut off")
        self._end = page.end

    def _report(self, damage: str) -> None:
        self.damage = self.damage or damage
