"""Words, keys and scores that the engines' own code computes, for the tests to compare with.

Runs where PyTorch, pydantic and msgspec are installed, on the unpacked wheels of the engines; of
vLLM it executes the modules of the watermark alone, without the package around them::

    python -m benchmarks.engine_vectors VLLM_DIR SGLANG_DIR tests/data/text/engine_vectors.json

The folders are those that hold ``v1/watermarking`` and ``srt/sampling/watermarking``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

VOCABULARY = 200_000
SECRETS = (0, 42, 0x0123456789ABCDEF, 0xFEDCBA9876543210, (1 << 64) - 1)
WIDTHS = range(1, 9)
TEXTS = 3
TEXT_TOKENS = 60
NOT_NEEDED = {
    "vllm.logger": {"init_logger": lambda _name: None},
    "vllm.config.utils": {"config": lambda settings: settings},
    "vllm.v1.worker.gpu.sample.gumbel": {"gumbel_sample": None},
}
"""What the watermark's modules import and never use where only scores are computed."""


def vllm_vectors(folder: Path, rng: random.Random) -> dict[str, Any]:
    """What the modules under ``vllm/v1/watermarking`` give."""
    packages = ["", ".config", ".v1", ".v1.watermarking", ".v1.worker", ".v1.worker.gpu"]
    for each in [*packages, ".v1.worker.gpu.sample"]:
        hollow("vllm" + each, folder.joinpath(*each.split(".")[1:]))
    for name, members in NOT_NEEDED.items():
        hollow(name, folder / "nothing").__dict__.update(members)
    config = importlib.import_module("vllm.config.watermarking")
    return {
        "words": philox_words(rng),
        "dual_secrets": [
            [
                hexadecimal(config.derive_watermark_key(secret, name))
                for name in (b"key_a", b"key_b")
            ]
            for secret in SECRETS
        ],
        "texts": vllm_texts(rng),
    }


def philox_words(rng: random.Random) -> list[dict[str, Any]]:
    """Whole words: what turns them into numbers of 24 bits is left out."""
    torch = importlib.import_module("torch")
    philox = importlib.import_module("vllm.v1.watermarking.prfs.philox")
    shortened = philox.uint32_to_uniform
    philox.uint32_to_uniform = lambda words: words
    cases = []
    for width in WIDTHS:
        for secret in SECRETS:
            context = some_tokens(rng, width)
            if rng.random() < 0.3:  # the beginning of an output: no tokens before it
                missing = rng.randrange(1, width + 1)
                context[:missing] = [-1] * missing
            tokens = [0, 1, 2, 3, *some_tokens(rng, 4)]
            words = philox.PhiloxPRF(secret).uniform(torch.tensor([context]), torch.tensor(tokens))
            cases.append(
                {
                    "secret": hexadecimal(secret),
                    "context": context,
                    "tokens": tokens,
                    "words": words[0].tolist(),
                    "uniforms": shortened(words[0]).tolist(),
                }
            )
    philox.uint32_to_uniform = shortened
    return cases


def vllm_texts(rng: random.Random) -> list[dict[str, Any]]:
    """Scores of whole texts by vLLM's detectors."""
    gumbel = importlib.import_module("vllm.v1.watermarking.gumbel")
    cases = []
    for secret in SECRETS[:TEXTS]:
        for alpha in (None, 0.1, 0.5):
            tokens = repetitive_tokens(rng)
            detector = (
                gumbel.GumbelWatermarkDetector(secret)
                if alpha is None
                else gumbel.DualKeyGumbelWatermarkDetector(secret, alpha=alpha)
            )
            found = detector.detect(tokens)
            cases.append(
                {
                    "secret": hexadecimal(secret),
                    "alpha": alpha,
                    "tokens": tokens,
                    "scored": found.num_scored_tokens,
                    "score": found.score,
                    "p_value": found.p_value,
                }
            )
    return cases


def sglang_vectors(folder: Path, rng: random.Random) -> dict[str, Any]:
    """What ``sglang/srt/sampling/watermarking/detector.py`` gives."""
    for each in ("", ".srt", ".srt.sampling"):
        hollow("sglang" + each, folder.joinpath(*each.split(".")[1:]))
    detector = importlib.import_module("sglang.srt.sampling.watermarking.detector")
    cases = []
    for width in (*WIDTHS, 64):
        for secret, second in zip(SECRETS, reversed(SECRETS), strict=True):
            context, token = some_tokens(rng, width), some_tokens(rng, 1)[0]
            hashed = detector.hash_context(context)
            signed = [each - (1 << 64) if each >> 63 else each for each in (secret, second)]
            cases.append(
                {
                    "secrets": [hexadecimal(secret), hexadecimal(second)],
                    "context": context,
                    "token": token,
                    "hash": hashed,
                    "word": detector.watermark_hash(signed[0], hashed, token),
                    "coin": detector.position_coin(*signed, hashed),
                }
            )
    return {"words": cases, "texts": sglang_texts(detector, rng)}


def sglang_texts(detector: ModuleType, rng: random.Random) -> list[dict[str, Any]]:
    """Scores of whole texts, with prompts of several lengths and with one key or two."""
    cases = []
    for secret in SECRETS[:TEXTS]:
        for prompt in ([], some_tokens(rng, 2), some_tokens(rng, 9)):
            for second, probability in ((None, 0.5), (SECRETS[-2], 0.3)):
                tokens = repetitive_tokens(rng)
                found = detector.detect(
                    tokens,
                    key=hexadecimal(secret),
                    key_b=second and hexadecimal(second),
                    prompt_token_ids=prompt,
                    mixing_probability=probability,
                ).combined
                cases.append(
                    {
                        "secret": hexadecimal(secret),
                        "secret_b": second and hexadecimal(second),
                        "mixing_probability": probability,
                        "prompt": prompt,
                        "tokens": tokens,
                        "scored": found.num_contexts,
                        "score": found.score,
                        "log_p_value": found.log_p_value,
                    }
                )
    return cases


def some_tokens(rng: random.Random, count: int) -> list[int]:
    """Tokens of a vocabulary."""
    return [rng.randrange(VOCABULARY) for _ in range(count)]


def repetitive_tokens(rng: random.Random) -> list[int]:
    """A text some of whose contexts occur again."""
    tokens = some_tokens(rng, TEXT_TOKENS // 2)
    return [*tokens, *tokens[5:20], *some_tokens(rng, TEXT_TOKENS // 4)]


def hexadecimal(word: int) -> str:
    """Sixteen digits."""
    return f"{word:016x}"


def hollow(name: str, folder: Path) -> ModuleType:
    """A package that finds its modules in ``folder`` and runs no ``__init__`` of its own."""
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module
    return module


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine_vectors", description=__doc__
    )
    parser.add_argument("vllm", type=Path, metavar="VLLM_DIR")
    parser.add_argument("sglang", type=Path, metavar="SGLANG_DIR")
    parser.add_argument("file", type=Path, metavar="FILE")
    options = parser.parse_args()
    rng = random.Random(6)
    vectors = {
        "made_by": "benchmarks/engine_vectors.py on vLLM 0.33.0 and SGLang 0.5.23",
        "vllm": vllm_vectors(options.vllm, rng),
        "sglang": sglang_vectors(options.sglang, rng),
    }
    options.file.write_text(json.dumps(vectors, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
