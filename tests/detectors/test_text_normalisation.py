"""Line breaks and typography undone, and every character's way back."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.tokens.normalisation import Normalisation, normalised

PROSE = (
    "The mill stood at the bend of the river, and nobody had ground corn there for forty years. "
    "Children said it was haunted; their parents said that it was damp."
)


def by_name(text):
    return {each.normalisation: each for each in normalised(text)}


def test_plain_text_has_one_form():
    assert [each.text for each in normalised(PROSE)] == [PROSE]


@pytest.mark.parametrize("newline", ["\n", "\r\n", " \n", "\n  "])
def test_wrapped_lines_are_joined_and_paragraphs_kept(newline):
    paragraph = newline.join(textwrap.wrap(PROSE, 40))
    forms = by_name(f"{paragraph}\n\n{paragraph}\n")
    assert forms[Normalisation.UNWRAPPED].text == f"{PROSE}\n\n{PROSE}\n"


@pytest.mark.parametrize(
    "text",
    ["a\n- b\n- c", "a\n1. b\n2) c", "a\n# b", "a\n> b", "| a |\n| b |", "a\n```\n", "a\n\nb\n"],
)
def test_lists_headings_tables_and_quotations_keep_their_lines(text):
    assert [each.text for each in normalised(text)] == [text]


def test_typography_is_folded():
    curled = "\u201cIt\u2019s\u00a0here,\u201d he said"
    forms = by_name(curled)
    assert forms[Normalisation.RAW].text == curled
    assert forms[Normalisation.FOLDED].text == '"It\'s here," he said'


def test_all_four_where_all_differ():
    assert list(by_name("\u201ca\nb\u201d")) == list(Normalisation)


def test_invisible_wrappers_are_gone_and_emoji_stay():
    wrapper = "\ufeff" + "".join(chr(0xE0100 + each) for each in range(60))
    (form,) = normalised(f"Hello{wrapper} \u2764\ufe0f world")
    assert form.text == "Hello \u2764\ufe0f world"
    assert form.original(form.text.index("world")) == len("Hello") + len(wrapper) + 4


@given(st.text(alphabet="ab \r\n\t\u201c\ufeff\ufe01->", max_size=60))
def test_every_letter_leads_to_itself(text):
    for form in normalised(text):
        for place, character in enumerate(form.text):
            if character in "ab":
                assert text[form.original(place)] == character
        places = [form.original(place) for place in range(len(form.text))]
        assert places == sorted(set(places))
