"""What marking text costs per token, beside transformers' SynthID processor: one thread, same run.

    python -m benchmarks.text_cost

The logits are Gaussian. Labeler's session does all of sampling (temperature, truncation, choice);
transformers' processor does its own part only, for one row of a batch, and the sampling after it
comes on top. Each figure is the least of several.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from transformers.generation.logits_process import SynthIDTextWatermarkLogitsProcessor

from benchmarks.command import benchmark_parser, publish
from benchmarks.tables import markdown_table
from labeler.codec.keys import Key
from labeler.codec.tokens.keys import TextKey
from labeler.marks.text import Watermark

__all__ = ["main"]

_VOCABULARIES: Final = (32_000, 128_256, 262_144)
_SYNTHID_KEYS: Final = 30
_OURS: Final[dict[str, dict[str, Any]]] = {
    "top-k 64, top-p 0.95": {"top_k": 64, "top_p": 0.95},
    "top-p 0.95": {"top_p": 0.95},
    "whole vocabulary": {},
}


def main() -> None:
    """Run the program."""
    parser = benchmark_parser("text_cost", __doc__, workers=False)
    options = parser.parse_args()
    torch.set_num_threads(1)
    outcomes = [_measure(vocabulary) for vocabulary in _VOCABULARIES]
    header = ["ms per token", *(f"{each['vocabulary']:,}" for each in outcomes)]
    rows = [["SynthID, transformers", *(f"{each['synthid']:.1f}" for each in outcomes)]]
    for name in _OURS:
        cells = [f"{each[name]:.3f} ({each['synthid'] / each[name]:.0f} x)" for each in outcomes]
        rows += [[f"Labeler, {name}", *cells]]
    publish(options, markdown_table(header, rows), outcomes)


def _measure(vocabulary: int) -> dict[str, Any]:
    rng = np.random.default_rng(vocabulary)
    logits = rng.normal(0, 3, (64, vocabulary)).astype(np.float32)
    outcome: dict[str, Any] = {"vocabulary": vocabulary}
    watermark = Watermark(TextKey.derive(Key.from_bytes(bytes(range(32)))), rng=rng)
    for name, settings in _OURS.items():
        session = watermark.start(unmarked=0)

        def sample(at: int, session: Any = session, settings: dict[str, Any] = settings) -> None:
            session.sample(logits[at], temperature=0.8, **settings)

        outcome[name] = _least_ms(sample, 60)
    outcome["synthid"] = _least_ms(_synthid(logits), 8)
    return outcome


def _synthid(logits: Any) -> Callable[[int], object]:
    keys = np.random.default_rng(1).integers(0, 2**31, _SYNTHID_KEYS).tolist()
    processor = SynthIDTextWatermarkLogitsProcessor(
        ngram_len=5,
        keys=keys,
        sampling_table_size=2**16,
        sampling_table_seed=0,
        context_history_size=1024,
        device=torch.device("cpu"),
    )
    scores = torch.from_numpy(logits)
    written = [list(range(100, 110))]

    def step(at: int) -> None:
        written[0].append(1000 + 7 * at)
        processor(torch.tensor(written), scores[at : at + 1] / 0.8)

    return step


def _least_ms(step: Callable[[int], object], count: int) -> float:
    times = []
    for at in range(count):
        start = time.perf_counter()
        step(at)
        times.append(time.perf_counter() - start)
    # The first ones still warm up caches.
    return 1000 * min(times[3:])


if __name__ == "__main__":
    main()
