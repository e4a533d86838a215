"""Labels on films, as FFmpeg shows these to people."""

import shutil
import struct
import subprocess
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from detectors.report import Presence
from detectors.video import detect
from labeler.codec.keys import Key
from labeler.codec.payload import Handle, Origin, Payload
from labeler.disclosure.badge import render
from labeler.disclosure.contrast import contrast
from labeler.disclosure.films import film_overlay
from labeler.disclosure.labels import Corner, Extent, Language, Schedule, VisibleLabel
from labeler.marks.video import Marker
from labeler.media.media_type import MediaType
from labeler.media.video import Video, VideoLimits, open_video
from labeler.media.video_opening import read_track
from tests.clips import clip
from tests.films import blank
from tests.media.films import copied, in_track, with_moov

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xCAFE1234))
LABEL = VisibleLabel(extent=Extent.GENERATED, schedule=Schedule(throughout=True))
# What people see of stored rows, by orientation (Exif 2.32, 4.6.4 A).
SEEN = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, 1),
}  # fmt: skip
# Display matrices that do this: a, b, c, d.
MATRICES = {1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
            5: (0, 1, 1, 0), 6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0)}  # fmt: skip


def film(track=None, **changes):
    """A film that is not read: only what is known of it counts."""
    path = clip(frames=2)
    track = track or read_track(path, MediaType.MP4, VideoLimits())
    return Video(path, replace(track, **changes), VideoLimits(), name="film")


def painted(video, overlays):
    """Coverage and colours, ``(H, W, 4)`` from 0 to 1, on all of the frame as it is coded."""
    page = np.zeros((video.height, video.width, 4), np.float32)
    for overlay in overlays:
        height, width = overlay.coverage.shape
        part = page[overlay.top : overlay.top + height, overlay.left : overlay.left + width]
        assert part.shape[:2] == (height, width)
        part[..., 3] = overlay.coverage
        part[..., :3] = overlay.rgb / 255 * overlay.coverage[..., None]
    return page


def as_drawn(label, width, height):
    badge = render(label, width=width, height=height)
    video = film(width=width, height=height)
    return painted(video, [badge])


def turned_clip(tmp_path, orientation, **options):
    path = copied(clip(**options), tmp_path)
    a, b, c, d = (value * 65536 for value in MATRICES[orientation])
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    def turn(trak):
        header = trak.find(b"tkhd")
        header.body = header.body[:40] + matrix + header.body[76:]

    return with_moov(path, in_track(0, turn))


@pytest.mark.parametrize("corner", Corner)
@pytest.mark.parametrize("orientation", SEEN)
def test_people_see_it_upright_in_its_corner(orientation, corner):
    label = replace(LABEL, corner=corner)
    video = film(orientation=orientation)
    coded = painted(video, film_overlay(video, [label])(0.0))
    seen = SEEN[orientation](coded)
    assert (seen == as_drawn(label, seen.shape[1], seen.shape[0])).all()


@pytest.mark.parametrize("orientation", SEEN)
def test_orientations_are_those_of_display_matrices(tmp_path, orientation):
    path = turned_clip(tmp_path, orientation, frames=2)
    assert open_video(path, name="film").orientation == orientation


@pytest.mark.parametrize(("rotation", "orientation"), [(-90, 6), (90, 8), (180, 3)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_orientations_are_those_that_ffmpeg_writes(rotation, orientation, suffix):
    path = clip(suffix, frames=2, rotation=rotation)
    assert open_video(path, name="film").orientation == orientation


@pytest.mark.parametrize("aspect", [Fraction(16, 11), Fraction(8, 9), Fraction(2), Fraction(1, 2)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_pixels_that_are_not_square_do_not_change_its_shape(aspect, orientation):
    video = film(sample_aspect=aspect, orientation=orientation, width=321, height=241)
    (overlay,) = film_overlay(video, [LABEL])(0.0)
    across, down = max(aspect, Fraction(1)), max(1 / aspect, Fraction(1))
    size = (round(321 * across), round(241 * down))
    seen_size = size if orientation == 1 else size[::-1]
    drawn = as_drawn(LABEL, *seen_size)[..., 3]
    area = float(overlay.coverage.sum()) * float(across * down)
    assert area == pytest.approx(drawn.sum(), rel=0.01)
    height, width = overlay.coverage.shape
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    box = (len(rows), len(columns)) if orientation == 1 else (len(columns), len(rows))
    assert abs(height * float(down) - box[0]) <= 2 * down
    assert abs(width * float(across) - box[1]) <= 2 * across


def test_its_colours_do_not_mix_with_what_is_transparent():
    video = film(sample_aspect=Fraction(3, 2))
    (overlay,) = film_overlay(video, [LABEL])(0.0)
    badge = render(LABEL, width=480, height=180)
    rows = badge.coverage.shape[0] // 2
    # The outer ring keeps its own colour to the last pixel that it covers at all.
    covered = overlay.coverage[rows] > 0.05
    assert np.abs(overlay.rgb[rows][covered][0].astype(int) - badge.rgb[rows, 0]).max() <= 2


@pytest.mark.parametrize("aspect", [Fraction(1, 10**6), Fraction(10**6)])
def test_headers_cannot_ask_for_any_canvas(aspect):
    video = film(sample_aspect=aspect)
    (overlay,) = film_overlay(video, [LABEL])(0.0)
    assert overlay.coverage.size < 320 * 180


def test_schedules_say_when():
    schedule = Schedule(lasts_s=2, every_s=10, breaks_s=(5.0,))
    always = replace(LABEL, corner=Corner.BOTTOM_LEFT)
    overlay = film_overlay(film(), [replace(LABEL, schedule=schedule), always])
    counts = [len(overlay(time_s)) for time_s in (0, 1.9, 2, 4.9, 5, 6.9, 7, 10, 12)]
    assert counts == [2, 2, 1, 1, 2, 2, 1, 2, 1]
    # The same objects each time, so that their code values are computed once.
    assert overlay(0)[0] is overlay(10)[0]


def test_labels_of_one_corner_do_not_hide_each_other():
    dutch = replace(LABEL, language=Language.DUTCH)
    one, other = film_overlay(film(), [LABEL, dutch])(0.0)
    assert one.top + one.coverage.shape[0] <= other.top


@pytest.mark.system
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not here")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_ffmpeg_shows_it_as_it_was_drawn(tmp_path, orientation):
    options = {"frames": 6, "width": 480, "height": 360, "sample_aspect": Fraction(4, 3)}
    path = turned_clip(tmp_path, orientation, colours=(6, 6, 6), **options)
    video = open_video(path, name="film")
    target = tmp_path / "labelled.mp4"
    video.encode(lambda luma: luma.copy(), target, overlay=film_overlay(video, [LABEL]))
    width, height = (640, 360) if orientation in {1, 3} else (360, 640)
    shown = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", target, "-vf",
         f"scale={width}:{height}:flags=area,format=rgb24",
         "-frames:v", "1", "-f", "rawvideo", "-"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    seen = np.frombuffer(shown, np.uint8).reshape(height, width, 3).astype(float)
    drawn = as_drawn(LABEL, width, height)
    inner = drawn[..., 3] == 1
    error = np.abs(seen[inner] - 255 * drawn[..., :3][inner])
    assert error.mean() < 20
    # Told apart from any other place: moved by a few pixels it would not fit.
    moved = np.abs(np.roll(seen, 4, axis=1)[inner] - 255 * drawn[..., :3][inner])
    assert moved.mean() > 2 * error.mean()


def test_a_film_is_labelled_at_its_start_and_at_intervals(tmp_path):
    label = replace(LABEL, schedule=Schedule(lasts_s=0.25, every_s=0.5))
    video = open_video(clip(frames=24), name="film")
    target = tmp_path / "labelled.mp4"
    video.encode(lambda luma: luma.copy(), target, overlay=film_overlay(video, [label]))
    drawn = as_drawn(label, 320, 180)
    inner = drawn[..., 3] == 1
    with av.open(str(target)) as container:
        shown = [
            np.abs(frame.to_ndarray(format="rgb24")[inner] - 255 * drawn[..., :3][inner]).mean()
            < 25
            for frame in container.decode(video=0)
        ]
    assert shown == [number % 12 < 6 for number in range(24)]


def test_a_labelled_film_keeps_its_mark_and_its_label(tmp_path):
    video = open_video(clip(width=640, height=360, frames=12, rate=Fraction(12)), name="film")
    marker = Marker(360, 640, PAYLOAD, KEY)
    target = tmp_path / "labelled.mp4"
    video.encode(marker.mark, target, overlay=film_overlay(video, [LABEL]))
    found = detect(open_video(target, name="film"), [KEY])
    assert found.presence is Presence.PRESENT
    assert found.payload == PAYLOAD
    with av.open(str(target)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="rgb24")
            assert contrast(picture, render(LABEL, width=640, height=360)) >= 4.5


@pytest.mark.parametrize("level", [0, 16, 80, 126, 180, 235, 255])
def test_it_stands_out_from_any_grey(tmp_path, level):
    video = open_video(blank(tmp_path / "film.mp4", level, (640, 360)), name="film")
    target = tmp_path / "labelled.mp4"
    marker = Marker(360, 640, PAYLOAD, KEY)
    video.encode(marker.mark, target, overlay=film_overlay(video, [LABEL]))
    with av.open(str(target)) as container:
        picture = list(container.decode(video=0))[-1].to_ndarray(format="rgb24")
    assert contrast(picture, render(LABEL, width=640, height=360)) >= 4.5
