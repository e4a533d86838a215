"""Parts are counted as parsers find them, however the file ends, and never far beyond the limit."""

import io
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import bmff, census, gif, jpeg, png, riff, tiff
from tests.clips import clip
from tests.samples import encode, photo

MOST = 1_000
COUNTS = {
    "boxes": (census.count_boxes, b"\0\0\0\x08free"),
    "png": (census.count_png_chunks, b"\x89PNG\r\n\x1a\n"),
    "jpeg": (census.count_jpeg_segments, b"\xff\xd8\xff\xe0\0\x02"),
    "riff": (census.count_riff_chunks, b"RIFF\xff\0\0\0WAVE"),
    "gif": (census.count_gif_blocks, b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"),
    "tiff": (census.count_tiff, b"II*\0\x08\0\0\0"),
    "big-tiff": (census.count_tiff, b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10"),
}
EACH = pytest.mark.parametrize("name", COUNTS)
NESTS = (b"moov", b"trak", b"traf", b"udta")


def counted(count, data, most=MOST):
    return count(io.BytesIO(data), most=most)


def tree(children):
    kinds = st.sampled_from(NESTS)
    return st.tuples(kinds, st.lists(children, max_size=4))


LEAVES = st.tuples(st.sampled_from([b"free", b"mdat", b"tkhd"]), st.binary(max_size=9))
TREES = st.lists(st.recursive(LEAVES, tree, max_leaves=20), max_size=6)


def built(node):
    """The box of a node, and how many boxes that makes."""
    kind, content = node
    if isinstance(content, bytes):
        return bmff.make_box(kind, content), 1
    inner = [built(each) for each in content]
    return bmff.make_box(kind, *(raw for raw, _ in inner)), 1 + sum(number for _, number in inner)


@given(TREES)
def test_boxes_are_counted_at_every_level(trees):
    made = [built(each) for each in trees]
    data = b"".join(raw for raw, _ in made)
    assert counted(census.count_boxes, data) == sum(number for _, number in made)


def test_a_film_has_as_many_boxes_as_were_written():
    data = clip(width=64, height=48, frames=24, suffix=".mp4", sound="aac").read_bytes()
    number = counted(census.count_boxes, data)
    names = (b"ftyp", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts", b"stsz", b"mdat")
    assert sum(map(data.count, names)) < number < 100


@pytest.mark.parametrize("header", [b"", bytes(4)], ids=["quicktime", "iso"])
def test_what_is_in_a_meta_box_is_counted_with_and_without_its_version(header):
    data = bmff.make_box(b"meta", header, *[bmff.make_box(b"free")] * 50)
    assert 51 <= counted(census.count_boxes, data) <= 55


def test_long_sizes_are_understood():
    long = struct.pack(">I4sQ", 1, b"mdat", 20) + b"1234"
    assert counted(census.count_boxes, long * 3 + bmff.make_box(b"free")) == 4


def test_a_png_has_as_many_chunks_as_its_parser_finds():
    data = encode(photo(), "PNG")
    assert counted(census.count_png_chunks, data + b"what follows") == len(png.parse(data))


def test_a_jpeg_has_as_many_segments_as_its_parser_finds():
    data = encode(photo(), "JPEG")
    assert counted(census.count_jpeg_segments, data) == len(jpeg.parse(data).segments)


def test_a_wave_has_as_many_chunks_as_its_parser_finds():
    chunks = b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    chunks += b"odd \x03\0\0\0abc\0" + b"data\x04\0\0\0abcd"
    data = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    assert counted(census.count_riff_chunks, data) == len(riff.parse(io.BytesIO(data)).chunks) == 3


def test_a_gif_has_as_many_blocks_as_its_parser_finds():
    frames = [photo(60, 40, seed) for seed in range(4)]
    data = encode(np.stack(frames), "GIF", duration=40)
    blocks = gif.parse(data).blocks
    assert len(blocks) < counted(census.count_gif_blocks, data) < len(data) // 32


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_has_the_fields_that_its_parser_finds(big):
    data = encode(np.stack([photo(seed=each) for each in range(3)]), "TIFF",
                  big_tiff=big)  # fmt: skip
    fields = sum(len(ifd.entries) for ifd in tiff.parse(data, with_runs=False).ifds)
    assert counted(census.count_tiff, data) == fields + 3  # directories


def test_directories_behind_pointers_are_counted():
    leaf = struct.pack("<HHHIII", 1, 256, 4, 1, 1, 0)
    places = [100 + 18 * each for each in range(5)]
    first = struct.pack("<HHHIII", 1, 330, 13, 5, 40, 0)
    head = (b"II*\0\x08\0\0\0" + first).ljust(40, b"\0") + struct.pack("<5I", *places)
    data = head.ljust(100, b"\0") + leaf * 5
    # The first directory, its field, five pointers, and what they lead to.
    assert counted(census.count_tiff, data) == 1 + 1 + 5 + 5 * 2


def test_directories_that_lie_on_each_other_are_all_counted():
    number = 500
    # Every twelve bytes a directory begins, and that of 500 fields earlier ends.
    data = b"II*\0\x08\0\0\0" + b"".join(
        struct.pack("<HIHI", number, 8 + 12 * max(each - number + 1, 0), 0, 0)
        for each in range(2 * number)
    )
    assert counted(census.count_tiff, data, most=5_000) == 5_001


def test_a_circle_of_directories_ends():
    data = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 330, 4, 1, 8, 8)
    assert counted(census.count_tiff, data) == 3


FLOODS = {
    "boxes": (census.count_boxes, b"\0\0\0\x08free" * 100_000),
    "box-in-box": (
        census.count_boxes,
        b"".join(struct.pack(">I4s", 8 * each, b"moov") for each in range(20_000, 0, -1)),
    ),
    "meta-in-meta": (
        census.count_boxes,
        b"".join(struct.pack(">I4sI", 12 * each, b"meta", 0) for each in range(20_000, 0, -1)),
    ),
    "png": (census.count_png_chunks, COUNTS["png"][1] + (bytes(4) + b"teST" + bytes(4)) * 100_000),
    "jpeg": (census.count_jpeg_segments, b"\xff\xd8" + b"\xff\xe1\0\x02" * 100_000),
    "riff": (census.count_riff_chunks, COUNTS["riff"][1] + b"junk\0\0\0\0" * 100_000),
    "gif": (census.count_gif_blocks, COUNTS["gif"][1] + b"\x21\xfe\0" * 100_000),
    "gif-sub": (census.count_gif_blocks, COUNTS["gif"][1] + b"\x21\xfe" + b"\x01x" * 100_000),
    "pointers": (
        census.count_tiff,
        b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000)
        + struct.pack("<HHII", 330, 4, 100_000, 8) * 60_000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOODS)
def test_counting_ends_soon_behind_the_limit(name):
    count, data = FLOODS[name]
    began = time.process_time()
    assert counted(count, data, most=10_000) == 10_001
    assert time.process_time() - began < 1


@EACH
@given(st.binary(max_size=400), st.integers(0, 50))
def test_any_bytes_have_a_count(name, data, most):
    count, head = COUNTS[name]
    for each in (data, head + data, head[: len(data)]):
        assert 0 <= counted(count, each, most) <= most + 1


@EACH
def test_nothing_has_no_parts(name):
    assert counted(COUNTS[name][0], b"") == 0
