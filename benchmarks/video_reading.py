"""Reading the mark back from whatever became of a film: a film, a GIF, or one picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.outcomes import Outcome
from detectors import image, pictures, video
from labeler.codec.keys import Key, Keyring
from labeler.codec.luma import LumaFrame
from labeler.codec.payload import Payload, ShortPayload
from labeler.media.picture import open_picture
from labeler.media.video import open_video

__all__ = ["detect_all", "detect_any", "read"]

_PICTURES: Final = frozenset({".png", ".jpg"})
_ANIMATION: Final = ".gif"


@dataclass(frozen=True, slots=True)
class _Look:
    """What one detector says."""

    payload: Payload | ShortPayload | None
    p_value: float
    found: str


def read(path: Path, payload: Payload, key: Key, *, attack: str) -> Outcome:
    """What the detectors say about the file after ``attack``.

    A film goes to the detector for films, a GIF to the one for pictures, as in verification; a
    still picture goes to both, and only what both say counts.

    Raises:
        Exception: Whatever a detector raised, with a note on the attack.
    """
    start = time.process_time()
    try:
        looks = _looks(path, key)
    except Exception as error:
        error.add_note(f"while reading the mark after {attack}")
        raise
    return Outcome(
        attack=attack,
        exact=all(look.payload == payload for look in looks),
        wrong=any(look.payload not in {None, payload} for look in looks),
        p_value=max(look.p_value for look in looks),
        found="; ".join(look.found for look in looks),
        detect_cpu_s=time.process_time() - start,
    )


def _looks(path: Path, key: Key) -> Sequence[_Look]:
    if path.suffix in _PICTURES:
        return _picture_looks(path, key)
    if path.suffix == _ANIMATION:
        opened = open_picture(path.read_bytes(), name=path.name)
        evidence = pictures.detect(opened, Keyring([key]))
        p_value = evidence.finding.p_value
        detail = evidence.finding.detail.get("geometry")
        return [_Look(evidence.payload, 1.0 if p_value is None else p_value, str(detail))]
    detection = detect_any(path, [key])
    found = f"{detection.geometry}, {detection.frames_used} frames"
    return [_Look(detection.payload, detection.p_value, found)]


def _picture_looks(path: Path, key: Key) -> Sequence[_Look]:
    with Image.open(path) as picture:
        as_picture = image.detect(np.asarray(picture.convert("RGB")), [key])
    as_film = detect_any(path, [key])
    return [
        _Look(as_picture.payload, as_picture.p_value, f"as a picture: {as_picture.geometry}"),
        _Look(as_film.payload, as_film.p_value, f"as a frame: {as_film.geometry}"),
    ]


def detect_any(path: Path, keys: Sequence[Key]) -> video.Detection:
    """What the detector for films says of a film, or of a still picture as its only frame."""
    if path.suffix not in _PICTURES:
        return video.detect_file(path, keys)
    with Image.open(path) as picture:
        luma = np.asarray(picture.convert("L"))
    return video.detect_lumas([LumaFrame(0.0, luma, 8)], keys)


def detect_all(path: Path, keys: Sequence[Key]) -> Sequence[image.Detection | video.Detection]:
    """What the detector says under each key of a film, or of a still picture."""
    if path.suffix not in _PICTURES:
        return video.detect_each(open_video(path, name=path.name), keys)
    with Image.open(path) as picture:
        return image.detect_each(np.asarray(picture.convert("RGB")), keys)
