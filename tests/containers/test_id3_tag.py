import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import id3_tag
from labeler.containers.id3_tag import Frame, Tag
from labeler.errors import LabelerError, MediaTooLargeError, UnreadableMediaError

SOUND = b"\xff\xfb\x90\0sound"


def synchsafe(value):
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def raw(version, body, flags=0):
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body


def read(data):
    return id3_tag.read(io.BytesIO(data))


def facts(tag):
    return [(frame.id, frame.content, frame.flags) for frame in tag.frames]


names = {
    2: st.sampled_from([b"TT2", b"PIC", b"XYZ"]),
    3: st.sampled_from([b"TIT2", b"PRIV", b"XYZ1"]),
    4: st.sampled_from([b"TIT2", b"PRIV", b"XYZ1"]),
}


@st.composite
def tags(draw):
    version = draw(st.sampled_from([2, 3, 4]))
    flags = b"" if version == 2 else b"\0\0"
    frame = st.builds(Frame, names[version], st.binary(max_size=300), flags=st.just(flags))
    return Tag(version=version, frames=tuple(draw(st.lists(frame, max_size=4))))


@given(tag=tags())
def test_a_tag_reads_as_it_was_written(tag):
    data = tag.to_bytes()
    back = read(data + SOUND)
    assert (back.version, facts(back), back.rest) == (tag.version, facts(tag), b"")
    assert back.size == len(data)
    assert back.to_bytes() == data
    for frame in back.frames:
        assert data[frame.start : frame.start + len(frame.content)] == frame.content
        assert data[back.position(frame) :].startswith(frame.content)


def test_a_new_frame_takes_the_place_of_others_or_comes_last():
    old = [Frame(b"TIT2", b"\0a"), Frame(b"PRIV", b"x\0old"), Frame(b"TPE1", b"\0b")]
    tag = Tag(frames=(*old, Frame(b"PRIV", b"x\0older")))
    new = Frame(b"PRIV", b"x\0new")
    put = tag.put(new, over=lambda frame: frame.content.startswith(b"x\0"))
    assert put.frames == (old[0], new, old[2])
    assert tag.put(new, over=lambda frame: False).frames == (*tag.frames, new)
    at = put.position(new)
    assert put.to_bytes()[at : at + 5] == b"x\0new"


def test_padding_is_used_before_the_tag_grows():
    tag = read(raw(3, b"TIT2\0\0\0\x02\0\0\0a" + bytes(100)) + SOUND)
    assert tag.size == 122
    frame = Frame(b"PRIV", b"x" * 70)
    assert len(tag.put(frame, over=lambda _: False).to_bytes()) == 122
    larger = replace(frame, content=b"x" * 200)
    assert len(tag.put(larger, over=lambda _: False).to_bytes()) > 122


def test_what_cannot_be_read_is_kept_behind_new_frames():
    odd = b"\1\2odd, with spaces"
    tag = read(raw(3, b"TIT2\0\0\0\x02\0\0\0a" + odd))
    assert (len(tag.frames), tag.rest) == (1, odd)
    data = tag.put(Frame(b"PRIV", b"new"), over=lambda _: False).to_bytes()
    assert [frame.id for frame in read(data).frames] == [b"TIT2", b"PRIV"]
    assert odd in data


def test_unsynchronised_tags_are_resolved():
    # FF 00 stands for FF; sizes are those before.
    tag = read(raw(3, b"PRIV\0\0\0\x04\0\0a\xff\0\xe0b", 0x80))
    assert facts(tag) == [(b"PRIV", b"a\xff\xe0b", b"\0\0")]
    assert tag.frames[0].start == 0
    assert tag.to_bytes()[5] == 0


@pytest.mark.parametrize(
    ("tag_flags", "frame_flags", "written", "content"),
    [
        (0x80, b"\0\x02", b"a\xff\0\xe0b", b"a\xff\xe0b"),
        (0x80, b"\0\0", b"a\xff\0\xe0b", b"a\xff\xe0b"),
        (0x00, b"\0\x02", b"a\xff\0\xe0b", b"a\xff\xe0b"),
        (0x00, b"\0\x03", b"\0\0\0\x04a\xff\0\xe0b", b"a\xff\xe0b"),
        (0x80, b"\0\0", b"\xff\0\xff\xe0", b"\xff\0\xff\xe0"),  # the flag is a lie
        (0x00, b"\0\0", b"a\xff\0\xe0b", b"a\xff\0\xe0b"),
    ],
)
def test_frames_of_version_2_4_are_resolved(tag_flags, frame_flags, written, content):
    frame = b"PRIV" + synchsafe(len(written)) + frame_flags + written
    tag = read(raw(4, frame, tag_flags))
    assert facts(tag) == [(b"PRIV", content, b"\0\0")]
    assert facts(read(tag.to_bytes())) == facts(tag)


def test_compressed_frames_stay_as_they_are():
    frame = b"PRIV" + synchsafe(7) + b"\0\x0b" + b"\0\0\0\x09zip"
    tag = read(raw(4, frame, 0x80))
    assert facts(tag) == [(b"PRIV", b"\0\0\0\x09zip", b"\0\x0b")]


def test_sizes_that_itunes_wrote_are_understood_and_kept():
    content = b"\0" + b"i" * 299
    body = b"COMM" + len(content).to_bytes(4, "big") + b"\0\0" + content
    body += b"TIT2\0\0\0\x02\0\0\0a"
    tag = read(raw(4, body))
    assert facts(tag) == [(b"COMM", content, b"\0\0"), (b"TIT2", b"\0a", b"\0\0")]
    assert tag.to_bytes()[10:].rstrip(b"\0") == body.rstrip(b"\0")


@pytest.mark.parametrize(("version", "size"), [(3, (6).to_bytes(4, "big")), (4, synchsafe(6))])
def test_extended_headers_and_footers_go(version, size):
    # Version 2.4 counts the size field itself.
    extended = size + bytes(6 if version == 3 else 2)
    body = extended + b"TIT2\0\0\0\x02\0\0\0a"
    footer = b"3DI" + bytes([version, 0, 0x50]) + synchsafe(len(body))
    data = raw(version, body, 0x50 if version == 4 else 0x40) + (footer if version == 4 else b"")
    tag = read(data + SOUND)
    assert (facts(tag), tag.rest, tag.size) == ([(b"TIT2", b"\0a", b"\0\0")], b"", len(data))
    assert tag.to_bytes()[5] == 0


def test_coded_frames_are_told_apart():
    tag = Tag(version=4, frames=(Frame(b"PRIV", b"x", flags=b"\0\x08"),))
    assert tag.is_coded(tag.frames[0])
    assert not tag.is_coded(Frame(b"PRIV", b"x"))


def test_there_may_be_no_tag():
    assert read(SOUND) is None
    assert read(b"") is None


@pytest.mark.parametrize("data", [raw(3, b"TIT2")[:12], raw(9, b"")], ids=["cut", "version"])
def test_tags_that_cannot_be_are_refused(data):
    with pytest.raises(UnreadableMediaError):
        read(data)


def test_a_tag_has_at_most_256_mib(monkeypatch):
    monkeypatch.setattr(id3_tag, "_MAX_BYTES", 100)
    with pytest.raises(MediaTooLargeError):
        Tag(frames=(Frame(b"PRIV", bytes(100)),)).to_bytes()


@given(data=st.binary(max_size=200), version=st.sampled_from([2, 3, 4]), flags=st.integers(0, 255))
def test_any_content_gives_a_tag_or_one_clear_error(data, version, flags):
    try:
        tag = read(raw(version, data, flags))
    except LabelerError:
        return
    assert facts(read(tag.to_bytes()))[: len(tag.frames)] == facts(tag)
