"""The fingerprint of a sound, taken where the sound is decoded.

A short mark has no room for a handle, only for a tag that many outputs share. What the sound sounds
like tells them apart. A whole mark leads to one output, and may have been copied from it: what that
sounds like tells. And a sound that has lost its mark may still be known. The registry that knows
the outputs is out of reach in the sandbox: the fingerprint travels in a finding of its own to where
`detectors.recognition` or `detectors.sound_likeness` compares it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from detectors.conclusion import Evidence
from detectors.report import Finding, Presence, Technique
from labeler.codec.acoustic import Fingerprint, fingerprint_blocks
from labeler.codec.sound import Samples

__all__ = ["MAX_TAKEN_S", "Stretch", "from_chunks", "from_text", "take", "take_for_registry"]

MAX_TAKEN_S: Final = 20.0
"""How much of the marked sound is fingerprinted, seconds: more than a short mark is made for."""
_MAX_TEXT: Final = 10_000
"""Longest fingerprint that is read, characters: what `MAX_TAKEN_S` needs, and a half more."""


MAX_SEARCHED_S: Final = 600.0
"""How much of a sound without a mark is fingerprinted, seconds."""
_CHUNK: Final = 8000
_MAX_CHUNKS: Final = 60
"""Texts that a long fingerprint is cut into: what `MAX_SEARCHED_S` needs, and a half more."""


class Stretch(Protocol):
    """A stretch of time, such as a `detectors.audio.Span`."""

    @property
    def start_s(self) -> float:
        """Where it begins, seconds."""

    @property
    def end_s(self) -> float:
        """Where it ends, seconds."""


def take(
    blocks: Iterable[Samples],
    sample_rate_hz: int,
    *,
    spans: Iterable[Stretch] = (),
    speed: float | None = None,
    pitch: float | None = None,
) -> Evidence:
    """Take the fingerprint of the sound that carries a short mark.

    Args:
        blocks: The channels that are heard, from the beginning; read only as far as is needed.
        sample_rate_hz: Samples a second.
        spans: Where the mark was found: the longest is taken; none: the beginning.
        speed: How much faster it plays than what was stamped; None: the same.
        pitch: How much higher it sounds; None: the same.

    Returns:
        A finding that is inconclusive until `detectors.recognition.resolve` has compared it.

    Raises:
        UnreadableMediaError: The sound is damaged before the end of what is taken.
    """
    start_s, end_s = _longest(spans)
    taken = fingerprint_blocks(
        _between(blocks, round(start_s * sample_rate_hz), round(end_s * sample_rate_hz)),
        sample_rate_hz,
        tempo=speed or 1.0,
        pitch=pitch or 1.0,
    )
    return _evidence(
        {
            "fingerprint": base64.b64encode(taken.to_bytes()).decode("ascii"),
            "start_s": start_s,
            "duration_s": taken.duration_s,
        }
    )


def take_for_registry(
    blocks: Iterable[Samples],
    sample_rate_hz: int,
    *,
    spans: Sequence[Stretch] = (),
    speed: float | None = None,
    pitch: float | None = None,
) -> Evidence:
    """Take the fingerprint of a sound that a registry may know, by a whole mark or without any.

    Args:
        blocks: As for `take`.
        sample_rate_hz: Samples a second.
        spans: Where a whole mark was found: the longest is taken; none: the first ten minutes.
        speed: As for `take`.
        pitch: As for `take`.

    Returns:
        A finding that is inconclusive until `detectors.sound_likeness` has compared it.

    Raises:
        UnreadableMediaError: The sound is damaged before the end of what is taken.
    """
    start_s, end_s = _longest(spans) if spans else (0.0, MAX_SEARCHED_S)
    taken = fingerprint_blocks(
        _between(blocks, round(start_s * sample_rate_hz), round(end_s * sample_rate_hz)),
        sample_rate_hz,
        tempo=speed or 1.0,
        pitch=pitch or 1.0,
    )
    text = base64.b64encode(taken.to_bytes()).decode("ascii")
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    return _evidence({"heard": chunks, "start_s": start_s})


def _longest(spans: Iterable[Stretch]) -> tuple[float, float]:
    """The longest stretch, or the beginning, as far as it is taken."""
    start_s, end_s = max(
        ((span.start_s, span.end_s) for span in spans),
        key=lambda span: span[1] - span[0],
        default=(0.0, MAX_TAKEN_S),
    )
    return start_s, min(end_s, start_s + MAX_TAKEN_S)


def _evidence(detail: Mapping[str, object]) -> Evidence:
    finding = Finding(
        technique=Technique.FINGERPRINT, presence=Presence.INCONCLUSIVE, detail=detail
    )
    return Evidence(finding=finding)


def from_chunks(chunks: object) -> Fingerprint | None:
    """The fingerprint in a finding of `take_for_registry`; None where it is none."""
    if not isinstance(chunks, Sequence) or not 0 < len(chunks) <= _MAX_CHUNKS:
        return None
    try:
        return Fingerprint.from_bytes(base64.b64decode("".join(chunks), validate=True))
    except (TypeError, ValueError):
        return None


def from_text(text: object) -> Fingerprint | None:
    """The fingerprint in a finding of `take`; None where it is none, whatever else it is."""
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        return None
    try:
        return Fingerprint.from_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        return None


def _between(blocks: Iterable[Samples], begin: int, end: int) -> Iterator[Samples]:
    """The samples from number ``begin`` to, not including, ``end``."""
    position = 0
    for block in blocks:
        yield block[max(0, begin - position) : max(0, end - position)]
        position += len(block)
        if position >= end:
            return
