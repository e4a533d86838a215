import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import adts, framed
from labeler.errors import UnreadableMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import open_sound
from tests.media.coded import by_soundfile, coded, lag, need, read, rewritten, snr_db, tune


def aac(path, *, frames=60_013, channels=2, rate_hz=44_100, **options):
    samples = tune(frames, channels, rate_hz=rate_hz)
    return coded(path, samples, "aac", rate_hz=rate_hz, form="adts", **options), samples


def frames_of(path):
    with path.open("rb") as file:
        place = framed.locate(file, adts.parse)
        return list(framed.frames(file, place.start, adts.parse))


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (48_000, 6), (16_000, 1)])
def test_length_and_place_stay(tmp_path, rate_hz, channels):
    path, samples = aac(tmp_path / "a.aac", rate_hz=rate_hz, channels=channels)
    sound = open_sound(path, name="a.aac")
    assert (sound.media_type, sound.sample_rate_hz) == (MediaType.AAC, rate_hz)
    assert sound.channels == len(sound.channel_names) == channels
    first = read(path)
    # What the encoder put in front is there, since nothing says so.
    assert sound.length == len(first) == 1024 * len(frames_of(path))
    assert lag(samples, first) == 1024
    result = rewritten(path)
    second = read(result)
    assert len(second) == len(first)
    assert lag(first, second) == 0
    assert snr_db(first[2048:], second[2048:]) > 14
    assert path.stat().st_size < result.stat().st_size < 2 * path.stat().st_size


def test_tags_and_version_stay(tmp_path):
    path, _ = aac(tmp_path / "a.aac")
    frames = bytearray(path.read_bytes())
    for frame in frames_of(path):
        frames[frame.start + 1] |= 8  # MPEG-2
    front = b"ID3\4\0\0\0\0\0\x20TIT2\0\0\0\x16\0\0\3" + b"t" * 21
    back = b"TAG" + bytes(125)
    path.write_bytes(front + frames + back)
    result = rewritten(path)
    assert result.read_bytes().startswith(front)
    assert result.read_bytes().endswith(back)
    assert all(frame.header.raw[1] & 8 for frame in frames_of(result))
    assert frames_of(result)[0].start == len(front)


@pytest.mark.parametrize("damage", ["cut", "hole", "garbled"])
def test_damage_can_be_read_around_but_not_written(tmp_path, damage):
    path, samples = aac(tmp_path / "a.aac", frames=100_000)
    frames = frames_of(path)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[frames[-2].start + 50 :]
    elif damage == "hole":
        data[frames[30].start + 100 : frames[31].start + 20] = b"junk" * 40
    else:
        data[frames[30].start + 7 : frames[31].start] = b"\xa5" * (frames[30].header.size - 7)
    path.write_bytes(data)
    sound = open_sound(path, name="a.aac")
    assert len(samples) - 4096 < sum(map(len, sound.blocks())) <= len(samples) + 3072
    with pytest.raises(UnreadableMediaError) as caught:
        sound.encode(sound.blocks(), tmp_path / "b.aac")
    assert caught.value.file == "a.aac"
    assert not (tmp_path / "b.aac").exists()


@given(st.binary(max_size=300), st.integers(0, 12), st.integers(1, 7))
def test_a_header_says_what_it_was_given(packet, rate_index, channels):
    model = adts.Header(bytes.fromhex("fff94c80000000"))
    frame = model.framed(packet or b"x", rate_index=rate_index, channels=channels)
    header = adts.parse(frame)
    assert header.size == len(frame)
    assert (header.rate_index, header.channels, header.blocks) == (rate_index, channels, 1)
    assert header.raw[1] == 0xF9


@given(st.binary(max_size=4000))
def test_any_bytes_hold_frames_or_none(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "a.aac"
    path.write_bytes(data)
    with path.open("rb") as file:
        for parse in (adts.parse,):
            place = framed.locate(file, parse)
            assert place is None or 0 <= place.start < place.end <= len(data)


@pytest.mark.system
def test_ffmpeg_agrees(tmp_path):
    need("ffmpeg")
    path, _ = aac(tmp_path / "a.aac")
    for each in (path, rewritten(path)):
        out = tmp_path / "out.wav"
        command = ["ffmpeg", "-v", "error", "-y", "-i", each, "-c:a", "pcm_f32le", out]
        assert subprocess.run(command, check=True, capture_output=True).stderr == b""
        assert np.abs(by_soundfile(out) - read(each)).max() < 1e-4
