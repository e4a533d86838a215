import itertools
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.disclosure import shapes
from labeler.disclosure.badge import Variant, arrange, as_stored, render
from labeler.disclosure.contrast import luminance, ratio
from labeler.disclosure.labels import Corner, Extent, Language, Scheme, VisibleLabel
from labeler.disclosure.shapes import Typeface
from labeler.disclosure.words import badge_words, chinese
from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError

LABELS = st.builds(
    VisibleLabel,
    extent=st.sampled_from(Extent),
    language=st.sampled_from(Language),
    scheme=st.sampled_from(Scheme),
    corner=st.sampled_from(Corner),
)
SIDES = st.integers(60, 1200)


@settings(max_examples=60, deadline=None)
@given(LABELS, SIDES, SIDES, st.sampled_from(Variant))
def test_badges_lie_whole_in_their_corner_and_take_a_quarter_at_most(label, width, height, variant):
    badge = render(label, width=width, height=height, variant=variant)
    assert badge.coverage.shape == badge.rgb.shape[:2] == badge.letters.shape
    assert badge.coverage.dtype == np.float32
    assert 0 <= badge.coverage.min() <= badge.coverage.max() == 1
    assert badge.top >= 0
    assert badge.left >= 0
    assert badge.top + badge.height <= height
    assert badge.left + badge.width <= width
    # One pixel more than 5 % does not fit a quarter of narrow pictures: the law comes first.
    assert badge.width <= width / 4 or (label.scheme is Scheme.CHINA and min(width, height) < 160)
    is_left = badge.left < width - badge.left - badge.width
    is_top = badge.top <= height - badge.top - badge.height
    assert is_left == (label.corner in {Corner.TOP_LEFT, Corner.BOTTOM_LEFT})
    assert is_top == (label.corner in {Corner.TOP_LEFT, Corner.TOP_RIGHT})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(Extent), SIDES, SIDES)
def test_every_chinese_character_is_high_enough(extent, width, height):
    label = VisibleLabel(extent=extent, scheme=Scheme.CHINA)
    badge = render(label, width=width, height=height)
    assert badge.words == chinese(extent)
    assert badge.letters_px >= 0.05 * min(width, height)
    # The letters as drawn: rows with ink come in runs, and the lowest line holds two at the least.
    inked = (badge.letters > 0.5).any(axis=1)
    edges = np.flatnonzero(np.diff(np.pad(inked.astype(int), 1)))
    assert edges[-1] - edges[0] >= 0.05 * min(width, height) - 1


def test_letters_are_six_percent_high_and_the_badge_keeps_its_proportions():
    small, large = (render(VisibleLabel(), width=w, height=w) for w in (1000, 3000))
    rows = np.flatnonzero((large.letters > 0.5).any(axis=1))
    assert rows[-1] - rows[0] + 1 == large.letters_px == 180
    assert large.width / large.height == pytest.approx(small.width / small.height, rel=0.02)


def test_both_letters_are_equally_high():
    letters = shapes.ai_letters(100)
    gap = np.flatnonzero(~(letters > 0).any(axis=0))
    a, i = letters[:, : gap[0]], letters[:, gap[-1] + 1 :]
    assert [np.flatnonzero((each > 0.5).any(axis=1))[[0, -1]].tolist() for each in (a, i)] == [
        [0, 99],
        [0, 99],
    ]


@pytest.mark.parametrize("language", Language)
def test_every_second_layer_has_its_own_glyphs(language):
    font = Typeface.capitals().sized(40)
    missing = font.getmask("\u3042").getbbox(), bytes(font.getmask("\u3042"))
    for extent in (Extent.GENERATED, Extent.MODIFIED):
        for letter in badge_words(extent, language):
            assert (font.getmask(letter).getbbox(), bytes(font.getmask(letter))) != missing
        badge = render(VisibleLabel(extent=extent, language=language), width=1280, height=720)
        assert badge.words == f"AI {badge_words(extent, language)}"


def test_chinese_characters_have_their_own_glyphs():
    font = Typeface.han().sized(40)
    masks = {bytes(font.getmask(each)) for each in "AI人工智能生成合"}
    assert len(masks) == 9
    assert bytes(font.getmask("字")) not in masks


def test_a_second_layer_that_could_not_be_read_is_left_out():
    greek = VisibleLabel(extent=Extent.MODIFIED, language=Language.GREEK)
    assert render(greek, width=320, height=180).words == "AI"
    assert render(greek, width=1920, height=1080).words == "AI ΤΡΟΠΟΠΟΙΗΜΕΝΟ"


@pytest.mark.parametrize("variant", Variant)
def test_letters_have_contrast_in_all_variants(variant):
    plate, letters = (luminance(np.uint8([c])) for c in (variant.plate, variant.letters))
    assert ratio(plate, letters)[0] >= 7
    badge = render(VisibleLabel(), width=640, height=480, variant=variant)
    assert (badge.rgb[badge.letters == 1] == variant.letters).all()
    middle = badge.height // 2
    assert {tuple(badge.rgb[middle, 0]), tuple(badge.rgb[middle, 2])} == {
        (0, 0, 0),
        (255, 255, 255),
    }


def test_four_variants_differ():
    drawn = [render(VisibleLabel(), width=640, height=480, variant=v).rgb for v in Variant]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(drawn, 2))


def test_labels_in_one_corner_do_not_overlap():
    labels = [
        VisibleLabel(),
        VisibleLabel(scheme=Scheme.CHINA),
        VisibleLabel(corner=Corner.TOP_LEFT),
    ]
    first, second, third = arrange(labels, width=640, height=480)
    assert second.top >= first.top + first.height
    assert third.top == first.top
    low = [VisibleLabel(corner=Corner.BOTTOM_LEFT)] * 2
    first, second = arrange(low, width=640, height=480)
    assert second.top + second.height <= first.top


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (3, 40), (40, 3), (16, 16)])
@pytest.mark.parametrize("label", [VisibleLabel(), VisibleLabel(scheme=Scheme.CHINA)])
def test_tiny_canvases_are_drawn_on_too(size, label):
    badge = render(label, width=size[0], height=size[1])
    assert badge.top + badge.height <= size[1]
    assert badge.left + badge.width <= size[0]


def test_a_canvas_without_pixels_is_refused():
    with pytest.raises(ValueError, match="pixels"):
        render(VisibleLabel(), width=0, height=4)


def test_orientations_are_one_to_eight():
    badge = render(VisibleLabel(), width=64, height=64)
    with pytest.raises(ValueError, match="1 to 8"):
        as_stored(badge, 9, width=64, height=64)


def test_an_icon_of_the_users_own_keeps_its_colours_and_proportions(tmp_path):
    path = tmp_path / "icon.png"
    icon = np.zeros((200, 400, 4), np.uint8)
    icon[20:180, 20:380] = (10, 20, 200, 255)
    Image.fromarray(icon).save(path)
    badge = render(VisibleLabel(icon=path), width=1920, height=1080)
    assert badge.letters is None
    assert badge.width / badge.height == pytest.approx(2, rel=0.02)
    assert badge.coverage[0, 0] == 0
    assert tuple(badge.rgb[badge.height // 2, badge.width // 2]) == (10, 20, 200)
    assert render(VisibleLabel(icon=path), width=100, height=400).width <= 25


def test_icons_that_cannot_be_laid_are_errors_that_name_the_file(tmp_path):
    def refused(kind, path):
        with pytest.raises(kind) as caught:
            render(VisibleLabel(icon=path), width=640, height=480)
        assert caught.value.file == str(path)
        assert caught.value.hint

    refused(UnreadableMediaError, tmp_path / "missing.png")
    (tmp_path / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    refused(UnsupportedMediaError, tmp_path / "icon.svg")
    Image.new("L", (5000, 4000)).save(tmp_path / "large.png")
    refused(MediaTooLargeError, tmp_path / "large.png")
    whole = (tmp_path / "large.png").read_bytes()
    Image.new("RGBA", (300, 300), "red").save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:120] or whole[:60])
    refused(UnreadableMediaError, tmp_path / "cut.png")


def test_the_licences_stand_beside_the_letters():
    text = (resources.files("labeler.disclosure") / "letters" / "LICENSE.txt").read_text()
    assert "Bitstream" in text
    assert "SIL OPEN FONT LICENSE" in text
