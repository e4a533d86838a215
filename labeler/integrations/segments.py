"""Marking a ``pydub.AudioSegment``.

    >>> from labeler.integrations import segments
    >>> marked = segments.embed(segment, payload)  # doctest: +SKIP
    >>> segments.detect(marked).payload == payload  # doctest: +SKIP
    True

Sample width, rate and channels stay as they are. A segment brings its class along, so that nothing
is imported here: pydub warns on import where it finds no ffmpeg, and from Python 3.13 on needs the
package audioop-lts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors import audio as detector
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.integrations.arrays import to_samples
from labeler.integrations.marking import mark
from labeler.provenance import Provenance
from labeler.receipt import Receipt
from labeler.settings import Settings
from labeler.stamping import stamp as stamp_file
from labeler.stamping.publication import Target
from labeler.strength import Strength

__all__ = ["Segment", "detect", "embed", "stamp"]

# pydub keeps 8-bit samples signed, and turns 24-bit ones into 32-bit ones when it reads them.
_DTYPES: Final[Mapping[int, np.dtype[np.signedinteger[Any]]]] = {
    1: np.dtype("<i1"),
    2: np.dtype("<i2"),
    4: np.dtype("<i4"),
}


class Segment(Protocol):
    """What is used of a ``pydub.AudioSegment``."""

    sample_width: int
    """Bytes a sample: 1, 2 or 4."""
    frame_rate: int
    """Samples a second in each channel."""
    channels: int

    @property
    def raw_data(self) -> bytes:
        """The samples, signed integers, channels interleaved."""


_Segment = TypeVar("_Segment", bound=Segment)


def embed(
    segment: _Segment,
    payload: Payload | ShortPayload,
    key: Key = PUBLIC_KEY,
    *,
    strength: Strength = "balanced",
) -> _Segment:
    """A new segment that carries a mark, which has been read back from it.

    Args:
        segment: A ``pydub.AudioSegment``; it stays as it is.
        payload: What the mark says; a segment that is too short for all of it gets the short form.
        key: The watermark key.
        strength: See `Strength`.

    Raises:
        CapacityError: The segment is too short or too quiet.
        ConflictError: It carries a mark under ``key`` already.
        MarkNotVerifiedError: The mark does not read back.
        TypeError: ``segment`` is something else.
    """
    samples = to_samples(_integers(segment))
    dtype = _DTYPES[segment.sample_width]
    marked = mark(samples, segment.frame_rate, payload, key, strength=strength, dtype=dtype)
    make: Any = type(segment)
    made: _Segment = make(
        data=marked.array.tobytes(),
        sample_width=segment.sample_width,
        frame_rate=segment.frame_rate,
        channels=segment.channels,
    )
    return made


def detect(
    segment: Segment,
    keys: Mapping[str, Key] | Iterable[Key] = (PUBLIC_KEY,),
    *,
    patient: bool = False,
) -> detector.Detection:
    """Look for a mark: see `detectors.audio.detect`.

    Raises:
        TypeError: ``segment`` is no ``pydub.AudioSegment``.
        ValueError: No key was given.
    """
    return detector.detect(
        to_samples(_integers(segment)), segment.frame_rate, keys, patient=patient
    )


def stamp(
    segment: Segment,
    target: Target,
    provenance: Provenance,
    *,
    settings: Settings | None = None,
    overwrite: bool = False,
) -> Receipt:
    """Write a segment as a WAV file with manifest, watermark and metadata: see `labeler.stamp`.

    For another format export the segment first, and stamp the file.

    Raises:
        LabelerError: Nothing was written.
        TypeError: ``segment`` is no ``pydub.AudioSegment``.
    """
    _check(segment)
    exported: Any = segment
    wave = BytesIO()
    exported.export(wave, format="wav")
    wave.seek(0)
    return stamp_file(wave, target, provenance, settings=settings, overwrite=overwrite)


def _check(segment: Segment) -> None:
    members = ("raw_data", "sample_width", "frame_rate", "channels")
    if not all(hasattr(segment, name) for name in members):
        raise TypeError(f"a {type(segment).__name__} is no pydub.AudioSegment")


def _integers(segment: Segment) -> NDArray[np.signedinteger[Any]]:
    """``(n, channels)`` the samples as they are kept."""
    _check(segment)
    integers = np.frombuffer(segment.raw_data, _DTYPES[segment.sample_width])
    return integers.reshape(-1, segment.channels)
