"""What is predicted of a mark before it is made, and what is done about it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from detectors.image import detect
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import CARRIERS, TileLayer, layered_tile, tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.pixels import grey
from labeler.errors import CapacityError
from labeler.marks import image
from labeler.marks.image import Suitability, embed, prepare, suitability
from labeler.marks.rehearsal import CASES, SampledTiles, legible, sample_tiles
from labeler.marks.signpost import Signpost
from tests.scenes import chart, photograph

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
SIGNPOST = Signpost(payload=PAYLOAD)
STRENGTHS = ("quality", "balanced", "robust")


def smooth(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return cv2.GaussianBlur(photograph(height, width, seed=seed), (0, 0), 1.0)


def flat(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def noise(height: int, width: int, deviation: float, *, blur: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(1).normal(0, deviation, (height, width, 1))
    values = cv2.GaussianBlur(values, (0, 0), blur)[..., None] if blur else values
    return np.repeat(np.clip(np.rint(128 + values), 0, 255).astype(np.uint8), 3, axis=2)


PICTURES = {
    "photograph": photograph(300, 400),
    "large photograph": photograph(480, 640, seed=1),
    "small photograph": photograph(256, 256),
    "smooth": smooth(256, 256),
    "large and smooth": smooth(480, 640, seed=2),
    "flat": flat(480, 640),
    "chart": chart(700, 560),
    "fine noise": noise(300, 400, 3),
    "noise": noise(300, 400, 10),
    "loud noise": noise(300, 400, 40),
    "grain": noise(256, 256, 60, blur=1.0),
}


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def tiles_of(pixels: np.ndarray) -> SampledTiles:
    """Tiles to which a mark of unit deviation is added, alike everywhere."""
    height, width = pixels.shape[:2]
    period = tile_period(height, width)
    pattern = layered_tile([TileLayer(PAYLOAD, KEY)], period)
    repeats = (-(-height // period), -(-width // period))
    shaped = np.tile(pattern.low + pattern.high, repeats)[:height, :width]
    sampled = sample_tiles(pixels, shaped, pattern)
    assert sampled is not None
    return sampled


def set_preset(monkeypatch: pytest.MonkeyPatch, strength: str, **changes: object) -> None:
    preset = replace(image._PRESETS[strength], **changes)
    monkeypatch.setitem(image._PRESETS, strength, preset)


# --------------------------------------------------------------------------------------- the tiles


def test_tiles_are_taken_from_all_over_the_picture() -> None:
    picture = photograph(500, 700)
    period = tile_period(500, 700)
    sampled = tiles_of(picture)
    assert sampled.luma.shape == sampled.change.shape == (3, 3, period, period)
    assert sampled.tiles == pytest.approx(500 * 700 / period**2)
    luma = grey(picture)
    last = (500 // period - 1) * period, (700 // period - 1) * period
    assert np.array_equal(sampled.luma[0, 0], luma[:period, :period])
    corner = luma[last[0] : last[0] + period, last[1] : last[1] + period]
    assert np.array_equal(sampled.luma[2, 2], corner)
    assert np.allclose(sampled.change, sampled.change[0, 0])


def test_tiles_of_sixteen_bits_have_the_same_levels() -> None:
    picture = photograph(300, 400)
    coarse, fine = tiles_of(picture), tiles_of(picture.astype(np.uint16) * 257)
    assert np.abs(fine.luma - coarse.luma).max() <= 0.51


def test_a_picture_that_is_narrower_than_a_tile_has_none() -> None:
    pattern = layered_tile([TileLayer(PAYLOAD, KEY)], 192)
    narrow = np.zeros((191, 5000), np.float32)
    assert sample_tiles(np.zeros(narrow.shape, np.uint8), narrow, pattern) is None


# -------------------------------------------------------------------------------------- legibility


@pytest.mark.parametrize("case", CASES)
def test_a_stronger_mark_is_more_legible(case: str) -> None:
    sampled = tiles_of(photograph(480, 640))
    found = [legible(sampled, gain, case) for gain in (0.0, 0.7, 1.4, 2.8, 5.6)]
    assert found[0] < 0.2
    assert all(more > less + 0.1 for less, more in pairwise(found))


@pytest.mark.parametrize("case", ["jpeg-30", "webp-50"])
def test_codecs_take_more_from_a_plain_fill_than_from_a_photograph(case: str) -> None:
    plain, busy = (legible(tiles_of(each(480, 640)), 1.4, case) for each in (flat, photograph))
    assert plain < busy / 4


@pytest.mark.parametrize("case", CASES)
def test_more_of_the_same_picture_is_more_legible(case: str) -> None:
    sampled = tiles_of(photograph(480, 640))
    assert legible(replace(sampled, tiles=4 * sampled.tiles), 1.0, case) > legible(
        sampled, 1.0, case
    )


@pytest.mark.parametrize("case", CASES)
def test_a_layer_with_half_the_energy_is_less_legible(case: str) -> None:
    sampled = tiles_of(photograph(480, 640))
    assert legible(sampled, 2.0, case, share=0.5) < 0.7 * legible(sampled, 2.0, case)


def test_layers_drown_each_other_however_loud_they_are() -> None:
    sampled = tiles_of(photograph(480, 640))
    a_bit_a_carrier = len(CARRIERS.data) / 100
    assert legible(sampled, 30.0, "jpeg-30", share=0.5) <= a_bit_a_carrier
    assert legible(sampled, 30.0, "jpeg-30") > 1.5 * a_bit_a_carrier


def test_what_is_heard_the_wrong_way_round_does_not_count() -> None:
    sampled = tiles_of(photograph(480, 640))
    opposite = replace(sampled, wanted=-sampled.wanted)
    assert legible(opposite, 3.0, "jpeg-30") < 0.05 < legible(sampled, 3.0, "jpeg-30")


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", PICTURES)
def test_what_is_predicted_is_what_the_detector_reads(name: str, strength: str) -> None:
    prepared = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)  # type: ignore[arg-type]
    luma = grey(prepared.embed())
    for case, expected in prepared.suitability.legibility.items():
        is_read = detect(CASES[case](luma), [KEY]).payload == PAYLOAD
        assert is_read or expected < 1.5, case
        # Under noise that no photograph has, a few tiles do not tell what many would.
        assert not is_read or expected > 0.3 or name == "loud noise", case


def test_both_ends_of_the_scale_were_tried() -> None:
    found = [
        value for picture in PICTURES.values() for value in suitability(picture).legibility.values()
    ]
    assert sum(each >= 1.5 for each in found) >= 5
    assert sum(each <= 0.3 for each in found) >= 5


# -------------------------------------------------------------------------------------- suitability


def test_it_lasts_where_every_case_is_legible() -> None:
    def lasts(legibility: Mapping[str, float]) -> bool:
        return Suitability(psnr_db=45, raised_db=0, legibility=legibility).lasts

    assert lasts({"jpeg-30": 1.0, "resize-0.25": 3.0})
    assert not lasts({"jpeg-30": 2.0, "resize-0.25": 0.99})
    assert not lasts({})
    assert suitability(photograph(480, 640)).lasts
    assert not suitability(flat(480, 640)).lasts


def test_every_case_is_told_unless_it_is_in_no_doubt() -> None:
    assert suitability(PICTURES["flat"]).legibility.keys() == CASES.keys()
    sure = suitability(PICTURES["large photograph"]).legibility
    assert sure.keys() == CASES.keys() - {"webp-50"}
    assert sure["jpeg-30"] >= 2


@pytest.mark.parametrize("name", ["photograph", "large photograph", "large and smooth"])
def test_what_the_mark_says_and_its_key_hardly_matter(name: str) -> None:
    expected = suitability(PICTURES[name])
    for number in range(3):
        payload = Payload(origin=Origin.GENERATED, handle=Handle(number, 99 * number))
        key = Key.from_bytes(bytes([number]) * 32)
        found = prepare(PICTURES[name], payload, key).suitability
        assert found.psnr_db == pytest.approx(expected.psnr_db, abs=0.3)
        for case in found.legibility.keys() & expected.legibility.keys():
            assert found.legibility[case] == pytest.approx(expected.legibility[case], rel=0.35)


@pytest.mark.parametrize("name", ["photograph", "large and smooth", "fine noise", "flat"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_noise_is_what_was_expected_and_rounding(name: str, strength: str) -> None:
    prepared = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)  # type: ignore[arg-type]
    expected = prepared.suitability.psnr_db
    rounding = 10 * np.log10(1 + 10 ** (expected / 10) / 12 / 255**2)
    found = psnr_db(PICTURES[name], prepared.embed())
    assert expected - rounding - 0.05 <= found <= expected + 0.05


def test_pixel_formats_make_no_difference() -> None:
    picture = smooth(480, 640)
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    expected = suitability(picture)
    opaque = np.full((480, 640), 200, np.uint8)
    others = [
        np.dstack([picture, opaque]),
        luma,
        np.dstack([luma] * 3),
        picture.astype(np.uint16) * 257,
        np.dstack([picture, opaque]).astype(np.uint16) * 257,
        luma.astype(np.uint16) * 257,
    ]
    for other in others:
        found = suitability(other)
        assert found.raised_db == expected.raised_db == 0
        assert found.legibility.keys() == expected.legibility.keys()
        for case, value in found.legibility.items():
            assert value == pytest.approx(expected.legibility[case], rel=0.03), other.shape


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
def test_what_cannot_be_marked_is_refused(pixels: np.ndarray, strength: str, error: type) -> None:
    with pytest.raises(error):
        suitability(pixels, strength=strength)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------- prepared


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("signpost", [None, SIGNPOST], ids=["alone", "with a signpost"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mark_is_the_same_whether_it_was_prepared_or_not(
    dtype: type, signpost: Signpost | None, strength: str
) -> None:
    picture = PICTURES["smooth"].astype(dtype) * (1 if dtype is np.uint8 else 257)
    before = picture.copy()
    options = {"strength": strength, "signpost": signpost}
    prepared = prepare(picture, PAYLOAD, KEY, **options)  # type: ignore[arg-type]
    assert np.array_equal(picture, before)
    marked = embed(picture, PAYLOAD, KEY, **options)  # type: ignore[arg-type]
    assert np.array_equal(prepared.embed(), marked)
    assert np.array_equal(prepared.embed(), marked)
    assert np.array_equal(picture, before)
    assert not np.array_equal(marked, picture)


# ------------------------------------------------------------------------------------------ raising


RAISED = [
    ("smooth", "balanced"),
    ("fine noise", "balanced"),
    ("chart", "balanced"),
    ("grain", "balanced"),
    ("flat", "robust"),
]


def survivors(found: Suitability) -> int:
    return sum(each >= 1 for each in found.legibility.values())


@pytest.mark.parametrize(("name", "strength"), RAISED)
def test_a_mark_is_raised_where_that_saves_it(
    name: str, strength: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)  # type: ignore[arg-type]
    set_preset(monkeypatch, strength, raises=())
    usual = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)  # type: ignore[arg-type]
    found = raised.suitability
    assert 0 == usual.suitability.raised_db < found.raised_db <= 2.3
    assert survivors(found) > survivors(usual.suitability)
    assert found.psnr_db == pytest.approx(usual.suitability.psnr_db - found.raised_db, abs=1e-6)
    changes = [each.embed().astype(float) - PICTURES[name] for each in (raised, usual)]
    assert np.std(changes[0]) > 1.05 * np.std(changes[1])


@pytest.mark.parametrize(
    "name", ["flat", "loud noise", "photograph", "noise", "large photograph", "large and smooth"]
)
def test_a_mark_is_not_raised_where_nothing_is_gained(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those last as they are, or no raise would make them last, or only one that is too loud."""
    assert suitability(PICTURES[name]).raised_db == 0
    usual = survivors(suitability(PICTURES[name]))
    for factor in (1.15, 1.3):
        set_preset(monkeypatch, "balanced", gain=0.089 * factor, dissimilarity=0.0087 * factor**2)
        louder = suitability(PICTURES[name])
        assert survivors(louder) <= usual or louder.psnr_db < 42


def test_the_least_raise_that_does_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    set_preset(monkeypatch, "balanced", raises=(1.05, 1.15, 1.3), raised_floor_db=30)
    found = suitability(PICTURES["smooth"])
    set_preset(monkeypatch, "balanced", raises=(1.3,))
    most = suitability(PICTURES["smooth"])
    assert survivors(found) == survivors(most)
    assert 0 < found.raised_db < most.raised_db


def test_a_raised_mark_stays_within_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grain at the floor of its preset, which more and more noise would make legible."""
    picture = PICTURES["grain"]
    for floor in (43.0, 42.0, 41.0, 38.0):
        set_preset(monkeypatch, "balanced", raises=(1.05, 1.15, 1.3, 1.6), raised_floor_db=floor)
        prepared = prepare(picture, PAYLOAD, KEY)
        assert prepared.suitability.psnr_db >= floor
        rounding = 10 * np.log10(1 + 10 ** (floor / 10) / 12 / 255**2)
        assert psnr_db(picture, prepared.embed()) >= floor - rounding - 0.05
    set_preset(monkeypatch, "balanced", raises=(1.6,), raised_floor_db=0)
    assert prepare(picture, PAYLOAD, KEY).suitability.psnr_db < 42


def test_quality_is_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: suitability(each, strength="quality") for name, each in PICTURES.items()}
    assert {each.raised_db for each in found.values()} == {0}
    assert min(each.psnr_db for each in found.values()) >= 45 - 1e-6
    # Though it would have helped.
    set_preset(monkeypatch, "quality", raises=(1.15, 1.3))
    assert suitability(PICTURES["smooth"], strength="quality").raised_db > 0


# -------------------------------------------------------------------------- two layers, plain fills


@pytest.mark.parametrize("name", ["photograph", "large and smooth", "smooth"])
def test_a_signpost_costs_legibility_and_no_noise(name: str) -> None:
    alone = prepare(PICTURES[name], PAYLOAD, KEY)
    both = prepare(PICTURES[name], PAYLOAD, KEY, signpost=SIGNPOST)
    assert both.suitability.psnr_db == pytest.approx(alone.suitability.psnr_db, abs=0.25)
    assert both.suitability.raised_db == alone.suitability.raised_db
    common = alone.suitability.legibility.keys() & both.suitability.legibility.keys()
    assert common
    for case in common:
        expected = alone.suitability.legibility[case]
        assert both.suitability.legibility[case] < 0.8 * expected
    noises = [psnr_db(PICTURES[name], each.embed()) for each in (alone, both)]
    assert noises[0] == pytest.approx(noises[1], abs=0.25)


def test_the_weaker_of_two_layers_is_the_one_that_is_predicted() -> None:
    found = [
        prepare(
            PICTURES["large photograph"], PAYLOAD, KEY, signpost=replace(SIGNPOST, share=share)
        ).suitability.legibility["jpeg-30"]
        for share in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    assert found[0] < found[1] < found[2] > found[3] > found[4]


def test_plain_fills_get_less_of_the_mark_than_those_with_a_little_noise() -> None:
    picture = np.full((320, 640, 3), 128 * 257, np.uint16)
    rng = np.random.default_rng(0)
    picture[:, 320:] += rng.normal(0, 257, (320, 320, 1)).round().astype(np.int64).astype(np.uint16)
    change = embed(picture, PAYLOAD, PUBLIC_KEY)[..., 1].astype(float) - picture[..., 1]
    plain, noisy = change[32:-32, 32:288].std(), change[32:-32, 352:-32].std()
    assert plain == pytest.approx(0.8 * noisy, rel=0.05)
