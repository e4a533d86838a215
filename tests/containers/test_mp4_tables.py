from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import bmff
from labeler.containers.bmff_file import top_boxes
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_fragments import fold_fragments
from labeler.containers.mp4_shifts import read_shifts, runs, write_shifts
from labeler.containers.mp4_syncs import read_syncs, write_syncs
from labeler.containers.mp4_tables import SampleTable, read_samples, write_chunks, write_samples
from labeler.errors import UnreadableMediaError

SHIFTS = st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=30)


def again(node):
    return Node.parse(node.type, node.to_bytes()[8:])


@given(SHIFTS)
def test_shifts_come_back(values):
    stbl = Node(b"stbl")
    write_shifts(stbl, np.array(values, np.int64))
    assert read_shifts(again(stbl), len(values)).tolist() == values
    assert len(stbl.children) == any(values)
    if stbl.children:
        assert stbl.children[0].body[0] == (min(values) < 0)


@given(st.lists(st.booleans(), max_size=30))
def test_syncs_come_back(values):
    stbl = Node(b"stbl")
    write_syncs(stbl, np.array(values, np.bool_))
    assert read_syncs(again(stbl), len(values)).tolist() == values


@given(st.lists(st.integers(0, 3), max_size=30))
def test_runs_are_as_long_as_they_can_be(values):
    found = runs(np.array(values, np.int64))
    assert [value for length, value in found for _ in range(length)] == values
    assert all(a[1] != b[1] for a, b in pairwise(found))


@given(st.binary(max_size=100), st.integers(0, 50))
def test_any_table_is_read_or_refused(body, count):
    with suppress(UnreadableMediaError):
        assert len(read_shifts(Node(b"stbl", children=[Node(b"ctts", body)]), count)) == count
    with suppress(UnreadableMediaError):
        assert len(read_syncs(Node(b"stbl", children=[Node(b"stss", body)]), count)) == count


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=12))
def test_entries_of_chunks_come_back(chunks):
    counts, entries = (np.array(each, np.int64) for each in zip(*chunks, strict=True))
    table = SampleTable(
        sizes=np.full(counts.sum(), 5),
        chunk_starts=100 * np.arange(len(counts)),
        chunk_counts=counts,
        durations=((int(counts.sum()), 1),),
        descriptions=entries,
    )
    stbl = Node(b"stbl")
    write_samples(stbl, table)
    write_chunks(stbl, table)
    found = read_samples(again(stbl))
    assert found.descriptions.tolist() == entries.tolist()
    assert found.chunk_counts.tolist() == counts.tolist()
    assert found.chunk_sizes.tolist() == (5 * counts).tolist()


def test_many_samples_of_one_size_take_no_room():
    count = (1 << 32) - 1
    stsz = (4).to_bytes(4, "big") + count.to_bytes(4, "big")
    stsc = (1).to_bytes(4, "big") + bytes([0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 0, 1])
    stts = (1).to_bytes(4, "big") + count.to_bytes(4, "big") + (1).to_bytes(4, "big")
    one = (1).to_bytes(4, "big") + bytes(4)
    boxes = {b"stsz": stsz, b"stsc": stsc, b"stts": stts, b"stco": one}
    stbl = Node(b"stbl", children=[Node(kind, bytes(4) + body) for kind, body in boxes.items()])
    table = read_samples(stbl)
    assert table.chunk_sizes.tolist() == [4 * count]
    assert table.total == count
    assert table.times(np.array([0, count])).tolist() == [0, count]
    stbl.children[0].body = bytes(4) + b"\xff" * 8
    with pytest.raises(UnreadableMediaError, match="more bytes"):
        read_samples(stbl)


def header(kind, version, *, at, scale):
    body = bytearray(100)
    body[0] = version
    body[at : at + 4] = scale.to_bytes(4, "big")
    return Node(kind, bytes(body))


def movie():
    """``moov`` of a file in fragments, with the empty track 1."""
    stbl = Node(b"stbl")
    empty = SampleTable(
        sizes=np.zeros(0, np.int64),
        chunk_starts=np.zeros(0, np.int64),
        chunk_counts=np.zeros(0, np.int64),
        durations=(),
    )
    write_samples(stbl, empty)
    media = [header(b"mdhd", 0, at=12, scale=1000), Node(b"minf", children=[stbl])]
    trak = Node(
        b"trak", children=[header(b"tkhd", 0, at=12, scale=1), Node(b"mdia", children=media)]
    )
    trex = Node(b"trex", bytes(4) + b"".join(n.to_bytes(4, "big") for n in (1, 1, 40, 7, 0x10000)))
    return Node(
        b"moov",
        children=[header(b"mvhd", 0, at=12, scale=1000), trak, Node(b"mvex", children=[trex])],
    )


def folded(tmp_path, *moofs):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"".join(moofs))
    moov = movie()
    with path.open("rb") as file:
        origins = fold_fragments(file, top_boxes(file), moov)
    return moov, origins


def moof(*trafs):
    return bmff.make_box(b"moof", *trafs)


def traf(*truns, time=None, flags=0, number=1):
    head = bmff.make_full_box(b"tfhd", 0, flags, [number.to_bytes(4, "big")])
    times = [] if time is None else [bmff.make_full_box(b"tfdt", 0, 0, [time.to_bytes(4, "big")])]
    return bmff.make_box(b"traf", head, *times, *truns)


def trun(count, flags=1, *fields, offset=0):
    numbers = (count, *((offset,) if flags & 1 else ()), *fields)
    return bmff.make_full_box(
        b"trun", 0, flags, [number.to_bytes(4, "big", signed=number < 0) for number in numbers]
    )


def test_fragments_are_put_into_the_tables(tmp_path):
    first = moof(traf(trun(2, 0x901, 40, -20, 50, 10, offset=500), time=0))
    # After a pause of 100 ms; the first one is a key frame.
    second = moof(traf(trun(3, 0x205, 0x2000000, 5, 6, 7, offset=600), time=190, flags=0x20000))
    moov, origins = folded(tmp_path, first, second)
    stbl = moov.need(b"trak", b"mdia", b"minf", b"stbl")
    table = read_samples(stbl)
    assert origins == (0,)
    assert table.sizes.tolist() == [7, 7, 5, 6, 7]
    assert table.durations == ((1, 40), (1, 150), (3, 40))
    assert table.chunk_starts.tolist() == [500, len(first) + 600]
    assert read_shifts(stbl, 5).tolist() == [-20, 10, 0, 0, 0]
    assert read_syncs(stbl, 5).tolist() == [False, False, True, False, False]
    assert moov.find(b"mvex") is None


def test_tracks_without_a_base_of_their_own_lie_one_behind_the_other(tmp_path):
    box = moof(traf(trun(2, 1, offset=100)), traf(trun(1, 0)))
    moov, _ = folded(tmp_path, box)
    table = read_samples(moov.need(b"trak", b"mdia", b"minf", b"stbl"))
    assert table.chunk_starts.tolist() == [100, 114]


def test_samples_that_are_nobodys_are_refused(tmp_path):
    with pytest.raises(UnreadableMediaError, match="not there"):
        folded(tmp_path, moof(traf(trun(1), number=2)))
    with pytest.raises(UnreadableMediaError, match="more samples"):
        folded(tmp_path, moof(traf(trun((1 << 32) - 1))))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_fragment_is_read_or_refused(tmp_path_factory, one, other):
    box = moof(bmff.make_box(b"traf", bmff.make_box(b"tfhd", one), bmff.make_box(b"trun", other)))
    with suppress(UnreadableMediaError):
        folded(tmp_path_factory.mktemp("any"), box)
