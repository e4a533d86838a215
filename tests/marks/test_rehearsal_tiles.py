"""Which tiles of a picture a mark is tried out on."""

import numpy as np
import pytest

from labeler.codec.lattice import TileLayer, layered_tile, tile_period
from labeler.codec.pixels import grey
from labeler.marks.rehearsal import sample_tiles
from tests.marks.rehearsing import KEY, PAYLOAD, tiles_of
from tests.scenes import photograph


def places_of(down: int, across: int, period: int) -> list[tuple[int, int]]:
    """Row and column of every tile that is sampled from a picture of so many tiles."""
    numbers = np.arange(down * across, dtype=np.uint16).reshape(down, across)
    picture = np.kron(257 * numbers, np.ones((period, period), np.uint16))
    # A remainder at the right and at the bottom, which belongs to no whole tile.
    picture = np.pad(picture, (0, period // 2), constant_values=0xFFFF)
    shaped = picture / np.float32(257)
    sampled = sample_tiles(picture, shaped, layered_tile([TileLayer(PAYLOAD, KEY)], period))
    assert sampled is not None
    assert sampled.luma.shape == sampled.change.shape == (len(sampled.luma), period, period)
    assert sampled.pixels == picture.size
    assert np.array_equal(
        sampled.luma, np.broadcast_to(sampled.luma[:, :1, :1], sampled.luma.shape)
    )
    assert np.array_equal(sampled.luma, sampled.change)
    return [divmod(int(number), across) for number in sampled.luma[:, 0, 0]]


@pytest.mark.parametrize(("period", "count"), [(96, 8), (128, 5), (192, 2)])
def test_tiles_are_taken_from_all_over_the_picture(period: int, count: int) -> None:
    assert 0.75 * 82_000 < count * period**2 <= 82_000
    for down, across in [(5, 7), (9, 6), (12, 12), (3, 15)]:
        places = places_of(down, across, period)
        assert len(places) == len(set(places)) == count
        for numbers, length in zip(zip(*places, strict=True), (down, across), strict=True):
            # None is far from all of them, in height and in width.
            assert min(numbers) < length / count + length / 8
            assert max(numbers) >= length - 1 - length / count - length / 8


def test_pictures_of_few_tiles_give_two_or_all() -> None:
    for down in range(1, 8):
        for across in range(1, 8):
            places = places_of(down, across, 96)
            assert len(places) == len(set(places)) <= 8
            assert len(places) >= min(2, down * across)
            assert set(places) <= {(row, column) for row in range(down) for column in range(across)}


def test_what_is_sampled_is_the_picture_s_luma_and_the_change_there() -> None:
    picture = photograph(500, 700)
    period = tile_period(500, 700)
    sampled = tiles_of(picture)
    luma = grey(picture)
    whole = [
        luma[top : top + period, left : left + period]
        for top in range(0, 500 - period + 1, period)
        for left in range(0, 700 - period + 1, period)
    ]
    for tile in sampled.luma:
        assert sum(np.array_equal(tile, each) for each in whole) == 1
    assert np.allclose(sampled.change, sampled.change[0])
    assert sampled.change[0].std() == pytest.approx(1, abs=0.1)


def test_tiles_of_sixteen_bits_have_the_same_levels() -> None:
    picture = photograph(300, 400)
    coarse, fine = tiles_of(picture), tiles_of(picture.astype(np.uint16) * 257)
    assert np.abs(fine.luma - coarse.luma).max() <= 0.51


def test_a_picture_that_is_narrower_than_a_tile_has_none() -> None:
    pattern = layered_tile([TileLayer(PAYLOAD, KEY)], 192)
    narrow = np.zeros((191, 5000), np.float32)
    assert sample_tiles(np.zeros(narrow.shape, np.uint8), narrow, pattern) is None
