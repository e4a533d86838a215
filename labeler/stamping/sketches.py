"""What pictures looked like before they were marked, for the registry and the manifest.

A picture that is marked is sketched on its way (`labeler.stamping.pictures`). Here are those that
get no new mark: the ones that keep theirs, and the ones that have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from detectors.conclusion import Evidence
from labeler.codec.payload import Payload
from labeler.media.media_type import MediaKind
from labeler.stamping.interface import SKETCHED, Order, Tools

if TYPE_CHECKING:
    from labeler.codec.pixels import Pixels
    from labeler.codec.sketch import Sketch

__all__ = ["sketches_of_source"]

_UPRIGHT_DEG: Final = 0.1
_UNSTRETCHED: Final = 0.004
"""How far a picture may be turned or stretched so that its tiles still lie as in the sketch."""


def sketches_of_source(
    order: Order, tools: Tools, found: Evidence | None = None
) -> tuple[Sketch, ...]:
    """What a source that gets no new mark looks like; nothing of other content than pictures.

    Args:
        order: What was asked for.
        tools: What is the same for every file.
        found: The mark that it keeps; None: it has none.

    Raises:
        MediaError: The source cannot be decoded.
    """
    if order.media_type.kind is not MediaKind.IMAGE:
        return ()
    from labeler.stamping.pictures import unmarked_picture  # noqa: PLC0415 - slow, not always needed

    frames = islice(unmarked_picture(order, tools).frames(), SKETCHED)
    return tuple(_sketches(frames, found, tools))


def _sketches(frames: Iterator[Pixels], found: Evidence | None, tools: Tools) -> Iterator[Sketch]:
    from labeler.codec.sketch import sketch  # noqa: PLC0415 - as above

    for number, pixels in enumerate(frames):
        if found is None or found.finding.detail.get("frame") != number:
            yield sketch(pixels, period=None)
        else:
            yield _sketch_of_marked(pixels, found, tools)


def _sketch_of_marked(pixels: Pixels, found: Evidence, tools: Tools) -> Sketch:
    """The sketch of a picture with a mark, and how its tiles lie, if upright and all over it."""
    from detectors.evenness import confirmed  # noqa: PLC0415 - as above
    from detectors.image import Geometry  # noqa: PLC0415 - as above
    from labeler.codec.sketch import sketch  # noqa: PLC0415 - as above

    members, key_id = found.finding.detail.get("geometry"), found.finding.detail.get("key_id")
    if isinstance(members, dict) and isinstance(key_id, str) and isinstance(found.payload, Payload):
        geometry = Geometry.read(members)
        turned = abs((geometry.rotation_deg + 180) % 360 - 180) > _UPRIGHT_DEG
        if not (turned or geometry.mirrored or abs(geometry.aspect - 1) > _UNSTRETCHED):
            origin = confirmed(pixels, geometry, found.payload, tools.find_key(key_id)).origin
            if origin is not None:
                x, y = (place % geometry.period for place in origin)
                return sketch(pixels, period=geometry.period, corner=(x, y))
    return sketch(pixels, period=None)
