import subprocess

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import framed, id3, mpeg_audio, xing
from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import SoundLimits, open_sound
from tests.media.coded import (
    by_soundfile,
    coded,
    lag,
    need,
    read,
    rewritten,
    snr_db,
    tune,
)

BARE = {"id3v2_version": "0", "write_xing": "0"}


def mp3(path, *, frames=30_011, channels=2, rate_hz=44_100, **options):
    samples = tune(frames, channels, rate_hz=rate_hz)
    return coded(path, samples, "libmp3lame", rate_hz=rate_hz, **options), samples


def vbr(level):
    return {"flags": "+qscale", "global_quality": str(118 * level)}


def frames_of(path):
    """The headers of all frames, and what the first one tells."""
    with path.open("rb") as file:
        place = mpeg_audio.read_place(file)
        found = list(framed.frames(file, place.start, mpeg_audio.parse))
    return found, xing.read_info(found[0])


def kbits_of(path):
    return {
        mpeg_audio.BIT_RATES[frame.header.is_mpeg1][frame.header.bit_rate_index - 1]
        for frame in frames_of(path)[0][1:]
    }


@pytest.mark.parametrize(
    ("rate_hz", "channels", "options", "better"),
    [
        (44_100, 2, {"bit_rate": 128_000}, {160}),
        (48_000, 1, {"bit_rate": 64_000}, {80}),
        (32_000, 2, {"bit_rate": 320_000}, {320}),
        (22_050, 1, {"bit_rate": 32_000}, {40}),
        (8_000, 1, {"bit_rate": 16_000}, {24}),
    ],
)
def test_length_place_and_rate_stay(tmp_path, rate_hz, channels, options, better):
    path, samples = mp3(tmp_path / "a.mp3", rate_hz=rate_hz, channels=channels, **options)
    sound = open_sound(path, name="a.mp3")
    assert (sound.media_type, sound.sample_rate_hz) == (MediaType.MP3, rate_hz)
    assert sound.channel_names == ((("FC",), ("FL", "FR"))[channels - 1])
    assert sound.length == len(samples)
    first = read(path)
    assert first.dtype == np.float32
    assert lag(samples, first) == 0
    # mpg123, within libsndfile, is a decoder of its own.
    assert np.abs(first - by_soundfile(path)).max() < 1e-3
    result = rewritten(path)
    second = read(result)
    assert len(second) == len(by_soundfile(result)) == len(samples)
    assert lag(first, second) == lag(first, by_soundfile(result)) == 0
    assert snr_db(first, second) > 14
    assert kbits_of(result) == better


def test_what_is_written_is_what_was_given(tmp_path):
    path, _ = mp3(tmp_path / "a.mp3", bit_rate=192_000)
    result = rewritten(path, lambda block: -0.5 * block)
    assert snr_db(-0.5 * read(path), read(result)) > 14


def test_a_variable_rate_stays_variable_and_gets_better(tmp_path):
    path, samples = mp3(tmp_path / "a.mp3", frames=80_000, options=vbr(5))
    result = rewritten(path)
    _, before = frames_of(path)
    found, after = frames_of(result)
    assert before.varies
    assert after.varies
    assert len(kbits_of(result)) > 1
    assert after.quality > before.quality
    assert after.frame_count == len(found) - 1
    assert len(read(result)) == len(samples)


def test_a_file_without_header_gets_one_and_keeps_its_length(tmp_path):
    path, samples = mp3(tmp_path / "a.mp3", bit_rate=128_000, mux=BARE)
    first = read(path)
    # What the encoder put in front is all there, since nothing says so.
    assert len(first) == -(-(len(samples) + 1105 + 528) // 1152) * 1152
    assert lag(samples, first) == 1105
    result = rewritten(path)
    assert len(read(result)) == len(by_soundfile(result)) == len(first)
    assert lag(first, read(result)) == 0


def test_tags_in_front_and_behind_stay_byte_by_byte(tmp_path):
    path, _ = mp3(tmp_path / "a.mp3", bit_rate=128_000, mux={"tag:title": "x", "write_id3v1": "1"})
    picture = b"APIC\0\0\x10\0\0\0" + bytes(range(256)) * 16
    front = b"ID3\3\0\0\0\0\x20\x2a" + picture + bytes(32)
    ape = b"APETAGEX" + bytes(24) + b"\xff\xfb\x90\x00" * 20
    data = path.read_bytes()
    path.write_bytes(front + data[:-128] + ape + data[-128:])
    result = rewritten(path).read_bytes()
    (first, *_), _ = frames_of(path)
    assert result[: first.start] == path.read_bytes()[: first.start]
    assert result.endswith(ape + data[-128:])
    assert lag(read(path), read(path.with_name("new-a.mp3"))) == 0


def test_loudness_and_flags_stay(tmp_path):
    path, _ = mp3(tmp_path / "a.mp3", bit_rate=128_000)
    data = bytearray(path.read_bytes())
    (first, *others), _ = frames_of(path)
    at = data.index(b"Lavf" if b"Lavf" in first.data else b"Lavc", first.start)
    loudness = bytes.fromhex("00 80 00 00 2c 52 4c 31")
    data[at : at + 4] = b"LAME"
    data[at + 11 : at + 19] = loudness
    for frame in others:
        data[frame.start + 3] |= 0x08  # copyright
        data[frame.start + 3] &= ~0x04  # a copy
    path.write_bytes(data)
    result = rewritten(path)
    found, info = frames_of(result)
    assert info.loudness == loudness
    assert {frame.header.word & 0xF for frame in found[1:]} == {0x8}


def test_a_manifest_goes_and_nothing_else(tmp_path):
    path, _ = mp3(tmp_path / "a.mp3", bit_rate=128_000, mux={"id3v2_version": "0"})
    kept = b"TIT2\0\0\0\4\0\0\0abc"
    manifest = b"\0application/x-c2pa-manifest-store\0c2pa\0c2pa\0" + b"jumb" * 9
    frame = b"GEOB" + len(manifest).to_bytes(4, "big") + b"\0\0" + manifest
    body = kept + frame + kept + bytes(100)

    def tag(body):
        return b"ID3\4\0\0\0\0" + bytes([len(body) >> 7, len(body) & 127]) + body

    path.write_bytes(tag(body) + path.read_bytes())
    (first, *_), _ = frames_of(rewritten(path))
    assert rewritten(path).read_bytes()[: first.start] == tag(kept + kept + bytes(100))
    assert id3.without_manifest(tag(frame)) == b""


def test_the_checksums_hold(tmp_path):
    path = rewritten(mp3(tmp_path / "a.mp3", bit_rate=128_000)[0])
    (first, *others), info = frames_of(path)
    at = first.data.index(b"Lavc") + 36
    assert slow_crc(first.data[: at - 2]) == int.from_bytes(first.data[at - 2 : at], "big")
    music = b"".join(frame.data for frame in others)
    assert slow_crc(music) == int.from_bytes(first.data[at - 4 : at - 2], "big")
    assert int.from_bytes(first.data[at - 8 : at - 4], "big") == len(first.data) + len(music)
    assert info.frame_count == len(others)


def slow_crc(data, state=0):
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0xA001 if state & 1 else 0)
    return state


@given(st.binary(max_size=5000), st.integers(0, 0xFFFF))
def test_the_checksum_of_many_lanes_is_that_of_one(data, start):
    assert xing.crc16(data, start) == slow_crc(data, start)


@given(st.integers(0, 0xFFFFFFFF))
def test_any_four_bytes_are_a_header_or_none(word):
    header = mpeg_audio.parse_header(word)
    if header is not None:
        assert header.size > header.side_size
        assert 8_000 <= header.sample_rate_hz <= 48_000


@pytest.mark.parametrize("damage", ["cut", "hole", "fewer than announced"])
def test_damage_can_be_read_around_but_not_written(tmp_path, damage):
    path, samples = mp3(tmp_path / "a.mp3", frames=100_000, bit_rate=128_000)
    found, _ = frames_of(path)
    data = path.read_bytes()
    if damage == "cut":
        data = data[: found[-3].start + 50]
    elif damage == "hole":
        data = data[: found[30].start + 100] + b"junk" * 40 + data[found[31].start + 20 :]
    else:
        data = data[: found[-9].start]
    path.write_bytes(data)
    sound = open_sound(path, name="a.mp3")
    assert len(samples) - 15_000 < sum(map(len, sound.blocks())) <= len(samples) + 1152
    with pytest.raises(UnreadableMediaError) as caught:
        sound.encode(sound.blocks(), tmp_path / "b.mp3")
    assert caught.value.file == "a.mp3"
    assert not (tmp_path / "b.mp3").exists()


def test_other_layers_are_refused_by_name(tmp_path):
    path = coded(tmp_path / "a.mp2", tune(20_000), "mp2", form="mp2")
    with pytest.raises(UnsupportedMediaError, match="layer II,"):
        open_sound(path, name="a.mp2")


def test_two_files_one_behind_the_other_are_read_to_the_end(tmp_path):
    path, samples = mp3(tmp_path / "a.mp3", bit_rate=128_000, mux={"id3v2_version": "0"})
    path.write_bytes(path.read_bytes() * 2)
    assert open_sound(path, name="a").length > 2 * len(samples)


def test_limits_hold_before_anything_is_decoded(tmp_path):
    path, _ = mp3(tmp_path / "a.mp3", bit_rate=128_000)
    with pytest.raises(MediaTooLargeError):
        open_sound(path, name="a", limits=SoundLimits(max_frames=30_010))


@pytest.mark.system
@pytest.mark.parametrize("options", [["-b:a", "96k"], ["-q:a", "3"], ["-write_xing", "0"]])
def test_ffmpeg_agrees(tmp_path, options):
    need("ffmpeg")
    wav, path = tmp_path / "a.wav", tmp_path / "a.mp3"
    soundfile.write(wav, tune(60_000), 44_100)
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, *options, path], check=True)
    for each in (path, rewritten(path)):
        out = tmp_path / "out.wav"
        command = ["ffmpeg", "-v", "error", "-y", "-i", each, "-c:a", "pcm_f32le", out]
        assert subprocess.run(command, check=True, capture_output=True).stderr == b""
        assert np.abs(by_soundfile(out) - read(each)).max() < 1e-4
