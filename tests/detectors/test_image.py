import io
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from detectors.image import PRESENT_AT, Detection, Geometry, detect, detect_each
from detectors.report import Presence
from labeler.codec.keys import PUBLIC_KEY, Key, Keyring
from labeler.codec.lattice import tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.marks.image import embed
from tests.scenes import chart, photograph

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
HEIGHT, WIDTH = 520, 700


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    return embed(photograph(HEIGHT, WIDTH), PAYLOAD, KEY)


def compressed(pixels: np.ndarray, form: str, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, form, quality=quality)
    return np.asarray(Image.open(stored).convert("RGB"))


def scaled(pixels: np.ndarray, across: float, down: float | None = None) -> np.ndarray:
    size = (round(pixels.shape[1] * across), round(pixels.shape[0] * (down or across)))
    shrinks = across < 1 or (down or 1) < 1
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def turned(pixels: np.ndarray, degrees: float, *, expand: bool = False) -> np.ndarray:
    picture = Image.fromarray(pixels)
    return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, expand=expand))


def noisy(pixels: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, deviation, pixels.shape)
    return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)


EDITS = {
    "nothing": lambda x: x,
    "JPEG 70": lambda x: compressed(x, "JPEG", 70),
    "JPEG 50": lambda x: compressed(x, "JPEG", 50),
    "WebP 80": lambda x: compressed(x, "WEBP", 80),
    "half size": lambda x: scaled(x, 0.5),
    "three quarters": lambda x: scaled(x, 0.75),
    "1.5 times": lambda x: scaled(x, 1.5),
    "lower": lambda x: scaled(x, 1, 0.8),
    "cropped": lambda x: x[101:469, 87:583],
    "quarter of the area": lambda x: x[201:461, 87:437],
    "turned by 2": lambda x: turned(x, 2),
    "turned by 17, expanded": lambda x: turned(x, 17, expand=True),
    "turned by 61": lambda x: turned(x, 61),
    "turned by 90": np.rot90,
    "upside down": lambda x: x[::-1, ::-1],
    "mirrored": lambda x: x[:, ::-1],
    "brighter": lambda x: np.clip(x * 1.5, 0, 255).astype(np.uint8),
    "darker": lambda x: (x * 0.5).astype(np.uint8),
    "grey": lambda x: cv2.cvtColor(x, cv2.COLOR_RGB2GRAY),
    "blurred": lambda x: cv2.GaussianBlur(x, (0, 0), 2),
    "noisy": lambda x: noisy(x, 15),
    "turned, cropped, recompressed": lambda x: compressed(turned(x, 3)[60:460, 60:640], "JPEG", 70),
    "16 bit": lambda x: x.astype(np.uint16) * 257,
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_mark_survives(marked: np.ndarray, edit: str) -> None:
    found = detect(EDITS[edit](marked), [KEY])
    assert found.presence is Presence.PRESENT
    assert found.payload == PAYLOAD
    assert found.key_id == KEY.key_id
    assert found.p_value <= PRESENT_AT


@pytest.mark.parametrize("make", [chart, photograph])
@pytest.mark.parametrize("size", [(256, 256), (300, 451), (700, 1000)])
def test_pictures_of_many_kinds_and_sizes(make, size: tuple[int, int]) -> None:
    found = detect(compressed(embed(make(*size), PAYLOAD), "JPEG", 75), Keyring())
    assert found.payload == PAYLOAD


@pytest.mark.parametrize("shape", [(300, 400), (300, 400, 3), (300, 400, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_pixel_format_is_read(shape: tuple[int, ...], dtype: type) -> None:
    picture = photograph(300, 400)
    pixels = picture[..., 1] if len(shape) == 2 else picture
    if shape[-1] == 4:
        pixels = np.dstack([pixels, np.full((300, 400), 200, np.uint8)])
    pixels = pixels.astype(dtype) * (257 if dtype == np.uint16 else 1)
    assert detect(embed(pixels, PAYLOAD), [PUBLIC_KEY]).payload == PAYLOAD


def geometry_of(found: Detection) -> tuple[float, float, bool, float]:
    assert found.geometry is not None
    each = found.geometry
    return each.period, each.rotation_deg, each.mirrored, each.aspect


def test_geometry_tells_what_was_done(marked: np.ndarray) -> None:
    period, rotation, mirrored, aspect = geometry_of(
        detect(turned(scaled(marked, 1.25), 30), [KEY])
    )
    assert period == pytest.approx(1.25 * 96, rel=0.01)
    assert rotation == pytest.approx(30, abs=0.3)
    assert not mirrored
    assert aspect == pytest.approx(1, abs=0.01)
    assert geometry_of(detect(marked[:, ::-1], [KEY]))[2]
    assert geometry_of(detect(scaled(marked, 1, 0.8), [KEY]))[3] == pytest.approx(1.25, rel=0.01)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_a_corner_of_a_tile_is_told(marked: np.ndarray, turns: int, scale: float) -> None:
    """Wherever the marked picture's own corner came to lie: it is whole tiles away."""
    top, left = 37, 61
    cut = scaled(marked[top:, left:], scale)
    height, width = cut.shape[:2]
    corner = np.array([-left, -top]) * scale
    for _ in range(turns):  # anticlockwise
        corner, height, width = np.array([corner[1], width - corner[0]]), width, height
    found = detect(np.rot90(cut, turns), [KEY]).geometry
    assert found is not None
    assert found.origin is not None
    tiles = (np.array(found.origin) - corner) / found.period
    assert tiles == pytest.approx(np.rint(tiles), abs=0.02)


@pytest.mark.parametrize("origin", [None, (-3.25, 1e3)])
def test_geometry_survives_a_report(origin: tuple[float, float] | None) -> None:
    written = Geometry(96.5, 30.25, True, 0.8, origin).write()
    assert json.loads(json.dumps(written)) == written
    assert Geometry.read(written) == Geometry(96.5, 30.25, True, 0.8, origin)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_quarter_of_the_size_is_looked_at_closer(seed: int) -> None:
    marked = embed(photograph(560, 720, seed=seed), PAYLOAD, KEY)
    found = detect(scaled(marked, 0.25), [KEY])
    assert found.payload == PAYLOAD
    # Without a closer look, such copies are just, or just not, read.
    assert found.p_value < 1e-20
    period, _, mirrored, aspect = geometry_of(found)
    assert period == pytest.approx(tile_period(560, 720) / 4, rel=0.005)
    assert not mirrored
    assert aspect == pytest.approx(1, abs=0.02)


def test_another_key_finds_something_but_reads_nothing(marked: np.ndarray) -> None:
    found = detect(marked, [PUBLIC_KEY])
    assert found.presence is Presence.INCONCLUSIVE
    assert found.payload is None
    assert found.key_id is None
    assert found.synchronisation_p_value <= PRESENT_AT < found.p_value


def test_the_right_key_is_found_in_a_ring(marked: np.ndarray) -> None:
    others = [Key.from_bytes(bytes([n]) * 32) for n in range(40)]
    ring = Keyring([*others[:20], KEY, *others[20:]])
    found = detect(compressed(marked, "JPEG", 60), ring)
    assert (found.key_id, found.payload) == (KEY.key_id, PAYLOAD)
    each = detect_each(marked, ring)
    assert [one.presence for one in each].count(Presence.PRESENT) == 1
    assert each[20].presence is Presence.PRESENT


def test_more_keys_cost_significance(marked: np.ndarray) -> None:
    alone = detect(marked, [KEY])
    among = detect(marked, [KEY, PUBLIC_KEY, Key.from_bytes(bytes(32))])
    assert among.p_value == pytest.approx(3 * alone.p_value)


@pytest.mark.parametrize(
    "pixels",
    [
        photograph(HEIGHT, WIDTH, seed=9),
        chart(400, 600),
        np.full((300, 300, 3), 200, np.uint8),
        np.zeros((128, 128), np.uint8),
        np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8),
        np.tile(np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8), (5, 6)),
        (np.indices((400, 400)).sum(0) // 8 % 2 * 255).astype(np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((3, 700, 3), np.uint8),
    ],
    ids=[
        "photograph",
        "chart",
        "flat",
        "black",
        "noise",
        "wallpaper",
        "checkerboard",
        "dot",
        "line",
    ],
)
def test_unmarked_pictures_stay_unmarked(pixels: np.ndarray) -> None:
    found = detect(pixels, [PUBLIC_KEY, KEY])
    assert found.presence is Presence.ABSENT
    assert found.payload is None
    assert found.geometry is None
    assert found.p_value > 1e-3


def test_detection_is_deterministic(marked: np.ndarray) -> None:
    assert detect(marked, [KEY]) == detect(marked, [KEY])


def test_no_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="no key"):
        detect(np.zeros((300, 300), np.uint8), [])


def test_false_positives_stay_within_the_p_values() -> None:
    """Unmarked pictures under random keys: p-values are not below uniform, none accepted."""
    rng = np.random.default_rng(2026)
    keys = [Key.from_bytes(rng.bytes(32)) for _ in range(150)]
    p_values = []
    for seed in range(4):
        picture = photograph(300, 380, seed=100 + seed)
        for pixels in (picture, compressed(picture, "JPEG", 60), turned(picture, 5)):
            found = detect_each(pixels, keys)
            assert all(each.payload is None for each in found)
            p_values += [each.p_value for each in found]
    ordered = np.sort(p_values)
    assert ordered[0] > PRESENT_AT
    for level in (1e-1, 1e-2, 1e-3):
        expected = level * len(ordered)
        assert np.count_nonzero(ordered <= level) <= expected + 4 * np.sqrt(expected) + 1


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        (np.zeros((300, 300, 3)), TypeError),
        (np.zeros((300, 300, 3), np.int16), TypeError),
        (np.zeros((300, 300, 2), np.uint8), ValueError),
        (np.zeros(300, np.uint8), ValueError),
        (np.zeros((0, 300, 3), np.uint8), ValueError),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(pixels: np.ndarray, error: type) -> None:
    with pytest.raises(error, match="pixels"):
        detect(pixels, [KEY])


def test_the_best_of_many_pictures_has_to_be_better(marked: np.ndarray) -> None:
    sure = detect(marked, [KEY])
    assert sure.best_of(8).p_value == pytest.approx(8 * sure.p_value)
    assert sure.best_of(8).payload == PAYLOAD
    barely = replace(sure, p_value=5e-7)
    assert barely.best_of(1).presence is Presence.PRESENT
    doubtful = barely.best_of(8)
    assert doubtful.presence is Presence.INCONCLUSIVE
    assert (doubtful.payload, doubtful.key_id) == (None, None)
    chance = replace(barely, synchronisation_p_value=5e-7).best_of(8)
    assert chance.presence is Presence.ABSENT
    assert chance.geometry is None
