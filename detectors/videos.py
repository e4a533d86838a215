"""Looking for the marks in a film: one look at its pictures, one at its sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Final

from detectors import sounds, video
from detectors.conclusion import Evidence
from detectors.mark_layers import write_layers
from detectors.report import Finding, Presence, Technique
from labeler.codec.keys import Keyring
from labeler.codec.luma import LumaFrame
from labeler.errors import MediaError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.audible import Audible
from labeler.media.video import Video
from labeler.provenance import Track
from labeler.receipt import write_payload

__all__ = ["as_evidence", "examine", "of_track"]

_UNREAD: Final = (
    "The film's pictures carry the pattern of a watermark, but none of the keys in use reads it: "
    "it was made with another key, or is too damaged."
)
_UNHEARD: Final = "The film's sound was not examined: {problem}."
_MOMENTS_EVERY_S: Final = 1.0
_REMAINS_EVERY_S: Final = 0.2
"""How densely the frames before a damage are looked at, seconds."""


def examine(
    film: Video,
    open_audible: Callable[[], Audible],
    keyring: Keyring,
    *,
    with_fingerprint: bool = False,
) -> Iterator[Evidence]:
    """Look for watermarks in a film's pictures and in its sound, up to where they are damaged.

    What is wrong with one of them does not hide what is in the other.

    Args:
        film: The opened file.
        open_audible: Opens its sound; called only where it has any.
        keyring: The keys to try.
        with_fingerprint: Whether to take fingerprints of both, too.

    Raises:
        MediaError: One of them is damaged or cannot be used; what was found, came before.
    """
    errors: list[MediaError] = []
    looks = [_examine_pictures(film, keyring)]
    if with_fingerprint:
        looks.append(_moments(film))
    if film.has_sound:
        looks.append(_examine_sound(open_audible, keyring, with_fingerprint=with_fingerprint))
    for look in looks:
        try:
            yield from look
        except MediaError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _examine_pictures(film: Video, keyring: Keyring) -> Iterator[Evidence]:
    try:
        found = video.detect(film, keyring)
    except UnreadableMediaError:
        remains = _remains(film)
        first = next(remains, None)
        if first is not None:
            found = video.detect_lumas(chain([first], remains), keyring)
            # That remains show no mark says nothing of the whole.
            if found.presence is Presence.PRESENT:
                yield of_track(as_evidence(found, film.duration_s), Track.VISUAL)
        raise
    yield of_track(as_evidence(found, film.duration_s), Track.VISUAL)


def _moments(film: Video) -> Iterator[Evidence]:
    from detectors.looks import take_film  # noqa: PLC0415 - not always needed

    yield take_film(film.frames(every_s=_MOMENTS_EVERY_S, skip=True))


def _examine_sound(
    open_audible: Callable[[], Audible], keyring: Keyring, *, with_fingerprint: bool
) -> Iterator[Evidence]:
    try:
        audible = open_audible()
    except UnsupportedMediaError as error:
        # The pictures can be judged all the same.
        unheard = Finding(technique=Technique.WATERMARK, presence=Presence.INCONCLUSIVE)
        warnings = (_UNHEARD.format(problem=error.problem),)
        yield of_track(Evidence(finding=unheard, warnings=warnings), Track.AUDIO)
        return
    for evidence in sounds.examine(audible, keyring, with_fingerprint=with_fingerprint):
        yield of_track(evidence, Track.AUDIO)


def of_track(evidence: Evidence, track: Track) -> Evidence:
    """The evidence with the film's track that it is about."""
    finding = evidence.finding
    detail = {"track": track.value, **finding.detail}
    return replace(evidence, finding=replace(finding, detail=detail))


def _remains(film: Video) -> Iterator[LumaFrame]:
    try:
        yield from film.frames(every_s=_REMAINS_EVERY_S)
    except UnreadableMediaError:
        return


def as_evidence(found: video.Detection, duration_s: float | None = None) -> Evidence:
    """What was found in a film's pictures, as evidence.

    Args:
        found: What was found.
        duration_s: How long the film plays, seconds, where that is known.
    """
    detail: Mapping[str, object] = {
        "payload": None if found.payload is None else write_payload(found.payload),
        "key_id": found.key_id,
        "layers": write_layers(found.layers),
        "spans": [[span.start_s, span.end_s] for span in found.spans],
        "duration_s": duration_s,
        "geometry": None if found.geometry is None else found.geometry.write(),
        "synchronisation_p_value": found.synchronisation_p_value,
        "frames_used": found.frames_used,
    }
    return Evidence(
        finding=Finding(
            technique=Technique.WATERMARK,
            presence=found.presence,
            p_value=found.p_value,
            detail=detail,
        ),
        payload=found.payload,
        layers=found.layers,
        warnings=(_UNREAD,) if found.presence is Presence.INCONCLUSIVE else (),
    )
