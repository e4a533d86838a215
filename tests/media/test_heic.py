import builtins
import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from labeler.containers import heif
from labeler.errors import MissingExtraError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.heif_primary import orientation
from labeler.media.picture import open_picture
from tests.media.making import ICC, XMP, exif, frames_of, pixels, psnr, remarked

pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif (the extra heic) is missing")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def heic(image, **options):
    if image.dtype == np.uint16:
        mode, depth = "RGB;16", {}
    else:
        mode, depth = MODES[1 if image.ndim == 2 else image.shape[2]], {}
    height, width = image.shape[:2]
    buffer = io.BytesIO()
    file = pillow_heif.from_bytes(mode, (width, height), image.tobytes())
    file.save(buffer, **{"quality": 80} | depth | options)
    return buffer.getvalue()


def turned(image, number):
    """A file that shows ``image`` stored the way Exif orientation ``number`` says."""
    picture = Image.fromarray(image)
    block = Image.Exif()
    block[0x0112] = number
    picture.info["exif"] = block.tobytes()
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, quality=90, chroma=444)
    return buffer.getvalue()


def shown(data):
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    return np.asarray(file).copy()  # older versions free the pixels with the file


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("chroma", [420, 444])
def test_pixels_stay_close_and_everything_else_stays(channels, chroma):
    data = heic(pixels(channels=channels), chroma=chroma, exif=exif(1), xmp=XMP, icc_profile=ICC)
    result, (new,) = remarked(data)
    written = shown(result)
    if channels == 1:
        assert psnr(written, new) > 44
    else:
        assert psnr(written[..., :3], new[..., :3]) > 44
        assert (written[..., 3:] == new[..., 3:]).all()
    source, image = (pillow_heif.open_heif(io.BytesIO(d)).info for d in (data, result))
    for key in ("exif", "xmp", "icc_profile"):
        assert image.get(key) == source.get(key)


@pytest.mark.parametrize("number", range(1, 9))
def test_frames_are_as_stored_and_rotations_stay(number):
    data = turned(pixels(50, 80), number)
    assert orientation(heif.parse(data)) == number
    (frame,) = frames_of(data)
    upright = Image.fromarray(frame)
    upright.getexif()[0x0112] = number
    assert (np.asarray(ImageOps.exif_transpose(upright)) == shown(data)).all()
    result, (new,) = remarked(data)
    assert orientation(heif.parse(result)) == number
    assert psnr(frames_of(result)[0], new) > 44
    assert shown(result).shape == shown(data).shape


def test_ten_bits_stay_ten_bits():
    data = heic(pixels(dtype=np.uint16), chroma=444)
    (frame,) = frames_of(data)
    assert frame.dtype == np.uint16
    assert frame.max() > 40000
    result, (new,) = remarked(data)
    assert psnr(shown(result) / 257, new / 257) > 44
    assert pillow_heif.open_heif(io.BytesIO(result)).info["bit_depth"] == 10


def test_tiles_and_thumbnails_of_the_old_picture_go():
    buffer = io.BytesIO()
    file = pillow_heif.from_pillow(Image.fromarray(pixels(200, 300)))
    file.save(buffer, quality=80, tile_size=64)
    data = buffer.getvalue()
    before = heif.parse(data)
    if before.primary.type != b"grid":
        pytest.skip("this version of pillow-heif writes no tiles")
    result, (new,) = remarked(data)
    after = heif.parse(result)
    assert [item.type for item in after.items] == [b"hvc1"]
    assert after.primary_id == before.primary_id
    assert psnr(shown(result), new) > 44


def test_twelve_bits_and_sequences_are_read_but_not_written():
    data = bytearray(heic(pixels()))
    body = data.index(b"hvcC") + 4
    data[body + 17] = data[body + 17] & ~7 | 4
    picture = open_picture(bytes(data), name="a.heic")
    with pytest.raises(UnsupportedMediaError, match="12 bits"):
        picture.encode(iter([pixels()]))


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.98])
def test_truncated(keep):
    data = heic(pixels())
    with pytest.raises(UnreadableMediaError):
        frames_of(data[: int(len(data) * keep)])


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    data = heic(pixels())
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"ai-labeler\[heic\]") as caught:
        open_picture(data, name="a.heic")
    assert caught.value.file == "a.heic"
