"""Keyed shingles: what a text is recognised by, without the text.

A shingle is four words in a row. Under the key each word becomes 64 bits, and each shingle 64 bits
of BLAKE2b over its four words: without the key nobody can tell which words they were, nor try
words out; who has the key can try. So that few have to be stored, winnowing selects some of them
(Schleimer, Wilkerson, Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD
2003): the smallest of each eight in a row by another 64-bit mix of the words. Any 11 words in a row
that two texts share have a selected shingle in common; about 2 of 9 shingles are selected, more in
texts of fewer than 67 words.

Words are runs of letters and digits, compared without case, accents' encoding, apostrophes and
invisible characters (Unicode's NFKC and case folding). Where a script has no spaces, each three
characters in a row are a word.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.errors import CapacityError, WatermarkKeyError

__all__ = ["LEAST_WORDS", "SHINGLE_WORDS", "Selection", "Shingles", "shingles", "words"]

SHINGLE_WORDS: Final = 4
LEAST_WORDS: Final = 20
"""Texts with fewer are refused: they could be guessed by who has the key, and say too little."""
_WINDOW: Final = 8
_LEAST_SELECTED: Final = 4
_UPPER_HALF: Final = np.uint64(1 << 63)
_STREAM: Final = "labeler.text.shingles.v1"
_SECRET_BYTES: Final = 32
_PERSON_WORD: Final = b"labeler.word"
_PERSON_SHINGLE: Final = b"labeler.shingle"

# Invisible, or marks that are written or left out at will: soft hyphen, zero-width characters,
# direction marks, Hebrew points, Arabic vowels and the stretching line, variation selectors, tags.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670"
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
# Thai, Lao, Myanmar, Khmer, kana and ideographs.
_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Inside words: apostrophes, and the vowel signs of India, which Python counts with no letters.
_INSIDE: Final = "'\u2019\u02bc\u0900-\u0963\u0966-\u0dff"
_WORD: Final = re.compile(
    f"([{_SPACELESS}]+)|[^\\W_{_SPACELESS}]+(?:[{_INSIDE}]+[^\\W_{_SPACELESS}]*)*"
)
_APOSTROPHES: Final = str.maketrans("", "", "'\u2019\u02bc")
_SPACELESS_LETTERS: Final = 3

# SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
# OOPSLA 2014).
_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_STORED: Final = np.dtype([("value", "<u8"), ("place", "<u4")])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """What is stored of a text: its selected shingles, each one once."""

    values: NDArray[np.uint64] = field(repr=False)
    """``(n,)`` the shingles, in the order of their first words."""
    places: NDArray[np.int64]
    """``(n,)`` the number of each one's first word, ascending from 0."""

    def to_bytes(self) -> bytes:
        """Twelve bytes each: the shingle and its place, little-endian."""
        table = np.empty(len(self.values), _STORED)
        table["value"], table["place"] = self.values, self.places
        return table.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` gave.

        Raises:
            ValueError: ``data`` are something else.
        """
        table = np.frombuffer(data, _STORED)
        places = table["place"].astype(np.int64)
        if np.any(np.diff(places) <= 0):
            raise ValueError("the shingles of a text are out of order")
        return cls(values=table["value"].astype(np.uint64), places=places)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shingles:
    """What a text is looked for by: its shingles that others may have stored, each one once."""

    words: int
    """How many words the text has, at least `LEAST_WORDS`."""
    key_id: str
    """The key that they were made with; shingles of two keys have nothing in common."""
    values: NDArray[np.uint64] = field(repr=False)
    """``(n,)`` the shingles, in the order of their first words."""
    places: NDArray[np.int64] = field(repr=False)
    """``(n,)`` the number of each one's first word, ascending from 0."""
    is_selected: NDArray[np.bool_] = field(repr=False)
    """``(n,)`` which of them are stored."""

    @property
    def selection(self) -> Selection:
        """What is stored of the text."""
        return Selection(values=self.values[self.is_selected], places=self.places[self.is_selected])


def shingles(text: str, key: Key) -> Shingles:
    """The shingles of a text.

    Args:
        text: What a person reads of it; lines may be broken anywhere between words.
        key: The key of the log; a secret.

    Raises:
        CapacityError: It has fewer than `LEAST_WORDS` words, or says the same again and again.
        WatermarkKeyError: ``key`` is the public one: who has a log could try texts out.
    """
    if key == PUBLIC_KEY:
        raise WatermarkKeyError(
            "the public key cannot be the key of a fingerprint log",
            hint="Use a key of your own: `labeler keys init` makes one",
        )
    secret = key.stream(_STREAM).bytes(_SECRET_BYTES)
    hashes = _word_hashes(text, secret)
    if len(hashes) < LEAST_WORDS:
        raise CapacityError(
            f"the text has {len(hashes)} words, and {LEAST_WORDS} are needed to recognise it",
            hint="Keep such short texts together with what they are part of",
        )
    rows = sliding_window_view(hashes, SHINGLE_WORDS)
    mixed = _mix(rows)
    first = np.sort(np.unique(mixed, return_index=True)[1])
    # The same shingle is selected in one place and not in another; one place is enough.
    chosen = np.isin(mixed[first], mixed[_winnow(mixed)])
    # The smallest of eight is in the upper half once in 256 times: looked for is the rest.
    likely = chosen | (mixed[first] < _UPPER_HALF) | (len(mixed) < _WINDOW)
    first, chosen = first[likely], chosen[likely]
    if np.count_nonzero(chosen) < _LEAST_SELECTED:
        raise CapacityError(
            "the text says the same few words again and again: it cannot be recognised",
            hint="Keep such texts together with what they are part of",
        )
    return Shingles(
        words=len(hashes),
        key_id=key.key_id,
        values=_finish(np.ascontiguousarray(rows[first]), secret),
        places=first.astype(np.int64),
        is_selected=chosen,
    )


def words(text: str) -> Iterator[str]:
    """The words of a text as they are compared."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    for found in _WORD.finditer(plain):
        run = found.group(1)
        if run is None:
            yield found.group().translate(_APOSTROPHES)
        else:
            for start in range(max(1, len(run) - _SPACELESS_LETTERS + 1)):
                yield run[start : start + _SPACELESS_LETTERS]


def _word_hashes(text: str, secret: bytes) -> NDArray[np.uint64]:
    """``(n,)`` keyed 64 bits of each word."""
    known: dict[str, int] = {}
    hashes: list[int] = []
    for word in words(text):
        value = known.get(word)
        if value is None:
            digest = hashlib.blake2b(
                # Half a character (a surrogate) is a character like any other here.
                word.encode("utf-8", "surrogatepass"),
                digest_size=8,
                key=secret,
                person=_PERSON_WORD,
            ).digest()
            value = known[word] = int.from_bytes(digest, "little")
        hashes.append(value)
    return np.array(hashes, np.uint64)


def _mix(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """``(n,)`` 64 bits of each row, for choosing only: it is not hard to invert."""
    mixed = np.zeros(len(rows), np.uint64)
    for column in range(rows.shape[1]):
        mixed = (mixed ^ rows[:, column]) + _GAMMA
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _winnow(mixed: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The places of the smallest in each window, the last of equal ones."""
    # Short texts would be left with too few.
    size = min(_WINDOW, max(1, len(mixed) // _WINDOW))
    backwards = sliding_window_view(mixed[::-1], size)
    return np.unique(len(mixed) - 1 - (backwards.argmin(axis=1) + np.arange(len(backwards))))


def _finish(rows: NDArray[np.uint64], secret: bytes) -> NDArray[np.uint64]:
    """``(n,)`` what is stored or looked for: nothing can be computed back from it."""
    keyed = hashlib.blake2b(digest_size=8, key=secret, person=_PERSON_SHINGLE)
    data, step = rows.astype("<u8").tobytes(), 8 * SHINGLE_WORDS
    digests = bytearray()
    for start in range(0, len(data), step):
        each = keyed.copy()
        each.update(data[start : start + step])
        digests += each.digest()
    return np.frombuffer(bytes(digests), "<u8").astype(np.uint64)
