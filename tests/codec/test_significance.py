import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.codec.significance import LEAST_P_VALUE, any_of, log_tail, p_value


def gaussian_tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


@given(st.floats(0.01, 24))
def test_the_bound_lies_between_the_gaussian_tail_and_hoeffding(z: float) -> None:
    assert log_tail(z) >= math.log(gaussian_tail(z))
    assert log_tail(z) <= -z * z / 2


@given(st.floats(-5, 60), st.floats(0, 5))
def test_a_larger_statistic_is_never_less_surprising(z: float, more: float) -> None:
    assert log_tail(z + more) <= log_tail(z) + 1e-9


def test_the_bound_is_attained_by_two_equal_chips() -> None:
    # The extremal case of Bentkus and Dzindzalieta: P(s1 + s2 >= sqrt 2 * sqrt 2) = 1/4.
    assert log_tail(math.sqrt(2)) == pytest.approx(math.log(1 / 4), abs=1e-9)


@pytest.mark.parametrize("chips", [1, 2, 3, 7, 12])
def test_no_small_set_of_chips_exceeds_the_bound(chips: int) -> None:
    signs = np.array(np.meshgrid(*[[-1, 1]] * chips)).reshape(chips, -1)
    for seed in range(20):
        values = np.random.default_rng(seed).exponential(size=chips)
        sums = values @ signs / np.linalg.norm(values)
        for z in np.linspace(0.1, 3.5, 30):
            assert np.mean(sums >= z) <= math.exp(log_tail(float(z))) + 1e-12


def test_hypotheses_multiply() -> None:
    assert p_value(8.0, log_hypotheses=math.log(1000)) == pytest.approx(1000 * p_value(8.0))


def test_p_values_stay_between_their_limits() -> None:
    assert p_value(-3.0) == p_value(0.0) == p_value(3.0, log_hypotheses=50.0) == 1.0
    assert p_value(1000.0) == LEAST_P_VALUE
    assert any_of(0.9, 0.8) == 1.0
    assert any_of(1e-9, 0.5) == 2e-9
