from contextlib import suppress
from fractions import Fraction

import av
import av.filter
import numpy as np
import pytest

from detectors.audio import PRESENT_AT, Detection, detect, detect_blocks
from detectors.report import Presence
from labeler.codec.keys import PUBLIC_KEY, Key, Keyring
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.codec.resampling import Resampler
from labeler.marks.audio import embed
from tests.sounds import murmur

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
RATE = 22_050


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    return embed(murmur(12, RATE, 2), RATE, PAYLOAD, KEY)


def resampled(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    resampler = Resampler(from_hz, to_hz, channels=sound.shape[1])
    return np.concatenate([resampler.push(sound), resampler.finish()])


def noisy(sound: np.ndarray, snr_db: float) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(sound.shape).astype(np.float32)
    return sound + noise * np.float32(sound.std() * 10 ** (-snr_db / 20))


def shuffled(sound: np.ndarray) -> np.ndarray:
    parts = np.array_split(sound, 4)
    return np.concatenate([parts[each] for each in (2, 0, 3, 1)])


EDITS = {
    "nothing": lambda x: x,
    "one channel": lambda x: x[:, 1:],
    "mono": lambda x: x.mean(axis=1),
    "polarity": lambda x: -x,
    "opposite channels": lambda x: np.stack([x[:, 0], -x[:, 0]], axis=1),
    "quiet": lambda x: x * np.float32(1e-3),
    "clipped": lambda x: np.clip(x, -0.1, 0.1),
    "8 bit": lambda x: np.round(x * 127).astype(np.float32) / 127,
    "noise 20 dB": lambda x: noisy(x, 20),
    "cropped to 5 s": lambda x: x[40_321 : 40_321 + 5 * RATE],
    "cropped to 3 s": lambda x: x[40_321 : 40_321 + 3 * RATE],
    "shuffled": shuffled,
    "twice": lambda x: np.concatenate([x, x[30_000:]]),
    "8 kHz": lambda x: resampled(resampled(x, RATE, 8_000), 8_000, RATE),
    "3 % faster": lambda x: resampled(x, 22_050, 21_408),
    "10 % slower": lambda x: resampled(x, 20_045, 22_050),
    "samples lost": lambda x: x[np.random.default_rng(2).random(len(x)) > 1e-3],
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_payload_survives(marked: np.ndarray, edit: str) -> None:
    found = detect(EDITS[edit](marked), RATE, [KEY])
    assert found.presence is Presence.PRESENT
    assert found.p_value <= PRESENT_AT
    assert found.payload == PAYLOAD
    assert found.key_id == KEY.key_id


@pytest.mark.parametrize(
    ("edit", "speed", "pitch"),
    [("nothing", 1.0, 1.0), ("3 % faster", 1.03, 1.03), ("10 % slower", 0.909, 0.909)],
)
def test_changes_of_speed_are_told(
    marked: np.ndarray, edit: str, speed: float, pitch: float
) -> None:
    found = detect(EDITS[edit](marked), RATE, [KEY])
    assert found.speed == pytest.approx(speed, abs=0.004)
    assert found.pitch == pytest.approx(pitch, abs=0.006)


def paced(sound: np.ndarray, tempo: float) -> np.ndarray:
    """The sound at another tempo and the same pitch, by FFmpeg."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=RATE, format="fltp", layout="stereo", time_base=Fraction(1, RATE)
    )
    pace, planar = graph.add("atempo", str(tempo)), graph.add("aformat", "sample_fmts=fltp")
    sink = graph.add("abuffersink")
    source.link_to(pace)
    pace.link_to(planar)
    planar.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    graph.push(frame)
    graph.push(None)
    pieces = []
    with suppress(av.error.EOFError):
        while True:
            pieces.append(graph.pull().to_ndarray())
    return np.concatenate(pieces, axis=1).T.astype(np.float32)


def test_tempo_and_pitch_are_found_together(marked: np.ndarray) -> None:
    """Pitch up by 3 %, tempo down by 3 %."""
    higher = resampled(marked, round(RATE * 1.03), RATE)
    found = detect(paced(higher, 0.97 / 1.03), RATE, [KEY], patient=True)
    assert found.payload == PAYLOAD
    assert found.speed == pytest.approx(0.97, abs=0.005)
    assert found.pitch == pytest.approx(1.03, abs=0.008)


def test_spans_tell_where_the_mark_is(marked: np.ndarray) -> None:
    other = murmur(30, RATE, 2, seed=8)
    spliced = np.concatenate([other[: 10 * RATE], marked[: 8 * RATE], other[10 * RATE :]])
    found = detect(spliced, RATE, [KEY])
    assert found.payload == PAYLOAD
    assert len(found.spans) == 1
    assert found.spans[0].start_s == pytest.approx(10, abs=1)
    assert found.spans[0].end_s == pytest.approx(18, abs=1)


def test_all_of_a_marked_sound_is_its_span(marked: np.ndarray) -> None:
    (span,) = detect(marked, RATE, [KEY]).spans
    assert span.start_s == pytest.approx(0, abs=1)
    assert span.end_s == pytest.approx(12, abs=1)


def test_a_long_sound_is_searched_to_its_end() -> None:
    sound = murmur(170, 8_000, seed=3)
    passage = slice(130 * 8_000, 145 * 8_000)
    sound[passage] = embed(sound[passage], 8_000, PAYLOAD, KEY)
    found = detect_blocks(np.array_split(sound, 333), 8_000, [KEY])
    assert found.payload == PAYLOAD
    assert len(found.spans) == 1
    assert found.spans[0].start_s == pytest.approx(130, abs=1)
    assert found.spans[0].end_s == pytest.approx(145, abs=1)


def test_blocks_of_any_size_give_the_same(marked: np.ndarray) -> None:
    whole = detect(marked, RATE, [KEY])
    pieces = detect_blocks(np.array_split(marked, 91), RATE, [KEY])
    assert pieces.payload == whole.payload
    assert pieces.spans == whole.spans
    assert np.log(pieces.p_value) == pytest.approx(np.log(whole.p_value), rel=1e-3)


def test_the_right_one_of_many_keys_is_told(marked: np.ndarray) -> None:
    others = [Key.from_bytes(bytes([each]) * 32) for each in range(6)]
    found = detect(marked, RATE, Keyring([*others, KEY, PUBLIC_KEY]))
    assert found.key_id == KEY.key_id
    assert found.payload == PAYLOAD


def test_another_key_finds_nothing(marked: np.ndarray) -> None:
    found = detect(marked, RATE, [PUBLIC_KEY])
    assert found.presence is Presence.ABSENT
    assert found == Detection(Presence.ABSENT, found.p_value, None, None, (), None, None)


def test_the_short_form_is_told_from_the_standard_one() -> None:
    short = ShortPayload.of(PAYLOAD)
    sound = embed(murmur(6, RATE), RATE, short, KEY)
    found = detect(sound[RATE : 4 * RATE], RATE, [KEY])
    assert found.payload == short


def unmarked() -> dict[str, np.ndarray]:
    time_s = np.arange(6 * RATE) / RATE
    random = np.random.default_rng(9)
    loop = murmur(3.072, RATE, seed=4)[:, 0]
    clicks = np.zeros(6 * RATE)
    clicks[:: RATE // 4] = 1
    return {
        "noise": random.normal(0, 0.1, 6 * RATE),
        "murmur": murmur(6, RATE, seed=5)[:, 0],
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time_s),
        "chord": sum(0.1 * np.sin(2 * np.pi * f * time_s) for f in (262, 330, 392, 1568)),
        "sweep": 0.5 * np.sin(2 * np.pi * (200 + 400 * time_s) * time_s),
        "clicks": clicks,
        "a loop of the mark's period": np.tile(loop, 4),
        "dither": random.integers(-1, 2, 6 * RATE) / 32768,
        "constant": np.full(6 * RATE, 0.3),
        "silence": np.zeros(6 * RATE),
        "square": np.sign(np.sin(2 * np.pi * 110 * time_s)),
    }


@pytest.mark.parametrize("kind", unmarked())
def test_unmarked_sound_has_no_mark(kind: str) -> None:
    sound = unmarked()[kind].astype(np.float32)
    keys = [Key.from_bytes(bytes([each]) * 32) for each in range(4)]
    found = detect(sound, RATE, [*keys, PUBLIC_KEY])
    assert found.presence is Presence.ABSENT
    assert found.payload is None
    assert found.spans == ()
    assert found.p_value > 1e-4


@pytest.mark.parametrize("count", [0, 1, 100, 4_000])
def test_next_to_nothing_has_no_mark(count: int) -> None:
    found = detect(np.full(count, 0.1, np.float32), RATE, [KEY])
    assert found.presence is Presence.ABSENT
    assert found.p_value == 1


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        detect(murmur(1), 16_000, [])
    with pytest.raises(TypeError, match="float"):
        detect(np.zeros(100, np.int16), 16_000, [KEY])
    with pytest.raises(ValueError, match="rate"):
        detect(murmur(1), 10, [KEY])
    with pytest.raises(ValueError, match="finite"):
        detect(np.full(100_000, np.inf, np.float32), 16_000, [KEY])
