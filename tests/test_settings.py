import os
import sys
from pathlib import Path
from typing import get_args

import pytest

from labeler.errors import SettingsError
from labeler.marks import image
from labeler.receipt import Layer
from labeler.settings import Settings
from labeler.strength import Strength


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in list(os.environ):
        if name.upper().startswith("LABELER_"):
            monkeypatch.delenv(name)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has its own place")
def test_home_follows_the_xdg_specification(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert Settings().home == Path("/data/labeler")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/invalid")
    assert Settings().home == tmp_path / ".local/share/labeler"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert Settings().home == tmp_path / ".local/share/labeler"


def test_everything_lies_under_home_and_nothing_is_made(monkeypatch, tmp_path):
    home = tmp_path / "home"
    monkeypatch.setenv("LABELER_HOME", str(home))
    settings = Settings()
    assert settings.home == home
    assert Path(settings.registry_location).is_relative_to(home)
    for place in (
        settings.watermark_keys,
        settings.identity,
        settings.trust,
        settings.batches,
        settings.certificate_chain_file,
        settings.private_key_file,
    ):
        assert place.is_relative_to(home)
    assert not home.exists()


def test_a_relative_home_does_not_follow_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = Settings(home="here", registry=None)
    assert settings.home == tmp_path / "here"


def test_the_call_comes_before_the_environment_and_that_before_the_defaults(monkeypatch):
    assert Settings().issuer == 0
    monkeypatch.setenv("LABELER_ISSUER", "7")
    assert Settings().issuer == 7
    assert Settings(issuer=8).issuer == 8


def test_an_empty_variable_is_no_value(monkeypatch):
    monkeypatch.setenv("LABELER_ISSUER", "")
    monkeypatch.setenv("LABELER_TSA_URL", "")
    assert Settings().issuer == 0
    assert Settings().tsa_url is None


def test_lists_in_the_environment(monkeypatch):
    monkeypatch.setenv("LABELER_TRUST_ANCHORS", os.pathsep.join(["/a.pem", "~/b.pem"]))
    monkeypatch.setenv("LABELER_ALLOW_MISSING", "watermark, metadata")
    settings = Settings()
    assert settings.trust_anchors == (Path("/a.pem"), Path.home() / "b.pem")
    assert settings.allow_missing == {Layer.WATERMARK, Layer.METADATA}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "65536"),
        ("issuer", "-1"),
        ("issuer", "x"),
        ("strength", "maximal"),
        ("tsa_url", "file:///etc/passwd"),
        ("tsa_url", "http://"),
        ("allow_missing", "watermark,nothing"),
        ("max_file_bytes", "0"),
        ("max_pixels", "-1"),
        ("max_memory_mib", "0"),
        ("max_seconds", "nan"),
        ("max_seconds", "inf"),
        ("max_sound_bytes", "0"),
        ("max_duration_s", "nan"),
        ("max_listening_seconds", "-1"),
        ("max_video_bytes", "0"),
        ("max_watching_seconds", "inf"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_variable(monkeypatch, name, value):
    monkeypatch.setenv(f"LABELER_{name.upper()}", value)
    with pytest.raises(SettingsError, match=f"LABELER_{name.upper()}") as caught:
        Settings()
    assert f"'{name}'" in caught.value.problem


def test_an_unknown_argument_is_refused():
    with pytest.raises(SettingsError, match="isuer"):
        Settings(isuer=3)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().issuer = 3


def test_strengths_are_those_of_the_image_mark():
    assert set(get_args(Strength)) == set(get_args(image.Strength))
