"""The mark in the pictures of a film: made, measured, and read back."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

import numpy as np

from detectors import video as detector
from detectors import videos
from detectors.conclusion import Evidence
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Payload
from labeler.credentials import SoftBinding
from labeler.media.content import Content
from labeler.media.video import Video, VideoLimits, open_video
from labeler.receipt import MarkReading
from labeler.stamping.interface import (
    ExpectedWatermark,
    Marked,
    Order,
    Tools,
    expected_beside,
)
from labeler.stamping.labelling import overlay_for
from labeler.stamping.readback import lost, opening, readings
from labeler.stamping.trial import Trial

__all__ = ["MovingPictureWatermarking", "open_film"]

_PIECE_S: Final = 2.0
"""Length of the pieces of a film that are looked at, seconds: at its start, middle and end. The
mark of a film is the same everywhere, and a few seconds say all of it."""
_EVERY_S: Final = 0.25

_TOO_WEAK: Final = (
    'The pictures are too flat, too dark or too small for it: use the strength "robust" '
    "(--strength), or an encoding with more bits"
)


class MovingPictureWatermarking:
    """See `labeler.stamping.interface.Watermarking`; of a film, its pictures alone."""

    def find(self, order: Order, tools: Tools) -> tuple[Evidence]:
        """See `Watermarking.find`."""
        film = open_film(order.content, order, tools)
        return (videos.as_evidence(_glance(film, tools.keyring)),)

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`. The mark is made stronger than asked for where it has to be."""
        video = open_film(order.content, order, tools)
        signpost = tools.signpost_for(payload)
        trial = Trial(video, payload, tools.key, signpost)
        marker, remark = trial.choose(tools.settings.strength)
        target = order.scratch.new_file(order.media_type.extension)
        with order.scratch.writing():
            video.encode(
                marker.mark,
                target,
                overlay=overlay_for(video, order.labels.visible),
                progress=order.progress,
            )
        return Marked(
            content=Content.of_file(target, order.content.name),
            watermark=ExpectedWatermark(
                carried=payload,
                payload=payload,
                key_id=tools.key.key_id,
                beside=expected_beside(signpost),
            ),
            psnr_db=marker.psnr_db,
            remark=remark,
        )

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        if not order.labels.visible:
            return order.content
        video = open_film(order.content, order, tools)
        target = order.scratch.new_file(order.media_type.extension)
        with order.scratch.writing():
            video.encode(
                np.copy,
                target,
                overlay=overlay_for(video, order.labels.visible),
                progress=order.progress,
            )
        return Content.of_file(target, order.content.name)

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding]:
        """See `Watermarking.bind`."""
        if not isinstance(watermark.carried, Payload):
            raise TypeError("pictures carry whole payloads")
        return (SoftBinding.for_video(watermark.carried),)

    def sketches(self, order: Order, tools: Tools, found: Evidence | None) -> tuple[()]:  # noqa: ARG002 - pictures need them
        """See `Watermarking.sketches`: pictures alone are sketched."""
        return ()

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> tuple[MarkReading, ...]:
        """See `Watermarking.check`: where a few pieces do not say it, all of the film has to."""
        keys = [tools.find_key(layer.key_id) for layer in expected.layers]
        with opening():
            film = open_film(written, order, tools)
            for look in (_glance, detector.detect):
                read = readings(expected, look(film, keys).layers)
                if read is not None:
                    return read
        return lost(_TOO_WEAK, has_signpost=bool(expected.beside))

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> None:
        """See `Watermarking.fingerprint`: pictures carry whole payloads."""


def open_film(content: Content, order: Order, tools: Tools) -> Video:
    """The pictures of a film, within the limits of the settings.

    Raises:
        MediaError: It cannot be used.
    """
    settings = tools.settings
    limits = VideoLimits(max_pixels=settings.max_pixels, max_duration_s=settings.max_duration_s)
    return open_video(content.local_path, name=order.content.name, limits=limits)


def _glance(film: Video, keys: Iterable[Key] | Keyring) -> detector.Detection:
    """A look at some frames of a few pieces of a film, or of all of it where it is short."""
    duration_s = film.duration_s
    if duration_s is None or duration_s <= 3 * _PIECE_S:
        return detector.detect_lumas(film.frames(every_s=_EVERY_S, skip=True), keys)
    starts_s = (0.0, (duration_s - _PIECE_S) / 2, duration_s - _PIECE_S)
    pieces = (
        film.frames(every_s=_EVERY_S, start_s=start_s, end_s=start_s + _PIECE_S, skip=True)
        for start_s in starts_s
    )
    return detector.detect_lumas(chain.from_iterable(pieces), keys)
