import numpy as np
import pytest

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.patchwork import (
    BAND_EDGES_HZ,
    BANDS,
    CELLS,
    PATTERNS,
    PILOTS,
    RATE_HZ,
    Form,
    code_signs,
    pattern,
)
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))
SHORT = ShortPayload.of(PAYLOAD)


def test_bands_follow_one_another_below_half_the_rate() -> None:
    assert len(BAND_EDGES_HZ) == BANDS + 1
    assert (np.diff(BAND_EDGES_HZ) >= 45 - 1e-9).all()
    assert BAND_EDGES_HZ[0] == 350
    assert BAND_EDGES_HZ[-1] < RATE_HZ / 2


def test_every_cell_has_as_many_pilots() -> None:
    assert (PILOTS.sum(axis=1) == 27).all()
    # No band is left without any, or with nothing else.
    assert PILOTS.sum(axis=0).min() >= 10
    assert PILOTS.sum(axis=0).max() <= 38


@pytest.mark.parametrize("payload", [PAYLOAD, SHORT])
def test_a_period_says_its_code_word(payload: Payload | ShortPayload) -> None:
    form = Form.SHORT if isinstance(payload, ShortPayload) else Form.STANDARD
    for number in range(PATTERNS[form]):
        chosen = pattern(KEY, form, number)
        signs = chosen.signs_of(payload)
        assert set(np.unique(signs)) == {-1.0, 1.0}
        assert np.array_equal(signs[PILOTS], chosen.signs[PILOTS])
        word = chosen.code_word(signs)
        assert np.array_equal(np.sign(word), code_signs(payload))
        # Every code bit is carried, none by more than one cell more than another.
        assert set(np.abs(word)) <= {1.0, 2.0}


def test_periods_add_up() -> None:
    chosen = pattern(KEY, Form.STANDARD, 3)
    periods = np.random.default_rng(1).normal(size=(5, *CELLS)).astype(np.float32)
    together = chosen.code_word(periods)
    assert together == pytest.approx(sum(chosen.code_word(each) for each in periods), abs=1e-4)


def test_a_pattern_carries_only_its_own_form() -> None:
    with pytest.raises(ValueError, match="short form"):
        pattern(KEY, Form.SHORT, 0).signs_of(PAYLOAD)
    with pytest.raises(ValueError, match="standard form"):
        pattern(KEY, Form.STANDARD, 0).signs_of(SHORT)


def test_patterns_of_keys_forms_and_numbers_have_nothing_in_common() -> None:
    patterns = [
        pattern(key, form, number).signs.ravel()
        for key in (KEY, PUBLIC_KEY)
        for form in Form
        for number in range(PATTERNS[form])
    ]
    likeness = np.abs(np.corrcoef(np.stack(patterns)) - np.eye(len(patterns)))
    # 276 pairs of 2880 fair signs: five deviations are never reached by chance.
    assert likeness.max() < 5 / np.sqrt(patterns[0].size)
