"""Claims go into sound files where readers of their format look, and nothing else changes."""

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler.containers import aiff, bmff, flac, ogg, riff
from labeler.errors import MetadataError, OutputError, UnreadableMediaError
from labeler.media.media_type import MediaType
from labeler.metadata import Tags, read_file, write_file
from labeler.metadata.statements import AIGC_HINT
from labeler.provenance import Provenance
from tests.metadata.claims import (
    EXPECTED,
    FULL,
    RICH_XMP,
    UUID,
    assert_claimed,
    assert_survived,
    exiftool,
    kind_of,
    packets,
    peak_bytes,
    replaced,
    written,
)
from tests.sounds import SOUND_FORMATS, murmur, save

OLD_TAGS = {"title": "T \u00f6", "artist": "Somebody"}
# Formats that cannot hold these, with the encoders at hand.
NO_TAGS = {".aac", ".aiff"}

every_format = pytest.mark.parametrize("suffix", SOUND_FORMATS)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A file of every format, with a title and an artist where it can have them."""
    folder, samples = tmp_path_factory.mktemp("sounds"), murmur(1.0, 16_000, 2)
    made = {}
    for suffix in SOUND_FORMATS:
        path = save(folder / f"plain{suffix}", samples)
        made[suffix] = folder / f"a{suffix}"
        with av.open(str(path)) as source, av.open(str(made[suffix]), "w") as target:
            stream = target.add_stream_from_template(source.streams[0])
            target.metadata.update(OLD_TAGS)
            for packet in source.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    return made


def old_tags(path):
    with av.open(str(path)) as container:
        found = {**container.metadata, **container.streams.audio[0].metadata}
    return {name.lower(): value for name, value in found.items()}


# --------------------------------------------------------------------------------------- formats


@every_format
def test_claims_are_written_and_read_and_nothing_else_changes(suffix, sounds, tmp_path):
    source = sounds[suffix]
    before = source.read_bytes()
    path = written(source, tmp_path)
    assert source.read_bytes() == before
    assert read_file(path, kind_of(path)) == EXPECTED
    assert kind_of(path) is kind_of(source)
    assert packets(path) == packets(source)
    if suffix not in NO_TAGS:
        assert OLD_TAGS.items() <= old_tags(source).items()
    assert old_tags(source).items() <= old_tags(path).items()


@every_format
def test_a_file_that_claims_nothing_says_nothing(suffix, sounds):
    assert read_file(sounds[suffix], kind_of(sounds[suffix])) == Tags()


@every_format
def test_other_claims_take_the_place_of_those_before(suffix, sounds, tmp_path):
    first, _, back = replaced(sounds[suffix], tmp_path)
    growth = back.stat().st_size - first.stat().st_size
    assert growth < 2200  # MPEG-4 leaves free space


@pytest.mark.system
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus"])
def test_exiftool_reads_the_same(suffix, sounds, tmp_path):
    before, tags = exiftool(sounds[suffix]), exiftool(written(sounds[suffix], tmp_path))
    assert_claimed(tags)
    if suffix != ".aac":  # without a tag, ExifTool does not know what it is
        assert (tags.get("validate"), tags.get("error")) == (
            before.get("validate"), before.get("error"),
        )  # fmt: skip


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".opus", ".webm"])
def test_ffmpeg_shows_the_fields(suffix, sounds, tmp_path):
    tags = old_tags(written(sounds[suffix], tmp_path))
    assert tags["digitalsourcetype"] == EXPECTED.digital_source_type
    assert tags["aisystemused"] == FULL.generator
    assert tags["aipromptinformation"] == FULL.prompt


# --------------------------------------------------------------------------------- what was there


def with_packet(suffix, source, packet):
    """The file with ``packet`` put in by the test's own hand."""
    data = source.read_bytes()
    if suffix == ".wav":
        chunk = b"_PMX" + len(packet).to_bytes(4, "little") + packet + bytes(len(packet) & 1)
        size = int.from_bytes(data[4:8], "little") + len(chunk)
        at = data.index(b"data")
        return data[:4] + size.to_bytes(4, "little") + data[8:at] + chunk + data[at:]
    if suffix == ".aiff":
        content = b"XMP " + packet
        chunk = b"APPL" + len(content).to_bytes(4, "big") + content + bytes(len(content) & 1)
        size = int.from_bytes(data[4:8], "big") + len(chunk)
        at = data.index(b"SSND")
        return data[:4] + size.to_bytes(4, "big") + data[8:at] + chunk + data[at:]
    if suffix in {".mp3", ".aac"}:
        content = b"XMP\0" + packet
        frame = b"PRIV" + len(content).to_bytes(4, "big") + b"\0\0" + content
        body = frame + b"TPE2" + (2).to_bytes(4, "big") + b"\0\0\0b"
        size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
        sound = data[10 + int.from_bytes(data[8:10], "big") :] if data[:3] == b"ID3" else data
        return b"ID3\3\0\0" + size + body + sound
    return data + bmff.make_box(b"uuid", UUID, packet) + bmff.make_box(b"free", b"behind")


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".mp3", ".aac", ".m4a"])
def test_a_packet_that_was_there_is_merged(suffix, sounds, tmp_path):
    source = tmp_path / f"rich{suffix}"
    source.write_bytes(with_packet(suffix, sounds[suffix], RICH_XMP))
    path = written(source, tmp_path)
    assert read_file(path, kind_of(path)) == EXPECTED
    data = path.read_bytes()
    assert data.count(b"audio/kept") == 1
    assert data.count(b"<x:xmpmeta") == 1
    assert packets(path) == packets(sounds[suffix])


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".mp3", ".m4a"])
def test_a_packet_that_is_none_is_refused(suffix, sounds, tmp_path):
    source = tmp_path / f"bad{suffix}"
    source.write_bytes(with_packet(suffix, sounds[suffix], b"<no xmp"))
    with pytest.raises(MetadataError) as caught:
        written(source, tmp_path)
    assert caught.value.file == source.name
    assert caught.value.hint
    assert not (tmp_path / f"out{suffix}").exists()


def test_wav_chunks_stay_in_their_order(sounds, tmp_path):
    source = tmp_path / "a.wav"
    data = sounds[".wav"].read_bytes()
    body = data[12:] + b"bext\x04\0\0\0abcd" + b"odd \x03\0\0\0abc\0"
    source.write_bytes(b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WAVE" + body + b"tail!")
    path = written(source, tmp_path)
    with source.open("rb") as before, path.open("rb") as after:
        old, new = riff.parse(before), riff.parse(after)
        assert [c.type for c in new.chunks] == [*(c.type for c in old.chunks), b"_PMX"]
        for a, b in zip(old.chunks, new.chunks, strict=False):
            assert old.read(before, a) == new.read(after, b)
    assert path.read_bytes().endswith(b"tail!")


def test_aiff_chunks_stay_in_their_order(sounds, tmp_path):
    source = sounds[".aiff"]
    path = written(source, tmp_path)
    with source.open("rb") as before, path.open("rb") as after:
        old, new = aiff.parse(before), aiff.parse(after)
        assert [c.type for c in new.chunks] == [*(c.type for c in old.chunks), b"APPL"]


def test_flac_blocks_stay_in_their_order(sounds, tmp_path):
    source = tmp_path / "a.flac"
    data = sounds[".flac"].read_bytes()
    # An application's block, right behind STREAMINFO.
    source.write_bytes(data[:42] + b"\x02\0\0\x08testABCD" + data[42:])
    path = written(source, tmp_path)
    with source.open("rb") as before, path.open("rb") as after:
        old, new = flac.parse(before), flac.parse(after)
    assert [b.type for b in new.blocks] == [b.type for b in old.blocks]
    assert b"testABCD" in path.read_bytes()


def test_flac_without_comments_gets_some(sounds, tmp_path):
    with sounds[".flac"].open("rb") as stream:
        parsed = flac.parse(stream)
        stream.seek(parsed.audio.start)
        frames = stream.read()
        info = sounds[".flac"].read_bytes()[8:42]
    source = tmp_path / "bare.flac"
    source.write_bytes(b"fLaC\x80\0\0\x22" + info + frames)
    path = written(source, tmp_path)
    assert read_file(path, MediaType.FLAC) == EXPECTED
    assert packets(path) == packets(source)


def test_an_mpeg4_packet_in_front_leaves_free_space_behind(tmp_path):
    """Nothing that the sample tables point to may move."""
    ftyp = bmff.make_box(b"ftyp", b"M4A \0\0\0\0")
    mdat = bmff.make_box(b"mdat", b"samples")
    source = tmp_path / "a.m4a"
    front = ftyp + bmff.make_box(b"uuid", UUID, RICH_XMP) + mdat
    source.write_bytes(front + bmff.make_box(b"mfra", b"index"))
    target = tmp_path / "b.m4a"
    write_file(source, target, MediaType.M4A, FULL, name="a.m4a")
    data = target.read_bytes()
    assert data.index(b"samples") == front.index(b"samples")
    assert [box.type for box in bmff.boxes(data)] == [b"ftyp", b"free", b"mdat", b"uuid", b"mfra"]
    assert read_file(target, MediaType.M4A) == EXPECTED


def test_an_mpeg4_box_without_size_is_told_its_size(tmp_path):
    ftyp = bmff.make_box(b"ftyp", b"M4A \0\0\0\0")
    source, target = tmp_path / "a.m4a", tmp_path / "b.m4a"
    source.write_bytes(ftyp + b"\0\0\0\0mdatsamples to the end")
    write_file(source, target, MediaType.M4A, FULL, name="a.m4a")
    kinds = [(box.type, box.body[:7]) for box in bmff.boxes(target.read_bytes())]
    assert kinds[1] == (b"mdat", b"samples")
    assert kinds[2][0] == b"uuid"


def test_an_id3_tag_of_version_2_2_is_refused_in_plain_words(sounds, tmp_path):
    source = tmp_path / "old.mp3"
    body = b"TT2\0\0\x04\0old"
    source.write_bytes(b"ID3\2\0\0\0\0\0" + bytes([len(body)]) + body + b"\xff\xfb" + bytes(500))
    with pytest.raises(MetadataError, match=r"2\.2"):
        write_file(source, tmp_path / "b.mp3", MediaType.MP3, FULL, name="old.mp3")


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
@pytest.mark.parametrize("size", [10, 300, 70_000, 200_000])
def test_ogg_pages_are_numbered_anew_where_headers_need_more(suffix, size, sounds, tmp_path):
    claims = Provenance(generator="g" * size)
    path = written(sounds[suffix], tmp_path, claims)
    with path.open("rb") as stream:
        found = list(ogg.pages(stream))
    assert all(page.is_whole for page in found)
    assert [page.sequence for page in found] == list(range(len(found)))
    assert packets(path) == packets(sounds[suffix])
    assert read_file(path, MediaType.OGG).ai_system == claims.generator
    # And back again, to fewer pages.
    short = written(path, tmp_path, Provenance(generator="g"), name="short")
    assert packets(short) == packets(sounds[suffix])


def test_what_follows_in_a_chain_is_left_alone(sounds, tmp_path):
    link = sounds[".opus"].read_bytes()
    source = tmp_path / "chain.opus"
    source.write_bytes(link + b"between" + link)  # under the same number even
    path = written(source, tmp_path, Provenance(generator="g" * 100_000))
    assert path.read_bytes().endswith(b"between" + link)
    assert read_file(path, MediaType.OGG).ai_system == "g" * 100_000


def test_flac_in_ogg(tmp_path):
    source = save(tmp_path / "a.ogg", murmur(0.5, 16_000, 2), codec="flac")
    path = written(source, tmp_path)
    assert read_file(path, MediaType.OGG) == EXPECTED
    assert packets(path) == packets(source)


# -------------------------------------------------------------------------------------------- WebM


def test_webm_without_size_or_list_of_positions(sounds, tmp_path):
    """What a stream looks like that was recorded as it came."""
    source = tmp_path / "live.webm"
    with av.open(str(sounds[".webm"])) as given, source.open("wb") as file:
        # Without seek: sizes stay unknown.
        pipe = type("Pipe", (), {"write": staticmethod(file.write)})()
        with av.open(pipe, "w", format="webm") as target:
            stream = target.add_stream_from_template(given.streams[0])
            for packet in given.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    assert b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" in source.read_bytes()
    path = written(source, tmp_path)
    assert read_file(path, MediaType.WEBM) == EXPECTED
    assert packets(path) == packets(source)


def test_webm_does_not_grow_when_it_is_claimed_again(sounds, tmp_path):
    first = written(sounds[".webm"], tmp_path)
    other = Provenance(generator="another", prompt=FULL.prompt, prompt_writer=FULL.prompt_writer)
    second = written(first, tmp_path, other, name="second")
    third = written(second, tmp_path, FULL, name="third")
    assert abs(third.stat().st_size - first.stat().st_size) < 16
    assert old_tags(third)["title"] == OLD_TAGS["title"]


# ------------------------------------------------------------------------------------------- hints


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".webm", ".m4a"])
def test_a_field_named_aigc_is_a_hint(suffix, sounds, tmp_path):
    path = tmp_path / f"label{suffix}"
    # Where MPEG-4 knows no such item, FFmpeg writes it as a QuickTime key.
    options = {"movflags": "use_metadata_tags"} if suffix == ".m4a" else {}
    with av.open(str(sounds[suffix])) as given, av.open(str(path), "w", options=options) as target:
        stream = target.add_stream_from_template(given.streams[0])
        target.metadata["AIGC"] = '{"Label":"1"}'
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    tags = read_file(path, kind_of(path))
    assert tags.generator_hints == (AIGC_HINT,)
    assert tags.source_type is None


def test_an_aigc_text_in_wav_is_a_hint(sounds, tmp_path):
    data = sounds[".wav"].read_bytes()
    chunk = b"LIST\x10\0\0\0INFOAIGC\x04\0\0\0{1}\0"
    path = tmp_path / "label.wav"
    size = len(data) - 8 + len(chunk)
    path.write_bytes(data[:4] + size.to_bytes(4, "little") + data[8:] + chunk)
    assert read_file(path, MediaType.WAV).generator_hints == (AIGC_HINT,)


def test_itunes_items_are_looked_through(tmp_path):
    def full(kind, *parts):
        return bmff.make_full_box(kind, 0, 0, parts)

    data = bmff.make_box(b"data", bytes(8) + b"{}")
    item = bmff.make_box(b"----", full(b"mean", b"com.apple.iTunes"), full(b"name", b"AIGC"), data)
    meta = full(b"meta", full(b"hdlr", bytes(21)), bmff.make_box(b"ilst", item))
    moov = bmff.make_box(b"moov", bmff.make_box(b"udta", meta))
    path = tmp_path / "a.m4a"
    path.write_bytes(bmff.make_box(b"ftyp", b"M4A \0\0\0\0") + moov)
    assert read_file(path, MediaType.M4A).generator_hints == (AIGC_HINT,)
    # Texts are only looked through for hints: that they are damaged is no reason to stop.
    path.write_bytes(path.read_bytes().replace(b"\0\0\0\x12data", b"\0\0\xff\x12data"))
    assert read_file(path, MediaType.M4A) == Tags()


# ----------------------------------------------------------------------------------------- failure


def test_a_file_that_exists_is_not_touched(sounds, tmp_path):
    (tmp_path / "out.wav").write_bytes(b"mine")
    with pytest.raises(OutputError):
        written(sounds[".wav"], tmp_path)
    assert (tmp_path / "out.wav").read_bytes() == b"mine"


def test_a_file_that_is_gone_is_unreadable(tmp_path):
    with pytest.raises(UnreadableMediaError):
        read_file(tmp_path / "gone", MediaType.MP3)
    with pytest.raises(UnreadableMediaError):
        write_file(tmp_path / "gone", tmp_path / "b", MediaType.MP3, FULL, name="gone")


@every_format
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_gives_one_clear_error_or_none(suffix, sounds, tmp_path, data):
    kind = kind_of(sounds[suffix])
    whole = bytearray(sounds[suffix].read_bytes())
    edits = data.draw(
        st.lists(st.tuples(st.integers(0, min(len(whole) - 1, 1500)), st.integers(0, 255)))
    )
    for at, value in edits:
        whole[at] = value
    cut = data.draw(st.integers(0, len(whole)) | st.just(len(whole)))
    assert_survived(whole[:cut], kind, tmp_path)


@pytest.mark.parametrize("suffix", [".wav", ".m4a"])
def test_memory_does_not_grow_with_the_file(suffix, tmp_path):
    source, size = tmp_path / f"a{suffix}", 96 << 20
    with source.open("wb") as file:
        if suffix == ".wav":
            head = b"fmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0"
            file.write(b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVE" + head)
            file.write(b"data" + size.to_bytes(4, "little"))
        else:
            file.write(bmff.make_box(b"ftyp", b"M4A \0\0\0\0"))
            file.write((size + 8).to_bytes(4, "big") + b"mdat")
        file.truncate(file.tell() + size)
    kind = MediaType.WAV if suffix == ".wav" else MediaType.M4A
    assert peak_bytes(source, tmp_path / "b", kind) < 16 << 20
