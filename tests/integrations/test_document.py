"""What docs/integrations.md shows has to work as it stands there."""

import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from detectors import audio, verify
from detectors.report import Conclusion
from labeler.codec.keys import PUBLIC_KEY
from labeler.provenance import Provenance
from tests.samples import make_settings
from tests.sounds import murmur, save

DOCUMENT = Path(__file__).parents[2] / "docs" / "integrations.md"


def snippets():
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the snippets take for granted."""
    pytest.importorskip("pydub", reason="pydub is not installed")
    monkeypatch.setenv("LABELER_HOME", str(make_settings(tmp_path).home))
    monkeypatch.chdir(tmp_path)
    save("speech.wav", murmur(12))
    speech = murmur(10, 24_000)
    played = []
    model = SimpleNamespace(
        generate=lambda _: model.watermarker.apply_watermark(speech[:, 0], sample_rate=24_000)
    )
    engine = SimpleNamespace(speak=lambda _: np.array_split(speech, 40))
    return {
        "model": model,
        "engine": engine,
        "play": played.append,
        "played": played,
        "Provenance": Provenance,
    }


def test_the_snippets_run(names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydub's own, on import
        for number, snippet in enumerate(snippets()):
            exec(compile(snippet, f"{DOCUMENT.name}, snippet {number}", "exec"), names)
            if "Stream" in snippet:
                names["streamed"] = names["payload"]
            if "Registry.open" in snippet:
                names["registry"] = names["Registry"].open("registry.sqlite3")
    names["registry"].close()
    assert audio.detect(names["wav"], 24_000, [PUBLIC_KEY]).payload is not None
    spoken = np.concatenate(names["played"])
    assert audio.detect(spoken, 24_000, [PUBLIC_KEY]).payload == names["streamed"]
    assert verify("out.wav", isolated=False).conclusion is Conclusion.MARKED
