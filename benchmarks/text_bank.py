"""Write a bank of next-token distributions that a real model meets in its own text.

    python -m benchmarks.text_bank CACHE_DIR tests/data/text/bank.npz

Of each of 512 places in texts that SmolLM2-135M-Instruct samples at temperatures 0.7 and 1.0 the
bank holds the 256 likeliest tokens: ``ids`` (512, 256) int32, and ``logits`` (512, 256) float16,
natural logarithms of their probabilities at temperature 1, descending. The rest is left
out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.language_model import PROMPTS, LanguageModel, load_model

__all__ = ["draw_bank", "main"]

_PLACES = 512
_KEPT = 256
_STEPS = 52
_TEMPERATURES = (0.7, 1.0)


def draw_bank(language: LanguageModel, *, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The ids and logits described above."""
    torch.manual_seed(seed)
    batch = language.encode(PROMPTS)
    temperatures = torch.tensor(
        [_TEMPERATURES[row % len(_TEMPERATURES)] for row in range(len(PROMPTS))]
    )
    ids, mask, past, seen = batch["input_ids"], batch["attention_mask"], None, []
    with torch.inference_mode():
        for _ in range(_STEPS):
            out = language.model(
                ids, attention_mask=mask, past_key_values=past, use_cache=True, logits_to_keep=1
            )
            past, logits = out.past_key_values, out.logits[:, -1].float()
            top = torch.log_softmax(logits, -1).topk(_KEPT, sorted=True)
            seen.append((top.indices.numpy(), top.values.numpy()))
            chances = torch.softmax(logits / temperatures[:, None], -1)
            ids = torch.multinomial(chances, 1)
            mask = torch.cat([mask, torch.ones_like(ids)], -1)
    # The first tokens of an answer are always the same few.
    places = np.stack([each[0] for each in seen[4:]]), np.stack([each[1] for each in seen[4:]])
    rows = [each.reshape(-1, _KEPT) for each in places]
    order = np.random.default_rng(seed).permutation(len(rows[0]))[:_PLACES]
    return rows[0][order].astype(np.int32), rows[1][order].astype(np.float16)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.text_bank", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("cache", type=Path, metavar="CACHE_DIR")
    parser.add_argument("bank", type=Path, metavar="BANK_FILE")
    options = parser.parse_args()
    ids, logits = draw_bank(load_model(options.cache), seed=1)
    np.savez_compressed(options.bank, ids=ids, logits=logits)


if __name__ == "__main__":
    main()
