"""Marked text from transformers: a logits processor that makes the choice itself.

    from transformers import LogitsProcessorList

    processor = watermark_logits_processor(watermark, generation_config=model.generation_config)
    model.generate(**inputs, do_sample=False, logits_processor=LogitsProcessorList([processor]))
    log.info("generated", extra=processor.detectability[0].as_record())

transformers runs processors of one's own before it applies temperature, top-k, top-p and min-p.
The processor therefore has these itself, and leaves one token to choose: whatever comes after it
changes nothing, and ``do_sample=False`` saves the work. Penalties and the like come before it, as
they should. Put it last in the list.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from labeler.integrations.generation import Rows
from labeler.marks.detectability import Detectability
from labeler.marks.sampling import Sampling
from labeler.marks.text import Watermark

__all__ = ["WatermarkLogitsProcessor", "sampling_of", "watermark_logits_processor"]

_DEFAULT_TOP_K: Final = 50
"""What ``generate`` takes where a configuration says nothing; 0 is no limit."""


class WatermarkLogitsProcessor:
    """A ``transformers.LogitsProcessor`` by its shape, for one call of ``generate``.

    It inherits from nothing, so that this module needs neither transformers nor PyTorch.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def detectability(self) -> tuple[Detectability, ...]:
        """How well the mark will be found in each row, for the log of requests."""
        return self._rows.detectability

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Rule out all tokens but the next one.

        Args:
            input_ids: ``(rows, n)`` tensor of token ids, prompt included.
            scores: ``(rows, V)`` tensor of logits.

        Returns:
            A tensor like ``scores``: 0 for the token chosen in each row, -inf for the others.

        Raises:
            ValueError: The rows do not go on where they were (beams, or a processor used again), or
                a row's logits hold NaN or +inf, or only -inf.
        """
        # Copied once for the whole batch; bfloat16 is nothing that numpy has.
        chosen = self._rows.choose(
            tuple(input_ids.cpu().numpy()), tuple(scores.detach().float().cpu().numpy())
        )
        left = scores.new_full(scores.shape, float("-inf"))
        left[list(range(len(chosen))), list(chosen)] = 0.0
        return left


def watermark_logits_processor(
    watermark: Watermark,
    *,
    generation_config: Any = None,
    sampling: Sampling | None = None,
    prompt_length: int | None = None,
    end_tokens: Collection[int] | None = None,
) -> WatermarkLogitsProcessor:
    """A processor for one call of ``generate``; each row of the batch is an answer of its own.

    Args:
        watermark: What marks.
        generation_config: Where sampling and end tokens come from, as far as the other arguments do
            not give them: a ``transformers.GenerationConfig``.
        sampling: How to draw; what ``generate`` is told of temperature, top-k, top-p and min-p has
            no effect.
        prompt_length: Tokens of a row that belong to the prompt; None for all that there are at the
            first call.
        end_tokens: Tokens after which a row is over.

    Raises:
        ValueError: Neither a configuration nor how to draw is given, or see `sampling_of`.
    """
    if sampling is None:
        if generation_config is None:
            raise ValueError("say how to draw: give a generation_config, or sampling")
        sampling = sampling_of(generation_config)
    if end_tokens is None:
        end_tokens = _end_tokens(generation_config)
    return WatermarkLogitsProcessor(
        Rows(watermark, sampling, prompt_length=prompt_length, end_tokens=end_tokens)
    )


def sampling_of(generation_config: Any) -> Sampling:
    """How a ``transformers.GenerationConfig`` draws tokens; ``do_sample`` in it is not looked at.

    What it leaves open is what ``generate`` takes then: of that only top-k limits anything, to 50.

    Raises:
        ValueError: It wants beams, or to draw in a way that `Sampling` does not have.
    """
    if (getattr(generation_config, "num_beams", None) or 1) > 1:
        raise ValueError("a search with beams draws no tokens that could be marked: num_beams=1")
    others = {"typical_p": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "top_h": None}
    for name, off in others.items():
        if getattr(generation_config, name, None) not in (None, off):
            raise ValueError(f"{name} is not supported with a watermark")
    values = {
        name: getattr(generation_config, name, None)
        for name in ("temperature", "top_p", "min_p", "top_k")
    }
    given: dict[str, Any] = {name: each for name, each in values.items() if each is not None}
    top_k = given.pop("top_k", _DEFAULT_TOP_K)
    return Sampling(**given, top_k=top_k or None)


def _end_tokens(generation_config: Any) -> Collection[int]:
    ends = getattr(generation_config, "eos_token_id", None)
    if ends is None:
        return ()
    return (ends,) if isinstance(ends, int) else tuple(ends)
