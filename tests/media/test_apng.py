import numpy as np
import pytest
from PIL import Image

from labeler.containers import png
from labeler.errors import UnreadableMediaError
from labeler.media.apng import FrameControl
from labeler.media.picture import open_picture
from tests.media.making import frames_of, opened, pixels, remarked, saved


def animation(channels=4, **options):
    images = [Image.fromarray(pixels(channels=channels, seed=n)) for n in range(4)]
    options = {"duration": [40, 100, 250, 1000], "loop": 3} | options
    return saved(images[0], "PNG", save_all=True, append_images=images[1:], **options)


def pillow_frames(data):
    image = opened(data)
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    frames = []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append((np.asarray(image.convert(mode)), image.info.get("duration")))
    return frames


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("disposal", [0, 2])
def test_frames_delays_and_loop_come_back(channels, disposal):
    data = animation(channels, disposal=disposal)
    expected = pillow_frames(data)
    frames = frames_of(data)
    assert len(frames) == 4
    for frame, (wanted, _) in zip(frames, expected, strict=True):
        assert (frame == wanted).all()
    result, new = remarked(data)
    written = pillow_frames(result)
    assert [duration for _, duration in written] == [40, 100, 250, 1000]
    assert opened(result).info["loop"] == 3
    for frame, (got, _) in zip(new, written, strict=True):
        assert (frame == got).all()


def test_blending_draws_over_the_frame_before():
    # Pillow reads such files wrongly (it mixes the alphas), so the formula is the oracle.
    data = animation(blend=1)
    stored = [pixels(channels=4, seed=n) / 255 for n in range(2)]
    (below, above), alphas = stored, [s[..., 3:] for s in stored]
    alpha = alphas[1] + alphas[0] * (1 - alphas[1])
    colour = above * alphas[1] + below * alphas[0] * (1 - alphas[1])
    expected = colour[..., :3] / np.maximum(alpha, 1e-9)
    frame = frames_of(data)[1] / 255
    assert np.abs(frame[..., 3:] - alpha).max() < 0.51 / 255
    assert (np.abs(frame[..., :3] - expected) * (alpha > 0)).max() < 0.51 / 255
    result, new = remarked(data)
    for frame, back in zip(new, frames_of(result), strict=True):
        assert (frame == back).all()


def test_clearing_disposal_needs_alpha():
    # Small bright patches on a still ground: Pillow writes partial frames.
    images = []
    for n in range(3):
        ground = np.zeros((40, 60, 3), np.uint8)
        ground[5 + 9 * n : 12 + 9 * n, 5:20] = 200
        images.append(Image.fromarray(ground))
    data = saved(images[0], "PNG", save_all=True, append_images=images[1:], disposal=1)
    frames = frames_of(data)
    assert frames[0].shape[2] == 4
    assert (frames[1][..., 3] < 255).any()
    result, new = remarked(data)
    for frame, back in zip(new, frames_of(result), strict=True):
        assert (frame == back).all()


def test_a_default_image_outside_the_animation_stays_there_and_is_handed_out_first():
    data = animation(default_image=True)
    assert opened(data).default_image
    frames = frames_of(data)
    assert len(frames) == 4
    assert (frames[0] == pixels(channels=4, seed=0)).all()
    result, new = remarked(data)
    assert opened(result).default_image
    types = [chunk.type for chunk in png.parse(result)]
    assert types.index(b"IDAT") < types.index(b"fcTL")
    assert (np.asarray(opened(result)) == new[0]).all()


def test_unchanged_areas_are_not_written_again():
    still = pixels(channels=3)
    images = []
    for n in range(4):
        frame = still.copy()
        frame[10:20, 10 + n : 20 + n] = 255
        images.append(Image.fromarray(frame))
    data = saved(images[0], "PNG", save_all=True, append_images=images[1:], duration=50)
    picture = open_picture(data, name="file")
    result = picture.encode(picture.frames())
    controls = [FrameControl.from_chunk(c) for c in png.parse(result) if c.type == b"fcTL"]
    assert (controls[0].width, controls[0].height) == (84, 60)
    assert all((c.width, c.height) == (11, 10) for c in controls[1:])
    for frame, image in zip(frames_of(result), images, strict=True):
        assert (frame == np.asarray(image)).all()


def test_frames_are_taken_one_by_one():
    picture = open_picture(animation(), name="file")
    taken = []

    def frames():
        for number, frame in enumerate(picture.frames()):
            taken.append(number)
            yield frame

    assert picture.frame_count == 4
    iterator = frames()
    picture.encode(iterator)
    assert taken == [0, 1, 2, 3]


@pytest.mark.parametrize("field", [4, 12])
def test_a_frame_beyond_its_canvas_is_damage(field):
    chunks = list(png.parse(animation()))
    at = next(i for i, chunk in enumerate(chunks) if chunk.type == b"fcTL")
    body = bytearray(chunks[at].data)
    body[field : field + 4] = (85).to_bytes(4, "big")
    chunks[at] = png.Chunk(b"fcTL", bytes(body))
    with pytest.raises(UnreadableMediaError, match="canvas"):
        open_picture(png.serialise(chunks), name="file")
