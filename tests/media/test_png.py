import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from labeler.containers import png
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.picture import open_picture
from tests.media.making import ICC, XMP, exif, frames_of, opened, pixels, remarked, saved


def chunk_types(data):
    return [chunk.type for chunk in png.parse(data)]


def with_chunks(data, *new, before=b"IDAT"):
    chunks = list(png.parse(data))
    at = next(i for i, chunk in enumerate(chunks) if chunk.type == before)
    return png.serialise([*chunks[:at], *new, *chunks[at:]])


def raw_png(rows, *, depth, colour, width, extra=()):
    """A PNG of unfiltered packed rows."""
    header = png.Header(width=width, height=len(rows), bit_depth=depth, colour_type=colour)
    coded = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return png.serialise(
        [header.to_chunk(), *extra, png.Chunk(b"IDAT", coded), png.Chunk(b"IEND", b"")]
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_eight_bits_come_back_exactly(channels):
    stored = pixels(channels=channels)
    data = saved(stored, "PNG")
    (frame,) = frames_of(data)
    # Alpha of grey is kept aside.
    assert (frame == (stored[..., 0] if channels == 2 else stored)).all()
    result, (new,) = remarked(data)
    written = np.asarray(opened(result))
    assert written.shape == stored.shape
    assert (written[..., 0] == new).all() if channels == 2 else (written == new).all()
    if channels in {2, 4}:
        assert (written[..., -1] == stored[..., -1]).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_come_back_exactly(channels):
    stored = pixels(channels=channels, dtype=np.uint16)
    order = [2, 1, 0, 3][:channels]
    data = cv2.imencode(".png", stored if channels == 1 else stored[..., order])[1].tobytes()
    (frame,) = frames_of(data)
    assert frame.dtype == np.uint16
    assert (frame == stored).all()
    result, (new,) = remarked(data)
    written = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    assert ((written if channels == 1 else written[..., order]) == new).all()


def test_sixteen_bits_of_grey_with_alpha():
    stored = pixels(channels=2, dtype=np.uint16)
    rows = stored.astype(">u2").reshape(len(stored), -1).view(np.uint8)
    data = raw_png(rows, depth=16, colour=4, width=stored.shape[1])
    (frame,) = frames_of(data)
    assert (frame == stored[..., 0]).all()
    result, (new,) = remarked(data)
    written = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (written[..., 0] == new).all()
    assert (written[..., 3] == stored[..., 1]).all()
    assert png.Header.from_chunk(png.parse(result)[0]).colour_type == 4


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_of_grey_become_eight(depth):
    values = np.arange(32, dtype=np.uint8).reshape(4, 8) % (1 << depth)
    bits = np.unpackbits(values[..., None], axis=2)[..., 8 - depth :]
    rows = np.packbits(bits.reshape(4, -1), axis=1)
    key = png.Chunk(b"tRNS", struct.pack(">H", 1))
    background = png.Chunk(b"bKGD", struct.pack(">H", 1))
    data = raw_png(rows, depth=depth, colour=0, width=8, extra=(background,))
    (frame,) = frames_of(data)
    step = 255 // ((1 << depth) - 1)
    assert (frame == values * step).all()
    assert (frame == np.asarray(opened(data).convert("L"))).all()
    result, (new,) = remarked(data)
    assert (np.asarray(opened(result)) == new).all()
    assert png.Chunk(b"bKGD", struct.pack(">H", step)) in png.parse(result)
    # With a transparent grey level, alpha is kept beside the grey.
    result, (new,) = remarked(raw_png(rows, depth=depth, colour=0, width=8, extra=(key,)))
    written = np.asarray(opened(result))
    assert (written[..., 0] == new).all()
    assert (written[..., 1] == np.where(values == 1, 0, 255)).all()


@pytest.mark.parametrize("transparency", [None, 3, bytes([0, 50, 200])])
def test_palettes_become_colours(transparency):
    image = Image.fromarray(pixels()).quantize(40)
    options = {} if transparency is None else {"transparency": transparency}
    data = saved(image, "PNG", **options)
    data = with_chunks(data, png.Chunk(b"bKGD", b"\x05"), png.Chunk(b"hIST", bytes(80)))
    (frame,) = frames_of(data)
    mode = "RGB" if transparency is None else "RGBA"
    assert (frame == np.asarray(opened(data).convert(mode))).all()
    result, (new,) = remarked(data)
    assert opened(result).mode == mode
    assert (np.asarray(opened(result)) == new).all()
    types = chunk_types(result)
    assert not {b"PLTE", b"tRNS", b"hIST"} & set(types)
    red, green, blue = image.getpalette()[15:18]
    assert png.Chunk(b"bKGD", struct.pack(">3H", red, green, blue)) in png.parse(result)


@pytest.mark.parametrize("deep", [False, True])
def test_a_transparent_colour_becomes_alpha(deep):
    dtype = np.uint16 if deep else np.uint8
    stored = pixels(channels=3, dtype=dtype)
    stored[5:9, 5:9] = (7, 8, 9)
    key = png.Chunk(b"tRNS", struct.pack(">3H", 7, 8, 9))
    data = with_chunks(cv2.imencode(".png", stored[..., ::-1])[1].tobytes(), key)
    (frame,) = frames_of(data)
    assert (frame[..., :3] == stored).all()
    full = np.iinfo(dtype).max
    assert (frame[..., 3] == np.where((stored == (7, 8, 9)).all(axis=2), 0, full)).all()
    result, (new,) = remarked(data)
    assert (frames_of(result)[0] == new).all()


def test_interlaced_files_are_read():
    # Adam7 of 1x1 pixel passes: an 8x8 grey picture whose passes are written by hand.
    values = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    raw = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in values[y::dy, x::dx])
    header = png.Header(width=8, height=8, bit_depth=8, colour_type=0, interlaced=True)
    data = png.serialise(
        [header.to_chunk(), png.Chunk(b"IDAT", zlib.compress(raw)), png.Chunk(b"IEND", b"")]
    )
    assert (frames_of(data)[0] == values).all()


def test_all_other_chunks_are_carried_over():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a title")
    info.add_text("Description", "long " * 400, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    data = saved(pixels(), "PNG", pnginfo=info, icc_profile=ICC, exif=exif(), dpi=(300, 300))
    gamma = png.Chunk(b"gAMA", struct.pack(">I", 45455))
    cicp = png.Chunk(b"cICP", bytes([9, 16, 0, 1]))
    private = png.Chunk(b"abCd", b"safe to copy")
    data = with_chunks(data, gamma, cicp, private, png.Chunk(b"sBIT", b"\x05\x06\x05"))
    data = with_chunks(data, png.Chunk(b"tIME", bytes(7)), before=b"IEND")
    result, _ = remarked(data)

    def others(d):
        return [c for c in png.parse(d) if c.type not in {b"IHDR", b"IDAT"}]

    assert others(result) == others(data)
    assert chunk_types(result).index(b"gAMA") < chunk_types(result).index(b"IDAT")
    assert chunk_types(result)[-2:] == [b"tIME", b"IEND"]


def test_chunks_that_new_pixels_make_void_go():
    data = saved(pixels(), "PNG")
    apple = png.Chunk(b"iDOT", bytes(28))  # offsets into the pixel data, unsafe to copy
    data = with_chunks(data, png.Chunk(b"caBX", b"a manifest"), apple)
    assert {b"caBX", b"iDOT"} & set(chunk_types(remarked(data)[0])) == set()


def test_what_follows_the_picture_is_tolerated():
    data = saved(pixels(), "PNG")
    assert (frames_of(data + b"garbage" * 10)[0] == pixels()).all()


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("keep", [0.02, 0.5, 0.99])
def test_truncated(deep, keep):
    stored = pixels(dtype=np.uint16 if deep else np.uint8)
    data = cv2.imencode(".png", stored)[1].tobytes()
    with pytest.raises(UnreadableMediaError):
        frames_of(data[: int(len(data) * keep)])


@pytest.mark.parametrize("deep", [False, True])
def test_pixel_data_that_end_too_early_or_are_damaged(deep):
    stored = pixels(dtype=np.uint16 if deep else np.uint8)
    chunks = png.parse(cv2.imencode(".png", stored)[1].tobytes())
    for spoil in (lambda d: d[: len(d) // 2], lambda d: b"\0" + d[1:]):
        spoilt = [png.Chunk(c.type, spoil(c.data)) if c.type == b"IDAT" else c for c in chunks]
        with pytest.raises(UnreadableMediaError):
            frames_of(png.serialise(spoilt))


def test_a_wrong_checksum_is_damage():
    data = bytearray(saved(pixels(), "PNG"))
    data[data.index(b"IDAT") + 20] ^= 1
    with pytest.raises(UnreadableMediaError, match="checksum"):
        open_picture(bytes(data), name="file")


def test_an_unknown_critical_chunk_is_refused():
    data = saved(pixels(), "PNG")
    with pytest.raises(UnsupportedMediaError, match="ABCD"):
        open_picture(with_chunks(data, png.Chunk(b"ABCD", b"")), name="file")
