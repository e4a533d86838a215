import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.provenance import SourceType, Track
from labeler.receipt import (
    Layer,
    LayerOutcome,
    MarkReading,
    Receipt,
    read_short_payload,
    write_short_payload,
)

RECEIPT = Receipt(
    receipt_id="5f0c",
    created_at=datetime(2026, 11, 21, 12, 30, tzinfo=UTC),
    target="/out/ä.png",
    sidecar=None,
    media_type="image/png",
    source_sha256="ab" * 32,
    target_sha256="cd" * 32,
    source_type=SourceType.COMPOSITE_SYNTHETIC,
    payload=Payload(origin=Origin.COMPOSITE, handle=Handle(3, 42)),
    key_id="0123456789abcdef",
    manifest_id="urn:c2pa:1",
    layers=(
        LayerOutcome(
            layer=Layer.WATERMARK,
            present=True,
            p_value=1e-99,
            psnr_db=45.25,
            legibility={"jpeg_30": 1.5},
        ),
        LayerOutcome(layer=Layer.METADATA, present=False, reason="it was allowed"),
    ),
)


def test_the_schema_is_the_documented_one():
    assert json.loads(RECEIPT.to_json()) == {
        "schema": 1,
        "receipt_id": "5f0c",
        "created_at": "2026-11-21T12:30:00+00:00",
        "target": "/out/ä.png",
        "sidecar": None,
        "media_type": "image/png",
        "source_sha256": "ab" * 32,
        "target_sha256": "cd" * 32,
        "source_type": "compositeSynthetic",
        "payload": {"version": 1, "origin": "composite", "handle": "0003-0000002a"},
        "key_id": "0123456789abcdef",
        "manifest_id": "urn:c2pa:1",
        "layers": [
            {
                "layer": "watermark",
                "present": True,
                "tracks": [],
                "p_value": 1e-99,
                "readings": [],
                "psnr_db": 45.25,
                "legibility": {"jpeg_30": 1.5},
                "snr_db": None,
                "reason": None,
            },
            {
                "layer": "metadata",
                "present": False,
                "tracks": [],
                "p_value": None,
                "readings": [],
                "psnr_db": None,
                "legibility": None,
                "snr_db": None,
                "reason": "it was allowed",
            },
        ],
        "decision_id": None,
        "labels": [],
    }


def test_what_is_written_is_read():
    assert Receipt.from_json(RECEIPT.to_json()) == RECEIPT


def test_tracks_are_written_and_read():
    marked = LayerOutcome(layer=Layer.WATERMARK, present=True, tracks=tuple(Track))
    receipt = replace(RECEIPT, layers=(marked,))
    assert json.loads(receipt.to_json())["layers"][0]["tracks"] == ["visual", "audio"]
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_what_each_key_read_is_written_and_read():
    readings = (
        MarkReading(key_id="0123456789abcdef", p_value=1e-99, track=Track.AUDIO),
        MarkReading(key_id=PUBLIC_KEY.key_id, p_value=1e-12),
    )
    marked = LayerOutcome(layer=Layer.WATERMARK, present=True, p_value=1e-99, readings=readings)
    receipt = replace(RECEIPT, layers=(marked,))
    assert json.loads(receipt.to_json())["layers"][0]["readings"] == [
        {"key_id": "0123456789abcdef", "p_value": 1e-99, "track": "audio"},
        {"key_id": "edd4944525509b8f", "p_value": 1e-12, "track": None},
    ]
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_receipts_from_before_there_was_sound_are_read():
    members = json.loads(RECEIPT.to_json())
    for layer in members["layers"]:
        del layer["snr_db"], layer["tracks"], layer["readings"]
    assert Receipt.from_json(json.dumps(members)) == RECEIPT


def test_short_payloads_are_read_as_they_are_written():
    short = ShortPayload.of(RECEIPT.payload)
    written = json.loads(json.dumps(write_short_payload(short)))
    assert written == {"origin": "composite", "tag": short.tag}
    assert read_short_payload(written) == short
    for wrong in ({}, {"origin": "x", "tag": 1}, {"origin": "composite", "tag": 1 << 16}):
        with pytest.raises((KeyError, ValueError)):
            read_short_payload(wrong)


def test_times_are_written_in_utc():
    elsewhere = RECEIPT.created_at.astimezone(timezone(timedelta(hours=5)))
    members = json.loads(RECEIPT.to_json()) | {"created_at": elsewhere.isoformat()}
    assert Receipt.from_json(json.dumps(members)).to_json() == RECEIPT.to_json()


def test_what_is_missing_is_told_with_its_reason():
    assert [outcome.reason for outcome in RECEIPT.missing] == ["it was allowed"]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"source_type": "guess"},
        {"payload": {"version": 1, "origin": "x", "handle": "0003-0000002a"}},
        {"payload": {"version": 1, "origin": "composite", "handle": "3-42"}},
        {"payload": 7},
        {"layers": None},
        {"created_at": "yesterday"},
    ],
)
def test_what_is_no_receipt_is_refused(change):
    with pytest.raises(ValueError, match=r"."):
        Receipt.from_json(json.dumps(json.loads(RECEIPT.to_json()) | change))
