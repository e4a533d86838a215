"""Marking a picture with random, but repeatable, payloads and keys."""

from __future__ import annotations

import zlib

import numpy as np

from benchmarks.image_attacks import Pixels
from labeler.codec.keys import Key
from labeler.codec.payload import Handle, Origin, Payload
from labeler.marks.image import embed
from labeler.strength import Strength

__all__ = ["mark", "random_for", "random_key", "random_payload"]


def random_for(seed: int, label: str) -> np.random.Generator:
    """The random numbers of the thing that ``label`` names, whatever is measured before it."""
    return np.random.default_rng([seed, zlib.crc32(label.encode())])


def random_payload(random: np.random.Generator) -> Payload:
    """A payload with a random handle."""
    handle = Handle(int(random.integers(1 << 16)), int(random.integers(1 << 32)))
    return Payload(origin=Origin.GENERATED, handle=handle)


def random_key(random: np.random.Generator) -> Key:
    """A key that is secret from nobody who knows the seed."""
    return Key.from_bytes(random.bytes(32))


def mark(pixels: Pixels, payload: Payload, key: Key, *, strength: Strength = "balanced") -> Pixels:
    """`embed` for uint8 pixels, whose result is uint8 too."""
    return np.asarray(embed(pixels, payload, key, strength=strength), np.uint8)
