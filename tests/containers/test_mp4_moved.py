"""Boxes of MP4 files move, and what points into them follows."""

import io

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.containers import bmff
from labeler.containers.bmff import make_box, make_full_box
from labeler.containers.bmff_file import top_boxes
from labeler.containers.mp4_moved import ImmovableError, rearranged
from labeler.containers.splice import blocks
from labeler.errors import UnreadableMediaError
from tests.clips import clip

SMALL = {"width": 64, "height": 48, "frames": 12, "gop": 4}
FRAGMENTED = "frag_keyframe+empty_moov"
FTYP, MDAT = make_box(b"ftyp", b"isom"), make_box(b"mdat", b"samples of a film")


def written(data, pieces):
    file = io.BytesIO(data)
    parts = rearranged(file, pieces(top_boxes(file)))
    return b"".join(b"".join(blocks(file, each)) for each in parts)


def behind_first(new):
    return lambda boxes: [boxes[0], new, *boxes[1:]]


def packets(path):
    with av.open(str(path)) as container:
        return [(p.stream_index, bytes(p), p.pts) for p in container.demux() if p.size]


@pytest.mark.parametrize(
    ("suffix", "flags"),
    [
        (".mp4", ""),
        (".mp4", "+faststart"),
        (".mov", "+faststart"),
        (".mp4", f"{FRAGMENTED}+default_base_moof"),
        (".mov", FRAGMENTED),
    ],
)
def test_films_play_the_same_behind_something_new(suffix, flags, tmp_path):
    source = clip(suffix, **SMALL, sound="aac", mux=(("movflags", flags),) if flags else ())
    data = source.read_bytes()
    target = tmp_path / f"b{suffix}"
    target.write_bytes(written(data, behind_first(make_box(b"free", bytes(12_345)))))
    assert packets(target) == packets(source)
    # And back again.
    back = written(target.read_bytes(), lambda boxes: [boxes[0], *boxes[2:]])
    assert back == data


def test_the_table_of_fragments_follows():
    path = clip(".mp4", **SMALL, mux=(("movflags", FRAGMENTED),))
    moved = bmff.boxes(written(path.read_bytes(), behind_first(make_box(b"free", bytes(99)))))
    due = [box.start for box in moved if box.type == b"moof"]
    (tfra,) = (b for b in bmff.boxes(moved[-1].body) if b.type == b"tfra")
    assert len(due) == 3
    wide = 8 if tfra.body[0] else 4
    rows = tfra.body[16:]
    stride = len(rows) // len(due)
    found = [
        int.from_bytes(rows[at + wide : at + 2 * wide], "big") for at in range(0, len(rows), stride)
    ]
    assert found == due


def moov(*leaves, nest=(b"trak", b"mdia", b"minf", b"stbl")):
    inner = b"".join(leaves)
    for kind in reversed((b"moov", *nest)):
        inner = make_box(kind, inner)
    return inner


def table(kind, *positions):
    width = 4 if kind == b"stco" else 8
    numbers = (n.to_bytes(width, "big") for n in positions)
    return make_full_box(kind, 0, 0, [len(positions).to_bytes(4, "big"), *numbers])


def test_positions_follow_the_box_that_they_point_into():
    """Boxes change places; what points at their edges, or nowhere, does no harm."""
    other = make_box(b"mdat", b"other")
    start = len(FTYP) + len(MDAT)
    head = moov(table(b"co64", len(FTYP) + 8, start + 8, 1 << 40))
    data = FTYP + MDAT + other + head
    moved = written(data, lambda boxes: [boxes[0], boxes[2], boxes[1], boxes[3]])
    due = table(b"co64", len(FTYP) + len(other) + 8, len(FTYP) + 8, 1 << 40)
    assert moved == FTYP + other + MDAT + moov(due)


def test_what_does_not_move_is_not_looked_at():
    data = FTYP + moov(b"\0\0\0\x50stco") + MDAT
    assert written(data, lambda boxes: [*boxes, make_box(b"free")]) == data + make_box(b"free")


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (moov(table(b"stco", 0xFFFFFFFE)), "32 bits"),
        (moov(make_full_box(b"saio", 0, 0, [bytes(8)])), "saio"),
        (moov(make_box(b"dcom"), nest=(b"cmov",)), "cmov"),
        (make_full_box(b"meta", 0, 0, [make_full_box(b"iloc", 0, 0, [bytes(4)])]), "iloc"),
        (
            moov(
                make_full_box(b"dref", 0, 0, [bytes(4), make_full_box(b"url ", 0, 0, [b"a.mov"])]),
                nest=(b"trak", b"mdia", b"minf", b"dinf"),
            ),
            "another file",
        ),
    ],
)
def test_what_cannot_be_moved_is_refused(head, reason):
    data = FTYP + MDAT + head
    with pytest.raises(ImmovableError, match=reason):
        written(data, behind_first(make_box(b"free", bytes(9))))


def test_an_index_of_segments_allows_changes_in_front_of_it_only():
    index = make_full_box(b"sidx", 0, 0, [bytes(20)])
    data = FTYP + index + make_box(b"moof") + MDAT
    assert len(written(data, behind_first(make_box(b"free")))) == len(data) + 8
    with pytest.raises(ImmovableError, match="index"):
        written(data, lambda boxes: [*boxes[:2], make_box(b"free"), *boxes[2:]])


@pytest.mark.parametrize(
    "head",
    [
        moov(make_full_box(b"stco", 0, 0, [(9).to_bytes(4, "big"), bytes(8)])),
        moov(b"\0\0\0\x50stco"),
        make_box(b"mfra", make_full_box(b"tfra", 0, 0, [bytes(8), b"\0\0\0\x09"])),
        moov(make_full_box(b"tfhd", 0, 1, [bytes(4)]), nest=(b"traf",)),
    ],
)
def test_damaged_tables_are_told(head):
    with pytest.raises(UnreadableMediaError):
        written(FTYP + MDAT + head, behind_first(make_box(b"free", bytes(9))))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_gives_one_clear_error_or_a_file_of_the_right_size(data):
    whole = bytearray(clip(".mp4", **SMALL, mux=(("movflags", FRAGMENTED),)).read_bytes())
    box = data.draw(st.sampled_from([b for b in bmff.boxes(bytes(whole)) if b.type != b"mdat"]))
    places = st.integers(box.start + 8, box.end - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        whole[at] = value
    try:
        moved = written(bytes(whole), behind_first(make_box(b"free", b"new")))
    except (UnreadableMediaError, ImmovableError):
        return
    assert len(moved) == len(whole) + 11
