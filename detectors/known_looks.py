"""Which outputs of a registry look or sound like something: indexes in memory, kept up to date.

The registry's tables are the truth. An index is made of them when it is first asked, and reads on
from where it ended whenever it is asked again; what was deleted since is dropped when it is looked
up. One million fingerprints of pictures take some 130 MB.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.acoustic import Fingerprint
from labeler.codec.acoustic_index import AcousticIndex
from labeler.codec.acoustic_search import Hit, search
from labeler.codec.hamming import HammingIndex, to_words
from labeler.codec.pdq import BITS
from labeler.codec.significance import p_value
from labeler.receipt import Receipt
from labeler.registry import RegistryReader
from labeler.registry.fingerprints import ACOUSTIC, PDQ

__all__ = ["KnownLooks", "KnownSounds", "LooksAlike"]

_MOST: Final = 100
"""Entries that are looked up of those that look alike, the nearest first."""
_INDEPENDENT: Final = 200
"""Bits of a PDQ hash that count as independent. Fewer than the 256 it has, as a
margin: p-values err towards nothing found."""
_SOUNDS: Final = 256
"""Fingerprints of sounds that are read at a time: those of a long film take megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LooksAlike:
    """An output that looks like what was asked for."""

    receipt: Receipt
    offset_ms: int
    """Of a film: when the moment is shown that looks alike."""
    query: int
    """Which of the hashes that were asked for."""
    distance: int
    """Bits in which the hashes differ."""
    p_value: float
    """Probability that any of the registry's pictures, unrelated to it, were as near."""


class KnownLooks:
    """Pictures and moments of films by what they look like. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index = HammingIndex()
        self._last = 0

    def find(self, hashes: NDArray[np.uint64], registry: RegistryReader) -> tuple[LooksAlike, ...]:
        """The outputs near to any of some PDQ hashes, the nearest first.

        Args:
            hashes: ``(m, 4)``: those of one picture in each orientation, or of moments of a film.
            registry: Where outputs are known.

        Raises:
            RegistryError: It cannot be read.
        """
        index = self._current(registry)
        found = index.search(hashes)
        alike: list[LooksAlike] = []
        for query, entry, distance in zip(
            found.queries[:_MOST].tolist(),
            found.ids[:_MOST].tolist(),
            found.distances[:_MOST].tolist(),
            strict=True,
        ):
            known = registry.find_fingerprinted(entry)
            if known is not None:
                alike.append(
                    LooksAlike(
                        receipt=known[0],
                        offset_ms=known[1],
                        query=query,
                        distance=distance,
                        p_value=_chance(distance, len(index) * len(hashes)),
                    )
                )
        return tuple(alike)

    def _current(self, registry: RegistryReader) -> HammingIndex:
        with self._lock:
            ids: list[int] = []
            words: list[NDArray[np.uint64]] = []
            for page in registry.fingerprints_after(self._last, PDQ):
                ids.extend(each.fingerprint_id for each in page)
                words.append(to_words([each.value for each in page]))
            if ids:
                # All at once: what was added is sorted in from time to time, which costs.
                self._index.add(np.concatenate(words), np.array(ids, np.int64))
                self._last = ids[-1]
            return self._index


class KnownSounds:
    """Sounds, and the sound of films, by what they sound like. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index: AcousticIndex[int] = AcousticIndex()
        self._last = 0

    def find(self, heard: Fingerprint, registry: RegistryReader) -> Sequence[Hit[int]]:
        """The fingerprints that a sound may be, or be a part of, by their numbers.

        Raises:
            RegistryError: The registry cannot be read, or holds a fingerprint that cannot.
        """
        with self._lock:
            for page in registry.fingerprints_after(self._last, ACOUSTIC, page=_SOUNDS):
                self._index.append(
                    (each.fingerprint_id, Fingerprint.from_bytes(each.value)) for each in page
                )
                self._last = page[-1].fingerprint_id
            index = self._index
        return search(index, heard, lambda entry: _fetch(entry, registry))


def _fetch(entry: int, registry: RegistryReader) -> Fingerprint | None:
    value = registry.fingerprint(entry)
    return None if value is None else Fingerprint.from_bytes(value)


def _chance(distance: int, pairs: int) -> float:
    """Probability that one of so many pairs of unrelated pictures is so near."""
    agreement = 1 - 2 * distance / BITS
    return p_value(agreement * math.sqrt(_INDEPENDENT), log_hypotheses=math.log(max(1, pairs)))
