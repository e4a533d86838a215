"""What is known of a mark before it is made, where it shares the picture with a signpost."""

from dataclasses import replace

import pytest

from labeler.marks.image import prepare
from tests.marks.rehearsing import (
    KEY,
    PAYLOAD,
    PICTURES,
    SIGNPOST,
    WHOLE_RAISE_DB,
    psnr_db,
)


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
