import numpy as np
import pytest
from PIL import Image

from labeler.containers import gif
from labeler.errors import UnreadableMediaError
from labeler.media.picture import open_picture
from labeler.media.quantise import quantise
from tests.media.making import (
    frames_of,
    gif_sub_blocks,
    marked,
    opened,
    pixels,
    psnr,
    remarked,
    saved,
)


def moving(alpha=False, count=5):
    """Frames of a still ground with a moving patch; with alpha, a hole that grows and closes."""
    frames = []
    for n in range(count):
        frame = np.zeros((60, 84, 3), np.uint8) + np.arange(84, dtype=np.uint8)[:, None]
        frame[20 + 3 * n : 40 + 3 * n, 30:60] = (250, 40 * n, 10)
        if alpha:
            hole = np.full((60, 84, 1), 255, np.uint8)
            hole[: 8 * n if n < count - 1 else 0] = 0
            frame = np.dstack([frame, hole])
        frames.append(frame)
    return frames


def animation(frames, **options):
    images = [Image.fromarray(frame) for frame in frames]
    options = {"duration": [40, 100, 250, 1000, 70], "loop": 3, "comment": b"a comment"} | options
    return saved(images[0], "GIF", save_all=True, append_images=images[1:], **options)


def others(data):
    drawn = {gif.BlockKind.IMAGE, gif.BlockKind.GRAPHIC_CONTROL}
    return [block for block in gif.parse(data).blocks if block.kind not in drawn]


def pillow_frames(data):
    image = opened(data)
    result = []
    for number in range(image.n_frames):
        image.seek(number)
        result.append((np.asarray(image.convert("RGBA")), image.info.get("duration")))
    return result


def test_few_colours_come_back_exactly():
    stored = (pixels() // 64) * 64
    data = saved(Image.fromarray(stored).quantize(128, dither=0), "GIF")
    picture = open_picture(data, name="file")
    (frame,) = picture.frames()
    assert frame.shape == (60, 84, 3)
    assert (frames_of(picture.encode([frame]))[0] == frame).all()


@pytest.mark.parametrize("alpha", [False, True])
def test_frames_durations_loop_and_comment_come_back(alpha):
    data = animation(moving(alpha), disposal=2 if alpha else 1)
    expected = pillow_frames(data)
    frames = frames_of(data)
    for frame, (wanted, _) in zip(frames, expected, strict=True):
        assert (frame == wanted[..., : frame.shape[2]]).all()
    result, new = remarked(data)
    written = pillow_frames(result)
    assert [duration for _, duration in written] == [40, 100, 250, 1000, 70]
    assert opened(result).info["loop"] == 3
    assert others(result) == others(data)
    for frame, (got, _) in zip(new, written, strict=True):
        seen = frame[..., 3] > 127 if alpha else np.ones(frame.shape[:2], bool)
        assert ((got[..., 3] > 127) == seen).all()
        assert psnr(got[seen][:, :3], frame[seen][:, :3]) > 40


def test_a_still_with_transparency():
    stored = moving(alpha=True)[2]
    data = saved(stored, "GIF")
    result, (new,) = remarked(data)
    ((got, _),) = pillow_frames(result)
    assert (got[..., 3] == new[..., 3]).all()


def test_a_manifest_goes_and_other_extensions_stay():
    file = gif.parse(animation(moving()))
    manifest = gif.Block(
        gif.BlockKind.APPLICATION, b"\x21\xff\x0bC2PA_GIF\1\0\0" + gif_sub_blocks(b"x" * 300)
    )
    own = gif.Block(gif.BlockKind.APPLICATION, b"\x21\xff\x0bOWNTHING1.0\x02ab\0")
    blocks = (*file.blocks[:1], manifest, own, *file.blocks[1:])
    result, _ = remarked(gif.serialise(file.head, blocks))
    assert own in gif.parse(result).blocks
    assert manifest not in gif.parse(result).blocks


def test_a_faint_pattern_survives_quantisation():
    # What `quantise` is for: a 1.5-level pattern on a picture that has 256 colours already.
    rng = np.random.default_rng(0)
    image = Image.fromarray(pixels(200, 200)).quantize(256)
    ground = np.asarray(image.convert("RGB")).astype(float)
    pattern = rng.choice([-1.5, 1.5], (200, 200, 1))
    noisy = (ground + pattern).clip(0, 255).round().astype(np.uint8)
    palette, indices = quantise(noisy.reshape(-1, 3), limit=255)
    change = palette[indices].reshape(noisy.shape) - ground
    luma = change @ [0.299, 0.587, 0.114]
    plain = np.asarray(Image.fromarray(noisy).quantize(255).convert("RGB")) - ground
    correlations = [
        np.corrcoef(values.ravel(), pattern.ravel())[0, 1]
        for values in (luma, plain @ [0.299, 0.587, 0.114])
    ]
    assert len(palette) <= 255
    assert correlations[0] > 0.6
    assert correlations[0] > correlations[1]


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9])
def test_truncated(keep):
    data = animation([marked(frame) for frame in moving()])
    with pytest.raises(UnreadableMediaError):
        frames_of(data[: int(len(data) * keep)])


def test_a_missing_trailer_and_garbage_are_tolerated():
    data = saved(pixels(), "GIF")
    expected = frames_of(data)[0]
    assert (frames_of(data[:-1])[0] == expected).all()
    assert (frames_of(data + b"garbage")[0] == expected).all()


def test_a_frame_beyond_its_canvas_is_refused():
    data = bytearray(saved(pixels(), "GIF"))
    data[6:8] = (50).to_bytes(2, "little")
    with pytest.raises(UnreadableMediaError, match="canvas"):
        open_picture(bytes(data), name="file")
