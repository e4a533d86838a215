import subprocess
from fractions import Fraction
from struct import pack, unpack

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import bmff, mp4_headers
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    read_samples,
    write_chunks,
    write_edits,
    write_samples,
)
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.mpeg4_chunks import read_chunks
from labeler.media.mpeg4_clock import Clock
from labeler.media.mpeg4_movie import read_movie
from labeler.media.mpeg4_track import SoundEntry
from labeler.media.sound import open_sound
from tests.clips import RATE_HZ, clip
from tests.media.coded import lag, need, read, rewritten, snr_db
from tests.media.films import (
    boxes_of,
    copied,
    described,
    in_track,
    moov_of,
    packets,
    shown,
    with_moov,
    with_new_pictures,
)

STBL = (b"mdia", b"minf", b"stbl")


def film(folder, suffix=".mp4", **options):
    return copied(clip(suffix, **({"sound": "aac"} | options)), folder)


def first_heard(path):
    """When the first sample is heard, seconds."""
    with av.open(str(path)) as container:
        frame = next(container.decode(audio=0))
        return frame.pts * frame.time_base


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_everything_but_the_sound_is_kept(tmp_path, suffix):
    path = film(
        tmp_path, suffix, channels=6, subtitles=((0.1, 0.5, "hi"),), rotation=90,
        chapters=((0, 0.5, "one"), (0.5, 1, "two")), full_range=True, colours=(1, 1, 1),
        metadata=(("title", "A film"),), language="deu",
        options=(("bf", "2"), ("preset", "superfast")),
    )  # fmt: skip
    before = path.read_bytes()
    sound = open_sound(path, name=path.name)
    assert sound.media_type is (MediaType.MP4 if suffix == ".mp4" else MediaType.MOV)
    assert sound.channel_names == ("FL", "FR", "FC", "LFE", "BL", "BR")
    assert (sound.length, sound.sample_rate_hz) == (RATE_HZ, RATE_HZ)
    result = rewritten(path)
    assert path.read_bytes() == before
    assert packets(result, but=1) == packets(path, but=1)
    assert packets(result)[1] != packets(path)[1]
    assert [packet[:3] for packet in packets(result)[1]] == [
        packet[:3] for packet in packets(path)[1]
    ]
    assert shown(result) == shown(path)
    assert described(result) == described(path)
    assert lag(read(path), read(result)) == 0
    assert len(read(result)) == RATE_HZ
    assert snr_db(read(path), read(result)) > 10
    kinds = [kind for kind, _ in boxes_of(result)]
    assert kinds.index(b"moov") < kinds.index(b"mdat")


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(400, -1), Edit(1000, 1024)],
        [Edit(700, 1024 + 9600)],
        [Edit(250, -1), Edit(500, 4800)],
        [Edit(0, 1024)],
        [],
    ],
)
def test_sound_begins_when_it_did(tmp_path, edits):
    path = film(tmp_path)

    def change(trak):
        trak.drop(b"edts")
        if edits:
            write_edits(trak, edits)

    with_moov(path, in_track(1, change))
    result = rewritten(path)
    assert packets(result, but=1) == packets(path, but=1)
    _, new = [moov_of(each).all(b"trak")[1] for each in (path, result)]
    assert [edit.start == -1 for edit in read_edits(new)] == (
        [edit.start == -1 for edit in edits] or [False]
    )
    if edits and edits[-1].duration:
        assert [edit.duration for edit in read_edits(new)] == [edit.duration for edit in edits]
    assert read_edits(new)[-1].start == 1024
    assert mp4_headers.duration(new.need(b"tkhd")) == sum(e.duration for e in read_edits(new))
    first, second = read(path), read(result)
    assert len(first) == len(second)
    assert lag(first, second) == 0
    parts = [edit for edit in edits if edit.start != -1]
    assert len(first) == pytest.approx(
        48 * parts[0].duration if parts and parts[0].duration else len(first), abs=48
    )
    pause = sum(edit.duration for edit in edits if edit.start == -1) / 1000
    assert first_heard(result) == pytest.approx(pause, abs=1e-4)


def with_pause(trak):
    """The recording stopped for half a second after its 20th packet."""
    stbl = trak.need(*STBL)
    table = read_samples(stbl)
    count = len(table.sizes)
    durations = ((19, 1024), (1, 1024 + 24_000), (count - 20, 1024))
    write_samples(stbl, SampleTable(
        sizes=table.sizes, chunk_starts=table.chunk_starts, chunk_counts=table.chunk_counts,
        durations=durations,
    ))  # fmt: skip
    write_edits(trak, [Edit(1500, 1024)])


def test_pauses_between_packets_keep_sound_and_pictures_in_step(tmp_path):
    path = film(tmp_path)
    plain = len(read(path))
    with_moov(path, in_track(1, with_pause))
    assert len(read(path)) == pytest.approx(plain, abs=1024)
    result = rewritten(path)
    assert lag(read(path), read(result)) == 0
    times = [[pts for pts, *_ in packets(each)[1]] for each in (path, result)]
    jumps = [[(n, d) for n, d in enumerate(np.diff(each)) if d != 1024] for each in times]
    assert jumps[0] == [(19, 25_024)]
    assert jumps[1] == jumps[0]
    assert times[0][:40] == times[1][:40]


def test_clocks_of_coarse_units_only_round():
    durations = tuple((1, 21 + (number % 3 == 0)) for number in range(100))
    table = SampleTable(
        sizes=np.ones(100, np.int64), chunk_starts=np.zeros(1, np.int64),
        chunk_counts=np.array([100]), durations=durations,
    )  # fmt: skip
    assert Clock.of(table, frames_per_packet=1024, unit=Fraction(48)).is_even


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20), st.integers(-2000, 30_000))
def test_clocks_go_forth_and_back(durations, frame):
    table = SampleTable(
        sizes=np.ones(len(durations), np.int64), chunk_starts=np.zeros(1, np.int64),
        chunk_counts=np.array([len(durations)]),
        durations=tuple((1, duration) for duration in durations),
    )  # fmt: skip
    clock = Clock.of(table, frames_per_packet=1000, unit=Fraction(1))
    if not clock.is_even:
        starts = np.cumsum([0, *durations[:-1]])
        assert clock.time(np.arange(len(durations)) * 1000).tolist() == starts.tolist()
    slope = max(1, 1000 / min(durations))
    back = clock.frame(int(clock.time(np.array([frame]))[0]))
    assert abs(back - frame) <= slope


@pytest.mark.parametrize("flags", ["empty_moov+default_base_moof", "delay_moov"])
def test_sound_of_films_in_fragments(tmp_path, flags):
    path = film(tmp_path, gop=8, mux=(("movflags", f"frag_keyframe+{flags}"),))
    result = rewritten(path)
    assert packets(result, but=1) == packets(path, but=1)
    assert shown(result) == shown(path)
    assert lag(read(path), read(result)) == 0
    assert len(read(path)) == len(read(result))
    assert first_heard(result) == pytest.approx(first_heard(path), abs=0.001)


def disabled(trak):
    header = trak.need(b"tkhd")
    header.body = header.body[:3] + b"\0" + header.body[4:]


@pytest.mark.system
def test_the_sound_that_plays_by_default_is_taken(tmp_path):
    need("ffmpeg")
    path = tmp_path / "two.mp4"
    maps = ["-map", "0:v", "-map", "0:a", "-map", "1:a"]
    one = copied(clip(".mp4", sound="aac", channels=1), tmp_path).rename(tmp_path / "1.mp4")
    two = copied(clip(".mp4", sound="aac", channels=2), tmp_path).rename(tmp_path / "2.mp4")
    command = ["ffmpeg", "-v", "error", "-i", one, "-i", two, *maps, "-c", "copy", path]
    subprocess.run(command, check=True)
    assert open_sound(path, name="a").channels == 1
    with_moov(path, in_track(1, disabled))
    assert open_sound(path, name="a").channels == 2
    result = rewritten(path)
    assert packets(result, but=2) == packets(path, but=2)
    assert packets(result)[2] != packets(path)[2]


@pytest.mark.system
@pytest.mark.parametrize("has_edits", [True, False])
def test_lossless_sound_of_a_film_comes_back_bit_for_bit(tmp_path, has_edits):
    path = transcoded(tmp_path, "alac", suffix=".mp4")
    if not has_edits:
        with_moov(path, in_track(1, lambda trak: trak.drop(b"edts")))
    result = rewritten(path)
    assert (read(result) == read(path)).all()
    assert packets(result, but=1) == packets(path, but=1)
    assert described(result) == described(path)
    edits = [read_edits(moov_of(each).all(b"trak")[1]) for each in (path, result)]
    assert edits[0] == edits[1]


PCM = ["pcm_s16le", "pcm_s24be", "pcm_f32le", "pcm_u8", "pcm_mulaw", "pcm_f64be", "pcm_s32le"]


def transcoded(folder, codec, *, channels=2, suffix=".mov"):
    need("ffmpeg")
    path = folder / f"film{suffix}"
    command = ["ffmpeg", "-v", "error", "-i", clip(".mp4", sound="aac", channels=channels)]
    subprocess.run([*command, "-c:v", "copy", "-c:a", codec, path], check=True)
    return path


@pytest.mark.system
@pytest.mark.parametrize("codec", PCM)
def test_uncompressed_sound_comes_back_bit_for_bit(tmp_path, codec):
    path = transcoded(tmp_path, codec)
    result = rewritten(path)
    assert packets(result) == packets(path)
    assert described(result) == described(path)
    changed = rewritten(path, lambda block: -0.5 * block)
    assert packets(changed, but=1) == packets(path, but=1)
    coarse = {"pcm_u8": 1 / 128, "pcm_mulaw": 1 / 32}.get(codec, 1 / 30_000)
    assert np.abs(read(changed) + 0.5 * read(path)).max() <= coarse


@pytest.mark.system
def test_uncompressed_sound_that_is_not_played_stays(tmp_path):
    path = transcoded(tmp_path, "pcm_s16le", channels=6)
    edits = [Edit(300, -1), Edit(500, 4801)]
    with_moov(path, in_track(1, lambda trak: write_edits(trak, edits)))
    sound = open_sound(path, name="a.mov")
    assert sound.channel_names == ("FL", "FR", "FC", "LFE", "BL", "BR")
    assert sound.length == 24_000
    result = rewritten(path, lambda block: 0 * block)
    samples = []
    for each in (path, result):
        data, table = each.read_bytes(), read_samples(moov_of(each).all(b"trak")[1].need(*STBL))
        body = b"".join(data[span.start : span.end] for span, _ in table.chunks())
        samples.append(np.frombuffer(body, "<i2").reshape(-1, 6).copy())
    assert not samples[1][4801:28_801].any()
    samples[1][4801:28_801] = samples[0][4801:28_801]
    assert (samples[1] == samples[0]).all()
    assert read_edits(moov_of(result).all(b"trak")[1]) == tuple(edits)


@pytest.mark.system
def test_sizes_that_old_quicktime_counts_otherwise_are_understood(tmp_path):
    path = transcoded(tmp_path, "pcm_s16le")

    def change(trak):
        size = trak.need(*STBL, b"stsz")
        size.body = size.body[:4] + (1).to_bytes(4, "big") + size.body[8:]

    before = packets(path)
    with_moov(path, in_track(1, change))
    assert packets(path) == before
    assert packets(rewritten(path)) == before


@pytest.mark.parametrize(
    ("sound", "problem"), [("opus", "Opus"), ("mp3", "MP3"), (None, "no sound")]
)
def test_other_sound_is_refused_by_name(tmp_path, sound, problem):
    path = film(tmp_path, sound=sound)
    with pytest.raises(UnsupportedMediaError, match=problem) as caught:
        open_sound(path, name="a.mp4")
    assert caught.value.hint


def test_uncompressed_sound_beside_its_clock_is_refused(tmp_path):
    path = film(tmp_path, ".mov", sound="pcm")
    open_sound(path, name="a.mov")

    def change(trak):
        times = trak.need(*STBL, b"stts")
        times.body = times.body[:-4] + (3).to_bytes(4, "big")

    with_moov(path, in_track(1, change))
    with pytest.raises(UnsupportedMediaError, match="own clock"):
        open_sound(path, name="a.mov")


@pytest.mark.parametrize("sound", ["aac", "pcm"])
@pytest.mark.parametrize("keep", [0.02, 0.6, 0.99])
def test_truncated_films_are_refused(tmp_path, keep, sound):
    path = film(tmp_path, ".mov", sound=sound)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(UnreadableMediaError):
        open_sound(path, name="a.mov")


def test_sound_without_packets_is_refused(tmp_path):
    path = film(tmp_path)
    none = np.zeros(0, np.int64)
    table = SampleTable(sizes=none, chunk_starts=none, chunk_counts=none, durations=())
    with_moov(path, in_track(1, lambda trak: write_samples(trak.need(*STBL), table)))
    with pytest.raises(UnreadableMediaError):
        open_sound(path, name="a.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_pictures_and_sound_of_one_film(tmp_path, suffix):
    path = film(tmp_path, suffix, channels=1, options=(("bf", "2"), ("preset", "superfast")))
    pictures = with_new_pictures(path)
    both = rewritten(pictures)
    assert packets(both, but=1) == packets(pictures, but=1)
    assert shown(both) == shown(path)
    assert first_heard(both) == first_heard(path)
    assert lag(read(path), read(both)) == 0


def test_the_numbers_of_version_2_have_their_own_places():
    fixed = [3, 16, 0xFFFE, 0, 1, 0]
    head = bytes(7) + b"\1" + b"\0\2" + bytes(6)
    head += b"".join(number.to_bytes(2, "big") for number in fixed)
    head += pack(">IdIIIIII", 72, 44_100.0, 2, 0x7F000000, 16, 0, 0, 0)
    stsd = bytes(7) + b"\1" + bmff.make_box(b"mp4a", head, bmff.make_box(b"esds", b"old"))
    entry = SoundEntry.read(stsd)
    assert entry.version == 2
    new = entry.replaced(Node(b"esds", b"new"), sample_rate_hz=192_000, channels=6)
    assert new.head[:32] == head[:32]
    assert unpack(">dI", new.head[32:44]) == (192_000.0, 6)
    assert new.head[44:] == head[44:]
    assert new.box(b"esds").body == b"new"


def test_entries_in_a_table_of_version_1_have_no_more_fields():
    body = bytes(7) + b"\1" + b"\0\1" + bytes(18) + bmff.make_box(b"esds", b"found")
    stsd = b"\1" + bytes(6) + b"\1" + bmff.make_box(b"mp4a", body)
    assert SoundEntry.read(stsd).box(b"esds").body == b"found"


def test_a_clock_that_hardly_moves_makes_no_bomb(tmp_path):
    path = film(tmp_path, ".mov", sound="pcm", frames=48)

    def change(trak):
        mp4_headers.set_scale(trak.need(b"mdia", b"mdhd"), 1)
        table = read_samples(trak.need(*STBL))
        first = SampleTable(
            sizes=table.sizes, chunk_starts=table.chunk_starts[:1],
            chunk_counts=np.array([len(table.sizes)]), durations=table.durations,
        )  # fmt: skip
        write_chunks(trak.need(*STBL), first)

    with_moov(path, in_track(1, change))
    with path.open("rb") as file:
        moov = read_movie(file).moov
        sizes = read_chunks(moov, moov.all(b"trak")[1], file).sizes
    assert 1 < len(sizes) < 100  # for 96000 samples that last a second each
