import pytest

from labeler.containers import bmff
from labeler.media.mpeg4_entry import merged_entry


def entry(kind, *children):
    """The body of an ``stsd`` box."""
    head = bytes(7) + b"\1" + bytes(16) + b"\1\x40\0\xb4" + bytes(46) + b"\0\x18\xff\xff"
    return bytes(7) + b"\1" + bmff.make_box(kind, head, *children)


def children_of(stsd):
    (found,) = bmff.boxes(stsd[8:])
    return found.type, {box.type: box.body for box in bmff.boxes(found.body[78:])}


HVCC = bytes(22) + b"\1\x20\0\1\0\3abc"


@pytest.mark.parametrize(
    ("old", "new", "becomes"),
    [
        (b"hvc1", b"hev1", b"hvc1"),
        (b"hev1", b"hvc1", b"hev1"),
        (b"dvh1", b"hev1", b"hvc1"),
        (b"dvhe", b"hvc1", b"hev1"),
        (b"avc3", b"avc1", b"avc3"),
        (b"dvav", b"avc1", b"avc3"),
        (b"apch", b"apcn", b"apcn"),
    ],
)
def test_the_letters_of_the_codec_stay_in_their_family(old, new, becomes):
    result = merged_entry(entry(old), entry(new, bmff.make_box(b"hvcC", HVCC)))
    kind, children = children_of(result)
    assert kind == becomes
    is_complete = bool(children[b"hvcC"][23] & 0x80)
    assert is_complete == (becomes == b"hvc1")


def test_what_pictures_look_like_is_kept_and_what_coded_them_is_not():
    kept = {kind: kind + b" of old" for kind in (b"pasp", b"colr", b"clap", b"mdcv", b"zzzz")}
    dropped = dict.fromkeys((b"hvcC", b"dvcC", b"dvvC", b"lhvC", b"btrt"), b"old")
    old = [bmff.make_box(*box) for box in [*kept.items(), *dropped.items()]]
    new = [bmff.make_box(b"hvcC", HVCC), bmff.make_box(b"colr", b"new"), bmff.make_box(b"fiel")]
    _, children = children_of(merged_entry(entry(b"dvh1", *old), entry(b"hev1", *new)))
    complete = HVCC[:23] + b"\xa0" + HVCC[24:]
    assert children == {b"hvcC": complete} | kept
