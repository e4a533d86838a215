import subprocess
from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import bmff, esds, mp4_headers
from labeler.containers.bmff_file import top_boxes
from labeler.containers.bmff_tree import Node, read_node
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    read_samples,
    write_edits,
    write_samples,
)
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import open_sound
from tests.media.coded import coded, frames, lag, need, read, rewritten, snr_db, tune

FRAMES = 60_013
MANIFEST = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def m4a(path, *, codec="aac", channels=2, rate_hz=44_100, length=FRAMES, **options):
    samples = tune(length, channels, rate_hz=rate_hz)
    form = options.pop("form", "ipod")
    return coded(path, samples, codec, rate_hz=rate_hz, form=form, **options), samples


def boxes_of(path):
    """Type and content of each box at the top level."""
    with path.open("rb") as file:
        return [
            (box.type, path.read_bytes()[box.body.start : box.body.end]) for box in top_boxes(file)
        ]


def moov_of(path):
    with path.open("rb") as file:
        (box,) = (box for box in top_boxes(file) if box.type == b"moov")
        return read_node(file, box)


def with_moov(path, change):
    """The file with other tables; they lie behind the samples, so that none of these moves."""
    moov = moov_of(path)
    change(moov)
    parts = [
        moov.to_bytes() if kind == b"moov" else bmff.make_box(kind, body)
        for kind, body in boxes_of(path)
    ]
    path.write_bytes(b"".join(parts))


def packets_of(path, stream=0):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams[stream])]


@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(44_100, 2), (48_000, 8), (22_050, 1), (8_000, 1)]
)
def test_length_and_place_stay(tmp_path, rate_hz, channels):
    path, samples = m4a(tmp_path / "a.m4a", rate_hz=rate_hz, channels=channels)
    sound = open_sound(path, name="a.m4a")
    assert (sound.media_type, sound.sample_rate_hz) == (MediaType.M4A, rate_hz)
    assert len(sound.channel_names) == sound.channels == channels
    assert sound.length == len(samples)
    first = read(path)
    assert lag(samples, first) == 0
    result = rewritten(path)
    second = read(result)
    assert len(second) == len(samples)
    assert lag(first, second) == 0
    assert snr_db(first, second) > 14
    # FFmpeg's own reader begins where the edit list says.
    with av.open(str(result)) as container:
        planes = [f.planes[0] for f in container.decode(audio=0)]
        heard = np.concatenate([np.frombuffer(plane, np.float32) for plane in planes])
    # Planes are longer than the samples in them.
    assert np.abs(heard[:1024] - second[:1024, 0]).max() < 1e-5
    movie, track = moov_of(result).need(b"mvhd"), moov_of(result).need(b"trak", b"tkhd")
    assert mp4_headers.duration(movie) == mp4_headers.duration(track)
    assert mp4_headers.duration(movie) / mp4_headers.time_scale(movie) == pytest.approx(
        len(samples) / rate_hz, abs=1e-9
    )


@pytest.mark.parametrize("sample_format", ["s16p", "s32p"])
def test_apple_lossless_keeps_every_bit(tmp_path, sample_format):
    path = tmp_path / "a.m4a"
    samples = tune(FRAMES)
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("alac", rate=44_100)
        stream.codec_context.format, stream.codec_context.layout = sample_format, "stereo"
        for frame in frames(samples, sample_format, 44_100, 4096):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    first = read(path)
    assert len(first) == FRAMES
    if sample_format == "s16p":
        assert (first * 32768 == np.rint(samples * 32767)).all()
    else:
        assert (first * 8388608 == np.rint(samples.astype(float) * 8388607)).all()
    assert (read(rewritten(path)) == first).all()
    assert (read(rewritten(path, lambda block: -block)) == -first).all()


@pytest.mark.parametrize("is_first", [False, True])
def test_boxes_keep_order_and_content(tmp_path, is_first):
    mux = {"tag:title": "ä", "tag:artist": "b", "tag:creation_time": "2020-01-02T03:04:05Z"}
    mux |= {"movflags": "+faststart"} if is_first else {}
    path, _ = m4a(tmp_path / "a.m4a", mux=mux)
    extra = bmff.make_box(b"uuid", bytes(16), b"own") + bmff.make_box(b"uuid", MANIFEST, b"jumb")
    path.write_bytes(path.read_bytes() + extra)
    before, after = (boxes_of(each) for each in (path, rewritten(path)))
    assert [kind for kind, _ in after] == [kind for kind, _ in before][:-1]
    assert after[-1] == (b"uuid", b"own")
    old, new = moov_of(path), moov_of(rewritten(path))
    assert new.need(b"udta") == old.need(b"udta")
    # Version, flags, creation and modification.
    for where in ([b"mvhd"], [b"trak", b"tkhd"], [b"trak", b"mdia", b"mdhd"]):
        assert new.need(*where).body[:12] == old.need(*where).body[:12]
    positions = [kind for kind, _ in after if kind in {b"moov", b"mdat"}]
    assert positions == ([b"moov", b"mdat"] if is_first else [b"mdat", b"moov"])


def test_the_note_of_itunes_is_read_and_corrected(tmp_path):
    path, samples = m4a(tmp_path / "a.m4a")
    count = len(packets_of(path)) - 1
    note = (
        f" 00000000 {1024:08X} {1024 * count - 1024 - FRAMES:08X} {FRAMES:016X} 00000000 00000000"
    ).encode()

    def change(moov):
        moov.need(b"trak").drop(b"edts")
        item = bmff.make_box(b"mean", bytes(4), b"com.apple.iTunes")
        item += bmff.make_box(b"name", bytes(4), b"iTunSMPB")
        item += bmff.make_box(b"data", bytes(3), b"\1", bytes(4), note)
        moov.children.append(Node(b"udta", bmff.make_box(b"----", item)))

    with_moov(path, change)
    first = read(path)
    assert len(first) == FRAMES
    assert lag(samples, first) == 0
    result = rewritten(path)
    written = moov_of(result).children[-1].body
    numbers = [int(number, 16) for number in written[written.index(note[:9]) :].split()[1:4]]
    assert numbers == [1024, 1024 * (len(packets_of(result)) - 1) - 1024 - FRAMES, FRAMES]
    assert len(written) == len(moov_of(path).children[-1].body)
    assert len(read(result)) == FRAMES


def test_other_tracks_keep_their_packets(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=44_100) for _ in range(2)]
        for stream in streams:
            stream.layout = "stereo"
        for seed, stream in enumerate(streams):
            for frame in frames(tune(FRAMES, seed=seed), "fltp", 44_100, 1024):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    result = rewritten(path)
    assert packets_of(result, 1) == packets_of(path, 1)
    assert packets_of(result, 0) != packets_of(path, 0)
    assert lag(read(path), read(result)) == 0


def test_fragments_become_one_table(tmp_path):
    mux = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}
    path, samples = m4a(tmp_path / "a.m4a", form="mp4", mux=mux)
    assert [kind for kind, _ in boxes_of(path)].count(b"moof") > 3
    first = read(path)
    # FFmpeg says nothing about the encoder's delay here, or about the end.
    assert len(first) >= len(samples)
    result = rewritten(path)
    assert lag(first, read(result)) == 0
    assert len(read(result)) == len(first)
    kinds = [kind for kind, _ in boxes_of(result)]
    assert kinds == [b"ftyp", b"moov", b"mdat"]
    assert moov_of(result).find(b"mvex") is None


def test_sound_with_described_upper_half_becomes_plain(tmp_path):
    path, samples = m4a(tmp_path / "a.m4a", rate_hz=22_050, channels=1, bit_rate=32_000)

    def announce(moov):
        """Explicit signalling of SBR: object type 5, 22050 to 44100 Hz (14496-3, 1.6.2.1)."""
        stsd = moov.need(b"trak", b"mdia", b"minf", b"stbl", b"stsd")
        (entry,) = bmff.boxes(stsd.body[8:])
        children = [Node(box.type, box.body) for box in bmff.boxes(entry.body[28:])]
        stream = esds.read_esds(children[0].body)
        bits = f"{5:05b}{7:04b}{1:04b}{4:04b}{2:05b}000".ljust(32, "0")
        setup = int(bits, 2).to_bytes(4, "big")
        children[0].body = stream.recoded(setup, mean=32_000, most=40_000).to_bytes()
        body = entry.body[:28] + b"".join(child.to_bytes() for child in children)
        stsd.body = stsd.body[:8] + bmff.make_box(b"mp4a", body)

    with_moov(path, announce)
    sound = open_sound(path, name="a.m4a")
    assert sound.sample_rate_hz == 44_100
    assert sound.length == 2 * len(samples)
    first = read(path)
    result = rewritten(path)
    assert open_sound(result, name="b").sample_rate_hz == 44_100
    assert len(read(result)) == len(first)
    assert lag(first, read(result)) == 0
    assert snr_db(first, read(result)) > 14
    table = read_samples(moov_of(result).need(b"trak", b"mdia", b"minf", b"stbl"))
    seconds = len(first) / 44_100
    assert 8 * table.sizes.sum() / seconds > 50_000


def test_a_pause_in_front_stays(tmp_path):
    path, samples = m4a(tmp_path / "a.m4a")

    def delay(moov):
        trak = moov.need(b"trak")
        write_edits(trak, [Edit(500, -1), *read_edits(trak)])

    with_moov(path, delay)
    assert len(read(path)) == len(samples)
    edits = read_edits(moov_of(rewritten(path)).need(b"trak"))
    assert [edit.start for edit in edits] == [-1, 1024]


def replace_in_stsd(old, new):
    def change(moov):
        stsd = moov.need(b"trak", b"mdia", b"minf", b"stbl", b"stsd")
        assert old in stsd.body
        stsd.body = stsd.body.replace(old, new, 1)

    return change


def as_video(moov):
    handler = moov.need(b"trak", b"mdia", b"hdlr")
    handler.body = handler.body.replace(b"soun", b"vide")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (replace_in_stsd(b"mp4a", b"drms"), "protected"),
        (replace_in_stsd(b"mp4a", b"enca"), "protected"),
        (replace_in_stsd(b"mp4a", b"ac-3"), "AC-3"),
        (replace_in_stsd(b"mp4a", b"wxyz"), "'wxyz'"),
        (as_video, "no sound"),
    ],
)
def test_what_is_not_handled_is_refused_by_name(tmp_path, change, problem):
    path, _ = m4a(tmp_path / "a.m4a")
    with_moov(path, change)
    with pytest.raises(UnsupportedMediaError, match=problem):
        open_sound(path, name="a.m4a")


def test_several_parts_are_read_but_not_written(tmp_path):
    path, _ = m4a(tmp_path / "a.m4a")
    with_moov(
        path, lambda moov: write_edits(moov.need(b"trak"), [Edit(300, 1024), Edit(300, 40_000)])
    )
    sound = open_sound(path, name="a.m4a")
    assert sum(map(len, sound.blocks())) >= FRAMES
    with pytest.raises(UnsupportedMediaError, match="several parts"):
        sound.encode(sound.blocks(), tmp_path / "b.m4a")


def test_items_found_by_position_are_not_lost(tmp_path):
    path, _ = m4a(tmp_path / "a.m4a")
    items = bmff.make_full_box(b"iloc", 0, 0, [bytes(4)])
    path.write_bytes(path.read_bytes() + bmff.make_full_box(b"meta", 0, 0, [items]))
    sound = open_sound(path, name="a.m4a")
    with pytest.raises(UnsupportedMediaError, match="by their positions"):
        sound.encode(sound.blocks(), tmp_path / "b.m4a")


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_a_garbled_packet_can_be_read_around_but_not_written(tmp_path, codec):
    path, _ = m4a(tmp_path / "a.m4a", codec=codec)
    packet = packets_of(path)[len(packets_of(path)) // 2]
    path.write_bytes(path.read_bytes().replace(packet, b"\xa5" * len(packet)))
    sound = open_sound(path, name="a.m4a")
    assert sum(map(len, sound.blocks())) == FRAMES
    with pytest.raises(UnreadableMediaError) as caught:
        sound.encode(sound.blocks(), tmp_path / "b.m4a")
    assert caught.value.file == "a.m4a"
    assert not list(tmp_path.glob("b.m4a*"))


@pytest.mark.parametrize("keep", [0.01, 0.5, 0.99])
def test_truncated_files_are_refused(tmp_path, keep):
    path, _ = m4a(tmp_path / "a.m4a")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(UnreadableMediaError):
        open_sound(path, name="a.m4a")


BYTES = st.binary(max_size=40)


@given(BYTES, st.integers(0, (1 << 31) - 1), st.integers(0, (1 << 31) - 1))
def test_descriptors_come_back(setup, mean, most):
    stream = esds.Stream(
        number=b"\0\1\0", object_type=0x40, kind=0x15, buffer_bytes=5, max_bit_rate=most,
        mean_bit_rate=mean, setup=setup, rest=b"\6\x80\x80\x80\1\2",
    )  # fmt: skip
    assert esds.read_esds(stream.to_bytes()) == stream


COUNTS = st.lists(st.integers(1, 9), max_size=12)


@given(COUNTS, st.integers(0, 1 << 40), st.data())
def test_tables_come_back(counts, start, data):
    samples = sum(counts)
    table = SampleTable(
        sizes=np.array(
            data.draw(st.lists(st.integers(0, 9999), min_size=samples, max_size=samples)), np.int64
        ),
        chunk_starts=start + 100 * np.arange(len(counts)),
        chunk_counts=np.array(counts, np.int64),
        durations=((samples, 1024),) if samples else (),
    )
    stbl = Node(b"stbl")
    write_samples(stbl, table)
    found = read_samples(Node.parse(b"stbl", stbl.to_bytes()[8:]))
    for name in ("sizes", "chunk_starts", "chunk_counts"):
        assert getattr(found, name).tolist() == getattr(table, name).tolist()
    assert found.durations == table.durations
    assert len(list(found.samples())) == samples


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(-1, 1 << 40)), max_size=4))
def test_edits_come_back(values):
    trak = Node(b"trak", children=[Node(b"tkhd", bytes(84))])
    edits = tuple(Edit(duration, start) for duration, start in values)
    write_edits(trak, edits)
    assert read_edits(Node.parse(b"trak", trak.to_bytes()[8:])) == edits


@given(st.binary(max_size=200))
def test_any_tables_are_read_or_refused(body):
    for kind in (b"stsz", b"stz2", b"stsc", b"stco", b"stts"):
        good = {
            b"stsz": bytes(12), b"stsc": bytes(8), b"stco": bytes(8), b"stts": bytes(8)
        }  # fmt: skip
        if kind == b"stz2":
            good.pop(b"stsz")
        good[kind] = body
        stbl = Node(b"stbl", children=[Node(each, data) for each, data in good.items()])
        with suppress(UnreadableMediaError):
            read_samples(stbl)
    with suppress(UnreadableMediaError):
        esds.read_esds(body)


@pytest.mark.system
def test_tags_pictures_and_chapters_as_others_see_them(tmp_path):
    need("ffmpeg", "ffprobe", "exiftool")
    path, _ = m4a(tmp_path / "plain.m4a", length=150_000)
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\ntitle=Book\nartist=A\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\n"
        "title=one\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3400\ntitle=two\n"
    )
    picture = tmp_path / "cover.png"
    run = ["ffmpeg", "-v", "error", "-y"]
    subprocess.run(
        [*run, "-f", "lavfi", "-i", "testsrc=d=1:s=32x32", "-frames:v", "1", picture], check=True
    )
    book = tmp_path / "book.m4a"
    inputs = ["-i", path, "-i", chapters, "-i", picture]
    maps = ["-map", "0:a", "-map", "2:v", "-map_metadata", "1", "-c", "copy"]
    subprocess.run([*run, *inputs, *maps, "-disposition:v:0", "attached_pic", book], check=True)
    result = rewritten(book)

    def seen(file):
        command = ["ffprobe", "-v", "error", "-show_chapters", "-show_entries", "format_tags", file]
        return subprocess.run(command, check=True, capture_output=True).stdout

    assert seen(result) == seen(book)
    assert b"title=two" in seen(result)
    covers = [
        subprocess.run(
            ["exiftool", "-b", "-CoverArt", each], check=True, capture_output=True
        ).stdout
        for each in (book, result)
    ]
    assert covers[0] == covers[1] == picture.read_bytes()
    warnings = subprocess.run(
        ["exiftool", "-validate", "-warning", "-a", result], check=True, capture_output=True
    ).stdout
    assert b"Truncated" not in warnings
    wav = tmp_path / "out.wav"
    done = subprocess.run([*run, "-i", result, "-map", "0:a", wav], check=True, capture_output=True)
    assert done.stderr == b""
