import numpy as np
import pytest

from detectors import geometry
from detectors.spectrum import analyse


def wallpaper(height: int, width: int, lattice: np.ndarray, *, noise: float = 1.0) -> np.ndarray:
    """Noise that repeats with ``lattice`` (tile vectors as columns), in other noise."""
    rng = np.random.default_rng(3)
    tile = rng.normal(size=(64, 64))
    tile = np.fft.ifft2(
        np.fft.fft2(tile) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2)) < 0.2)
    )
    y, x = np.mgrid[:height, :width]
    u = np.einsum("ij,jyx->iyx", np.linalg.inv(lattice), np.stack([x, y])) * 64
    pattern = tile.real[u[1].astype(int) % 64, u[0].astype(int) % 64]
    mixed = pattern / pattern.std() + noise * rng.normal(size=(height, width))
    return np.clip(128 + 20 * mixed, 0, 255).astype(np.uint8)


def proposals(pixels: np.ndarray) -> tuple[geometry.Autocorrelation, geometry.LogPolarScores]:
    lags = geometry.autocorrelate(analyse(pixels))
    return lags, geometry.log_polar_scores(lags)


def modulo_turns(lattice: np.ndarray, other: np.ndarray) -> float:
    """How far two square lattices are apart, as the largest error of a tile vector."""
    quarter = np.array([[0, -1], [1, 0]])
    turned = [other @ np.linalg.matrix_power(quarter, n) for n in range(4)]
    return min(float(np.abs(lattice - each).max()) for each in turned)


@pytest.mark.parametrize(("period", "turn_deg"), [(40, 0), (73, 0), (64, 7), (51.3, 33), (90, 61)])
def test_turned_and_scaled_lattices_are_found(period: float, turn_deg: float) -> None:
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    lattice = period * rotation
    lags, scores = proposals(wallpaper(420, 560, lattice))
    best = geometry.refine(lags, geometry.isotropic(lags, scores, 1))[0]
    assert modulo_turns(best, lattice) < 0.003 * period


@pytest.mark.parametrize("periods", [(60, 75), (96, 64)])
def test_stretched_lattices_are_found(periods: tuple[int, int]) -> None:
    lattice = np.diag(np.array(periods, float))
    lags, scores = proposals(wallpaper(480, 480, lattice))
    found = geometry.refine(lags, geometry.anisotropic(lags, scores, 4))
    assert min(np.abs(each - lattice).max() for each in found) < 0.4


def test_upright_scales_come_best_first_and_apart() -> None:
    lags, scores = proposals(wallpaper(400, 400, 50.0 * np.eye(2)))
    found = geometry.upright(lags, scores, 10)
    assert found.shape == (10, 2, 2)
    assert found[0, 0, 0] == pytest.approx(50, rel=0.01)
    assert len(np.unique(found[:, 0, 0])) == 10


@pytest.mark.parametrize("shape", [(40, 40), (24, 300), (17, 19)])
def test_tiny_pictures_give_lattices_or_none(shape: tuple[int, int]) -> None:
    lags, scores = proposals(np.random.default_rng(0).integers(0, 255, shape, np.uint8))
    for found in (
        geometry.isotropic(lags, scores, 3),
        geometry.upright(lags, scores, 3),
        geometry.refine(lags, geometry.anisotropic(lags, scores, 3)),
    ):
        assert np.isfinite(found).all()


@pytest.mark.parametrize("seed", range(5))
def test_refining_never_leaves_a_better_lattice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lags, scores = proposals(wallpaper(300, 400, 45.0 * np.eye(2), noise=6.0))
    lattices = geometry.isotropic(lags, scores, 8) * rng.normal(1, 0.004, (8, 1, 1))
    step = np.array(lags.step)[:, None]
    before = geometry._node_sum(lags, lattices / step)
    after = geometry._node_sum(lags, geometry.refine(lags, lattices) / step)
    assert np.all(after >= before - 1e-3)
    assert np.any(after > before)
