from fractions import Fraction

import av
import numpy as np
import pytest

from labeler.codec.luma import Transfer
from labeler.errors import (
    MediaError,
    MediaTooLargeError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from labeler.media.media_type import MediaType
from labeler.media.video import VideoLimits, open_video
from tests.clips import clip, pictures
from tests.media.coded import need
from tests.media.sounds import ran
from tests.sounds import murmur, save

STARTING = (("movflags", "+faststart"),)
FRAGMENTS = (("movflags", "+frag_keyframe+empty_moov"),)


def opened(path, **limits):
    return open_video(path, name="in/x", limits=VideoLimits(**limits) if limits else None)


def times(video, **wanted):
    return [round(frame.time_s, 4) for frame in video.frames(**wanted)]


def test_what_is_known_of_a_film():
    video = opened(
        clip(".mp4", width=322, height=182, sound="aac", rotation=90, sample_aspect=Fraction(4, 3))
    )
    assert video.media_type is MediaType.MP4
    assert (video.width, video.height, video.depth) == (322, 182, 8)
    assert video.codec == "h264"
    assert video.frame_rate == 24
    assert video.duration_s == pytest.approx(1, abs=0.01)
    assert video.rotation_deg == 90
    assert video.sample_aspect == Fraction(4, 3)
    assert video.transfer is Transfer.SDR
    assert video.has_sound
    assert not video.is_interlaced


@pytest.mark.parametrize(
    ("suffix", "options", "known"),
    [
        (".mp4", {"codec": "libx265"}, {"codec": "hevc", "has_sound": False}),
        (".webm", {}, {"codec": "vp9", "media_type": MediaType.WEBM_VIDEO}),
        (".mkv", {"codec": "libsvtav1"}, {"codec": "av1", "media_type": MediaType.MKV}),
        (".avi", {"codec": "mpeg4"}, {"codec": "mpeg4", "media_type": MediaType.AVI}),
        (".mov", {"pix_fmt": "yuv420p10le", "colours": (9, 16, 9)},
         {"depth": 10, "transfer": Transfer.PQ, "media_type": MediaType.MOV}),
        (".mov", {"pix_fmt": "yuv420p10le", "colours": (9, 18, 9)}, {"transfer": Transfer.HLG}),
        (".mp4", {"interlaced": "tff"}, {"is_interlaced": True}),
        (".mp4", {"codec": "mpeg2video", "interlaced": "bff"}, {"is_interlaced": True}),
        (".mp4", {}, {"sample_aspect": 1, "rotation_deg": 0}),
    ],
)  # fmt: skip
def test_films_of_all_kinds(suffix, options, known):
    video = opened(clip(suffix, frames=5, **options))
    assert {name: getattr(video, name) for name in known} == known
    assert len(times(video)) == 5


FORMATS = {
    "yuv420p": ("ffv1", ".mkv"), "yuv422p": ("ffv1", ".mkv"), "yuv444p": ("ffv1", ".mkv"),
    "yuva420p": ("ffv1", ".mkv"), "gray": ("ffv1", ".mkv"), "yuv420p10le": ("ffv1", ".mkv"),
    "yuv422p12le": ("ffv1", ".mkv"), "yuv444p16le": ("ffv1", ".mkv"), "gray16le": ("ffv1", ".mkv"),
    "uyvy422": ("rawvideo", ".mov"), "yuyv422": ("rawvideo", ".avi"), "nv12": ("rawvideo", ".avi"),
}  # fmt: skip


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_luma_is_that_of_the_pictures(pix_fmt):
    codec, suffix = FORMATS[pix_fmt]
    # A width that leaves a rest behind each row of FFmpeg's planes.
    video = opened(clip(suffix, codec=codec, pix_fmt=pix_fmt, width=122, height=66, frames=3))
    bits = int("".join(c for c in pix_fmt.partition("p")[2] if c.isdigit()) or "8")
    bits = 16 if pix_fmt == "gray16le" else bits
    assert video.depth == bits
    for frame, picture in zip(video.frames(), pictures(3, 122, 66), strict=True):
        assert frame.depth == bits
        assert frame.luma.shape == (66, 122)
        assert frame.luma.dtype == (np.uint8 if bits == 8 else np.uint16)
        values = frame.luma / 2 ** (bits - 8)
        full = "gray" in pix_fmt
        matrix = np.array([0.299, 0.587, 0.114]) * (1 if full else 219 / 255)
        expected = picture @ matrix + (0 if full else 16)
        assert np.abs(values - expected).max() < 2.5
        assert np.abs(values - expected).mean() < 0.6


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "suffix"),
    [("rgb24", "png", ".mov"), ("argb", "qtrle", ".mov"), ("gbrp10le", "ffv1", ".mkv"),
     ("bgr24", "rawvideo", ".avi"), ("rgb48le", "ffv1", ".mkv"), ("rgba64be", "png", ".mov")],
)  # fmt: skip
def test_luma_of_rgb_is_weighted(pix_fmt, codec, suffix):
    video = opened(clip(suffix, codec=codec, pix_fmt=pix_fmt, width=122, height=66, frames=2))
    for frame, picture in zip(video.frames(), pictures(2, 122, 66), strict=True):
        top = 2**frame.depth - 1
        expected = picture @ np.array([0.2126, 0.7152, 0.0722]) / 255
        assert np.abs(frame.luma / top - expected).max() < 2 / 255


def test_frames_are_shown_when_they_were():
    shown = (0, 40, 90, 100, 200, 333, 1333)
    for suffix in (".mp4", ".mkv"):
        video = opened(clip(suffix, times=shown, time_base=Fraction(1, 1000)))
        assert times(video) == [time / 1000 for time in shown]


def test_time_counts_from_the_first_frame():
    video = opened(clip(".mkv", times=tuple(range(5000, 6000, 100)), time_base=Fraction(1, 1000)))
    assert times(video) == [round(0.1 * n, 4) for n in range(10)]
    assert times(video, start_s=0.45) == [0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".mp4", {"options": (("preset", "faster"),)}), (".mkv", {}), (".webm", {}),
     (".avi", {"codec": "mpeg4"}), (".mp4", {"codec": "libx265"}), (".mp4", {"mux": FRAGMENTS})],
)  # fmt: skip
def test_a_part_of_a_film_is_the_same_as_in_the_whole(suffix, options):
    video = opened(clip(suffix, frames=48, gop=12, **options))
    whole = {round(frame.time_s, 3): frame.luma.copy() for frame in video.frames()}
    assert len(whole) == 48
    part = {
        round(frame.time_s, 3): frame.luma.copy() for frame in video.frames(start_s=0.8, end_s=1.4)
    }
    assert list(part) == [time for time in whole if 0.8 <= time < 1.4]
    assert all((luma == whole[time]).all() for time, luma in part.items())


def test_a_film_that_begins_with_frames_that_nobody_can_decode(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(clip(".mkv", frames=48, gop=12))) as film, av.open(str(path), "w") as cut:
        stream = cut.add_stream_from_template(film.streams.video[0], opaque=True)
        for number, packet in enumerate(film.demux(video=0)):
            if number >= 5 and packet.dts is not None:
                packet.stream = stream
                cut.mux(packet)
    video = opened(path)
    assert times(video)[:3] == [0, 0.042, 0.083]
    assert len(times(video)) == 36
    assert times(video, start_s=1) == [time for time in times(video) if time >= 1]


def test_fewer_frames_at_will():
    video = opened(clip(".mp4", frames=48, options=(("preset", "faster"),)))
    assert times(video, every_s=0.5) == [0, 0.5, 1.0, 1.5]
    assert times(video, every_s=0.3, start_s=0.5, end_s=1.2) == [0.5, 0.8333, 1.1667]
    # Key frames, which are the best there are, between others too.
    keyed = opened(clip(".mp4", frames=48, gop=12))
    assert times(keyed, every_s=10) == [0]
    assert times(keyed, every_s=0.4) == [0, 0.4167, 0.5, 0.9167, 1.0, 1.4167, 1.5, 1.9167]
    keys = [frame.is_key for frame in keyed.frames(every_s=0.4)]
    assert keys == [True, False] * 4
    skipping = times(video, skip=True)
    assert 5 < len(skipping) < 40
    assert set(skipping) < set(times(video))


def test_what_is_no_film(tmp_path):
    save(tmp_path / "a.m4a", murmur(0.3))
    save(tmp_path / "a.webm", murmur(0.3))
    (tmp_path / "a.mp4").write_text("This is no film, though it is called one.\n" * 9)
    for name, says in (("a.m4a", "M4A, and a film"), ("a.webm", "WebM, and a film")):
        with pytest.raises(UnsupportedMediaError, match=says):
            opened(tmp_path / name)
    with pytest.raises(UnsupportedMediaError, match="no format that Labeler recognises") as caught:
        opened(tmp_path / "a.mp4")
    assert caught.value.file == "in/x"
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(UnreadableMediaError, match="empty"):
        opened(tmp_path / "a.mp4")
    with pytest.raises(UnreadableMediaError, match="cannot be read"):
        opened(tmp_path / "none.mp4")


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
@pytest.mark.parametrize("size", [60, 90, 300])
def test_a_film_cut_off_in_its_header_is_damaged(tmp_path, suffix, size):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(clip(suffix).read_bytes()[:size])
    with pytest.raises(UnreadableMediaError) as caught:
        opened(path)
    assert caught.value.file == "in/x"
    assert "truncated or damaged" in caught.value.hint


@pytest.mark.system
def test_encrypted_pictures_are_refused_by_name(tmp_path):
    need("ffmpeg")
    path = tmp_path / "a.mp4"
    ran("ffmpeg", "-v", "error", "-i", clip(".mp4"), "-c", "copy",
        "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0f" * 16,
        "-encryption_kid", "1e" * 16, path)  # fmt: skip
    with pytest.raises(UnsupportedMediaError, match="protected against copying") as caught:
        opened(path)
    assert caught.value.hint


@pytest.mark.parametrize("size", [32, 500, 5000])
def test_a_film_without_its_list_of_tracks(tmp_path, size):
    path = tmp_path / "a.mp4"
    path.write_bytes(clip(".mp4").read_bytes()[:size])
    with pytest.raises(UnreadableMediaError, match=r"list of tracks \(moov\) is missing") as caught:
        opened(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".mp4", {"mux": STARTING}), (".mkv", {}), (".webm", {}), (".avi", {"codec": "mpeg4"}),
     (".mp4", {"mux": FRAGMENTS, "gop": 6})],
)  # fmt: skip
@pytest.mark.parametrize("part", [0.75, 0.9])
def test_a_film_cut_off_gives_what_is_left_and_an_error(tmp_path, suffix, options, part):
    source = clip(suffix, sound="opus" if suffix == ".webm" else "mp3", **options)
    data = source.read_bytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data[: int(part * len(data))])
    whole = [frame.luma.copy() for frame in opened(source).frames()]
    left = []
    video = opened(path)
    with pytest.raises(UnreadableMediaError) as caught:
        left.extend(frame.luma.copy() for frame in video.frames())
    assert caught.value.file == "in/x"
    assert caught.value.hint
    assert 2 < len(left) < len(whole)
    # The last one may be what the decoder made up for what is missing.
    assert all((a == b).all() for a, b in zip(left[:-1], whole, strict=False))
    with pytest.raises(UnreadableMediaError):
        video.encode(lambda luma: luma.copy(), tmp_path / "b")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_track_without_frames(tmp_path):
    data = clip(".mp4", frames=2, mux=FRAGMENTS).read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(data[: data.index(b"moof") - 4])
    with pytest.raises(UnreadableMediaError, match="no frame of the video can be decoded"):
        opened(path)


def test_a_clock_that_stands_still(tmp_path):
    data = bytearray(clip(".mp4", frames=4).read_bytes())
    at = data.index(b"stts") + 4
    assert data[at : at + 12] == bytes(4) + b"\0\0\0\1\0\0\0\4"
    data[at + 12 : at + 16] = bytes(4)  # each frame lasts no time
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    video = opened(path)
    assert len(times(video)) == 4
    data[data.index(b"mdhd") + 16 : data.index(b"mdhd") + 20] = bytes(4)  # and there is no unit
    path.write_bytes(data)
    try:
        assert len(times(opened(path))) == 4
    except MediaError as error:
        assert error.hint  # noqa: PT017 - FFmpeg may as well guess a unit


def test_too_large_films_are_refused_before_they_are_decoded(tmp_path):
    path = clip(".mp4")
    with pytest.raises(MediaTooLargeError, match="320 by 180 pixels, and 57599") as caught:
        opened(path, max_pixels=320 * 180 - 1)
    assert caught.value.hint
    with pytest.raises(MediaTooLargeError, match="lasts 1 s"):
        opened(path, max_duration_s=0.9)
    data = bytearray(clip(".mov", codec="rawvideo", pix_fmt="uyvy422", frames=1).read_bytes())
    at = data.index(b"stsd") + 12 + 8 + 24
    assert data[at : at + 4] == b"\1\x40\0\xb4"
    data[at : at + 4] = b"\x20\0\x20\0"
    bomb = tmp_path / "bomb.mov"
    bomb.write_bytes(data)
    with pytest.raises(MediaTooLargeError, match="8192 by 8192"):
        opened(bomb)


def test_longer_than_the_header_says():
    path = clip(".mkv", times=(0, 100, 5_000_000), time_base=Fraction(1, 1000))
    video = opened(path, max_duration_s=5001)
    video._limits = VideoLimits(max_duration_s=1000)
    with pytest.raises(MediaTooLargeError, match="lasts 5000 s"):
        times(video)


def test_frames_that_change_their_size(tmp_path):
    # Two streams of Motion JPEG one behind the other, under the header of the first.
    small = clip(".avi", codec="mjpeg", pix_fmt="yuvj420p", frames=2)
    large = clip(".avi", codec="mjpeg", pix_fmt="yuvj420p", frames=2, width=352, height=288)
    start = large.read_bytes().index(b"00dc")
    first, second = bytearray(small.read_bytes()), large.read_bytes()[start:]
    end = first.index(b"idx1")
    second = second[: second.index(b"idx1")]
    first[end:] = second
    movi = first.index(b"movi") - 4
    first[movi : movi + 4] = (len(first) - movi - 4).to_bytes(4, "little")
    first[4:8] = (len(first) - 8).to_bytes(4, "little")
    path = tmp_path / "a.avi"
    path.write_bytes(first)
    with pytest.raises(UnsupportedMediaError, match=r"320 by 180 .* to 352 by 288") as caught:
        times(opened(path))
    assert caught.value.hint


@pytest.mark.parametrize("seed", range(12))
def test_damage_anywhere_is_an_error_or_nothing(tmp_path, seed):
    suffix, options = [
        (".mp4", {"mux": STARTING}), (".mkv", {}), (".webm", {}), (".avi", {"codec": "mpeg4"}),
    ][seed % 4]  # fmt: skip
    rng = np.random.default_rng(seed)
    data = np.frombuffer(clip(suffix, frames=12, **options).read_bytes(), np.uint8).copy()
    data[rng.integers(0, len(data), 25)] = rng.integers(0, 256, 25)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data.tobytes())
    count = 0
    try:
        for frame in opened(path).frames():
            assert frame.luma.shape == (180, 320)
            count += 1
    except MediaError as error:
        assert error.hint and error.file == "in/x"  # noqa: PT017, PT018 - depends on the damage
    assert count <= 24
