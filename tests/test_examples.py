"""What README and docstrings show has to work as it stands there."""

import doctest
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.clips import clip
from tests.scenes import photograph
from tests.sounds import murmur, save

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize(
    "module",
    [
        "detectors.audio",
        "detectors.image",
        "labeler.codec.acoustic",
        "labeler.marks.audio",
        "labeler.marks.image",
    ],
)
def test_docstrings_show_what_happens(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_snippets_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELER_HOME", str(tmp_path / "home"))
    subprocess.run([sys.executable, "-m", "labeler", "keys", "init"], check=True)
    monkeypatch.chdir(tmp_path)
    pixels = photograph(400, 500)
    cv2.imwrite("robot.png", pixels)
    save(Path("voice.wav"), murmur(10))
    shutil.copy(clip(sound="aac", frames=96), "film.mp4")
    speech = murmur(10, 24_000)
    names: dict[str, object] = {
        "pixels": np.ascontiguousarray(pixels),
        "samples": speech,
        "lumas": [photograph(720, 1280)[..., 1].copy()] * 2,
        "speech_chunks": np.array_split(speech, 100),
    }
    for snippet in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL):
        exec(compile(snippet, "README.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "credential" in shown
    assert "marked" in shown
    assert "serial=42" in shown
    assert "serial=43" in shown
