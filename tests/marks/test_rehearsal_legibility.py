"""How legible a mark is predicted to be, and what a detector reads then."""

from dataclasses import replace
from itertools import pairwise

import pytest

from detectors.image import detect
from labeler.codec.lattice import CARRIERS
from labeler.codec.pixels import grey
from labeler.marks import rehearsal
from labeler.marks.image import prepare, suitability
from labeler.marks.rehearsal import CASES, legible
from labeler.strength import Strength
from tests.marks.rehearsing import KEY, PAYLOAD, PICTURES, STRENGTHS, flat, tiles_of
from tests.scenes import photograph


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
