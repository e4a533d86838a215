"""The image mark in the frames of a picture: made, measured, and read back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import cv2
import numpy as np

from detectors import image, pictures
from detectors.conclusion import Evidence
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Payload
from labeler.codec.pixels import Pixels
from labeler.codec.sketch import Sketch, sketch
from labeler.credentials import SoftBinding
from labeler.errors import CapacityError
from labeler.marks import image as marks
from labeler.marks.signpost import Signpost
from labeler.media.content import Content
from labeler.media.picture import Picture, open_picture
from labeler.receipt import MarkReading
from labeler.stamping.interface import (
    SKETCHED,
    ExpectedWatermark,
    Marked,
    Order,
    Tools,
    expected_beside,
)
from labeler.stamping.labelling import AnyPicture, labelled_picture
from labeler.stamping.readback import lost, opening, readings
from labeler.stamping.sketches import sketches_of
from labeler.strength import Strength

__all__ = ["PictureWatermarking", "unmarked_picture"]

_TOO_FLAT = (
    "The picture is too flat, too small or too strongly compressed for it: use the strength "
    '"robust" (--strength), or a format with less compression'
)


class PictureWatermarking:
    """See `labeler.stamping.interface.Watermarking`."""

    def find(self, order: Order, tools: Tools) -> tuple[Evidence]:
        """See `Watermarking.find`."""
        return (pictures.detect(_open(order.content, order, tools), tools.keyring),)

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`.

        A blank page or a black frame cannot carry the mark; it is passed on as it is, as long as
        another can.
        """
        picture = unmarked_picture(order, tools)
        signpost = tools.signpost_for(payload)
        marking = _Marking(payload, tools.key, tools.settings.strength, signpost)
        data = picture.encode(marking.frames(picture))
        if marking.refusal is not None and not marking.marked:
            raise marking.refusal
        frames = frozenset(marking.marked)
        return Marked(
            content=Content(data, order.content.name),
            watermark=ExpectedWatermark(
                carried=payload,
                payload=payload,
                key_id=tools.key.key_id,
                beside=expected_beside(signpost),
                frames=frames,
            ),
            sketches=tuple(marking.sketches),
            psnr_db=marking.psnr_db(),
            legibility=marking.legibility,
            remark=_remark(picture.frame_count, len(frames)),
        )

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        if not order.labels.visible:
            return order.content
        picture = unmarked_picture(order, tools)
        return Content(picture.encode(picture.frames()), order.content.name)

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding]:
        """See `Watermarking.bind`."""
        if not isinstance(watermark.carried, Payload):
            raise TypeError("pictures carry whole payloads")
        return (SoftBinding.for_payload(watermark.carried),)

    def sketches(self, order: Order, tools: Tools, found: Evidence | None) -> tuple[Sketch, ...]:
        """See `Watermarking.sketches`."""
        frames = islice(unmarked_picture(order, tools).frames(), SKETCHED)
        return tuple(sketches_of(frames, found, tools))

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> tuple[MarkReading, ...]:
        """See `Watermarking.check`; of several frames, the largest p-value."""
        keys = [tools.find_key(layer.key_id) for layer in expected.layers]
        with opening():
            picture = _open(written, order, tools)
            found = _search(picture, expected, keys)
        return found or lost(_TOO_FLAT, has_signpost=bool(expected.beside))

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> None:
        """See `Watermarking.fingerprint`: pictures carry whole payloads."""


def unmarked_picture(order: Order, tools: Tools) -> AnyPicture:
    """What is to be marked: the source with the labels that people see.

    Raises:
        MediaError: The source cannot be decoded.
    """
    return labelled_picture(_open(order.content, order, tools), order.labels.visible)


def _open(content: Content, order: Order, tools: Tools) -> Picture:
    return open_picture(content.data, name=order.content.name, max_pixels=tools.settings.max_pixels)


def _remark(frame_count: int, marked: int) -> str | None:
    bare = frame_count - marked
    return f"{bare} of {frame_count} frames are too flat to carry it" if bare else None


def _search(
    picture: Picture, expected: ExpectedWatermark, keys: Sequence[Key]
) -> tuple[MarkReading, ...] | None:
    """How the watermark reads; None where it does not."""
    if expected.frames is None:
        return readings(expected, pictures.detect(picture, Keyring(keys)).layers)
    worst: tuple[MarkReading, ...] | None = None
    for index, pixels in enumerate(picture.frames()):
        if index in expected.frames:
            read = readings(expected, image.detect(pixels, keys).layers)
            if read is None:
                return None
            worst = read if worst is None else tuple(map(_worse, worst, read))
    return worst


def _worse(one: MarkReading, other: MarkReading) -> MarkReading:
    return max(one, other, key=lambda each: each.p_value)


@dataclass(slots=True)
class _Marking:
    """Marks frames on their way to the encoder, which takes them one by one."""

    payload: Payload
    key: Key
    strength: Strength
    signpost: Signpost | None = None
    marked: list[int] = field(default_factory=list)
    sketches: list[Sketch] = field(default_factory=list)
    """Of the first frames, before they were marked."""
    refusal: CapacityError | None = None
    legibility: Mapping[str, float] | None = None
    """How legible the mark is expected to be in the frame where it is least so."""
    _squared_error: float = 0.0
    """Sum over all frames, each relative to its type's whole range."""
    _values: int = 0

    def frames(self, picture: AnyPicture) -> Iterator[Pixels]:
        last = picture.frame_count - 1
        for index, pixels in enumerate(picture.frames()):
            try:
                prepared = marks.prepare(
                    pixels,
                    self.payload,
                    self.key,
                    strength=self.strength,
                    signpost=self.signpost,
                )
            except CapacityError as error:
                self.refusal = error
                if index == last and not self.marked:
                    raise  # nothing would come of encoding
                self._sketch(pixels, None)
                yield pixels
                continue
            marked = prepared.embed()
            self.marked.append(index)
            self._sketch(pixels, prepared.period)
            self._measure(pixels, marked)
            self._expect(prepared.suitability.legibility)
            yield marked

    def _sketch(self, pixels: Pixels, period: int | None) -> None:
        if len(self.sketches) < SKETCHED:
            self.sketches.append(sketch(pixels, period=period))

    def _expect(self, legibility: Mapping[str, float]) -> None:
        """Keep the least of all frames."""
        before = self.legibility or {}
        least = {case: min(value, before.get(case, value)) for case, value in legibility.items()}
        self.legibility = {**before, **least} or None

    def _measure(self, before: Pixels, after: Pixels) -> None:
        peak = float(np.iinfo(before.dtype).max)
        self._squared_error += cv2.norm(before, after, cv2.NORM_L2SQR) / peak**2
        channels = 1 if before.ndim == 2 else 3  # alpha is no part of what is compared
        self._values += before.shape[0] * before.shape[1] * channels

    def psnr_db(self) -> float | None:
        if not self._squared_error:
            return None
        return 10 * math.log10(self._values / self._squared_error)
