import struct
import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.containers import zip as archives
from labeler.containers.splice import blocks, total
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from tests.documents import archive, files_of

FILES = {"mimetype": "application/epub+zip", "a/é.xml": "hello " * 90, "b.xml": "x", "c/": ""}


def parse(data):
    return archives.parse(BytesIO(data))


def edit(data, changes, **options):
    stream = BytesIO(data)
    parts = archives.edited(archives.parse(stream), changes, **options)
    written = b"".join(blocks(stream, parts))
    assert len(written) == total(parts)
    return written


def streamed(files):
    """An archive whose writer could not go back: sizes stand behind the contents."""

    class Forward(BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

        def tell(self):
            raise OSError

    output = Forward()
    with ZipFile(output, "w", ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return output.getvalue()


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])
def test_entries_are_read_as_zipfile_reads_them(method):
    data = archive(FILES, method=method, comment=b"a comment")
    found = parse(data)
    assert found.comment == b"a comment"
    contents = {
        entry.name: archives.content(BytesIO(data), entry, limit=1000) for entry in found.entries
    }
    assert contents == files_of(data)


def test_nothing_changes_where_nothing_is_changed():
    for data in (archive(FILES, comment=b"c"), streamed(FILES)):
        assert edit(data, {}) == data


@pytest.mark.parametrize("make", [archive, streamed])
def test_files_are_replaced_added_and_dropped(make):
    data = make(FILES)
    written = edit(
        data,
        {"a/é.xml": b"new", "neu/ü.xml": "ü".encode() * 9, "raw": b"raw"},
        dropped={"b.xml"},
        stored={"raw"},
    )
    expected = {name: text.encode() for name, text in FILES.items() if name != "b.xml"}
    expected |= {"a/é.xml": b"new", "neu/ü.xml": "ü".encode() * 9, "raw": b"raw"}
    assert list(files_of(written)) == list(expected)
    assert files_of(written) == expected
    with ZipFile(BytesIO(written)) as target:
        assert target.testzip() is None
        assert target.getinfo("raw").compress_type == ZIP_STORED
        assert target.getinfo("mimetype").compress_type == parse(data).get("mimetype").method
    assert edit(data, {"n": b"1"}) == edit(data, {"n": b"1"})


def test_bytes_of_other_files_are_not_touched():
    data = streamed(FILES)
    before = parse(data)
    written = edit(data, {"mimetype": b"another, and longer than before"})
    after = parse(written)
    for name in list(FILES)[1:]:
        old, new = before.reach(before.get(name)), after.reach(after.get(name))
        assert data[old.start : old.end] == written[new.start : new.end]


def test_archives_of_volumes_zip64_and_encrypted_ones_are_refused_by_name():
    data = archive(FILES)
    encrypted = bytearray(data)
    encrypted[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnsupportedMediaError, match="encrypted"):
        parse(bytes(encrypted))
    end = data.rindex(b"PK\x05\x06")
    with pytest.raises(UnsupportedMediaError, match="volume"):
        parse(data[: end + 4] + b"\1" + data[end + 5 :])
    with pytest.raises(UnsupportedMediaError, match="ZIP64"):
        parse(data[:end] + b"PK\x06\x07" + bytes(16) + data[end:])
    with pytest.raises(UnsupportedMediaError, match="ZIP64"):
        parse(data[: end + 16] + b"\xff\xff\xff\xff" + data[end + 20 :])


def test_ambiguous_archives_are_refused():
    data = archive(FILES)
    output = BytesIO()
    with ZipFile(output, "w") as target:
        target.writestr(ZipInfo("a"), "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            target.writestr(ZipInfo("a"), "2")
    record = data.index(b"PK\x01\x02")
    overlap = bytearray(data)
    second = data.index(b"PK\x01\x02", record + 4)
    overlap[second + 42 : second + 46] = bytes(4)
    local = data.replace(
        b"PK\x03\x04" + data[4:30] + b"mimetype", b"PK\x03\x04" + data[4:30] + b"mimetypf"
    )
    for bad in (output.getvalue(), bytes(overlap), local, data + b"x", b"x" + data, data[:-1]):
        with pytest.raises(UnreadableMediaError):
            parse(bad)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(UnreadableMediaError, match="leads out"):
        parse(archive({name: "1"}))


def test_bombs_are_not_unpacked():
    data = archive({"big": b"\0" * (5 << 20)})
    entry = parse(data).get("big")
    with pytest.raises(UnsupportedMediaError, match="more than any document"):
        archives.content(BytesIO(data), entry, limit=1 << 20)
    # A size that lies: no more is unpacked than it says.
    liar = bytearray(data)
    for at in (22, data.index(b"PK\x01\x02") + 24):
        liar[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(UnreadableMediaError, match="damaged"):
        archives.content(BytesIO(bytes(liar)), parse(bytes(liar)).get("big"), limit=1 << 20)


def test_checksums_are_checked():
    data = archive({"a": b"hello"}, method=ZIP_STORED)
    bad = data.replace(b"hello", b"hallo")
    with pytest.raises(UnreadableMediaError, match="a in the ZIP archive is damaged"):
        archives.content(BytesIO(bad), parse(bad).get("a"), limit=100)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 600), st.integers(0, 255), st.booleans())
def test_damage_is_told_and_never_crashes(position, value, cut):
    data = archive(FILES)
    at = position % len(data)
    bad = data[:at] if cut else data[:at] + bytes([value]) + data[at + 1 :]
    try:
        for entry in parse(bad).entries:
            archives.content(BytesIO(bad), entry, limit=1000)
    except (UnreadableMediaError, UnsupportedMediaError):
        return
    assert zlib.crc32(data) != 0
