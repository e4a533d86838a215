"""Manifest stores as boxes, against what the toolkit makes and reads."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeler.credentials import Integrity, Parent, TrustStore, describe, read_store, sign
from labeler.credentials.stores import labels_of, only_manifest
from labeler.errors import CredentialError
from labeler.media.formats import MediaType
from labeler.provenance import Provenance, SourceType


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def stores(identity):
    """A store of one manifest, and one that has it as its parent."""
    now = datetime.now(UTC)
    plain = describe(Provenance(source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA), now=now)
    first = sign(picture(), MediaType.PNG, plain, identity)
    edited = describe(
        Provenance(source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA),
        now=now,
        with_parent=True,
    )
    parent = Parent(data=first.data, media_type=MediaType.PNG)
    return first, sign(picture(), MediaType.PNG, edited, identity, parent=parent)


def test_the_active_manifest_is_the_last(stores):
    first, second = stores
    assert labels_of(first.store) == (first.manifest_id,)
    assert labels_of(second.store) == (first.manifest_id, second.manifest_id)


def test_one_manifest_alone_is_a_store_whose_signature_holds(stores):
    first, second = stores
    assert only_manifest(first.store, first.manifest_id) == first.store
    for each in (first, second):
        alone = only_manifest(second.store, each.manifest_id)
        assert labels_of(alone) == (each.manifest_id,)
        assert read_store(alone, trust=TrustStore()).manifest_id == each.manifest_id
    assert only_manifest(second.store, first.manifest_id) == first.store
    assert read_store(first.store, trust=TrustStore()).integrity is Integrity.UNBOUND


def test_a_manifest_that_is_not_there_is_told(stores):
    with pytest.raises(CredentialError, match="no manifest of that label"):
        only_manifest(stores[0].store, "urn:c2pa:other")


def test_what_is_no_store_is_told(stores):
    good = stores[1].store
    longer = (len(good) + 8).to_bytes(4, "big") + good[4:] + b"\x00\x00\x00\x08free"
    inner = good[8:]
    for data in (
        b"",
        b"\x00",
        good[:-1],
        good + b"x",
        good + good,
        longer,
        inner,
        b"\x00\x00\x00\x00" + good[4:],
        b"\x00\x00\x00\x01" + good[4:],
        b"\x00\x00\x00\x08jumb",
        good.replace(b"c2pa\x00", b"c2pb\x00", 1)[:4] + b"free" + good[8:],
    ):
        with pytest.raises(CredentialError):
            labels_of(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_store_or_an_error(data):
    try:
        labels_of(data)
    except CredentialError:
        return
    assert data[4:8] == b"jumb"


@given(data=st.data())
def test_a_changed_store_is_a_store_or_an_error(stores, data):
    good = bytearray(stores[1].store)
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        labels = labels_of(bytes(good))
    except CredentialError:
        return
    for each in labels:
        assert each in labels_of(only_manifest(bytes(good), each))
