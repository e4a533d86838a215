import subprocess
import sys
import warnings

import numpy as np
import pytest

from detectors import verify
from detectors.report import Conclusion, Presence, Technique
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.errors import CapacityError, MarkNotVerifiedError
from labeler.integrations import segments
from labeler.integrations.arrays import from_samples
from labeler.provenance import Provenance
from tests.samples import make_settings
from tests.sounds import murmur

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 42))


@pytest.fixture(scope="module")
def make():
    with warnings.catch_warnings():
        # It warns where there is no ffmpeg, and itself imports what is to be removed from Python.
        warnings.simplefilter("ignore")
        pydub = pytest.importorskip("pydub", reason="pydub is not installed")

    def segment(samples, rate_hz=16_000, width=2):
        integers = from_samples(samples, np.dtype(f"<i{width}"))
        return pydub.AudioSegment(
            data=integers.tobytes(),
            sample_width=width,
            frame_rate=rate_hz,
            channels=samples.shape[1],
        )

    return segment


@pytest.mark.parametrize(
    ("width", "rate_hz", "channels"), [(1, 16_000, 1), (2, 44_100, 2), (4, 48_000, 1)]
)
def test_a_segment_is_marked_and_stays_what_it_was(make, width, rate_hz, channels):
    plain = make(murmur(12, rate_hz, channels), rate_hz, width)
    before = plain.raw_data
    marked = segments.embed(plain, PAYLOAD, strength="robust" if width == 1 else "balanced")
    assert type(marked) is type(plain)
    for name in ("sample_width", "frame_rate", "channels", "frame_width", "duration_seconds"):
        assert getattr(marked, name) == getattr(plain, name)
    assert plain.raw_data == before
    assert marked.raw_data != before
    found = segments.detect(marked)
    assert found.presence is Presence.PRESENT
    assert found.payload == PAYLOAD
    assert segments.detect(plain).presence is Presence.ABSENT


def test_pydub_can_work_on_with_what_is_marked(make):
    marked = segments.embed(make(murmur(14)), PAYLOAD)
    quieter = (marked - 6)[1500:] + make(murmur(1, seed=3))
    assert segments.detect(quieter).payload == PAYLOAD


def test_a_short_segment_gets_the_short_form(make):
    marked = segments.embed(make(murmur(5)), PAYLOAD)
    assert segments.detect(marked).payload == ShortPayload.of(PAYLOAD)


def test_only_its_key_finds_a_mark(make):
    key = Key.from_bytes(bytes(range(32)))
    marked = segments.embed(make(murmur(12)), PAYLOAD, key)
    assert segments.detect(marked).presence is Presence.ABSENT
    assert segments.detect(marked, [PUBLIC_KEY, key]).key_id == key.key_id


@pytest.mark.parametrize("samples", [murmur(0.2), np.zeros((160_000, 1), np.float32)])
def test_what_cannot_be_marked_is_an_error(make, samples):
    with pytest.raises((CapacityError, MarkNotVerifiedError)):
        segments.embed(make(samples), PAYLOAD)


def test_a_segment_is_stamped_as_a_wav_file(make, tmp_path):
    settings = make_settings(tmp_path)
    target = tmp_path / "out.wav"
    receipt = segments.stamp(
        make(murmur(12)), target, Provenance(generator="Test"), settings=settings
    )
    assert receipt.media_type == "audio/wav"
    report = verify(target, settings=settings, isolated=False)
    assert report.conclusion is Conclusion.MARKED
    assert report.finding(Technique.WATERMARK).presence is Presence.PRESENT


@pytest.mark.parametrize("call", [segments.detect, lambda thing: segments.embed(thing, PAYLOAD)])
def test_other_things_are_refused(call):
    with pytest.raises(TypeError, match=r"ndarray is no pydub\.AudioSegment"):
        call(np.zeros(16_000, np.float32))


def test_pydub_is_not_imported():
    program = "import sys, labeler.integrations.segments; sys.exit('pydub' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
