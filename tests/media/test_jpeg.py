import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from labeler.containers import jpeg
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
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

METADATA = {
    "icc_profile": ICC,
    "exif": exif(),
    "xmp": XMP,
    "comment": b"a comment",
    "dpi": (300, 240),
}


def applications(data):
    """APPn and COM segments, but for Adobe's."""
    return [
        (segment.marker, segment.payload)
        for segment in jpeg.parse(data).segments
        if (segment.is_application or segment.marker == jpeg.COM) and segment.marker != jpeg.APP14
    ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", [{}, {"progressive": True, "quality": 50}, {"quality": 97}])
def test_pixels_stay_close_and_everything_else_stays(channels, options):
    data = saved(pixels(channels=channels), "JPEG", **METADATA, **options)
    result, (new,) = remarked(data)
    image = opened(result)
    assert image.mode == ("L" if channels == 1 else "RGB")
    assert applications(result) == applications(data)
    assert image.info["dpi"] == (300, 240)
    assert bool(image.info.get("progressive")) == bool(options.get("progressive"))
    assert psnr(np.asarray(image), new) > 42


@pytest.mark.parametrize("quality", [40, 75, 95, 99])
def test_tables_are_those_of_the_source_but_never_coarser_than_quality_85(quality):
    data = saved(pixels(), "JPEG", quality=quality)
    result, _ = remarked(data)
    source, new, limit = (
        opened(d).quantization for d in (data, result, saved(pixels(), "JPEG", quality=85))
    )
    for number, table in new.items():
        assert table == [min(pair) for pair in zip(source[number], limit[number], strict=True)]
    if quality >= 85:
        assert new == source


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_chroma_subsampling_is_kept(subsampling):
    data = saved(pixels(), "JPEG", subsampling=subsampling)
    result, _ = remarked(data)
    assert opened(result).layer == opened(data).layer


def test_a_ratio_that_pillow_does_not_write_becomes_full_chroma():
    data = saved(pixels(), "JPEG", subsampling=1)
    file = jpeg.parse(data)
    # Claim 1x2 in place of 2x1: the pixels are nonsense, but the file decodes.
    raw = data.replace(
        file.frame_header.payload, file.frame_header.payload.replace(b"\x01\x21", b"\x01\x12", 1)
    )
    result, _ = remarked(raw)
    assert [layer[1:3] for layer in opened(result).layer] == [(1, 1)] * 3


def test_frames_are_as_stored_whatever_exif_says():
    data = saved(pixels(50, 80), "JPEG", exif=exif(orientation=6))
    (frame,) = frames_of(data)
    assert frame.shape == (50, 80, 3)
    assert (frame == np.asarray(opened(data))).all()


@pytest.mark.parametrize("transform", [True, False])
def test_rgb_without_colour_transform_stays_so(transform):
    data = saved(pixels(), "JPEG", keep_rgb=not transform, quality=95)
    result, (new,) = remarked(data)
    adobe = [s for s in jpeg.parse(result).segments if s.marker == jpeg.APP14]
    assert len(adobe) == (0 if transform else 1)
    assert psnr(np.asarray(opened(result)), new) > 44


def test_cmyk_is_seen_as_rgb_and_its_black_stays():
    inks = pixels(channels=4)
    image = Image.frombuffer("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())
    data = saved(image, "JPEG", quality=95, icc_profile=ICC)
    source = np.asarray(opened(data))
    (frame,) = frames_of(data)
    assert (frame == 255 - source[..., :3]).all()
    result, (new,) = remarked(data)
    written = opened(result)
    assert written.mode == "CMYK"
    assert written.info["icc_profile"] == ICC
    assert psnr(255 - np.asarray(written)[..., :3], new) > 44
    assert psnr(np.asarray(written)[..., 3], source[..., 3]) > 44


def test_a_c2pa_manifest_goes_and_other_jumbf_stays():
    def segments(number, kind, pieces):
        box = struct.pack(">I4sI4s4s12s", 400, b"jumb", 41, b"jumd", kind, bytes(12))
        return [
            jpeg.Segment(
                jpeg.APP11, b"JP" + bytes([0, number]) + struct.pack(">I", i) + box[:8] + rest
            )
            for i, rest in enumerate([box[8:] + b"first", *pieces], 1)
        ]

    file = jpeg.parse(saved(pixels(), "JPEG"))
    theirs, others = segments(1, b"c2pa", [b"second"]), segments(2, b"j360", [b"more"])
    data = jpeg.serialise(
        jpeg.JpegFile(segments=(*theirs, *others, *file.segments), scans=file.scans, tail=file.tail)
    )
    result, _ = remarked(data)
    kept = [s for s in jpeg.parse(result).segments if s.marker == jpeg.APP11]
    assert kept == others


def test_pictures_behind_the_first_one_can_still_be_found():
    first, second = (Image.fromarray(pixels(seed=n)) for n in range(2))
    data = saved(first, "MPO", save_all=True, append_images=[second], quality=60)
    expected = opened(data)
    expected.seek(1)
    result, _ = remarked(data)
    assert len(result) != len(data)
    read = opened(result)
    assert read.n_frames == 2
    read.seek(1)
    assert (np.asarray(read) == np.asarray(expected)).all()


def test_what_follows_the_picture_stays():
    data = saved(pixels(), "JPEG") + b"\0\0\0\x18ftypmp42 a film"
    result, _ = remarked(data)
    assert result.endswith(b"\xff\xd9\0\0\0\x18ftypmp42 a film")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated(keep):
    data = saved(pixels(200, 300), "JPEG")
    with pytest.raises(UnreadableMediaError) as caught:
        frames_of(data[: int(len(data) * keep)])
    assert caught.value.file == "file"


def test_twelve_bits_are_refused():
    data = bytearray(saved(pixels(), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedMediaError, match="12 bits"):
        open_picture(bytes(data), name="file")


def test_disturbing_metadata_do_not_matter():
    data = saved(pixels(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    result, (new,) = remarked(data)
    written = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
    assert psnr(written[..., ::-1], new) > 42
    assert b"Exif\0\0MM\0*\xff\xff\xff\xff" in result


def test_frames_of_the_wrong_shape_number_or_type():
    picture = open_picture(saved(pixels(), "JPEG"), name="file")
    (frame,) = picture.frames()
    for wrong in ([], [frame, frame], [frame[..., 0]], [frame[:-1]], [frame.astype(np.uint16)]):
        with pytest.raises(ValueError, match="expected"):
            picture.encode(wrong)
    assert picture.encode(marked(f) for f in picture.frames())
