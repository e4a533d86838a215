import gzip
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.containers.bmff import make_box
from labeler.errors import MediaError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaKind, MediaType, check_name, sniff, sniff_file
from tests.clips import clip
from tests.media.making import pixels, saved
from tests.media.sounds import ran, sound

ANIMATED = {"save_all": True, "append_images": [Image.fromarray(pixels(seed=1))], "duration": 40}


@pytest.mark.parametrize(
    ("form", "options", "expected"),
    [
        ("JPEG", {}, MediaType.JPEG),
        ("JPEG", {"progressive": True}, MediaType.JPEG),
        ("PNG", {}, MediaType.PNG),
        ("PNG", ANIMATED, MediaType.PNG),
        ("WEBP", {}, MediaType.WEBP),
        ("WEBP", ANIMATED | {"lossless": True}, MediaType.WEBP),
        ("AVIF", {}, MediaType.AVIF),
        ("AVIF", ANIMATED, MediaType.AVIF),
        ("TIFF", {}, MediaType.TIFF),
        ("TIFF", {"big_tiff": True}, MediaType.TIFF),
        ("GIF", {}, MediaType.GIF),
    ],
)
def test_knows_what_pillow_writes(form, options, expected):
    assert sniff(saved(pixels(), form, **options), name="x") is expected


def test_knows_heic():
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels())).save(buffer, quality=50)
    assert sniff(buffer.getvalue(), name="x") is MediaType.HEIC


def test_tells_big_endian_tiff():
    assert sniff(b"MM\0*\0\0\0\x08", name="x") is MediaType.TIFF
    assert sniff(b"MM\0+\0\x08\0\0", name="x") is MediaType.TIFF


def test_a_heif_brand_may_stand_among_the_compatible_ones():
    head = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf"
    assert sniff(head, name="x") is MediaType.HEIC
    assert sniff(head.replace(b"heic", b"avif"), name="x") is MediaType.AVIF


def test_values_and_extensions():
    assert [t.value for t in MediaType][:2] == ["image/jpeg", "image/png"]
    assert {t.kind for t in MediaType} == set(MediaKind)
    assert MediaType.TIFF.extension == ".tif"
    assert all(t.extension in t.extensions for t in MediaType)
    every = [extension for t in MediaType for extension in t.extensions]
    shared = {extension for extension in every if every.count(extension) > 1}
    assert shared == {".mp4", ".m4v", ".webm", ".mkv"}


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (saved(pixels(), "BMP"), "BMP"),
        (saved(pixels(), "ICO"), "icon"),
        (saved(pixels(), "JPEG2000"), "JPEG 2000"),
        (_zip(), "ZIP"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\n <!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (json.dumps({"error": "x"}).encode(), "text"),
        (b"\xff\x0a\x00", "JPEG XL"),
    ],
)
def test_says_what_a_foreign_file_is(data, says):
    with pytest.raises(UnsupportedMediaError, match=says) as caught:
        sniff(data, name="in/a.jpg")
    assert caught.value.file == "in/a.jpg"
    assert caught.value.hint


def test_unknown_empty_and_blank_files():
    with pytest.raises(UnsupportedMediaError, match="no format that Labeler recognises"):
        sniff(np.random.default_rng(0).bytes(500), name="x")
    with pytest.raises(UnreadableMediaError, match="empty"):
        sniff(b"", name="x")
    with pytest.raises(UnreadableMediaError, match="zero bytes"):
        sniff(bytes(5000), name="x")


@pytest.mark.parametrize("name", ["a.PNG", "b.apng", "dir.jpg/c", "d.bin", "e", "f.png.tmp"])
def test_names_that_fit_or_promise_nothing(name):
    check_name(MediaType.PNG, name)


@pytest.mark.parametrize(
    ("media_type", "name", "words"),
    [
        (MediaType.PNG, "dir/a.jpg", ["JPEG", ".jpg", "PNG", "a.png"]),
        (MediaType.JPEG, "a.heic", ["HEIC", "JPEG", "a.jpg"]),
        (MediaType.WEBP, "clip.MP4", ["MP4", "WebP", "clip.webp"]),
        (MediaType.TIFF, "raw.dng", ["camera raw", "TIFF"]),
    ],
)
def test_mislabelled_files_are_refused(media_type, name, words):
    with pytest.raises(UnreadableMediaError) as caught:
        check_name(media_type, name)
    assert caught.value.file == name
    for word in words:
        assert word in str(caught.value)


def audible(form, subtype):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound(9000), 48_000, format=form, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "subtype", "expected"),
    [
        ("WAV", "PCM_16", MediaType.WAV),
        ("WAVEX", "FLOAT", MediaType.WAV),
        ("RF64", "PCM_16", MediaType.WAV),
        ("AIFF", "PCM_16", MediaType.AIFF),
        ("AIFF", "FLOAT", MediaType.AIFF),
        ("FLAC", "PCM_24", MediaType.FLAC),
        ("OGG", "VORBIS", MediaType.OGG),
        ("OGG", "OPUS", MediaType.OGG),
        ("MP3", "MPEG_LAYER_III", MediaType.MP3),
    ],
)
def test_knows_what_soundfile_writes(form, subtype, expected):
    data = audible(form, subtype)
    assert sniff(data, name="x") is expected
    assert sniff_file(io.BytesIO(data), name="x") is expected


FFMPEG = {
    "a.mp3": ([], MediaType.MP3),
    "bare.mp3": (["-write_xing", "0", "-id3v2_version", "0"], MediaType.MP3),
    "a.mp2": ([], MediaType.MP3),
    "a.aac": ([], MediaType.AAC),
    "a.m4a": ([], MediaType.M4A),
    "a.mp4": ([], MediaType.M4A),
    "a.webm": ([], MediaType.WEBM),
    "a.mka": ([], MediaType.WEBM),
    "a.oga": ([], MediaType.OGG),
    "a.w64": ([], "Wave64"),
    "a.caf": ([], "CAF"),
    "a.wma": ([], "Windows Media"),
    "a.ac3": ([], "AC-3"),
    "a.au": ([], "AU"),
    "a.mov": ([], "QuickTime"),
    "a.3gp": (["-c:a", "aac"], "3GPP"),
    "a.tta": ([], "TTA"),
    "a.wv": ([], "WavPack"),
    "a.spx": (["-c:a", "libspeex"], "Speex"),
}


@pytest.mark.system
@pytest.mark.parametrize("name", FFMPEG)
def test_knows_what_ffmpeg_writes(tmp_path, name):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    options, expected = FFMPEG[name]
    path, source = tmp_path / name, "sine=d=0.5:r=32000"
    ran("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *options, path)
    if isinstance(expected, MediaType):
        assert sniff(path.read_bytes(), name="x") is expected
        check_name(expected, name)
        return
    with pytest.raises(UnsupportedMediaError, match=expected) as caught:
        sniff(path.read_bytes(), name="x")
    assert caught.value.hint


@pytest.mark.system
def test_an_ogg_video_is_refused(tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = tmp_path / "a.ogv"
    inputs = ["-f", "lavfi", "-i", "sine=d=0.5", "-f", "lavfi", "-i", "testsrc=d=0.5:s=32x32"]
    ran("ffmpeg", "-v", "error", *inputs, "-c:v", "libtheora", path)
    with pytest.raises(UnsupportedMediaError, match="Ogg video"):
        sniff(path.read_bytes(), name="x")


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"FLV\1" + bytes(60), "a Flash video"),
        (b"\0\0\1\xba" + bytes(60), "an MPEG video"),
        ((b"G" + bytes(187)) * 4, "an MPEG transport stream"),
        ((bytes(4) + b"G" + bytes(187)) * 4, "an MPEG transport stream"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(60), "Windows Media"),
    ],
)
def test_films_that_are_not_handled_are_named_with_a_way_out(head, says):
    with pytest.raises(UnsupportedMediaError, match=f"the file is {says}") as caught:
        sniff(head, name="x")
    assert "MP4 or Matroska" in caught.value.hint


def test_text_is_no_transport_stream():
    with pytest.raises(UnsupportedMediaError, match="no format"):
        sniff(b"Great! " * 100, name="x")


def tagged(size, data):
    size_bytes = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + size_bytes + bytes(size) + data


ADTS = bytes.fromhex("fff15080 08 9ffc") + bytes(60) + bytes.fromhex("fff15080 08 9ffc")
MPEG = bytes.fromhex("fffb9064") + bytes(413)


@pytest.mark.parametrize("size", [0, 100, 5000, 300_000])
@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"fLaC", MediaType.FLAC), (MPEG * 3, MediaType.MP3), (ADTS, MediaType.AAC)],
)
def test_an_id3_tag_is_passed_however_long_it_is(size, data, expected):
    file = tagged(size, data)
    assert sniff_file(io.BytesIO(file), name="x") is expected
    assert sniff(file, name="x") is expected
    # All that is known of one that does not fit into the beginning is what such files usually are.
    assert sniff(tagged(9000, data)[:4096], name="x") is MediaType.MP3


def test_an_id3_tag_before_something_else():
    with pytest.raises(UnsupportedMediaError, match="Monkey's Audio"):
        sniff(tagged(30, b"MAC \x96\x0f"), name="x")


@pytest.mark.parametrize("skipped", [0, 1, 417, 1000])
def test_a_stream_may_begin_within_a_frame(skipped):
    assert sniff((MPEG * 9)[skipped:], name="x") is MediaType.MP3


def test_one_header_of_a_frame_proves_nothing():
    for data in (MPEG[:-9] + bytes(800), bytes(50) + MPEG * 2, "\ufeffhello".encode("utf-16")):
        with pytest.raises(MediaError):
            sniff(data, name="x")
    assert sniff(MPEG[:300], name="x") is MediaType.MP3


@pytest.mark.parametrize(
    ("brands", "says"),
    [
        (b"M4A \0\0\2\0M4A mp42isom", MediaType.M4A),
        (b"M4B \0\0\2\0", MediaType.M4A),
        (b"mp42\0\0\0\0isom", MediaType.MP4),
        (b"iso6\0\0\2\0dash", MediaType.MP4),
        (b"abcd\0\0\0\0isom", MediaType.MP4),
        (b"M4V \0\0\0\0isom", MediaType.MP4),
        (b"qt  \0\0\0\0", MediaType.MOV),
        (b"M4P \0\0\0\0isom", "copy protection"),
        (b"3gp4\0\0\0\0isom", "3GPP"),
        (b"mif1\0\0\0\0isom", "HEIF"),
        (b"abcd\0\0\0\0", "MP4 or QuickTime"),
    ],
)
def test_brands_of_mp4(brands, says):
    head = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    if isinstance(says, MediaType):
        assert sniff(head, name="x") is says
        return
    with pytest.raises(UnsupportedMediaError, match=says):
        sniff(head, name="x")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"RIFF\4\0\0\0RMIDdata", "notes and no sound"),
        (b"MThd\0\0\0\6", "notes and no sound"),
        (b"RIFX\4\0\0\0WAVE", "RIFX"),
        (b"RIFF\4\0\0\0ABCD", "neither a picture, nor sound"),
        (b"FORM\0\0\0\4ILBM", "no AIFF"),
        (b"#!AMR\n", "AMR"),
        (b"DSD " + bytes(20), "DSF"),
        (b"OggS\0\2" + bytes(20) + b"\1\x08PCM     ", "neither Vorbis"),
        (b"OggS", "neither Vorbis"),
        (b"\0\0\1\xba\x44", "MPEG video"),
    ],
)
def test_says_what_a_foreign_sound_is(data, says):
    with pytest.raises(UnsupportedMediaError, match=says) as caught:
        sniff(data, name="x")
    assert caught.value.hint


HEADS = st.sampled_from([
    b"", b"RIFF", b"FORM", b"OggS\0\2", b"ID3\4\0\0\0\0\0\5", b"\0\0\0\x20ftyp", b"\xff\xfb\x90",
    b"\xff\xf1\x50", b"ID3\4\0\0",
])  # fmt: skip


@given(HEADS, st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_every_beginning_is_something_or_an_error(head, tail):
    for tell in (
        lambda: sniff(head + tail, name="x"),
        lambda: sniff_file(io.BytesIO(head + tail), name="x"),
    ):
        try:
            assert tell() in MediaType
        except MediaError as exc:
            assert exc.hint  # noqa: PT017 - whether it is raised depends on the bytes


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        (MediaType.OGG, "a.opus"),
        (MediaType.M4A, "a.mp4"),
        (MediaType.M4A, "a.m4v"),
        (MediaType.WEBM, "a.mkv"),
        (MediaType.WAV, "a.BWF"),
    ],
)
def test_names_of_sounds(media_type, name):
    check_name(media_type, name)


def test_a_sound_under_another_name():
    with pytest.raises(UnreadableMediaError, match=r"says MP3 \(.mp3\), but the content is WAV"):
        check_name(MediaType.WAV, "a.mp3")
    with pytest.raises(UnreadableMediaError, match=r"says WebM \(.webm\), but the content is Ogg"):
        check_name(MediaType.OGG, "a.webm")


@pytest.mark.parametrize(
    ("extension", "promised"),
    [("mp4", "MP4"), ("m4v", "MP4"), ("mkv", "Matroska"), ("m4a", "M4A"), ("mka", "WebM")],
)
def test_a_picture_under_the_name_of_a_film(extension, promised):
    with pytest.raises(UnreadableMediaError, match=f"the name says {promised} "):
        check_name(MediaType.JPEG, f"a.{extension}")


@pytest.mark.parametrize(
    ("suffix", "options", "expected"),
    [
        (".mp4", {}, MediaType.MP4),
        (".mp4", {"sound": "aac"}, MediaType.MP4),
        (".mp4", {"mux": (("movflags", "+faststart"),)}, MediaType.MP4),
        (".mp4", {"mux": (("movflags", "+frag_keyframe+empty_moov"),)}, MediaType.MP4),
        (".mov", {}, MediaType.MOV),
        (".mkv", {"sound": "opus"}, MediaType.MKV),
        (".webm", {}, MediaType.WEBM_VIDEO),
        (".avi", {"codec": "mpeg4"}, MediaType.AVI),
    ],
)
def test_knows_films(suffix, options, expected):
    path = clip(suffix, frames=3, **options)
    with path.open("rb") as file:
        assert sniff_file(file, name="x") is expected
    assert sniff(path.read_bytes(), name="x") is expected
    assert expected.kind is MediaKind.VIDEO
    check_name(expected, path.name)


def test_a_film_is_told_although_its_tracks_are_listed_behind_gigabytes(tmp_path):
    data = clip(".mp4", frames=3).read_bytes()
    at = data.index(b"moov") - 4
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        # A box with a 64-bit size, most of it a hole in the file.
        size = 5 << 30
        file.write(data[:32] + b"\0\0\0\1mdat" + size.to_bytes(8, "big"))
        file.seek(32 + size)
        file.write(data[at:])
    with path.open("rb") as file:
        assert sniff_file(file, name="x") is MediaType.MP4


def test_quicktime_before_brands():
    data = clip(".mov", frames=3).read_bytes()
    size = int.from_bytes(data[:4], "big")
    assert sniff(data[size:], name="x") is MediaType.MOV
    for word in (b"The wide", b"Now skip", b"Feelfree"):
        with pytest.raises(UnsupportedMediaError, match="no format"):
            sniff(word + b" text that goes on", name="x")


def test_pictures_of_chapters_are_no_film():
    data = clip(".mp4", frames=3, sound="aac").read_bytes()
    assert sniff(data, name="x") is MediaType.MP4
    # The sound names the picture track (number 1) for its chapters.
    moov = data[data.index(b"moov") - 4 :]
    second = moov.index(b"trak", moov.index(b"trak") + 4) - 4
    tref = make_box(b"tref", make_box(b"chap", (1).to_bytes(4, "big")))
    grown = bytearray(moov[: second + 8] + tref + moov[second + 8 :])
    for at in (0, second):
        grown[at : at + 4] = (int.from_bytes(grown[at : at + 4], "big") + len(tref)).to_bytes(
            4, "big"
        )
    assert sniff(data[: -len(moov)] + grown, name="x") is MediaType.M4A


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_film_cut_off_anywhere_is_still_one(suffix):
    data = clip(suffix, frames=3, sound="opus" if suffix == ".webm" else "aac").read_bytes()
    expected = sniff(data, name="x")
    for size in (64, 300, 700, len(data) // 2, len(data) - 1):
        found = sniff(data[:size], name="x")
        # Where even the word WebM is cut off, Matroska is what remains.
        assert found in {expected, MediaType.MKV} if suffix == ".webm" else found is expected


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_in_the_list_of_tracks_is_no_accident(data):
    suffix = data.draw(st.sampled_from([".mp4", ".mkv"]))
    film = bytearray(clip(suffix, frames=1, width=32, height=32).read_bytes())
    start = film.index(b"moov") if suffix == ".mp4" else 0
    for _ in range(4):
        at = data.draw(st.integers(start, len(film) - 1))
        film[at] = data.draw(st.integers(0, 255))
    try:
        assert sniff(bytes(film), name="x") in MediaType
    except MediaError as exc:
        assert exc.hint  # noqa: PT017 - whether it is raised depends on the bytes
