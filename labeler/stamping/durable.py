"""What leads from a copy of an output back to it, when its metadata are gone.

The manifest store itself, what it says of the watermarks, and what the output looks and sounds
like: taken from what was written, as a decoder gives it. Only sketches (`Draft.sketches`) are of
pictures before they were marked: one with the mark in it would agree with whatever it is copied to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from labeler.errors import UnsupportedMediaError
from labeler.media.content import Content
from labeler.media.media_type import MediaKind
from labeler.registry import ContentFingerprint, DurableRecord
from labeler.registry.fingerprints import ACOUSTIC, PDQ, SKETCH
from labeler.stamping.interface import SKETCHED, Draft, Order, Tools
from labeler.stamping.media import medium_for
from labeler.stamping.readback import opening

if TYPE_CHECKING:
    from labeler.codec.pixels import Pixels

__all__ = ["make_durable"]


def make_durable(order: Order, draft: Draft, written: Content, tools: Tools) -> DurableRecord:
    """What the registry keeps of an output for its copies.

    Args:
        order: What was asked for.
        draft: What was made.
        written: What was read back from where it is written.
        tools: What is the same for every file.

    Raises:
        MarkNotVerifiedError: What was written cannot be decoded.
    """
    signature, watermark = draft.signature, draft.watermark
    watermarking = medium_for(order.media_type).watermarking
    bound = () if watermark is None else tuple(watermarking.bind(watermark))
    return DurableRecord(
        manifest=None if signature is None else signature.store,
        soft_bindings=() if signature is None else bound,
        fingerprints=(
            *(
                ContentFingerprint(algorithm=SKETCH, value=each.to_bytes())
                for each in draft.sketches
            ),
            *_fingerprints(written, order, tools),
        ),
    )


def _fingerprints(written: Content, order: Order, tools: Tools) -> Iterator[ContentFingerprint]:
    take = _TAKEN.get(order.media_type.kind)
    if take is not None:
        with opening():
            yield from take(written, order, tools)


def _of_picture(written: Content, order: Order, tools: Tools) -> Iterator[ContentFingerprint]:
    from labeler.media.picture import open_picture  # noqa: PLC0415 - slow, and not always needed

    limit = tools.settings.max_pixels
    picture = open_picture(written.data, name=order.content.name, max_pixels=limit)
    for pixels in islice(picture.frames(), SKETCHED):
        yield from _of_pixels(pixels)


def _of_film(written: Content, order: Order, tools: Tools) -> Iterator[ContentFingerprint]:
    from labeler.codec.moments import moments  # noqa: PLC0415 - as above
    from labeler.stamping.moving_pictures import open_film  # noqa: PLC0415 - as above

    film = open_film(written, order, tools)
    for moment in moments(film.frames(every_s=1.0, skip=True)):
        yield ContentFingerprint(algorithm=PDQ, value=moment.value, offset_ms=moment.offset_ms)
    if film.has_sound:
        try:
            yield from _of_sound(written, order, tools)
        except UnsupportedMediaError:  # what nothing here decodes, nobody recognises by it
            return


def _of_sound(written: Content, order: Order, tools: Tools) -> Iterator[ContentFingerprint]:
    from labeler.codec.acoustic import fingerprint_blocks  # noqa: PLC0415 - as above
    from labeler.stamping.sounds import open_audible  # noqa: PLC0415 - as above

    audible = open_audible(written, order, tools)
    taken = fingerprint_blocks(audible.blocks(), audible.sample_rate_hz)
    yield ContentFingerprint(algorithm=ACOUSTIC, value=taken.to_bytes())


def _of_pixels(pixels: Pixels) -> Iterator[ContentFingerprint]:
    from labeler.codec.pdq import LEAST_QUALITY, pdq  # noqa: PLC0415 - as above

    hashed = pdq(pixels)
    if hashed.quality >= LEAST_QUALITY:
        yield ContentFingerprint(algorithm=PDQ, value=hashed.value)


_TAKEN: Final[
    Mapping[MediaKind, Callable[[Content, Order, Tools], Iterator[ContentFingerprint]]]
] = {
    MediaKind.IMAGE: _of_picture,
    MediaKind.AUDIO: _of_sound,
    MediaKind.VIDEO: _of_film,
}
