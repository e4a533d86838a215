"""What a picture or a film looks like, taken where it is decoded.

A copy that has lost every mark is recognised by it, and a watermark in content that looks different
from what it was made for is seen not to belong there. The registry is out of reach in the sandbox:
fingerprints travel in a finding of their own to where `detectors.likeness` compares them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.conclusion import Evidence
from detectors.image import Geometry
from detectors.report import Finding, Presence, Technique
from labeler.codec.hamming import WORD_BYTES, to_words
from labeler.codec.luma import LumaFrame
from labeler.codec.moments import moments
from labeler.codec.pdq import LEAST_QUALITY, ORIENTATIONS, pdq
from labeler.codec.pixels import Pixels
from labeler.codec.sketch import Taken, take
from labeler.provenance import Track

__all__ = ["FilmLooks", "PictureLooks", "film_looks", "picture_looks", "take_film", "take_picture"]

_MOMENTS: Final = 200
"""Moments of a film that are compared, spread evenly."""
_CHUNK: Final = 8000
_CHUNKS: Final = 27


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureLooks:
    """What a picture looks like, in each orientation."""

    hashes: NDArray[np.uint64] | None
    """``(8, 4)`` its PDQ hash in each of `labeler.codec.pdq.ORIENTATIONS`; None where there is too
    little to see."""
    view: Taken
    """A small upright view of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilmLooks:
    """What some moments of a film look like."""

    hashes: NDArray[np.uint64]
    """``(n, 4)`` their PDQ hashes."""
    offsets_ms: NDArray[np.int64]
    """``(n,)`` when each is shown."""


def take_picture(pixels: Pixels, geometry: Geometry | None) -> Evidence:
    """The fingerprint of a picture, of one frame or page.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16.
        geometry: How a marked picture lies in it; None: no mark was found.

    Returns:
        A finding that is inconclusive until somebody has compared it.
    """
    hashed = pdq(pixels)
    usable = hashed.quality >= LEAST_QUALITY
    view = take(pixels) if geometry is None else take(pixels, **asdict(geometry))
    return _finding(
        {
            "pdq": [value.hex() for value in hashed.turned()] if usable else [],
            "view": _to_chunks(view.to_bytes()),
        }
    )


def take_film(frames: Iterable[LumaFrame]) -> Evidence:
    """The fingerprints of a film's moments.

    Args:
        frames: About one a second, in the order in which they are shown.
    """
    taken = list(moments(frames))
    count = min(len(taken), _MOMENTS)
    chosen = [taken[index * len(taken) // count] for index in range(count)]
    return _finding(
        {
            "track": Track.VISUAL.value,
            "moments": [[each.offset_ms, each.value.hex()] for each in chosen],
        }
    )


def picture_looks(detail: Mapping[str, object]) -> PictureLooks | None:
    """What `take_picture` said; None where it is something else."""
    digits, view = detail.get("pdq"), _from_chunks(detail.get("view"))
    if view is None or not isinstance(digits, Sequence):
        return None
    if not digits:
        return PictureLooks(hashes=None, view=view)
    hashes = _words(digits) if len(digits) == len(ORIENTATIONS) else None
    return None if hashes is None else PictureLooks(hashes=hashes, view=view)


def film_looks(detail: Mapping[str, object]) -> FilmLooks | None:
    """What `take_film` said; None where it is something else, or holds nothing to compare."""
    members = detail.get("moments")
    if not isinstance(members, Sequence) or not 0 < len(members) <= _MOMENTS:
        return None
    try:
        pairs = [(int(offset), digits) for offset, digits in members]
    except (TypeError, ValueError):
        return None
    hashes = _words([digits for _, digits in pairs])
    if hashes is None or any(not 0 <= offset < 1 << 40 for offset, _ in pairs):
        return None
    return FilmLooks(hashes=hashes, offsets_ms=np.array([offset for offset, _ in pairs], np.int64))


def _words(digits: Sequence[Any]) -> NDArray[np.uint64] | None:
    """Hashes in hexadecimal digits, which may come from a process that has been taken over."""
    try:
        values = [bytes.fromhex(each) for each in digits]
    except (TypeError, ValueError):
        return None
    return to_words(values) if all(len(each) == WORD_BYTES for each in values) else None


def _to_chunks(data: bytes) -> list[str]:
    """As texts that are short enough for a report."""
    text = base64.b64encode(data).decode("ascii")
    return [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]


def _from_chunks(chunks: object) -> Taken | None:
    if not isinstance(chunks, Sequence) or not 0 < len(chunks) <= _CHUNKS:
        return None
    try:
        return Taken.from_bytes(base64.b64decode("".join(chunks), validate=True))
    except (TypeError, ValueError):
        return None


def _finding(detail: Mapping[str, object]) -> Evidence:
    return Evidence(
        finding=Finding(
            technique=Technique.FINGERPRINT, presence=Presence.INCONCLUSIVE, detail=detail
        )
    )
