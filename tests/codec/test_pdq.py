import doctest
import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from labeler.codec import pdq as module
from labeler.codec.hamming import PDQ_DISTANCE
from labeler.codec.pdq import BITS, LEAST_QUALITY, ORIENTATIONS, distance, pdq
from tests.codec.pdq_pictures import made, pictures
from tests.scenes import chart, photograph

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "pdq.json").read_text())
TURNS = {
    "original": lambda picture: picture,
    "rotate-90": np.rot90,
    "rotate-180": lambda picture: np.rot90(picture, 2),
    "rotate-270": lambda picture: np.rot90(picture, 3),
    "flip-vertical": lambda picture: picture[::-1],
    "flip-horizontal": lambda picture: picture[:, ::-1],
    "transpose": lambda picture: picture.transpose(1, 0, 2),
    "transverse": lambda picture: np.rot90(picture, 2).transpose(1, 0, 2),
}


@pytest.fixture(scope="module")
def scene():
    return photograph(300, 420, seed=5)


@pytest.mark.parametrize("name", GOLDEN)
def test_hashes_are_those_of_meta_s_own_program(name):
    hashed = pdq(pictures()[name])
    assert hashed.quality == GOLDEN[name]["quality"]
    for own, golden in zip(hashed.turned(), GOLDEN[name]["hashes"], strict=True):
        # Other processors round otherwise: coefficients on the median may fall to the other side.
        assert distance(own, bytes.fromhex(golden)) <= 2


def test_the_golden_hashes_tell_pictures_apart():
    values = [bytes.fromhex(each["hashes"][0]) for each in GOLDEN.values() if each["quality"]]
    apart = [distance(one, other) for one in values for other in values if one is not other]
    assert len(values) == 10
    assert min(apart) > PDQ_DISTANCE


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turned_hashes_are_those_of_the_turned_picture(scene, orientation):
    number = ORIENTATIONS.index(orientation)
    turned = pdq(np.ascontiguousarray(TURNS[orientation](scene)))
    distances = [distance(turned.value, value) for value in pdq(scene).turned()]
    # Sampling is off by a pixel when a picture is seen from its other side.
    assert distances[number] <= 16
    assert int(np.argmin(distances)) == number


def test_half_of_the_bits_are_set(scene):
    for value in pdq(scene).turned():
        assert int.from_bytes(value, "big").bit_count() == BITS // 2


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: cv2.imdecode(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1
        ),
        lambda picture: cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
        lambda picture: np.clip(picture * 0.7 + 30, 0, 255).astype(np.uint8),
        lambda picture: cv2.GaussianBlur(picture, (0, 0), 2),
    ],
    ids=["jpeg", "smaller", "tone", "blur"],
)
def test_edits_leave_most_bits(scene, change):
    assert distance(pdq(change(scene)).value, pdq(scene).value) <= PDQ_DISTANCE


def test_other_pictures_differ(scene):
    values = [pdq(photograph(200, 300, seed=seed)).value for seed in range(12)]
    apart = [distance(one, other) for one in values for other in values if one is not other]
    assert min(apart) > 2 * PDQ_DISTANCE


def test_sixteen_bits_and_grey_give_the_same(scene):
    grey = scene[..., 1].copy()
    for picture in (scene, grey):
        assert pdq(picture.astype(np.uint16) * 257).value == pdq(picture).value
    assert pdq(grey).value == pdq(np.repeat(grey[..., None], 3, axis=2)).value


def test_transparent_parts_are_seen_on_white(scene):
    alpha = np.zeros(scene.shape[:2], np.uint8)
    alpha[50:250, 60:300] = 255
    seen = np.where(alpha[..., None] == 255, scene, 255).astype(np.uint8)
    layered = np.dstack([scene, alpha])
    assert pdq(layered).value == pdq(seen).value != pdq(scene).value
    assert pdq(np.dstack([scene, np.full_like(alpha, 255)])).value == pdq(scene).value
    half = pdq(np.dstack([scene, np.full_like(alpha, 128)]))
    assert distance(half.value, pdq(scene).value) <= 8


def test_quality_says_how_much_there_is_to_see(scene):
    assert pdq(np.full((100, 100, 3), 77, np.uint8)).quality == 0
    assert pdq(scene).quality >= LEAST_QUALITY
    assert pdq(chart(300, 400)).quality == 100
    faint = pdq((scene // 8 + 100).astype(np.uint8))
    assert faint.quality < LEAST_QUALITY


@pytest.mark.parametrize("shape", [(4, 400, 3), (400, 1), (2, 2, 4)])
def test_tiny_pictures_have_no_hash(shape):
    hashed = pdq(made(400, 400)[: shape[0], : shape[1], 0].copy().reshape(shape[:2]))
    assert (hashed.value, hashed.quality) == (bytes(32), 0)


def test_large_pictures_are_not_copied():
    picture = np.tile(made(300, 400), (10, 10, 1))
    pdq(picture[:300, :400])
    tracemalloc.start()
    hashed = pdq(picture)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert hashed.quality == 100
    assert peak < picture.nbytes / 2


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        (np.zeros((10, 10, 3), np.float32), TypeError),
        (np.zeros((10, 10, 2), np.uint8), ValueError),
        (np.zeros((0, 10), np.uint8), ValueError),
    ],
)
def test_what_is_no_picture_is_refused(pixels, error):
    with pytest.raises(error):
        pdq(pixels)


def test_the_example_in_the_docstring_holds():
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
