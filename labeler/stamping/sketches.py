"""What pictures look like that get no new mark, for the registry and the manifest.

A picture that is marked is sketched on its way (`labeler.stamping.pictures`). Here are those that
keep the mark they have, and those that have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.conclusion import Evidence
from detectors.evenness import confirmed
from detectors.image import Geometry
from labeler.codec.payload import Payload
from labeler.codec.pixels import Pixels
from labeler.codec.sketch import Sketch, sketch
from labeler.stamping.interface import Tools

__all__ = ["sketches_of"]

_UPRIGHT_DEG: Final = 0.1
"""How far a picture may be turned so that its tiles still lie as in the sketch."""
_UNSTRETCHED: Final = 0.004
"""How far the width of a tile over its height may be from 1, likewise."""


def sketches_of(frames: Iterator[Pixels], found: Evidence | None, tools: Tools) -> Iterator[Sketch]:
    """The sketch of each frame.

    Args:
        frames: Of the source, with the order's labels.
        found: The mark that the source keeps; None: it has none.
        tools: What is the same for every file.
    """
    for number, pixels in enumerate(frames):
        if found is None or found.finding.detail.get("frame") != number:
            yield sketch(pixels, period=None)
        else:
            yield _sketch_of_marked(pixels, found, tools)


def _sketch_of_marked(pixels: Pixels, found: Evidence, tools: Tools) -> Sketch:
    """The sketch of a picture with a mark, and how its tiles lie, if upright and all over it."""
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
