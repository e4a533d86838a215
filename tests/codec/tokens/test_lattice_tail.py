"""Tails of sums of whole scores, against exact fractions and SciPy."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labeler.codec.tokens.lattice_tail import log_lattice_tail


def exact_tails(counts: list[int], count: int) -> list[Fraction]:
    """P(sum >= k) for all k, of scores whose masses are in proportion to whole numbers."""
    sums = [1]
    for _ in range(count):
        longer = [0] * (len(sums) + len(counts) - 1)
        for at, each in enumerate(sums):
            for score, mass in enumerate(counts):
                longer[at + score] += each * mass
        sums = longer
    tails, left = [], 0
    for each in reversed(sums):
        left += each
        tails.append(Fraction(left, sum(counts) ** count))
    return tails[::-1]


def log_of(value: Fraction) -> float:
    return math.log(value.numerator) - math.log(value.denominator)


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(lambda each: each[-1] > 0),
    count=st.integers(1, 40),
)
def test_agrees_with_exact_fractions_from_above(counts, count):
    masses = np.array(counts, dtype=float) / sum(counts)
    mean = count * Fraction(sum(at * each for at, each in enumerate(counts)), sum(counts))
    last = 0.0
    for total, tail in enumerate(exact_tails(counts, count)):
        found = log_lattice_tail(total, count, masses)
        assert found <= last + 1e-9
        last = found
        assert found >= log_of(tail) - 1e-13 * abs(log_of(tail))
        if total > mean + Fraction(1, 10**6):
            assert found == pytest.approx(log_of(tail), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("count", [50, 1_000, 30_000])
@pytest.mark.parametrize("part", [0.2505, 0.26, 0.3, 0.35])
def test_agrees_with_the_binomial_tail_where_scipy_has_one(count, part):
    total = math.ceil(count * part)
    truth = stats.binom.logsf(total - 1, count, 0.25)
    found = log_lattice_tail(total, count, np.array([0.75, 0.25]))
    if truth < -500:
        # SciPy's survives here only as a density: the first term is a bound from below.
        assert found >= stats.binom.logpmf(total, count, 0.25)
    else:
        assert truth - 1e-8 <= found <= truth + 1e-5


def test_goes_far_beyond_what_a_float_holds():
    found = log_lattice_tail(4_000, 4_000, np.array([0.5, 0.5]))
    assert found == pytest.approx(-4_000 * math.log(2))
    assert log_lattice_tail(3_990, 4_000, np.array([0.5, 0.5])) > found
    assert log_lattice_tail(1e9, 4_000, np.array([0.5, 0.5])) == found


def test_claims_nothing_for_no_scores_or_few():
    masses = np.array([0.5, 0.5])
    assert log_lattice_tail(5, 0, masses) == 0
    assert log_lattice_tail(49.5, 100, masses) == 0
    assert log_lattice_tail(-3, 100, masses) == 0
    assert log_lattice_tail(3, 10, np.array([1.0])) == 0
