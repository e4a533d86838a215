"""Overlays in the planes of frames: FFmpeg's own conversions say what they look like."""

from dataclasses import replace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.luma import Transfer
from labeler.containers.mp4_tables import Edit, write_edits
from labeler.errors import UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.overlay import Overlay
from labeler.media.video import open_video
from labeler.media.video_interface import Colours, VideoLimits
from labeler.media.video_opening import read_track
from labeler.media.video_painting import Painter
from labeler.media.video_planes import component_views
from tests.clips import as_frame, clip, pictures
from tests.media.films import copied, in_track, with_moov

HEIGHT, WIDTH = 66, 122
PLANAR = ["yuv420p", "yuvj422p", "yuv444p10le", "yuv420p12le", "nv12", "nv21", "nv16", "nv24",
          "nv42", "yuv410p", "yuv411p", "yuv440p", "gray", "gray10le"]  # fmt: skip
RGB = ["rgb24", "bgr24", "rgb0", "0bgr", "gbrp", "gbrp12le", "rgb48le", "bgr48le"]
DETOURS = ["uyvy422", "yuyv422", "p010le", "rgb48be", "gray16be", "yuv420p10be"]
ALPHA = ["rgba", "argb", "bgra", "abgr", "gbrap", "gbrap10le", "rgba64le", "yuva420p",
         "yuva444p16le", "yuva422p10le", "ya8"]  # fmt: skip

RED = (230, 40, 50)
# Its luma, of BT.601.
GREY = (98, 98, 98)


@pytest.fixture(scope="module")
def track():
    """Of a film of BT.601 without anything special."""
    found = read_track(clip(frames=2), MediaType.MP4, VideoLimits())
    colours = Colours(primaries=6, transfer=6, matrix=6, value_range=0, chroma_location=None)
    return replace(found, colours=colours, width=WIDTH, height=HEIGHT)


def frame_of(pix_fmt, picture=None):
    picture = next(pictures(1, WIDTH, HEIGHT)) if picture is None else picture
    return as_frame(picture, pix_fmt)


def label(top=9, left=77, size=(24, 40), colour=RED, coverage=1.0):
    rgb = np.empty((*size, 3), np.uint8)
    rgb[:] = colour
    return Overlay(np.full(size, coverage, np.float32), rgb, top, left)


def seen(frame, form="rgb24"):
    return frame.to_ndarray(format=form).astype(int)


def laid(track, pix_fmt, *overlays, frame=None, **changes):
    painter = Painter(replace(track, pixel_format=pix_fmt, **changes))
    return painter.lay(frame or frame_of(pix_fmt), overlays)


@pytest.mark.parametrize("pix_fmt", PLANAR + RGB + DETOURS)
@pytest.mark.parametrize("coverage", [1.0, 0.4])
def test_colours_are_what_ffmpeg_sees_there_and_nothing_else_changes(track, pix_fmt, coverage):
    before = seen(frame_of(pix_fmt))
    frame = laid(track, pix_fmt, label(coverage=coverage))
    assert (frame.width, frame.height, frame.format.name) == (WIDTH, HEIGHT, pix_fmt)
    after = seen(frame)
    colour = GREY if "gray" in pix_fmt else RED
    inner = np.s_[13:29, 85:109]
    wanted = before[inner] * (1 - coverage) + coverage * np.array(colour)
    assert np.abs(after[inner] - wanted).max() <= 4
    around = np.ones((HEIGHT, WIDTH), bool)
    around[5:37, 69:122] = False
    assert (after[around] == before[around]).all()


@pytest.mark.parametrize("pix_fmt", ALPHA)
def test_what_is_transparent_becomes_opaque_under_it(track, pix_fmt):
    before = seen(frame_of(pix_fmt), "rgba")
    after = seen(laid(track, pix_fmt, label(left=20)), "rgba")
    assert np.abs(after[13:29, 28:52, 3] - 255).max() <= 1
    colour = GREY if pix_fmt == "ya8" else RED
    assert np.abs(after[13:29, 28:52, :3] - colour).max() <= 4
    # FFmpeg goes through RGB from grey with alpha, and back.
    assert np.abs(after[:, 70:] - before[:, 70:]).max() <= (1 if pix_fmt == "ya8" else 0)


def test_half_covered_over_nothing_has_the_colour_of_the_overlay_alone(track):
    clear = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    frame = av.VideoFrame.from_ndarray(clear, "rgba")
    after = seen(laid(track, "rgba", label(coverage=0.5), frame=frame), "rgba")
    assert after[20, 90].tolist() == [*RED, 128]


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("value_range", [1, 2])
def test_matrix_and_range_are_those_of_the_film(track, matrix, value_range):
    colours = replace(track.colours, matrix=matrix, value_range=value_range)
    frame = laid(track, "yuv444p", label(), colours=colours)
    back = frame.reformat(format="rgb24", src_colorspace=matrix, src_color_range=value_range)
    assert np.abs(seen(back)[9:33, 77:117] - RED).max() <= 2


@pytest.mark.parametrize(
    ("transfer", "number", "code"), [(Transfer.PQ, 16, 573), (Transfer.HLG, 18, 721)]
)
def test_white_is_reference_white_in_high_dynamic_range(track, transfer, number, code):
    """58 % of PQ and 75 % of HLG (ITU-R BT.2408, table 1), in 10 bits of limited range."""
    colours = Colours(primaries=9, transfer=number, matrix=9, value_range=1, chroma_location=2)
    hdr = {"colours": colours, "transfer": transfer}
    white = label(colour=(255, 255, 255))
    black = label(top=40, size=(20, 20), colour=(0, 0, 0))
    frame = laid(track, "yuv420p10le", white, black, **hdr)
    luma, *chroma = component_views(frame)
    assert np.abs(luma[9:33, 77:117].astype(int) - code).max() <= 1
    assert (luma[40:60, 77:97] == 64).all()
    for plane in chroma:
        assert np.abs(plane[6:15, 40:57].astype(int) - 512).max() <= 1


def test_red_stays_red_and_no_redder_in_wider_primaries(track):
    colours = Colours(primaries=9, transfer=14, matrix=9, value_range=1, chroma_location=None)
    frame = laid(track, "yuv444p", label(colour=(255, 0, 0)), colours=colours)
    rgb = seen(frame.reformat(format="rgb24", src_colorspace=9, src_color_range=1))[20, 90]
    # BT.2087: 0.6274, 0.0691 and 0.0164 of linear light.
    assert np.abs(rgb - (207, 74, 35)).max() <= 3


@pytest.mark.parametrize("matrix", [0, 10, 14])
def test_matrices_in_which_nothing_can_be_drawn_are_refused(track, matrix):
    colours = replace(track.colours, matrix=matrix)
    with pytest.raises(UnsupportedMediaError, match=f"matrix {matrix}"):
        Painter(replace(track, pixel_format="yuv420p", colours=colours))


def test_a_line_of_one_field_leaves_the_chroma_of_the_other_alone(track):
    overlay = label(top=8, size=(24, 40))
    overlay.coverage[1::2] = 0  # the bottom field, as row 8 is even
    frame = frame_of("yuv420p")
    before = component_views(frame)[1].copy()
    painter = Painter(replace(track, pixel_format="yuv420p", is_interlaced=True))
    after = component_views(painter.lay(frame, [overlay]))[1]
    assert (after[1::2] == before[1::2]).all()
    assert (after[4:16:2, 40:57] != before[4:16:2, 40:57]).mean() > 0.9


@settings(max_examples=60, deadline=None)
@given(
    top=st.integers(0, 60), left=st.integers(0, 110), height=st.integers(1, 9),
    width=st.integers(1, 9), location=st.sampled_from([None, 0, 1, 2, 3]),
    is_interlaced=st.booleans(), pix_fmt=st.sampled_from(["yuv420p", "nv12", "yuv410p", "yuv422p"]),
)  # fmt: skip
def test_overlays_anywhere_weigh_what_they_cover(
    track, top, left, height, width, location, is_interlaced, pix_fmt
):
    top, left, size = min(top, HEIGHT - height), min(left, WIDTH - width), (height, width)
    flat = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    frame = frame_of(pix_fmt, flat)
    colours = replace(track.colours, chroma_location=location)
    changes = {"colours": colours, "is_interlaced": is_interlaced}
    same = laid(
        track, pix_fmt, label(top, left, (height, width), (128,) * 3), **changes, frame=frame
    )
    assert all(
        (plane == grey).all()
        for plane, grey in zip(component_views(same), (126, 128, 128), strict=True)
    )
    after = laid(track, pix_fmt, label(top, left, size), **changes, frame=frame)
    luma, _, red = component_views(after)
    assert (luma != 126).sum() == height * width
    cells = luma.size / red.size
    inner = 8 <= top <= HEIGHT - 18 and 8 <= left <= WIDTH - 18
    if inner:
        change = (red.astype(int) - 128).sum() * cells
        # Rounding: half a grey level for each sample of chroma that is touched.
        assert change == pytest.approx(82.8 * height * width, abs=cells * 0.5 * 49)


@pytest.mark.parametrize(("top", "left"), [(43, 0), (0, 83)])
def test_overlays_lie_within_the_frame(track, top, left):
    with pytest.raises(ValueError, match="122 by 66"):
        laid(track, "yuv420p", label(top, left))


@pytest.mark.parametrize(
    ("coverage", "rgb", "top"),
    [
        (np.ones((4, 4)), np.zeros((4, 4, 3), np.uint8), 0),
        (np.ones((4, 4), np.float32), np.zeros((4, 5, 3), np.uint8), 0),
        (np.full((4, 4), 1.5, np.float32), np.zeros((4, 4, 3), np.uint8), 0),
        (np.full((4, 4), np.nan, np.float32), np.zeros((4, 4, 3), np.uint8), 0),
        (np.ones((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8), -1),
        (np.ones((0, 4), np.float32), np.zeros((0, 4, 3), np.uint8), 0),
    ],
)
def test_overlays_that_are_none_are_refused(coverage, rgb, top):
    with pytest.raises(ValueError, match="overlay"):
        Overlay(coverage, rgb, top, 0)


# ---------------------------------------------------------------------------------- whole films


def frames_of(path):
    with av.open(str(path)) as container:
        return [seen(frame) for frame in container.decode(video=0)]


def unchanged(luma):
    return luma.copy()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mkv", {"codec": "ffv1", "pix_fmt": "yuv420p"}),
        (".mkv", {"codec": "ffv1", "pix_fmt": "bgr0"}),
        (".avi", {"codec": "ffv1", "pix_fmt": "yuv422p10le"}),
    ],
)
def test_films_show_it_when_they_should_and_nowhere_else(tmp_path, suffix, options):
    path = clip(suffix, width=WIDTH, height=HEIGHT, frames=12, **options)
    target = tmp_path / f"labelled{suffix}"
    overlay, times = label(), []

    def overlays(time_s):
        times.append(time_s)
        return [overlay] if 0.2 <= time_s < 0.4 else []

    open_video(path, name="film").encode(unchanged, target, overlay=overlays)
    assert times == pytest.approx([number / 24 for number in range(12)], abs=1e-3)
    before, after = frames_of(path), frames_of(target)
    is_shown = [(old != new).any() for old, new in zip(before, after, strict=True)]
    assert is_shown == [0.2 <= number / 24 < 0.4 for number in range(12)]
    for old, new in zip(before, after, strict=True):
        assert (old[:, :60] == new[:, :60]).all()
    assert np.abs(after[6][13:29, 85:109] - RED).max() <= 4


def test_the_mark_is_made_for_pictures_that_have_their_label(tmp_path):
    white = label(colour=(255, 255, 255))
    lumas = []
    film = open_video(clip(width=WIDTH, height=HEIGHT, frames=3), name="film")
    film.encode(
        lambda luma: lumas.append(luma.copy()) or luma // 2,
        tmp_path / "film.mp4",
        overlay=lambda _: [white],
    )
    assert all((luma[9:33, 77:117] == 235).all() for luma in lumas)
    assert np.abs(frames_of(tmp_path / "film.mp4")[1][15:25, 85:100] - 118).max() < 12


@pytest.mark.parametrize(
    ("edits", "labelled"),
    [
        (((0, 12),), {0, 1, *range(12, 24)}),
        (((12, 6),), {*range(14), *range(18, 24)}),
        # A pause in front, and what comes later in the film is shown first.
        (((None, 6), (18, 6), (0, 6)), {18, 19, *range(6, 18)}),
        # The same frames twice: the label of the first time is seen the second time too.
        (((20, 4), (18, 6)), {*range(18), 20, 21}),
    ],
)
def test_times_count_from_the_first_frame_that_is_shown(tmp_path, edits, labelled):
    path = copied(clip(), tmp_path)
    entries = [
        Edit(round(lasts * 1000 / 24), -1 if start is None else start * 512)
        for start, lasts in edits
    ]
    with_moov(path, in_track(0, lambda trak: write_edits(trak, entries)))
    overlay, target = label(), tmp_path / "labelled.mp4"
    film = open_video(path, name="film")
    film.encode(unchanged, target, overlay=lambda time_s: [overlay] if time_s < 1.5 / 24 else [])
    with av.open(str(target), options={"ignore_editlist": "1"}) as container:
        pictures = [seen(frame)[13:29, 85:109] for frame in container.decode(video=0)]
    assert len(pictures) == 24
    has_label = [bool(np.abs(picture - RED).mean() < 10) for picture in pictures]
    # Frames that nobody sees have it too; of those that are seen, the first two.
    assert has_label == [number in labelled for number in range(24)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_picture_that_stands_still_has_what_is_due_while_it_does(tmp_path, suffix):
    path = clip(suffix, times=(0, 24, 48, 240, 264), frames=5)
    overlay, target = label(), tmp_path / f"labelled{suffix}"
    open_video(path, name="film").encode(
        unchanged, target, overlay=lambda time_s: [overlay] if 5 <= time_s < 6.5 else []
    )
    shown = [bool(np.abs(each[13:29, 85:109] - RED).mean() < 10) for each in frames_of(target)]
    # The third is shown from 2 to 10 s.
    assert shown == [False, False, True, False, False]


def test_films_that_cannot_be_labelled_leave_nothing_behind(tmp_path):
    path = clip(width=WIDTH, height=HEIGHT, frames=3)
    with pytest.raises(ValueError, match="does not lie within"):
        open_video(path, name="film").encode(
            unchanged, tmp_path / "film.mp4", overlay=lambda _: [label(left=100)]
        )
    path = clip(width=WIDTH, height=HEIGHT, frames=3, colours=(9, 16, 14), pix_fmt="yuv420p10le")
    with pytest.raises(UnsupportedMediaError, match="matrix 14") as caught:
        open_video(path, name="ictcp.mp4").encode(
            unchanged, tmp_path / "film.mp4", overlay=lambda _: [label()]
        )
    assert caught.value.file == "ictcp.mp4"
    assert caught.value.hint
    assert not list(tmp_path.iterdir())
