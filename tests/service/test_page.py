"""The page for people."""

from __future__ import annotations

import json
import re
import string
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.service.facts import facts_of, number
from detectors.service.problems import ProblemKind
from detectors.service.view import answer_of
from detectors.service.words import LANGUAGES, choose_language, words_in
from labeler.codec.payload import Origin
from labeler.credentials import Integrity

TIMES = "\N{MULTIPLICATION SIGN}"
FOLDER = files("detectors.service")


class Page(HTMLParser):
    """What assistive technology and browsers care about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check_page(text: str, language: str) -> Page:
    page = Page(text)
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for each in page.all("script"):  # the page's own, and none within it
        assert each["src"].startswith("/static/")
    assert text.count("<script") == text.count("></script>")
    assert not any("style" in attributes for _, attributes in page.tags)
    assert not any(name.startswith("on") for _, each in page.tags for name in each)
    for _, attributes in page.tags:
        for name in ("href", "src", "action"):
            target = attributes.get(name)
            if target and "download" in attributes:  # what is saved stands in the link itself
                assert target.startswith("data:")
                continue
            assert target is None or target.startswith(("/", "#", "data:image/png;base64,")), target
            assert target is None or not target.startswith("//")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("for", "aria-describedby", "aria-labelledby"):
            assert attributes.get(name) is None or attributes[name] in ids
    assert words_in(language)("answer.never") in page.words
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_needs_no_script(service, language):
    answer = service.client.get("/", params={"lang": language})
    assert answer.status_code == 200
    assert answer.headers["content-language"] == language
    page = check_page(answer.text, language)
    (form,) = page.all("form")
    assert (form["method"], form["enctype"]) == ("post", "multipart/form-data")
    (field,) = page.all("input")
    assert (field["type"], field["name"]) == ("file", "file")
    assert field["id"] in [each["for"] for each in page.all("label")]
    assert {each["hreflang"] for each in page.all("a") if "hreflang" in each} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_has_a_box_for_each_technique(service, marked, language):
    words = words_in(language)
    answer = service.ask(marked, "one.png", language)
    assert answer.status_code == 200
    page = check_page(answer.text, language)
    boxes = [each.get("class") or "" for each in page.all("section")]
    boxes = [each for each in boxes if each.startswith("box ")]
    assert boxes == ["box present"] * 4
    for name in ("credential", "watermark", "fingerprint", "metadata"):
        assert words(f"technique.{name}") in page.words
        assert words(f"technique.{name}.limits") in page.words
    assert words("conclusion.marked") in page.words
    assert words("origin.generated") in page.words
    assert f"{TIMES} 10⁻" in page.words
    assert "Model X" in page.words


def test_an_unmarked_picture(service, unmarked):
    page = check_page(service.ask(unmarked, "holiday.png").text, "en")
    assert [each["class"] for each in page.all("section")][:2] == ["box absent", "box absent"]
    assert words_in("en")("conclusion.no-mark-found") in page.words


def test_what_strangers_wrote_is_text(service, unmarked):
    name = "<script>alert(1)</script>&\"'.png"
    answer = service.ask(unmarked, name)
    assert "<script>alert" not in answer.text
    check_page(answer.text, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_wrong_is_told_in_words(service, language):
    answer = service.client.post(f"/?lang={language}", files={"file": ("", b"")})
    assert answer.status_code == 400
    page = check_page(answer.text, language)
    assert words_in(language)("problem.no-file") in page.words
    assert page.all("form")


def test_a_file_that_cannot_be_examined_has_an_answer(service):
    answer = service.ask(b"\x7fELF" + bytes(100), "program")
    assert answer.status_code == 422
    page = check_page(answer.text, "en")
    assert words_in("en")("conclusion.unreadable") in page.words


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        (None, "", "en"),
        ("nl", "fr", "nl"),
        ("xx", "fr-CA, en;q=0.5", "fr"),
        (None, "de;q=0.5, nl;q=0.8", "nl"),
        (None, "de;q=0, nl;q=0.1", "nl"),
        (None, "es, *;q=0.1", "en"),
        (None, "fr;q=nan, de;q=2, nl;q=", "en"),
        (None, "DE-at", "de"),
        ("../en", "", "en"),
    ],
)
def test_the_language_is_the_asked_for(asked, accepted, chosen):
    assert choose_language(asked, accepted) == chosen


@given(st.text())
def test_any_language_field_has_an_answer(accepted):
    assert choose_language(None, accepted) in LANGUAGES


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language):
    english, table = words_in("en").table, words_in(language).table
    assert list(table) == list(english)
    for name, text in table.items():
        assert places(text) == places(english[name]), name
        assert text or name == "answer.notes.english"


def test_there_are_words_for_everything_that_can_be():
    words = words_in("en")
    for each in ProblemKind:
        words(f"problem.{each.value}")
    for each in Conclusion:
        words(f"conclusion.{each.value}")
        words(f"conclusion.{each.value}.text")
    for each in Origin:
        words(f"origin.{each.name.lower()}")
    for each in (*Presence, "not-run"):
        words(f"presence.{each}")
        words(f"presence.{each}.text")
    for each in Integrity:
        words(f"value.integrity.{each.value}")
    used = "".join((FOLDER / "templates" / f"{each}.html").read_text() for each in
                   ("base", "form", "answer", "comparison", "history", "timelines"))  # fmt: skip
    named = re.findall(r'words\([\'"]([a-z.-]+)[\'"][,)]', used)
    assert {"history.title", "timeline.table", "comparison.upload.alt"} <= set(named)
    for name in named:
        words(name)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1.0, "1"),
        (0.5, "0.5"),
        (0.0121, "0.013"),
        (0.001, "0.001"),
        (0.00099, f"9.9 {TIMES} 10⁻⁴"),
        (2.01e-57, f"2.1 {TIMES} 10⁻⁵⁷"),
        (9.91e-7, f"1 {TIMES} 10⁻⁶"),
        (0.0, f"1 {TIMES} 10⁻³⁰⁰"),
    ],
)
def test_probabilities_are_rounded_up(value, told):
    assert number(value, words_in("en")) == told


def test_decimal_commas():
    assert number(2.01e-57, words_in("de")) == f"2,1 {TIMES} 10⁻⁵⁷"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
NAMES = (
    "integrity", "signer", "trust", "signed_at", "digital_source_types", "track", "payload",
    "receipt", "issuer", "spans", "characters", "matches", "ai_system", "generator_hints",
    "digital_source_type", "provider",
)  # fmt: skip


@given(st.sampled_from(Technique), st.dictionaries(st.sampled_from(NAMES), values))
def test_a_detail_may_be_anything(technique, detail):
    finding = Finding(technique=technique, presence=Presence.PRESENT, p_value=0.5, detail=detail)
    for fact in facts_of(finding, words_in("fr")):
        assert fact.told.isprintable()
        assert len(fact.told) < 1000


def test_an_answer_from_a_film_has_one_box_for_both_tracks():
    findings = tuple(
        Finding(technique=Technique.WATERMARK, presence=presence, detail={"track": track})
        for track, presence in (("visual", Presence.ABSENT), ("audio", Presence.PRESENT))
    )
    report = Report(
        file="a.mp4", sha256=None, media_type="video/mp4", conclusion=Conclusion.MARKED,
        origin=None, findings=findings, warnings=("An\nodd \x1b warning",),
    )  # fmt: skip
    answer = answer_of(report, size=12345, words=words_in("en"))
    assert [each.presence for each in answer.boxes] == ["not-run", "present", "not-run"]
    assert len(answer.boxes[1].facts) == 2
    assert answer.size == "12\N{NO-BREAK SPACE}345"
    assert answer.warnings == ("An odd   warning",)
    assert json.loads(answer.json)["file"] == "a.mp4"


@pytest.mark.parametrize(
    ("verdict", "by", "told"),
    [
        ("match", "value", "value.recovered"),
        ("mismatch", "value", "value.recovered"),
        ("undecided", "receipt_id", "value.recovered.alike"),
    ],
)
def test_what_was_recovered_is_told(verdict, by, told):
    words = words_in("en")
    credential = {"recovered": {"source": "registry", by: "ab"}, "integrity": "unbound"}
    recovered, compared = (
        Finding(technique=technique, presence=Presence.PRESENT, detail=detail)
        for technique, detail in (
            (Technique.CREDENTIAL, credential),
            (Technique.FINGERPRINT, {"content": verdict}),
        )
    )
    assert [each.told for each in facts_of(recovered, words)] == [
        words(told),
        words("value.integrity.unbound"),
    ]
    assert [each.told for each in facts_of(compared, words)] == [words(f"value.content.{verdict}")]


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_in_light_and_dark():
    style = (FOLDER / "static" / "style.css").read_text()
    for scheme in re.findall(r":root \{(.*?)\}", style, re.DOTALL):
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        pairs = [(each, on) for each in ("ink", "soft", "link", "warn", "bad", "none")
                 for on in ("paper", "card")]  # fmt: skip
        for one, other in [*pairs, ("on-link", "link")]:
            light, dark = sorted((luminance(colours[one]), luminance(colours[other])))[::-1]
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (one, other)
