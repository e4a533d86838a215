"""What a picture takes of the mark, place by place."""

import numpy as np
import pytest

from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.lattice import Tile, TileLayer, layered_tile
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.pixels import grey
from labeler.marks import masks
from labeler.marks.masks import shaped_by
from tests.scenes import photograph

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))
PERIOD = 96


@pytest.fixture(scope="module")
def pattern() -> Tile:
    return layered_tile([TileLayer(PAYLOAD, PUBLIC_KEY)], PERIOD)


@pytest.fixture(scope="module")
def luma() -> np.ndarray:
    return grey(photograph(702, 500, seed=3))


@pytest.mark.parametrize("size", [(702, 500), (701, 500), (700, 499), (517, 333), (128, 129)])
def test_strips_change_nothing(
    luma: np.ndarray, pattern: Tile, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = luma[: size[0], : size[1]]
    in_strips = shaped_by(part, pattern)
    assert in_strips.shape == size
    monkeypatch.setattr(masks, "_MASKED_ROWS", 10_000)
    monkeypatch.setattr(masks, "_STRIP_ROWS", 10_000)
    assert in_strips == pytest.approx(shaped_by(part, pattern), abs=1e-3)


def test_an_odd_row_and_column_are_like_those_before(pattern: Tile) -> None:
    """On a plain picture every place gets the same, the last ones too."""
    plain = shaped_by(np.full((301, 403), 90, np.uint8), pattern)
    repeated = np.tile(pattern.low, (4, 5))[:301, :403], np.tile(pattern.high, (4, 5))[:301, :403]
    low, high = np.linalg.lstsq(
        np.stack([each[:200, :200].ravel() for each in repeated], axis=1),
        plain[:200, :200].ravel(),
        rcond=None,
    )[0]
    assert plain == pytest.approx(low * repeated[0] + high * repeated[1], abs=1e-3)
    assert low > high > 0


def test_sixteen_bits_are_the_same_grey_levels(luma: np.ndarray, pattern: Tile) -> None:
    fine = shaped_by(luma.astype(np.uint16) * 257, pattern)
    assert fine == pytest.approx(shaped_by(luma, pattern), abs=1e-2)


def test_what_varies_takes_more_and_a_plain_fill_least(pattern: Tile) -> None:
    random = np.random.default_rng(1)
    picture = np.full((480, 960), 128, np.uint8)
    picture[:, 320:640] += random.integers(0, 5, (480, 320), np.uint8)
    picture[:, 640:] = random.integers(60, 200, (480, 320), np.uint8)
    shaped = shaped_by(picture, pattern)
    plain, faint, busy = (
        float(np.std(shaped[:, left : left + 192])) for left in (48, 48 + 320, 48 + 640)
    )
    assert plain < 0.85 * faint
    assert busy > 1.3 * faint
