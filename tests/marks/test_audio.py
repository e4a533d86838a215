import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.audio import detect
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.errors import CapacityError
from labeler.marks.audio import Stream, embed, embed_blocks
from tests.sounds import murmur

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
SHORT = ShortPayload.of(PAYLOAD)


def snr_db(sound: np.ndarray, marked: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(sound**2) / np.sum((marked - sound) ** 2)))


def in_chunks(stream: Stream, sound: np.ndarray, sizes: list[int]) -> np.ndarray:
    pieces, at = [], 0
    for size in sizes * (len(sound) // max(1, sum(sizes)) + 1):
        if at >= len(sound):
            break
        pieces.append(stream.push(sound[at : at + size]))
        at += size
    return np.concatenate([*pieces, stream.finish()])


def test_stronger_presets_change_more() -> None:
    sound = murmur(10)
    quality, balanced, robust = (
        snr_db(sound, embed(sound, 16_000, PAYLOAD, strength=each))  # type: ignore[arg-type]
        for each in ("quality", "balanced", "robust")
    )
    assert quality > balanced + 1.5 > robust + 3
    assert balanced > 15


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("shape", ["mono", "column", "stereo"])
def test_any_rate_and_shape_carries_the_payload(rate_hz: int, shape: str) -> None:
    sound = murmur(9, rate_hz, 2 if shape == "stereo" else 1)
    sound = sound[:, 0] if shape == "mono" else sound
    marked = embed(sound, rate_hz, PAYLOAD, KEY)
    assert marked.shape == sound.shape
    assert marked.dtype == sound.dtype
    assert np.abs(marked).max() <= 1
    assert detect(marked, rate_hz, [KEY]).payload == PAYLOAD


def test_marking_is_deterministic_and_leaves_its_input_alone() -> None:
    sound = murmur(6, 44_100, 2)
    before = sound.copy()
    assert np.array_equal(embed(sound, 44_100, PAYLOAD), embed(sound, 44_100, PAYLOAD))
    assert np.array_equal(sound, before)
    sound.setflags(write=False)
    embed(sound, 44_100, PAYLOAD)


def test_double_precision_stays_double() -> None:
    sound = murmur(6).astype(np.float64) + 1e-9
    marked = embed(sound, 16_000, PAYLOAD)
    assert marked.dtype == np.float64
    assert np.abs(marked - sound).max() > 0


def test_what_is_above_the_bands_is_left_alone() -> None:
    sound = murmur(6, 48_000, 2)
    change = embed(sound, 48_000, PAYLOAD) - sound
    power = np.abs(np.fft.rfft(change.astype(float), axis=0)) ** 2
    frequency_hz = np.fft.rfftfreq(len(change), 1 / 48_000)
    assert power[frequency_hz > 8_100].sum() < 1e-6 * power.sum()
    assert power[frequency_hz < 250].sum() < 1e-2 * power.sum()


def test_digital_silence_stays_silent() -> None:
    sound = murmur(12, 44_100, 2)
    sound[100_000:180_000] = 0
    sound[-5_000:] = 0
    marked = embed(sound, 44_100, PAYLOAD)
    assert not marked[100_000:180_000].any()
    assert not marked[-5_000:].any()
    blocks = embed_blocks(lambda: np.array_split(sound, 977), 44_100, PAYLOAD)
    assert np.abs(np.concatenate(list(blocks)) - marked).max() < 1e-6
    assert detect(marked, 44_100, [PUBLIC_KEY]).payload == PAYLOAD


def test_a_pause_hides_no_mark() -> None:
    """Nowhere is the mark louder than a quarter of the sound in the same 8 ms."""
    sound = murmur(8)
    sound[40_000:60_000] *= 1e-3
    change = embed(sound, 16_000, PAYLOAD) - sound
    inside = slice(40_200, 59_800)
    assert np.std(change[inside]) < 0.26 * np.std(sound[inside])


def test_loud_sound_does_not_clip() -> None:
    sound = np.clip(murmur(6) * 12, -1, 1)
    marked = embed(sound, 16_000, PAYLOAD)
    assert np.abs(marked).max() <= 1
    beyond = murmur(6) * np.float32(20)
    assert np.abs(embed(beyond, 16_000, PAYLOAD)).max() <= np.abs(beyond).max()


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12), st.sampled_from([1, 2]))
@settings(max_examples=15, deadline=None)
def test_the_size_of_chunks_makes_no_difference(sizes: list[int], channels: int) -> None:
    sound = murmur(2.5, 24_000, channels)
    whole = Stream(24_000, channels, PAYLOAD, KEY)
    at_once = np.concatenate([whole.push(sound), whole.finish()])
    chunked = in_chunks(Stream(24_000, channels, PAYLOAD, KEY), sound, sizes)
    assert chunked.shape == sound.shape
    assert np.abs(chunked - at_once).max() < 1e-6


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_stream_is_never_more_than_a_quarter_of_a_second_behind(rate_hz: int) -> None:
    stream = Stream(rate_hz, 2, PAYLOAD)
    sound = murmur(3, rate_hz, 2)
    given_back, behind = 0, 0
    for at in range(0, len(sound), 160):
        given_back += len(stream.push(sound[at : at + 160]))
        behind = max(behind, min(at + 160, len(sound)) - given_back)
    given_back += len(stream.finish())
    assert given_back == len(sound)
    assert behind <= 0.25 * rate_hz


def test_what_a_stream_marks_is_found() -> None:
    sound = murmur(8, 24_000)
    marked = in_chunks(Stream(24_000, 1, PAYLOAD, KEY), sound, [480])
    assert detect(marked, 24_000, [KEY]).payload == PAYLOAD


def test_streams_of_different_payloads_use_different_patterns() -> None:
    sound = murmur(3)
    changes = []
    for serial in range(4):
        stream = Stream(16_000, 1, Payload(origin=Origin.GENERATED, handle=Handle(0, serial)))
        changes.append((np.concatenate([stream.push(sound), stream.finish()]) - sound).ravel())
    likeness = np.corrcoef(np.stack(changes)) - np.eye(4)
    assert np.abs(likeness).max() < 0.2


def test_a_finished_stream_takes_no_more() -> None:
    stream = Stream(16_000, 1, PAYLOAD)
    assert stream.finish().shape == (0, 1)
    with pytest.raises(ValueError, match="finished"):
        stream.push(murmur(1))
    with pytest.raises(ValueError, match="finished"):
        stream.finish()


def test_channels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 channels"):
        Stream(16_000, 2, PAYLOAD).push(murmur(1))


def test_the_short_form_fits_into_two_seconds() -> None:
    sound = murmur(2, 22_050)
    found = detect(embed(sound, 22_050, SHORT, KEY), 22_050, [KEY])
    assert found.payload == SHORT


@pytest.mark.parametrize("sound", [murmur(1), murmur(0.2), murmur(0)])
def test_too_little_sound_says_how_much_would_do(sound: np.ndarray) -> None:
    with pytest.raises(CapacityError) as caught:
        embed(sound, 16_000, PAYLOAD)
    assert "It takes 4 s" in str(caught.value.hint)


def test_silence_carries_nothing() -> None:
    with pytest.raises(CapacityError, match="silent"):
        embed(np.zeros((160_000, 2), np.float32), 16_000, PAYLOAD)


def test_a_constant_carries_nothing() -> None:
    with pytest.raises(CapacityError):
        embed(np.full(160_000, 0.25, np.float32), 16_000, PAYLOAD)


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        embed(np.zeros(16_000, np.int16), 16_000, PAYLOAD)
    with pytest.raises(ValueError, match="shape"):
        embed(np.zeros((2, 3, 4), np.float32), 16_000, PAYLOAD)
    with pytest.raises(ValueError, match="rate"):
        embed(murmur(3), 100, PAYLOAD)
    with pytest.raises(ValueError, match="finite"):
        embed(np.full(160_000, np.nan, np.float32), 16_000, PAYLOAD)
    with pytest.raises(ValueError, match="strength"):
        embed(murmur(3), 16_000, PAYLOAD, strength="loud")  # type: ignore[arg-type]


def test_importing_loads_no_native_resampler() -> None:
    script = "import sys, labeler, labeler.marks.audio; sys.exit('soxr' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
