"""Where marks are: bars whose numbers are right, and a table that says the same."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import Request

from detectors.likeness import Pictured
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.service.limits import ServiceLimits
from detectors.service.pages import Pages
from detectors.service.timelines import timelines_of
from detectors.service.verifying import Verified
from detectors.service.view import Comparison
from detectors.service.words import LANGUAGES, words_in

ENGLISH = words_in("en")
SPACE = "\N{NO-BREAK SPACE}"


def watermark(presence=Presence.PRESENT, **detail) -> Finding:
    return Finding(technique=Technique.WATERMARK, presence=presence, p_value=1e-9, detail=detail)


def only(*findings: Finding):
    (timeline,) = timelines_of(findings, ENGLISH)
    return timeline


def rows(timeline) -> list[tuple[str, str, str]]:
    return [(each.start, each.end, each.length) for each in timeline.stretches]


def test_stretches_of_a_sound():
    timeline = only(watermark(spans=[[150, 151], [0, 12.2], [63, 100], [99, 103]], duration_s=180))
    assert timeline.title == "Watermark in the sound"
    assert timeline.summary == "30 % of 3:00"
    assert rows(timeline) == [
        ("0:00", "0:12", "0:12"),
        ("1:03", "1:43", "0:40"),
        ("2:30", "2:31", "0:01"),
    ]
    assert [(each.x, each.width) for each in timeline.stretches[1:]] == [
        ("35%", "22.22%"),
        ("83.33%", "0.5556%"),
    ]
    assert [each.label for each in timeline.ticks] == ["0:00", "1:00", "2:00", "3:00"]
    assert [each.anchor for each in timeline.ticks] == ["start", "middle", "middle", "end"]


def test_the_tracks_of_a_film_have_one_scale():
    pictures, sound = timelines_of(
        (
            watermark(track="visual", spans=[[0, 3600]], duration_s=7200.0),
            watermark(track="audio", spans=[[0, 1800]], duration_s=3600.0),
        ),
        ENGLISH,
    )
    assert (pictures.title, sound.title) == (
        "Watermark in the pictures",
        "Watermark in the sound",
    )
    assert (pictures.track, sound.track) == ("100%", "50%")
    assert pictures.stretches[0].width == "50%"
    assert sound.stretches[0].width == "25%"
    assert pictures.ticks == sound.ticks
    assert sound.summary == "50 % of 1:00:00"


def test_what_a_header_denies_is_drawn_all_the_same():
    timeline = only(watermark(spans=[[0, 30]], duration_s=10.0))
    assert timeline.summary == "100 % of 0:30"


def test_a_moment_of_a_long_film_can_be_seen():
    timeline = only(watermark(track="visual", spans=[[7199, 7200]], duration_s=7200))
    assert timeline.summary == "1 % of 2:00:00"
    (stretch,) = timeline.stretches
    assert float(stretch.width[:-1]) >= 0.4
    assert float(stretch.x[:-1]) + float(stretch.width[:-1]) <= 100.001


def test_passages_of_texts():
    passage = watermark(characters=[1200, 3400], character_count=8000)
    known = Finding(
        technique=Technique.FINGERPRINT,
        presence=Presence.PRESENT,
        detail={
            "words": 500,
            "matches": [
                {"first_word": 10, "last_word": 60},
                {"first_word": 400, "last_word": 900},
                {"first_word": "a", "last_word": 2},
            ],
        },
    )
    text, matches = timelines_of((passage, known), ENGLISH)
    assert text.summary == f"28 % of 8{SPACE}000 characters"
    assert rows(text) == [(f"1{SPACE}200", f"3{SPACE}400", f"2{SPACE}200 characters")]
    assert rows(matches) == [("10", "60", "50 words"), ("400", "500", "100 words")]
    assert [each.label for each in matches.ticks] == ["0", "100", "200", "300", "500"]


@pytest.mark.parametrize(
    "finding",
    [
        watermark(Presence.ABSENT, spans=[[0, 1]], duration_s=2),
        watermark(spans=[[0, 1]]),
        watermark(spans=[[0, 1]], duration_s=None),
        watermark(spans=[[0, 1]], duration_s=True),
        watermark(spans=[[0, 1]], duration_s=1e300),
        watermark(spans=[], duration_s=2),
        watermark(spans=[[1, 0], [3], "12"], duration_s=2),
        watermark(characters=[5, 2], character_count=10),
        watermark(characters=[50, 60], character_count=10),
        watermark(characters=[0, 2]),
        watermark(track=["visual"], spans=[[0, 1]], duration_s=2),
        Finding(technique=Technique.METADATA, presence=Presence.PRESENT,
                detail={"spans": [[0, 1]], "duration_s": 2}),
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_drawn(finding):
    assert timelines_of((finding,), ENGLISH) == ()


numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.text()
pairs = st.lists(numbers, max_size=3)


@given(spans=st.lists(pairs, max_size=5) | numbers, total=numbers, track=st.text() | pairs)
def test_a_detail_may_be_anything(spans, total, track):
    for detail in (
        {"spans": spans, "duration_s": total},
        {"spans": spans, "duration_s": total, "track": track},
        {"characters": spans, "character_count": total},
    ):
        for timeline in timelines_of((watermark(**detail),), ENGLISH):
            assert len(timeline.ticks) <= 12
            for each in timeline.stretches:
                x, width = (float(part.removesuffix("%")) for part in (each.x, each.width))
                assert 0 <= x <= 100
                assert 0 < width <= 100


@given(total=st.floats(1e-3, 9e8))
def test_scales_are_short_and_in_order(total):
    timeline = only(watermark(spans=[[0, total]], duration_s=total))
    places = [float(each.x.removesuffix("%")) for each in timeline.ticks]
    assert places == sorted(places)
    assert 2 <= len(places) <= 7


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sound_is_drawn_with_a_table_beside(service, sound, language):
    words = words_in(language)
    answer = service.ask(sound, "a.wav", language)
    assert words("conclusion.marked") in answer.text
    (drawing,) = re.findall(r"<svg.*?</svg>", answer.text, re.DOTALL)
    assert 'role="img"' in drawing
    assert "style=" not in drawing
    (bar,) = re.findall(r'<rect class="marked" x="([\d.]+)%" y="1" width="([\d.]+)%"', drawing)
    assert float(bar[0]) == pytest.approx(100 * 8 / 26, abs=6)
    assert float(bar[1]) == pytest.approx(100 * 12 / 26, abs=8)
    table = re.findall(r"<td>(\d):(\d\d)</td>", answer.text)
    start, end, length = (int(minutes) * 60 + int(seconds) for minutes, seconds in table)
    assert start == pytest.approx(8, abs=2)
    assert end == pytest.approx(20, abs=2)
    assert length == pytest.approx(end - start, abs=1)
    assert words("timeline.audio") in answer.text
    assert "0:26" in drawing  # from the decoder: nobody told


def test_how_long_a_sound_is_comes_from_its_samples(service, sound):
    (watermark,) = [
        each
        for each in service.verify(sound, "a.wav").json()["findings"]
        if each["technique"] == "watermark"
    ]
    assert watermark["detail"]["duration_s"] == pytest.approx(26.0)


# ------------------------------------------------------------------------- pictures side by side


def png(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 16), colour).save(file, "PNG")
    return file.getvalue()


def page_with(pictured: Pictured | None) -> str:
    pages = Pages(ServiceLimits())
    report = Report(
        file="a.png", sha256=None, media_type="image/png", conclusion=Conclusion.MARKED,
        origin=None, findings=(),
    )  # fmt: skip
    request = Request({"type": "http", "headers": [], "query_string": b"lang=en"})
    verified = Verified(report=report, size=1, pictured=pictured)
    return bytes(pages.answer(request, verified).body).decode()


def test_two_pictures_stand_side_by_side():
    upload, record = np.full((20, 30), 7, np.uint8), np.full((40, 50), 128, np.uint8)
    upload[0, 0] = 0  # outside of the file, once it is upright
    page = page_with(Pictured(upload=upload, record=record))
    shown = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', page)
    left, right = (Image.open(io.BytesIO(base64.b64decode(data))) for data, _ in shown)
    assert np.array_equal(np.array(left)[..., 0], upload)
    assert np.array(left)[0, :2, 1].tolist() == [0, 255]
    assert np.array_equal(np.array(right), record)
    assert len({alt for _, alt in shown}) == 2
    assert "<img" not in page_with(None)


@pytest.mark.parametrize("other", [b"", b"<svg/>", b"\xff\xd8\xff", png(1) + bytes(256 * 1024)])
def test_only_small_png_files_stand_in_a_page(other):
    with pytest.raises(ValueError, match="small PNG"):
        Comparison(upload=png(1), record=other)
    with pytest.raises(ValueError, match="small PNG"):
        Comparison(upload=other, record=png(1))
