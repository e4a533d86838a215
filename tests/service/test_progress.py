"""The page with its script: progress, errors, cancelling, dropping; the answer without a reload."""

from __future__ import annotations

import base64

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from detectors.service import ServiceLimits
from detectors.service.words import words_in
from tests.service.serving import serving

pytestmark = pytest.mark.system
ENGLISH = words_in("en")
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
  const bag = new DataTransfer();
  bag.items.add(new File([bytes], name, { type: "image/png" }));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(
      new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: bag })
    );
  }
}"""


@pytest.fixture
def page(browser, service):
    """The form, with the page's own policy in force, and no error in the console."""
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto("http://{}:{}/?lang=en".format(*service.address))
    page.errors = errors
    yield page
    context.close()


def choose(page: Page, data: bytes, name: str = "one.png") -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.set_input_files("input[type=file]", file)


def held_back(page: Page) -> list[Route]:
    """Hold requests back until they are continued, as if files were long."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            waiting.append(route)
        else:
            route.continue_()  # the page's icon, which comes when it likes

    page.route("**/*", hold)
    return waiting


def test_the_answer_takes_the_place_of_the_form(page, marked):
    before = page.url
    choose(page, marked)
    page.evaluate("window.isTheSame = true")
    page.click("button[type=submit]")
    heading = page.locator("main h1")
    expect(heading).to_have_text(ENGLISH("conclusion.marked"))
    expect(heading).to_be_focused()
    assert page.evaluate("window.isTheSame")  # nothing was loaded anew
    assert page.title().startswith(ENGLISH("conclusion.marked"))
    assert page.locator("form").count() == 0
    assert page.locator("header nav").count() == 0
    assert page.errors == []
    page.go_back()
    expect(page.locator("form")).to_be_visible()
    assert page.url == before


def test_progress_is_told_until_the_answer_comes(page, marked):
    waiting = held_back(page)
    choose(page, marked)
    page.click("button[type=submit]")
    expect(page.locator("progress")).to_be_visible()
    expect(page.locator("#progress button")).to_be_focused()
    expect(page.locator("button[type=submit]")).to_be_hidden()
    expect(page.locator("form")).to_have_attribute("aria-busy", "true")
    (request,) = waiting
    request.continue_()
    expect(page.locator("main h1")).to_have_text(ENGLISH("conclusion.marked"))


def test_every_state_of_sending_is_told(page, marked):
    """What the browser reports of an upload, in its order."""
    page.evaluate("""() => {
      window.told = [];
      const status = document.querySelector("[role=status]");
      new MutationObserver(() => told.push(status.textContent))
        .observe(status, { childList: true, characterData: true, subtree: true });
    }""")
    choose(page, marked + bytes(3 << 20))
    page.click("button[type=submit]")
    expect(page.locator(".verdict")).to_be_visible()
    told = [each for each in page.evaluate("window.told") if each]
    sending = [each for each in told if each != ENGLISH("progress.examining")]
    assert told[-1] == ENGLISH("progress.examining")
    shown = [ENGLISH("progress.sending", percent=each) for each in (0, 25, 50, 75, 100)]
    assert set(sending) <= set(shown)
    assert sending == sorted(sending, key=shown.index)


def test_a_file_may_be_dropped_anywhere(page, marked):
    expect(page.get_by_text(ENGLISH("form.drop"))).to_be_visible()
    page.evaluate(DROP, ["dropped.png", base64.b64encode(marked).decode()])
    expect(page.locator("main h1")).to_have_text(ENGLISH("conclusion.marked"))
    expect(page.locator(".name")).to_have_text("dropped.png")
    # Nothing happens to what is dropped on an answer.
    page.evaluate(DROP, ["again.png", base64.b64encode(marked).decode()])
    expect(page.locator(".name")).to_have_text("dropped.png")
    assert page.errors == []


def test_cancelling_gives_the_form_back(page, marked):
    held_back(page)
    choose(page, marked)
    page.click("button[type=submit]")
    expect(page.locator("#progress button")).to_be_focused()
    page.keyboard.press("Enter")  # the button to cancel has the focus
    expect(page.locator("[role=status]")).to_have_text(ENGLISH("progress.cancelled"))
    expect(page.locator("progress")).to_be_hidden()
    expect(page.locator("button[type=submit]")).to_be_visible()
    expect(page.locator("input[type=file]")).to_be_focused()
    assert page.locator("form").get_attribute("aria-busy") is None
    page.unroute_all()
    page.click("button[type=submit]")  # the file is still chosen
    expect(page.locator("main h1")).to_have_text(ENGLISH("conclusion.marked"))


def test_an_unreadable_file_is_an_answer_too(page):
    choose(page, b"\x7fELF" + bytes(100), "program")
    page.click("button[type=submit]")
    expect(page.locator("main h1")).to_have_text(ENGLISH("conclusion.unreadable"))


def test_a_lost_connection_is_told_and_can_be_tried_again(page, marked):
    page.route("**/*", lambda route: route.abort())
    choose(page, marked)
    page.click("button[type=submit]")
    expect(page.locator(".problem")).to_have_text(ENGLISH("progress.failed"))
    expect(page.locator(".problem")).to_be_focused()
    page.unroute_all()
    page.click("button[type=submit]")
    expect(page.locator("main h1")).to_have_text(ENGLISH("conclusion.marked"))


def test_errors_are_told_as_the_server_words_them(browser, settings, marked):
    limits = ServiceLimits(workers=1, burst=1, requests_per_second=1e-3, max_upload_bytes=1 << 20)
    with serving(settings, limits) as service:
        context = browser.new_context()
        page = context.new_page()
        page.goto("http://{}:{}/?lang=de".format(*service.address))
        choose(page, bytes(2 << 20))
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.click("button[type=submit]")
        expect(page.locator(".problem")).to_have_text(words_in("de")("problem.too-large"))
        assert asked == []  # nobody has to send what will not be taken
        service.verify(marked, "a.png")  # the only one that this address may make
        choose(page, marked)
        page.click("button[type=submit]")
        problem = page.locator(".problem")
        expect(problem).to_contain_text(words_in("de")("problem.too-many-requests"))
        expect(problem).to_contain_text(words_in("de")("problem.title"))
        expect(problem).to_be_focused()
        assert page.locator(".problem").count() == page.locator("h1").count() == 1
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_it_works(browser, service, marked, scheme):
    # axe is a script that the page's own policy would not let run.
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto("http://{}:{}/?lang=nl".format(*service.address))
    page.evaluate("void (XMLHttpRequest.prototype.send = () => {})")  # neither sent nor answered
    choose(page, marked)
    page.click("button[type=submit]")
    expect(page.locator("progress")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.click("#progress button")
    page.evaluate("document.querySelector('form').dataset.mostBytes = 1")
    page.click("button[type=submit]")
    expect(page.locator(".problem")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()
