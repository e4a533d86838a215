import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import PERIODS, tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.errors import CapacityError
from labeler.marks.image import MINIMUM_SIDE, embed
from labeler.marks.similarity import structural_similarity
from labeler.strength import Strength
from tests.scenes import chart, photograph

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))


def psnr_db(one: np.ndarray, other: np.ndarray, peak: int = 255) -> float:
    return float(10 * np.log10(peak**2 / np.mean((one.astype(float) - other) ** 2)))


def grey(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)


@pytest.mark.parametrize(
    ("strength", "least_psnr_db", "least_similarity"),
    [("quality", 45, 0.99), ("balanced", 42, 0.985), ("robust", 40, 0.97)],
)
def test_presets_keep_their_quality(
    strength: str, least_psnr_db: float, least_similarity: float
) -> None:
    for picture in (photograph(480, 640), photograph(700, 500, seed=1), chart(480, 640)):
        marked = embed(picture, PAYLOAD, strength=strength)  # type: ignore[arg-type]
        assert psnr_db(picture, marked) >= least_psnr_db
        assert structural_similarity(grey(picture), grey(marked)) >= least_similarity


@pytest.mark.parametrize(
    ("strength", "least", "most"),
    [("quality", 44.7, 45.3), ("balanced", 40.9, 41.5), ("robust", 40, 40.6)],
)
def test_a_texture_is_marked_as_loud_as_it_hides(
    strength: Strength, least: float, most: float
) -> None:
    """And not by quality, which is for those who want no more noise than that."""
    texture = np.random.default_rng(1).normal(128, 40, (512, 512, 1)).repeat(3, axis=2)
    texture = np.clip(np.rint(texture), 0, 255).astype(np.uint8)
    marked = embed(texture, PAYLOAD, strength=strength)
    assert least <= psnr_db(texture, marked) <= most
    assert structural_similarity(grey(texture), grey(marked)) >= 0.99


def test_stronger_presets_change_more() -> None:
    picture = photograph(480, 640)
    quality = psnr_db(picture, embed(picture, PAYLOAD, strength="quality"))
    balanced = psnr_db(picture, embed(picture, PAYLOAD, strength="balanced"))
    robust = psnr_db(picture, embed(picture, PAYLOAD, strength="robust"))
    assert quality > balanced + 1 > robust + 2


def test_marking_is_deterministic_and_leaves_its_input_alone() -> None:
    picture = photograph(300, 400)
    before = picture.copy()
    assert np.array_equal(embed(picture, PAYLOAD), embed(picture, PAYLOAD))
    assert np.array_equal(picture, before)
    picture.setflags(write=False)
    embed(picture, PAYLOAD)


@given(
    st.integers(MINIMUM_SIDE, 301),
    st.integers(MINIMUM_SIDE, 301),
    st.sampled_from([(), (3,), (4,)]),
    st.sampled_from([np.uint8, np.uint16]),
)
@settings(max_examples=25, deadline=None)
def test_shape_and_dtype_stay(
    height: int, width: int, channels: tuple[int, ...], dtype: type
) -> None:
    pixels = np.random.default_rng(0).integers(
        0, np.iinfo(dtype).max, (height, width, *channels), dtype
    )
    marked = embed(pixels, PAYLOAD)
    assert marked.shape == pixels.shape
    assert marked.dtype == pixels.dtype
    assert not np.array_equal(marked, pixels)


def test_alpha_and_invisible_colours_stay() -> None:
    rng = np.random.default_rng(0)
    alpha = rng.choice(np.array([0, 90, 255], np.uint8), (300, 300))
    picture = np.dstack([photograph(300, 300), alpha])
    marked = embed(picture, PAYLOAD)
    assert np.array_equal(marked[..., 3], alpha)
    assert np.array_equal(marked[alpha == 0], picture[alpha == 0])
    assert not np.array_equal(marked[alpha == 90], picture[alpha == 90])


def test_sixteen_bits_carry_the_same_mark_without_rounding_to_eight() -> None:
    picture = photograph(300, 400)
    fine = picture.astype(np.uint16) * 257
    marked = embed(fine, PAYLOAD)
    coarse = embed(picture, PAYLOAD)
    assert np.abs(marked / 257 - coarse).max() <= 0.75
    assert np.count_nonzero(marked % 257) > marked.size // 2


def test_grey_pictures_carry_the_luma_of_coloured_ones() -> None:
    luma = cv2.cvtColor(photograph(300, 400), cv2.COLOR_RGB2GRAY)
    as_grey = embed(luma, PAYLOAD).astype(int) - luma
    as_colour = embed(np.dstack([luma] * 3), PAYLOAD)
    as_colour = cv2.cvtColor(as_colour, cv2.COLOR_RGB2GRAY).astype(int) - luma
    assert np.corrcoef(as_grey.ravel(), as_colour.ravel())[0, 1] > 0.9


def test_strips_leave_no_seam() -> None:
    picture = np.full((400, 300, 3), 128, np.uint8)
    change = embed(picture, PAYLOAD)[..., 1].astype(float) - 128
    period = tile_period(400, 300)
    assert np.array_equal(change[:period], change[period : 2 * period])


@pytest.mark.parametrize("size", [(MINIMUM_SIDE - 1, 500), (500, MINIMUM_SIDE - 1), (1, 1)])
def test_too_small_pictures_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(CapacityError, match="at least 128 pixels"):
        embed(np.zeros((*size, 3), np.uint8), PAYLOAD)


def test_fully_transparent_pictures_are_refused() -> None:
    with pytest.raises(CapacityError, match="transparent"):
        embed(np.zeros((300, 300, 4), np.uint8), PAYLOAD)


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(TypeError, match="float64"):
        embed(np.zeros((300, 300, 3)), PAYLOAD)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        embed(np.zeros((300, 300, 2), np.uint8), PAYLOAD)
    with pytest.raises(ValueError, match="strength"):
        embed(np.zeros((300, 300, 3), np.uint8), PAYLOAD, strength="loud")  # type: ignore[arg-type]


def test_periods_grow_with_the_picture() -> None:
    assert [period for _, period in PERIODS] == sorted({period for _, period in PERIODS})
    assert tile_period(128, 128) == 64
    assert tile_period(4000, 3000) == 256


def test_another_key_makes_another_pattern() -> None:
    picture = photograph(300, 400)
    own = embed(picture, PAYLOAD, PUBLIC_KEY).astype(int) - picture
    other = embed(picture, PAYLOAD, Key.from_bytes(bytes(32))).astype(int) - picture
    assert abs(np.corrcoef(own.ravel(), other.ravel())[0, 1]) < 0.6  # the synchronisation is shared


def test_plain_fills_get_less_of_the_mark_than_those_with_a_little_noise() -> None:
    picture = np.full((320, 640, 3), 128 * 257, np.uint16)
    rng = np.random.default_rng(0)
    picture[:, 320:] += rng.normal(0, 257, (320, 320, 1)).round().astype(np.int64).astype(np.uint16)
    change = embed(picture, PAYLOAD, PUBLIC_KEY)[..., 1].astype(float) - picture[..., 1]
    plain, noisy = change[32:-32, 32:288].std(), change[32:-32, 352:-32].std()
    assert plain == pytest.approx(0.8 * noisy, rel=0.05)
