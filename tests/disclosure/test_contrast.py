import numpy as np
import pytest

from labeler.disclosure.badge import Variant, render
from labeler.disclosure.contrast import (
    LEAST_CONTRAST,
    best_variant,
    contrast,
    luminance,
    ratio,
)
from labeler.disclosure.labels import Corner, Extent, VisibleLabel
from labeler.disclosure.pictures import badges_for, lay

LABEL = VisibleLabel(extent=Extent.GENERATED)


def backgrounds():
    noise = np.random.default_rng(5)
    yield "white", np.full((180, 320, 3), 255, np.uint8)
    yield "black", np.zeros((180, 320, 3), np.uint8)
    yield "worst grey", np.full((180, 320, 3), 118, np.uint8)
    yield "noise", noise.integers(0, 256, (180, 320, 3), dtype=np.uint8)
    yield "stripes", np.tile(np.uint8([[[0]], [[255]]]), (90, 320, 3))
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 51, 153)), ("gold", (255, 204, 0))):
        yield name, np.full((180, 320, 3), colour, np.uint8)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        # Ratios that the checker of the WebAIM project gives.
        ((119, 119, 119), (255, 255, 255), 4.48),
        ((118, 118, 118), (255, 255, 255), 4.54),
        ((255, 0, 0), (255, 255, 255), 4.0),
        ((0, 0, 255), (255, 255, 255), 8.59),
    ],
)
def test_ratios_are_those_of_the_guidelines(first, second, expected):
    found = ratio(*luminance(np.uint8([first, second])))
    assert found == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(("name", "canvas"), list(backgrounds()))
@pytest.mark.parametrize("corner", Corner)
def test_a_label_stands_out_of_every_background(name, canvas, corner):
    label = VisibleLabel(extent=Extent.GENERATED, corner=corner)
    badges = badges_for(canvas, [label])
    assert contrast(lay(canvas, badges), badges[0]) >= LEAST_CONTRAST


@pytest.mark.parametrize(("name", "canvas"), list(backgrounds()))
@pytest.mark.parametrize("variant", Variant)
def test_so_does_every_variant(name, canvas, variant):
    badge = render(LABEL, width=320, height=180, variant=variant)
    assert contrast(lay(canvas, [badge]), badge) >= LEAST_CONTRAST


def test_the_plate_is_chosen_against_what_is_behind_it():
    assert best_variant(np.full((4, 4, 3), 250, np.uint8)) is Variant.DARK
    assert best_variant(np.full((4, 4, 3), 10, np.uint8)) is Variant.LIGHT


def test_a_badge_that_is_not_there_has_none():
    canvas = np.full((180, 320, 3), 118, np.uint8)
    badge = render(LABEL, width=320, height=180)
    assert contrast(canvas, badge) == pytest.approx(1)


def test_letters_that_are_painted_over_are_noticed():
    badge = render(LABEL, width=320, height=180)
    laid = lay(np.full((180, 320, 3), 255, np.uint8), [badge])
    rows = slice(badge.top + 8, badge.top + badge.height - 8)
    laid[rows, badge.left + badge.width // 2 :, :] = 60
    assert contrast(laid, badge) < LEAST_CONTRAST


def test_a_badge_beside_the_canvas_is_refused():
    badge = render(LABEL, width=320, height=180)
    with pytest.raises(ValueError, match="beside"):
        contrast(np.zeros((100, 100, 3), np.uint8), badge)
