import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from labeler.gaps import make_document
from labeler.gaps.document import DISCLAIMER
from labeler.policy import parse_facts
from labeler.policy.measures import MEASURES
from tests.gaps.test_document import deployer, provider

VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """The page as a parser sees it, refusing tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def tags(self, name):
        return [attributes for tag, attributes in self.seen if tag == name]


@pytest.fixture(params=["nothing", "provider", "deployer"])
def page(request):
    facts = {"nothing": None, "provider": provider(), "deployer": deployer()}[request.param]
    return Page(make_document(facts).to_html())


def test_the_page_holds_every_measure_and_the_disclaimer(page):
    assert DISCLAIMER in page.text
    for measure in MEASURES:
        assert f"{measure.id}: {measure.title}" in page.text


def test_the_page_needs_nothing_else(page):
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    for _, attributes in page.seen:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith("#")


def test_the_page_can_be_read_by_assistive_technology(page):
    assert page.tags("html") == [{"lang": "en"}]
    assert len(page.tags("h1")) == len(page.tags("main")) == len(page.tags("title")) == 1
    assert all(each.get("scope") in {"row", "col"} for each in page.tags("th"))
    assert len(page.tags("caption")) == len(page.tags("table")) >= 3
    levels = [int(tag[1]) for tag, _ in page.seen if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    (target,) = page.tags("a")
    assert target["href"] == f"#{page.tags('main')[0]['id']}"


def test_names_from_outside_have_no_power_over_the_page():
    bad = "<script>alert(1)</script>\"' & </title> `code`"
    facts = parse_facts(
        {"assessment_date": "2026-11-21", "eu_nexus": True, "review": {"responsible_party": bad}}
    )
    page = Page(make_document(facts, organisation=bad).to_html())
    assert not page.tags("script")
    assert f"Gap report: {' '.join(bad.split())}" in page.text


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * each for each in digits) if len(digits) == 3 else digits
    linear = []
    for start in (0, 2, 4):
        value = int(digits[start : start + 2], 16) / 255
        linear.append(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.1, relative luminance and contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_stands_out_in_light_and_dark():
    html = make_document(None).to_html()
    themes = [
        dict(re.findall(r"--(\w+): (#\w+)", block))
        for block in re.findall(r":root \{([^}]*)\}", html)
    ]
    assert len(themes) == 2
    for theme in themes:
        for name in ("text", "good", "bad", "open", "link"):
            for back in ("back", "soft"):
                assert contrast(theme[name], theme[back]) >= 4.5, (name, back, theme)
        assert contrast(theme["line"], theme["back"]) >= 3


def test_the_law_and_the_code_are_told_apart():
    page = Page(make_document(provider()).to_html())
    assert "statute" in page.text
    assert "eu-50-2-mark" in page.text
    assert "not met" in page.text
    signed = provider(actor={"roles": ["provider"], "code_sections_signed": [2]})
    page = Page(make_document(signed).to_html())
    assert "not signed this section: this is a gap analysis" in page.text
    assert "signed this section: its measures bind" in page.text
