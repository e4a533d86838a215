import numpy as np
import pytest

from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.patchwork import CELLS, RATE_HZ, Form, pattern
from labeler.codec.payload import Handle, Origin, Payload
from labeler.errors import CapacityError
from labeler.marks.survey import Survey
from labeler.marks.threads import threads_for
from labeler.marks.weaving import preset
from tests.sounds import murmur

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))


def surveyed(samples: np.ndarray, blocks: int = 1) -> Survey:
    survey = Survey(highest_hz=7_800)
    for block in np.array_split(samples, blocks):
        survey.push(block)
    survey.finish()
    return survey


def test_the_size_of_blocks_makes_no_difference() -> None:
    samples = murmur(31)[:, 0]
    whole, pieces = surveyed(samples), surveyed(samples, 413)
    assert whole.duration_s == pieces.duration_s == 31
    assert whole.folded.shape == CELLS
    assert pieces.folded == pytest.approx(whole.folded, abs=1e-3)
    assert np.array_equal(whole.excerpts(), pieces.excerpts())


@pytest.mark.parametrize("duration_s", [1, 5, 12, 40, 400])
def test_excerpts_are_few_and_from_all_over(duration_s: int) -> None:
    samples = np.arange(duration_s * RATE_HZ, dtype=np.float32)
    excerpts = surveyed(samples, 50).excerpts()
    assert len(excerpts) <= 12 * RATE_HZ
    assert len(excerpts) >= min(duration_s, 6) * RATE_HZ
    if duration_s > 12:
        assert excerpts[0] < 0.1 * samples[-1]
        assert excerpts[-1] > 0.5 * samples[-1]


def test_what_the_sound_resembles_is_chosen() -> None:
    """A sound that carries a mark already resembles that mark, wherever it begins."""
    chosen = pattern(PUBLIC_KEY, Form.STANDARD, 9)
    signs = chosen.signs_of(PAYLOAD)
    survey = surveyed(murmur(9)[:, 0])
    survey.folded[:] += 30 * np.roll(signs, 17, axis=0)
    (thread,) = threads_for(survey, PAYLOAD, PUBLIC_KEY, "balanced", None)
    assert thread.start == 17
    assert np.array_equal(thread.signs, signs)


def test_strength_is_raised_where_the_margin_is_small_and_not_elsewhere() -> None:
    asked = preset("balanced")
    (easy,) = threads_for(surveyed(murmur(12)[:, 0]), PAYLOAD, PUBLIC_KEY, "balanced", None)
    assert easy.strength == asked
    # Most of it is too quiet for a mark to stand out from noise.
    hard_sound = murmur(12)[:, 0]
    hard_sound[16_000:] *= np.float32(0.02)
    (hard,) = threads_for(surveyed(hard_sound), PAYLOAD, PUBLIC_KEY, "balanced", None)
    assert asked < hard.strength <= 1.25 * asked


def test_a_tone_is_refused_with_the_time_that_would_do() -> None:
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    tone = (0.3 * np.sin(2 * np.pi * 880 * time_s)).astype(np.float32)
    with pytest.raises(CapacityError) as caught:
        threads_for(surveyed(tone), PAYLOAD, PUBLIC_KEY, "robust", None)
    assert caught.value.hint
    assert "s of the same kind would do" in caught.value.hint
