import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.errors import MediaError
from labeler.media.media_type import MediaType
from labeler.media.picture import open_picture
from labeler.media.salvage import salvage
from tests.scenes import photograph

PICTURE = photograph(160, 200)


def stored(pixels: np.ndarray, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


PNG = stored(PICTURE, "PNG")
JPEG = stored(PICTURE, "JPEG", quality=95)


def flipped(data: bytes, share: float) -> bytes:
    changed = bytearray(data)
    changed[int(share * len(data))] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_png_with_a_flipped_bit_is_mostly_there(share: float) -> None:
    damaged = flipped(PNG, share)
    with pytest.raises(MediaError):
        next(open_picture(damaged, name="x.png").frames())
    left = salvage(damaged, MediaType.PNG, max_pixels=10**6)
    assert left is not None
    assert left.shape == PICTURE.shape
    rows = int((share - 0.1) * len(PICTURE))
    assert np.array_equal(left[:rows], PICTURE[:rows])


def test_a_truncated_png_keeps_its_upper_rows() -> None:
    left = salvage(PNG[: len(PNG) // 2], MediaType.PNG, max_pixels=10**6)
    assert left is not None
    assert np.array_equal(left[:60], PICTURE[:60])
    assert not left[-20:].any()


def test_palettes_and_transparency_are_kept() -> None:
    indexed = Image.fromarray(PICTURE).quantize(64)
    file = io.BytesIO()
    indexed.save(file, "PNG", transparency=3)
    left = salvage(flipped(file.getvalue(), 0.7), MediaType.PNG, max_pixels=10**6)
    assert left is not None
    assert left.shape == (*PICTURE.shape[:2], 4)


def test_a_truncated_jpeg_keeps_its_upper_rows() -> None:
    left = salvage(JPEG[: len(JPEG) // 2], MediaType.JPEG, max_pixels=10**6)
    assert left is not None
    error = np.abs(left[:40].astype(int) - PICTURE[:40])
    assert error.mean() < 3


@pytest.mark.parametrize(("data", "form"), [(PNG, MediaType.PNG), (JPEG, MediaType.JPEG)])
def test_large_pictures_are_not_looked_at(data: bytes, form: MediaType) -> None:
    assert salvage(data, form, max_pixels=1000) is None


@pytest.mark.parametrize("form", list(MediaType))
def test_nothing_is_left_of_nothing(form: MediaType) -> None:
    assert salvage(b"", form, max_pixels=10**6) is None
    assert salvage(bytes(100), form, max_pixels=10**6) is None


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_damage_raises(data: st.DataObject) -> None:
    source, form = data.draw(st.sampled_from([(PNG, MediaType.PNG), (JPEG, MediaType.JPEG)]))
    changed = bytearray(source[: data.draw(st.integers(0, len(source)))])
    for place in data.draw(st.lists(st.integers(0, max(0, len(changed) - 1)), max_size=8)):
        if changed:
            changed[place] = data.draw(st.integers(0, 255))
    left = salvage(bytes(changed), form, max_pixels=10**6)
    assert left is None or left.dtype in (np.uint8, np.uint16)
