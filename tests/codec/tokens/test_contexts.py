import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.tokens import contexts as module
from labeler.codec.tokens.contexts import NO_TOKEN, first_occurrences, windows

FEW_TOKENS = st.lists(st.integers(-1, 3), max_size=40)


@given(FEW_TOKENS, FEW_TOKENS, st.integers(1, 6), st.sampled_from([None, NO_TOKEN]))
def test_each_token_stands_behind_those_before_it(text, prompt, width, pad) -> None:
    contexts, tokens, positions = windows(text, width, prompt=prompt, pad=pad)
    before = ([] if pad is None else [pad] * width) + prompt
    expected = []
    for at, token in enumerate(text):
        context = (before + text[:at])[-width:]
        if len(context) == width:
            expected.append((context, token, at))
    found = zip(contexts.tolist(), tokens.tolist(), positions.tolist(), strict=True)
    assert list(found) == expected
    assert contexts.shape == (len(expected), width)
    assert {contexts.dtype, tokens.dtype, positions.dtype} == {np.dtype(np.int64)}


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(1, 3), st.booleans())
def test_first_occurrences_are_those_that_a_set_finds(text, width, with_tokens) -> None:
    contexts, tokens, _ = windows(text, width, pad=NO_TOKEN)
    seen: set[tuple[int, ...]] = set()
    expected = []
    for context, token in zip(contexts.tolist(), tokens.tolist(), strict=True):
        row = (*context, token) if with_tokens else tuple(context)
        expected.append(row not in seen)
        seen.add(row)
    assert first_occurrences(contexts, tokens if with_tokens else None).tolist() == expected


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(0, 2))
@settings(deadline=None)
def test_hashes_that_collide_change_nothing(text, kinds) -> None:
    contexts, tokens, _ = windows(text, 2, pad=NO_TOKEN)
    expected = first_occurrences(contexts, tokens)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module, "_hashes", lambda columns, _: (columns[0] % (kinds + 1)).astype(np.uint64)
        )
        assert np.array_equal(first_occurrences(contexts, tokens), expected)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="no tokens"):
        windows([1, 2], 0)
    with pytest.raises(ValueError, match="sequence"):
        windows([[1, 2]], 1)
    with pytest.raises(TypeError, match="integers"):
        windows([1.5, 2.0], 1)
    with pytest.raises(ValueError, match="fit"):
        first_occurrences(np.zeros((3, 2), np.int64), np.zeros(2, np.int64))
