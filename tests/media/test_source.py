import io
import os
from pathlib import Path

import fsspec
import pytest

from labeler.errors import MediaTooLargeError, SettingsError, UnreadableMediaError
from labeler.media.scratch import Scratch
from labeler.media.source import as_local_path, read_content
from tests.clips import clip
from tests.sounds import murmur, save

DATA = bytes(range(256)) * 4


class Trickle(io.RawIOBase):
    """Gives a few bytes at a time, as pipes and sockets do."""

    def __init__(self, data):
        self._data = data

    def readable(self):
        return True

    def readinto(self, buffer):
        piece, self._data = self._data[:7], self._data[7:]
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ä b.bin"
    path.write_bytes(DATA)
    return path


def test_every_kind_of_source_gives_the_same_bytes(file):
    fsspec.filesystem("memory").pipe_file("/sources/a.bin", DATA)
    sources = [
        file,
        str(file),
        file.as_uri(),
        "memory://sources/a.bin",
        DATA,
        bytearray(DATA),
        memoryview(DATA),
        io.BytesIO(DATA),
        Trickle(DATA),
    ]
    for source in sources:
        content = read_content(source, max_bytes=len(DATA))
        assert content.data == DATA
        assert content.sha256 == read_content(DATA, max_bytes=2000).sha256


def test_names_and_paths(file):
    assert read_content(file, max_bytes=2000).name == str(file)
    assert read_content(file, max_bytes=2000).path == file
    assert read_content(file.as_uri(), max_bytes=2000).path == file
    assert read_content(DATA, max_bytes=2000).path is None
    assert read_content(DATA, max_bytes=2000, name="upload.png").name == "upload.png"
    assert read_content(DATA, max_bytes=2000).name == "<bytes>"
    assert read_content(io.BytesIO(DATA), max_bytes=2000).name == "<stream>"
    with file.open("rb") as stream:
        assert read_content(stream, max_bytes=2000).name == str(file)


def test_a_stream_is_read_from_where_it_stands():
    stream = io.BytesIO(DATA)
    stream.seek(1000)
    assert read_content(stream, max_bytes=2000).data == DATA[1000:]


@pytest.mark.parametrize("make", [lambda file: file, lambda _: DATA, lambda _: io.BytesIO(DATA)])
def test_more_than_the_limit_is_refused(file, make):
    with pytest.raises(MediaTooLargeError, match="more than 1023 bytes"):
        read_content(make(file), max_bytes=1023)


def test_an_endless_source_is_not_read_to_its_end():
    with Path("/dev/zero").open("rb") as stream, pytest.raises(MediaTooLargeError):
        read_content(stream, max_bytes=100_000)


def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableMediaError, match="a pipe or device"):
        read_content(tmp_path / "pipe.png", max_bytes=100)


@pytest.mark.parametrize("source", ["none.png", "memory://none/at/all.png", Path()])
def test_what_cannot_be_read_is_named(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableMediaError) as caught:
        read_content(source, max_bytes=100)
    assert caught.value.file == str(source)


def test_an_unknown_protocol_is_named():
    with pytest.raises(SettingsError, match="protocol") as caught:
        read_content("nonsense://a/b", max_bytes=100)
    assert caught.value.file == "nonsense://a/b"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("a.png", Path("a.png")),
        ("/a b.png", Path("/a b.png")),
        ("file:///a%20b.png", Path("/a b.png")),
        ("file://localhost/a.png", Path("/a.png")),
        ("s3://bucket/a.png", None),
        ("simplecache::s3://bucket/a.png", None),
        ("odd:name://x", None),
        ("what: a://name.png", Path("what: a://name.png")),
    ],
)
def test_local_paths_are_told_from_urls(location, path):
    assert as_local_path(location) == path


@pytest.mark.parametrize("source", [None, 3, object()])
def test_what_is_no_source_is_told(source):
    with pytest.raises(TypeError, match="bytes or a stream is needed, not"):
        read_content(source, max_bytes=100)


def test_for_a_pydub_segment_the_way_is_told():
    class AudioSegment:
        pass

    with pytest.raises(TypeError, match=r"labeler\.integrations\.segments\.stamp"):
        read_content(AudioSegment(), max_bytes=100)


# ------------------------------------------------------------------------------------------- sound

SOUND = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(6000)


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(SOUND)
    return path


def test_sound_in_a_file_stays_there(sound):
    with Scratch(sound.parent / "scratch") as scratch:
        content = read_content(sound, max_bytes=100, max_sound_bytes=10_000, scratch=scratch)
        assert content.local_path == content.path == sound
        assert content.data == SOUND
        assert not (sound.parent / "scratch").exists()


@pytest.mark.parametrize("kind", ["bytes", "stream", "trickle", "URL"])
def test_sound_from_elsewhere_is_put_on_disk_as_long_as_it_is_needed(tmp_path, kind):
    fsspec.filesystem("memory").pipe_file("/sources/a.wav", SOUND)
    source = {
        "bytes": SOUND,
        "stream": io.BytesIO(SOUND),
        "trickle": Trickle(SOUND),
        "URL": "memory://sources/a.wav",
    }[kind]
    with Scratch(tmp_path) as scratch:
        content = read_content(source, max_bytes=100, max_sound_bytes=10_000, scratch=scratch)
        assert content.path is None  # nothing lies beside it
        assert content.local_path.read_bytes() == SOUND
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_on_disk_sound_is_read_like_a_picture():
    assert read_content(SOUND, max_bytes=10_000).file is None
    with pytest.raises(MediaTooLargeError, match="more than 100 bytes"):
        read_content(io.BytesIO(SOUND), max_bytes=100, max_sound_bytes=10_000)


@pytest.mark.parametrize("form", ["path", "bytes", "stream"])
def test_more_sound_than_the_limit_is_refused_and_nothing_stays(sound, tmp_path, form):
    source = {"path": sound, "bytes": SOUND, "stream": io.BytesIO(SOUND)}[form]
    folder = tmp_path / "scratch"
    with (
        pytest.raises(MediaTooLargeError, match="more than 1000 bytes") as caught,
        Scratch(folder) as scratch,
    ):
        read_content(source, max_bytes=10_000, max_sound_bytes=1000, scratch=scratch)
    assert "LABELER_MAX_SOUND_BYTES" in caught.value.hint
    assert not folder.exists() or list(folder.iterdir()) == []


def test_endless_sound_is_not_read_to_its_end(tmp_path):
    class Radio(io.RawIOBase):
        def readinto(self, buffer):
            buffer[:] = (b"RIFF\xff\xff\xff\xffWAVE" + bytes(len(buffer)))[: len(buffer)]
            return len(buffer)

    with pytest.raises(MediaTooLargeError), Scratch(tmp_path) as scratch:
        read_content(Radio(), max_bytes=100, max_sound_bytes=5_000_000, scratch=scratch)


# ------------------------------------------------------------------------------------------- films


@pytest.mark.parametrize("form", ["path", "bytes", "stream"])
@pytest.mark.parametrize("is_film", [True, False])
def test_films_and_sound_in_the_same_container_have_limits_of_their_own(tmp_path, form, is_film):
    path = clip(".mp4", frames=12)
    if not is_film:
        path = save(tmp_path / "a.m4a", murmur(3))
    data = path.read_bytes()
    source = {"path": path, "bytes": data, "stream": io.BytesIO(data)}[form]
    large, small = len(data), 1000
    limits = {"max_video_bytes": large, "max_sound_bytes": small}
    wrong = {"max_video_bytes": small, "max_sound_bytes": large}
    variable = "LABELER_MAX_VIDEO_BYTES"
    if not is_film:
        limits, wrong, variable = wrong, limits, "LABELER_MAX_SOUND_BYTES"
    with Scratch(tmp_path / "scratch") as scratch:
        content = read_content(source, max_bytes=100, scratch=scratch, **limits)
        assert content.local_path.read_bytes() == data
    source = io.BytesIO(data) if form == "stream" else source
    with (
        pytest.raises(MediaTooLargeError, match="more than 1000 bytes") as caught,
        Scratch(tmp_path / "scratch") as scratch,
    ):
        read_content(source, max_bytes=100, scratch=scratch, **wrong)
    assert variable in caught.value.hint
    assert not (tmp_path / "scratch").exists() or list((tmp_path / "scratch").iterdir()) == []
