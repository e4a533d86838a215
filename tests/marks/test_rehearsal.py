"""What is predicted of a mark before it is made, and what is done about it."""

import math
from collections.abc import Callable, Mapping
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
from labeler.marks import image, rehearsal
from labeler.marks.image import Prepared, Suitability, embed, prepare, suitability
from labeler.marks.rehearsal import CASES, SampledTiles, legible, sample_tiles
from labeler.marks.signpost import Signpost
from labeler.strength import Strength
from tests.scenes import chart, photograph

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
SIGNPOST = Signpost(payload=PAYLOAD)
STRENGTHS: tuple[Strength, ...] = ("quality", "balanced", "robust")
WHOLE_RAISE_DB = 20 * math.log10(1.3)
"""By how much the balanced and the robust preset raise a mark at most."""


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
    sampled = sample_tiles(grey(pixels), shaped, pattern)
    assert sampled is not None
    return sampled


def set_preset(monkeypatch: pytest.MonkeyPatch, strength: Strength, **changes: object) -> None:
    preset = replace(image._PRESETS[strength], **changes)
    monkeypatch.setitem(image._PRESETS, strength, preset)


# --------------------------------------------------------------------------------------- the tiles


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


# -------------------------------------------------------------------------------------- legibility


def test_what_is_tried_out_has_a_measure() -> None:
    assert list(CASES) == ["jpeg_30", "quarter_size"]
    assert rehearsal._NEEDED_BITS.keys() == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_a_stronger_mark_is_more_legible(case: str) -> None:
    sampled = tiles_of(photograph(480, 640))
    found = [legible(sampled, gain, case) for gain in (0.0, 1.0, 1.4, 2.8, 5.6)]
    assert found[0] < 0.1
    assert all(more > less + 0.1 for less, more in pairwise(found))


def test_compression_takes_more_from_a_plain_fill_than_from_a_photograph() -> None:
    plain, busy = (legible(tiles_of(each(480, 640)), 1.4, "jpeg_30") for each in (flat, photograph))
    assert plain < busy / 10


def test_scaling_takes_more_from_a_photograph_than_from_a_plain_fill() -> None:
    plain, busy = (
        legible(tiles_of(each(480, 640)), 1.4, "quarter_size") for each in (flat, photograph)
    )
    assert busy < plain / 2


@pytest.mark.parametrize("case", CASES)
def test_more_of_the_same_picture_is_more_legible(case: str) -> None:
    sampled = tiles_of(photograph(480, 640))
    larger = replace(sampled, pixels=4 * sampled.pixels)
    once, often = (legible(each, 1.0, case) for each in (sampled, larger))
    # Four times the repetitions are worth four times the energy: at most four times the bits.
    assert 1.3 * once < often < 4 * once


@pytest.mark.parametrize("case", CASES)
def test_a_layer_with_half_the_energy_is_less_legible(case: str) -> None:
    sampled = tiles_of(photograph(480, 640))
    assert legible(sampled, 2.0, case, share=0.5) < 0.7 * legible(sampled, 2.0, case)


def test_layers_drown_each_other_however_loud_they_are() -> None:
    sampled = tiles_of(photograph(480, 640))
    a_bit_a_carrier = len(CARRIERS.data) / rehearsal._NEEDED_BITS["jpeg_30"]
    assert legible(sampled, 30.0, "jpeg_30", share=0.5) <= a_bit_a_carrier
    assert legible(sampled, 30.0, "jpeg_30") > 1.5 * a_bit_a_carrier


def test_what_is_heard_the_wrong_way_round_does_not_count() -> None:
    sampled = tiles_of(photograph(480, 640))
    opposite = replace(sampled, wanted=-sampled.wanted)
    assert legible(opposite, 3.0, "jpeg_30") < 0.05 < legible(sampled, 3.0, "jpeg_30")


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", PICTURES)
def test_what_is_predicted_is_what_the_detector_reads(name: str, strength: Strength) -> None:
    prepared = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)
    luma = grey(prepared.embed())
    for case, expected in prepared.suitability.legibility.items():
        is_read = detect(CASES[case](luma), [KEY]).payload == PAYLOAD
        assert is_read or expected < 1, case
        # The prediction is careful: a part of what it gives up is read. Under noise that no
        # photograph has, a few tiles do not tell what many would.
        assert not is_read or expected > 0.3 or name == "loud noise", case


def test_both_ends_of_the_scale_were_tried() -> None:
    found = [
        value for picture in PICTURES.values() for value in suitability(picture).legibility.values()
    ]
    assert sum(each >= 1 for each in found) >= 8
    assert sum(each <= 0.3 for each in found) >= 5


# -------------------------------------------------------------------------------------- suitability


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


# ----------------------------------------------------------------------------------------- prepared


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


# ------------------------------------------------------------------------------------------ raising


SAVED = [
    ("photograph", "balanced"),
    ("small photograph", "balanced"),
    ("large and smooth", "balanced"),
    ("fine noise", "robust"),
]
"""What cannot be relied on at the usual strength, and can a little above it."""
HOPEFUL = [("smooth", "balanced"), ("fine noise", "balanced"), ("flat", "robust")]
"""What cannot be relied on at any, but may be read."""


def survivors(found: Suitability) -> int:
    return sum(each >= 1 for each in found.legibility.values())


def raised_and_usual(
    name: str, strength: Strength, monkeypatch: pytest.MonkeyPatch
) -> tuple[Prepared, Prepared]:
    raised = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)
    set_preset(monkeypatch, strength, raises=())
    usual = prepare(PICTURES[name], PAYLOAD, KEY, strength=strength)
    return raised, usual


@pytest.mark.parametrize(("name", "strength"), SAVED)
def test_a_mark_is_raised_where_that_saves_it(
    name: str, strength: Strength, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised, usual = raised_and_usual(name, strength, monkeypatch)
    assert survivors(raised.suitability) > survivors(usual.suitability)
    assert raised.suitability.legibility["jpeg_30"] >= 1


@pytest.mark.parametrize(("name", "strength"), HOPEFUL)
def test_a_mark_is_raised_all_the_way_where_it_may_be_read_then(
    name: str, strength: Strength, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised, usual = raised_and_usual(name, strength, monkeypatch)
    found = raised.suitability
    assert found.raised_db == pytest.approx(WHOLE_RAISE_DB)
    assert usual.suitability.legibility["jpeg_30"] < found.legibility["jpeg_30"] < 1
    assert not found.lasts
    copy = CASES["jpeg_30"](grey(raised.embed()))
    assert detect(copy, [KEY]).payload == PAYLOAD


@pytest.mark.parametrize(("name", "strength"), [*SAVED, *HOPEFUL])
def test_a_raised_mark_is_as_much_louder_as_it_is_told(
    name: str, strength: Strength, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised, usual = raised_and_usual(name, strength, monkeypatch)
    found = raised.suitability
    assert 0 == usual.suitability.raised_db < found.raised_db <= WHOLE_RAISE_DB + 1e-6
    assert found.psnr_db == pytest.approx(usual.suitability.psnr_db - found.raised_db, abs=1e-6)
    changes = [each.embed().astype(float) - PICTURES[name] for each in (raised, usual)]
    assert np.std(changes[0]) > 1.05 * np.std(changes[1])


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("flat", "balanced"),
        ("loud noise", "balanced"),
        ("photograph", "balanced"),
        ("large photograph", "balanced"),
        ("small photograph", "robust"),
        ("smooth", "robust"),
    ],
)
def test_a_mark_is_not_raised_where_nothing_is_gained(
    name: str, strength: Strength, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those last as they are, or no raise would make them last, or only one that is too loud."""
    expected = suitability(PICTURES[name], strength=strength)
    assert expected.raised_db == 0
    preset = image._PRESETS[strength]
    for factor in preset.raises:
        set_preset(
            monkeypatch,
            strength,
            gain=preset.gain * factor,
            dissimilarity=preset.dissimilarity * factor**2,
            psnr_floor_db=preset.psnr_floor_db - 20 * math.log10(factor),
            raises=(),
        )
        louder = suitability(PICTURES[name], strength=strength)
        assert louder.psnr_db == pytest.approx(expected.psnr_db - 20 * math.log10(factor), abs=0.5)
        assert survivors(louder) <= survivors(expected) or louder.psnr_db < preset.raised_floor_db
        assert not 0.45 <= louder.legibility["jpeg_30"] < 1


def test_the_least_raise_that_does_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    raises = (1.05, 1.15, 1.3)
    picture = PICTURES["large and smooth"]
    alone = []
    for each in raises:
        set_preset(monkeypatch, "balanced", raises=(each,))
        alone.append(survivors(suitability(picture)))
    set_preset(monkeypatch, "balanced", raises=raises)
    found = suitability(picture)
    assert alone[0] < alone[1] == alone[2] == survivors(found)
    assert found.raised_db == pytest.approx(20 * math.log10(1.15))


def test_what_does_not_last_is_raised_as_far_as_there_is_hope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image, "_HOPEFUL", 1.0)
    assert suitability(PICTURES["smooth"]).raised_db == 0
    monkeypatch.setattr(image, "_HOPEFUL", 0.0)
    assert suitability(PICTURES["flat"]).raised_db == pytest.approx(WHOLE_RAISE_DB)


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


@pytest.mark.parametrize(
    ("name", "raised_db"),
    [
        ("large photograph", 0),
        ("noise", 0),
        ("small photograph", WHOLE_RAISE_DB),
        ("smooth", WHOLE_RAISE_DB),
        ("fine noise", WHOLE_RAISE_DB),
    ],
)
def test_a_signpost_costs_legibility_and_no_noise(name: str, raised_db: float) -> None:
    """Where another draw of the pattern makes no difference to whether it is raised."""
    alone = prepare(PICTURES[name], PAYLOAD, KEY)
    both = prepare(PICTURES[name], PAYLOAD, KEY, signpost=SIGNPOST)
    assert both.suitability.psnr_db == pytest.approx(alone.suitability.psnr_db, abs=0.25)
    assert alone.suitability.raised_db == pytest.approx(raised_db)
    assert both.suitability.raised_db == pytest.approx(raised_db)
    assert both.suitability.legibility.keys() == alone.suitability.legibility.keys()
    for case, expected in alone.suitability.legibility.items():
        assert 0.1 * expected < both.suitability.legibility[case] < 0.55 * expected, case
    noises = [psnr_db(PICTURES[name], each.embed()) for each in (alone, both)]
    assert noises[0] == pytest.approx(noises[1], abs=0.25)


def test_a_mark_that_lasts_alone_is_not_raised_for_the_signpost_s_sake() -> None:
    picture = PICTURES["large photograph"]
    assert prepare(picture, PAYLOAD, KEY).suitability.lasts
    both = prepare(picture, PAYLOAD, KEY, signpost=SIGNPOST).suitability
    assert both.raised_db == 0
    assert 0.45 < both.legibility["jpeg_30"] < 1
    assert not both.lasts


def test_the_weaker_of_two_layers_is_the_one_that_is_predicted() -> None:
    found = [
        prepare(
            PICTURES["large photograph"], PAYLOAD, KEY, signpost=replace(SIGNPOST, share=share)
        ).suitability.legibility["jpeg_30"]
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
