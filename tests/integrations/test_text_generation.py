"""The adapters for text generation, with the least that stands in for the libraries."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.tokens.keys import TextKey
from labeler.integrations import llama_cpp, transformers
from labeler.marks.sampling import Sampling
from labeler.marks.text import Watermark

KEY = TextKey.derive(Key.from_bytes(bytes(range(32))))
VOCABULARY = 200
SAMPLING = Sampling(temperature=0.9, top_k=50)


class Tensor:
    """As much of a torch tensor as the adapter touches."""

    def __init__(self, values, device="cuda:0"):
        self.values, self.device = np.asarray(values), device
        self.shape = self.values.shape

    def detach(self):
        return self

    def float(self):
        return Tensor(self.values.astype(np.float32), self.device)

    def cpu(self):
        return Tensor(self.values, "cpu")

    def numpy(self):
        assert self.device == "cpu"
        return self.values

    def new_full(self, shape, value):
        return Tensor(np.full(shape, value, self.values.dtype), self.device)

    def __setitem__(self, places, value):
        self.values[places[0], places[1]] = value


def watermark():
    return Watermark(KEY, rng=np.random.default_rng(4))


def logits_for(rows):
    return np.stack([np.random.default_rng(row).normal(0, 2, 200) for row in rows])


def generate(processor, prompts, count, force=()):
    """What ``generate`` does: the processor, then the greatest."""
    rows = [list(each) for each in prompts]
    for at in range(count):
        left = processor(Tensor(rows), Tensor(logits_for(rows)))
        assert left.device == "cuda:0"
        for row, each in zip(rows, left.values, strict=True):
            assert sorted(each)[-2:] == [-math.inf, 0]
            row.append(dict(force).get(at, int(each.argmax())))
    return rows


def test_rows_of_a_batch_are_answers_of_their_own():
    processor = transformers.watermark_logits_processor(watermark(), sampling=SAMPLING)
    prompts = [[1, 2, 3], [9, 2, 3], [1, 2, 3]]
    rows = generate(processor, prompts, 40)
    assert len({tuple(row[3:]) for row in rows}) == 3
    told = processor.detectability
    assert [each.tokens for each in told] == [40] * 3
    assert [each.scored for each in told] == [36] * 3


def test_a_row_is_what_a_session_alone_writes():
    processor = transformers.watermark_logits_processor(watermark(), sampling=SAMPLING)
    (row,) = generate(processor, [[5, 6]], 30)
    session, alone = watermark().start(), [5, 6]
    for _ in range(30):
        alone.append(
            session.sample(logits_for([alone])[0].astype(np.float32), temperature=0.9, top_k=50)
        )
    assert alone == row


def test_a_token_that_something_else_forces_is_taken_note_of():
    processor = transformers.watermark_logits_processor(watermark(), sampling=SAMPLING)
    generate(processor, [[5, 6]], 30, force={12: 199})
    free = transformers.watermark_logits_processor(watermark(), sampling=SAMPLING)
    generate(free, [[5, 6]], 30)
    assert processor.detectability[0].marked == free.detectability[0].marked - 1


def test_nothing_is_counted_after_the_end_of_a_row():
    config = SimpleNamespace(eos_token_id=[7, 8], temperature=1.0)
    processor = transformers.watermark_logits_processor(watermark(), generation_config=config)
    rows = [[1, 2], [3, 4]]
    for at in range(10):
        logits = logits_for(rows)
        if at == 5:
            logits[0, :] = -math.inf
            logits[0, 8] = 0
        left = processor(Tensor(rows), Tensor(logits)).values
        tokens = left.argmax(1)
        # The library pads what is over.
        rows = [[*row, 0 if 8 in row[2:] else int(t)] for row, t in zip(rows, tokens, strict=True)]
    assert [each.tokens for each in processor.detectability] == [6, 10]


def test_rows_that_change_places_are_refused():
    processor = transformers.watermark_logits_processor(watermark(), sampling=SAMPLING)
    rows = generate(processor, [[1, 2], [3, 4]], 6)
    swapped = [[*rows[1]], [*rows[0]]]
    with pytest.raises(ValueError, match="without beams"):
        processor(Tensor(swapped), Tensor(logits_for(swapped)))


@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2, 3, 4, 5]], [[1, 2, 3], [1, 2, 3]]])
def test_a_processor_serves_one_generation(rows):
    processor = transformers.watermark_logits_processor(watermark(), sampling=SAMPLING)
    generate(processor, [[1, 2]], 1)
    with pytest.raises(ValueError, match="for each generation"):
        processor(Tensor(rows), Tensor(logits_for(rows)))


def test_a_prompt_of_another_length_is_refused():
    processor = transformers.watermark_logits_processor(
        watermark(), sampling=SAMPLING, prompt_length=5
    )
    with pytest.raises(ValueError, match="prompts of 5"):
        generate(processor, [[1, 2]], 1)


def test_sampling_comes_from_a_generation_config():
    config = SimpleNamespace(
        temperature=0.6, top_k=20, top_p=0.9, min_p=None, num_beams=1, typical_p=1.0
    )
    assert transformers.sampling_of(config) == Sampling(temperature=0.6, top_k=20, top_p=0.9)
    assert transformers.sampling_of(SimpleNamespace(top_k=0)) == Sampling()
    assert transformers.sampling_of(SimpleNamespace(top_k=None)) == Sampling(top_k=50)


@pytest.mark.parametrize(
    "wrong", [{"num_beams": 4}, {"typical_p": 0.9}, {"epsilon_cutoff": 1e-4}, {"top_h": 0.4}]
)
def test_ways_to_draw_that_cannot_be_marked_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        transformers.watermark_logits_processor(
            watermark(), generation_config=SimpleNamespace(**wrong)
        )


def test_how_to_draw_has_to_be_said():
    with pytest.raises(ValueError, match="how to draw"):
        transformers.watermark_logits_processor(watermark())


def test_llama_gets_one_token_to_choose():
    processor = llama_cpp.watermark_logits_processor(watermark(), sampling=SAMPLING)
    with pytest.raises(ValueError, match="no token"):
        _ = processor.detectability
    tokens = [3, 1, 4]
    for _ in range(40):
        scores = logits_for([tokens])[0].astype(np.float32)
        left = processor(np.array(tokens, np.intc), scores)
        assert left.dtype == np.float32
        assert sorted(left)[-2:] == [-math.inf, 0]
        tokens.append(int(left.argmax()))
    assert processor.detectability.tokens == 40
    session, alone = watermark().start(), [3, 1, 4]
    for _ in range(40):
        alone.append(
            session.sample(logits_for([alone])[0].astype(np.float32), temperature=0.9, top_k=50)
        )
    assert alone == tokens
