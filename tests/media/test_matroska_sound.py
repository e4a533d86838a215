import io
import subprocess
from contextlib import suppress
from itertools import pairwise

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.ebml import make
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import open_sound
from tests.media.coded import by_soundfile, coded, lag, need, read, rewritten, snr_db, tune
from tests.media.matroska_films import elements_of

FRAMES = 60_013
CODECS = {"opus": "libopus", "vorbis": None, "flac": "flac", "aac": "aac"}
# FFmpeg 7 and before make nothing of a delay that AAC has here.
MAYBE_LATE = {"opus": {0}, "vorbis": {0}, "flac": {0}, "aac": {0, 1024}}


def mka(path, *, codec="opus", channels=2, length=FRAMES, **options):
    rate_hz = 48_000 if codec == "opus" else 44_100
    samples = tune(length, channels, rate_hz=rate_hz)
    options.setdefault("form", "matroska")
    if codec == "vorbis":
        return remuxed_vorbis(path, samples, rate_hz), samples
    return coded(path, samples, CODECS[codec], rate_hz=rate_hz, **options), samples


def remuxed_vorbis(path, samples, rate_hz):
    """Made by libvorbis: FFmpeg's own encoder makes streams that not every decoder reads alike."""
    ogg = path.with_suffix(".ogg")
    soundfile.write(ogg, samples, rate_hz, format="OGG", subtype="VORBIS")
    with av.open(str(ogg)) as source, av.open(str(path), "w", format="matroska") as target:
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return path


def track_of(path):
    (track,) = matroska.read_tracks(dict(elements_of(path))[matroska.TRACKS])
    return track


def with_element(path, kind, change):
    """The file with other content in one element, which is as long as before."""
    (old,) = [body for each, body in elements_of(path) if each == kind]
    new = change(old)
    assert len(new) == len(old)
    path.write_bytes(path.read_bytes().replace(old, new))


@pytest.mark.parametrize("codec", CODECS)
def test_length_and_place_stay(tmp_path, codec):
    path, samples = mka(tmp_path / "a.mka", codec=codec)
    sound = open_sound(path, name="a.mka")
    assert sound.media_type is MediaType.WEBM
    assert sound.channel_names == ("FL", "FR")
    first = read(path)
    assert sound.length == len(first)
    # FFmpeg tells the delay of AAC, but not its end.
    assert len(first) == (60_416 if codec == "aac" else len(samples))
    assert lag(samples, first) == 0
    result = rewritten(path)
    second = read(result)
    assert len(second) == len(first)
    assert lag(first, second) == 0
    assert snr_db(first[2048:], second[2048:]) > (1000 if codec == "flac" else 13)
    with av.open(str(result)) as container:
        heard = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
        if container.streams[0].codec_context.format.is_planar:
            assert lag(second, heard.T) == 0


def test_flac_keeps_every_bit_and_a_checksum(tmp_path):
    path, _ = mka(tmp_path / "a.mka", codec="flac")
    result = rewritten(path)
    assert (read(result) == read(path)).all()
    assert any(track_of(result).private[26:42])


@pytest.mark.parametrize("form", ["webm", "matroska"])
def test_everything_else_stays_byte_by_byte(tmp_path, form):
    path, _ = mka(tmp_path / "a.webm", form=form, mux={"tag:title": "ä", "tag:ARTIST": "b"})
    # Tags, chapters and attachments as a program would write them, whatever is in them.
    with path.open("rb") as file:
        layout = matroska.read_layout(file)
    chapters = make(b"\x10\x43\xa7\x70", make(b"\x45\xb9", bytes(40)))
    attachment = make(b"\x19\x41\xa4\x69", make(b"\x61\xa7", bytes(range(256)) * 300))
    data = path.read_bytes()
    added = data + make(matroska.VOID, bytes(50)) + chapters + attachment
    size = len(added) - layout.body.start
    start = layout.head.end
    path.write_bytes(added[: start + 4] + (size | 1 << 56).to_bytes(8, "big") + added[start + 12 :])
    result = rewritten(path)
    changed = {matroska.SEEK_HEAD, matroska.INFO, matroska.TRACKS, matroska.CUES, matroska.VOID}
    before, after = (
        [each for each in elements_of(file) if each[0] not in changed] for file in (path, result)
    )
    assert before == after
    assert {kind for kind, _ in after} >= {chapters[:4], attachment[:4], ebml.TAGS}
    old, new = track_of(path), track_of(result)
    assert (old.number, old.codec, old.is_default) == (new.number, new.codec, new.is_default)
    info = [dict(ebml.children(dict(elements_of(each))[matroska.INFO])) for each in (path, result)]
    for each in info:
        each.pop(matroska.DURATION)
        each.pop(matroska.CRC, None)
    assert info[0] == info[1]


def test_positions_point_at_what_they_name(tmp_path):
    result = rewritten(mka(tmp_path / "a.mka", length=700_000)[0])
    data = result.read_bytes()
    with result.open("rb") as file:
        body = matroska.read_layout(file).body
    elements = dict(elements_of(result))
    for kind, seek in ebml.children(elements[matroska.SEEK_HEAD]):
        fields = dict(ebml.children(seek))
        assert kind == b"\x4d\xbb"
        position = body.start + int.from_bytes(fields[b"\x53\xac"], "big")
        assert data[position : position + 4] == fields[b"\x53\xab"]
    places = [
        int.from_bytes(dict(ebml.children(dict(ebml.children(cue))[b"\xb7"]))[b"\xf1"], "big")
        for _, cue in ebml.children(elements[matroska.CUES])
    ]
    assert len(places) >= 3
    for place in places:
        assert data[body.start + place :].startswith(matroska.CLUSTER)


def test_a_live_recording_without_sizes(tmp_path):
    path, samples = mka(tmp_path / "a.webm", form="webm", mux={"live": "1"})
    assert matroska.DURATION not in path.read_bytes()[:400]
    first = read(path)
    assert lag(samples, first) == 0
    result = rewritten(path)
    assert len(read(result)) == len(first)
    with av.open(str(result)) as container:
        assert container.duration == pytest.approx(1e6 * (len(first) + 312) / 48_000, abs=1e3)


def test_a_late_beginning_stays(tmp_path):
    path, _ = mka(tmp_path / "a.webm")
    data = path.read_bytes()
    at = data.index(matroska.CLUSTER)
    stamp = data.index(make(matroska.TIMESTAMP, b"\0"), at)
    # One byte more would move everything; a minute is 60000, so the unit becomes larger.
    path.write_bytes(data[: stamp + 2] + b"\x78" + data[stamp + 3 :])
    with av.open(str(path)) as before, av.open(str(rewritten(path))) as after:
        assert before.start_time == after.start_time > 100_000


def test_missing_sound_can_be_read_around_but_not_written(tmp_path):
    path, samples = mka(tmp_path / "a.webm", length=600_000)
    data = path.read_bytes()
    with path.open("rb") as file:
        layout = matroska.read_layout(file)
        found = [
            element for element in matroska.walk(file, layout) if element.id == matroska.CLUSTER
        ]
    middle = found[1]
    hole = make(matroska.VOID, bytes(len(middle.span) - 9), size_bytes=8)
    path.write_bytes(data[: middle.start] + hole + data[middle.body.end :])
    sound = open_sound(path, name="a.webm")
    assert 100_000 < sum(map(len, sound.blocks())) < len(samples)
    with pytest.raises(UnreadableMediaError, match="sound is missing"):
        sound.encode(sound.blocks(), tmp_path / "b.webm")
    assert not list(tmp_path.glob("b.webm*"))


def test_a_file_that_was_cut_between_two_elements_is_not_written(tmp_path):
    path, _ = mka(tmp_path / "a.mka", mux={"tag:title": "x"})
    with path.open("rb") as file:
        last = matroska.read_layout(file).elements[-1]
    path.write_bytes(path.read_bytes()[: last.start])
    sound = open_sound(path, name="a.mka")
    with pytest.raises(UnreadableMediaError, match="before its segment"):
        sound.encode(sound.blocks(), tmp_path / "b.mka")


def as_video(tracks):
    return tracks.replace(b"\x83\x81\x02", b"\x83\x81\x01")


def as_mp3(tracks):
    return tracks.replace(b"A_OPUS", b"A_MPEG")


@pytest.mark.parametrize(("change", "problem"), [(as_video, "no sound"), (as_mp3, "A_MPEG")])
def test_what_is_not_handled_is_refused_by_name(tmp_path, change, problem):
    path, _ = mka(tmp_path / "a.mka")
    with_element(path, matroska.TRACKS, change)
    with pytest.raises(UnsupportedMediaError, match=problem):
        open_sound(path, name="a.mka")


@pytest.mark.parametrize("mux", [{}, {"live": "1"}])
@pytest.mark.parametrize("keep", [0.005, 0.5, 0.9])
def test_what_is_left_can_be_read_but_not_written(tmp_path, keep, mux):
    path, samples = mka(tmp_path / "a.webm", form="webm", mux=mux)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    if keep < 0.1:
        with pytest.raises(UnreadableMediaError):
            open_sound(path, name="a.webm")
        return
    sound = open_sound(path, name="a.webm")
    left = read(path)
    assert (keep - 0.15) * len(samples) < len(left) < len(samples)
    assert lag(samples[: len(left)], left) == 0
    with pytest.raises(UnreadableMediaError, match="ends in the middle"):
        sound.encode(sound.blocks(), tmp_path / "b.webm")


FRAME_LISTS = st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=8)


@given(FRAME_LISTS, st.integers(0, 3))
def test_frames_come_back_from_every_lacing(frames, lacing):
    if lacing == 2:
        frames = [frames[0]] * len(frames)
    if not lacing:
        frames = frames[:1]
    if lacing == 1:
        sizes = b"".join(b"\xff" * (len(f) // 255) + bytes([len(f) % 255]) for f in frames[:-1])
    elif lacing == 3:
        values = [len(f) for f in frames]
        coded = [0x4000 | values[0]] if len(frames) > 1 else []
        coded += [0x4000 | b - a + 0x1FFF for a, b in pairwise(values[:-1])]
        sizes = b"".join(value.to_bytes(2, "big") for value in coded)
    else:
        sizes = b""
    count = bytes([len(frames) - 1]) if lacing else b""
    data = count + sizes + b"".join(frames)
    assert matroska_blocks.unlaced(data, lacing << 1) == tuple(frames)


@given(st.binary(max_size=60), st.integers(0, 255))
def test_any_block_is_read_or_refused(data, flags):
    try:
        frames = matroska_blocks.unlaced(data, flags)
    except UnreadableMediaError:
        return
    assert sum(map(len, frames)) <= len(data)


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(data):
    file = io.BytesIO(b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff" + data)
    with suppress(UnreadableMediaError):
        layout = matroska.read_layout(file)
        list(matroska_blocks.blocks(file, layout))
    with suppress(UnreadableMediaError):
        matroska.read_tracks(data)


@pytest.mark.system
@pytest.mark.parametrize("codec", CODECS)
def test_ffmpeg_agrees(tmp_path, codec):
    need("ffmpeg")
    path, _ = mka(tmp_path / "a.mka", codec=codec)
    for each in (path, rewritten(path)):
        out = tmp_path / "out.wav"
        command = ["ffmpeg", "-v", "error", "-y", "-i", each, "-c:a", "pcm_f32le", out]
        assert subprocess.run(command, check=True, capture_output=True).stderr == b""
        heard, own = by_soundfile(out), read(each)
        assert lag(own, heard) in MAYBE_LATE[codec]
        if codec != "aac":
            assert len(heard) == len(own)
            assert np.abs(heard - own).max() < 1e-4
