"""Vectors of transformers' own watermarks, for the tests of `labeler.codec.tokens`.

``python -m benchmarks.transformers_vectors tests/data/text/transformers_vectors.json`` in an
environment with torch and transformers; runs their code on the CPU, and none of Labeler's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    PreTrainedConfig,
    SynthIDTextWatermarkLogitsProcessor,
    WatermarkDetector,
    WatermarkLogitsProcessor,
)

_KGW_KEYS = (15485863, (1 << 61) + 987654321)
_WORDS = 40


def main() -> None:
    """Write the vectors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output

    found = {
        "made_by": {"torch": torch.__version__, "transformers": transformers.__version__},
        "generator": _generator(),
        "synthid": [_synthid(*each) for each in _synthid_cases()],
        "synthid_text": _synthid_text(),
        "kgw": [
            _kgw(key, vocabulary, seeding, width)
            for key in _KGW_KEYS
            for vocabulary, seeding, width in (
                (1000, "lefthash", 1),
                (49152, "lefthash", 3),
                (1000, "selfhash", 1),
                (1000, "selfhash", 4),
                (49152, "selfhash", 2),
            )
        ],
        "kgw_text": _kgw_text(),
    }
    output.write_text(json.dumps(found) + "\n")


def _generator() -> list[dict[str, Any]]:
    cases = []
    for seed in (0, 1, 0xFFFFFFFF, (1 << 40) + 12345, (1 << 64) - 1):
        for size in (1, 2, 700, 50257):
            generator = torch.Generator().manual_seed(seed)
            bits = torch.randint(0, 2, (64,), generator=generator)
            generator.manual_seed(seed)
            head = torch.randperm(size, generator=generator)[:200]
            cases.append({"seed": seed, "size": size, "bits": bits.tolist(), "head": head.tolist()})
    return cases


def _synthid_cases() -> list[tuple[list[int], int, int, int]]:
    generator = torch.Generator().manual_seed(1)
    large = torch.randint(-(1 << 62), 1 << 62, (30,), generator=generator).tolist()
    small = [654, 400, 836, 123, 340, 443, 597, 160, 57]
    return [(small, 5, 65536, 0), (large, 5, 65536, 0), (large, 2, 1024, 7), (small, 3, 10007, 3)]


def _processor(secrets: list[int], length: int, size: int, seed: int) -> Any:
    return SynthIDTextWatermarkLogitsProcessor(
        ngram_len=length,
        keys=secrets,
        sampling_table_size=size,
        sampling_table_seed=seed,
        context_history_size=1024,
        device=torch.device("cpu"),
    )


def _synthid(secrets: list[int], length: int, size: int, seed: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, 260_000, (1, 24), generator=generator)
    found = _processor(secrets, length, size, seed).compute_g_values(tokens)[0]
    return {
        "secrets": secrets,
        "ngram_length": length,
        "table_size": size,
        "table_seed": seed,
        "tokens": tokens[0].tolist(),
        "g_values": ["".join(map(str, row)) for row in found.tolist()],
    }


def _synthid_text() -> dict[str, Any]:
    """Tokens drawn through the processor, the same few often enough to repeat contexts."""
    secrets = _synthid_cases()[1][0]
    processor = _processor(secrets, 3, 65536, 0)
    generator = torch.Generator().manual_seed(3)
    tokens = torch.zeros((1, 1), dtype=torch.long)
    for _ in range(300):
        scores = torch.randn((1, _WORDS), generator=generator)
        chances = torch.softmax(processor(tokens, scores), dim=1)
        drawn = torch.multinomial(chances, 1, generator=generator)
        tokens = torch.cat([tokens, drawn], dim=1)
    mask = processor.compute_context_repetition_mask(tokens[:, 1:])[0]
    return {
        "secrets": secrets,
        "ngram_length": 3,
        "tokens": tokens[0, 1:].tolist(),
        "is_fresh": mask.int().tolist(),
    }


def _kgw(key: int, vocabulary: int, seeding: str, width: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(4)
    words = torch.randint(0, vocabulary, (12,), generator=generator)
    tokens = words[torch.randint(0, len(words), (60,), generator=generator)]
    own = 0 if seeding == "selfhash" else 1
    processor = _kgw_processor(key, vocabulary, seeding, width)
    greens = []
    list_of = processor._get_greenlist_ids  # noqa: SLF001 - there is no public way to a list
    for at in range(width - 1 + own, len(tokens)):
        prefix = tokens[at - width + 1 - own : at + 1 - own]
        greens.append(int(tokens[at] in list_of(prefix)))
    return {
        "secret": key,
        "vocabulary_size": vocabulary,
        "seeding": seeding,
        "context_width": width,
        "tokens": tokens.tolist(),
        "greens": greens,
        "counts": _detected(tokens, processor, key, vocabulary, seeding, width),
    }


def _detected(
    tokens: Any, processor: Any, key: int, vocabulary: int, seeding: str, width: int
) -> list[float]:
    """What transformers' detector counts when each n-gram counts once: scored, green."""
    config = PreTrainedConfig(vocab_size=vocabulary, bos_token_id=None)
    settings = {
        "greenlist_ratio": 0.25,
        "bias": 2.0,
        "hashing_key": key,
        "seeding_scheme": seeding,
        "context_width": width,
    }
    detector = WatermarkDetector(
        config, "cpu", settings, ignore_repeated_ngrams=True, max_cache_size=1000
    )
    detector.processor = processor
    scored, green = detector._score_ngrams_in_passage(tokens[None])  # noqa: SLF001 - no public counts
    return [float(scored[0]), float(green[0])]


def _kgw_processor(key: int, vocabulary: int, seeding: str, width: int) -> Any:
    return WatermarkLogitsProcessor(
        vocab_size=vocabulary,
        device="cpu",
        hashing_key=key,
        seeding_scheme=seeding,
        context_width=width,
    )


def _kgw_text() -> list[dict[str, Any]]:
    texts = []
    for seeding, width in (("lefthash", 1), ("selfhash", 3)):
        processor = _kgw_processor(_KGW_KEYS[0], 1000, seeding, width)
        generator = torch.Generator().manual_seed(5)
        tokens = torch.randint(0, 1000, (1, width), generator=generator)
        for _ in range(250):
            scores = torch.randn((1, 1000), generator=generator) * 2
            chances = torch.softmax(processor(tokens, scores), dim=1)
            drawn = torch.multinomial(chances, 1, generator=generator)
            tokens = torch.cat([tokens, drawn], dim=1)
        texts.append(
            {
                "secret": _KGW_KEYS[0],
                "vocabulary_size": 1000,
                "seeding": seeding,
                "context_width": width,
                "tokens": tokens[0].tolist(),
            }
        )
    return texts


if __name__ == "__main__":
    main()
