import subprocess
import tracemalloc
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.ebml import make
from labeler.errors import (
    MediaError,
    OutputError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from labeler.media.matroska_fields import with_entry, without
from labeler.media.matroska_pictures import replace_pictures
from tests.clips import clip
from tests.media.coded import need
from tests.media.matroska_films import (
    ATTACHMENTS,
    CHAPTERS,
    MUTATIONS,
    SMALL,
    WORDS,
    copied,
    decoded,
    edited,
    elements_of,
    entry_of,
    film,
    frames_of,
    group,
    kept_of,
    mutated,
    packets_of,
    probed,
    recoded,
    replaced,
    simple,
    stamp,
    track,
    warnings_of,
    with_tracks,
)

DISPLAY_WIDTH, NAME, LANGUAGE = b"\x54\xb0", b"\x53\x6e", b"\x22\xb5\x9c"
VIDEO = make(b"\xe0", make(b"\xb0", b"\x60"), make(b"\xba", b"\x40"))


@cache
def little(codec="libx264", frames=6):
    """The bytes of a film of pictures only."""
    return clip(".mkv", codec=codec, frames=frames, **SMALL).read_bytes()


def little_film(path, **options):
    path.write_bytes(little(**options))
    return path


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mkv", {"sound": "aac", "subtitles": WORDS, "chapters": ((0, 0.5, "A"), (0.5, 1, "B"))}),
        (".mkv", {"options": (("preset", "medium"),), "metadata": (("title", "Ä"),)}),
        (".mkv", {"times": (0, 40, 41, 90, 500, 501, 900), "time_base": Fraction(1, 1000)}),
        (".mkv", {"times": (700, 740, 780), "time_base": Fraction(1, 1000), "sound": "pcm"}),
        (".webm", {"sound": "opus", "subtitles": WORDS, "language": "deu"}),
        (".webm", {"sound": "opus", "mux": (("live", "1"),)}),
    ],
    ids=["tracks", "reordered", "variable rate", "late", "webm", "live"],
)
def test_only_the_pictures_change(tmp_path, suffix, options):
    path = clip(suffix, **SMALL, **{"frames": 26, "gop": 8} | options)
    target, new_pictures = replaced(path, tmp_path)
    before, after, new = (packets_of(each) for each in (path, target, new_pictures))
    first = av.open(str(path)).streams.video[0].index
    assert before.keys() == after.keys()
    for stream, packets in before.items():
        if stream != first:
            assert after[stream] == packets
    assert [each[::2] for each in after[first]] == [each[::2] for each in new[0]]
    assert sorted(each[0] for each in before[first]) == sorted(each[0] for each in after[first])
    assert kept_of(path) == kept_of(target)
    known = []
    for each in (path, target):
        with av.open(str(each)) as container:
            told = [(s.type, s.language, s.start_time, s.metadata) for s in container.streams]
            known.append((container.metadata, container.chapters(), told))
    assert known[0] == known[1]


def test_pictures_come_out_as_they_were_encoded(tmp_path):
    path = clip(".mkv", sound="aac", frames=20, gop=6, **SMALL)
    target, new_pictures = replaced(path, tmp_path)
    decoded = []
    for each in (new_pictures, target):
        with av.open(str(each)) as container:
            decoded.append([frame.to_ndarray() for frame in container.decode(video=0)])
    assert len(decoded[0]) == 20
    assert np.array_equal(decoded[0], decoded[1])
    assert path.read_bytes() != target.read_bytes()


def test_everything_is_in_the_order_of_time_in_short_clusters(tmp_path):
    path = clip(".mkv", sound="aac", frames=300, gop=60, **SMALL)
    target, _ = replaced(path, tmp_path, g="60")
    clusters = []
    with target.open("rb") as file:
        layout = matroska.read_layout(file)
        starts = [e.start for e in matroska.walk(file, layout) if e.id == matroska.CLUSTER]
        for block in matroska_blocks.blocks(file, layout):
            number = sum(start < block.element.start for start in starts)
            clusters.append((number, block.time, block.track == 1 and block.is_key))
    times = [time for _, time, _ in clusters]
    assert times == sorted(times)
    spans = {}
    for number, time, is_key in clusters:
        spans.setdefault(number, []).append((time, is_key))
    assert len(spans) >= 5
    for blocks in spans.values():
        assert blocks[0][1]
        assert blocks[-1][0] - blocks[0][0] <= 5000
        assert not any(is_key for _, is_key in blocks[1:])


def test_positions_lead_to_what_they_name(tmp_path):
    path = clip(".mkv", sound="aac", frames=60, gop=24, subtitles=WORDS, **SMALL)
    target, _ = replaced(path, tmp_path, g="24")
    data, elements = target.read_bytes(), elements_of(target)
    with target.open("rb") as file:
        layout = matroska.read_layout(file)
        keys = {
            block.element.start: (block.time, block.track)
            for block in matroska_blocks.blocks(file, layout)
            if block.is_key and block.track in {1, 3}
        }
    listed = []
    for _, seek in ebml.children(dict(elements)[matroska.SEEK_HEAD]):
        fields = dict(ebml.children(seek))
        at = layout.body.start + int.from_bytes(fields[b"\x53\xac"], "big")
        assert data[at : at + 4] == fields[b"\x53\xab"]
        listed.append(fields[b"\x53\xab"])
    assert sorted(listed) == sorted(kind for kind, _ in elements[1:])
    found = {}
    for _, point in ebml.children(dict(elements)[matroska.CUES]):
        fields = dict(ebml.children(point))
        place = {kind: int.from_bytes(body, "big") for kind, body in ebml.children(fields[b"\xb7"])}
        cluster = layout.body.start + place[b"\xf1"]
        assert data[cluster : cluster + 4] == matroska.CLUSTER
        size_bytes = 9 - data[cluster + 4].bit_length()
        block = cluster + 4 + size_bytes + place[b"\xf0"]
        found[block] = (int.from_bytes(fields[b"\xb3"], "big"), place[b"\xf7"])
        if place[b"\xf7"] == 3:
            assert place[b"\xb2"] in {300, 400}
    assert found == keys
    assert len(found) == 5
    with av.open(str(target)) as container:
        container.seek(1_500_000)
        frame = next(container.decode(video=0))
        assert frame.time == pytest.approx(1.0)


def test_a_finer_unit_of_time_is_kept_to_the_last_digit(tmp_path):
    path = little_film(tmp_path / "film.mkv")
    with path.open("rb") as file:
        blocks = list(matroska_blocks.blocks(file, matroska.read_layout(file)))
    tracks = dict(elements_of(path))[matroska.TRACKS]
    # 100 µs: frames of 24 a second begin at multiples of 416.67.
    times = [round(number * 1e4 / 24) for number in range(len(blocks))]
    data = path.read_bytes()
    bodies = [data[block.body.start : block.body.end] for block in blocks]
    cluster = [
        simple(1, time, body, block.flags)
        for time, body, block in zip(times, bodies, blocks, strict=True)
    ]
    path.write_bytes(film([stamp(0), *cluster], tracks=[tracks], scale=100_000))
    edited(path, matroska.TRACKS, lambda _: tracks)
    assert len({time % 10 for time in times}) > 2
    target, new_pictures = replaced(path, tmp_path)
    assert [each[0] % 10 for each in frames_of(new_pictures)[1]] != [time % 10 for time in times]
    assert [each[0] for each in frames_of(target)[1]] == times


def located(path):
    with path.open("rb") as file:
        return list(matroska_blocks.blocks(file, matroska.read_layout(file)))


def test_alpha_travels_beside_the_pictures(tmp_path):
    path = clip(".webm", pix_fmt="yuva420p", frames=5, **SMALL)
    target, new_pictures = replaced(path, tmp_path, decoder="libvpx-vp9")
    for each in (path, target):
        assert entry_of(each)[b"\xe0\x53\xc0"] == b"\1"
        beside = [packet[4] for packet in packets_of(each)[0]]
        assert len(beside) == 5
        assert all(beside)
        with av.open(str(each)) as container:
            frames = list(decoded(container, container.streams.video[0], "libvpx-vp9"))
        assert {frame.format.name for frame in frames} == {"yuva420p"}
        alpha = frames[2].reformat(format="rgba").to_ndarray()[..., 3]
        assert alpha[:, 80].mean() - alpha[:, 10].mean() > 100
    assert packets_of(target)[0] == packets_of(new_pictures)[0]


def test_how_it_is_shown_stays_and_what_decoders_need_is_new(tmp_path):
    path = copied(clip(".mkv", frames=5, rotation=90, colours=(9, 16, 9), full_range=False,
                       sample_aspect=Fraction(4, 3), **SMALL), tmp_path)  # fmt: skip
    packed = make(b"\x62\x40", make(b"\x50\x34", make(b"\x42\x54", b"\3"), make(b"\x42\x55", b"")))
    shown = make(DISPLAY_WIDTH, b"\x80")
    light = make(b"\x55\xb0", make(b"\x55\xbc", b"\x03\xe8"), make(b"\x55\xba", b"\x10"))
    in_blocks = make(b"\x41\xe4", make(b"\x41\xf0", b"\4"), make(b"\x41\xe7", b"\4"))
    in_frames = make(b"\x41\xe4", make(b"\x41\xe7", b"dvcC"), make(b"\x41\xed", bytes(24)))

    def changed(tracks):
        ((_, entry),) = [each for each in ebml.children(tracks) if each[0] == b"\xae"]
        fields = [
            (kind, body + light + shown if kind == b"\xe0" else body)
            for kind, body in ebml.children(entry)
            if kind != b"\x63\xa2"
        ]
        parts = [make(kind, body) for kind, body in fields]
        parts += [make(b"\x63\xa2", b"old"), make(NAME, b"Film"), make(b"\x3a\x96\x97", b"crf")]
        parts += [make(matroska.ENCODINGS, packed), in_blocks, in_frames]
        return make(b"\xae", *parts, make(b"\x9d", b"\x09"))

    new_pictures = recoded(path, tmp_path / "pictures.mkv")
    with_tracks(path, changed)
    target = tmp_path / "target.mkv"
    replace_pictures(path, new_pictures, target)
    before, after, new = (entry_of(each) for each in (path, target, new_pictures))
    gone = {matroska.ENCODINGS, b"\x3a\x96\x97"}
    assert gone <= before.keys()
    # The settings as a whole are put together anew; what is in them is compared by itself.
    assert before.keys() - gone == after.keys()
    differ = {kind for kind in after if kind != b"\xe0" and after[kind] != before[kind]}
    assert differ <= {matroska.CODEC_PRIVATE, b"\x41\xe4"}
    assert after[matroska.CODEC_PRIVATE] == new[matroska.CODEC_PRIVATE]
    assert after[b"\x41\xe4"] == make(b"\x41\xf0", b"\4") + make(b"\x41\xe7", b"\4")
    assert {b"\xe0\x55\xb0", b"\xe0\x76\x70", b"\xe0" + DISPLAY_WIDTH, NAME} <= after.keys()
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (9, 16, 9)
        assert next(container.decode(video=0)).rotation == 90


def test_durations_and_dynamic_metadata_go_to_the_same_picture(tmp_path):
    path = little_film(tmp_path / "film.mkv")
    blocks = located(path)
    data = path.read_bytes()
    more = make(b"\xa6", make(b"\xa5", b"HDR10+"), make(b"\xee", b"\4"))
    alpha = make(b"\xa6", make(b"\xa5", b"old alpha"))
    cluster = []
    for number, block in enumerate(blocks):
        body = data[block.body.start : block.body.end]
        fields = [make(matroska.BLOCK_ADDITIONS, more, alpha)] if number in {0, 2} else []
        if number:
            fields.append(make(matroska.REFERENCE_BLOCK, b"\xd6"))
        if number == 5:
            fields.append(make(matroska.BLOCK_DURATION, b"\x01\x2c"))
        cluster.append(group(1, block.time, body, *fields))
    tracks = dict(elements_of(path))[matroska.TRACKS]
    path.write_bytes(film([stamp(0), *cluster], tracks=[]))
    edited(path, matroska.TRACKS, lambda _: tracks)
    target, _ = replaced(path, tmp_path)
    new = frames_of(target)[1]
    beside = [dict(fields) for *_, fields in new]
    assert [each.get(matroska.BLOCK_ADDITIONS) for each in beside] == [
        more,
        None,
        more,
        *3 * [None],
    ]
    assert [each.get(matroska.BLOCK_DURATION) for each in beside] == [*5 * [None], b"\x01\x2c"]
    keys = [packet[3] for packet in packets_of(target)[0]]
    assert keys == [True, *5 * [False]]
    assert packets_of(target)[0][5][1] == 300
    # Nothing says how long the film is; the last picture does.
    with av.open(str(target)) as container:
        assert container.duration == 508_000


def test_blocks_of_other_tracks_are_copied_whatever_is_in_them(tmp_path):
    lace = bytes([2]) + b"\3\4" + b"aaabbbbccccc"
    kept = [
        (2, group(2, 5, lace, make(matroska.DISCARD_PADDING, b"\x10"), flags=0x02)),
        (3, simple(3, 15, b"\1" + b"xyxy", 0x84)),
        (2, group(2, 90, b"odd", make(b"\xa4", b"state"), make(matroska.BLOCK_DURATION, b"\7"))),
        (4, simple(4, -3, b"before", 0x09)),
    ]
    data = little(frames=3)
    path = tmp_path / "film.mkv"
    path.write_bytes(data)
    old = [data[each.element.start : each.element.body.end] for each in located(path)]
    entries = dict(elements_of(path))[matroska.TRACKS]
    others = [track(number, 2, b"A_STRANGE") for number in (2, 3, 4)]
    path.write_bytes(film([stamp(0), *old, *(each for _, each in kept)], tracks=others))
    new_pictures = tmp_path / "pictures.mkv"
    new_pictures.write_bytes(data)
    edited(path, matroska.TRACKS, lambda body: entries + body)
    before = frames_of(path)
    target = tmp_path / "target.mkv"
    replace_pictures(path, new_pictures, target)
    after = frames_of(target)
    assert before == after
    assert set(after) == {1, 2, 3, 4}
    assert after[4][0][0] == -3


def test_a_checksum_that_no_longer_holds_goes(tmp_path):
    data = little(frames=3)
    path = tmp_path / "film.mkv"
    path.write_bytes(data)
    old = [data[each.element.start : each.element.body.end] for each in located(path)]
    entries = dict(elements_of(path))[matroska.TRACKS]
    head = bytes([0x82, 0, 9, 0])
    checked = make(b"\xa0", make(b"\xbf", b"1234"), make(b"\xa1", head + b"sound"))
    cluster = [make(b"\xbf", b"abcd"), stamp(7), *old, checked]
    path.write_bytes(film(cluster, tracks=[track(2, 2, b"A_STRANGE")]))
    edited(path, matroska.TRACKS, lambda body: make(b"\xbf", b"abcd") + entries + body)
    new_pictures = recoded(path, tmp_path / "pictures.mkv")
    target = tmp_path / "target.mkv"
    replace_pictures(path, new_pictures, target)
    assert frames_of(target)[2] == [(16, 0, b"sound", b"\xa0", [])]
    assert b"\xbf" not in [
        kind for kind, _ in ebml.children(dict(elements_of(target))[b"\x16\x54\xae\x6b"])
    ]


def simple_tag(name, value):
    return make(b"\x67\xc8", make(b"\x45\xa3", name), make(b"\x44\x87", value))


def counted(uid, *more):
    tags = [
        simple_tag(b"BPS", b"123"),
        simple_tag(b"NUMBER_OF_BYTES", b"9"),
        simple_tag(b"DURATION-eng", b"1"),
        simple_tag(b"_STATISTICS_TAGS", b"BPS DURATION NUMBER_OF_BYTES"),
    ]
    return make(b"\x73\x73", make(b"\x63\xc0", make(b"\x63\xc5", bytes([uid]))), *tags, *more)


def test_what_was_counted_in_the_old_packets_goes_and_no_more(tmp_path):
    path = little_film(tmp_path / "film.mkv", frames=3)
    data = path.read_bytes()
    old = [data[each.element.start : each.element.body.end] for each in located(path)]
    entries = dict(elements_of(path))[matroska.TRACKS]
    entries = with_entry(
        entries, 1, lambda entry: [*without(entry, b"\x73\xc5"), make(b"\x73\xc5", b"\5")]
    )
    title = make(b"\x73\x73", make(b"\x63\xc0"), simple_tag(b"BPS", b"of all"))
    mine = counted(5, simple_tag(b"DIRECTOR", b"Ida"))
    both = make(b"\x73\x73", make(b"\x63\xc0", make(b"\x63\xc5", b"\5"), make(b"\x63\xc5", b"\6")),
                simple_tag(b"BPS", b"1"))  # fmt: skip
    tags = make(ebml.TAGS, make(b"\xbf", b"abcd"), title, counted(6), mine, counted(5), both)
    path.write_bytes(film([stamp(0), *old], tracks=[], extra=tags + make(ebml.TAGS, counted(5))))
    edited(path, matroska.TRACKS, lambda _: entries)
    target, _ = replaced(path, tmp_path)
    left = make(
        b"\x73\x73", make(b"\x63\xc0", make(b"\x63\xc5", b"\5")), simple_tag(b"DIRECTOR", b"Ida")
    )
    found = [body for kind, body in elements_of(target) if kind == ebml.TAGS]
    assert found == [title + counted(6) + left + both]


def test_an_old_document_version_becomes_one_that_knows_what_is_written(tmp_path):
    data = little(frames=3)
    path = tmp_path / "film.mkv"
    path.write_bytes(data)
    old = [group(1, each.time, data[each.body.start : each.body.end]) for each in located(path)]
    entries = dict(elements_of(path))[matroska.TRACKS]
    path.write_bytes(film([stamp(0), *old], tracks=[], doc_version=1))
    edited(path, matroska.TRACKS, lambda _: entries)
    target, _ = replaced(path, tmp_path)
    kind, head = next(ebml.children(target.read_bytes()))
    assert kind == b"\x1a\x45\xdf\xa3"
    assert dict(ebml.children(head)) == {
        b"\x42\x82": b"matroska",
        b"\x42\x87": b"\4",
        b"\x42\x85": b"\2",
    }


def test_what_follows_the_segment_stays(tmp_path):
    path = little_film(tmp_path / "film.mkv")
    new_pictures = recoded(path, tmp_path / "pictures.mkv")
    path.write_bytes(path.read_bytes() + b"\xec\x83any")
    target = tmp_path / "target.mkv"
    replace_pictures(path, new_pictures, target)
    assert target.read_bytes().endswith(b"\xec\x83any")
    assert len(packets_of(target)[0]) == 6


# ------------------------------------------------------------------------------------------ damage


def no_tracks(path):
    edited(path, matroska.TRACKS, lambda _: b"")


def no_list(path):
    edited(path, matroska.TRACKS, lambda tracks: tracks)
    path.write_bytes(path.read_bytes().replace(matroska.TRACKS, b"\x16\x54\xae\x6c"))


def no_clusters(path):
    data = path.read_bytes()
    path.write_bytes(data[: data.index(matroska.CLUSTER)])
    edited(path, matroska.TRACKS, lambda tracks: tracks)


def cut(path):
    path.write_bytes(path.read_bytes()[:-500])


def cut_live(path):
    edited(path, matroska.TRACKS, lambda tracks: tracks)
    cut(path)


def lying_block(path):
    data = path.read_bytes()
    block = located(path)[-1].element
    size_bytes = block.body.start - block.start - 1
    more = (len(block.body) + 9) | 1 << 7 * size_bytes
    head = b"\xa3" + more.to_bytes(size_bytes, "big")
    path.write_bytes(data[: block.start] + head + data[block.body.start :])


def huge_tracks(path):
    data = path.read_bytes()
    at = tracks_at(path) + 4
    path.write_bytes(data[:at] + b"\x08\x7f\xff\xff\xff" + data[at + 5 :])


def tracks_at(path):
    with path.open("rb") as file:
        return matroska.read_layout(file).find(matroska.TRACKS).start


def late(path):
    data = little()
    path.write_bytes(film([stamp((1 << 64) - 5), simple(1, 0, data[:50])], tracks=[]))
    edited(path, matroska.TRACKS, lambda _: entries_of_little(path))


def entries_of_little(path):
    other = path.with_name("little.mkv")
    other.write_bytes(little())
    return dict(elements_of(other))[matroska.TRACKS]


def sound_only(path):
    with_tracks(path, lambda tracks: tracks.replace(b"\x83\x81\x01", b"\x83\x81\x02"))


def encrypted(path):
    data = path.read_bytes()
    block = located(path)[2].element
    path.write_bytes(data[: block.start] + b"\xaf" + data[block.start + 1 :])


def two_segments(path):
    path.write_bytes(2 * path.read_bytes())


def stretched(path):
    own = make(b"\x23\x31\x4f", b"\x3f\x00\x00\x00")
    add = make(b"\xae", make(b"\xd7", b"\7"), make(b"\x83", b"\2"), own)
    with_tracks(path, lambda tracks: tracks + add)


BROKEN = {
    no_tracks: (UnsupportedMediaError, "no picture track"),
    no_list: (UnreadableMediaError, "no list of its tracks"),
    no_clusters: (UnreadableMediaError, "has no pictures"),
    cut: (UnreadableMediaError, "ends"),
    cut_live: (UnreadableMediaError, "ends in the middle"),
    lying_block: (UnreadableMediaError, "larger than its cluster|ends in the middle"),
    huge_tracks: (UnreadableMediaError, "no list|ends|no element"),
    late: (UnreadableMediaError, "later than anything"),
    sound_only: (UnsupportedMediaError, "no picture track"),
    encrypted: (UnsupportedMediaError, "encrypted"),
    two_segments: (UnsupportedMediaError, "several films"),
    stretched: (UnsupportedMediaError, "units of its own"),
}


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change.__name__)
def test_what_cannot_be_kept_is_one_clear_error(tmp_path, change):
    path = little_film(tmp_path / "film.mkv")
    new_pictures = tmp_path / "pictures.mkv"
    new_pictures.write_bytes(little())
    change(path)
    target = tmp_path / "target.mkv"
    error, problem = BROKEN[change]
    with pytest.raises(error, match=problem) as caught:
        replace_pictures(path, new_pictures, target)
    assert caught.value.hint
    assert not target.exists()


def test_empty_pictures_and_a_target_in_use_are_refused(tmp_path):
    path = little_film(tmp_path / "film.mkv")
    empty = tmp_path / "pictures.mkv"
    tracks = dict(elements_of(path))[matroska.TRACKS]
    empty.write_bytes(film(tracks=[], extra=make(matroska.VOID, b"")))
    edited(empty, matroska.TRACKS, lambda _: tracks)
    with pytest.raises(UnreadableMediaError, match="has no pictures"):
        replace_pictures(path, empty, tmp_path / "target.mkv")
    empty.write_bytes(path.read_bytes())
    target = tmp_path / "target.mkv"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError):
        replace_pictures(path, empty, target)
    assert target.read_bytes() == b"mine"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated")
    (folder / "pictures.mkv").write_bytes(clip(".mkv", frames=3, **SMALL).read_bytes())
    return folder


@cache
def rich():
    options = {"sound": "aac", "subtitles": WORDS, "chapters": ((0, 1, "A"),)}
    return clip(".mkv", frames=3, **SMALL, **options).read_bytes()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(MUTATIONS)
def test_a_mutated_film_is_written_right_or_refused(workplace, mutations):
    path, target = workplace / "film.mkv", workplace / "target.mkv"
    path.write_bytes(mutated(rich(), mutations))
    target.unlink(missing_ok=True)
    try:
        replace_pictures(path, workplace / "pictures.mkv", target)
    except (MediaError, OutputError):
        assert not target.exists()
        return
    before, after = frames_of(path), frames_of(target)
    (changed,) = {number for number in before if before[number] != after.get(number)} or {None}
    kinds = {each.number: each.kind for each in matroska.read_tracks(tracks_of(path))}
    assert kinds.get(changed, matroska.VIDEO) == matroska.VIDEO
    tags = {matroska.TRACKS, ebml.TAGS}
    assert [e for e in kept_of(path) if e[0] not in tags] == [
        e for e in kept_of(target) if e[0] not in tags
    ]


def tracks_of(path):
    return dict(elements_of(path))[matroska.TRACKS]


def test_memory_does_not_grow_with_the_film(tmp_path):
    data = little(frames=6)
    path = tmp_path / "film.mkv"
    path.write_bytes(data)
    entries = dict(elements_of(path))[matroska.TRACKS]
    old = [data[each.body.start : each.body.end] for each in located(path)]
    noise = bytes(1 << 20)
    clusters = [
        [stamp(number * 1000), simple(1, 0, old[0]), simple(2, 1, noise), simple(2, 2, noise)]
        for number in range(40)
    ]
    path.write_bytes(film(*clusters, tracks=[track(2, 2, b"A_STRANGE")]))
    edited(path, matroska.TRACKS, lambda body: entries + body)
    new_pictures = tmp_path / "pictures.mkv"
    key = [[stamp(number * 1000), simple(1, 0, old[0] + bytes(1 << 20))] for number in range(40)]
    new_pictures.write_bytes(film(*key, tracks=[]))
    edited(new_pictures, matroska.TRACKS, lambda _: entries)
    tracemalloc.start()
    replace_pictures(path, new_pictures, tmp_path / "target.mkv")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 80 << 20
    assert (tmp_path / "target.mkv").stat().st_size > 120 << 20
    assert peak < 16 << 20


# ----------------------------------------------------------------------------------- other programs


@pytest.mark.system
@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_ffmpeg_plays_it_without_a_warning(tmp_path, suffix):
    need("ffmpeg", "ffprobe")
    sound = "aac" if suffix == ".mkv" else "opus"
    path = clip(suffix, sound=sound, frames=30, gop=10, subtitles=WORDS, **SMALL)
    target, _ = replaced(path, tmp_path)
    assert warnings_of(target) == ""
    shown = ["-show_packets", "-show_data_hash", "sha256"]
    before, after = (probed(each, *shown)["packets"] for each in (path, target))
    wanted = ("stream_index", "pts", "dts", "duration", "size", "data_hash", "side_data_list")
    sides = []
    for packets in (before, after):
        others = [each for each in packets if each["codec_type"] != "video"]
        sides.append(sorted([[str(each.get(key)) for key in wanted] for each in others]))
    assert len(sides[0]) > 40
    assert sides[0] == sides[1]


EDITIONS = """<?xml version="1.0"?><Chapters>
<EditionEntry><EditionFlagDefault>1</EditionFlagDefault><ChapterAtom>
<ChapterTimeStart>00:00:00.2</ChapterTimeStart><ChapterDisplay><ChapterString>One</ChapterString>
<ChapterLanguage>eng</ChapterLanguage></ChapterDisplay></ChapterAtom></EditionEntry>
<EditionEntry><EditionFlagHidden>1</EditionFlagHidden><ChapterAtom>
<ChapterTimeStart>00:00:00.3</ChapterTimeStart></ChapterAtom></EditionEntry></Chapters>"""
STYLED = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:00.10,0:00:00.60,Default,{\\i1}Hello
"""


@pytest.mark.system
def test_mkvmerge_sees_everything_that_it_wrote(tmp_path):
    need("mkvmerge", "mkvextract")
    (tmp_path / "editions.xml").write_text(EDITIONS)
    (tmp_path / "styled.ass").write_text(STYLED)
    (tmp_path / "font.ttf").write_bytes(bytes(range(256)) * 40)
    first = clip(".mkv", sound="aac", frames=40, gop=10, **SMALL)
    second = clip(".mkv", sound="pcm", frames=30, language="fra", **SMALL)
    path = tmp_path / "film.mkv"
    command = ["mkvmerge", "-o", path, "--chapters", tmp_path / "editions.xml", "--title", "Ä"]
    command += ["--attachment-mime-type", "font/ttf", "--attach-file", tmp_path / "font.ttf"]
    command += ["--compression", "1:zlib", first, "--no-video", second, tmp_path / "styled.ass"]
    subprocess.run(command, check=True, capture_output=True)
    target, _ = replaced(path, tmp_path)
    assert warnings_of(target) == warnings_of(path)
    before, after = frames_of(path), frames_of(target)
    assert set(before) == {1, 2, 3, 4}
    for number in (2, 3, 4):
        assert before[number] == after[number]
    told = [kept_of(each) for each in (path, target)]
    tags = [[body for kind, body in each if kind == ebml.TAGS] for each in told]
    assert [each for each in told[0] if each[0] != ebml.TAGS] == [
        each for each in told[1] if each[0] != ebml.TAGS
    ]
    assert {CHAPTERS, ATTACHMENTS} <= {kind for kind, _ in told[1]}
    count = [body[0].count(b"NUMBER_OF_BYTES") for body in tags]
    assert count[0] - count[1] == 2  # its own entry, and in the list of what was counted
    out = tmp_path / "again.mkv"
    done = subprocess.run(
        ["mkvmerge", "-o", out, target], capture_output=True, text=True, check=True
    )
    assert "Warning" not in done.stdout
    found = []
    for each in (path, target):
        command = ["mkvextract", each, "chapters", tmp_path / "out.xml", "tracks"]
        subprocess.run([*command, f"3:{tmp_path / 'out.ass'}"], check=True, capture_output=True)
        found.append([(tmp_path / name).read_bytes() for name in ("out.xml", "out.ass")])
    assert found[0] == found[1]
    assert b"Hello" in found[1][1]
