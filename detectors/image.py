"""Finding the lattice mark in a picture, blindly: no original, no hint of what was done to it.

    >>> import numpy as np
    >>> from labeler.codec.keys import PUBLIC_KEY
    >>> from labeler.codec.payload import Handle, Origin, Payload
    >>> from labeler.marks.image import embed
    >>> picture = np.random.default_rng(1).integers(60, 190, (256, 384, 3), np.uint8)
    >>> marked = embed(picture, Payload(origin=Origin.GENERATED, handle=Handle(0, 42)))
    >>> str(detect(marked[20:230, 31:380], [PUBLIC_KEY]).payload.handle)
    '0000-0000002a'

The search has two halves. The first knows no key: lattices are proposed by the autocorrelation
(`detectors.geometry`) and tried with the synchronisation carriers (`detectors.synchronisation`),
cheapest and likeliest first, until one stands out (`detectors.search`). The second reads the few
best places under each key (`detectors.reading`): one more key costs a matrix product.

Where no lattice fits the whole picture, parts of it may be searched (`detectors.windows`); a tile
that stands out somewhere, and reads nowhere, is followed over the bent picture
(`detectors.registration`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors import front_end, windows
from detectors.mark_layers import MarkLayer, best_of
from detectors.reading import Heard, Reading, read
from detectors.registration import register
from detectors.report import Presence
from detectors.search import STANDS_OUT, hypotheses, search
from detectors.spectrum import Spectrum, analyse
from detectors.synchronisation import ORIENTATIONS, Place, hear_each
from detectors.tile_raster import map_of
from labeler.codec.keys import Key
from labeler.codec.lattice import NATIVE_PERIODS
from labeler.codec.payload import Payload
from labeler.codec.pixels import check_pixels
from labeler.codec.residual import without_shades
from labeler.codec.significance import p_value

__all__ = [
    "PRESENT_AT",
    "Detection",
    "Geometry",
    "detect",
    "detect_each",
    "geometry_of",
    "ring_of",
]

PRESENT_AT: Final = 1e-6
"""A mark is present when its p-value is at most this."""
_SMALL_PIXELS: Final = 150_000
"""Pictures up to this size are cheap enough for more looks when the first finds nothing."""
_CLOSER: Final = 2
"""How many times as large they are looked at then: what was scaled down has its mark at the finest
scale, where filters of a few pixels cannot tell it from the picture."""
_Look: TypeAlias = Callable[[NDArray[Any]], Spectrum]
_OF_SMALL: Final[Sequence[_Look]] = (
    partial(analyse, enlarged=_CLOSER),
    partial(analyse, holding_down=without_shades),
)
"""More ways to look at small ones; the last is for those that were blurred, too, and have lost the
fine grain."""
_LEARNED: Final[_Look] = partial(analyse, holding_down=front_end.estimate)
"""For those that were compressed hard. It costs some ten times the first look."""
_LARGE_PIXELS: Final = 8_000_000
"""Pictures from this size on cost so much to decode that their parts are searched too: photographs
of screens and scans of prints are as large."""
_FOLLOWED: Final = (5.8, 1.5 * STANDS_OUT)
"""Synchronisation statistics between which a tile may lie in a bent picture, and is followed where
it does not read: below is chance, above it reads."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the marked picture lies in what was examined."""

    period: float
    """Size of the tile, pixels of the examined picture: the root of its area."""
    rotation_deg: float
    """Anticlockwise turn of the picture, degrees, in [0, 360), after any flip."""
    mirrored: bool
    """Whether the picture was flipped."""
    aspect: float
    """Width of the tile over its height, as it was embedded."""
    origin: tuple[float, float] | None
    """A corner of a tile, the upper left one as it was embedded, pixels of the examined picture:
    x, y. The marked picture's own corner is a whole number of tiles away. None in a bent picture,
    where the tiles lie on no one lattice."""

    @classmethod
    def read(cls, members: Mapping[str, Any]) -> Self:
        """What `write` wrote."""
        origin = members["origin"]
        return cls(**{**members, "origin": None if origin is None else tuple(origin)})

    def write(self) -> dict[str, object]:
        """As a report has it, in JSON."""
        return {**asdict(self), "origin": None if self.origin is None else list(self.origin)}


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found in a picture."""

    presence: Presence
    """PRESENT: a mark under one of the keys. INCONCLUSIVE: the synchronisation carriers are there,
    but none of the keys reads what they frame: a mark under another key, or one too damaged.
    ABSENT: neither."""
    p_value: float
    """Probability of so strong a result under a key drawn at random, whatever the picture: every
    place, code word and key that was tried is counted."""
    payload: Payload | None
    """What the mark says; only where it is PRESENT and its CRC holds."""
    key_id: str | None
    """The key under which it is PRESENT."""
    geometry: Geometry | None
    """How the picture lies; only where it is PRESENT or INCONCLUSIVE."""
    synchronisation_p_value: float
    """Probability of so strong a synchronisation without any lattice mark: every lattice,
    orientation and shift that could have been tried is counted."""
    layers: tuple[MarkLayer, ...] = ()
    """What each key says under which a mark is PRESENT; only of `detect`."""

    def best_of(self, pictures: int) -> Detection:
        """What may be said if this is the best of so many pictures, frames or pages (Bonferroni).

        Args:
            pictures: How many were searched, at least 1.
        """
        return _conclude(
            replace(
                self,
                p_value=min(1.0, self.p_value * pictures),
                synchronisation_p_value=min(1.0, self.synchronisation_p_value * pictures),
                layers=best_of(self.layers, pictures, limit=PRESENT_AT),
            )
        )


def detect(
    pixels: NDArray[Any], keys: Mapping[str, Key] | Iterable[Key], *, patient: bool = False
) -> Detection:
    """Look for the strongest mark under any of ``keys``.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16, as stored.
        keys: A `Keyring` or keys.
        patient: Whether, where nothing reads, the picture is looked at through the learned front
            end, which finds marks after strong compression, and searched in parts, which finds
            them in strong perspective and curled paper. An unmarked picture then takes about ten
            times as long, some tenths of a second whatever its size. Parts of pictures of eight
            megapixels and more are searched anyway.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape or is empty, or no key was given.
    """
    ring = ring_of(keys)
    each = _examine(pixels, ring, patient=patient)
    layers = [
        MarkLayer(key_id=key.key_id, p_value=found.p_value, payload=found.payload)
        for key, found in zip(ring, each, strict=True)
    ]
    strongest = min(each, key=lambda found: found.p_value)
    return _conclude(
        replace(
            strongest,
            p_value=min(1.0, strongest.p_value * len(ring)),
            layers=best_of(layers, len(ring), limit=PRESENT_AT),
        )
    )


def detect_each(
    pixels: NDArray[Any], keys: Mapping[str, Key] | Iterable[Key], *, patient: bool = False
) -> list[Detection]:
    """Look for a mark under each of ``keys``: one detection a key, in order.

    The p-value of each counts its own key alone: whoever picks the best of many has to multiply.

    Args:
        pixels: As for `detect`.
        keys: As for `detect`.
        patient: As for `detect`.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape or is empty, or no key was given.
    """
    return [_conclude(each) for each in _examine(pixels, ring_of(keys), patient=patient)]


def ring_of(keys: Mapping[str, Key] | Iterable[Key]) -> list[Key]:
    """The keys of a `Keyring`, or these.

    Raises:
        ValueError: There are none.
    """
    ring = list(keys.values()) if isinstance(keys, Mapping) else list(keys)
    if not ring:
        raise ValueError("no key was given to look for")
    return ring


def _examine(pixels: NDArray[Any], keys: list[Key], *, patient: bool) -> list[Detection]:
    """All that can be said for each key, before anything is concluded from it."""
    check_pixels(pixels)
    spectrum, places = max(_looks(pixels), key=lambda look: _best(look[1]))
    seen = [windows.Part(spectrum, place) for place in places]
    heard = _hear(spectrum, places)
    readings = read(heard, keys)
    # What is looked at or for later comes after the others, whose weights then stay what they were.
    if patient and not _is_read(readings) and _best(places) < STANDS_OUT:
        learned = _LEARNED(pixels)
        found = search(learned, NATIVE_PERIODS)
        seen += [windows.Part(learned, place) for place in found]
        heard += _hear(learned, found)
        readings = read(heard, keys)
    # A tile is followed as the first look has it: the parts are searched in the same way.
    in_parts = patient or pixels.shape[0] * pixels.shape[1] >= _LARGE_PIXELS
    part = _bent_part(spectrum, places, in_parts=in_parts)
    if part and not _is_read(readings):
        readings = read(heard + register(spectrum, part), keys)
    tried = hypotheses(len(NATIVE_PERIODS)) + (windows.hypotheses() if in_parts else 0)
    chance = math.log((len(_looks_at(pixels)) + patient) * tried)
    loudest = max((each.place.z for each in (*seen, part) if each), default=0.0)
    synchronisation_p_value = p_value(loudest, log_hypotheses=chance)
    return [
        Detection(
            presence=Presence.ABSENT,
            p_value=reading.p_value,
            payload=reading.payload,
            key_id=key.key_id,
            geometry=geometry,
            synchronisation_p_value=synchronisation_p_value,
        )
        for key, reading, geometry in zip(keys, readings, _lying(readings, seen, part), strict=True)
    ]


def _bent_part(spectrum: Spectrum, places: list[Place], *, in_parts: bool) -> windows.Part | None:
    """From where a tile is followed, if it has to be: only synchronisation signs tell."""
    least, most = _FOLLOWED
    if _best(places) >= least:
        return windows.Part(spectrum, places[0]) if _best(places) < most else None
    part = windows.search_windows(spectrum, STANDS_OUT) if in_parts else None
    return part if part and part.place.z >= least else None


def _looks(pixels: NDArray[Any]) -> list[tuple[Spectrum, list[Place]]]:
    """One quick look after the other, until one finds something."""
    looks: list[tuple[Spectrum, list[Place]]] = []
    for look in _looks_at(pixels):
        spectrum = look(pixels)
        looks.append((spectrum, search(spectrum, NATIVE_PERIODS)))
        if _best(looks[-1][1]) >= STANDS_OUT:
            break
    return looks


def _looks_at(pixels: NDArray[Any]) -> Sequence[_Look]:
    """The quick ways in which a picture of this size may be looked at."""
    small = pixels.shape[0] * pixels.shape[1] <= _SMALL_PIXELS
    return (analyse, *(_OF_SMALL if small else ()))


def _hear(spectrum: Spectrum, places: Sequence[Place]) -> list[Heard]:
    values = hear_each(spectrum, places)
    return [Heard(place.z, said) for place, said in zip(places, values, strict=True)]


def _is_read(readings: Iterable[Reading]) -> bool:
    return any(reading.payload for reading in readings)


def _best(places: list[Place]) -> float:
    return places[0].z if places else 0.0


def _conclude(found: Detection) -> Detection:
    """Leave only what the significance allows to say."""
    if found.p_value <= PRESENT_AT:
        return replace(found, presence=Presence.PRESENT)
    if found.synchronisation_p_value <= PRESENT_AT:
        return replace(found, presence=Presence.INCONCLUSIVE, payload=None, key_id=None)
    return replace(found, presence=Presence.ABSENT, payload=None, key_id=None, geometry=None)


def _lying(
    readings: list[Reading], seen: list[windows.Part], part: windows.Part | None
) -> list[Geometry | None]:
    """How the tile lies where each key was read, or else where it stands out."""
    numbers = [reading.place for reading in readings]
    if part:
        beyond = len(seen)
        numbers = [min(each.place, beyond) if each.payload else beyond for each in readings]
        seen = [*seen, part]
    # Many keys share few places.
    used = set(numbers) if seen else set()
    once = {number: geometry_of(seen[number].place, seen[number].spectrum) for number in used}
    if part and len(seen) - 1 in once:
        once[len(seen) - 1] = replace(once[len(seen) - 1], origin=None)
    return [once.get(number) for number in numbers]


def geometry_of(place: Place, spectrum: Spectrum) -> Geometry:
    """How a place that was found in a picture's spectrum lies in the picture."""
    upright = place.lattice @ ORIENTATIONS[place.orientation] / spectrum.scale
    determinant = float(np.linalg.det(upright))
    x, y = map_of(place, (spectrum.width // 2, spectrum.height // 2))[:2, 2] / spectrum.scale
    across, down = np.linalg.norm(upright, axis=0)
    return Geometry(
        period=abs(determinant) ** 0.5,
        rotation_deg=round(float(np.degrees(np.arctan2(-upright[1, 0], upright[0, 0]))), 2) % 360,
        mirrored=determinant < 0,
        aspect=float(across / down),
        origin=(float(x), float(y)),
    )
