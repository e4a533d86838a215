"""When a mark is made louder than usual, and how much."""

import math
from typing import Any

import numpy as np
import pytest

from detectors.image import detect
from labeler.codec.pixels import grey
from labeler.marks import image
from labeler.marks.image import Prepared, Suitability, prepare, suitability
from labeler.marks.rehearsal import CASES
from labeler.strength import Strength
from tests.marks.rehearsing import (
    KEY,
    PAYLOAD,
    PICTURES,
    QUIET_RAISE_DB,
    WHOLE_RAISE_DB,
    psnr_db,
    set_preset,
)
from tests.scenes import chart

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
    set_preset(monkeypatch, strength, raises={})
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
    raises, gain = image._PRESETS[strength].raises, image._gain
    set_preset(monkeypatch, strength, raises={})
    for factor, floor_db in raises.items():

        def louder_gain(*arguments: Any, factor: float = factor) -> float:
            return factor * gain(*arguments)

        monkeypatch.setattr(image, "_gain", louder_gain)
        louder = suitability(PICTURES[name], strength=strength)
        assert louder.psnr_db == pytest.approx(expected.psnr_db - 20 * math.log10(factor), abs=1e-6)
        assert survivors(louder) <= survivors(expected) or louder.psnr_db < floor_db
        assert not 0.45 <= louder.legibility["jpeg_30"] < 1


def test_the_least_raise_that_does_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    raises = {1.05: 42.0, 1.15: 42.0, 1.3: 42.0}
    picture = PICTURES["large and smooth"]
    alone = []
    for each in raises:
        set_preset(monkeypatch, "balanced", raises={each: 42.0})
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
        set_preset(monkeypatch, "balanced", raises=dict.fromkeys((1.05, 1.15, 1.3, 1.6), floor))
        prepared = prepare(picture, PAYLOAD, KEY)
        assert prepared.suitability.psnr_db >= floor
        rounding = 10 * np.log10(1 + 10 ** (floor / 10) / 12 / 255**2)
        assert psnr_db(picture, prepared.embed()) >= floor - rounding - 0.05
    set_preset(monkeypatch, "balanced", raises={1.6: 0.0})
    assert prepare(picture, PAYLOAD, KEY).suitability.psnr_db < 42


def test_a_quiet_mark_is_raised_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though compression takes it anyway: scaling leaves it then."""
    raised, usual = raised_and_usual("silhouette", "balanced", monkeypatch)
    found = raised.suitability
    assert found.raised_db == pytest.approx(QUIET_RAISE_DB)
    assert 46 <= found.psnr_db < usual.suitability.psnr_db - 4
    assert usual.suitability.legibility["quarter_size"] < 1 <= found.legibility["quarter_size"]
    assert found.legibility["jpeg_30"] < 0.45
    assert psnr_db(PICTURES["silhouette"], raised.embed()) >= 45.9


def test_what_is_clipped_leaves_room_for_a_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise is that of what is written: half of a mark on white is not there."""
    picture = chart(400, 500, seed=1)
    found = suitability(picture)
    assert found.raised_db == pytest.approx(WHOLE_RAISE_DB)
    assert found.psnr_db >= 42
    monkeypatch.setattr(image, "_kept", lambda luma, shaped: 1.0)
    assert suitability(picture).raised_db < WHOLE_RAISE_DB - 0.5


def test_quality_is_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: suitability(each, strength="quality") for name, each in PICTURES.items()}
    assert {each.raised_db for each in found.values()} == {0}
    assert min(each.psnr_db for each in found.values()) >= 45 - 1e-6
    # Though it would have helped.
    set_preset(monkeypatch, "quality", raises={1.15: 42.0, 1.3: 42.0})
    assert suitability(PICTURES["smooth"], strength="quality").raised_db > 0
