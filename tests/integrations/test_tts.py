from datetime import UTC, datetime

import numpy as np
import pytest

from detectors import fingerprint, recognition
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.errors import CapacityError, ConflictError, MarkNotVerifiedError
from labeler.integrations import marking
from labeler.integrations.arrays import from_samples
from labeler.integrations.tts import Watermarker
from labeler.provenance import SourceType
from labeler.registry import Registry
from tests.integrations.foreign import Tensor
from tests.sounds import murmur

RATE_HZ = 24_000
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 42))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def speech():
    """``(n,)`` float32, as text-to-speech gives it."""
    return murmur(10, RATE_HZ)[:, 0]


@pytest.fixture
def registry(tmp_path):
    with Registry.open(str(tmp_path / "registry.sqlite3")) as opened:
        yield opened


def test_it_is_called_as_packages_call_it(speech):
    watermarker = Watermarker(PAYLOAD)
    marked = watermarker.apply_watermark(speech, watermark=None, sample_rate=RATE_HZ)
    assert isinstance(marked, np.ndarray)
    assert (marked.dtype, marked.shape) == (speech.dtype, speech.shape)
    assert not np.array_equal(marked, speech)
    assert watermarker.get_watermark(marked, sample_rate=RATE_HZ) == 1.0
    assert watermarker.get_watermark(speech, sample_rate=RATE_HZ) == 0.0
    found = watermarker.detect(marked, RATE_HZ)
    assert found.payload == PAYLOAD


@pytest.mark.parametrize("dtype", ["float16", "float64", "int16"])
def test_a_tensor_is_marked_as_it_is(speech, dtype):
    tensor = Tensor(from_samples(speech[None, :], np.dtype(dtype)))
    marked = Watermarker(PAYLOAD).apply_watermark(tensor, sample_rate=RATE_HZ)
    assert type(marked) is Tensor
    assert (marked.values.dtype, marked.device) == (np.dtype(dtype), "cuda:0")
    assert Watermarker(PAYLOAD).detect(marked, RATE_HZ).payload == PAYLOAD


def test_what_is_marked_already_is_not_marked_again(speech):
    watermarker = Watermarker(PAYLOAD, sample_rate_hz=RATE_HZ)
    marked = watermarker.apply_watermark(speech)
    with pytest.raises(ConflictError, match="already"):
        watermarker.apply_watermark(marked)
    other = Watermarker(PAYLOAD, Key.from_bytes(bytes(range(32))), sample_rate_hz=RATE_HZ)
    assert other.get_watermark(other.apply_watermark(marked)) == 1.0


def test_the_call_may_say_what_the_mark_says(speech):
    other = Payload(origin=Origin.MODIFIED, handle=Handle(7, 43))
    watermarker = Watermarker(PAYLOAD, sample_rate_hz=RATE_HZ)
    assert watermarker.detect(watermarker.apply_watermark(speech, other)).payload == other


def test_each_output_gets_a_handle_of_its_own_and_a_receipt(speech, registry):
    watermarker = Watermarker(registry, issuer=9, sample_rate_hz=RATE_HZ, now=lambda: NOW)
    payloads = [
        watermarker.detect(watermarker.apply_watermark(wav)).payload
        for wav in (speech, murmur(10, RATE_HZ, seed=2)[:, 0])
    ]
    assert payloads[0].handle != payloads[1].handle
    for payload in payloads:
        assert payload.handle.issuer == 9
        assert payload.origin is Origin.GENERATED
        receipt = registry.find(payload.handle)
        assert receipt.payload == payload
        assert receipt.created_at == NOW
        assert receipt.key_id == PUBLIC_KEY.key_id
        assert [outcome.present for outcome in receipt.layers] == [False, True, False]


def test_a_short_output_is_found_again_by_its_sound(registry):
    watermarker = Watermarker(registry, sample_rate_hz=RATE_HZ)
    marked = watermarker.apply_watermark(murmur(5, RATE_HZ)[:, 0])
    short = watermarker.detect(marked).payload
    assert isinstance(short, ShortPayload)
    taken = fingerprint.take([marked[12_000:]], RATE_HZ)
    receipt = recognition.resolve(taken.finding, short, registry).receipt
    assert ShortPayload.of(receipt.payload) == short


def test_the_source_type_says_where_it_comes_from(speech, registry):
    watermarker = Watermarker(
        registry, source_type=SourceType.COMPOSITE_SYNTHETIC, sample_rate_hz=RATE_HZ
    )
    payload = watermarker.detect(watermarker.apply_watermark(speech)).payload
    assert payload.origin is SourceType.COMPOSITE_SYNTHETIC.origin


def test_keys_are_tried_that_it_was_told_to_try(speech):
    key = Key.from_bytes(bytes(range(32)))
    marked = Watermarker(PAYLOAD, key, sample_rate_hz=RATE_HZ).apply_watermark(speech)
    assert Watermarker(PAYLOAD, sample_rate_hz=RATE_HZ).get_watermark(marked) == 0.0
    both = Watermarker(PAYLOAD, keys=[PUBLIC_KEY, key], sample_rate_hz=RATE_HZ)
    assert both.get_watermark(marked) == 1.0


@pytest.mark.parametrize(
    "wav", [np.zeros(240_000, np.float32), murmur(0.1, RATE_HZ)[:, 0], np.zeros(0, np.float32)]
)
def test_nothing_is_given_back_unmarked(wav, registry):
    with pytest.raises((CapacityError, MarkNotVerifiedError)):
        Watermarker(registry).apply_watermark(wav, sample_rate=RATE_HZ)


def test_a_mark_that_does_not_read_back_is_an_error(speech, registry, monkeypatch):
    monkeypatch.setattr(marking.audio, "embed", lambda samples, *_, **__: samples.copy())
    with pytest.raises(MarkNotVerifiedError):
        Watermarker(registry).apply_watermark(speech, sample_rate=RATE_HZ)
    with registry._connection() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM receipt").scalar() == 0


def test_the_rate_is_never_guessed(speech):
    for call in (Watermarker(PAYLOAD).apply_watermark, Watermarker(PAYLOAD).get_watermark):
        with pytest.raises(ValueError, match="sample_rate="):
            call(speech)


def test_a_rate_in_the_place_of_the_watermark_is_refused(speech):
    with pytest.raises(TypeError, match="sample_rate="):
        Watermarker(PAYLOAD, sample_rate_hz=RATE_HZ).apply_watermark(speech, RATE_HZ)


def test_other_sources_are_refused():
    with pytest.raises(TypeError, match="a payload or a registry"):
        Watermarker("registry.sqlite3")
