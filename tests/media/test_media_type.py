import gzip
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaKind, MediaType, check_name, sniff
from tests.media.making import pixels, saved

ANIMATED = {"save_all": True, "append_images": [Image.fromarray(pixels(seed=1))], "duration": 40}


@pytest.mark.parametrize(
    ("form", "options", "expected"),
    [
        ("JPEG", {}, MediaType.JPEG),
        ("JPEG", {"progressive": True}, MediaType.JPEG),
        ("PNG", {}, MediaType.PNG),
        ("PNG", ANIMATED, MediaType.PNG),
        ("WEBP", {}, MediaType.WEBP),
        ("WEBP", ANIMATED | {"lossless": True}, MediaType.WEBP),
        ("AVIF", {}, MediaType.AVIF),
        ("AVIF", ANIMATED, MediaType.AVIF),
        ("TIFF", {}, MediaType.TIFF),
        ("TIFF", {"big_tiff": True}, MediaType.TIFF),
        ("GIF", {}, MediaType.GIF),
    ],
)
def test_knows_what_pillow_writes(form, options, expected):
    assert sniff(saved(pixels(), form, **options), name="x") is expected


def test_knows_heic():
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels())).save(buffer, quality=50)
    assert sniff(buffer.getvalue(), name="x") is MediaType.HEIC


def test_tells_big_endian_tiff():
    assert sniff(b"MM\0*\0\0\0\x08", name="x") is MediaType.TIFF
    assert sniff(b"MM\0+\0\x08\0\0", name="x") is MediaType.TIFF


def test_a_heif_brand_may_stand_among_the_compatible_ones():
    head = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf"
    assert sniff(head, name="x") is MediaType.HEIC
    assert sniff(head.replace(b"heic", b"avif"), name="x") is MediaType.AVIF


def test_values_and_extensions():
    assert [t.value for t in MediaType][:2] == ["image/jpeg", "image/png"]
    assert {t.kind for t in MediaType} == {MediaKind.IMAGE}
    assert MediaType.TIFF.extension == ".tif"
    assert all(t.extension in t.extensions for t in MediaType)
    every = [extension for t in MediaType for extension in t.extensions]
    assert len(every) == len(set(every))


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (saved(pixels(), "BMP"), "BMP"),
        (saved(pixels(), "PDF"), "PDF"),
        (saved(pixels(), "ICO"), "icon"),
        (saved(pixels(), "JPEG2000"), "JPEG 2000"),
        (_zip(), "ZIP"),
        (gzip.compress(b"x"), "gzip"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\n <!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (json.dumps({"error": "x"}).encode(), "text"),
        (b"\0\0\0\x20ftypisom\0\0\0\0isom", "MP4"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "WAV"),
        (b"\x1a\x45\xdf\xa3 webm", "Matroska"),
        (b"\xff\x0a\x00", "JPEG XL"),
    ],
)
def test_says_what_a_foreign_file_is(data, says):
    with pytest.raises(UnsupportedMediaError, match=says) as caught:
        sniff(data, name="in/a.jpg")
    assert caught.value.file == "in/a.jpg"
    assert caught.value.hint


def test_unknown_empty_and_blank_files():
    with pytest.raises(UnsupportedMediaError, match="no format that Labeler recognises"):
        sniff(np.random.default_rng(0).bytes(500), name="x")
    with pytest.raises(UnreadableMediaError, match="empty"):
        sniff(b"", name="x")
    with pytest.raises(UnreadableMediaError, match="zero bytes"):
        sniff(bytes(5000), name="x")


@pytest.mark.parametrize("name", ["a.PNG", "b.apng", "dir.jpg/c", "d.bin", "e", "f.png.tmp"])
def test_names_that_fit_or_promise_nothing(name):
    check_name(MediaType.PNG, name)


@pytest.mark.parametrize(
    ("media_type", "name", "words"),
    [
        (MediaType.PNG, "dir/a.jpg", ["JPEG", ".jpg", "PNG", "a.png"]),
        (MediaType.JPEG, "a.heic", ["HEIC", "JPEG", "a.jpg"]),
        (MediaType.WEBP, "clip.MP4", ["MP4", "WebP", "clip.webp"]),
        (MediaType.TIFF, "raw.dng", ["camera raw", "TIFF"]),
    ],
)
def test_mislabelled_files_are_refused(media_type, name, words):
    with pytest.raises(UnreadableMediaError) as caught:
        check_name(media_type, name)
    assert caught.value.file == name
    for word in words:
        assert word in str(caught.value)
