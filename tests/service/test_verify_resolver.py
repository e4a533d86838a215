"""``labeler verify --resolver``: a machine that knows nothing asks the one that stamped."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from detectors import verify
from labeler.settings import Settings
from tests.cli.running import labeler
from tests.service.repositories import BASE
from tests.service.serving import free_port


@pytest.fixture(scope="module")
def stripped(marked, tmp_path_factory):
    file = tmp_path_factory.mktemp("found") / "found.jpg"
    Image.open(io.BytesIO(marked)).convert("RGB").save(file, "JPEG", quality=90)
    return file


@pytest.fixture(scope="module")
def resolver(service) -> str:
    return f"http://127.0.0.1:{service.address[1]}{BASE}"


def credential(line: str) -> dict:
    return next(each for each in json.loads(line)["findings"] if each["technique"] == "credential")


def test_the_manifest_comes_from_whom_the_user_names(stripped, resolver, tmp_path):
    done = labeler("verify", stripped, "--json", "--resolver", resolver, home=tmp_path)
    assert done.code == 0, done.err
    found = credential(done.out)
    assert found["presence"] == "present"
    assert found["detail"]["integrity"] == "unbound"
    assert found["detail"]["recovered"]["source"] == resolver
    assert found["detail"]["claim_generator"].startswith("Labeler")


def test_nobody_is_asked_unless_somebody_is_named(stripped, tmp_path):
    done = labeler("verify", stripped, "--json", home=tmp_path)
    assert credential(done.out)["presence"] == "absent"


def test_settings_may_name_a_resolver_too(stripped, resolver, tmp_path):
    report = verify(stripped, settings=Settings(home=tmp_path, resolvers=(resolver,)))
    assert report.findings[0].detail["recovered"]["source"] == resolver


def test_one_that_cannot_be_asked_is_told_and_the_rest_is_known(stripped, resolver, tmp_path):
    down = f"http://127.0.0.1:{free_port()}{BASE}"
    done = labeler(
        "verify", stripped, "--json", "--resolver", down, "--resolver", resolver, home=tmp_path
    )
    assert done.code == 0
    assert credential(done.out)["detail"]["recovered"]["source"] == resolver
    assert any(each.startswith(down) for each in json.loads(done.out)["warnings"])


@pytest.mark.parametrize("url", ["ftp://x", "https://user:secret@x/", "https://x/?a=b"])
def test_a_resolver_that_cannot_be_used_is_told_before_anything(stripped, url, tmp_path):
    done = labeler("verify", stripped, "--resolver", url, home=tmp_path)
    assert done.code == 2
    assert "secret" not in done.out + done.err
