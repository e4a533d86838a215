"""Small pictures and files for tests, made here from nothing."""

import io

import numpy as np
from PIL import Image, ImageCms

from labeler.media.picture import open_picture

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def exif(orientation=6):
    """An Exif block in Motorola order with orientation, software and a private field."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x0131] = "a camera"
    block[0xC4A5] = b"private \xff\x00 bytes"
    return block.tobytes()


def pixels(height=60, width=84, channels=3, *, seed=0, dtype=np.uint8):
    """A smooth picture with some noise; (H, W) for one channel, alpha last with hard edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    wave = np.sin(x / 9 + seed) + np.cos(y / 7)
    planes = [wave * (30 + 10 * i) + 120 for i in range(min(channels, 3) if channels != 2 else 1)]
    noise = rng.normal(0, 2, (height, width))
    stack = [plane + noise for plane in planes]
    if channels in {2, 4}:
        alpha = np.full((height, width), 255.0)
        alpha[: height // 3] = rng.integers(0, 256, (height // 3, width))
        stack.append(alpha)
    full = np.stack(stack, axis=-1) * (np.iinfo(dtype).max / 255)
    if dtype is np.uint16:
        full += rng.integers(0, 257, full.shape)
    image = full.clip(0, np.iinfo(dtype).max).astype(dtype)
    return image[..., 0] if channels == 1 else image


def saved(image, form, **options):
    """The bytes of a Pillow image or array."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def opened(data):
    """The Pillow image in ``data``."""
    return Image.open(io.BytesIO(data))


def frames_of(data):
    """All frames that Labeler sees."""
    return list(open_picture(data, name="file").frames())


def marked(frame, *, seed=1):
    """The frame with faint noise on its colours, as a watermark would add it; alpha is kept."""
    rng = np.random.default_rng(seed)
    unit = 1 if frame.dtype == np.uint8 else 257
    noise = rng.integers(-2, 3, frame.shape[:2]) * unit + rng.integers(0, unit)
    result = frame.astype(np.int64)
    if frame.ndim == 2:
        result += noise
    else:
        result[..., :3] += noise[..., None]
    changed = result.clip(0, np.iinfo(frame.dtype).max).astype(frame.dtype)
    if frame.ndim == 3 and frame.shape[2] == 4:
        changed[..., 3] = frame[..., 3]
    return changed


def remarked(data):
    """The file encoded again with `marked` frames, and those frames."""
    picture = open_picture(data, name="file")
    new = [marked(frame, seed=number) for number, frame in enumerate(picture.frames())]
    return picture.encode(iter(new)), new


def gif_sub_blocks(data):
    """GIF sub-blocks of up to 255 bytes, with their terminator."""
    pieces = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def psnr(a, b):
    """Peak signal-to-noise ratio of two 8-bit arrays."""
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)
