"""Claims go into films where readers of their format look, and nothing else changes."""

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler.containers import bmff, riff
from labeler.errors import MetadataError, UnreadableMediaError
from labeler.media.media_type import MediaType
from labeler.metadata import Tags, read_file, write_file
from labeler.metadata.statements import AIGC_HINT
from tests.clips import clip
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

SMALL = {"width": 64, "height": 48, "frames": 12, "gop": 6}
OLD_TAGS = {"title": "T \u00f6", "comment": "kept"}
FAST, FRAGMENTED = "+faststart", "frag_keyframe+empty_moov"
WORDS = ((0.0, 0.2, "Hello"),)
FILMS = {
    "mp4": (".mp4", {"sound": "aac", "subtitles": WORDS}, ""),
    "fast mp4": (".mp4", {"sound": "aac"}, FAST),
    "fragmented mp4": (".mp4", {"sound": "aac"}, f"{FRAGMENTED}+default_base_moof"),
    "mov": (".mov", {"sound": "pcm"}, ""),
    "fast mov": (".mov", {"sound": "aac", "chapters": ((0, 0.2, "One"),)}, FAST),
    "fragmented mov": (".mov", {"sound": "aac"}, FRAGMENTED),
    "mov with keys": (".mov", {}, f"{FAST}+use_metadata_tags"),
    "avi": (".avi", {"codec": "mpeg4", "sound": "mp3"}, ""),
    "mkv": (".mkv", {"sound": "opus", "subtitles": WORDS, "language": "deu"}, ""),
    "webm": (".webm", {"sound": "opus", "chapters": ((0, 0.2, "One"),)}, ""),
}
APPENDED = ("mp4", "fast mp4", "fragmented mp4", "avi")

every_film = pytest.mark.parametrize("name", FILMS)


@pytest.fixture(scope="module")
def films():
    """A film of every layout, with a title and a comment."""
    return {
        name: clip(
            suffix,
            **SMALL,
            **options,
            metadata=tuple(OLD_TAGS.items()),
            mux=(("movflags", flags),) if flags else (),
        )
        for name, (suffix, options, flags) in FILMS.items()
    }


def old_tags(path):
    """Texts of the file, of its tracks and of its chapters."""
    with av.open(str(path)) as container:
        chapters = [(c["start"], c["end"], c["metadata"]) for c in container.chapters()]
        tracks = [dict(stream.metadata) for stream in container.streams]
        return dict(container.metadata), tracks, chapters


# ----------------------------------------------------------------------------------------- formats


@every_film
def test_claims_are_written_and_read_and_nothing_else_changes(name, films, tmp_path):
    source = films[name]
    before = source.read_bytes()
    path = written(source, tmp_path)
    assert source.read_bytes() == before
    assert read_file(path, kind_of(path)) == EXPECTED
    assert kind_of(path) is kind_of(source)
    assert packets(path) == packets(source)
    (old, *rest), (new, *kept) = old_tags(source), old_tags(path)
    assert OLD_TAGS.items() <= {key.lower(): value for key, value in old.items()}.items()
    assert old.items() <= new.items()
    assert kept == rest


@every_film
def test_a_film_that_claims_nothing_says_nothing(name, films):
    assert read_file(films[name], kind_of(films[name])) == Tags()


@every_film
def test_other_claims_take_the_place_of_those_before(name, films, tmp_path):
    first, _, back = replaced(films[name], tmp_path)
    growth = back.stat().st_size - first.stat().st_size
    assert growth < (2200 if name.endswith("mp4") else 16)  # MP4 leaves free space


@pytest.mark.system
@pytest.mark.parametrize("name", [name for name in FILMS if name not in {"mkv", "webm"}])
def test_exiftool_reads_the_same(name, films, tmp_path):
    before, tags = exiftool(films[name]), exiftool(written(films[name], tmp_path))
    assert_claimed(tags)
    for member in ("validate", "error", "title", "duration", "trackduration"):
        assert tags.get(member) == before.get(member)


@pytest.mark.parametrize("name", ["mkv", "webm"])
def test_ffmpeg_shows_the_fields(name, films, tmp_path):
    tags = {
        key.lower(): value for key, value in old_tags(written(films[name], tmp_path))[0].items()
    }
    assert tags["digitalsourcetype"] == EXPECTED.digital_source_type
    assert tags["aisystemused"] == FULL.generator


# ----------------------------------------------------------------------------- what stays in place


@pytest.mark.parametrize("name", APPENDED)
def test_claims_are_appended_so_that_nothing_moves(name, films, tmp_path):
    before, after = films[name].read_bytes(), written(films[name], tmp_path).read_bytes()
    kept = len(before) if "fragmented" not in name else before.rindex(b"mfra") - 4
    assert after[8:kept] == before[8:kept]


@pytest.mark.parametrize("name", ["mov", "fast mov", "fragmented mov", "mov with keys"])
def test_quicktime_keeps_everything_beside_its_header(name, films, tmp_path):
    old = bmff.boxes(films[name].read_bytes())
    new = bmff.boxes(written(films[name], tmp_path).read_bytes())
    assert [box.type for box in new] == [box.type for box in old]
    for before, after in zip(old, new, strict=True):
        if before.type == b"mdat":
            assert after.raw == before.raw
        if before.type == b"moov":
            kinds = [box.type for box in bmff.boxes(before.body)]
            assert [box.type for box in bmff.boxes(after.body)] == (
                kinds if b"udta" in kinds else [*kinds, b"udta"]
            )


# ----------------------------------------------------------------------------------- what was there


def with_header(data, change):
    """A QuickTime film whose last box is its header, with another one."""
    moov = next(box for box in bmff.boxes(data) if box.type == b"moov")
    assert moov.end == len(data)
    return data[: moov.start] + bmff.make_box(b"moov", change(moov.body))


def user_data(*parts):
    def change(moov):
        kept = (box.raw for box in bmff.boxes(moov) if box.type != b"udta")
        return b"".join([*kept, bmff.make_box(b"udta", *parts)])

    return change


def test_a_quicktime_packet_that_was_there_is_merged(films, tmp_path):
    name = bmff.make_box(b"\xa9nam", b"\0\x01\0\0T")
    source = tmp_path / "a.mov"
    # The list of user data may end in four zero bytes.
    change = user_data(bmff.make_box(b"XMP_", RICH_XMP), name, bytes(4))
    source.write_bytes(with_header(films["mov"].read_bytes(), change))
    path = written(source, tmp_path)
    data = path.read_bytes()
    assert read_file(path, MediaType.MOV) == EXPECTED
    assert (data.count(b"audio/kept"), data.count(b"<x:xmpmeta")) == (1, 1)
    assert name in data
    assert data.endswith(bytes(4))
    assert packets(path) == packets(source)


def test_a_packet_in_the_place_of_mp4_moves_to_that_of_quicktime(films, tmp_path):
    source = tmp_path / "a.mov"
    source.write_bytes(films["mov"].read_bytes() + bmff.make_box(b"uuid", UUID, RICH_XMP))
    path = written(source, tmp_path)
    data = path.read_bytes()
    assert read_file(path, MediaType.MOV) == EXPECTED
    assert (data.count(b"audio/kept"), data.count(UUID)) == (1, 0)
    assert b"XMP_" in data


def with_chunk(data, kind, content, *, before):
    """An AVI film with a chunk in front of another."""
    chunk = kind + len(content).to_bytes(4, "little") + content + bytes(len(content) & 1)
    at = data.index(before)
    size = int.from_bytes(data[4:8], "little") + len(chunk)
    return data[:4] + size.to_bytes(4, "little") + data[8:at] + chunk + data[at:]


def test_an_avi_packet_in_front_leaves_empty_space(films, tmp_path):
    data = films["avi"].read_bytes()
    source = tmp_path / "a.avi"
    source.write_bytes(with_chunk(data, b"_PMX", RICH_XMP, before=b"idx1"))
    path = written(source, tmp_path)
    with path.open("rb") as file:
        (part,) = riff.parts(file)
    assert [chunk.type for chunk in part.chunks][-3:] == [b"JUNK", b"idx1", b"_PMX"]
    assert part.end == path.stat().st_size
    assert path.read_bytes().count(b"audio/kept") == 1
    assert read_file(path, MediaType.AVI) == EXPECTED
    assert packets(path) == packets(source)


@pytest.mark.parametrize("gap", [b"", b"\0\0\0\0"])
def test_an_avi_film_of_several_parts_is_written_to_at_its_end(gap, films, tmp_path):
    first = with_chunk(films["avi"].read_bytes(), b"_PMX", RICH_XMP, before=b"idx1")
    size = len(first) - 8 + len(gap)
    part = b"AVIXLIST\x0e\0\0\x00movi00dc\x02\0\0\0ab"
    data = b"RIFF" + size.to_bytes(4, "little") + first[8:] + gap + b"RIFF\x1a\0\0\0" + part
    source = tmp_path / "a.avi"
    source.write_bytes(data)
    path = written(source, tmp_path)
    after = path.read_bytes()
    assert read_file(path, MediaType.AVI) == EXPECTED
    at = data.index(b"_PMX")
    end = at + 8 + len(RICH_XMP)
    assert after[:at] + after[end : len(data) - 34] == data[:at] + data[end:-34]
    assert after[at:end] == b"JUNK" + data[at + 4 : at + 8] + bytes(len(RICH_XMP))
    assert after[len(data) - len(part) : len(data)] == part
    with path.open("rb") as file:
        parts = riff.parts(file)
    assert [chunk.type for chunk in parts[1].chunks] == [b"LIST", b"_PMX"]
    assert parts[1].end == len(after)


@pytest.mark.parametrize("name", ["mov", "avi"])
def test_a_packet_that_is_none_is_refused(name, films, tmp_path):
    data = films[name].read_bytes()
    if name == "mov":
        data = with_header(data, user_data(bmff.make_box(b"XMP_", b"<no xmp")))
    else:
        data = with_chunk(data, b"_PMX", b"<no xmp", before=b"idx1")
    source = tmp_path / f"bad.{name}"
    source.write_bytes(data)
    with pytest.raises(MetadataError) as caught:
        written(source, tmp_path)
    assert (caught.value.file, bool(caught.value.hint)) == (source.name, True)
    assert not (tmp_path / f"out.{name}").exists()


@pytest.mark.parametrize(
    ("moov", "reason"),
    [
        (bmff.make_box(b"cmov"), "compressed"),
        (bmff.make_full_box(b"meta", 0, 0, [bmff.make_full_box(b"iloc", 0, 0, [])]), "iloc"),
    ],
)
def test_a_header_that_cannot_grow_is_refused(moov, reason, tmp_path):
    source = tmp_path / "a.mov"
    boxes = ((b"ftyp", b"qt  "), (b"moov", moov), (b"mdat", b"film"))
    source.write_bytes(b"".join(bmff.make_box(*box) for box in boxes))
    with pytest.raises(MetadataError, match=reason) as caught:
        write_file(source, tmp_path / "b.mov", MediaType.MOV, FULL, name="a.mov")
    assert caught.value.hint
    assert not (tmp_path / "b.mov").exists()


def test_a_film_without_header_is_unreadable(tmp_path):
    source = tmp_path / "a.mov"
    source.write_bytes(bmff.make_box(b"ftyp", b"qt  ") + bmff.make_box(b"mdat", b"film"))
    with pytest.raises(UnreadableMediaError, match="moov"):
        write_file(source, tmp_path / "b.mov", MediaType.MOV, FULL, name="a.mov")


def test_an_avi_film_of_4_gib_is_refused(films, tmp_path, monkeypatch):
    monkeypatch.setattr("labeler.metadata.video_packets._MAX_RIFF_BYTES", 1000)
    with pytest.raises(MetadataError, match="4 GiB"):
        written(films["avi"], tmp_path)


# ------------------------------------------------------------------------------------------- hints


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_field_named_aigc_is_a_hint(suffix):
    mux = (("movflags", "use_metadata_tags"),) if suffix in {".mp4", ".mov"} else ()
    path = clip(suffix, **SMALL, metadata=(("AIGC", '{"Label":"1"}'),), mux=mux)
    tags = read_file(path, kind_of(path))
    assert (tags.generator_hints, tags.source_type) == ((AIGC_HINT,), None)


def test_an_aigc_text_in_avi_is_a_hint(films, tmp_path):
    path = tmp_path / "label.avi"
    text = b"INFOAIGC\x04\0\0\0{1}\0"
    path.write_bytes(with_chunk(films["avi"].read_bytes(), b"LIST", text, before=b"idx1"))
    assert read_file(path, MediaType.AVI).generator_hints == (AIGC_HINT,)


# ----------------------------------------------------------------------------------------- failure


@every_film
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_gives_one_clear_error_or_none(name, films, tmp_path, data):
    kind, whole = kind_of(films[name]), bytearray(films[name].read_bytes())
    places = st.integers(0, 1500) | st.integers(len(whole) - 1500, len(whole) - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)))):
        whole[at] = value
    cut = data.draw(st.integers(0, len(whole)) | st.just(len(whole)))
    assert_survived(whole[:cut], kind, tmp_path)


@pytest.mark.parametrize("name", ["fast mov", "avi", "mkv"])
def test_memory_does_not_grow_with_the_file(name, films, tmp_path):
    source, size = tmp_path / f"a{films[name].suffix}", 96 << 20
    data = films[name].read_bytes()
    with source.open("wb") as file:
        file.write(data)
        if name == "avi":
            file.write(b"JUNK" + (size - 8).to_bytes(4, "little"))
        elif name != "mkv":
            file.write(size.to_bytes(4, "big") + b"mdat")
        file.truncate(len(data) + size)
        if name == "avi":
            file.seek(4)
            file.write((len(data) + size - 8).to_bytes(4, "little"))
    kind = kind_of(films[name])
    assert peak_bytes(source, tmp_path / "b", kind) < 16 << 20
