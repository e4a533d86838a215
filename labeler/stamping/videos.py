"""The marks of a film: one in its pictures, one in its sound, with the same payload.

Only tracks that are declared synthetic get one (`Provenance.synthetic_tracks`):
`labeler.stamping.moving_pictures` makes the one, `labeler.stamping.sounds` the other, as in a file
of sound. The sound comes first: it takes seconds, and what it fails at is known before the pictures
are encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from detectors.conclusion import Evidence
from detectors.videos import of_track
from labeler.codec.acoustic import Fingerprint
from labeler.codec.payload import Payload
from labeler.codec.shingles import Shingles
from labeler.credentials import SoftBinding
from labeler.errors import CapacityError, LabelerError, UnsupportedMediaError
from labeler.media.content import Content
from labeler.media.sound import open_sound
from labeler.media.video import Video
from labeler.provenance import Track
from labeler.receipt import Layer, MarkReading
from labeler.stamping.interface import ExpectedWatermark, Marked, Order, Tools, Watermarking
from labeler.stamping.moving_pictures import MovingPictureWatermarking, open_film
from labeler.stamping.sounds import SoundWatermarking

__all__ = ["VideoWatermarking"]

_TRACKS: Final[Mapping[Track, Callable[[], Watermarking]]] = {
    Track.AUDIO: SoundWatermarking,
    Track.VISUAL: MovingPictureWatermarking,
}
"""In the order in which they are marked."""
_SHARES: Final = {Track.AUDIO: (0.0, 0.05), Track.VISUAL: (0.05, 1.0)}
"""What part of the marking each takes, roughly."""
_ONE_OF_SEVERAL: Final = "the sound: of {count} tracks only the one that plays by default"
_FIRST_OF_SEVERAL: Final = "the pictures: of {count} tracks only the first"
_OR_DECLARE: Final = "or, if the {track} not synthetic, say so (--synthetic-tracks {other})"
_ARE: Final = {Track.AUDIO: "sound is", Track.VISUAL: "pictures are"}
_SILENT_BELOW: Final = 1e-4
"""The sample value below which nobody hears anything: -80 dB of full scale."""


class VideoWatermarking:
    """See `labeler.stamping.interface.Watermarking`."""

    def find(self, order: Order, tools: Tools) -> tuple[Evidence, ...]:
        """See `Watermarking.find`."""
        looks: list[Evidence] = []
        for track in _tracks_of(open_film(order.content, order, tools)):
            # What nothing here can decode holds no mark that anyone could find.
            with suppress(UnsupportedMediaError):
                found = _TRACKS[track]().find(order, tools)
                looks.extend(of_track(each, track) for each in found)
        return tuple(looks)

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`.

        A synthetic track that cannot carry its mark is an error, unless it is silent sound, or the
        watermark may be missing: then what it does not cover is told.
        """
        film = open_film(order.content, order, tools)
        marking = _Marking(order)
        for track in marking.choose(film):
            step = marking.order_for(track)
            try:
                marking.take(track, _TRACKS[track]().mark(step, payload, tools))
            except (CapacityError, UnsupportedMediaError) as error:
                marking.go_without(track, error)
        marked = marking.result()
        return replace(marked, content=self._label(_bare(film, marked), marking, tools))

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        film = open_film(order.content, order, tools)
        return self._label(_tracks_of(film), _Marking(order), tools)

    def _label(self, tracks: Collection[Track], marking: _Marking, tools: Tools) -> Content:
        """Lay the labels on tracks that got no mark, and with it none."""
        for track in _TRACKS:
            if track in tracks:
                marking.put(_TRACKS[track]().label(marking.order_for(track), tools))
        return marking.content

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding, ...]:
        """See `Watermarking.bind`."""
        marks = watermark.tracks.items()
        return tuple(binding for track, mark in marks for binding in _TRACKS[track]().bind(mark))

    def sketches(self, order: Order, tools: Tools, found: Evidence | None) -> tuple[()]:  # noqa: ARG002 - pictures need them
        """See `Watermarking.sketches`: pictures alone are sketched."""
        return ()

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> tuple[MarkReading, ...]:
        """See `Watermarking.check`."""
        return tuple(
            replace(reading, track=track)
            for track, mark in expected.tracks.items()
            for reading in _TRACKS[track]().check(written, mark, order, tools)
        )

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> Fingerprint | Shingles | None:
        """See `Watermarking.fingerprint`: that of the sound, where its mark is short."""
        marks = {} if watermark is None else watermark.tracks
        taken = (
            _TRACKS[track]().fingerprint(written, mark, order, tools)
            for track, mark in marks.items()
        )
        return next((each for each in taken if each is not None), None)


def _bare(film: Video, marked: Marked) -> list[Track]:
    return [track for track in _tracks_of(film) if track not in marked.watermark.tracks]


def _tracks_of(film: Video) -> tuple[Track, ...]:
    return (Track.VISUAL, Track.AUDIO) if film.has_sound else (Track.VISUAL,)


@dataclass(slots=True)
class _Marking:
    """A film on its way through the marking of its tracks."""

    order: Order
    _content: Content = field(init=False)
    _chosen: list[Track] = field(default_factory=list)
    _marked: dict[Track, Marked] = field(default_factory=dict)
    _remarks: list[str] = field(default_factory=list)
    _refusal: LabelerError | None = None

    def __post_init__(self) -> None:
        self._content = self.order.content

    def choose(self, film: Video) -> list[Track]:
        """The tracks that are to be marked, of those that are there, in that order.

        Raises:
            UnsupportedMediaError: All that was declared synthetic is missing.
        """
        present = _tracks_of(film)
        declared = self.order.provenance.synthetic_tracks or frozenset(present)
        if declared.isdisjoint(present):
            raise UnsupportedMediaError(
                "the film has no sound, which is all that was declared synthetic",
                hint="Correct what is declared (--synthetic-tracks)",
            )
        for track in Track:
            if track in declared and track not in present:
                self._remarks.append(f"none in the {track.label}: there is none")
            elif track in present and track not in declared:
                self._remarks.append(f"none in the {track.label}: not declared synthetic")
        chosen = [track for track in _TRACKS if track in declared and track in present]
        if film.sound_tracks > 1 and Track.AUDIO in chosen:
            self._remarks.append(_ONE_OF_SEVERAL.format(count=film.sound_tracks))
        if film.picture_tracks > 1 and Track.VISUAL in chosen:
            self._remarks.append(_FIRST_OF_SEVERAL.format(count=film.picture_tracks))
        self._chosen = chosen
        return chosen

    def order_for(self, track: Track) -> Order:
        """What is asked for of one track, in what the others have become."""
        start, end = _SHARES[track]
        whole = self.order.progress

        def progress(part: float) -> None:
            whole(start + (end - start) * part)

        return replace(self.order, content=self._content, progress=progress)

    def take(self, track: Track, marked: Marked) -> None:
        """The film with one more mark in it."""
        self.put(marked.content)
        self._marked[track] = marked
        if marked.remark is not None:
            self._remarks.append(f"the {track.label}: {marked.remark}")

    @property
    def content(self) -> Content:
        """The film as it is by now."""
        return self._content

    def put(self, content: Content) -> None:
        """Go on with another version of the film."""
        if self._content not in (self.order.content, content):
            self._content.local_path.unlink()
        self._content = content

    def go_without(self, track: Track, error: LabelerError) -> None:
        """Leave one track as it is, if that is allowed; else the error is raised."""
        is_silent = (
            track is Track.AUDIO
            and isinstance(error, CapacityError)
            and _is_silent(self._content, self.order)
        )
        if not is_silent and Layer.WATERMARK not in self.order.allow_missing:
            others = [each for each in self._chosen if each is not track]
            if others and error.hint:
                told = _OR_DECLARE.format(track=_ARE[track], other=others[0].value)
                error.hint = f"{error.hint}; {told}"
            raise error
        self._refusal = error
        self._remarks.append(f"none in the {track.label}: {error.problem}")

    def result(self) -> Marked:
        """The film with all its marks.

        Raises:
            CapacityError, UnsupportedMediaError: There are none.
        """
        if not self._marked:
            raise self._refusal or CapacityError("the film has no track to mark")
        marks = {track: each.watermark for track, each in self._marked.items()}
        psnr_db = (each.psnr_db for each in self._marked.values())
        snr_db = (each.snr_db for each in self._marked.values())
        return Marked(
            content=self._content,
            watermark=ExpectedWatermark.of_tracks(marks),
            psnr_db=next((each for each in psnr_db if each is not None), None),
            snr_db=next((each for each in snr_db if each is not None), None),
            remark="; ".join(self._remarks) or None,
        )


def _is_silent(content: Content, order: Order) -> bool:
    blocks = open_sound(content.local_path, name=order.content.name).blocks()
    return all(np.abs(block).max(initial=0.0) < _SILENT_BELOW for block in blocks)
