"""Films written again with other pictures: the pictures, and what is said about them.

What becomes of everything else in a file is for the tests of the containers.
"""

import json
import subprocess
import threading
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pytest

from labeler.errors import OutputError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.video import VideoLimits, open_video
from tests.clips import clip
from tests.media.coded import need
from tests.media.sounds import ran

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
HDR10_H264 = f"mastering-display={DISPLAY}:cll=1000,400"
HDR10_AV1 = (
    "lp=2:content-light=1000,400:"
    "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000.0,0.005)"
)
HDR10 = f"log-level=none:pools=1:hdr10=1:max-cll=1000,400:master-display={DISPLAY}"

FILMS = {
    "h264": (".mp4", {}),
    "h264 with reordering": (".mp4", {"options": (("preset", "faster"),)}),
    "h264 in fragments": (".mp4", {"mux": (("movflags", "+frag_keyframe+empty_moov"),)}),
    "h264 in 10 bits": (".mov", {"pix_fmt": "yuv420p10le", "colours": (9, 16, 9)}),
    "h264 4:2:2": (".mkv", {"pix_fmt": "yuv422p"}),
    "h264 4:4:4 of odd size": (".mp4", {"pix_fmt": "yuv444p", "width": 321, "height": 181}),
    "h264 of odd size": (".mkv", {"pix_fmt": "yuv444p", "width": 161, "height": 91}),
    "h264 full range": (".mp4", {"pix_fmt": "yuvj420p", "colours": (1, 1, 1)}),
    "h264 full range, told": (".mp4", {"full_range": True, "colours": (1, 1, 1)}),
    "h264 limited range, told": (".mp4", {"full_range": False, "colours": (6, 6, 6)}),
    "h264 grey": (".mp4", {"pix_fmt": "gray"}),
    "h264 RGB": (".mkv", {"codec": "libx264rgb", "pix_fmt": "bgr24"}),
    "h264 interlaced": (".mp4", {"interlaced": "tff"}),
    "h264, bottom field first": (".mkv", {"interlaced": "bff"}),
    "h264 of wide pixels": (".mp4", {"sample_aspect": Fraction(16, 11)}),
    "h264 turned": (".mp4", {"rotation": -90}),
    "h265": (".mp4", {"codec": "libx265", "tag": "hev1"}),
    "h265 in 10 bits 4:2:2": (".mkv", {"codec": "libx265", "pix_fmt": "yuv422p10le"}),
    "h265 HDR10": (".mp4", {"codec": "libx265", "tag": "hvc1", "pix_fmt": "yuv420p10le",
                            "colours": (9, 16, 9), "full_range": False,
                            "options": (("x265-params", HDR10),)}),
    "vp8": (".webm", {"codec": "libvpx"}),
    "vp9": (".webm", {}),
    "vp9 in MP4": (".mp4", {"codec": "libvpx-vp9"}),
    "vp9 4:4:4": (".webm", {"pix_fmt": "yuv444p"}),
    "vp9 RGB": (".mkv", {"codec": "libvpx-vp9", "pix_fmt": "gbrp"}),
    "av1": (".mp4", {"codec": "libsvtav1"}),
    "av1 in 10 bits": (".mkv", {"codec": "libsvtav1", "pix_fmt": "yuv420p10le"}),
    "av1 HDR10": (".mp4", {"codec": "libsvtav1", "pix_fmt": "yuv420p10le", "colours": (9, 16, 9),
                           "options": (("svtav1-params", HDR10_AV1),)}),
    "h264 HDR10": (".mkv", {"pix_fmt": "yuv420p10le", "colours": (9, 16, 9),
                            "options": (("x264-params", HDR10_H264),)}),
    "mpeg4": (".mp4", {"codec": "mpeg4"}),
    "mpeg4 interlaced": (".avi", {"codec": "mpeg4", "interlaced": "tff"}),
    "mpeg2": (".mkv", {"codec": "mpeg2video", "interlaced": "bff"}),
    "mjpeg": (".mov", {"codec": "mjpeg", "pix_fmt": "yuvj422p"}),
    "prores": (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    "prores proxy": (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le",
                              "options": (("profile", "proxy"),)}),
    "prores 4444": (".mov", {"codec": "prores_ks", "pix_fmt": "yuv444p10le"}),
    "dnxhr": (".mov", {"codec": "dnxhd", "pix_fmt": "yuv422p",
                       "options": (("profile", "dnxhr_hq"),)}),
    "h264 in AVI": (".avi", {"sound": "mp3"}),
    "ntsc": (".mov", {"rate": Fraction(30000, 1001)}),
}  # fmt: skip

LOSSLESS = {
    "ffv1": (".mkv", "ffv1", "yuv420p"),
    "ffv1 in 16 bits": (".mkv", "ffv1", "yuv444p16le"),
    "ffv1 RGB": (".mkv", "ffv1", "gbrp10le"),
    "ffv1 with alpha": (".mkv", "ffv1", "yuva420p"),
    "huffyuv": (".avi", "huffyuv", "yuv422p"),
    "ffvhuff": (".avi", "ffvhuff", "yuv420p10le"),
    "utvideo": (".avi", "utvideo", "gbrp"),
    "magicyuv": (".avi", "magicyuv", "yuv444p"),
    "png": (".mov", "png", "rgba"),
    "qtrle": (".mov", "qtrle", "argb"),
    "uncompressed": (".mov", "rawvideo", "uyvy422"),
    "uncompressed RGB": (".avi", "rawvideo", "bgr24"),
    "v210": (".mov", "v210", "yuv422p10le"),
}


# What is anew in each stream: what its encoder says about itself, and counts.
PASSING = {"H.26[45] User Data Unregistered SEI message", "GOP timecode"}


def film(name):
    suffix, options = FILMS[name]
    return clip(suffix, **{"frames": 14, "gop": 6} | options)


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    """Gives the film of a name with a patch in its luma; made once."""

    @cache
    def make(name):
        return written(film(name), patched, tmp_path_factory.mktemp("remade"))

    return make


def written(path, mark, folder, **options):
    target = folder / f"new{path.suffix}"
    open_video(path, name="in/x").encode(mark, target, **options)
    assert [each.name for each in folder.iterdir()] == [target.name]
    return target


def patched(luma):
    """What a mark does as far as files are concerned: other luma, in a place that is known."""
    new = luma.copy()
    step = (
        12 * (np.iinfo(luma.dtype).max + 1) // 256 if luma.dtype == np.uint8 else luma.max() // 20
    )
    new[32:64, 32:96] = np.clip(luma[32:64, 32:96].astype(int) + step, 0, luma.max())
    return new


def shown(path):
    return [(frame.time_s, frame.luma.copy()) for frame in open_video(path, name="x").frames()]


def described(path):
    """What FFmpeg's own program says about the pictures."""
    wanted = (
        "codec_name,codec_tag_string,profile,width,height,pix_fmt,sample_aspect_ratio,color_range,"
        "color_space,color_transfer,color_primaries,chroma_location,avg_frame_rate,time_base,"
        "start_pts,duration_ts"
    )
    found = json.loads(
        ran("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
            f"stream={wanted}:stream_side_data=rotation:frame=interlaced_frame,top_field_first",
            "-read_intervals", "%+#14", "-show_frames", "-show_streams", "-of", "json", path)
    )  # fmt: skip
    stream = {key: found["streams"][0].get(key) for key in wanted.split(",")}
    if stream["codec_name"] == "h264":
        stream.pop("profile")  # it follows from the tools that the encoder's preset uses
    if stream["sample_aspect_ratio"] == "1:1":
        stream["sample_aspect_ratio"] = None
    keys = ("pts", "interlaced_frame", "top_field_first", "color_range", "side_data_list")
    frames = [{key: frame.get(key) for key in keys} for frame in found["frames"]]
    for frame in frames:
        frame["side_data_list"] = [
            data for data in frame["side_data_list"] or ()
            if data["side_data_type"] not in PASSING
        ]  # fmt: skip
    return stream, frames


@pytest.mark.parametrize("name", FILMS)
def test_other_luma_and_all_else_as_it_was(remade, name):
    path, target = film(name), remade(name)
    old, new = shown(path), shown(target)
    assert len(old) == len(new) == 14
    assert [time for time, _ in new] == [time for time, _ in old]
    scale = 256 / (1 << open_video(path, name="x").depth)
    changes = [(after.astype(float) - before) * scale for (_, before), (_, after) in
               zip(old, new, strict=True)]  # fmt: skip
    wanted = [(patched(before).astype(float) - before) * scale for _, before in old]
    inside, outside = np.s_[36:60, 36:92], np.s_[72:]
    for change, expected in zip(changes, wanted, strict=True):
        assert change[inside].mean() == pytest.approx(expected[inside].mean(), abs=0.6)
        assert np.sqrt((change[outside] ** 2).mean()) < 3.6


@pytest.mark.system
@pytest.mark.parametrize("name", FILMS)
def test_what_is_said_about_the_pictures_stays(remade, name):
    need("ffprobe")
    path, target = film(name), remade(name)
    (stream, frames), (new_stream, new_frames) = described(path), described(target)
    assert new_stream == stream
    assert new_frames == frames


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_codecs_stay_lossless(tmp_path, name):
    suffix, codec, pix_fmt = LOSSLESS[name]
    path = clip(suffix, codec=codec, pix_fmt=pix_fmt, frames=4, width=128, height=96)
    target = written(path, lambda luma: luma.copy(), tmp_path)
    with av.open(str(path)) as old, av.open(str(target)) as new:
        assert old.streams.video[0].codec_context.name == new.streams.video[0].codec_context.name
        both = list(zip(old.decode(video=0), new.decode(video=0), strict=True))
    assert len(both) == 4
    for before, after in both:
        assert before.format.name == after.format.name == pix_fmt
        assert before.pts == after.pts
        assert all(bytes(a) == bytes(b) for a, b in zip(before.planes, after.planes, strict=True))
    target.unlink()
    marked = shown(written(path, patched, tmp_path))
    for (_, before), (_, after) in zip(shown(path), marked, strict=True):
        # Of RGB, luma is rounded, and what would go beyond white stays white.
        assert np.abs(after.astype(int) - patched(before)).mean() < 0.5


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_rate_in_the_stream_itself_is_that_of_the_film(tmp_path, suffix, codec):
    target = written(clip(suffix, codec=codec, rate=25, frames=6), patched, tmp_path)
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.framerate == 25


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_transparency_of_webm_stays(tmp_path, codec):
    path = clip(".webm", codec=codec, pix_fmt="yuva420p", frames=6)
    target = written(path, patched, tmp_path)
    for file in (path, target):
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            assert stream.metadata["alpha_mode"] == "1"
            decoder = av.CodecContext.create(codec, "r")
            frames = [
                frame for packet in container.demux(stream) for frame in decoder.decode(packet)
            ]
        assert len(frames) == 6
        for frame in frames:
            alpha = frame.to_ndarray(format="rgba")[..., 3]
            assert np.abs(alpha - np.linspace(0, 255, 320)).mean() < 3
    assert len(shown(target)) == 6


def test_transparency_of_prores_stays(tmp_path):
    path = clip(".mov", codec="prores_ks", pix_fmt="yuva444p10le", frames=3)
    target = written(path, patched, tmp_path)
    with av.open(str(path)) as old, av.open(str(target)) as new:
        assert new.streams.video[0].codec_context.profile == "4444"
        for before, after in zip(old.decode(video=0), new.decode(video=0), strict=True):
            difference = np.frombuffer(before.planes[3], np.uint16).astype(int)
            difference -= np.frombuffer(after.planes[3], np.uint16)
            assert np.abs(difference).max() <= 4 << before.format.components[0].bits - 10


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "libx264"), (".mov", "libx264"), (".mkv", "libx264"), (".webm", "libvpx-vp9"),
     (".mp4", "libsvtav1"), (".mp4", "libx265"), (".mkv", "libvpx"), (".mov", "mjpeg")],
)  # fmt: skip
def test_variable_rates(tmp_path, suffix, codec):
    times = (0, 40, 41, 90, 100, 200, 333, 1333, 1400, 1466)
    options = (("preset", "faster"),) if codec == "libx264" else ()
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = clip(suffix, codec=codec, times=times, time_base=Fraction(1, 1000), options=options,
                pix_fmt=pix_fmt)  # fmt: skip
    target = written(path, patched, tmp_path)
    with av.open(str(target)) as container:
        found = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert found == [Fraction(time, 1000) for time in times]


@pytest.mark.system
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mpeg4"), (".mkv", "mpeg2video")])
def test_encoders_that_only_count_frames_keep_times_too(tmp_path, suffix, codec):
    need("ffmpeg")
    steady = clip(suffix, codec=codec, rate=30, frames=20)
    path = tmp_path / f"source{suffix}"
    ran("ffmpeg", "-v", "error", "-i", steady, "-c", "copy", "-bsf:v",
        "setts=ts=floor(PTS*1.37+mod(N*N\\,5)*10)", path)  # fmt: skip
    target = tmp_path / f"new{suffix}"
    open_video(path, name="x").encode(patched, target)
    assert len(set(np.diff(seen(path)[0]))) > 3
    see_the_same_at_the_same_time(path, target)


@pytest.mark.parametrize("flags", ["", "+negative_cts_offsets", "+frag_keyframe+empty_moov"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_reordered_frames_stay_in_their_places(tmp_path, suffix, flags):
    options = (("preset", "medium"), ("bf", "3"))
    path = clip(suffix, sound="aac", options=options, mux=(("movflags", flags or "+faststart"),))
    target = written(path, patched, tmp_path)
    see_the_same_at_the_same_time(path, target)


@pytest.mark.system
@pytest.mark.parametrize("start_s", ["0.3", "0.55"])
def test_what_an_edit_list_leaves_out_is_kept_and_still_left_out(tmp_path, start_s):
    need("ffmpeg")
    whole = clip(".mp4", frames=36, gop=12, sound="aac", options=(("preset", "medium"),))
    source = tmp_path / "source"
    source.mkdir()
    path = source / "a.mp4"
    ran("ffmpeg", "-v", "error", "-ss", start_s, "-i", whole, "-c", "copy", path)
    (tmp_path / "target").mkdir()
    target = written(path, patched, tmp_path / "target")
    see_the_same_at_the_same_time(path, target)
    see_the_same_at_the_same_time(path, target, ignore_editlist="1")
    coded = len(seen(path, ignore_editlist="1")[0])
    assert coded == {"0.3": 36, "0.55": 24}[start_s]
    assert len(seen(path)[0]) < coded


def seen(path, **options):
    """When frames are shown, the first at 0 where edit lists are ignored, and their luma."""
    with av.open(str(path), options=options) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
    first = frames[0].pts if options else 0
    times = [(frame.pts - first) * stream.time_base for frame in frames]
    return times, [frame.to_ndarray()[100:180].astype(float) for frame in frames]


def see_the_same_at_the_same_time(path, target, **options):
    (times, old), (new_times, new) = seen(path, **options), seen(target, **options)
    assert new_times == times
    for number, picture in enumerate(new):
        losses = [np.mean((picture - other) ** 2) for other in old]
        assert np.argmin(losses) == number


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4")]
)
def test_a_title_that_is_not_in_utf_8_is_kept_as_it_is(tmp_path, suffix, codec):
    titled = clip(suffix, codec=codec, frames=4, metadata=(("title", "Cafe!!"),))
    path = tmp_path / f"source{suffix}"
    path.write_bytes(titled.read_bytes().replace(b"Cafe!!", b"Caf\xe9 \xfc"))
    (tmp_path / "new").mkdir()
    target = written(path, patched, tmp_path / "new")
    assert target.read_bytes().count(b"Caf\xe9 \xfc") == 1


def test_a_fine_clock_and_a_late_start(tmp_path):
    times = tuple(range(7_000_003, 7_000_003 + 12 * 40_001, 40_001))
    path = clip(".mp4", times=times, time_base=Fraction(1, 1_000_000))
    target = written(path, patched, tmp_path)
    found = []
    for file in (path, target):
        with av.open(str(file)) as container:
            found.append([(frame.pts, frame.time_base) for frame in container.decode(video=0)])
    assert found[0] == found[1]
    assert len(found[0]) == 12


def test_key_frames_keep_their_distance(tmp_path):
    for gop, distances in ((1, {1}), (5, {5})):
        target = written(clip(".mp4", frames=20, gop=gop), patched, tmp_path)
        with av.open(str(target)) as container:
            keys = [at for at, entry in enumerate(container.streams.video[0].index_entries)
                    if entry.is_keyframe]  # fmt: skip
        assert set(np.diff(keys)) == distances
        target.unlink()


def test_the_mark_is_called_in_order_in_the_callers_thread(tmp_path):
    path = clip(".mp4", frames=30, options=(("preset", "faster"),))
    threads, means, told = set(), [], []

    def mark(luma):
        threads.add(threading.current_thread())
        means.append(luma.mean())
        return luma.copy()

    written(path, mark, tmp_path, progress=told.append)
    assert threads == {threading.current_thread()}
    assert means == [frame.mean() for _, frame in shown(path)]
    assert told == sorted(told)
    assert told[0] < 0.1
    assert told[-1] == 1
    assert len(told) == 31


def test_what_decoders_need_is_not_written_to(tmp_path):
    # Were the mark put into the frame that later ones refer to, it would add up.
    path = clip(".mp4", frames=24, options=(("preset", "medium"), ("bf", "0")))
    target = written(
        path, lambda luma: np.clip(luma + np.int16(9), 0, 255).astype(np.uint8), tmp_path
    )
    for (_, before), (_, after) in zip(shown(path), shown(target), strict=True):
        assert after.mean() - before.mean() == pytest.approx(9, abs=0.5)


class UnluckyError(Exception):
    pass


@pytest.mark.parametrize("error", [UnluckyError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("number", [0, 7, 23])
def test_an_error_of_the_mark_leaves_nothing(tmp_path, error, number):
    calls = []

    def mark(luma):
        calls.append(1)
        if len(calls) > number:
            raise error
        return luma.copy()

    before = threading.active_count()
    with pytest.raises(error):
        open_video(clip(".mp4"), name="x").encode(mark, tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())
    assert threading.active_count() == before
    assert len(calls) == number + 1


@pytest.mark.parametrize(
    "mark",
    [lambda luma: luma[:-1], lambda luma: luma.astype(np.uint16), lambda luma: luma[..., None]],
)
def test_a_mark_has_to_fit(tmp_path, mark):
    with pytest.raises(ValueError, match="a mark gives luma"):
        open_video(clip(".mp4"), name="x").encode(mark, tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_an_error_while_encoding_leaves_nothing(tmp_path):
    video = open_video(clip(".mp4", frames=40), name="x")
    folder = tmp_path / "gone"
    folder.mkdir()

    def mark(luma):
        return luma.copy()

    with pytest.raises(OutputError) as caught:
        video.encode(mark, folder / "none" / "a.mp4")
    assert caught.value.hint
    assert caught.value.file
    target = tmp_path / "a.mp4"
    target.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        video.encode(mark, target)
    assert target.read_text() == "mine"


def test_damage_in_the_middle_is_no_reason_to_lose_frames(tmp_path):
    data = bytearray(clip(".mp4", frames=24, gop=6).read_bytes())
    start = data.index(b"mdat") + 4
    at = start + (data.index(b"moov") - start) // 2
    data[at : at + 3000] = bytes(3000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    video = open_video(path, name="in/x")
    with pytest.raises(UnreadableMediaError, match=r"damaged at 0\.50 s") as caught:
        video.encode(lambda luma: luma.copy(), tmp_path / "a.mp4")
    assert caught.value.file == "in/x"
    assert [each.name for each in tmp_path.iterdir()] == ["damaged.mp4"]


def test_longer_than_allowed(tmp_path):
    video = open_video(clip(".mp4"), name="x")
    video._limits = VideoLimits(max_duration_s=0.5)
    with pytest.raises(Exception, match="lasts"):
        video.encode(lambda luma: luma.copy(), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "options", "says"),
    [
        (".avi", {"codec": "msmpeg4"}, "msmpeg4v3, which Labeler can read but not write"),
        (".mov", {"codec": "dvvideo", "width": 720, "height": 576, "rate": 25}, "dvvideo"),
        (".mov", {"codec": "dnxhd", "width": 1280, "height": 720, "pix_fmt": "yuv422p",
                  "rate": 25, "options": (("b", "90M"),)}, "DNxHD, whose sizes"),
    ],
)  # fmt: skip
def test_what_has_no_encoder_is_refused_by_name(tmp_path, suffix, options, says):
    video = open_video(clip(suffix, frames=2, **options), name="in/x")
    assert len(list(video.frames())) == 2
    with pytest.raises(UnsupportedMediaError, match=says) as caught:
        video.encode(lambda luma: luma.copy(), tmp_path / "a")
    assert caught.value.hint
    assert caught.value.file == "in/x"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "says"), [(b"mvcC", "second view"), (b"dvvC", "Dolby Vision")])
def test_layers_are_not_lost_in_silence(tmp_path, kind, says):
    data = clip(".mp4", frames=2, sample_aspect=Fraction(4, 3)).read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(data.replace(b"btrt", kind))
    with pytest.raises(UnsupportedMediaError, match=says) as caught:
        open_video(path, name="x").encode(lambda luma: luma.copy(), tmp_path / "b.mp4")
    assert caught.value.hint


@pytest.mark.system
def test_more_bits_than_the_encoder_has_are_refused(tmp_path):
    need("ffmpeg")
    path = tmp_path / "a.webm"
    ran("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=0.2:s=64x64", "-pix_fmt",
        "yuv420p10le", "-c:v", "libvpx-vp9", "-cpu-used", "8", path)  # fmt: skip
    with pytest.raises(UnsupportedMediaError, match="yuv420p10le") as caught:
        open_video(path, name="x").encode(lambda luma: luma.copy(), tmp_path / "b.webm")
    assert "bits" in caught.value.hint


@pytest.mark.system
def test_fields_that_an_encoder_would_mix_are_refused(tmp_path):
    need("ffmpeg")
    path = tmp_path / "a.mkv"
    ran("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=0.2:s=64x64", "-c:v", "libx265",
        "-x265-params", "log-level=none:interlace=tff", "-field_order", "tt", path)  # fmt: skip
    video = open_video(path, name="x")
    if not video.is_interlaced:
        pytest.skip("this ffmpeg does not write interlaced H.265")
    with pytest.raises(UnsupportedMediaError, match="interlaced"):
        video.encode(lambda luma: luma.copy(), tmp_path / "b.mkv")


@pytest.mark.system
@pytest.mark.parametrize("name", ["h264", "h265 HDR10", "vp9", "av1", "mpeg4 interlaced"])
def test_what_is_written_plays_without_a_warning(remade, name):
    need("ffmpeg")
    command = ["ffmpeg", "-v", "warning", "-xerror", "-i", remade(name), "-f", "null", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert not done.stderr


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", (("x264-params", "chromaloc=2"),)),
        ("libx265", (("x265-params", "log-level=none:pools=1:chromaloc=2"),)),
        ("libsvtav1", (("chroma_sample_location", "topleft"),)),
    ],
)
@pytest.mark.system
def test_chroma_stays_where_it_lies(tmp_path, codec, options):
    need("ffprobe")
    path = clip(".mp4", codec=codec, frames=4, options=options)
    for file in (path, written(path, patched, tmp_path)):
        stream, _ = described(file)
        assert stream["chroma_location"] == "topleft"
