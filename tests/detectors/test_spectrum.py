import numpy as np
import pytest

from detectors.spectrum import DETECTION_PIXELS, Residual, analyse, transform, whitened
from labeler.codec.residual import without_shades
from tests.scenes import photograph


def exact(residual: np.ndarray, frequency_x: np.ndarray, frequency_y: np.ndarray) -> np.ndarray:
    """The Fourier sum itself, with the origin in the middle."""
    height, width = residual.shape
    x = np.arange(width) - width // 2
    y = np.arange(height) - height // 2
    waves_x = np.exp(-2j * np.pi * np.outer(frequency_x, x))
    waves_y = np.exp(-2j * np.pi * np.outer(frequency_y, y))
    return np.einsum("fy,yx,fx->f", waves_y, residual, waves_x)


def test_sampling_equals_the_fourier_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without whitening and notches, what is left is the non-uniform transform alone.
    monkeypatch.setattr("detectors.spectrum._whiten", lambda packed, short_side: None)
    monkeypatch.setattr("detectors.spectrum._notch", lambda bins, *, aligned: None)
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, (240, 331)).astype(np.float32)
    monkeypatch.setattr("labeler.codec.residual.flattened", lambda *_: noise.copy())
    spectrum = analyse(np.zeros((240, 331), np.uint8))
    frequency_x, frequency_y = rng.uniform(-0.49, 0.49, (2, 400))
    frequency_x[np.abs(frequency_x) < 0.01] = 0.2
    got = spectrum.sample(frequency_x, frequency_y)
    want = exact(noise, frequency_x, frequency_y)
    scale = np.vdot(want, got) / np.vdot(want, want)
    error = np.sum(np.abs(got / scale - want) ** 2) / np.sum(np.abs(want) ** 2)
    assert abs(np.angle(scale)) < 0.01
    assert error < 0.025


def test_beyond_nyquist_there_is_nothing() -> None:
    spectrum = analyse(photograph(200, 200))
    values = spectrum.sample(np.array([0.5, -0.6, 0.1]), np.array([0.1, 0.1, -0.51]))
    assert np.array_equal(values, np.zeros(3))


def test_opposite_frequencies_are_conjugate() -> None:
    spectrum = analyse(photograph(200, 260))
    x, y = np.random.default_rng(0).uniform(-0.49, 0.49, (2, 50))
    assert np.allclose(spectrum.sample(x, y), np.conj(spectrum.sample(-x, -y)), atol=1e-4)


def test_large_pictures_are_scaled_down() -> None:
    spectrum = analyse(photograph(900, 1200))
    assert spectrum.height * spectrum.width == pytest.approx(DETECTION_PIXELS, rel=0.01)
    assert spectrum.scale == pytest.approx((DETECTION_PIXELS / (900 * 1200)) ** 0.5)


def test_the_whitened_spectrum_is_level() -> None:
    for residual in (None, without_shades):
        picture = photograph(400, 500)
        spectrum = analyse(picture) if residual is None else analyse(picture, residual)
        power = np.abs(spectrum.bins) ** 2
        heard = power > 0
        rows = np.abs(np.fft.fftfreq(len(power)))[:, None] + np.zeros(power.shape[1])
        low = power[heard & (rows < 0.1)].mean()
        high = power[heard & (rows > 0.3)].mean()
        assert 0.8 < low / high < 1.25


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_give_numbers(level: int) -> None:
    spectrum = analyse(np.full((150, 150, 3), level, np.uint8))
    assert np.isfinite(spectrum.grid).all()


def test_depth_and_channels_do_not_matter() -> None:
    picture = photograph(150, 200)
    grey = np.dstack([picture[..., 1]] * 3)
    fine = picture.astype(np.uint16) * 257
    opaque = np.dstack([picture, np.full((150, 200), 255, np.uint8)])
    frequencies = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 40))
    values = analyse(picture).sample(*frequencies)
    assert np.allclose(analyse(opaque).sample(*frequencies), values, atol=1e-3)
    assert np.allclose(analyse(fine).sample(*frequencies), values, atol=0.3)
    flat = analyse(grey[..., 0]).sample(*frequencies)
    assert np.allclose(analyse(grey).sample(*frequencies), flat, atol=1e-3)


def test_a_residual_comes_back_from_its_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without whitening and notches, it is the residual itself.
    monkeypatch.setattr("detectors.spectrum._whiten", lambda packed, short_side: None)
    monkeypatch.setattr("detectors.spectrum._notch", lambda bins, *, aligned: None)
    noise = np.random.default_rng(5).normal(0, 1, (241, 330)).astype(np.float32)
    back = whitened(transform(Residual(noise, 1.0)))
    assert back.shape == noise.shape
    assert np.corrcoef(back.ravel(), noise.ravel())[0, 1] > 0.99
    assert np.std(back) == pytest.approx(np.std(noise), rel=0.02)
