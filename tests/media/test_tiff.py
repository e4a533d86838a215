import shutil
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from labeler.containers import tiff
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.picture import open_picture
from tests.media.making import ICC, XMP, frames_of, opened, pixels, psnr, remarked, saved

COMPRESSIONS = [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"]


def described(data):
    """Fields of the first directory that say nothing about how its pixels are stored."""
    file = tiff.parse(data)
    coding = {258, 259, 262, 277, 278, 284, 317, 320, 338}
    return [(e.tag, e.value) for e in file.ifds[0].entries if e.tag not in coding]


def tags():
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[270] = "a description"
    info[700] = XMP
    info[33723] = b"\x1c\x02\x78\x00\x07caption"  # IPTC
    info.tagtype[33723] = 7
    info[0x0112] = 6
    return info


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pixels_compression_and_fields_come_back(compression, channels):
    stored = pixels(channels=channels)
    data = saved(
        stored, "TIFF", compression=compression, icc_profile=ICC, dpi=(300, 240), tiffinfo=tags()
    )
    (frame,) = frames_of(data)
    assert (frame == (stored[..., 0] if channels == 2 else stored)).all()
    result, (new,) = remarked(data)
    image = opened(result)
    assert image.info["compression"] == opened(data).info["compression"]
    assert described(result) == described(data)
    # Orientation is applied by Pillow when it reads, not by Labeler.
    written = np.rot90(np.asarray(image), 1)
    assert (written[..., 0] == new).all() if channels == 2 else (written == new).all()
    if channels in {2, 4}:
        assert (written[..., -1] == stored[..., -1]).all()


@pytest.mark.parametrize("scheme", [1, 5, 8, 32773])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_come_back_exactly(scheme, channels):
    stored = pixels(channels=channels, dtype=np.uint16)
    order = [2, 1, 0][:channels]
    turned = stored if channels == 1 else stored[..., order]
    data = cv2.imencode(".tif", turned, [cv2.IMWRITE_TIFF_COMPRESSION, scheme])[1].tobytes()
    assert (frames_of(data)[0] == stored).all()
    result, (new,) = remarked(data)
    written = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
    assert ((written if channels == 1 else written[..., order]) == new).all()


def test_cmyk_is_seen_as_rgb_and_its_black_stays():
    inks = pixels(channels=4)
    image = Image.frombuffer("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())
    data = saved(image, "TIFF", compression="tiff_lzw")
    assert (frames_of(data)[0] == 255 - inks[..., :3]).all()
    result, (new,) = remarked(data)
    assert opened(result).mode == "CMYK"
    assert (np.asarray(opened(result))[..., :3] == 255 - new).all()
    assert (np.asarray(opened(result))[..., 3] == inks[..., 3]).all()


def test_white_is_zero():
    file = tiff.parse(saved(pixels(channels=1), "TIFF"))
    changed = file.ifds[0].with_entries([tiff.Entry(262, 3, 1, b"\0\0")])
    data = tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=(changed,)))
    assert (frames_of(data)[0] == 255 - pixels(channels=1)).all()
    assert (np.asarray(opened(data)) == frames_of(data)[0]).all()
    result, (new,) = remarked(data)
    assert (np.asarray(opened(result)) == new).all()


@pytest.mark.parametrize(
    ("image", "compression", "mode"),
    [
        (Image.fromarray(pixels(channels=1)).convert("1"), "group4", "L"),
        (Image.fromarray(pixels()).quantize(50), "tiff_lzw", "RGB"),
        (Image.fromarray(pixels()), "jpeg", "RGB"),
        (Image.fromarray(pixels(channels=1)), "jpeg", "L"),
    ],
)
def test_other_variants_become_plain_eight_bits(image, compression, mode):
    data = saved(image, "TIFF", compression=compression, dpi=(150, 150))
    (frame,) = frames_of(data)
    assert (frame == np.asarray(opened(data).convert(mode))).all()
    result, (new,) = remarked(data)
    written = opened(result)
    assert written.mode == mode
    assert written.info["compression"] == "tiff_adobe_deflate"
    assert written.info["dpi"] == (150, 150)
    assert (np.asarray(written) == new).all()


def test_every_page_is_handed_out_and_previews_are_not():
    images = [Image.fromarray(pixels(40 + 10 * n, 50, seed=n)) for n in range(3)]
    data = saved(images[0], "TIFF", save_all=True, append_images=images[1:])
    file = tiff.parse(data)
    preview = file.ifds[0].with_entries([tiff.Entry(254, 4, 1, b"\1\0\0\0")])
    data = tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=(*file.ifds, preview)))
    picture = open_picture(data, name="file")
    assert picture.frame_count == 3
    assert [frame.shape[0] for frame in picture.frames()] == [40, 50, 60]
    result, new = remarked(data)
    written = opened(result)
    assert written.n_frames == 4
    for number, frame in enumerate(new):
        written.seek(number)
        assert (np.asarray(written) == frame).all()
    written.seek(3)
    assert (np.asarray(written) == pixels(40, 50)).all()


@pytest.mark.parametrize("big", [False, True])
def test_bigtiff_and_directories_within(big):
    file = tiff.parse(saved(pixels(), "TIFF", big_tiff=big))
    comment = tiff.Entry(37510, 7, 17, b"ASCII\0\0\0a comment")
    thumbnail = tiff.Ifd((), (tiff.Run(513, 514, (b"a thumbnail",)),))
    first = replace(
        file.ifds[0],
        sub_ifds=(
            tiff.SubIfds(330, (thumbnail, thumbnail)),
            tiff.SubIfds(34665, (tiff.Ifd((comment,)),)),
        ),
    )
    data = tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=(first,)))
    assert opened(data).tag_v2[330]
    result, (new,) = remarked(data)
    assert result.startswith(b"II+\0" if big else b"II*\0")
    assert (np.asarray(opened(result)) == new).all()
    assert opened(result).getexif().get_ifd(34665) == {37510: comment.value}
    assert tiff.parse(result).ifds[0].sub_ifds == first.sub_ifds


def test_a_manifest_goes_with_its_directory():
    file = tiff.parse(saved(pixels(), "TIFF"))
    manifest = tiff.Entry(0xCD41, 7, 10, b"a manifest")
    ifds = (file.ifds[0].with_entries([manifest]), tiff.Ifd((manifest,)))
    result, _ = remarked(tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=ifds)))
    (ifd,) = tiff.parse(result).ifds
    assert ifd.get(0xCD41) is None


@pytest.mark.system
@pytest.mark.parametrize(
    "options",
    [
        ["-t", "-w", "64", "-l", "48"],
        ["-t", "-p", "separate", "-c", "zip:2"],
        ["-p", "separate", "-c", "lzw:2"],
        ["-B", "-c", "lzw:2", "-r", "7"],
        ["-B", "-8"],
    ],
)
def test_layouts_of_libtiff(options, tmp_path):
    if shutil.which("tiffcp") is None:
        pytest.skip("tiffcp (libtiff-tools) is not installed")
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    source.write_bytes(saved(pixels(101, 77), "TIFF"))
    subprocess.run(["tiffcp", *options, source, target], check=True)
    assert (frames_of(target.read_bytes())[0] == pixels(101, 77)).all()
    result, (new,) = remarked(target.read_bytes())
    target.write_bytes(result)
    # Not Pillow, which does not know big-endian BigTIFF.
    written = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (written[..., ::-1] == new).all()
    done = subprocess.run(["tiffinfo", "-D", target], check=True, capture_output=True)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([tiff.Entry(339, 3, 1, b"\3\0")], "floating-point"),
        ([tiff.Entry(339, 3, 1, b"\2\0")], "signed"),
        ([tiff.Entry(258, 3, 1, b"\x20\0")], "32 bits"),
        ([tiff.Entry(262, 3, 1, b"\x08\0")], "L\\*a\\*b"),
        ([tiff.Entry(262, 3, 1, b"\x23\x80")], "raw"),
        ([tiff.Entry(50706, 1, 4, b"\1\4\0\0")], "DNG"),
        ([tiff.Entry(254, 4, 1, b"\1\0\0\0")], "previews"),
        ([tiff.Entry(277, 3, 1, b"\x20\0")], "32 samples"),
    ],
)
def test_variants_that_are_refused_are_named(changes, names):
    file = tiff.parse(saved(pixels(channels=1), "TIFF"))
    ifds = (file.ifds[0].with_entries(changes),)
    with pytest.raises(UnsupportedMediaError, match=names):
        open_picture(tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=ifds)), name="file")


def test_an_unknown_predictor_is_refused():
    file = tiff.parse(saved(pixels(channels=1), "TIFF", compression="tiff_lzw"))
    ifds = (file.ifds[0].with_entries([tiff.Entry(317, 3, 1, b"\3\0")]),)
    data = tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=ifds))
    with pytest.raises(UnsupportedMediaError, match="predictor 3"):
        frames_of(data)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_truncated(compression):
    data = saved(pixels(), "TIFF", compression=compression)
    for keep in (0.01, 0.5, 0.95):
        with pytest.raises(UnreadableMediaError):
            frames_of(data[: int(len(data) * keep)])


def test_jpeg_inside_stays_close():
    data = saved(pixels(), "TIFF", compression="jpeg", quality=90)
    assert psnr(frames_of(data)[0], pixels()) > 35
