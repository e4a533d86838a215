import base64
import doctest
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.codec import acoustic
from labeler.codec.acoustic import (
    Fingerprint,
    Fingerprinter,
    compare,
    fingerprint,
    fingerprint_blocks,
)
from tests.sounds import load, murmur, save

RATE_HZ = 16_000
SURE = 1e-6


def melody(duration_s, *, seed, tempo_hz=4.0, rate_hz=RATE_HZ):
    """``(n,)`` float32: plucked notes at a fixed tempo, some noise between them."""
    random = np.random.default_rng(seed)
    count = round(duration_s * rate_hz)
    sound = 1e-3 * random.standard_normal(count)
    for beat in range(int(duration_s * tempo_hz)):
        start = round(beat / tempo_hz * rate_hz)
        time_s = np.arange(count - start) / rate_hz
        pitch_hz = 220 * 2 ** (random.integers(25) / 12)
        for harmonic in range(1, 7):
            tone = np.sin(2 * np.pi * harmonic * pitch_hz * time_s)
            sound[start:] += 0.15 / harmonic * np.exp(-6 * time_s) * tone
    return (0.5 * sound).astype(np.float32)


@pytest.fixture(scope="module")
def sound():
    return melody(8, seed=3)


@pytest.fixture(scope="module")
def known(sound):
    return fingerprint(sound, RATE_HZ)


def filtered(samples, gains_db):
    """Equalised: gains at 0, 500, 1000, 2000, 4000, 8000 Hz."""
    spectrum = np.fft.rfft(samples)
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    gain_db = np.interp(frequency_hz, [0, 500, 1000, 2000, 4000, 8000], gains_db)
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(samples)).astype(np.float32)


def played(samples, speed):
    """Played faster: higher and shorter."""
    where = np.arange(0, len(samples) - 1, speed)
    return np.interp(where, np.arange(len(samples)), samples).astype(np.float32)


def noisy(samples, ratio_db, *, seed=9):
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    power = np.sqrt(np.mean(samples**2))
    return (samples + power * 10 ** (-ratio_db / 20) * noise).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "most_errors"),
    [
        (lambda samples: samples * 0.1, 0.03),
        (lambda samples: -samples, 0.03),
        (lambda samples: noisy(samples, 20), 0.2),
        (lambda samples: filtered(samples, [-6, 3, -6, 6, 0, 0]), 0.1),
        (lambda samples: filtered(samples, [-60, 0, 0, 0, -60, -60]), 0.1),
        (lambda samples: np.round(samples * 127) / np.float32(127), 0.2),
        (lambda samples: np.clip(samples, -0.1, 0.1), 0.2),
    ],
    ids=["gain", "polarity", "noise", "equaliser", "telephone", "8 bits", "clipping"],
)
def test_two_seconds_are_recognised_whatever_was_done_to_them(sound, known, change, most_errors):
    match = compare(known, fingerprint(change(sound[37_123 : 37_123 + 32_000]), RATE_HZ))
    assert match.p_value < SURE
    assert match.offset_s == pytest.approx(37_123 / RATE_HZ, abs=0.02)
    assert match.bit_error_rate < most_errors
    assert 1.5 < match.overlap_s <= 2


@pytest.mark.parametrize("extension", [".mp3", ".aac", ".opus"])
def test_coding_does_not_hide_a_sound(sound, known, extension, tmp_path):
    clip = sound[20_000:68_000]
    if extension == ".opus":
        clip = np.repeat(clip, 3)  # Opus knows 48 kHz, not 16
    rate_hz = 48_000 if extension == ".opus" else RATE_HZ
    coded, rate_hz = load(save(tmp_path / f"clip{extension}", clip[:, None], rate_hz))
    match = compare(known, fingerprint(coded, rate_hz))
    assert match.p_value < SURE
    assert match.offset_s == pytest.approx(20_000 / RATE_HZ, abs=0.15)
    assert match.bit_error_rate < 0.25


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 192_000])
def test_the_rate_does_not_matter(sound, known, rate_hz):
    # Straight lines between samples: close enough in the bands that count.
    where = np.arange(0, len(sound) - 1, RATE_HZ / rate_hz)
    resampled = np.interp(where, np.arange(len(sound)), filtered(sound, [0, 0, 0, 0, -90, -90]))
    match = compare(known, fingerprint(resampled.astype(np.float32), rate_hz))
    assert match.bit_error_rate < 0.05
    assert match.offset_s == pytest.approx(0, abs=0.02)


def test_channels_are_averaged(sound):
    stereo = np.stack([1.5 * sound, 0.5 * sound], axis=1)
    assert compare(fingerprint(sound, RATE_HZ), fingerprint(stereo, RATE_HZ)).bit_error_rate < 0.01


def test_opposite_channels_do_not_cancel_out(sound, known):
    opposite = np.stack([sound, -sound], axis=1)
    assert compare(known, fingerprint(opposite, RATE_HZ)).bit_error_rate < 0.01


def test_speed_tempo_and_pitch_are_undone_when_they_are_known(sound, known):
    clip = played(sound, 1.06)[:60_000]
    assert compare(known, fingerprint(clip, RATE_HZ)).p_value > SURE
    match = compare(known, fingerprint(clip, RATE_HZ, tempo=1.06, pitch=1.06))
    assert match.p_value < SURE
    assert match.bit_error_rate < 0.15


def test_a_part_is_found_in_the_whole_and_the_whole_around_a_part(sound, known):
    part = fingerprint(sound[32_000:80_000], RATE_HZ)
    assert compare(known, part).offset_s == pytest.approx(2, abs=0.02)
    assert compare(part, known).offset_s == pytest.approx(-2, abs=0.02)


def unrelated():
    """Pairs of different sounds of one kind."""
    kinds = {
        "murmur": lambda seed: murmur(6, RATE_HZ, seed=seed)[:, 0],
        "melodies in one tempo": lambda seed: melody(6, seed=seed),
        "loops": lambda seed: np.tile(melody(1, seed=seed), 6),
        "tones": lambda seed: noisy(
            np.sin(2 * np.pi * (400 + 55 * seed) * np.arange(6 * RATE_HZ) / RATE_HZ), 50, seed=seed
        ),
    }
    return [pytest.param(make, id=name) for name, make in kinds.items()]


@pytest.mark.parametrize("make", unrelated())
def test_unrelated_sounds_do_not_match(make):
    taken = [fingerprint(make(seed), RATE_HZ) for seed in range(8)]
    clips = [fingerprint(make(seed)[20_000:52_000], RATE_HZ) for seed in range(8)]
    p_values = [compare(taken[i], clips[j]).p_value for i in range(8) for j in range(8) if i != j]
    # The same measure finds what belongs together; of a loop there is one round to compare.
    related = [compare(*pair).p_value for pair in zip(taken, clips, strict=True)]
    assert max(related) < 0.05 < min(p_values)


def test_silence_and_what_is_too_short_say_nothing(known):
    for samples in (
        np.zeros(0, np.float32),
        np.zeros(10, np.float32),
        np.full(4_000, 0.1, np.float32),
        np.zeros(3 * RATE_HZ, np.float32),
        np.full(3 * RATE_HZ, 0.5, np.float32),
    ):
        taken = fingerprint(samples, RATE_HZ)
        for match in (compare(known, taken), compare(taken, known), compare(taken, taken)):
            assert match.p_value == 1
            assert match.overlap_s == 0


def test_pauses_do_not_count_as_agreement(sound):
    pause = np.zeros(2 * RATE_HZ, np.float32)
    other = melody(6, seed=5)
    one, two = (
        fingerprint(np.concatenate([voice[: 2 * RATE_HZ], pause, voice[-2 * RATE_HZ :]]), RATE_HZ)
        for voice in (sound, other)
    )
    assert 0.5 < np.mean(one.audible) < 0.75
    assert compare(one, two).p_value > 1e-3


@pytest.mark.parametrize("size", [1, 37, 4_096, 100_000])
def test_blocks_give_the_same_as_the_whole(size):
    samples = murmur(3, 44_100, 2, seed=4)[: 44_100 if size == 1 else None]
    whole = fingerprint(samples, 44_100)
    parts = fingerprint_blocks(
        (samples[start : start + size] for start in range(0, len(samples), size)), 44_100
    )
    assert len(parts) == len(whole)
    assert compare(whole, parts).bit_error_rate < 1e-3


def test_memory_hardly_grows_with_time():
    block = murmur(1, 44_100, 2)
    taking = Fingerprinter(44_100)
    taking.push(block)
    tracemalloc.start()
    for _ in range(120):
        taking.push(block)
    used, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 250_000
    assert peak < 40_000_000
    assert len(taking.finish()) == pytest.approx(121 / 0.016, abs=30)


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.booleans()), max_size=70),
)
def test_bytes_round_trip(pairs):
    taken = Fingerprint(
        np.array([word for word, _ in pairs], np.uint32), np.array([is_ for _, is_ in pairs], bool)
    )
    read = Fingerprint.from_bytes(taken.to_bytes())
    assert read.words.tolist() == taken.words.tolist()
    assert read.audible.tolist() == taken.audible.tolist()
    assert read.words.dtype == np.uint32
    assert compare(read, taken).p_value <= 1


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data):
    try:
        taken = Fingerprint.from_bytes(data)
    except ValueError:
        return
    assert taken.to_bytes() == data


def test_another_version_is_refused(known):
    with pytest.raises(ValueError, match="known version"):
        Fingerprint.from_bytes(b"\x02" + known.to_bytes()[1:])


GOLDEN = (
    "AQAAAExiaPoAYmj6AGJo+gBiaPoAYmj6ACpKgngqSoL8KkqC/ipKgv4qyob+KsqG/SrLhv8q24b/KtuG/7LKhvmT"
    "ZoPgkWaD4JFmg+CRZoHgkWaB4JFmgeCRZLkmk2S5LpIkuS6SrLkvkqy4L5KsuC+SrLgvmqy8L5qsvC/ahKUvypZl"
    "ns+WZZZNlmWWTZZllk2WZZZNlmWWSYZhlkmmaZhJommYSKopuEiqKbhQqim4UKopuFCqK6hhqimoyVM4WIlVWFCJ"
    "VVhQiVVYUIl1WFCJZVhcqWVYXqltWF6pbVreq21L3qstS76rLSuuqy0rrqovK64qLyuuai4rvnJcVFxyXFRcclxU"
    "XHJcVFxyXlRccl5UXEJWVlRKUlZUSlKWREpSl0RK0pNEStKTRErSkwRK0pOE////////////8A=="
)


def test_the_wire_format_stays():
    """Taken by version 1, stored in registries: what is taken today has to match it."""
    stored = Fingerprint.from_bytes(base64.b64decode(GOLDEN))
    taken = fingerprint(melody(1.5, seed=1), RATE_HZ)
    assert len(taken) == len(stored)
    # Other processors round otherwise: a bit on the edge may fall to the other side.
    assert compare(stored, taken).bit_error_rate < 0.01


@pytest.mark.parametrize("arguments", [{"tempo": 0.0}, {"pitch": -1.0}, {"tempo": np.nan}])
def test_impossible_ratios_are_refused(arguments):
    with pytest.raises(ValueError, match="cannot be analysed"):
        Fingerprinter(RATE_HZ, **arguments)


def test_what_is_no_sound_is_refused(sound):
    with pytest.raises(TypeError):
        fingerprint((sound * 1000).astype(np.int16), RATE_HZ)
    with pytest.raises(ValueError, match="sample rate"):
        fingerprint(sound, 1_000)


def test_the_example_in_the_docstring_holds():
    result = doctest.testmod(acoustic)
    assert result.attempted
    assert not result.failed
