"""Tails against exact fractions, SciPy's distributions, and numeric integration."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from labeler.codec.tokens.tails import log_binomial_tail, log_gamma_tail, log_two_gamma_tail


def log_of(fraction: Fraction) -> float:
    """Of fractions of any size."""
    shift = fraction.denominator.bit_length() - fraction.numerator.bit_length()
    scaled = fraction * Fraction(2) ** shift
    return math.log(float(scaled)) - shift * math.log(2)


def exact_poisson_below(total: Fraction, shape: int) -> float:
    """``ln P(Gamma(shape) >= total)`` by its finite sum in fractions."""
    terms = [Fraction(1)]
    for step in range(1, shape):
        terms.append(terms[-1] * total / step)
    return log_of(sum(terms, Fraction(0))) - float(total)


@pytest.mark.parametrize("shape", [1, 2, 17, 130, 400])
@pytest.mark.parametrize("share", [0.3, 1, 1.4, 3, 25])
def test_the_gamma_tail_is_exact_and_never_below_the_truth(shape: int, share: float) -> None:
    total = Fraction(round(shape * share * 64), 64)
    exact = exact_poisson_below(total, shape)
    found = log_gamma_tail(float(total), shape)
    assert found >= exact - 2e-15 * float(total)
    assert found == pytest.approx(exact, abs=1e-7)


def test_the_gamma_tail_goes_far_beyond_the_range_of_floats() -> None:
    assert log_gamma_tail(1e5, 100) < -98_000
    assert log_gamma_tail(1.2e6, 1_000_000) == pytest.approx(-17683.3, abs=3)


@pytest.mark.parametrize("shape", [3000, 40_000])
def test_the_gamma_tail_of_long_texts_is_that_of_scipy(shape: int) -> None:
    for share in (0.99, 1.0, 1.02):
        exact = float(stats.gamma.logsf(share * shape, shape))
        assert log_gamma_tail(share * shape, shape) == pytest.approx(exact, abs=1e-6)


def integrated(total: float, count: int, one: float, other: float) -> float:
    """``P(a G1 + b G2 >= total)`` by adaptive quadrature."""

    def integrand(value: float) -> float:
        survives = special.gammaincc(count, (total - other * value) / one)
        return float(stats.gamma.pdf(value, count) * survives)

    inside, _ = integrate.quad(integrand, 0, total / other, limit=400, epsabs=1e-300, epsrel=1e-10)
    return inside + float(special.gammaincc(count, total / other))


@pytest.mark.parametrize("count", [1, 4, 60])
@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.5, 0.8])
def test_the_tail_of_two_gamma_sums_is_that_of_quadrature(count: int, alpha: float) -> None:
    for share in (0.6, 1.0, 1.5, 2.5):
        exact = math.log(integrated(share * count, count, 1 - alpha, alpha))
        found = log_two_gamma_tail(share * count, count, 1 - alpha, alpha)
        assert found >= exact - 1e-8
        assert found == pytest.approx(exact, abs=1e-6)


def test_one_weight_of_two_is_a_gamma_tail() -> None:
    assert log_two_gamma_tail(90, 50, 1, 0) == log_gamma_tail(90, 50)
    assert log_two_gamma_tail(90, 50, 0, 1) == log_gamma_tail(90, 50)
    assert log_two_gamma_tail(90, 50, 0.5, 0.5) == log_gamma_tail(180, 100)
    nearly = log_two_gamma_tail(90, 50, 0.5000001, 0.4999999)
    assert nearly == pytest.approx(log_gamma_tail(180, 100), abs=1e-6)


def test_a_tiny_weight_gives_a_bound_above_the_tail_without_it_all_but_lost() -> None:
    # Above the tail of the large part alone, and above that of the sum a little.
    bound = log_two_gamma_tail(600, 300, 1 - 1e-6, 1e-6)
    assert log_gamma_tail(600, 300) < bound < log_gamma_tail(600, 300) + 5
    assert log_two_gamma_tail(299, 300, 1 - 1e-6, 1e-6) == 0


def exact_binomial(successes: int, trials: int, probability: Fraction) -> float:
    mass = (
        math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
        for k in range(successes, trials + 1)
    )
    return log_of(sum(mass, Fraction(0)))


@given(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))),
    st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(1, 64), Fraction(63, 64)]),
)
@settings(max_examples=60, deadline=None)
def test_the_binomial_tail_is_exact_and_never_below_the_truth(numbers, probability) -> None:
    successes, trials = numbers
    exact = exact_binomial(successes, trials, probability)
    found = log_binomial_tail(successes, trials, float(probability))
    assert exact <= found + 1e-13 * abs(exact)
    assert found == pytest.approx(exact, abs=1e-8)


def test_ends_of_the_tails() -> None:
    assert log_gamma_tail(5, 0) == log_gamma_tail(-1, 5) == log_gamma_tail(0, 5) == 0
    assert log_two_gamma_tail(5, 0, 0.9, 0.1) == log_two_gamma_tail(-1, 5, 0.9, 0.1) == 0
    assert log_binomial_tail(0, 5, 0.5) == log_binomial_tail(3, 5, 1) == 0
    assert log_binomial_tail(5, 5, 0.25) == pytest.approx(5 * math.log(0.25))
    assert log_binomial_tail(9, 5, 0.25) == log_binomial_tail(5, 5, 0.25)
    assert log_binomial_tail(3_000_000, 3_000_000, 0.5) == pytest.approx(3e6 * math.log(0.5))


@pytest.mark.parametrize(
    "tail",
    [
        lambda total: log_gamma_tail(total, 40),
        lambda total: log_two_gamma_tail(total, 40, 0.9, 0.1),
        lambda total: log_two_gamma_tail(total, 40, 1 - 1e-6, 1e-6),
        lambda total: log_binomial_tail(int(total), 400, 0.25),
    ],
)
def test_tails_fall_and_stay_finite(tail) -> None:
    values = np.array([tail(total) for total in np.linspace(-5, 399, 200)])
    assert np.isfinite(values).all()
    assert values.max() <= 0
    assert (np.diff(values) <= 1e-9).all()


@pytest.mark.parametrize("total", [math.nan, math.inf])
def test_numbers_out_of_range_are_refused(total: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        log_gamma_tail(total, 4)
    with pytest.raises(ValueError, match="finite"):
        log_two_gamma_tail(total, 4, 0.9, 0.1)
    with pytest.raises(ValueError, match="negative"):
        log_gamma_tail(1, -1)
    for weights in ((-0.1, 1.1), (0, 0), (math.inf, 1), (math.nan, 1)):
        with pytest.raises(ValueError, match="weights"):
            log_two_gamma_tail(1, 4, *weights)
    for trials, probability in ((-1, 0.5), (4, 0), (4, 1.1)):
        with pytest.raises(ValueError, match="range"):
            log_binomial_tail(1, trials, probability)
