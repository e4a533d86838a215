import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import ebml
from labeler.containers.splice import copy
from labeler.errors import LabelerError, MetadataError, UnreadableMediaError

HEADER = ebml.make(b"\x1a\x45\xdf\xa3", b"")
SEGMENT, CLUSTER, INFO = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x15\x49\xa9\x66"
SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = b"\x11\x4d\x9b\x74", b"\x4d\xbb", b"\x53\xab", b"\x53\xac"
VOID, CRC = b"\xec", b"\xbf"


def file(*elements, size_bytes=8, behind=b""):
    return HEADER + ebml.make(SEGMENT, *elements, size_bytes=size_bytes) + behind


def entry(kind, position):
    place = ebml.make(SEEK_POSITION, position.to_bytes(4, "big"))
    return ebml.make(SEEK, ebml.make(SEEK_ID, kind), place)


def with_tags(data, new, changed=()):
    stream, output = io.BytesIO(data), io.BytesIO()
    segment = ebml.parse(stream)
    tags = segment.all(ebml.TAGS)
    edits = {tags[index]: content for index, content in changed}
    copy(stream, output, ebml.with_tags(stream, segment, edits, new))
    return output.getvalue()


def contents(data):
    stream = io.BytesIO(data)
    segment = ebml.parse(stream)
    body = data[segment.element.body.start : segment.element.body.end]
    return list(ebml.children(body)), data[segment.element.body.end :]


def positions(data):
    """What the list of positions says, and what is there."""
    stream = io.BytesIO(data)
    segment = ebml.parse(stream)
    start = segment.element.body.start
    listed = ebml.content(stream, segment.all(SEEK_HEAD)[0])
    found = []
    for kind, seek in ebml.children(listed):
        if kind == SEEK:
            parts = dict(ebml.children(seek))
            at = start + int.from_bytes(parts[SEEK_POSITION], "big")
            found.append((parts[SEEK_ID], data[at : at + 4]))
    return found


def test_tags_are_added_at_the_end_and_found_through_the_list():
    listed = ebml.make(SEEK_HEAD, entry(INFO, 0))
    at = len(listed) + 102
    front = ebml.make(SEEK_HEAD, entry(INFO, at)) + ebml.make(VOID, bytes(100))
    data = file(front, ebml.make(INFO, b"info"), ebml.make(CLUSTER, b"sound"), behind=b"tail")
    out = with_tags(data, b"one")
    found, tail = contents(out)
    assert found[-1] == (ebml.TAGS, b"one")
    assert tail == b"tail"
    assert out.index(b"sound") == data.index(b"sound")
    assert positions(out) == [(INFO, INFO), (ebml.TAGS, ebml.TAGS)]
    again = with_tags(out, b"two", [(0, b"")])
    assert (len(again), positions(again)) == (len(out), positions(out))
    assert contents(again)[0][-1] == (ebml.TAGS, b"two")


def test_a_checksum_of_the_list_holds_again():
    entries = entry(INFO, 0)
    checked = ebml.make(CRC, zlib.crc32(entries).to_bytes(4, "little")) + entries
    data = file(ebml.make(SEEK_HEAD, checked), ebml.make(VOID, bytes(60)), ebml.make(INFO, b""))
    stream = io.BytesIO(with_tags(data, b"new"))
    listed = ebml.content(stream, ebml.parse(stream).all(SEEK_HEAD)[0])
    assert int.from_bytes(listed[2:6], "little") == zlib.crc32(listed[6:])


def test_a_list_without_room_stays_as_it_is():
    data = file(ebml.make(SEEK_HEAD, entry(INFO, 16)), ebml.make(INFO, b"info"))
    out = with_tags(data, b"new")
    assert positions(out) == positions(data)
    assert contents(out)[0][-1] == (ebml.TAGS, b"new")


def test_what_is_taken_away_in_the_middle_leaves_a_void():
    data = file(ebml.make(ebml.TAGS, b"old content"), ebml.make(CLUSTER, b"sound"))
    gone = with_tags(data, b"new", [(0, b"")])
    assert [kind for kind, _ in contents(gone)[0]] == [VOID, CLUSTER, ebml.TAGS]
    smaller = with_tags(data, b"new", [(0, b"old")])
    assert [kind for kind, _ in contents(smaller)[0]] == [ebml.TAGS, VOID, CLUSTER, ebml.TAGS]
    for out in (gone, smaller):
        assert out.index(b"sound") == data.index(b"sound")


def test_a_segments_own_checksum_is_blanked():
    data = file(ebml.make(CRC, b"abcd"), ebml.make(CLUSTER, b"sound"))
    assert contents(with_tags(data, b"new"))[0][0] == (VOID, bytes(4))


def test_segment_and_clusters_may_have_no_size():
    endless = b"\x01" + b"\xff" * 7
    blocks = ebml.make(b"\xa3", b"block") * 3
    data = HEADER + SEGMENT + endless + CLUSTER + endless + blocks
    out = with_tags(data, b"new")
    assert out == data + ebml.make(ebml.TAGS, b"new")
    assert ebml.parse(io.BytesIO(out)).all(ebml.TAGS)


def test_a_segment_that_cannot_grow_is_told():
    data = file(ebml.make(CLUSTER, bytes(100)), size_bytes=1)
    with pytest.raises(MetadataError, match="no room"):
        with_tags(data, bytes(100))


@pytest.mark.parametrize("size", [2, 3, 9, 10, 126, 127, 128, 129, 16_384, 70_000])
def test_voids_of_any_size(size):
    void = ebml._void(size)
    assert len(void) == size
    assert [kind for kind, _ in ebml.children(void)] == [VOID]


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 20, b"RIFF", HEADER, HEADER + SEGMENT + b"\x88abc"],
    ids=["empty", "zeros", "text", "no segment", "cut"],
)
def test_what_is_no_matroska_is_refused(data):
    with pytest.raises(UnreadableMediaError):
        ebml.parse(io.BytesIO(data))


@given(st.binary(max_size=120))
def test_any_content_is_read_or_refused(body):
    data = file(body)
    try:
        out = with_tags(data, b"new")
    except LabelerError:
        return
    assert ebml.parse(io.BytesIO(out)).all(ebml.TAGS)
