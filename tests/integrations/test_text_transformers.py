"""The adapter for transformers, with transformers itself."""

import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.statistics import statistic_of
from labeler.integrations.transformers import watermark_logits_processor
from labeler.marks.sampling import Sampling, candidates
from labeler.marks.text import Watermark

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

KEY = TextKey.derive(Key.from_bytes(bytes(range(32))))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        eos_token_id=0,
        bos_token_id=1,
        pad_token_id=2,
    )
    return transformers.LlamaForCausalLM(config).eval()


def processors(*each):
    return transformers.LogitsProcessorList(list(each))


def log_p_value(tokens):
    statistic = statistic_of(KEY.scheme)
    contexts, scored, _ = windows(np.array(tokens), 4)
    first = first_occurrences(contexts)
    total = float(statistic.scores(contexts[first], scored[first]).sum())
    return statistic.log_tail(total, int(first.sum()))


@pytest.mark.parametrize("do_sample", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_generate_writes_is_marked(model, do_sample, dtype):
    processor = watermark_logits_processor(
        Watermark(KEY), sampling=Sampling(temperature=0.8, top_k=50, top_p=0.95)
    )
    prompts = torch.tensor([[1, 5, 6], [2, 1, 7]])
    rows = model.to(dtype).generate(
        prompts,
        attention_mask=(prompts != 2).long(),
        do_sample=do_sample,
        min_new_tokens=100,
        max_new_tokens=100,
        logits_processor=processors(processor),
    )
    model.float()
    for row, told in zip(rows[:, 3:].tolist(), processor.detectability, strict=True):
        assert told.tokens == 100
        assert told.is_markable
        assert log_p_value(row) < -14


def test_rows_that_are_over_count_no_padding(model):
    processor = watermark_logits_processor(
        Watermark(KEY, rng=np.random.default_rng(1)),
        generation_config=model.generation_config,
        sampling=Sampling(temperature=3.0),
    )
    bias = transformers.SequenceBiasLogitsProcessor([[[0], 12.0]])
    prompts = torch.tensor([[1, 5, 6]] * 6)
    rows = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        do_sample=False,
        max_new_tokens=60,
        logits_processor=processors(bias, processor),
    )[:, 3:].tolist()
    lengths = [row.index(0) + 1 if 0 in row else len(row) for row in rows]
    assert len(set(lengths)) > 1
    assert [each.tokens for each in processor.detectability] == lengths


def test_beams_have_one_way_to_go_which_is_marked(model):
    processor = watermark_logits_processor(Watermark(KEY), sampling=Sampling())
    prompt = torch.tensor([[1, 5, 6]])
    (row,) = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        num_beams=3,
        do_sample=False,
        min_new_tokens=60,
        max_new_tokens=60,
        logits_processor=processors(processor),
    )
    assert log_p_value(row[3:].tolist()) < -14


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0.7, top_k=40, top_p=0.9),
        Sampling(temperature=1.3, top_p=0.8, min_p=0.02),
        Sampling(top_k=5, min_p=0.3),
    ],
)
def test_truncation_is_that_of_transformers(sampling):
    logits = np.random.default_rng(3).normal(0, 3, 5000)
    warpers = processors(transformers.TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        warpers.append(transformers.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(transformers.TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        warpers.append(transformers.MinPLogitsWarper(sampling.min_p))
    warped = torch.softmax(warpers(None, torch.from_numpy(logits)[None]), -1)[0].numpy()
    offered = candidates(logits, sampling)
    assert offered.tokens.tolist() == np.flatnonzero(warped).tolist()
    assert np.exp(offered.log_probabilities) == pytest.approx(warped[offered.tokens])
