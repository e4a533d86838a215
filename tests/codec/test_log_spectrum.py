import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.log_spectrum import (
    WINDOW,
    against_neighbours,
    band_energies,
    cumulative,
    decibels,
    reference,
    spectra,
    unforeseen,
)
from labeler.codec.patchwork import BAND_EDGES_HZ, BANDS, FRAME, HOP, RATE_HZ


def tone(frequency_hz: float, count: int = 8 * FRAME) -> np.ndarray:
    time_s = np.arange(count) / RATE_HZ
    return np.sin(2 * np.pi * frequency_hz * time_s).astype(np.float32)


def test_frames_are_those_of_a_plain_transform() -> None:
    samples = np.random.default_rng(1).standard_normal(5000).astype(np.float32)
    frames = spectra(samples)
    assert frames.shape == ((5000 - FRAME) // HOP + 1, FRAME // 2 + 1)
    third = np.fft.rfft(samples[3 * HOP : 3 * HOP + FRAME] * WINDOW)
    assert np.allclose(frames[3], third, atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 0.9, 1.1])
def test_a_tone_is_in_its_band_at_any_scale(scale: float) -> None:
    for band in (0, 17, 40, 58):
        middle = float(BAND_EDGES_HZ[band : band + 2].mean()) * scale
        energies = band_energies(cumulative(spectra(tone(middle))), frequency_scale=scale)
        assert (energies.argmax(axis=1) == band).all()


def test_a_quiet_band_beside_a_loud_one_keeps_its_energy() -> None:
    quiet = tone(5000) * np.float32(1e-5)
    loud = tone(500)
    alone = band_energies(cumulative(spectra(quiet)))
    together = band_energies(cumulative(spectra(quiet + loud)))
    band = int(alone.mean(axis=0).argmax())
    assert together[:, band] == pytest.approx(alone[:, band], rel=0.05)


def test_levels_are_decibels_above_a_floor() -> None:
    energies = np.full((3, BANDS), 100, np.float32)
    assert decibels(energies, floor=0) == pytest.approx(20, abs=1e-2)
    assert decibels(np.zeros((3, BANDS), np.float32), floor=1e-9) == pytest.approx(-90)


def test_what_is_even_foretells_all() -> None:
    even = np.full((20, BANDS), -30, np.float32)
    assert np.allclose(against_neighbours(even), 0)
    assert np.allclose(unforeseen(even), 0)
    # One level that stands out is not foretold.
    even[9, 30] += 2
    assert unforeseen(even)[9, 30] == pytest.approx(2, abs=0.1)


@given(st.integers(0, 100), st.floats(-40, 40))
@settings(max_examples=20, deadline=None)
def test_gain_makes_no_difference(seed: int, gain_db: float) -> None:
    levels = np.random.default_rng(seed).normal(-40, 8, (30, BANDS)).astype(np.float32)
    louder = (levels + gain_db).astype(np.float32)
    assert np.allclose(unforeseen(levels), unforeseen(louder), atol=1e-2)


def test_levels_are_only_compared_within_reach() -> None:
    levels = np.random.default_rng(3).normal(-40, 8, (60, BANDS)).astype(np.float32)
    whole = unforeseen(levels, step=1)
    part = unforeseen(levels[20:40], step=1)
    assert np.allclose(whole[22:38], part[2:18], atol=1e-4)


def test_opposite_channels_do_not_cancel_out() -> None:
    one = tone(1000)
    heard = reference(np.stack([one, -one], axis=1))
    assert np.sqrt(np.mean(heard**2)) > 0.05
    assert np.array_equal(reference(one), one)
    assert reference(np.stack([one, one], axis=1)) == pytest.approx(one, abs=1e-6)
