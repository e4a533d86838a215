"""Bombs, damage and errors, the same for every format."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.containers import png
from labeler.errors import LabelerError, MediaTooLargeError
from labeler.media.media_type import sniff
from labeler.media.picture import MAX_PIXELS, open_picture
from tests.media.making import exif, pixels, saved

STILLS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"]
ANIMATED = ["PNG", "WEBP", "AVIF", "TIFF", "GIF"]


def animation(form, count=3):
    images = [Image.fromarray(pixels(20, 30, seed=n)) for n in range(count)]
    return saved(images[0], form, save_all=True, append_images=images[1:])


def _samples():
    files = {form: saved(pixels(20, 30), form) for form in STILLS}
    files |= {f"animated {form}": animation(form) for form in ANIMATED}
    files["palette"] = saved(Image.fromarray(pixels(20, 30)).quantize(9), "PNG", transparency=2)
    files["Exif"] = saved(pixels(20, 30), "JPEG", exif=exif(), progressive=True)
    files["LZW"] = saved(pixels(20, 30), "TIFF", compression="tiff_lzw")
    files["JPEG in TIFF"] = saved(pixels(20, 30), "TIFF", compression="jpeg")
    files["transparent"] = saved(pixels(20, 30, 4), "WEBP", lossless=True)
    return files


SAMPLES = _samples()


@pytest.mark.parametrize("form", STILLS)
def test_the_limit_of_one_frame_is_told_before_decoding(form):
    data = saved(pixels(), form)
    assert open_picture(data, name="a", max_pixels=60 * 84).width == 84
    with pytest.raises(MediaTooLargeError, match="84 x 60") as caught:
        open_picture(data, name="dir/a", max_pixels=60 * 84 - 1)
    assert caught.value.file == "dir/a"


@pytest.mark.parametrize("form", ANIMATED)
def test_all_frames_together_have_a_limit(form):
    data = animation(form)
    assert open_picture(data, name="a", max_total_pixels=3 * 600).frame_count == 3
    with pytest.raises(MediaTooLargeError, match="1800"):
        open_picture(data, name="a", max_total_pixels=3 * 600 - 1)


def test_a_bomb_costs_nothing():
    side = 60_000
    coded = zlib.compress(bytes(10_000))
    header = png.Header(width=side, height=side, bit_depth=8, colour_type=2)
    data = png.serialise([header.to_chunk(), png.Chunk(b"IDAT", coded), png.Chunk(b"IEND", b"")])
    with pytest.raises(MediaTooLargeError):
        open_picture(data, name="a")


def test_compressed_strips_do_not_unpack_to_more_than_the_page():
    # A strip of 16 x 16 grey pixels that would inflate to 64 MiB.
    bomb = zlib.compress(bytes(64 << 20), 9)
    fields = [
        (256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (273, 134), (277, 1), (278, 16),
        (279, len(bomb)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(fields)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields
    )
    data = b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)
    (frame,) = open_picture(data.ljust(134, b"\0") + bomb, name="a").frames()
    assert frame.shape == (16, 16)


def test_pictures_beyond_pillows_own_limit_are_opened_without_warning():
    side = 9_500  # 90 megapixels; Pillow warns above 89
    assert side * side < MAX_PIXELS
    data = saved(np.zeros((side, side), np.uint8), "PNG", compress_level=1)
    before = Image.MAX_IMAGE_PIXELS
    (frame,) = open_picture(data, name="a").frames()
    assert frame.shape == (side, side)
    assert before == Image.MAX_IMAGE_PIXELS


def exercise(data):
    """Everything that is done with a stranger's file."""
    sniff(data, name="a")
    picture = open_picture(data, name="a", max_pixels=1 << 20, max_total_pixels=1 << 21)
    frames = list(picture.frames())
    assert len(frames) == picture.frame_count
    for frame in frames:
        assert frame.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}
        assert frame.ndim == 2 or frame.shape[2] in {3, 4}
    picture.encode(iter(frames))


def error_of(data):
    try:
        exercise(data)
    except LabelerError as exc:
        return exc
    return None


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_sound(name):
    exercise(SAMPLES[name])


# Decoders warn of some damage; that is no error of Labeler's.
@pytest.mark.filterwarnings("ignore")
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    cut=st.none() | st.floats(0, 1),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
@example(name="JPEG", cut=0.5, edits=[])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damage_gives_nothing_but_errors_that_name_the_file(name, cut, edits):
    data = bytearray(SAMPLES[name])
    for place, value in edits:
        # Squared: most fields that matter stand near the beginning.
        data[int(place**2 * len(data))] = value
    if cut is not None:
        del data[int(cut * len(data)) :]
    error = error_of(bytes(data))
    if error is not None:
        assert error.file == "a"
        assert error.problem
        assert not error.problem.endswith(".")
        assert error.hint


@given(st.binary(max_size=300), st.sampled_from([b"", *(d[:16] for d in SAMPLES.values())]))
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused(tail, head):
    with pytest.raises(LabelerError):
        exercise(head + tail)


def test_errors_of_the_caller_pass_unchanged():
    picture = open_picture(saved(pixels(), "PNG"), name="a")

    def frames():
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        picture.encode(frames())
