import json
import shutil

import av
import numpy as np
import pytest

from labeler.containers import riff
from labeler.errors import UnsupportedMediaError
from labeler.media.sound import open_sound
from labeler.media.video import open_video
from tests.clips import clip
from tests.media.coded import need
from tests.media.sounds import ran

ABOUT = (("title", "A film"), ("artist", "Somebody"), ("comment", "Ünïcödé"))
CODECS = {"mpeg4": "yuv420p", "libx264": "yuv420p", "mjpeg": "yuvj420p", "huffyuv": "yuv422p"}


def darker(luma):
    return (luma - luma // 8).astype(luma.dtype)


def rewritten(path, folder):
    target = folder / "new.avi"
    open_video(path, name="x").encode(darker, target)
    return target


def packets(path, kind):
    with av.open(str(path)) as container:
        (stream,) = (stream for stream in container.streams if stream.type == kind)
        return [(p.pts, p.dts, p.duration, bytes(p)) for p in container.demux(stream) if p.size]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("sound", ["pcm", "mp3", "aac"])
def test_sound_stays_byte_for_byte(tmp_path, codec, sound):
    path = clip(".avi", codec=codec, pix_fmt=CODECS[codec], sound=sound, frames=30)
    target = rewritten(path, tmp_path)
    assert packets(target, "audio") == packets(path, "audio")
    old, new = packets(path, "video"), packets(target, "video")
    assert [packet[1] for packet in new] == [packet[1] for packet in old]
    assert len(new) == 30
    before, after = (
        [frame.luma.mean() for frame in open_video(each, name="x").frames()]
        for each in (path, target)
    )
    assert np.allclose(np.array(before) * 7 / 8, after, atol=1.5)
    assert [each.name for each in tmp_path.iterdir()] == ["new.avi"]


@pytest.mark.system
@pytest.mark.parametrize("sound", ["pcm", "mp3", "aac"])
def test_what_headers_say_stays(tmp_path, sound):
    need("ffprobe")
    path = clip(".avi", codec="mpeg4", sound=sound, metadata=ABOUT)
    target = rewritten(path, tmp_path)
    entries = (
        "format=duration:format_tags:stream=codec_name,codec_tag_string,nb_frames,duration,"
        "avg_frame_rate,sample_rate,channels,bits_per_sample"
    )
    said = [
        json.loads(ran("ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", each))
        for each in (path, target)
    ]
    assert said[0] == said[1]
    assert said[1]["format"]["tags"]["title"] == "A film"


def test_chunks_that_nobody_knows_are_kept(tmp_path):
    path = tmp_path / "a.avi"
    shutil.copy(clip(".avi", codec="mpeg4", sound="pcm"), path)
    more = b"_PMX\5\0\0\0<xmp>\0" + b"what\4\0\0\0ever" + b"C2PA\4\0\0\0gone"
    with path.open("r+b") as file:
        size = path.stat().st_size + len(more) - 8
        file.seek(0, 2)
        file.write(more)
        file.seek(4)
        file.write(size.to_bytes(4, "little"))
    target = rewritten(path, tmp_path)
    with target.open("rb") as file:
        (part,) = riff.parts(file)
        part.require_whole()
        found = {chunk.type: part.read(file, chunk) for chunk in part.chunks if chunk.size < 9}
    assert part.end == target.stat().st_size
    assert found[b"_PMX"] == b"<xmp>"
    assert found[b"what"] == b"ever"
    assert b"C2PA" not in found
    assert len(packets(target, "video")) == 24


def test_the_letters_of_the_codec_stay(tmp_path):
    path = clip(".avi", codec="mpeg4", tag="XVID")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "XVID"
    with av.open(str(rewritten(path, tmp_path))) as container:
        assert container.streams.video[0].codec_context.codec_tag == "XVID"


def test_its_sound_is_not_marked():
    with pytest.raises(UnsupportedMediaError, match="AVI") as caught:
        open_sound(clip(".avi", codec="mpeg4", sound="pcm"), name="in/x.avi")
    assert "Convert the film first" in caught.value.hint
    assert caught.value.file == "in/x.avi"
