import io
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.containers import ogg, opus, vorbis
from labeler.errors import UnreadableMediaError


def slow_checksum(data):
    register = 0
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = register << 1 ^ (0x04C11DB7 if register & 1 << 31 else 0)
        register &= 0xFFFFFFFF
    return register


@given(st.binary(max_size=600))
def test_the_checksum_is_the_one_of_the_standard(data):
    assert ogg.checksum(data) == slow_checksum(data)
    assert ogg.checksum(data + b"x") != zlib.crc32(data + b"x")


def written(packets, serial=7, *, every=None):
    output = io.BytesIO()
    pager = ogg.Pager(output, serial)
    for number, packet in enumerate(packets):
        pager.write(packet, 100 * (number + 1))
        if every and number % every == every - 1:
            pager.end_page()
    pager.end_page(last=True)
    output.seek(0)
    return output


SIZES = st.one_of(
    st.integers(0, 600), st.sampled_from([254, 255, 256, 510, 65_025, 65_300, 140_000])
)


@settings(deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=12), st.integers(1, 5))
def test_packets_come_back_from_pages(sizes, every):
    packets = [bytes([n % 251]) * size for n, size in enumerate(sizes)]
    file = written(packets, every=every)
    pages = list(ogg.pages(file))
    assert all(page.is_whole for page in pages)
    assert [page.sequence for page in pages] == list(range(len(pages)))
    assert pages[0].is_first
    assert pages[-1].is_last
    assert pages[-1].end == len(file.getvalue())
    found = list(ogg.packets(pages))
    assert [packet.data for packet in found] == packets
    for number, packet in enumerate(found):
        if packet.ends_page:
            assert packet.page.granule == 100 * (number + 1)


def test_a_page_on_which_no_packet_ends_has_no_time():
    pages = list(ogg.pages(written([bytes(200_000)])))
    assert [page.granule for page in pages] == [None, None, None, 100]
    assert [page.is_continued for page in pages] == [False, True, True, True]


def test_what_is_damaged_is_left_out_and_nothing_else():
    packets = [bytes([n]) * 700 for n in range(40)]
    data = bytearray(written(packets, every=4).getvalue())
    pages = list(ogg.pages(io.BytesIO(data)))
    data[pages[3].start + 100] ^= 1
    damaged = list(ogg.pages(io.BytesIO(data)))
    assert [page.is_whole for page in damaged] == [n != 3 for n in range(len(pages))]
    left = [packet.data for packet in ogg.packets(damaged)]
    assert left == packets[:12] + packets[16:]


def test_a_packet_that_lost_a_part_is_left_out():
    data = written([b"a" * 10, b"b" * 150_000, b"c" * 10]).getvalue()
    pages = list(ogg.pages(io.BytesIO(data)))
    cut = data[: pages[1].start] + data[pages[2].start :]
    assert [packet.data[:1] for packet in ogg.packets(ogg.pages(io.BytesIO(cut)))] == [b"a", b"c"]


@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_junk_is_passed_over(junk, at):
    data = written([b"x" * 300] * 3).getvalue()
    at = min(at, len(data))
    mixed = data[:at] + junk + data[at:]
    for page in ogg.pages(io.BytesIO(mixed)):
        assert page.end <= len(mixed) or not page.is_whole
    assert len(list(ogg.packets(ogg.pages(io.BytesIO(junk))))) <= len(junk)


@given(st.binary(max_size=3))
def test_any_packet_of_opus_has_a_length(packet):
    assert 0 <= opus.frames(packet) <= 63 * 2880


@pytest.mark.parametrize(
    ("packet", "frames"),
    [
        (b"\x00", 480),  # SILK, 10 ms
        (b"\x18", 2880),  # SILK, 60 ms
        (b"\x60", 480),  # hybrid, 10 ms
        (b"\x78", 960),  # hybrid, 20 ms
        (b"\x80", 120),  # CELT, 2.5 ms
        (b"\xf8", 960),  # CELT, 20 ms
        (b"\xf9", 1920),  # two of them
        (b"\xfb\x03", 2880),  # three of them
        (b"", 0),
    ],
)
def test_lengths_of_opus_packets(packet, frames):
    assert opus.frames(packet) == frames


@given(st.binary(max_size=40))
def test_any_header_of_opus_is_read_or_refused(data):
    try:
        head = opus.Head.read(b"OpusHead" + data)
    except UnreadableMediaError:
        return
    assert head.like(head) == head


@given(st.lists(st.binary(max_size=700), min_size=3, max_size=3))
def test_vorbis_headers_are_laced_and_unlaced(headers):
    assert vorbis.unlaced(vorbis.laced(tuple(headers))) == tuple(headers)


@given(st.binary(max_size=200))
def test_any_vorbis_headers_are_read_or_refused(data):
    for read in (vorbis.unlaced, lambda d: vorbis.read_timing(bytes(30), b"\5vorbis" + d)):
        with suppress(UnreadableMediaError):
            read(data)
