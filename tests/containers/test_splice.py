import io

import pytest

from labeler.containers.splice import Span, blocks, total, write
from labeler.errors import OutputError, UnreadableMediaError


def test_parts_are_put_together(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(bytes(range(256)) * 10_000)
    parts = (b"head", Span(0, 3), Span(5, 2_500_000), b"")
    write(source, parts, target)
    whole = source.read_bytes()
    assert target.read_bytes() == b"head" + whole[:3] + whole[5:2_500_000]
    assert total(parts) == target.stat().st_size
    assert max(map(len, blocks(io.BytesIO(whole), parts))) == 1 << 20


def test_what_fails_leaves_nothing_behind(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"short")
    with pytest.raises(UnreadableMediaError):
        write(source, [Span(0, 100)], target)
    assert not target.exists()
    target.write_bytes(b"mine")
    with pytest.raises(OutputError) as caught:
        write(source, [Span(0, 3)], target)
    assert (caught.value.file, target.read_bytes()) == (str(target), b"mine")
    with pytest.raises(OutputError):
        write(source, [Span(0, 3)], tmp_path / "missing" / "b")
