"""A mark is heard all over a picture, or only where its lattice fits."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from detectors import evenness
from detectors.evenness import confirmed, heard_share
from detectors.image import Geometry, detect
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Handle, Origin, Payload
from labeler.marks.image import embed
from labeler.marks.video import Marker
from tests.scenes import photograph, tilted

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xCAFE1234))
OTHER = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xCAFE1235))
HEIGHT, WIDTH = 520, 700


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    return embed(photograph(HEIGHT, WIDTH), PAYLOAD, KEY)


def geometry_of(pixels: np.ndarray, key: Key = KEY) -> Geometry:
    found = detect(pixels, [key])
    assert found.payload == PAYLOAD
    assert found.geometry is not None
    assert found.geometry.origin is not None
    return found.geometry


def compressed(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


FLAT = {
    "unchanged": lambda pixels: pixels,
    "JPEG 60": compressed,
    "cut and turned": lambda pixels: np.rot90(pixels[40:500, 31:650]),
    "half the size, mirrored": lambda pixels: cv2.resize(
        pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
    )[:, ::-1],
    "turned by seven degrees": lambda pixels: np.asarray(
        Image.fromarray(pixels).rotate(7, Image.Resampling.BICUBIC)
    ),
    "stretched": lambda pixels: cv2.resize(pixels, None, fx=1.2, fy=0.9),
}


@pytest.mark.parametrize("edit", FLAT)
def test_a_flat_picture_has_its_mark_everywhere(marked: np.ndarray, edit: str) -> None:
    pixels = np.ascontiguousarray(FLAT[edit](marked))
    geometry = geometry_of(pixels)
    assert heard_share(pixels, geometry, PAYLOAD, KEY) > 0.9
    assert confirmed(pixels, geometry, PAYLOAD, KEY) == geometry


@pytest.mark.parametrize("seed", [1, 2])
def test_a_bent_one_has_it_where_the_lattice_fits(marked: np.ndarray, seed: int) -> None:
    geometry = geometry_of(marked)
    bent = tilted(marked, 0.05, seed)
    assert heard_share(bent, geometry, PAYLOAD, KEY) < 0.5
    assert confirmed(bent, geometry, PAYLOAD, KEY) == replace(geometry, origin=None)


def test_a_part_of_a_page_is_not_the_whole_of_it(marked: np.ndarray) -> None:
    page = photograph(2 * HEIGHT, 2 * WIDTH, seed=9)
    page[300 : 300 + HEIGHT, 410 : 410 + WIDTH] = marked
    geometry = geometry_of(page)
    assert 0.15 < heard_share(page, geometry, PAYLOAD, KEY) < 0.5


def test_it_is_listened_for_where_its_tiles_lie(marked: np.ndarray) -> None:
    geometry = geometry_of(marked)
    assert geometry.origin is not None
    x, y = geometry.origin
    astray = replace(geometry, origin=(x + geometry.period / 2, y))
    assert heard_share(marked, astray, PAYLOAD, KEY) < 0.1
    assert heard_share(photograph(HEIGHT, WIDTH), geometry, PAYLOAD, KEY) < 0.1


def test_a_faint_mark_is_heard_by_all_that_it_says(marked: np.ndarray) -> None:
    """Synchronisation carriers, which all marks share, would not be enough."""
    noise = np.random.default_rng(1).normal(0, 30, marked.shape)
    faint = np.clip(np.rint(marked + noise), 0, 255).astype(np.uint8)
    geometry = geometry_of(faint)
    assert heard_share(faint, geometry, PAYLOAD, KEY) > 0.9
    assert heard_share(faint, geometry, OTHER, KEY) < 0.75
    assert heard_share(faint, geometry, PAYLOAD, PUBLIC_KEY) < 0.75


def test_a_frame_of_a_film_has_the_pattern_of_films() -> None:
    grey = np.ascontiguousarray(photograph(480, 640)[..., 1])
    frame = Marker(*grey.shape, PAYLOAD, KEY).mark(grey)
    assert heard_share(frame, geometry_of(frame), PAYLOAD, KEY) > 0.9


def test_nothing_is_told_of_bent_pictures_and_of_very_many_tiles(
    marked: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = geometry_of(marked)
    assert heard_share(marked, replace(geometry, origin=None), PAYLOAD, KEY) == 0
    monkeypatch.setattr(evenness, "_MOST_SAMPLES", 1000)
    assert heard_share(marked, geometry, PAYLOAD, KEY) == 0
