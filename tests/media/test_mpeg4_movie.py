from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler.containers import bmff
from labeler.containers.bmff_file import top_boxes
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_tables import SampleTable, read_samples, write_samples
from labeler.errors import LabelerError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.mpeg4_pictures import replace_pictures
from labeler.media.sound import open_sound
from tests.clips import clip
from tests.media.films import copied, in_track, recoded, with_moov

STBL = (b"mdia", b"minf", b"stbl")


def film(folder, suffix=".mp4", **options):
    return copied(clip(suffix, **options), folder)


def twice(stsd):
    stsd.body = stsd.body[:7] + b"\2" + 2 * stsd.body[8:]


def renamed(old, new):
    def change(trak):
        stsd = trak.need(*STBL, b"stsd")
        assert old in stsd.body
        stsd.body = stsd.body.replace(old, new, 1)

    return change


def elsewhere(trak):
    dref = trak.need(b"mdia", b"minf", b"dinf", b"dref")
    dref.body = dref.body[:8] + bmff.make_full_box(b"url ", 0, 0, [b"file:x\0"])


def add(*path, box):
    return lambda node: node.need(*path).children.append(box) if path else node.children.append(box)


ILOC = bmff.make_full_box(b"iloc", 0, 0, [bytes(4)])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (in_track(0, lambda trak: twice(trak.need(*STBL, b"stsd"))), "in the middle"),
        (in_track(0, renamed(b"avc1", b"encv")), "protected"),
        (in_track(1, add(*STBL, box=Node(b"saio"))), "protected"),
        (in_track(1, elsewhere), "another file"),
        (add(box=Node(b"meta", bytes(4) + ILOC)), "by their positions"),
        (
            in_track(1, add(box=Node(b"tref", children=[Node(b"vdep", b"\0\0\0\1")]))),
            "in layers",
        ),
        (add(box=Node(b"cmov")), "compressed"),
    ],
)
def test_what_would_be_lost_is_refused_by_name(tmp_path, change, problem):
    path = film(tmp_path, sound="aac")
    start = recoded(path, tmp_path / "pictures.mov")
    with_moov(path, change)
    with pytest.raises(UnsupportedMediaError, match=problem):
        replace_pictures(path, tmp_path / "pictures.mov", tmp_path / "new.mp4", start=start)
    assert not (tmp_path / "new.mp4").exists()


def too_far(trak):
    stco = trak.need(*STBL, b"stco")
    stco.body = stco.body[:8] + b"\x7f\xff\xff\xff" + stco.body[12:]


def one_place(trak):
    stbl = trak.need(*STBL)
    table = read_samples(stbl)
    most = int(table.sizes.max())
    table = SampleTable(
        sizes=np.full(len(table.sizes) * 500, most),
        chunk_starts=np.full(len(table.sizes) * 500, 48),
        chunk_counts=np.ones(len(table.sizes) * 500, np.int64),
        durations=table.durations,
    )
    write_samples(stbl, table)


def as_text(trak):
    handler = trak.need(b"mdia", b"hdlr")
    handler.body = handler.body.replace(b"vide", b"text")


def without(*path):
    return lambda moov: moov.need(*path[:-1]).drop(path[-1])


@pytest.mark.parametrize(
    "change",
    [
        in_track(1, too_far),
        in_track(1, one_place),
        in_track(0, as_text),
        without(b"trak", *STBL, b"stsz"),
        without(b"trak", b"mdia", b"mdhd"),
        without(b"trak", *STBL),
        without(b"mvhd"),
    ],
)
def test_damaged_films_are_refused_and_nothing_is_left(tmp_path, change):
    path = film(tmp_path, sound="aac")
    start = recoded(path, tmp_path / "pictures.mov")
    with_moov(path, change)
    with pytest.raises(UnreadableMediaError):
        replace_pictures(path, tmp_path / "pictures.mov", tmp_path / "new.mp4", start=start)
    assert not (tmp_path / "new.mp4").exists()


@pytest.mark.parametrize("keep", [0, 7, 0.01, 0.5, 0.99])
def test_truncated_films_are_refused(tmp_path, keep):
    path = film(tmp_path, sound="aac")
    start = recoded(path, tmp_path / "pictures.mov")
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(UnreadableMediaError):
        replace_pictures(path, tmp_path / "pictures.mov", tmp_path / "new.mp4", start=start)
    assert not (tmp_path / "new.mp4").exists()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), is_fragmented=st.booleans())
def test_lying_tables_are_refused_or_make_a_film(tmp_path, data, is_fragmented):
    flags = "frag_keyframe+delay_moov" if is_fragmented else "faststart"
    path = film(tmp_path, sound="aac", frames=8, gop=4, mux=(("movflags", flags),))
    pictures, target = tmp_path / "pictures.mov", tmp_path / "new.mp4"
    if not pictures.exists():
        recoded(path, pictures)
    body = bytearray(path.read_bytes())
    with path.open("rb") as file:
        tables = [box.body for box in top_boxes(file) if box.type in {b"moov", b"moof"}]
    lies = st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\1"])
    for _ in range(data.draw(st.integers(1, 3))):
        span = data.draw(st.sampled_from(tables))
        at = data.draw(st.integers(span.start, span.end - 4))
        lie = data.draw(lies)
        body[at : at + len(lie)] = lie
    path.write_bytes(body)
    target.unlink(missing_ok=True)
    try:
        replace_pictures(path, pictures, target, start=0)
    except LabelerError:
        assert not target.exists()
    with suppress(LabelerError):
        open_sound(path, name="film.mp4")
