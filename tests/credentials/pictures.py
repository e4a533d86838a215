"""Small pictures of every format that can be signed."""

import io

import numpy as np
from PIL import Image

from labeler.media.media_type import MediaType

EMBEDDED = (
    MediaType.JPEG,
    MediaType.PNG,
    MediaType.WEBP,
    MediaType.AVIF,
    MediaType.TIFF,
    MediaType.GIF,
)


def frame(size=32, seed=1):
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def picture(media_type=MediaType.PNG, size=32, seed=1):
    stream = io.BytesIO()
    frame(size, seed).save(stream, media_type.name)
    return stream.getvalue()


def pages(count=3, *, big=False):
    """A TIFF file of several pages."""
    stream = io.BytesIO()
    first, *rest = (frame(24 + 8 * index) for index in range(count))
    first.save(stream, "TIFF", save_all=True, append_images=rest, big_tiff=big)
    return stream.getvalue()


def decoded(data):
    """The pixels of every frame."""
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            frames.append(np.asarray(image.convert("RGBA")).tobytes())
        return frames
