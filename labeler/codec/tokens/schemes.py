"""The watermarks of generated text that are known: what each engine's wire format needs to be read.

Labeler writes the first, `PhiloxGumbel`, and reads them all. None of the pseudo-random functions
that the engines chose is cryptographic: whoever knows a secret can forge its marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

__all__ = [
    "DEFAULT_CONTEXT_WIDTH",
    "ROBUST_CONTEXT_WIDTH",
    "Kgw",
    "MurmurDualGumbel",
    "MurmurGumbel",
    "PhiloxDualGumbel",
    "PhiloxGumbel",
    "Scheme",
    "Seeding",
    "SynthId",
]

DEFAULT_CONTEXT_WIDTH: Final = 4
"""Tokens before the sampled one that it depends on; what all engines default to."""
ROBUST_CONTEXT_WIDTH: Final = 2
"""The same for texts that will be edited: one changed token spoils fewer others."""


class Seeding(StrEnum):
    """Which tokens the green list of `Kgw` depends on."""

    LEFTHASH = "lefthash"
    SELFHASH = "selfhash"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhiloxGumbel:
    """Keyed Gumbel sampling as vLLM and Labeler write it."""

    name: ClassVar = "gumbel/philox4x32-10-v1"
    secret: int = field(repr=False)
    """0 to 2**64 - 1."""
    context_width: int = DEFAULT_CONTEXT_WIDTH
    """At least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhiloxDualGumbel:
    """The same with two keys derived from one, as vLLM writes it for speculative decoding."""

    name: ClassVar = "dual-gumbel/philox4x32-10-v1"
    secret: int = field(repr=False)
    """0 to 2**64 - 1; both keys are derived from it."""
    context_width: int = DEFAULT_CONTEXT_WIDTH
    alpha: float = 0.1
    """Probability of the second key, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MurmurGumbel:
    """Keyed Gumbel sampling as SGLang writes it; contexts begin in the prompt."""

    name: ClassVar = "gumbel/murmur3-sglang"
    secret: int = field(repr=False)
    """0 to 2**64 - 1."""
    context_width: int = DEFAULT_CONTEXT_WIDTH
    """1 to 64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MurmurDualGumbel:
    """The same with two keys, one of which each context chooses."""

    name: ClassVar = "dual-gumbel/murmur3-sglang"
    secret: int = field(repr=False)
    """Key A, 0 to 2**64 - 1."""
    secret_b: int = field(repr=False)
    """Key B, likewise."""
    context_width: int = DEFAULT_CONTEXT_WIDTH
    mixing_probability: float = 0.5
    """Of key A; strictly between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthId:
    """Tournament sampling as transformers' SynthID text processor writes it."""

    name: ClassVar = "synthid/hf-lcg"
    secrets: tuple[int, ...] = field(repr=False)
    """One for each layer of the tournament, usually 30."""
    ngram_length: int = 5
    """Tokens that are hashed, the sampled one included; at least 2."""
    sampling_table_size: int = 65536
    sampling_table_seed: int = 0
    context_history_size: int = 1024

    @property
    def context_width(self) -> int:
        """Tokens before the sampled one that are hashed with it."""
        return self.ngram_length - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kgw:
    """Green lists (Kirchenbauer and others 2023) as transformers' `WatermarkingConfig` writes them.

    The lists are drawn by PyTorch's generator on the CPU; one on a GPU draws others.
    """

    name: ClassVar = "kgw/hf"
    secret: int = field(repr=False)
    """The hashing key."""
    vocabulary_size: int
    """Length of the model's logits: the lists are permutations of so many tokens."""
    greenlist_ratio: float = 0.25
    seeding: Seeding = Seeding.LEFTHASH
    context_width: int = 1


Scheme: TypeAlias = (
    PhiloxGumbel | PhiloxDualGumbel | MurmurGumbel | MurmurDualGumbel | SynthId | Kgw
)
"""A watermark of generated text, with its secret."""
