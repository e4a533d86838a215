import subprocess
import zlib
from functools import cache

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.ebml import make
from labeler.errors import MediaError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.matroska_clock import Clock
from labeler.media.media_type import MediaType
from labeler.media.sound import open_sound
from tests.clips import clip
from tests.media.coded import coded, lag, need, read, rewritten, snr_db, tune
from tests.media.matroska_films import (
    MUTATIONS,
    SMALL,
    WORDS,
    copied,
    elements_of,
    entry_of,
    film,
    frames_of,
    kept_of,
    mutated,
    packets_of,
    simple,
    stamp,
    track,
    warnings_of,
)

RATE_HZ = 48_000
SIZES = make(b"\xe0", make(b"\xb0", b"\x60"), make(b"\xba", b"\x40"))
ENCODERS = {"opus": "libopus", "aac": "aac", "flac": "flac"}


def times_of(path, number=2):
    return [time for time, *_ in frames_of(path)[number]]


@cache
def sound_track(codec, channels, length, folder):
    path = folder / f"{codec}.mka"
    coded(path, tune(length, channels, rate_hz=RATE_HZ), codec, rate_hz=RATE_HZ, form="matroska")
    tracks = dict(elements_of(path))[matroska.TRACKS]
    (entry,) = [body for kind, body in ebml.children(tracks) if kind == matroska.TRACK_ENTRY]
    return entry, [(time, data) for time, _, data, *_ in frames_of(path)[1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sounds")


def by_hand(path, folder, *, codec="flac", retime=lambda time: time, repack=bytes, fields=(),
            pictures=range(0, 2200, 40), length=96_000, more=(), default=1):  # fmt: skip
    """A film of pictures that are none, and a sound track with other times and packets."""
    entry, blocks = sound_track(codec, 2, length, folder)
    kept = [
        make(kind, body)
        for kind, body in ebml.children(entry)
        if kind not in {matroska.TRACK_NUMBER, matroska.FLAG_DEFAULT, matroska.CRC}
    ]
    sound = make(
        matroska.TRACK_ENTRY,
        make(matroska.TRACK_NUMBER, b"\2"),
        make(matroska.FLAG_DEFAULT, bytes([default])),
        *kept,
        *fields,
    )
    tracks = [track(1, 1, b"V_STRANGE", SIZES), *more, sound]
    every = [(time, 1, bytes([time % 251]) * 9) for time in pictures]
    every += [(retime(time), 2, repack(data)) for time, data in blocks]
    clusters = {}
    for time, number, data in sorted(every, key=lambda each: each[0]):
        clusters.setdefault(time // 1000, []).append(simple(number, time % 1000, data))
    path.write_bytes(
        film(*([stamp(1000 * at), *each] for at, each in clusters.items()), tracks=tracks)
    )
    return path


@pytest.mark.parametrize(
    ("suffix", "sound", "mux"),
    [
        (".mkv", "aac", ()),
        (".mkv", "opus", ()),
        (".mkv", "pcm", ()),
        (".webm", "opus", ()),
        (".webm", "opus", (("live", "1"),)),
    ],
)
def test_only_the_sound_changes(tmp_path, suffix, sound, mux):
    options = {"chapters": ((0, 0.5, "A"),)} if not mux else {}
    made = clip(suffix, sound=sound, frames=50, subtitles=WORDS, mux=mux, **SMALL, **options)
    path = copied(made, tmp_path)
    opened = open_sound(path, name="film")
    assert opened.media_type is (MediaType.MKV if suffix == ".mkv" else MediaType.WEBM_VIDEO)
    assert opened.damage is None
    result = rewritten(path, lambda block: block * np.float32(0.9))
    before, after = frames_of(path), frames_of(result)
    assert before.keys() == after.keys() == {1, 2, 3}
    kinds = {each.number: each.kind for each in tracks_of(path)}
    (number,) = (number for number, kind in kinds.items() if kind == matroska.AUDIO)
    for other in {1, 2, 3} - {number}:
        assert before[other] == after[other]
        assert entry_of(path, other) == entry_of(result, other)
    assert before[number] != after[number]
    assert kept_of(path) == kept_of(result)
    first, second = read(path), read(result)
    assert len(first) == len(second)
    assert lag(first, second) == 0
    assert snr_db(first * 0.9, second) > 2
    with av.open(str(path)) as old, av.open(str(result)) as new:
        starts = [[each.start_time for each in side.streams] for side in (old, new)]
        assert starts[0][:2] == starts[1][:2]
        assert new.duration == pytest.approx(old.duration or new.duration, abs=1000)


def tracks_of(path):
    return matroska.read_tracks(dict(elements_of(path))[matroska.TRACKS])


def test_everything_is_in_the_order_of_time(tmp_path):
    path = copied(clip(".mkv", sound="aac", frames=150, gop=24, **SMALL), tmp_path)
    result = rewritten(path)
    with result.open("rb") as file:
        order = [each.time for each in matroska_blocks.blocks(file, matroska.read_layout(file))]
    assert len(order) > 400
    assert order == sorted(order)
    with av.open(str(result)) as container:
        container.seek(4_000_000)
        assert next(container.decode(video=0)).time == pytest.approx(4, abs=0.001)


def test_the_default_of_several_sound_tracks_is_heard_and_written(tmp_path, folder):
    more = [
        track(3, 2, b"A_AC3", make(b"\x88", b"\0")),
        track(4, 2, b"A_AC3", make(b"\x88", b"\0")),
    ]
    path = by_hand(tmp_path / "film.mkv", folder, more=more)
    assert entry_of(path, 2)[matroska.CODEC_ID] == b"A_FLAC"
    first = read(path)
    result = rewritten(path)
    assert np.array_equal(read(result), first)
    assert frames_of(result)[1] == frames_of(path)[1]
    by_hand(path, folder, more=[track(3, 2, b"A_AC3")], default=0)
    with pytest.raises(UnsupportedMediaError, match="holds AC-3 sound"):
        open_sound(path, name="film")


def test_other_sound_tracks_stay(tmp_path):
    path = tmp_path / "film.mka"
    with av.open(str(path), "w", format="matroska") as container:
        streams = [container.add_stream("flac", rate=44_100) for _ in range(2)]
        for stream in streams:
            stream.layout, stream.format = "mono", "s16"
        for stream in streams:
            for start in range(0, 40_960, 4096):
                data = np.full((1, 4096), 1000 + start % 999, np.int16)
                frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
                frame.sample_rate, frame.pts = 44_100, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert open_sound(path, name="film").media_type is MediaType.WEBM
    result = rewritten(path, lambda block: block / 2)
    before, after = frames_of(path), frames_of(result)
    assert before[1] != after[1]
    assert before[2] == after[2]
    assert np.abs(read(result) - read(path) / 2).max() < 1e-4


def test_several_frames_in_a_block(tmp_path, folder):
    plain = by_hand(tmp_path / "plain.mkv", folder)
    blocks = sound_track("flac", 2, 96_000, folder)[1]
    bundles = [blocks[at : at + 3] for at in range(0, len(blocks), 3)]
    laced = {bundle[0][0]: laced_together([data for _, data in bundle]) for bundle in bundles}
    path = tmp_path / "film.mkv"
    every = [(time, 1, b"picture", 0x80) for time in range(0, 2000, 40)]
    every += [(time, 2, data, 0x82) for time, data in laced.items()]
    cluster = [simple(number, time, data, flags) for time, number, data, flags in sorted(every)]
    tracks = [dict(elements_of(plain))[matroska.TRACKS]]
    path.write_bytes(film([stamp(0), *cluster], tracks=tracks))
    assert np.array_equal(read(path), read(plain))
    result = rewritten(path)
    assert np.array_equal(read(result), read(plain))
    assert times_of(result) == times_of(rewritten(plain))


def laced_together(packets):
    sizes = [b"\xff" * (len(each) // 255) + bytes([len(each) % 255]) for each in packets[:-1]]
    return bytes([len(packets) - 1]) + b"".join([*sizes, *packets])


def test_a_film_without_sound_is_told(tmp_path):
    path = copied(clip(".mkv", frames=3, **SMALL), tmp_path)
    with pytest.raises(UnsupportedMediaError, match="film has no sound"):
        open_sound(path, name="film")


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_late_beginning_stays(tmp_path, folder, codec):
    path = by_hand(
        tmp_path / "film.mkv", folder, codec=ENCODERS[codec], retime=lambda time: time + 777
    )
    result = rewritten(path)
    assert times_of(result)[0] == times_of(path)[0] == 777
    heard = []
    for each in (path, result):
        with av.open(str(each)) as container:
            heard.append(next(container.decode(audio=0)).time)
    assert heard[0] == pytest.approx(heard[1], abs=0.002)


@pytest.mark.parametrize("codec", ENCODERS)
def test_the_sound_stays_with_the_pictures_through_pauses(tmp_path, folder, codec):
    pause = {"retime": lambda time: time if time < 1000 else time + 3000}
    path = by_hand(
        tmp_path / "film.mkv", folder, codec=ENCODERS[codec], pictures=range(0, 5200, 40), **pause
    )
    opened = open_sound(path, name="film")
    assert opened.damage is None
    result = rewritten(path)
    for each in (path, result):
        times = times_of(each)
        gaps = np.diff(times)
        assert gaps.max() > 2900
        assert np.sort(gaps)[-2] < 100
        assert times[int(gaps.argmax()) + 1] == pytest.approx(4000, abs=100)
    spoken = [samples_by_time(each) for each in (path, result)]
    assert abs(lag(*spoken)) <= 96  # what the unit of time rounds away


def samples_by_time(path):
    """The sound as it is played, silence in pauses."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    total = np.zeros((round(frames[-1].time * RATE_HZ) + 10_000, 1))
    for frame in frames:
        samples = frame.to_ndarray().astype(float)
        samples = samples.mean(axis=0) if frame.format.is_planar else samples[0][::2]
        start = max(0, round(frame.time * RATE_HZ))
        total[start : start + len(samples), 0] = samples
    return total


def test_a_hole_in_all_tracks_is_damage(tmp_path, folder):
    path = by_hand(
        tmp_path / "film.mkv", folder, retime=lambda time: time if time < 1000 else time + 3000,
        pictures=[*range(0, 1000, 40), *range(4000, 5200, 40)],
    )  # fmt: skip
    opened = open_sound(path, name="film")
    assert "sound is missing at 1." in opened.damage
    with pytest.raises(UnreadableMediaError, match="missing"):
        opened.encode(opened.blocks(), tmp_path / "target.mkv")


def test_a_clock_that_drifts_is_followed(tmp_path, folder):
    path = by_hand(tmp_path / "film.mkv", folder, retime=lambda time: round(time * 1.05))
    result = rewritten(path)
    assert times_of(result)[-1] == pytest.approx(times_of(path)[-1], abs=5)
    assert times_of(result)[-1] > 1.04 * sound_track("flac", 2, 96_000, folder)[1][-1][0]


@given(
    st.lists(st.tuples(st.integers(1, 4096), st.integers(-5, 5)), min_size=1, max_size=40),
    st.sampled_from([1, 1000, 20_833, 1_000_000]),
)
def test_the_clock_knows_what_it_was_told(steps, scale_ns):
    clock = Clock(sample_rate_hz=RATE_HZ, scale_ns=scale_ns)
    position, told = 0, []
    for frames, jitter_ms in steps:
        exact = position * 1e9 / RATE_HZ / scale_ns
        time = max(0, round(exact + jitter_ms * 1e6 / scale_ns))
        clock.note(position, time)
        told.append((position, time))
        position += frames
    for where, time in told:
        assert abs(clock.at(where) - time) * scale_ns <= 2 * max(scale_ns, 1_000_000) + 1
    assert clock.shifted(100, 100) == pytest.approx(clock.at(0) + 100 * 1e9 / RATE_HZ / scale_ns)


# ------------------------------------------------------------------------------------ compression


def compression(*settings):
    return make(matroska.ENCODINGS, make(b"\x62\x40", *settings))


ZLIB = compression(make(b"\x50\x34", make(b"\x42\x54", b"\0")))
STRIPPED = compression(make(b"\x50\x34", make(b"\x42\x54", b"\3"), make(b"\x42\x55", b"\xff\xf8")))


@pytest.mark.parametrize(
    ("encoding", "repack"),
    [(ZLIB, zlib.compress), (STRIPPED, lambda data: data[2:])],
    ids=["zlib", "stripped"],
)
def test_sound_that_is_compressed_once_more(tmp_path, folder, encoding, repack):
    plain = read(by_hand(tmp_path / "plain.mkv", folder))
    path = by_hand(tmp_path / "film.mkv", folder, fields=[encoding], repack=repack)
    assert np.array_equal(read(path), plain)
    result = rewritten(path)
    assert np.array_equal(read(result), plain)
    assert matroska.ENCODINGS not in entry_of(result, 2)
    with av.open(str(result)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == len(plain)


def test_damaged_compression_is_damage(tmp_path, folder):
    path = by_hand(
        tmp_path / "film.mkv", folder, fields=[ZLIB], repack=lambda d: zlib.compress(d)[:-9]
    )
    with pytest.raises(UnreadableMediaError):
        open_sound(path, name="film")


@pytest.mark.parametrize(
    ("encoding", "problem"),
    [
        (compression(make(b"\x50\x33", b"\1"), make(b"\x50\x35")), "encrypted"),
        (compression(make(b"\x50\x34", make(b"\x42\x54", b"\2"))), "LZO1X"),
        (compression(make(b"\x50\x32", b"\3"), make(b"\x50\x34")), "compressed once more"),
    ],
)
def test_other_encodings_are_refused_by_name(tmp_path, folder, encoding, problem):
    path = by_hand(tmp_path / "film.mkv", folder, fields=[encoding])
    with pytest.raises(UnsupportedMediaError, match=problem):
        open_sound(path, name="film")


# ----------------------------------------------------------------------------------- uncompressed


@pytest.mark.parametrize(
    ("codec", "bits", "dtype"),
    [
        (b"A_PCM/INT/LIT", 8, "u1"),
        (b"A_PCM/INT/LIT", 16, "<i2"),
        (b"A_PCM/INT/BIG", 16, ">i2"),
        (b"A_PCM/INT/LIT", 32, "<i4"),
        (b"A_PCM/FLOAT/IEEE", 32, "<f4"),
        (b"A_PCM/FLOAT/IEEE", 64, "<f8"),
    ],
)
def test_uncompressed_sound_keeps_every_bit(tmp_path, codec, bits, dtype):
    rng = np.random.default_rng(bits)
    if "f" in dtype:
        stored = rng.uniform(-1, 1, (9000, 2)).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        stored = rng.integers(limits.min, limits.max, (9000, 2), endpoint=True).astype(dtype)
    settings = make(
        matroska.AUDIO_SETTINGS,
        make(matroska.SAMPLING_FREQUENCY, np.array(8000, ">f4").tobytes()),
        make(matroska.CHANNELS, b"\2"),
        make(matroska.BIT_DEPTH, bytes([bits])),
    )
    sound = track(2, 2, codec, settings)
    every = [(40 * at, 1, b"picture") for at in range(30)]
    every += [(125 * at, 2, stored[1000 * at :][:1000].tobytes()) for at in range(9)]
    blocks = [simple(number, time, data) for time, number, data in sorted(every)]
    path = tmp_path / "film.mkv"
    path.write_bytes(film([stamp(0), *blocks], tracks=[track(1, 1, b"V_STRANGE", SIZES), sound]))
    heard = read(path)
    if dtype == "u1":
        expected = (stored.astype(float) - 128) / 128
    else:
        expected = stored if "f" in dtype else stored.astype(float) / 2.0 ** (bits - 1)
    assert np.array_equal(heard, expected)
    result = rewritten(path)
    again = b"".join(data for _, _, data, *_ in frames_of(result)[2])
    assert again == stored.tobytes()
    assert times_of(result) == list(range(0, 1125, 40))
    assert frames_of(result)[1] == frames_of(path)[1]
    with av.open(str(result)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 9000


def test_uncompressed_sound_of_an_odd_depth_is_refused(tmp_path):
    sound = track(2, 2, b"A_PCM/INT/LIT", make(matroska.AUDIO_SETTINGS, make(b"\x62\x64", b"\0")))
    path = tmp_path / "film.mkv"
    path.write_bytes(film([stamp(0), simple(2, 0, b"abcd")], tracks=[sound]))
    with pytest.raises(MediaError):
        open_sound(path, name="film")


# ------------------------------------------------------------------------------------------ damage


@cache
def little():
    return clip(".mkv", sound="aac", frames=4, subtitles=WORDS, **SMALL).read_bytes()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(MUTATIONS)
def test_a_mutated_film_is_written_right_or_refused(workplace, mutations):
    path, target = workplace / "film.mkv", workplace / "target.mkv"
    path.write_bytes(mutated(little(), mutations))
    target.unlink(missing_ok=True)
    try:
        opened = open_sound(path, name="film")
        opened.encode(opened.blocks(), target)
    except MediaError as error:
        problem = str(error)
    else:
        problem = None
    assert target.exists() is (problem is None)
    assert [each for each in workplace.iterdir() if each.suffix == ".packets"] == []
    if problem is None and opened.media_type is MediaType.MKV:
        before, after = frames_of(path), frames_of(target)
        assert sum(before[number] != after.get(number) for number in before) <= 1


# ----------------------------------------------------------------------------------- other programs


@pytest.mark.system
def test_mkvmerge_and_ffmpeg_agree(tmp_path):
    need("mkvmerge", "ffmpeg")
    film_path = clip(".mkv", sound="opus", frames=60, gop=20, **SMALL)
    path = tmp_path / "film.mkv"
    command = ["mkvmerge", "-o", path, "--compression", "0:zlib", "--sync", "1:250", film_path]
    subprocess.run(command, check=True, capture_output=True)
    numbers = {each.kind: each.number for each in tracks_of(path)}
    assert any(track.encodings for track in tracks_of(path))
    result = rewritten(path)
    assert warnings_of(result) == warnings_of(path) == ""
    picture, sound = numbers[matroska.VIDEO], numbers[matroska.AUDIO]
    assert frames_of(path)[picture] == frames_of(result)[picture]
    assert matroska.ENCODINGS in entry_of(result, picture)
    assert times_of(path, sound)[0] == times_of(result, sound)[0] >= 243
    before, after = packets_of(path), packets_of(result)
    assert before[picture - 1] == after[picture - 1]
    done = subprocess.run(
        ["mkvmerge", "-o", tmp_path / "again.mkv", result],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Warning" not in done.stdout
