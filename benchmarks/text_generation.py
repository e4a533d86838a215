"""How well the mark is found in what a real model writes through the adapter for transformers.

    python -m benchmarks.text_generation CACHE_DIR [--write tests/data/text/texts.json]

SmolLM2-135M-Instruct answers up to forty prompts at each temperature with 400 tokens. Of the
beginnings of these texts it is counted in how many the whole-text test of the one key has
p <= 1e-6: with the tokens as they were generated, and with those that the tokenizer makes of their
text again.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import LogitsProcessorList

from benchmarks.command import benchmark_parser, publish
from benchmarks.language_model import PROMPTS, LanguageModel, load_model
from benchmarks.tables import markdown_table
from labeler.codec.keys import Key
from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.keys import TextKey, save_text_key
from labeler.codec.tokens.statistics import statistic_of
from labeler.integrations.transformers import watermark_logits_processor
from labeler.marks.detectability import Detectability
from labeler.marks.sampling import Sampling
from labeler.marks.text import Watermark

__all__ = ["Text", "generate", "log_p_value", "main"]

_TOKENS: Final = 400
_LENGTHS: Final = (50, 100, 150, 200, 400)
_FOUND: Final = math.log(1e-6)
_SAMPLINGS: Final = (Sampling(temperature=0.7, top_p=0.95), Sampling(temperature=1.0))


@dataclass(frozen=True, slots=True)
class Text:
    """What the model wrote."""

    temperature: float
    prompt: str
    tokens: tuple[int, ...]
    text: str
    detectability: Detectability


def generate(
    language: LanguageModel, key: TextKey, sampling: Sampling, prompts: Sequence[str], *, seed: int
) -> list[Text]:
    """One marked text of 400 tokens for each prompt."""
    batch = language.encode(tuple(prompts))
    processor = watermark_logits_processor(
        Watermark(key, rng=np.random.default_rng(seed)), sampling=sampling
    )
    with torch.inference_mode():
        rows = language.model.generate(
            **batch,
            do_sample=False,
            min_new_tokens=_TOKENS,
            max_new_tokens=_TOKENS,
            logits_processor=LogitsProcessorList([processor]),
        )
    written = rows[:, batch["input_ids"].shape[1] :].tolist()
    return [
        Text(sampling.temperature, prompt, tuple(row), language.decode(row), told)
        for prompt, row, told in zip(prompts, written, processor.detectability, strict=True)
    ]


def log_p_value(key: TextKey, tokens: Sequence[int]) -> float:
    """Of the whole-text test for one key."""
    statistic = statistic_of(key.scheme)
    contexts, scored, _ = windows(np.array(tokens, np.int64), statistic.context_width)
    first = first_occurrences(contexts)
    total = statistic.scores(contexts[first], scored[first]).sum()
    return statistic.log_tail(float(total), int(first.sum()))


def main() -> None:
    """Run the program."""
    parser = benchmark_parser("text_generation", __doc__, workers=False)
    parser.add_argument("cache", type=Path, metavar="CACHE_DIR")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write texts and tokens here")
    parser.add_argument("--count", type=int, default=len(PROMPTS), help="prompts (default: all)")
    options = parser.parse_args()
    language = load_model(options.cache)
    key = _key("text fixtures", options.cache)
    texts = [
        text
        for seed, sampling in enumerate(_SAMPLINGS)
        for text in generate(language, key, sampling, PROMPTS[: options.count], seed=seed)
    ]
    if options.write:
        options.write.write_text(_document(texts, key))
    other = _key("another key", options.cache)
    outcomes = [_outcome(language, text, key, other) for text in texts]
    publish(options, _report(texts, outcomes), outcomes)


def _key(name: str, cache: Path) -> TextKey:
    pin = hashlib.sha256((cache / "tokenizer.json").read_bytes()).hexdigest()
    root = Key.from_bytes(hashlib.sha256(name.encode()).digest())
    return TextKey.derive(root, tokenizer=pin, model="SmolLM2-135M-Instruct", epoch="2026-11")


def _document(texts: Sequence[Text], key: TextKey) -> str:
    with tempfile.TemporaryDirectory() as folder:
        described = json.loads(save_text_key(key, Path(folder)).read_text())
    members = [
        {
            "temperature": each.temperature,
            "prompt": each.prompt,
            "tokens": each.tokens,
            "text": each.text,
            "key": described,
        }
        for each in texts
    ]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in members)
    return f"[\n{lines}\n]\n"


def _outcome(language: LanguageModel, text: Text, key: TextKey, other: TextKey) -> dict[str, Any]:
    again = {n: language.tokenize(language.decode(text.tokens[:n])) for n in _LENGTHS}
    return {
        "temperature": text.temperature,
        "own": {n: log_p_value(key, text.tokens[:n]) for n in _LENGTHS},
        "again": {n: log_p_value(key, again[n]) for n in _LENGTHS},
        "other": {n: log_p_value(other, text.tokens[:n]) for n in _LENGTHS},
        "same": {n: again[n] == list(text.tokens[:n]) for n in _LENGTHS},
        "expected": text.detectability.expected_log_p_value,
    }


def _report(texts: Sequence[Text], outcomes: Sequence[dict[str, Any]]) -> str:
    header = [
        "T",
        "tokens",
        "found",
        "found again",
        "same tokens",
        "median lg p",
        "other key < .01",
    ]
    rows = []
    for sampling in _SAMPLINGS:
        chosen = [each for each in outcomes if each["temperature"] == sampling.temperature]
        for length in _LENGTHS:
            own = np.array([each["own"][length] for each in chosen])
            again = np.array([each["again"][length] for each in chosen])
            other = np.array([each["other"][length] for each in chosen])
            rows.append(
                [
                    sampling.temperature,
                    length,
                    f"{(own <= _FOUND).sum()} of {own.size}",
                    f"{(again <= _FOUND).sum()} of {again.size}",
                    sum(each["same"][length] for each in chosen),
                    f"{np.median(own) / math.log(10):.1f}",
                    int((other < math.log(0.01)).sum()),
                ]
            )
    told = [each["expected"] - each["own"][_TOKENS] for each in outcomes]
    return (
        markdown_table(header, rows)
        + f"\n\nlg p expected by the writer less lg p found, {_TOKENS} tokens: median"
        f" {np.median(told) / math.log(10):.1f}, from {min(told) / math.log(10):.1f} to"
        f" {max(told) / math.log(10):.1f}; {len({each.text for each in texts})} different texts"
    )


if __name__ == "__main__":
    main()
