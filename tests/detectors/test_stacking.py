from itertools import pairwise

import numpy as np
import pytest

from detectors.spectrum import residual_of
from detectors.stacking import SEGMENT_S, Stack, Stacks, stack_segments
from labeler.codec.luma import LumaFrame

HEIGHT, WIDTH = 96, 128


def frames(times_s, *, keys=()):
    rng = np.random.default_rng(1)
    for number, time_s in enumerate(times_s):
        luma = rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
        yield LumaFrame(time_s, luma, 8, is_key=number in keys)


def test_a_stack_is_the_sum_of_residuals() -> None:
    (stack,) = stack_segments(frames([0.0, 0.5, 1.0], keys={1}))
    residuals = [residual_of(each.luma).values for each in frames([0.0, 0.5, 1.0])]
    assert np.allclose(stack.residual.values, sum(residuals), atol=1e-4)
    assert np.allclose(stack.keys.values, residuals[1])
    assert (stack.start_s, stack.end_s, stack.frames) == (0.0, 1.5, 3)


def test_segments_follow_the_time_of_frames() -> None:
    stacks = list(stack_segments(frames([0, 0.1, 1.9, 2.0, 2.5, 7.0])))
    assert [(each.start_s, each.frames) for each in stacks] == [(0, 3), (2.0, 2), (7.0, 1)]
    assert stacks[0].end_s == SEGMENT_S


def test_frames_larger_than_needed_are_scaled_down() -> None:
    large = LumaFrame(0.0, np.zeros((1080, 1920), np.uint8), 8)
    (stack,) = stack_segments([large])
    height, width = stack.residual.values.shape
    assert height * width <= 231_000
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert stack.residual.scale == pytest.approx(width / 1920, rel=0.01)


def test_key_frames_weigh_as_much_as_all_in_a_mix() -> None:
    (stack,) = stack_segments(frames(np.arange(20) / 20, keys={0}))
    added = stack.mixed().values - stack.residual.values
    assert np.linalg.norm(added) == pytest.approx(np.linalg.norm(stack.residual.values), rel=1e-4)
    assert np.corrcoef(added.ravel(), stack.keys.values.ravel())[0, 1] == pytest.approx(1)


def test_without_key_frames_a_mix_is_the_sum() -> None:
    (stack,) = stack_segments(frames([0.0, 0.5]))
    assert stack.keys is None
    assert stack.mixed() is stack.residual


def test_stacks_add_up() -> None:
    first, second = stack_segments(frames([0.0, 1.0, 2.0, 3.0], keys={2}))
    both = first + second
    assert np.allclose(both.residual.values, first.residual.values + second.residual.values)
    assert np.array_equal(both.keys.values, second.keys.values)
    assert (both.start_s, both.end_s, both.frames) == (0.0, 4.0, 4)


def test_what_is_kept_is_nearly_what_was_given() -> None:
    stacks = Stacks()
    given = list(stack_segments(frames(np.arange(12) / 2)))
    for stack in given:
        stacks.append(stack)
    for before, after in zip(given, stacks, strict=True):
        error = after.residual.values - before.mixed().values
        assert np.std(error) < 0.02 * np.std(before.residual.values)
        assert (after.start_s, after.end_s) == (before.start_s, before.end_s)


def test_a_long_film_is_kept_in_bounded_memory() -> None:
    (stack,) = stack_segments(frames([0.0, 1.0]))
    stacks = Stacks()
    for number in range(2000):
        start_s = SEGMENT_S * number
        stacks.append(Stack(stack.residual, None, start_s, start_s + SEGMENT_S, 2))
    kept = list(stacks)
    assert 125 <= len(kept) <= 256
    assert kept[0].start_s == 0
    assert kept[-1].end_s == 2000 * SEGMENT_S
    assert sum(each.frames for each in kept) == 4000
    assert all(a.end_s == b.start_s for a, b in pairwise(kept))
