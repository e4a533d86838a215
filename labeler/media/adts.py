"""AAC in ADTS frames (``.aac``); its tags stay byte by byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from labeler.codec.sound import Samples
from labeler.containers import adts, framed, id3
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.aac_encoder import aac_encoder, undelayed
from labeler.media.av_sound import Coding, Packet, probe
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.packet_sound import PacketSound
from labeler.media.sound_interface import SoundLimits
from labeler.media.sound_times import tied_in_id3

__all__ = ["AdtsCodec"]

_PROBED_FRAMES: Final = 8


class AdtsCodec(PacketSound):
    """AAC without container.

    ADTS has no place for delays: the length is that of all frames, with what the first encoder
    added at both ends. What is written has as many frames, and nothing is shifted (see
    `undelayed`). It is AAC-LC (see `aac_encoder`), of the same MPEG version.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        with open_regular(path) as file:
            place = framed.locate(file, adts.parse)
            if place is None:
                raise damaged("the file has no frame of AAC")
            self._place = place
            header = place.first.header
            coding = Coding(
                codec="aac", sample_rate_hz=adts.RATES_HZ[header.rate_index], channels=2
            )
            first = islice(self._framed(file, 0), _PROBED_FRAMES)
            self._probed = probed = probe(coding, first)
            self._frames = probed.frames_per_packet
            file.seek(0)
            tied = tied_in_id3(file.read(place.start))
            count = sum(frame.header.blocks for frame in self._walk(file))
        super().__init__(
            path,
            media_type,
            coding=replace(
                coding,
                sample_rate_hz=probed.sample_rate_hz,
                channels=len(probed.channel_names),
            ),
            limits=limits,
            names=probed.channel_names,
            skip=0,
            length=count * self._frames,
            damage=place.damage,
            why_fixed=tied,
        )

    def _walk(self, file: BinaryIO) -> Iterator[framed.Frame[adts.Header]]:
        return framed.frames(file, self._place.start, adts.parse)

    def _framed(self, file: BinaryIO, frames: int) -> Iterator[Packet]:
        for frame in self._walk(file):
            yield Packet(frame.data, frames * frame.header.blocks)

    def _packets(self) -> Iterator[Packet]:
        with open_regular(self.path) as file:
            yield from self._framed(file, self._frames)

    def _write(self, blocks: Iterable[Samples], target: Path, _: int | None) -> None:
        place = self._place
        seconds = max(self.length or 0, 1) / self.sample_rate_hz
        encoder = aac_encoder(self._probed, bit_rate=8 * (place.end - place.start) / seconds)
        # AudioSpecificConfig: 5 bits of object type, 4 of rate, 4 of channels.
        setup = int.from_bytes(encoder.setup[:2], "big")
        rate_index, channels = setup >> 7 & 15, setup >> 3 & 15
        if rate_index >= len(adts.RATES_HZ) or not 0 < channels < 8:
            raise UnsupportedMediaError(
                f"ADTS has no number for sound of {self.sample_rate_hz} Hz with "
                f"{self.channels} such channels",
                hint="Convert it to M4A first",
            )
        with open_regular(self.path) as source, target.open("wb") as output:
            output.write(id3.without_manifest(source.read(place.start)))
            for packet in undelayed(encoder, blocks):
                output.write(
                    place.first.header.framed(packet.data, rate_index=rate_index, channels=channels)
                )
            source.seek(place.end)
            shutil.copyfileobj(source, output, 1 << 20)
