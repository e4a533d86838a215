import numpy as np
import pytest

from detectors.listening import Heard, Scale
from labeler.codec.patchwork import BANDS, HOP, RATE_HZ


def noise(duration_s: float, seed: int = 1) -> np.ndarray:
    count = round(duration_s * RATE_HZ)
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


def test_features_are_whitened() -> None:
    features = Heard.of(noise(20)).features(Scale())
    assert features.shape == (20 * RATE_HZ // HOP - 2, BANDS)
    assert np.abs(features).max() <= 2.21
    deviations = features.std(axis=0)
    assert 0.4 < deviations.min() <= deviations.max() < 1.2
    assert np.abs(features.mean(axis=0)).max() < 0.2
    # What is left hardly tells anything of the band or cell beside it.
    across = np.mean(features[:, 1:] * features[:, :-1]) / np.mean(features**2)
    along = np.mean(features[4:] * features[:-4]) / np.mean(features**2)
    assert abs(across) < 0.35
    assert abs(along) < 0.35


@pytest.mark.parametrize("gain", [1e-4, 1e3])
def test_loudness_makes_no_difference(gain: float) -> None:
    samples = noise(3)
    plain = Heard.of(samples).features(Scale())
    assert np.allclose(Heard.of(samples * np.float32(gain)).features(Scale()), plain, atol=1e-2)


@pytest.mark.parametrize("scale", [Scale(1.05, 1.0), Scale(0.95, 1.02), Scale(1.1, 1.1)])
def test_a_change_of_tempo_is_undone(scale: Scale) -> None:
    rows = len(Heard.of(noise(6)).features(Scale()))
    changed = len(Heard.of(noise(6)).features(scale))
    assert changed == pytest.approx(rows * scale.tempo, abs=6)


def test_silence_and_next_to_nothing_are_no_trouble() -> None:
    assert Heard.of(np.zeros(16_000, np.float32)).is_silent
    assert not Heard.of(noise(0.1)).is_silent
    for count in (0, 1, 100, 1024, 5000):
        features = Heard.of(np.full(count, 0.5, np.float32)).features(Scale())
        assert np.isfinite(features).all()
        assert features.shape[1] == BANDS
