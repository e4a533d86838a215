"""Looking for the image mark in a picture file: in a still one, an animation, or pages.

A film that was saved as an animation may have lost so much that no frame shows its mark: then all
of them together are looked at, as `detectors.video` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from detectors import image
from detectors.conclusion import Evidence
from detectors.mark_layers import best_of, write_layers
from detectors.report import Finding, Presence, Technique
from labeler.codec.keys import Keyring
from labeler.codec.luma import LumaFrame
from labeler.codec.payload import Payload
from labeler.codec.pixels import Pixels, grey
from labeler.media.media_type import MediaType
from labeler.media.picture import Picture
from labeler.receipt import write_payload

if TYPE_CHECKING:
    from detectors import video

__all__ = ["MAX_FRAMES", "detect", "detect_remains", "looks_of"]

MAX_FRAMES: Final = 8
"""Frames or pages that are searched, spread evenly: a search of unmarked pixels is not cheap."""

_MAX_TOGETHER: Final = 300
"""Frames of an animation that are looked at together, spread evenly."""
_LOOKS: Final = 2
"""Ways in which an animation is looked at: each has to count the other, whichever finds it."""
_FRAME_S: Final = 0.1
"""Time that a frame of an animation is taken to be shown: order is all that counts here."""
_WITH_PAGES: Final = frozenset({MediaType.TIFF})

_UNREAD: Final = (
    "The picture carries the pattern of a watermark, but none of the keys in use reads it: it was "
    "made with another key, or is too damaged."
)


def detect(picture: Picture, keyring: Keyring, *, patient: bool = False) -> Evidence:
    """Look for a watermark until one frame or page shows one.

    Args:
        picture: The opened file.
        keyring: The keys to try.
        patient: Whether a picture that is alone in its file is searched patiently, see
            `detectors.image.detect`; for each of many frames that would be much.

    Raises:
        UnreadableMediaError: A frame is truncated or damaged.
    """
    searched = _spread(picture.frame_count, MAX_FRAMES)
    patient = patient and picture.frame_count == 1
    best: tuple[int, image.Detection] | None = None
    for index, pixels in enumerate(picture.frames()):
        if index not in searched:
            continue
        found = image.detect(pixels, keyring, patient=patient)
        if best is None or _rank(found) < _rank(best[1]):
            best = index, found
        if _rank(found)[0] == 0:
            break
    if best is None:
        return Evidence(finding=Finding(technique=Technique.WATERMARK, presence=Presence.ABSENT))
    is_animation = picture.frame_count > 1 and picture.media_type not in _WITH_PAGES
    index, found = best[0], best[1].best_of(len(searched) * (_LOOKS if is_animation else 1))
    if is_animation and found.presence is not Presence.PRESENT:
        together = _look_at_all(picture, keyring)
        if together.p_value * _LOOKS <= image.PRESENT_AT:
            return _evidence_of_all(together, picture.frame_count)
    return _as_evidence(index, found, picture.frame_count)


def looks_of(picture: Picture, found: Evidence, keyring: Keyring) -> Evidence:
    """The fingerprint of the frame or page in which a watermark was found, else of the first.

    Args:
        picture: The opened file.
        found: What `detect` found in it.
        keyring: The keys that were tried.

    Raises:
        UnreadableMediaError: A frame is truncated or damaged.
    """
    from detectors.looks import take_picture  # noqa: PLC0415 - not always needed

    detail = found.finding.detail
    geometry, frame = detail.get("geometry"), detail.get("frame")
    if not isinstance(geometry, dict) or not isinstance(frame, int):
        return take_picture(next(iter(picture.frames())), None)
    pixels = next(islice(picture.frames(), frame, None))
    return take_picture(pixels, _confirmed(pixels, image.Geometry.read(geometry), found, keyring))


def _confirmed(
    pixels: Pixels, geometry: image.Geometry, found: Evidence, keyring: Keyring
) -> image.Geometry:
    from detectors.evenness import confirmed  # noqa: PLC0415 - not always needed

    key_id = found.finding.detail.get("key_id")
    if not isinstance(found.payload, Payload) or not isinstance(key_id, str):
        return replace(geometry, origin=None)
    return confirmed(pixels, geometry, found.payload, keyring[key_id])


def detect_remains(pixels: NDArray[Any], keyring: Keyring) -> Evidence:
    """Look for a watermark in what is left of a damaged picture.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16.
        keyring: The keys to try.
    """
    return _as_evidence(0, image.detect(pixels, keyring), 1)


def _look_at_all(picture: Picture, keyring: Keyring) -> video.Detection:
    from detectors import video  # noqa: PLC0415 - only animations need it

    searched = _spread(picture.frame_count, _MAX_TOGETHER)
    frames = (
        LumaFrame(index * _FRAME_S, luma, 8 * luma.dtype.itemsize)
        for index, luma in enumerate(map(grey, picture.frames()))
        if index in searched
    )
    return video.detect_lumas(frames, keyring)


def _evidence_of_all(found: video.Detection, frame_count: int) -> Evidence:
    found = replace(found, layers=best_of(found.layers, _LOOKS, limit=image.PRESENT_AT))
    detail = _detail(found, frame=None, frame_count=frame_count)
    finding = Finding(
        technique=Technique.WATERMARK,
        presence=Presence.PRESENT,
        p_value=found.p_value * _LOOKS,
        detail=detail,
    )
    return Evidence(finding=finding, payload=found.payload, layers=found.layers)


def _spread(count: int, most: int) -> frozenset[int]:
    """Up to ``most`` numbers below ``count``, evenly apart, the first and last among them."""
    if count <= most:
        return frozenset(range(count))
    return frozenset(index * (count - 1) // (most - 1) for index in range(most))


_ORDER: Final = {Presence.PRESENT: 0, Presence.INCONCLUSIVE: 1, Presence.ABSENT: 2}


def _rank(found: image.Detection) -> tuple[int, float]:
    return _ORDER[found.presence], found.p_value


def _detail(
    found: image.Detection | video.Detection, *, frame: int | None, frame_count: int
) -> Mapping[str, object]:
    return {
        "payload": None if found.payload is None else write_payload(found.payload),
        "key_id": found.key_id,
        "layers": write_layers(found.layers),
        "geometry": None if found.geometry is None else found.geometry.write(),
        "synchronisation_p_value": found.synchronisation_p_value,
        "frame": frame,
        "frame_count": frame_count,
    }


def _as_evidence(index: int, found: image.Detection, frame_count: int) -> Evidence:
    return Evidence(
        finding=Finding(
            technique=Technique.WATERMARK,
            presence=found.presence,
            p_value=found.p_value,
            detail=_detail(found, frame=index, frame_count=frame_count),
        ),
        payload=found.payload,
        layers=found.layers,
        warnings=(_UNREAD,) if found.presence is Presence.INCONCLUSIVE else (),
    )
