import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.requests import Request, pack_request, unpack_request
from labeler.codec.keys import Key
from labeler.errors import UnreadableMediaError
from labeler.media.content import Content

SIDECARS = st.none() | st.binary(max_size=50)


def travel(content, sidecar):
    """What arrives on the other side of the pipe, and how many bytes went through it."""
    key = Key.generate()
    sent = Request(content=content, sidecar=sidecar, text_log_key=key)
    assert key.secret.hex() not in repr(sent)
    header, body = pack_request(sent)
    arrived = unpack_request(json.loads(json.dumps(header)), body)
    assert (arrived.content.name, arrived.sidecar) == (content.name, sidecar)
    assert arrived.text_log_key == key
    return arrived.content, len(body)


@given(data=st.binary(max_size=100), name=st.text(), sidecar=SIDECARS)
def test_what_is_in_memory_travels_with_the_message(data, name, sidecar):
    arrived, sent = travel(Content(data, name), sidecar)
    assert arrived.data == data
    assert sent == len(data) + len(sidecar or b"")


@pytest.mark.parametrize("sidecar", [None, b"", b"store"])
@pytest.mark.parametrize("name", ["a b.wav", "caf\udce9.wav"])
def test_what_is_on_disk_travels_by_its_path_and_is_checked_there(tmp_path, name, sidecar):
    path = tmp_path / name
    path.write_bytes(b"sound" * 100)
    arrived, sent = travel(Content.of_file(path, name), sidecar)
    assert arrived.data == b"sound" * 100
    assert arrived.path is None
    assert sent == len(sidecar or b"")
    path.write_bytes(b"other")
    with pytest.raises(UnreadableMediaError, match="changed"):
        _ = arrived.local_path
