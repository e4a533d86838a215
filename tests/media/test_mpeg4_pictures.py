import json
import subprocess
from fractions import Fraction
from itertools import pairwise

import c2pa
import numpy as np
import pytest

from labeler.containers import bmff, mp4_headers
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_shifts import read_shifts
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    read_samples,
    write_edits,
    write_samples,
)
from labeler.errors import OutputError
from labeler.media import mpeg4_writer
from labeler.media.mpeg4_pictures import replace_pictures
from labeler.media.video import open_video
from tests.clips import clip
from tests.media.coded import need
from tests.media.films import (
    boxes_of,
    copied,
    described,
    in_track,
    luma,
    moov_of,
    packets,
    recoded,
    shown,
    with_moov,
    with_new_pictures,
)

STBL = (b"mdia", b"minf", b"stbl")
VFR = (0, 3, 4, 8, 9, 10, 11, 15, 20, 22, 30)
TWO_BACK = (("bf", "2"), ("preset", "superfast"))
EVERYTHING = {
    "sound": "aac", "channels": 6, "subtitles": ((0.1, 0.5, "hi"),), "rotation": 90,
    "chapters": ((0, 0.5, "one"), (0.5, 1, "two")), "full_range": True, "colours": (1, 1, 1),
    "metadata": (("title", "A film"),), "language": "deu", "times": VFR,
    "time_base": Fraction(1, 30), "sample_aspect": Fraction(4, 3),
}  # fmt: skip


def film(folder, suffix=".mp4", **options):
    return copied(clip(suffix, **options), folder)


def handler_of(path):
    return [mp4_headers.handler(trak) for trak in moov_of(path).all(b"trak")]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_everything_but_the_pictures_is_kept(tmp_path, suffix):
    path = film(tmp_path, suffix, **EVERYTHING)
    before = path.read_bytes()
    result = with_new_pictures(path, options=TWO_BACK)
    assert path.read_bytes() == before
    assert packets(result, but=0) == packets(path, but=0)
    assert len(packets(path)) == 3  # and chapters, which FFmpeg hands out as such
    assert shown(result) == shown(path) == [Fraction(time, 30) for time in VFR]
    assert described(result) == described(path)
    assert handler_of(result) == handler_of(path)
    # The pictures are the new ones.
    assert luma(result) == luma(path.with_name("pictures.mov")) != luma(path)
    old, new = moov_of(path), moov_of(result)
    for kind in (b"udta", b"meta"):
        assert new.all(kind) == old.all(kind)
    assert new.need(b"mvhd") == old.need(b"mvhd")
    for was, now in zip(old.all(b"trak"), new.all(b"trak"), strict=True):
        assert now.need(b"tkhd") == was.need(b"tkhd")
        assert now.all(b"tref") == was.all(b"tref")
    kinds = [kind for kind, _ in boxes_of(result)]
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert sorted(kinds) == sorted(kind for kind, _ in boxes_of(path))


@pytest.mark.parametrize(
    "source",
    [
        {"options": TWO_BACK},
        {"options": TWO_BACK, "mux": (("movflags", "negative_cts_offsets"),)},
        {"options": TWO_BACK, "mux": (("use_editlist", "0"),)},
        {"mux": (("use_editlist", "0"),)},
        {"options": (("bf", "1"), ("preset", "superfast")), "mux": (("use_editlist", "0"),)},
        {"mux": (("video_track_timescale", "600"),)},
        {"times": tuple(range(11, 31)), "mux": (("avoid_negative_ts", "disabled"),)},
        {"times": VFR, "time_base": Fraction(1, 30), "options": TWO_BACK},
        {"rate": Fraction(30000, 1001), "options": TWO_BACK},
    ],
)
@pytest.mark.parametrize("delayed", [False, True])
def test_each_picture_is_shown_when_it_was(tmp_path, source, delayed):
    path = film(tmp_path, sound="aac", **source)
    result = with_new_pictures(path, options=TWO_BACK if delayed else (("bf", "0"),))
    assert shown(result) == shown(path)
    assert packets(result, but=0) == packets(path, but=0)
    for was, now in zip(described(path)[0], described(result)[0], strict=True):
        assert now == was


def test_other_units_of_time_are_counted_back(tmp_path):
    path = film(tmp_path, options=TWO_BACK)
    scale = mp4_headers.time_scale(moov_of(path).need(b"trak", b"mdia", b"mdhd"))
    for other in (scale * 5, 1000, 90_000):
        result = with_new_pictures(path, mux=(("video_track_timescale", str(other)),))
        kept = mp4_headers.time_scale(moov_of(result).need(b"trak", b"mdia", b"mdhd"))
        is_exact = other != 1000  # a 24th of a second is no whole number of thousandths
        assert kept == (scale if is_exact else other)
        assert shown(result) == pytest.approx(shown(path), abs=0 if is_exact else 1 / other)


def played(path):
    """When the edit list shows pictures, seconds."""
    moov = moov_of(path)
    trak = moov.need(b"trak")
    table = read_samples(trak.need(*STBL))
    times = table.times(np.arange(len(table.sizes)))
    times = np.sort(times + read_shifts(trak.need(*STBL), len(times))).tolist()
    movie_scale = mp4_headers.time_scale(moov.need(b"mvhd"))
    scale = mp4_headers.time_scale(trak.need(b"mdia", b"mdhd"))
    found, now = [], Fraction(0)
    for edit in read_edits(trak):
        lasts = Fraction(edit.duration, movie_scale)
        places = [Fraction(time - edit.start, scale) for time in times]
        found += [now + place for place in places if edit.start != -1 and 0 <= place < lasts]
        now += lasts
    return found


def test_every_edit_plays_the_same_pictures(tmp_path):
    path = film(tmp_path, options=TWO_BACK, sound="aac")
    edits = [Edit(200, -1), Edit(250, 4096), Edit(300, 1024 + 512)]
    with_moov(path, in_track(0, lambda trak: write_edits(trak, edits)))
    result = with_new_pictures(path, options=(("bf", "0"),))
    assert played(result) == played(path)
    assert played(path)[0] == Fraction(1, 5)
    new = read_edits(moov_of(result).need(b"trak"))
    assert [edit.duration for edit in new] == [200, 250, 300]
    # Without reordering the pictures come two frames earlier in the track.
    assert [edit.start for edit in new] == [-1, 3072, 512]


def test_the_last_picture_stays_as_long_and_missing_first_ones_shift_nothing(tmp_path):
    path = film(tmp_path, times=VFR, time_base=Fraction(1, 30))
    table = read_samples(moov_of(path).need(b"trak", *STBL))
    for skip in (0, 2):
        result = with_new_pictures(path, skip=skip, options=TWO_BACK)
        # The movie's clock counts thousandths.
        assert shown(result) == pytest.approx(shown(path)[skip:], abs=0.001 if skip else 0)
        new = read_samples(moov_of(result).need(b"trak", *STBL))
        assert len(new.sizes) == len(VFR) - skip
        gone = sum(count * duration for count, duration in table.durations[:skip])
        assert new.total == table.total - gone


@pytest.mark.parametrize(
    "flags", ["negative_cts_offsets", "frag_keyframe+empty_moov+negative_cts_offsets", "faststart"]
)
def test_films_that_are_marked_show_each_picture_when_they_did(tmp_path, flags):
    path = film(tmp_path, sound="aac", options=TWO_BACK, mux=(("movflags", flags),))
    result = tmp_path / "marked.mp4"
    open_video(path, name="a").encode(np.copy, result)
    late = Fraction(1, 24) if "frag" in flags else 0  # see below
    assert shown(result) == [time - late for time in shown(path)]
    assert packets(result, but=0) == packets(path, but=0)


FRAGMENTED = "frag_keyframe+"


@pytest.mark.parametrize(
    ("flags", "is_early"),
    [
        ("empty_moov+default_base_moof", False),
        ("delay_moov", False),
        ("empty_moov+negative_cts_offsets", True),
        ("default_base_moof", False),
    ],
)
def test_fragments_become_one_table(tmp_path, flags, is_early):
    mux = (("movflags", FRAGMENTED + flags),)
    path = film(tmp_path, sound="aac", options=TWO_BACK, gop=8, mux=mux)
    assert [kind for kind, _ in boxes_of(path)].count(b"moof") > 1
    result = with_new_pictures(path, too_late=512 if is_early else 0)
    assert [kind for kind, _ in boxes_of(result)] == [b"ftyp", b"moov", b"mdat"]
    assert moov_of(result).find(b"mvex") is None
    # FFmpeg shows such fragments as late as their earliest shift.
    late = shown(path)[0] if is_early else 0
    assert shown(result) == [time - late for time in shown(path)]
    assert packets(result, but=0) == packets(path, but=0)
    if is_early:
        assert late == Fraction(1, 24)


def test_fragments_that_begin_late_still_do(tmp_path):
    mux = (("movflags", FRAGMENTED + "empty_moov+default_base_moof"),)
    path = film(tmp_path, sound="aac", gop=8, mux=mux)
    data = path.read_bytes()
    offset = {1: 12288 * 10, 2: 48000 * 10}
    at = data.find(b"tfdt")
    while at >= 0:
        track = int.from_bytes(data[data.rfind(b"tfhd", 0, at) + 8 :][:4], "big")
        time = int.from_bytes(data[at + 8 : at + 16], "big") + offset[track]
        assert data[at + 4] == 1
        data = data[: at + 8] + time.to_bytes(8, "big") + data[at + 16 :]
        at = data.find(b"tfdt", at + 1)
    path.write_bytes(data)
    assert shown(path)[0] == 10
    result = with_new_pictures(path)
    assert shown(result) == shown(path)
    assert packets(result, but=0) == packets(path, but=0)


def test_packets_come_in_turns_whatever_they_came_in(tmp_path):
    path = film(tmp_path, sound="aac", frames=72, mux=(("movflags", "+faststart"),))
    moov, data = moov_of(path), path.read_bytes()
    samples = []
    for trak in moov.all(b"trak"):
        table = read_samples(trak.need(*STBL))
        body = b"".join(data[span.start : span.end] for span in table.samples())
        one = SampleTable(
            sizes=table.sizes,
            chunk_starts=np.array([40 + len(b"".join(samples))]),
            chunk_counts=np.array([len(table.sizes)]),
            durations=table.durations,
        )
        write_samples(trak.need(*STBL), one)
        samples.append(body)
    head = dict(boxes_of(path))[b"ftyp"]
    ftyp = bmff.make_box(b"ftyp", head)
    media = bmff.make_box(b"mdat", bytes(32 - len(ftyp)), *samples)
    path.write_bytes(ftyp + media + moov.to_bytes())
    result = with_new_pictures(path)
    assert packets(result, but=0) == packets(path, but=0)
    placed = []
    for trak in moov_of(result).all(b"trak"):
        table = read_samples(trak.need(*STBL))
        scale = mp4_headers.time_scale(trak.need(b"mdia", b"mdhd"))
        firsts = np.cumsum(table.chunk_counts) - table.chunk_counts
        times = table.times(firsts) / scale
        assert len(times) >= 6
        assert np.diff([*times, table.total / scale]).max() <= 0.6
        placed += zip(table.chunk_starts.tolist(), times.tolist(), strict=True)
    times = [time for _, time in sorted(placed)]
    assert all(before <= after + 0.6 for before, after in pairwise(times))


def test_files_of_more_than_four_gigabytes_have_long_positions(tmp_path, monkeypatch):
    monkeypatch.setattr(mpeg4_writer, "_LONG", 20_000)
    path = film(tmp_path, sound="aac", options=TWO_BACK)
    result = with_new_pictures(path)
    assert all(trak.need(*STBL).find(b"co64") for trak in moov_of(result).all(b"trak"))
    assert b"\0\0\0\1mdat" in result.read_bytes()
    assert shown(result) == shown(path)
    assert packets(result, but=0) == packets(path, but=0)
    again = with_new_pictures(result)
    assert packets(again, but=0) == packets(path, but=0)


def test_a_manifest_is_dropped_and_other_boxes_are_kept(tmp_path):
    path = film(tmp_path)
    manifest = bmff.make_box(b"uuid", mpeg4_writer.MANIFEST, b"jumb")
    own = bmff.make_box(b"uuid", bytes(16), b"own")
    ftyp_size = int.from_bytes(path.read_bytes()[:4], "big")
    data = path.read_bytes()
    media, moov = data[ftyp_size:], moov_of(path)
    for trak in moov.all(b"trak"):
        trak.children.append(Node(b"uuid", bytes(16) + b"of a track"))
    at = media.index(moov_of(path).to_bytes())
    parts = [data[:ftyp_size], media[:at], moov.to_bytes(), own, manifest]
    path.write_bytes(b"".join(parts))
    result = with_new_pictures(path)
    assert result.read_bytes().endswith(own)
    assert b"jumb" not in result.read_bytes()
    assert moov_of(result).need(b"trak", b"uuid").body == bytes(16) + b"of a track"
    with result.open("rb") as file, pytest.raises(c2pa.C2paError.ManifestNotFound):
        c2pa.Reader("video/mp4", file)


def test_old_quicktime_files_without_a_type_are_films(tmp_path):
    path = film(tmp_path, ".mov", sound="pcm")
    data = path.read_bytes()
    ftyp = int.from_bytes(data[:4], "big")
    body = b"".join(
        bmff.make_box(kind, content) for kind, content in boxes_of(path) if kind != b"ftyp"
    )
    path.write_bytes(body)
    moov = moov_of(path)
    for trak in moov.all(b"trak"):
        table = read_samples(trak.need(*STBL))
        moved = SampleTable(
            sizes=np.array(table.sizes),
            chunk_starts=table.chunk_starts - ftyp,
            chunk_counts=table.chunk_counts,
            durations=table.durations,
        )
        write_samples(trak.need(*STBL), moved)
    parts = [(kind, content) for kind, content in boxes_of(path) if kind != b"moov"]
    path.write_bytes(b"".join(bmff.make_box(*part) for part in parts) + moov.to_bytes())
    result = with_new_pictures(path)
    assert [kind for kind, _ in boxes_of(result)] == [b"moov", b"wide", b"mdat"]
    assert shown(result) == shown(path)
    assert packets(result, but=0) == packets(path, but=0)


def emptied(trak):
    stbl = trak.need(*STBL)
    none = np.zeros(0, np.int64)
    table = SampleTable(sizes=none, chunk_starts=none, chunk_counts=none, durations=())
    write_samples(stbl, table)


def test_tracks_without_packets_are_kept(tmp_path):
    path = film(tmp_path, sound="aac")
    with_moov(path, in_track(1, emptied))
    result = with_new_pictures(path)
    assert handler_of(result) == [b"vide", b"soun"]
    assert shown(result) == shown(path)


def test_what_exists_is_not_overwritten(tmp_path):
    path = film(tmp_path)
    start = recoded(path, tmp_path / "pictures.mov")
    (tmp_path / "new.mp4").write_bytes(b"mine")
    with pytest.raises(OutputError):
        replace_pictures(path, tmp_path / "pictures.mov", tmp_path / "new.mp4", start=start)
    assert (tmp_path / "new.mp4").read_bytes() == b"mine"


CODECS = [
    (".mp4", "libx265", "hvc1", "mov"),
    (".mov", "prores_ks", None, "mov"),
    (".mov", "mjpeg", None, "mov"),
    (".mp4", "mpeg4", None, "mov"),
    (".mp4", "libvpx-vp9", None, "mp4"),
]


@pytest.mark.parametrize(("suffix", "codec", "tag", "form"), CODECS)
def test_any_codec_goes_into_the_film(tmp_path, suffix, codec, tag, form):
    pix_fmt = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    path = film(tmp_path, suffix, codec=codec, pix_fmt=pix_fmt, sound="aac", tag=tag, frames=8)
    result = with_new_pictures(path, codec=codec, form=form)
    assert shown(result) == shown(path)
    assert luma(result) == luma(path.with_name("pictures.mov"))
    assert packets(result, but=0) == packets(path, but=0)
    letters = [bmff.boxes(moov_of(each).need(b"trak", *STBL, b"stsd").body[8:])[0].type
               for each in (path, result)]  # fmt: skip
    assert letters[0] == letters[1]


def ffprobe(path, *what):
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_data_hash", "md5", *what, path]
    done = subprocess.run(command, check=True, capture_output=True)
    assert not done.stderr.replace(b"Unsupported codec with id 98314 for input stream 3\n", b"")
    return json.loads(done.stdout)


def warnings_of(path):
    """What ffmpeg complains about when it decodes a file, without addresses."""
    play = ["ffmpeg", "-v", "warning", "-i", path, "-map", "0:v", "-map", "0:a", "-f", "null", "-"]
    done = subprocess.run(play, check=True, capture_output=True)
    return [line.split(b"]", 1)[-1] for line in done.stderr.splitlines()]


@pytest.mark.system
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_others_see_the_same_film(tmp_path, suffix):
    need("ffmpeg", "ffprobe", "exiftool")
    plain = film(tmp_path, suffix, **EVERYTHING)
    path = tmp_path / f"a{suffix}"
    # With a track of time codes, to which the pictures refer.
    command = ["ffmpeg", "-v", "error", "-i", plain, "-map", "0", "-map", "-0:d", "-c", "copy"]
    subprocess.run([*command, "-timecode", "01:00:00:00", path], check=True)
    result = with_new_pictures(path, options=TWO_BACK)
    seen = [ffprobe(each, "-show_packets")["packets"] for each in (path, result)]
    for found in seen:
        for packet in found:
            packet.pop("pos")
    kept = [
        [packet for packet in found if packet["stream_index"]]
        for found in seen
    ]  # fmt: skip
    by_stream = [sorted(each, key=lambda packet: packet["stream_index"]) for each in kept]
    assert by_stream[0] == by_stream[1]
    assert len({packet["stream_index"] for packet in kept[0]}) >= 3
    facts = [ffprobe(each, "-show_chapters", "-show_streams") for each in (path, result)]
    assert facts[0]["chapters"] == facts[1]["chapters"]
    for was, now in zip(*(each["streams"] for each in facts), strict=True):
        for name in ("start_time", "duration", "time_base", "r_frame_rate", "avg_frame_rate",
                     "side_data_list", "disposition", "nb_frames", "color_range", "color_space",
                     "sample_aspect_ratio"):  # fmt: skip
            assert now.get(name) == was.get(name), name
    assert warnings_of(result) == warnings_of(path)
    tags = [
        subprocess.run(
            ["exiftool", "-validate", "-warning", "-a", "-Rotation", "-TimeCode", "-Title", each],
            check=True,
            capture_output=True,
        ).stdout
        for each in (path, result)
    ]
    assert tags[0] == tags[1]
    assert b"A film" in tags[1]
