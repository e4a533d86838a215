"""Marked text from llama-cpp-python: a logits processor that makes the choice itself.

    from llama_cpp import LogitsProcessorList

    sampling = Sampling(temperature=0.8, top_p=0.95)
    processor = watermark_logits_processor(watermark, sampling=sampling)
    processors = LogitsProcessorList([processor])
    llama.create_completion(prompt, temperature=0.0, logits_processor=processors)
    log.info("generated", extra=processor.detectability.as_record())

It leaves one token to choose, so that the library's own temperature and truncation change nothing.
Penalties and grammars are applied by the library after it, too late: switch them off.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeler.integrations.generation import Rows
from labeler.marks.detectability import Detectability
from labeler.marks.sampling import Sampling
from labeler.marks.text import Watermark

__all__ = ["WatermarkLogitsProcessor", "watermark_logits_processor"]


class WatermarkLogitsProcessor:
    """What ``llama_cpp.LogitsProcessorList`` holds, for one completion."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def detectability(self) -> Detectability:
        """How well the mark will be found, for the log of requests.

        Raises:
            ValueError: No token was chosen yet.
        """
        if not self._rows.detectability:
            raise ValueError("no token was chosen yet")
        return self._rows.detectability[0]

    def __call__(
        self, input_ids: NDArray[np.integer[Any]], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Rule out all tokens but the next one.

        Args:
            input_ids: ``(n,)`` integers: prompt and what was written.
            scores: ``(V,)`` float32 logits.

        Returns:
            ``(V,)`` float32: 0 for the token chosen, -inf for the others.

        Raises:
            ValueError: The tokens do not go on where they were (a processor used again), or the
                logits hold NaN or +inf, or only -inf.
        """
        (chosen,) = self._rows.choose([np.asarray(input_ids)], [np.asarray(scores)])
        left = np.full_like(scores, -np.inf)
        left[chosen] = 0.0
        return left


def watermark_logits_processor(
    watermark: Watermark,
    *,
    sampling: Sampling,
    prompt_length: int | None = None,
    end_tokens: Collection[int] = (),
) -> WatermarkLogitsProcessor:
    """A processor for one completion.

    Args:
        watermark: What marks.
        sampling: How to draw.
        prompt_length: Tokens of the prompt; None for all that there are at the first call.
        end_tokens: Tokens after which the text is over.
    """
    return WatermarkLogitsProcessor(
        Rows(watermark, sampling, prompt_length=prompt_length, end_tokens=end_tokens)
    )
