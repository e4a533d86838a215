"""What a picture is told to be worth as a carrier, and that the mark is then made like that."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.lattice import tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.errors import CapacityError
from labeler.marks.image import Suitability, embed, prepare, suitability
from labeler.marks.rehearsal import CASES
from labeler.marks.signpost import Signpost
from labeler.strength import Strength
from tests.marks.rehearsing import (
    KEY,
    PAYLOAD,
    PICTURES,
    SIGNPOST,
    STRENGTHS,
    flat,
    psnr_db,
    smooth,
)
from tests.scenes import photograph


def test_it_lasts_where_every_case_is_legible() -> None:
    def lasts(legibility: Mapping[str, float]) -> bool:
        return Suitability(psnr_db=45, raised_db=0, legibility=legibility).lasts

    assert lasts({"jpeg_30": 1.0, "quarter_size": 3.0})
    assert not lasts({"jpeg_30": 2.0, "quarter_size": 0.99})
    assert not lasts({})
    assert suitability(photograph(480, 640)).lasts
    assert not suitability(flat(480, 640)).lasts


@pytest.mark.parametrize("make", [photograph, flat])
def test_large_pictures_are_only_compressed(make: Callable[[int, int], np.ndarray]) -> None:
    assert suitability(make(699, 1000)).legibility.keys() == CASES.keys()
    large = suitability(make(700, 1000))
    assert large.legibility.keys() == {"jpeg_30"}
    assert large.lasts == (make is photograph)


@pytest.mark.parametrize("name", ["large photograph", "smooth", "fine noise"])
def test_what_the_mark_says_and_its_key_hardly_matter(name: str) -> None:
    """Where it is in no doubt whether it is raised: one of these is not, and two are."""
    expected = suitability(PICTURES[name])
    for number in range(3):
        payload = Payload(origin=Origin.GENERATED, handle=Handle(number, 99 * number))
        key = Key.from_bytes(bytes([number]) * 32)
        found = prepare(PICTURES[name], payload, key).suitability
        assert found.psnr_db == pytest.approx(expected.psnr_db, abs=0.3)
        assert found.raised_db == pytest.approx(expected.raised_db, abs=1e-6)
        assert found.legibility.keys() == expected.legibility.keys()
        for case, value in found.legibility.items():
            assert value == pytest.approx(expected.legibility[case], rel=0.3, abs=0.3), case


@pytest.mark.parametrize("name", ["photograph", "large and smooth", "fine noise", "flat"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_noise_is_what_was_expected_and_rounding(name: str, strength: Strength) -> None:
    prepared = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)
    expected = prepared.suitability.psnr_db
    rounding = 10 * np.log10(1 + 10 ** (expected / 10) / 12 / 255**2)
    found = psnr_db(PICTURES[name], prepared.embed())
    assert expected - rounding - 0.05 <= found <= expected + 0.05


@pytest.mark.parametrize("strength", STRENGTHS)
def test_what_black_and_white_clip_makes_no_noise(strength: Strength) -> None:
    prepared = prepare(PICTURES["chart"], PAYLOAD, KEY, strength=strength)
    found = psnr_db(PICTURES["chart"], prepared.embed())
    assert found == pytest.approx(prepared.suitability.psnr_db, abs=0.3)


@pytest.mark.parametrize(("seed", "raised"), [(1, False), (2, True)])
def test_pixel_formats_make_no_difference(seed: int, raised: bool) -> None:
    picture = smooth(480, 640, seed=seed)
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    expected = suitability(picture)
    assert (expected.raised_db > 0) == raised
    opaque = np.full((480, 640), 200, np.uint8)
    # Of colours in 16 bits, luma is not rounded to whole levels, which changes what is tried out.
    others = [
        (np.dstack([picture, opaque]), 1e-6),
        (luma, 1e-6),
        (np.dstack([luma] * 3), 1e-6),
        (luma.astype(np.uint16) * 257, 1e-3),
        (picture.astype(np.uint16) * 257, 0.15),
        (np.dstack([picture, opaque]).astype(np.uint16) * 257, 0.15),
    ]
    for other, tolerance in others:
        found = suitability(other)
        assert found.raised_db == pytest.approx(expected.raised_db, abs=1e-3)
        assert found.legibility.keys() == expected.legibility.keys()
        for case, value in found.legibility.items():
            assert value == pytest.approx(expected.legibility[case], rel=tolerance), other.shape


def test_what_is_transparent_carries_nothing() -> None:
    picture = smooth(480, 640)
    alpha = np.full((480, 640), 255, np.uint8)
    alpha[:, :320] = 0
    found = suitability(np.dstack([picture, alpha])).legibility
    whole = suitability(picture).legibility
    assert all(found[case] < whole[case] for case in found.keys() & whole.keys())


def test_a_picture_that_is_narrower_than_a_tile_is_marked_all_the_same() -> None:
    picture = photograph(130, 7200)
    assert tile_period(130, 7200) == 128
    assert suitability(picture).legibility
    narrow = np.concatenate([picture, picture[:, ::-1], picture], axis=1)
    assert tile_period(*narrow.shape[:2]) > 130
    found = prepare(narrow, PAYLOAD, KEY)
    assert found.suitability.legibility == {}
    assert not found.suitability.lasts
    assert found.suitability.raised_db == 0
    marked = found.embed()
    assert np.array_equal(marked, embed(narrow, PAYLOAD, KEY))
    assert 42 < psnr_db(narrow, marked) < 55


@pytest.mark.parametrize(
    ("pixels", "strength", "error"),
    [
        (np.zeros((127, 500, 3), np.uint8), "balanced", CapacityError),
        (np.zeros((300, 300, 4), np.uint8), "balanced", CapacityError),
        (np.zeros((300, 300, 3)), "balanced", TypeError),
        (np.zeros((300, 300, 2), np.uint8), "balanced", ValueError),
        (np.zeros((300, 300, 3), np.uint8), "loud", ValueError),
    ],
)
def test_what_cannot_be_marked_is_refused(
    pixels: np.ndarray, strength: Strength, error: type
) -> None:
    with pytest.raises(error):
        suitability(pixels, strength=strength)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("signpost", [None, SIGNPOST], ids=["alone", "with a signpost"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mark_is_the_same_whether_it_was_prepared_or_not(
    dtype: type, signpost: Signpost | None, strength: Strength
) -> None:
    picture = PICTURES["smooth"].astype(dtype) * (1 if dtype is np.uint8 else 257)
    before = picture.copy()
    prepared = prepare(picture, PAYLOAD, KEY, strength=strength, signpost=signpost)
    assert np.array_equal(picture, before)
    marked = embed(picture, PAYLOAD, KEY, strength=strength, signpost=signpost)
    assert np.array_equal(prepared.embed(), marked)
    assert np.array_equal(prepared.embed(), marked)
    assert np.array_equal(picture, before)
    assert not np.array_equal(marked, picture)
