import numpy as np
import pytest
import soundfile

from labeler.errors import UnsupportedMediaError
from labeler.media.sound import open_sound
from labeler.media.sound_times import tied_in_comments, tied_in_id3
from tests.films import film
from tests.sounds import load, murmur, save


def opened(path):
    return open_sound(path, name=path.name)


def doubled(path, target):
    sound = opened(path)
    blocks = [*sound.blocks(3000), *sound.blocks(3000)]
    sound.encode(blocks, target, length=sum(map(len, blocks)))
    return np.concatenate(blocks)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_wav_gets_longer(tmp_path, subtype):
    path = tmp_path / "a.wav"
    soundfile.write(path, murmur(0.5), 16_000, subtype=subtype)
    wanted = doubled(path, tmp_path / "b.wav")
    found = soundfile.read(tmp_path / "b.wav", always_2d=True)[0]
    assert (found == wanted).all()
    if subtype == "FLOAT":
        data = (tmp_path / "b.wav").read_bytes()
        fact = data.index(b"fact") + 8
        assert int.from_bytes(data[fact : fact + 4], "little") == len(wanted)


def test_aiff_and_flac_get_longer(tmp_path):
    for extension in (".aiff", ".flac"):
        path = save(tmp_path / f"a{extension}", murmur(0.5), 16_000)
        target = tmp_path / f"b{extension}"
        wanted = doubled(path, target)
        assert (soundfile.read(target, always_2d=True)[0] == wanted).all()
        assert soundfile.info(target).frames == len(wanted)


def test_sound_gets_shorter_too(tmp_path):
    path = save(tmp_path / "a.wav", murmur(0.5), 16_000)
    whole = np.concatenate(list(opened(path).blocks()))
    opened(path).encode([whole[:801]], tmp_path / "b.wav", length=801)
    assert (soundfile.read(tmp_path / "b.wav", always_2d=True)[0] == whole[:801]).all()


@pytest.mark.parametrize("said", [7999, 8001, 16001])
def test_blocks_have_as_many_frames_as_was_said(tmp_path, said):
    path = save(tmp_path / "a.wav", murmur(0.5), 16_000)
    sound = opened(path)
    blocks = [*sound.blocks(), *sound.blocks()]
    with pytest.raises(ValueError, match="frames are expected"):
        sound.encode(blocks, tmp_path / "b.wav", length=said)
    assert not (tmp_path / "b.wav").exists()


def test_a_sound_without_a_frame_is_refused(tmp_path):
    sound = opened(save(tmp_path / "a.wav", murmur(0.5), 16_000))
    with pytest.raises(ValueError, match="at least one frame"):
        sound.encode([], tmp_path / "b.wav", length=0)


def test_length_that_is_the_same_is_no_change(tmp_path):
    path = save(tmp_path / "a.flac", murmur(0.5), 16_000)
    sound = opened(path)
    sound.encode(sound.blocks(), tmp_path / "b.flac", length=sound.length)
    assert opened(tmp_path / "b.flac").length == sound.length


def test_films_keep_their_length(tmp_path):
    path = tmp_path / "film.mp4"
    film(path, sound="aac")
    sound = opened(path)
    assert sound.why_fixed == "the pictures of the film run with it"
    blocks = [*sound.blocks(), *sound.blocks()]
    with pytest.raises(UnsupportedMediaError, match="pictures of the film") as caught:
        sound.encode(blocks, tmp_path / "b.mp4", length=sum(map(len, blocks)))
    assert caught.value.file == "film.mp4"
    assert caught.value.hint
    assert not (tmp_path / "b.mp4").exists()


def test_tags_that_tell_times_are_noticed():
    assert tied_in_comments(b"\x10\0\0\0CHAPTER001=00:00:01.000")
    assert tied_in_comments(b"cuesheet=FILE a.wav")
    assert tied_in_comments(b"lyrics=[01:02.50] la la")
    assert tied_in_comments(b"title=Chapter and verse") is None
    assert tied_in_id3(id3(b"CHAP", b"one\0" + bytes(16)))
    assert tied_in_id3(id3(b"TXXX", b"\1\xff\xfe" + "CUESHEET".encode("utf-16-le")))
    assert tied_in_id3(id3(b"TIT2", b"\3A song")) is None
    assert tied_in_id3(b"") is None


def id3(name, body):
    frame = name + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = len(frame) + 20
    return b"ID3\3\0\0" + bytes([0, 0, size >> 7, size & 127]) + frame + bytes(20)


def test_mp3_with_chapters_is_fixed(tmp_path):
    path = save(tmp_path / "a.mp3", murmur(1, 44_100), 44_100)
    assert opened(path).why_fixed is None
    marked = tmp_path / "b.mp3"
    marked.write_bytes(id3(b"CHAP", b"one\0" + bytes(16)) + path.read_bytes())
    assert opened(marked).why_fixed == "its tags tell times in it"


def test_coded_sound_plays_as_long_as_it_is(tmp_path):
    for extension in (".ogg", ".mp3", ".m4a", ".webm"):
        path = save(tmp_path / f"a{extension}", murmur(1, 48_000, 2), 48_000)
        target = tmp_path / f"b{extension}"
        wanted = doubled(path, target)
        assert opened(target).length == len(wanted), extension
        assert abs(len(load(target)[0]) - len(wanted)) <= 1024, extension


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"id3 ", id3(b"CHAP", b"one\0" + bytes(16))),
        (b"_PMX", b"<x xmpDM:markers='1'/>"),
        (b"smpl", bytes(36)),
        (b"iXML", b"<BWFXML/>"),
    ],
)
def test_wav_with_chunks_that_tell_times_is_fixed(tmp_path, kind, body):
    path = with_chunk(save(tmp_path / "a.wav", murmur(0.5), 16_000), kind, body)
    assert opened(path).why_fixed
    with pytest.raises(UnsupportedMediaError, match="length of the sound cannot change"):
        opened(path).encode([], tmp_path / "b.wav", length=5)


@pytest.mark.parametrize(
    ("kind", "body"), [(b"id3 ", id3(b"TIT2", b"\3A song")), (b"_PMX", b"<x dc:title='1'/>")]
)
def test_wav_with_other_tags_gets_longer_and_keeps_them(tmp_path, kind, body):
    path = with_chunk(save(tmp_path / "a.wav", murmur(0.5), 16_000), kind, body)
    doubled(path, tmp_path / "b.wav")
    body += bytes(len(body) & 1)
    assert (tmp_path / "b.wav").read_bytes().endswith(kind + bytes([len(body), 0, 0, 0]) + body)


def with_chunk(path, kind, body):
    body += bytes(len(body) & 1)
    data = path.read_bytes() + kind + len(body).to_bytes(4, "little") + body
    path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    return path
