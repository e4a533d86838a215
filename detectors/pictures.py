"""Looking for the image mark in a picture file: in a still one, an animation, or pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from numpy.typing import NDArray

from detectors import image
from detectors.conclusion import Evidence
from detectors.report import Finding, Presence, Technique
from labeler.codec.keys import Keyring
from labeler.media.picture import Picture
from labeler.receipt import write_payload

__all__ = ["MAX_FRAMES", "detect", "detect_remains"]

MAX_FRAMES: Final = 8
"""Frames or pages that are searched, spread evenly: a search of unmarked pixels is not cheap."""

_UNREAD: Final = (
    "The picture carries the pattern of a watermark, but none of the keys in use reads it: it was "
    "made with another key, or is too damaged."
)


def detect(picture: Picture, keyring: Keyring) -> Evidence:
    """Look for a watermark until one frame or page shows one.

    Args:
        picture: The opened file.
        keyring: The keys to try.

    Raises:
        UnreadableMediaError: A frame is truncated or damaged.
    """
    searched = _spread(picture.frame_count)
    best: tuple[int, image.Detection] | None = None
    for index, pixels in enumerate(picture.frames()):
        if index not in searched:
            continue
        found = image.detect(pixels, keyring)
        if best is None or _rank(found) < _rank(best[1]):
            best = index, found
        if _rank(found)[0] == 0:
            break
    if best is None:
        return Evidence(finding=Finding(technique=Technique.WATERMARK, presence=Presence.ABSENT))
    return _as_evidence(*best, picture.frame_count, len(searched))


def detect_remains(pixels: NDArray[Any], keyring: Keyring) -> Evidence:
    """Look for a watermark in what is left of a damaged picture.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16.
        keyring: The keys to try.
    """
    return _as_evidence(0, image.detect(pixels, keyring), 1, 1)


def _spread(count: int) -> frozenset[int]:
    """Up to `MAX_FRAMES` numbers below ``count``, evenly apart, the first and last among them."""
    if count <= MAX_FRAMES:
        return frozenset(range(count))
    return frozenset(index * (count - 1) // (MAX_FRAMES - 1) for index in range(MAX_FRAMES))


_ORDER: Final = {Presence.PRESENT: 0, Presence.INCONCLUSIVE: 1, Presence.ABSENT: 2}


def _rank(found: image.Detection) -> tuple[int, float]:
    return _ORDER[found.presence], found.p_value


def _as_evidence(index: int, best: image.Detection, frame_count: int, searched: int) -> Evidence:
    found = best.best_of(searched)
    detail: Mapping[str, object] = {
        "payload": None if found.payload is None else write_payload(found.payload),
        "key_id": found.key_id,
        "geometry": None if found.geometry is None else asdict(found.geometry),
        "synchronisation_p_value": found.synchronisation_p_value,
        "frame": index,
        "frame_count": frame_count,
    }
    return Evidence(
        finding=Finding(
            technique=Technique.WATERMARK,
            presence=found.presence,
            p_value=found.p_value,
            detail=detail,
        ),
        payload=found.payload,
        warnings=(_UNREAD,) if found.presence is Presence.INCONCLUSIVE else (),
    )
