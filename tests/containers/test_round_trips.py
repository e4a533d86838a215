"""Parsers and writers of containers undo each other, and raise nothing but their one error."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.containers import bmff, gif, heif, jpeg, png, tiff, webp
from labeler.containers.heif_layout import pack, rewrite
from labeler.errors import LabelerError
from tests.media.making import exif, gif_sub_blocks, opened, pixels, saved

PARSERS = [
    jpeg.parse, png.parse, webp.parse, gif.parse, tiff.parse, heif.parse, bmff.boxes,
]  # fmt: skip
HEADS = [
    b"", b"\xff\xd8", png.SIGNATURE, b"RIFF\x40\0\0\0WEBP", b"GIF89a", b"II*\0\x08\0\0\0",
    b"MM\0+\0\x08\0\0", b"\0\0\0\x10ftypavif\0\0\0\0",
]  # fmt: skip


@given(st.sampled_from(PARSERS), st.sampled_from(HEADS), st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_random_bytes_raise_nothing_else(parse, head, tail):
    try:
        parse(head + tail)
    except LabelerError as exc:
        message = str(exc)
    else:
        message = "parsed"
    assert message


@given(
    st.lists(
        st.tuples(st.sampled_from([0xE0, 0xE1, 0xEB, 0xED, 0xFE, 0xDB]), st.binary(max_size=99)),
        max_size=8,
    ),
    st.binary(max_size=50),
)
def test_jpeg(parts, tail):
    file = jpeg.parse(saved(pixels(), "JPEG"))
    segments = tuple(jpeg.Segment(*part) for part in parts)
    built = replace(file, segments=(*segments, *file.segments), tail=tail)
    assert jpeg.parse(jpeg.serialise(built)) == built


def test_jpeg_finds_the_end_behind_all_scans():
    data = saved(pixels(200, 300), "JPEG", progressive=True)
    file = jpeg.parse(data + b"tail")
    assert file.tail == b"tail"
    assert file.scans.endswith(b"\xff\xd9")
    assert jpeg.serialise(file) == data + b"tail"


def test_jpeg_segments_have_a_limit():
    file = jpeg.parse(saved(pixels(), "JPEG"))
    long = jpeg.Segment(jpeg.APP1, bytes(jpeg.MAX_PAYLOAD + 1))
    with pytest.raises(ValueError, match="65534 bytes"):
        jpeg.serialise(replace(file, segments=(long,)))


@given(
    st.lists(
        st.tuples(st.sampled_from([b"tEXt", b"abCd", b"eXIf"]), st.binary(max_size=99)), max_size=8
    )
)
def test_png(parts):
    chunks = png.parse(saved(pixels(), "PNG"))
    built = (chunks[0], *(png.Chunk(*part) for part in parts), *chunks[1:])
    data = png.serialise(built)
    assert png.parse(data) == built
    assert (np.asarray(opened(data)) == pixels()).all()


@given(
    st.lists(
        st.tuples(st.sampled_from([b"EXIF", b"XMP ", b"OWN "]), st.binary(max_size=99)), max_size=5
    )
)
def test_webp(parts):
    chunks = [*(webp.Chunk(*part) for part in parts), *webp.parse(saved(pixels(), "WEBP"))]
    data = webp.assemble(chunks, width=84, height=60, has_alpha=False)
    read = webp.parse(data)
    assert sorted(c.data for c in read if c.type != b"VP8X") == sorted(c.data for c in chunks)
    header = webp.read_header(read)
    assert (header.width, header.height, header.animated) == (84, 60, False)
    assert len(data) % 2 == 0
    assert opened(data).size == (84, 60)


@given(st.binary(max_size=600))
def test_gif_sub_blocks(content):
    raw = gif_sub_blocks(content)
    assert gif.sub_blocks(raw, 0) == content
    block = gif.Block(gif.BlockKind.COMMENT, b"\x21\xfe" + raw)
    file = gif.parse(saved(pixels(), "GIF"))
    data = gif.serialise(file.head, (block, *file.blocks))
    assert gif.parse(data).blocks == (block, *file.blocks)
    assert opened(data).size == (84, 60)


ENTRIES = st.lists(
    st.tuples(st.integers(700, 40000), st.binary(min_size=1, max_size=40)),
    unique_by=lambda pair: pair[0],
    max_size=6,
).map(
    lambda pairs: tuple(
        tiff.Entry(tag, tiff.UNDEFINED, len(value), value)
        for tag, value in sorted(pairs)
        if tag not in {34665, 34853, 40965}
    )
)


@given(
    order=st.sampled_from("<>"),
    big=st.booleans(),
    pages=st.lists(
        st.tuples(ENTRIES, st.lists(st.binary(max_size=30), min_size=1, max_size=4)),
        min_size=1,
        max_size=3,
    ),
    inner=ENTRIES,
)
def test_tiff(order, big, pages, inner):
    layout = tiff.Layout(byte_order=order, big=big)
    ifds = tuple(
        tiff.Ifd(
            entries,
            (tiff.Run(273, 279, tuple(strips)),),
            (tiff.SubIfds(34665, (tiff.Ifd(inner),)),),
        )
        for entries, strips in pages
    )
    file = tiff.TiffFile(layout=layout, ifds=ifds)
    assert tiff.parse(tiff.serialise(file)) == file


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("value", [b"abc", b"x" * 8, b"y" * 1001])
def test_tiff_field_set_without_moving_anything(big, value):
    images = [Image.fromarray(pixels(seed=n)) for n in range(2)]
    data = saved(images[0], "TIFF", save_all=True, append_images=images[1:], big_tiff=big)
    result = tiff.with_first_ifd_entry(data, 700, tiff.BYTE, value)
    head = 16 if big else 8
    assert result[head : len(data)] == data[head:]
    again = tiff.with_first_ifd_entry(result, 700, tiff.BYTE, b"other")
    for written, expected in ((result, value), (again, b"other")):
        first, second = tiff.parse(written).ifds
        assert first.get(700).value == expected
        assert second == tiff.parse(data).ifds[1]
        assert first.with_entries([], without=[700]) == tiff.parse(data).ifds[0]
        image = opened(written)
        assert image.n_frames == 2
        assert (np.asarray(image) == pixels()).all()


def test_tiff_directories_in_a_circle():
    data = bytearray(saved(pixels(), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    with pytest.raises(LabelerError, match="circle"):
        tiff.parse(bytes(data))


def test_tiff_strips_that_overlap_do_not_fill_the_memory():
    layout = tiff.Layout(byte_order="<", big=False)
    count = 5000
    size = 20_000
    entries = (
        tiff.Entry(273, tiff.LONG, count, layout.pack("I", *[0] * count)),
        tiff.Entry(279, tiff.LONG, count, layout.pack("I", *[size] * count)),
    )
    data = tiff.serialise(tiff.TiffFile(layout=layout, ifds=(tiff.Ifd(entries),)))
    with pytest.raises(LabelerError, match="on top of each other"):
        tiff.parse(data)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("length", [0, 5, 70_000])
def test_heif_rewritten_with_another_item(frames, length):
    images = [Image.fromarray(pixels(seed=n)) for n in range(frames)]
    options = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    data = saved(images[0], "AVIF", exif=exif(1), **options)
    file = heif.parse(data)
    item = heif.new_item(file.free_id(), b"mime", b"z" * length, content_type=b"text/plain")
    added = rewrite(replace(file, items=(*file.items, item)))
    read = heif.parse(added)
    assert [read.content(i) for i in read.items[:-1]] == [file.content(i) for i in file.items]
    assert read.content(read.items[-1]) == b"z" * length
    source, image = opened(data), opened(added)
    for number in range(frames):
        source.seek(number)
        image.seek(number)
        assert (np.asarray(image) == np.asarray(source)).all()
    assert image.info["exif"] == source.info["exif"]


def test_heif_packed_afresh():
    data = saved(pixels(channels=4), "AVIF", exif=exif(8))
    packed = pack(heif.parse(data))
    assert (np.asarray(opened(packed)) == np.asarray(opened(data))).all()
    assert opened(packed).info["exif"] == opened(data).info["exif"]
    read = heif.parse(packed)
    assert [item.properties for item in read.items] == [
        item.properties for item in heif.parse(data).items
    ]
    assert read.references == heif.parse(data).references


def test_box_with_64_bit_size_and_box_to_the_end():
    box = b"\0\0\0\x01mdat" + struct.pack(">Q", 20) + b"abcd"
    assert [b.body for b in bmff.boxes(box)] == [b"abcd"]
    assert [b.body for b in bmff.boxes(b"\0\0\0\0mdatabcd")] == [b"abcd"]
    assert bmff.make_box(b"free", b"ab", b"c") == b"\0\0\0\x0bfreeabc"
    data = saved(pixels(), "AVIF")
    at = data.rindex(b"mdat") - 4
    endless = data[:at] + bytes(4) + data[at + 4 :]
    file = heif.parse(endless)
    item = heif.new_item(9, b"mime", b"text", content_type=b"text/plain")
    added = rewrite(replace(file, items=(*file.items, item)))
    assert (np.asarray(opened(added)) == np.asarray(opened(data))).all()
    assert io.BytesIO(added).read(4) == data[:4]
