import itertools
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detectors import windows
from detectors.image import PRESENT_AT, detect, detect_each
from detectors.reading import read
from detectors.registration import REGISTERED, register
from detectors.report import Presence
from detectors.search import STANDS_OUT, hypotheses
from detectors.spectrum import analyse, whitened
from detectors.synchronisation import Place, synchronise
from detectors.tile_raster import map_of, raster_of
from detectors.windows import Part, search_windows
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import NATIVE_PERIODS, TILE
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.significance import p_value
from labeler.marks.image import embed
from tests.scenes import chart, photograph, tilted

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
HEIGHT, WIDTH = 520, 700


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    return embed(photograph(HEIGHT, WIDTH), PAYLOAD, KEY)


def curled(pixels: np.ndarray, displacement_px: float) -> np.ndarray:
    """Waves as long as the picture, in both directions."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across, down = 2 * np.pi * x / width, 2 * np.pi * y / height
    moved_x = x + displacement_px * np.sin(down + 0.3) * np.cos(across)
    moved_y = y + displacement_px * np.cos(across + 0.9) * np.sin(down + 1)
    return cv2.remap(pixels, moved_x, moved_y, cv2.INTER_CUBIC)


BENDS = {
    "perspective": lambda x: tilted(x, 0.05, 1),
    "another perspective": lambda x: tilted(x, 0.05, 2),
    "waves": lambda x: curled(x, 4),
}


@pytest.fixture(autouse=True)
def _without_the_learned_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads some bent pictures by itself, so that nothing has to be followed."""
    monkeypatch.setattr("detectors.image._LEARNED", analyse)


@pytest.mark.parametrize("bend", BENDS)
def test_a_bent_picture_reads_only_where_its_tile_is_followed(
    marked: np.ndarray, bend: str
) -> None:
    bent = BENDS[bend](marked)
    assert detect(bent, [KEY]).presence is Presence.ABSENT
    found = detect(bent, [KEY], patient=True)
    assert found.payload == PAYLOAD
    assert found.p_value <= PRESENT_AT**4
    assert found.synchronisation_p_value <= PRESENT_AT
    assert found.geometry is not None
    assert found.geometry.period == pytest.approx(96, rel=0.15)
    assert found.geometry.origin is None


def test_large_pictures_need_no_patience(
    marked: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detectors.image._LARGE_PIXELS", HEIGHT * WIDTH)
    assert detect(BENDS["perspective"](marked), [KEY]).payload == PAYLOAD


def test_another_key_reads_nothing_in_a_bent_picture(marked: np.ndarray) -> None:
    found = detect(BENDS["perspective"](marked), [PUBLIC_KEY], patient=True)
    assert found.presence is Presence.INCONCLUSIVE
    assert found.payload is None
    assert found.p_value > 1e-3
    assert found.geometry is not None
    assert found.geometry.period == pytest.approx(96, rel=0.15)


def test_a_tile_that_is_followed_leaves_the_weights_of_other_places(
    marked: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def recording(heard, keys):
        calls.append(list(heard))
        return read(heard, keys)

    monkeypatch.setattr("detectors.image.read", recording)
    detect(BENDS["perspective"](marked), [KEY], patient=True)
    # Weights go by order: whether more places are read depends on what the first ones say.
    for before, after in itertools.pairwise(calls):
        assert all(one is other for one, other in zip(before, after, strict=False))
    assert len(calls) == 3
    assert len(calls[2]) == len(calls[1]) + REGISTERED
    calls.clear()
    detect(BENDS["perspective"](marked), [KEY])
    detect(marked, [KEY], patient=True)
    assert len(calls) == 2


def test_synchronisation_counts_what_is_tried_in_parts(marked: np.ndarray) -> None:
    bent = BENDS["perspective"](marked)
    part = search_windows(analyse(bent), STANDS_OUT)
    looks = 2  # the quick one, and that in place of the learned front end
    tried = looks * (hypotheses(len(NATIVE_PERIODS)) + windows.hypotheses())
    expected = p_value(part.place.z, log_hypotheses=math.log(tried))
    found = detect(bent, [KEY], patient=True)
    assert found.synchronisation_p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    "pixels",
    [photograph(HEIGHT, WIDTH, seed=9), chart(400, 600), tilted(photograph(480, 640), 0.05, 1)],
    ids=["photograph", "chart", "tilted"],
)
def test_following_a_tile_that_is_not_there_yields_nothing(
    pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert detect(pixels, [KEY], patient=True).presence is Presence.ABSENT
    monkeypatch.setattr("detectors.image._FOLLOWED", (0.0, 100.0))
    keys = [Key.from_bytes(bytes([n]) * 32) for n in range(50)]
    found = detect_each(pixels, keys, patient=True)
    assert all(each.payload is None for each in found)
    assert min(each.p_value for each in found) > 1e-3 / len(keys)


@pytest.mark.parametrize("shape", [(1, 1), (24, 24), (60, 700), (97, 97), (200, 96)])
def test_small_pictures_have_few_parts_or_none(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detectors.image._FOLLOWED", (0.1, 100.0))
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    assert detect(pixels, [KEY], patient=True).presence is Presence.ABSENT


def test_a_tile_is_followed_as_well_as_an_even_one_is_read(marked: np.ndarray) -> None:
    even = analyse(marked)
    place = synchronise(even, np.array([96 * np.eye(2)]))[0]
    followed = register(even, Part(even, place))
    assert len(followed) == REGISTERED - 1
    assert followed[0].z > 0.95 * place.z
    bent = analyse(BENDS["perspective"](marked))
    along, freely = register(bent, search_windows(bent, STANDS_OUT))[1:]
    assert along.z > 0.9 * place.z
    assert freely.z > 0.9 * place.z


def test_the_map_of_a_place_leads_to_the_tile(marked: np.ndarray) -> None:
    """Phases, orientation and scale of a place are those of its map."""
    turned = np.ascontiguousarray(marked[17:, 5:][::-1])
    spectrum = analyse(turned)
    place = synchronise(spectrum, np.array([96 * np.eye(2)]))[0]
    origin = (spectrum.width // 2, spectrum.height // 2)
    raster = raster_of(map_of(place, origin), spectrum.height, spectrum.width)
    values = raster.sample(whitened(spectrum), map_of(place, origin))
    assert raster.hear(values).z > 0.9 * place.z
    unmoved = raster.sample_moved(
        whitened(spectrum), map_of(place, origin), np.zeros((*raster.centres.shape[:2], 2))
    )
    assert np.corrcoef(values.ravel(), unmoved.ravel())[0, 1] > 0.98
    chips = raster.chips(values)
    assert chips.shape[0] == raster.centres[..., 0].size
    beside = map_of(replace(place, shift=(place.shift[0] + TILE / 3, place.shift[1])), origin)
    assert raster.hear(raster.sample(whitened(spectrum), beside)).z < 5


def test_tiles_that_are_too_small_are_not_followed() -> None:
    tiny = Place(9.0, 8 * np.eye(2), 0, (0.0, 0.0))
    assert raster_of(map_of(tiny, (300, 300)), 600, 600) is None
    assert raster_of(map_of(replace(tiny, lattice=64 * np.eye(2)), (300, 300)), 600, 600)
