"""The page in a browser: for everybody, with scripts or without, and asking nobody else."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from detectors.results import check_result
from detectors.service.words import LANGUAGES, words_in
from detectors.verification import load_trust
from tests.service.trees import made_from

pytestmark = pytest.mark.system


def test_axe_finds_nothing_in_any_language(browser, service, settings):
    picture = settings.home.parent / "out" / "one.png"
    host, port = service.address
    # Words differ by language and colours by scheme, and neither by the other.
    for scheme, language in (*(("light", each) for each in LANGUAGES), ("dark", "en")):
        # axe is a script, which the page's own policy would not let run.
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": 400, "height": 800}, bypass_csp=True
        )
        page, asked = context.new_page(), []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"http://{host}:{port}/?lang={language}")
        assert Axe().run(page).violations_count == 0
        page.set_input_files("input[type=file]", picture)
        page.click("button[type=submit]")
        page.wait_for_selector(".boxes")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert all(each.startswith((f"http://{host}:{port}/", "data:")) for each in asked)
        context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 360)])
def test_trees_and_timelines_are_for_everybody(
    browser, service, identity, marked, sound, scheme, width
):
    host, port = service.address
    layers = made_from(identity, ("one.png", "parentOf", marked), ("é" * 200, "inputTo", marked))
    layers = made_from(identity, ("two.png", "parentOf", layers), ("", "componentOf", layers))
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
    )
    page = context.new_page()
    for name, data in (("three.png", layers), ("a.wav", sound)):
        page.goto(f"http://{host}:{port}/?lang=fr")
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        page.set_input_files("input[type=file]", file)
        page.click("button[type=submit]")
        page.wait_for_selector(".boxes")
        for summary in page.locator("summary").all():
            summary.focus()
            page.keyboard.press("Enter")  # what was open is closed, and the other way round
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_stripped_and_cropped_copy_shows_what_was_recovered(browser, service, settings):
    picture = Image.open(settings.home.parent / "out" / "one.png").convert("RGB")
    width, height = picture.size
    file = io.BytesIO()
    picture.crop((12, 9, width - 20, height)).save(file, "JPEG", quality=85)
    host, port = service.address
    context = browser.new_context(viewport={"width": 390, "height": 800}, bypass_csp=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://{host}:{port}/?lang=en")
    copy = {"name": "copy.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
    page.set_input_files("input[type=file]", copy)
    page.click("button[type=submit]")
    page.wait_for_selector(".boxes")
    words = words_in("en")
    assert page.locator("h1").inner_text() == words("conclusion.marked")
    boxes = page.locator(".boxes").inner_text()
    for told in ("value.recovered", "value.integrity.unbound", "value.content.match"):
        assert words(told) in boxes
    assert "Model X" in page.locator("body").inner_text()  # from the manifest alone
    shown = page.locator("figure img").all()
    assert len(shown) == 2
    assert all(each.evaluate("image => image.naturalWidth > 60") for each in shown)
    assert Axe().run(page).violations_count == 0
    assert all(each.startswith((f"http://{host}:{port}/", "data:")) for each in asked)
    context.close()


def test_it_works_without_scripts_and_with_the_keyboard(
    browser, service, settings, marked, tmp_path
):
    host, port = service.address
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"http://{host}:{port}/")
    page.set_input_files("input[type=file]", settings.home.parent / "out" / "one.png")
    page.focus("button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".boxes")
    assert page.locator("h1").inner_text() == "Marked as AI output"
    with page.expect_download() as download:
        page.click("a[download$='.html']")
    download.value.save_as(tmp_path / "result.html")
    check = check_result(
        (tmp_path / "result.html").read_bytes(),
        trust=load_trust(settings),
        now=datetime.now(UTC),
        content=marked,
    )
    assert check.is_good
    context.close()
