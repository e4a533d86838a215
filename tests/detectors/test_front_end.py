import io
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from detectors import image
from detectors.front_end import PLANES, estimate, folded, planes, unfolded
from detectors.image import detect
from detectors.report import Presence
from detectors.search import STANDS_OUT, search
from detectors.spectrum import HoldingDown, Spectrum, analyse
from detectors.synchronisation import synchronise
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import NATIVE_PERIODS, tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.pixels import grey
from labeler.codec.residual import without_edges, without_shades
from labeler.marks.image import embed
from labeler.strength import Strength
from tests.scenes import chart, photograph

ROOT = Path(__file__).parents[2]
MODEL = resources.files("detectors").joinpath("data/image_front_end.onnx")
KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
NUMBERS = st.floats(-1000, 1000, width=32)


def luma(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return grey(photograph(height, width, seed=seed)).astype(np.float32)


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """``(height, width, 3)`` uint8: grain that is fine on the left and rough on the right."""
    grain = np.random.default_rng(seed).normal(size=(height, width))
    grain = cv2.GaussianBlur(grain, (0, 0), 1.5)
    rough = 128 + grain / grain.std() * np.linspace(2, 25, width)
    return np.repeat(np.clip(np.rint(rough), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def webp(pixels: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "WEBP", quality=quality)
    return np.asarray(Image.open(stored).convert("RGB"))


# ----------------------------------------------------------------------------------------- folding


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=NUMBERS))
def test_what_is_folded_unfolds(quarter: np.ndarray) -> None:
    whole = np.kron(quarter, np.array([[1, 2], [3, 4]], np.float32))
    assert folded(whole[None]).shape == (4, *quarter.shape)
    assert np.array_equal(unfolded(folded(whole[None])), whole)


@given(
    st.tuples(st.just(4), st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=NUMBERS)
    )
)
def test_what_is_unfolded_folds(channels: np.ndarray) -> None:
    assert np.array_equal(folded(unfolded(channels)[None]), channels)


def test_neighbours_become_channels_in_reading_order_plane_by_plane() -> None:
    values = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    seen = folded(values)
    assert seen.shape == (8, 2, 3)
    for plane in range(2):
        corner = values[plane, :2, :2].ravel()
        assert np.array_equal(seen[4 * plane : 4 * plane + 4, 0, 0], corner)
        assert np.array_equal(seen[4 * plane : 4 * plane + 4], folded(values[plane : plane + 1]))


# ------------------------------------------------------------------------------------------ planes


@pytest.mark.parametrize(
    "picture",
    [luma(61, 84), np.zeros((20, 30), np.float32), np.full((20, 30), 255, np.float32)],
    ids=["photograph", "black", "white"],
)
def test_planes_are_what_the_network_was_told(picture: np.ndarray) -> None:
    before = picture.copy()
    seen = planes(picture)
    assert seen.shape == (PLANES, *picture.shape)
    assert seen.dtype == np.float32
    assert np.array_equal(picture, before)
    assert np.array_equal(seen[0], without_edges(picture))
    assert np.array_equal(seen[1], without_shades(picture))
    assert np.abs(seen[:2]).max() <= 3
    assert np.log(0.5) < seen[2].min() <= seen[2].max() < np.log(256)
    assert -2 <= seen[3].min() <= seen[3].max() < 2
    assert np.allclose(64 * seen[3] + 128, picture)


# ---------------------------------------------------------------------------------------- estimate


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_any_size_keeps_its_shape(height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    found = estimate(picture)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert np.all(np.isfinite(found))


@pytest.mark.parametrize("level", [0, 1, 127, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (97, 64), (300, 301)])
def test_flat_pictures_show_nothing(size: tuple[int, int], level: int) -> None:
    """But for what the network's four channels differ by: far beyond the mark's frequencies."""
    found = estimate(np.full(size, level, np.float32))
    assert np.all(np.isfinite(found))
    middle = found[40:-40, 40:-40]
    for phase in (middle[down::2, across::2] for down in (0, 1) for across in (0, 1)):
        assert phase.size == 0 or np.ptp(phase) < 1e-3 * np.abs(found).max()


def test_odd_sides_are_continued_by_their_last_pixels() -> None:
    even = luma(100, 120)
    even[99], even[:, 119] = even[98], even[:, 118]
    found = estimate(even[:99, :119])
    assert np.array_equal(found, estimate(even)[:99, :119])


def test_two_threads_get_what_one_gets() -> None:
    """Pictures of two sizes in turn, so that a shared network would have to change its shape."""
    pictures = [luma(120, 160), luma(150, 121, seed=1)]
    alone = [estimate(each) for each in pictures]
    together = threading.Barrier(2, timeout=60)

    def often(first: int) -> list[tuple[int, np.ndarray]]:
        found = []
        for turn in range(8):
            together.wait()
            which = (first + turn) % 2
            found.append((which, estimate(pictures[which])))
        return found

    with ThreadPoolExecutor(2) as threads:
        for found in threads.map(often, (0, 1)):
            for which, values in found:
                assert np.array_equal(values, alone[which])


# ---------------------------------------------------------------------------------------- the file


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a protobuf message; of the others, none is asked for."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            _, at = varint(data, at)
        elif tag & 7 == 2:
            length, at = varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            at += {1: 8, 5: 4}[tag & 7]
    assert at == len(data)


def test_the_network_is_small_and_holds_nothing_but_convolutions() -> None:
    data = MODEL.read_bytes()
    assert len(data) <= 500_000
    (graph,) = [value for number, value in fields(data) if number == 7]
    nodes = [dict(fields(value)) for number, value in fields(graph) if number == 1]
    kinds = [node[4].decode() for node in nodes]
    assert set(kinds) == {"Conv", "Relu", "Add"}
    assert kinds.count("Conv") >= 3
    # Nothing of the standard's is hidden behind a name of somebody else's.
    assert {node.get(7, b"") for node in nodes} == {b""}


def test_the_file_is_part_of_the_package() -> None:
    path = Path(str(MODEL))
    assert path == ROOT / "detectors/data/image_front_end.onnx"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    # Of a package, Hatch takes every file that git does not ignore, unless it is told otherwise.
    assert "detectors" in build["targets"]["wheel"]["packages"]
    assert "detectors" in build["targets"]["sdist"]["include"]
    for options in (build, *build["targets"].values()):
        assert not {"exclude", "only-include", "only-packages"} & options.keys()
    assert "include" not in build["targets"]["wheel"]
    if (ROOT / ".git").exists():
        ignored = subprocess.run(["git", "check-ignore", "--no-index", path], cwd=ROOT, check=False)
        assert ignored.returncode == 1


# ------------------------------------------------------------------------------------ what it does


def heard(pixels: np.ndarray, holding_down: HoldingDown) -> float:
    """Synchronisation statistic of the lattice that is known to be there."""
    lattice = tile_period(*pixels.shape[:2]) * np.eye(2)[None]
    (place,) = synchronise(analyse(pixels, holding_down=holding_down), lattice)
    return place.z


def test_it_hears_a_strongly_compressed_mark_better() -> None:
    louder = []
    for seed in range(1, 9):
        marked = embed(texture(480, 640, seed), PAYLOAD, KEY, strength="quality")
        pixels = webp(marked, 20)
        louder.append(heard(pixels, estimate) - heard(pixels, without_edges))
    assert np.mean(louder) > 0.25
    assert sum(each > 0 for each in louder) >= 5


def test_who_is_patient_reads_what_one_look_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [
        webp(embed(texture(400, 500, seed), PAYLOAD, KEY, strength="quality"), 12)
        for seed in range(1, 9)
    ]

    def read(*, patient: bool) -> int:
        return sum(detect(each, [KEY], patient=patient).payload == PAYLOAD for each in pictures)

    quickly, patiently = read(patient=False), read(patient=True)
    monkeypatch.setattr(image, "_LEARNED", analyse)
    without_the_network = read(patient=True)
    assert 0 < max(quickly, without_the_network) < patiently


def synchronised(spectrum: Spectrum) -> float:
    return search(spectrum, NATIVE_PERIODS)[0].z


@pytest.mark.parametrize(
    ("size", "seed", "strength"),
    [((480, 640), 3, "quality"), ((420, 560), 1, "balanced"), ((480, 640), 3, "balanced")],
)
def test_who_is_patient_reads_what_one_look_reads(
    size: tuple[int, int], seed: int, strength: Strength
) -> None:
    """Though the network hears more of the tile, and of the message less or nothing."""
    smooth = cv2.GaussianBlur(photograph(*size, seed=seed), (0, 0), 1.0)
    pixels = webp(embed(smooth, PAYLOAD, KEY, strength=strength), 10)
    assert synchronised(analyse(pixels)) < synchronised(image._LEARNED(pixels)) < STANDS_OUT
    quick, patient = (detect(pixels, [KEY], patient=each) for each in (False, True))
    assert quick.payload == PAYLOAD
    assert patient.payload == PAYLOAD
    assert (patient.p_value, patient.geometry) == (quick.p_value, quick.geometry)


def test_what_the_network_hears_does_not_drown_what_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smooth = cv2.GaussianBlur(photograph(480, 640, seed=3), (0, 0), 1.0)
    pixels = webp(embed(smooth, PAYLOAD, KEY), 10)
    other, beside = Payload(origin=Origin.GENERATED, handle=Handle(1, 2)), Key.from_bytes(bytes(32))
    loud = analyse(embed(photograph(480, 640), other, beside))
    assert synchronised(analyse(pixels)) < STANDS_OUT < synchronised(loud)
    monkeypatch.setattr(image, "_LEARNED", lambda _pixels: loud)
    found = detect(pixels, [KEY], patient=True)
    assert (found.presence, found.payload) == (Presence.PRESENT, PAYLOAD)
    # Where one look reads nothing, what the network hears is listened to.
    assert detect(pixels, [beside]).payload is None
    found = detect(pixels, [beside], patient=True)
    assert (found.presence, found.payload) == (Presence.PRESENT, other)
    # What it hears is told of even if nobody here can read it.
    quick, patient = (detect(pixels, [PUBLIC_KEY], patient=each) for each in (False, True))
    assert (quick.presence, patient.presence) == (Presence.ABSENT, Presence.INCONCLUSIVE)


@pytest.mark.parametrize(
    "pixels",
    [
        photograph(300, 400, seed=9),
        chart(480, 640),
        texture(300, 400, 9),
        webp(texture(480, 640, 9), 20),
        np.zeros((300, 300), np.uint8),
        np.full((300, 301, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((3, 700, 3), np.uint8),
    ],
    ids=["photo", "chart", "grain", "webp", "black", "white", "noise", "dot", "line"],
)
def test_unmarked_pictures_stay_unmarked_for_the_patient(pixels: np.ndarray) -> None:
    found = detect(pixels, [KEY], patient=True)
    assert found.presence is Presence.ABSENT
    assert found.payload is None
    assert found.p_value > 1e-3
