from __future__ import annotations

import io
import shutil

import numpy as np
import pytest

from labeler.codec.payload import Handle, Origin, Payload
from labeler.credentials import Identity
from labeler.marks.audio import embed
from labeler.settings import Settings
from tests.cli.pictures import pixels, save
from tests.cli.running import labeler
from tests.service.serving import Service, serving
from tests.sounds import murmur
from tests.sounds import save as save_sound


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """Those of a machine that has stamped a picture, ``one.png`` under ``out``."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(home=folder / "home", scratch=folder / "scratch")
    assert labeler("keys", "init", home=settings.home).code == 0
    save(folder / "one.png", 1)
    done = labeler(
        "stamp", folder / "one.png", "--out", folder / "out", "--generator", "Model X",
        home=settings.home,
    )  # fmt: skip
    assert done.code == 0, done.err
    return settings


@pytest.fixture(scope="session")
def marked(settings) -> bytes:
    return (settings.home.parent / "out" / "one.png").read_bytes()


@pytest.fixture(scope="session")
def unmarked() -> bytes:
    file = io.BytesIO()
    pixels(7).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def service(settings) -> Service:
    with serving(settings) as service:
        yield service


@pytest.fixture(scope="session")
def identity(settings) -> Identity:
    """Who stamped the picture."""
    return Identity.from_pem_files(settings.certificate_chain_file, settings.private_key_file)


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> bytes:
    """26 seconds of sound, of which the twelve from the eighth on are marked."""
    rate_hz = 16_000
    plain = murmur(26, rate_hz)
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    marked = embed(plain, rate_hz, payload)
    start, end = 8 * rate_hz, 20 * rate_hz
    mixed = np.concatenate([plain[:start], marked[start:end], plain[end:]])
    return save_sound(tmp_path_factory.mktemp("sound") / "a.wav", mixed, rate_hz).read_bytes()


@pytest.fixture(scope="module")
def browser():
    """Chromium, asking nobody for anything."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    with playwright_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--no-zygote", "--disable-background-networking"]
        yield playwright.chromium.launch(executable_path=program, args=arguments)
