import numpy as np
import pytest
from PIL import Image

from labeler.containers import webp
from labeler.errors import UnreadableMediaError
from labeler.media.picture import open_picture
from tests.media.making import (
    ICC,
    XMP,
    exif,
    frames_of,
    marked,
    opened,
    pixels,
    psnr,
    remarked,
    saved,
)

METADATA = {"icc_profile": ICC, "exif": exif(), "xmp": XMP}


def others(data):
    pictures = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANMF"}
    return [chunk for chunk in webp.parse(data) if chunk.type not in pictures]


@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_comes_back_exactly(channels):
    stored = pixels(channels=channels)
    data = saved(stored, "WEBP", lossless=True, exact=True, **METADATA)
    assert (frames_of(data)[0] == stored).all()
    result, (new,) = remarked(data)
    assert (np.asarray(opened(result)) == new).all()
    assert others(result) == others(data)


@pytest.mark.parametrize("channels", [3, 4])
def test_lossy_stays_close_and_alpha_exact(channels):
    data = saved(pixels(channels=channels), "WEBP", quality=80, **METADATA)
    result, (new,) = remarked(data)
    written = np.asarray(opened(result))
    assert psnr(written[..., :3], new[..., :3]) > 40  # small and noisy; photographs reach 45
    if channels == 4:
        assert (written[..., 3] == new[..., 3]).all()
    assert b"VP8 " in [chunk.type for chunk in webp.parse(result)]
    assert others(result) == others(data)
    for key in METADATA:
        assert opened(result).info[key] == opened(data).info[key]


def test_a_simple_file_stays_simple():
    result, _ = remarked(saved(pixels(), "WEBP", quality=80))
    assert [chunk.type for chunk in webp.parse(result)] == [b"VP8 "]


def test_unknown_chunks_stay_and_a_manifest_goes():
    data = saved(pixels(), "WEBP", exif=exif())
    chunks = [*webp.parse(data), webp.Chunk(b"C2PA", b"a manifest"), webp.Chunk(b"OWN ", b"odd")]
    data = webp.assemble(chunks, width=84, height=60, has_alpha=False)
    result, _ = remarked(data)
    assert webp.Chunk(b"OWN ", b"odd") in others(result)
    assert b"C2PA" not in [chunk.type for chunk in others(result)]


def animation(channels, **options):
    images = [Image.fromarray(pixels(channels=channels, seed=n)) for n in range(4)]
    return saved(
        images[0],
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=[40, 100, 250, 1000],
        loop=3,
        background=(1, 2, 3, 4),
        **METADATA,
        **options,
    )


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("lossless", [True, False])
def test_animations(channels, lossless):
    data = animation(channels, lossless=lossless, quality=85, exact=True)
    result, new = remarked(data)
    image = opened(result)
    assert image.info["loop"] == 3
    assert image.info["background"] == opened(data).info["background"]
    assert others(result) == others(data)
    durations = []
    for number, frame in enumerate(new):
        image.seek(number)
        image.load()
        durations.append(image.info["duration"])
        written = np.asarray(image)
        if lossless:
            assert (written == frame).all()
        else:
            assert psnr(written[..., :3], frame[..., :3]) > 39
            assert (written[..., 3:] == frame[..., 3:]).all()
    assert durations == [40, 100, 250, 1000]


def test_unchanged_areas_are_not_written_again():
    still = pixels()
    images = []
    for n in range(3):
        frame = still.copy()
        frame[11:21, 11 + n : 21 + n] = 255
        images.append(Image.fromarray(frame))
    data = saved(
        images[0], "WEBP", save_all=True, append_images=images[1:], duration=50, lossless=True
    )
    picture = open_picture(data, name="file")
    result = picture.encode(marked(frame) for frame in picture.frames())
    frames = [chunk.data for chunk in webp.parse(result) if chunk.type == b"ANMF"]
    assert len(frames[1]) < len(frames[0]) / 4
    for back, image in zip(frames_of(result), images, strict=True):
        assert (back[..., :3] == marked(np.asarray(image))).all()


def test_what_follows_the_file_is_tolerated():
    data = saved(pixels(), "WEBP", lossless=True)
    assert (frames_of(data + b"garbage")[0] == pixels()).all()


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.98])
def test_truncated(keep):
    data = saved(pixels(), "WEBP")
    with pytest.raises(UnreadableMediaError):
        frames_of(data[: int(len(data) * keep)])


def test_damaged_pixels():
    chunks = webp.parse(saved(pixels(), "WEBP", lossless=True))
    spoilt = chunks[0].data[:40] + bytes(len(chunks[0].data) - 40)
    data = webp.assemble([webp.Chunk(b"VP8L", spoilt)], width=84, height=60, has_alpha=False)
    with pytest.raises(UnreadableMediaError):
        frames_of(data)
