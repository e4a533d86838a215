"""What is asked for: read strictly, whatever strangers write."""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import asdict, fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.aigc import AigcLabel
from labeler.provenance import HumanOversight, Provenance, SourceType, Track
from labeler.serving.channel import Channel, ClosedError
from labeler.serving.orders import StampOrder, parse_order, parse_provenance
from labeler.serving.problems import Refused

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NAMES = st.sampled_from([field.name for field in fields(Provenance)]) | st.text(max_size=10)
TEXTS = st.text(max_size=50) | st.dictionaries(NAMES, VALUES, max_size=4).map(json.dumps)


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "provenance": TEXTS,
            "facts": TEXTS,
            "allow_missing": st.text(max_size=20),
            "already_marked": st.text(max_size=8) | st.just("keep"),
        },
    ),
    name=st.text(max_size=30),
)
def test_whatever_is_written_is_an_order_or_refused(fields, name):
    try:
        order = parse_order(fields, name=name)
    except Refused as refused:
        assert 400 <= refused.status < 500  # noqa: PT017 - it may be refused, and need not be
        json.dumps(refused.members).encode()
        return
    assert isinstance(parse_provenance(order.provenance), Provenance)
    # It goes to another process as JSON, and is the same there.
    there = json.loads(json.dumps(asdict(order)))
    assert parse_provenance(there["provenance"]) == parse_provenance(order.provenance)
    assert "/" not in order.suffix


def test_every_claim_of_the_library_can_be_made():
    claims = Provenance(
        source_type=SourceType.COMPOSITE_SYNTHETIC,
        generator="g",
        generator_version="1",
        model_identifier="pkg:x",
        human_oversight=HumanOversight.HUMAN_VALIDATED,
        created_at=datetime(2026, 8, 2, tzinfo=UTC),
        title="t",
        prompt="p",
        prompt_writer="w",
        synthetic_tracks=frozenset({Track.AUDIO}),
        aigc=AigcLabel(content_producer="1", produce_id="2"),
        disclosure="d",
    )
    written = json.loads(claims.to_json()) | {"created_at": claims.created_at.isoformat()}
    assert parse_provenance(written) == claims
    assert all(getattr(claims, field.name) is not None for field in fields(Provenance))


def test_a_member_that_is_there_twice_is_no_claim():
    with pytest.raises(Refused) as caught:
        parse_order({"provenance": '{"generator": "a", "generator": "b"}'}, name="a.png")
    assert caught.value.kind == "claims"


def test_the_digest_of_an_order_is_over_all_of_it():
    order = StampOrder(
        suffix=".png", provenance={"title": "t"}, facts=None, allow_missing=None,
        already_marked="refuse",
    )  # fmt: skip
    others = [
        {"suffix": ".jpg"}, {"provenance": {}}, {"facts": {}}, {"allow_missing": ("watermark",)},
        {"already_marked": "keep"},
    ]  # fmt: skip
    digests = {StampOrder(**{**asdict(order), **other}).digest("0") for other in others}
    assert len(digests | {order.digest("0"), order.digest("1")}) == 7


@pytest.fixture
def channels():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), Channel(theirs)


def test_a_file_without_a_name_goes_to_the_other_side(channels, tmp_path):
    one, other = channels
    path = tmp_path / "a"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        path.unlink()
        message = {"a": "é" * 100_000}  # more than goes into a socket at once
        sending = threading.Thread(target=one.send, args=(message, [file.fileno()]))
        sending.start()
        members, (descriptor,) = other.receive(seconds=5)
        sending.join()
    assert members == {"a": "é" * 100_000}
    assert not os.get_inheritable(descriptor)
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == b"content"


@pytest.mark.parametrize(
    "sent", [b"", b"\0", b"\0\0\0\5ab", b"\0\0\0\2[]", b"\0\0\0\1{", b"\xff" * 9]
)
def test_what_cannot_be_understood_ends_a_channel(sent):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ClosedError):
            Channel(ours).receive(seconds=5)
        with pytest.raises(TimeoutError):
            Channel(theirs).receive(seconds=0.01)
