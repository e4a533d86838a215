"""The page in a browser: for everybody, without scripts, and asking nobody else."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from detectors.results import check_result
from detectors.service.words import LANGUAGES
from detectors.verification import load_trust

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        yield playwright.chromium.launch(executable_path=program, args=arguments)


def test_axe_finds_nothing_in_any_language(browser, service, settings):
    picture = settings.home.parent / "out" / "one.png"
    host, port = service.address
    for scheme in ("light", "dark"):
        for language in LANGUAGES:
            # axe is a script, which the page's own policy would not let run.
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": 400, "height": 800}, bypass_csp=True
            )
            page, asked = context.new_page(), []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(f"http://{host}:{port}/?lang={language}")
            assert Axe().run(page).violations_count == 0
            page.set_input_files("input[type=file]", picture)
            page.click("button")
            page.wait_for_selector(".boxes")
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
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
    page.focus("button")
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
