"""RIFF and AIFF: chunks are read where they lie, and written with others in their place."""

import io
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeler.containers import aiff, flac, riff
from labeler.containers.chunks import Chunk, ChunkedFile, NewChunk, StreamedChunk, put
from labeler.errors import LabelerError, MediaTooLargeError

FORMATS = {
    "wav": (riff, "<", b"RIFF", b"WAVE", b"data"),
    "aiff": (aiff, ">", b"FORM", b"AIFF", b"SSND"),
}
BOTH = pytest.mark.parametrize("form", FORMATS)
TYPES = st.sampled_from([b"fmt ", b"LIST", b"id3 ", b"abcd", b"_PMX", b"(c) "])
BODIES = st.lists(st.tuples(TYPES, st.binary(max_size=30)), max_size=5)


def built(form, chunks, tail=b""):
    _, order, head, kind, _ = FORMATS[form]
    body = b"".join(
        name + struct.pack(order + "I", len(data)) + data + bytes(len(data) & 1)
        for name, data in chunks
    )
    return head + struct.pack(order + "I", 4 + len(body)) + kind + body + tail


def contents(module, data):
    file = io.BytesIO(data)
    parsed = module.parse(file)
    return [(chunk.type, parsed.read(file, chunk)) for chunk in parsed.chunks]


def written(module, data, change=lambda parts: parts):
    source, target = io.BytesIO(data), io.BytesIO()
    parsed = module.parse(source)
    module.write(source, target, parsed, change(parsed.chunks))
    return target.getvalue()


@BOTH
@given(before=BODIES, samples=st.binary(min_size=1, max_size=60), after=BODIES, tail=st.binary())
@settings(deadline=None)
def test_reading_and_writing_undo_each_other(form, before, samples, after, tail):
    module, *_, name = FORMATS[form]
    chunks = [*before, (name, samples), *after]
    data = built(form, chunks, tail)
    assert contents(module, data) == chunks
    assert written(module, data) == data


HEADS = [
    b"", b"RIFF\x40\0\0\0WAVE", b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0",
    b"FORM\0\0\0@AIFF", b"FORM\0\0\0@AIFC", b"fLaC", b"ID3\4\0\0\0\0\0\0fLaC",
    b"BW64\0\0\0\0WAVEds64",
]  # fmt: skip
PIECES = st.sampled_from([
    b"data", b"SSND", b"fmt ", b"COMM", b"LIST", bytes(4), b"\xff" * 4, b"\0\0\0\2", b"\2\0\0\0",
])  # fmt: skip


@pytest.mark.parametrize("module", [riff, aiff, flac])
@given(
    st.sampled_from(HEADS),
    st.lists(PIECES | st.binary(max_size=9), max_size=30).map(b"".join),
)
@settings(max_examples=300, deadline=None)
def test_garbage_raises_nothing_else(module, head, tail):
    file = io.BytesIO(head + tail)
    try:
        parsed = module.parse(file)
    except LabelerError as exc:
        assert exc.hint  # noqa: PT017 - whether it is raised depends on the garbage
        return
    spans = [chunk.start for chunk in getattr(parsed, "chunks", ())]
    assert spans == sorted(set(spans))
    if isinstance(parsed, ChunkedFile):
        assert parsed.end <= len(head + tail)


@BOTH
def test_a_chunk_is_put_in_the_place_of_another_or_at_the_end(form):
    module, *_, name = FORMATS[form]
    chunks = [(b"id3 ", b"old"), (name, b"1234"), (b"id3 ", b"older"), (b"abcd", b"x")]
    new = NewChunk(b"id3 ", b"new tag")
    result = written(
        module,
        built(form, chunks),
        lambda parts: put(parts, new, over=lambda part: part.type == b"id3 "),
    )
    assert result == built(form, [(b"id3 ", b"new tag"), (name, b"1234"), (b"abcd", b"x")])
    appended = written(
        module, result, lambda parts: put(parts, NewChunk(b"wxyz", b"."), over=lambda part: False)
    )
    assert appended == built(form, [*contents(module, result), (b"wxyz", b".")])


def test_lists_are_told_apart():
    data = built("wav", [(b"LIST", b"adtlabc"), (b"LIST", b"INFOdef"), (b"data", b"12")])
    file = io.BytesIO(data)
    parsed = riff.parse(file)
    assert parsed.read(file, parsed.find(b"LIST", list_type=b"INFO")) == b"INFOdef"
    assert parsed.read(file, parsed.find(b"LIST")) == b"adtlabc"
    assert parsed.find(b"LIST", list_type=b"wxyz") is None


@BOTH
def test_padding_that_was_forgotten_is_made_up_for(form):
    module, *_, name = FORMATS[form]
    chunks = [(b"abcd", b"odd"), (name, b"1234")]
    whole = built(form, chunks)
    forgotten = whole.replace(b"odd\0", b"odd")
    assert contents(module, whole.replace(b"odd\0", b"oddA")) == chunks
    assert contents(module, forgotten) == chunks
    assert written(module, forgotten) == whole
    last = built(form, [(name, b"123")])
    assert written(module, last[:-1]) == last


@BOTH
def test_samples_are_read_where_the_header_ends_before_them(form):
    module, order, *_, name = FORMATS[form]
    whole = built(form, [(name, b"1234")])
    short = whole[:4] + struct.pack(order + "I", 6) + whole[8:]
    assert contents(module, short) == [(name, b"1234")]
    assert written(module, short) == whole


@BOTH
def test_what_is_cut_is_damaged(form):
    module, *_, name = FORMATS[form]
    data = built(form, [(b"wxyz", b"12"), (name, b"1234"), (b"abcd", b"12345678")])
    for end in range(len(data)):
        # What ends between two chunks, and no more than the head of the next, looks whole.
        if 34 <= end < 42:
            continue
        with pytest.raises(LabelerError) as caught:
            written(module, data[:end])
        assert caught.value.hint


@BOTH
def test_what_is_left_of_the_samples_is_found(form):
    module, *_, name = FORMATS[form]
    data = built(form, [(name, b"1234"), (b"abcd", b"12345678")])
    cut = module.parse(io.BytesIO(data[:23])).find(name)
    assert (cut.size, cut.missing) == (3, 1)
    file = io.BytesIO(data[:-1])
    parsed = module.parse(file)
    assert [chunk.missing for chunk in parsed.chunks] == [0, 1]
    assert parsed.read(file, parsed.find(name)) == b"1234"
    with pytest.raises(LabelerError, match="middle of its abcd chunk"):
        parsed.read(file, parsed.find(b"abcd"))


def test_a_file_of_nothing_but_empty_chunks():
    data = built("wav", [(b"abcd", b"")] * 100_001)
    with pytest.raises(LabelerError, match="more than 100000 chunks"):
        riff.parse(io.BytesIO(data))


def test_a_stream_of_pieces_has_the_size_that_it_says():
    def change(parts, pieces):
        return [
            StreamedChunk(type=b"data", size=4, pieces=pieces) if part.type == b"data" else part
            for part in parts
        ]

    data = built("wav", [(b"data", b"1234")])
    assert written(riff, data, lambda parts: change(parts, [b"56", b"", b"78"])).endswith(b"5678")
    with pytest.raises(ValueError, match="4 bytes are expected in the chunk, not 5"):
        written(riff, data, lambda parts: change(parts, [b"12345"]))


class Counting(io.BytesIO):
    """Keeps the beginning of what is written, and the size of all of it."""

    size = 0

    def write(self, data):
        if self.size < 1000:
            super().write(data[:1000])
        self.size += len(data)
        return len(data)


def large(room=b""):
    """A WAV file that becomes larger than 4 GiB, and its first kilobyte."""
    piece = bytes(1 << 26)
    chunks = [(b"JUNK", room)] if room else []
    source = io.BytesIO(built("wav", [*chunks, (b"fmt ", bytes(16)), (b"data", b"1234")]))
    parsed = riff.parse(source)
    target = Counting()
    samples = StreamedChunk(type=b"data", size=80 << 26, pieces=(piece for _ in range(80)))
    parts = [samples if part.type == b"data" else part for part in parsed.chunks]
    riff.write(source, target, parsed, parts)
    return target


@pytest.mark.parametrize("room", [b"", bytes(28), bytes(100), bytes(8)])
def test_a_file_that_grows_beyond_four_gibibytes_becomes_rf64(room):
    target = large(room)
    head = target.getvalue()
    assert head[:20] == b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", max(28, len(room)))
    riff_size, data_size, _, entries = struct.unpack_from("<QQQI", head, 20)
    assert (riff_size, data_size, entries) == (target.size - 8, 80 << 26, 0)
    at = head.index(b"data")
    assert head[at + 4 : at + 8] == b"\xff" * 4
    assert target.size == at + 8 + (80 << 26)
    assert (b"JUNK" in head) == (len(room) == 8)


def test_the_table_of_ds64_gives_the_sizes_of_other_chunks():
    table = struct.pack("<I4sQ", 1, b"abcd", 6)
    rest = b"abcd" + b"\xff" * 4 + b"sixsix" + b"data" + b"\xff" * 4 + b"1234"
    ds64 = struct.pack("<QQQ", 4 + 8 + 40 + len(rest), 4, 2) + table
    body = b"ds64" + struct.pack("<I", len(ds64)) + ds64 + rest
    data = b"RF64" + b"\xff" * 4 + b"WAVE" + body
    assert contents(riff, data)[1:] == [(b"abcd", b"sixsix"), (b"data", b"1234")]
    assert written(riff, data) == data


def test_an_aiff_file_cannot_grow_beyond_four_gibibytes():
    source = io.BytesIO(built("aiff", [(b"SSND", b"1234")]))
    parsed = aiff.parse(source)
    samples = StreamedChunk(type=b"SSND", size=1 << 32, pieces=())
    with pytest.raises(MediaTooLargeError, match="4 GiB"):
        aiff.write(source, io.BytesIO(), parsed, [samples])


@given(st.integers(4000, 768_000))
@example(22_254)
def test_rates_of_aiff(rate):
    # Any whole number of up to 64 bits is one in the 80-bit format, its leading one at the top.
    bits = rate.bit_length()
    extended = struct.pack(">HQ", 0x3FFF + bits - 1, rate << (64 - bits))
    common = aiff.Common.from_bytes(struct.pack(">HIH", 1, 2, 16) + extended)
    assert (common.sample_rate_hz, common.compression) == (rate, b"NONE")


def test_chunks_tell_where_the_next_begins():
    assert Chunk(type=b"abcd", start=20, size=3, padding=1).end == 24


@pytest.mark.parametrize(
    ("header", "samples"),
    [
        ("fff8 19 18 00", 192),
        ("fff8 29 18 00", 576),
        ("fff8 59 18 00", 4608),
        ("fff8 c9 18 00", 4096),
        ("fff8 69 18 00 0f", 16),
        ("fff9 79 18 7f 12ab", 0x12AC),
        ("fff8 79 18 c2a2 12ab", 0x12AC),
        ("fff8 79 18 f0908080 12ab", 0x12AC),
        ("fff8 09 18 00", 0),
        ("fffb 90 64 00", 0),
        ("fff8", 0),
    ],
)
def test_flac_frames_tell_how_many_samples_they_have(header, samples):
    assert flac.frame_samples(bytes.fromhex(header)) == samples


def test_flac_stream_info():
    info = flac.StreamInfo(
        min_block=4096, max_block=4608, min_frame=14, max_frame=70_000, sample_rate_hz=192_000,
        channels=8, bits=32, frames=(1 << 36) - 1, md5=bytes(range(16)),
    )  # fmt: skip
    data = info.to_bytes()
    assert len(data) == 34
    assert flac.StreamInfo.from_bytes(data) == info


def test_flac_blocks_have_a_limit():
    parts = flac.block_parts([flac.Block(1, bytes(1 << 24))])
    with pytest.raises(ValueError, match="at most 16777215 bytes"):
        list(parts)
