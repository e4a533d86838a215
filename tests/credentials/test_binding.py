"""The one verdict that Labeler gives itself: whether a large file has the hash in its manifest."""

import base64
import hashlib
import json

import pytest

from labeler.containers import bmff
from labeler.containers.splice import Span
from labeler.credentials._asset import MemoryAsset
from labeler.credentials._binding import Found, settled

HASHED = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
BINDING = {"name": "asset", "alg": "sha256", "hash": HASHED, "pad": []}
REPORT = {
    "validation_results": {
        "activeManifest": {
            "success": [{"code": "claimSignature.validated"}],
            "failure": [{"code": "assertion.dataHash.mismatch", "url": "self#a"}],
        }
    }
}


def settle(assertions, report=REPORT, *, excluded=None, data=b"content"):
    found = Found(data=b"store", excluded=excluded)
    return settled(report, assertions, found, MemoryAsset(data))


def test_only_a_hash_that_holds_turns_the_verdict():
    after = settle({"c2pa.hash.data": BINDING})
    verdict = after["validation_results"]["activeManifest"]
    assert [entry["code"] for entry in verdict["success"]] == [
        "claimSignature.validated",
        "assertion.dataHash.match",
    ]
    assert verdict["failure"] == []
    assert settle({"c2pa.hash.data": BINDING}, data=b"other") is REPORT
    hole = Span(3, 5)
    holed = BINDING | {"exclusions": [{"start": 3, "length": 2}]}
    after = settle({"c2pa.hash.data": holed}, excluded=hole, data=b"con--tent")
    assert after["validation_results"]["activeManifest"]["failure"] == []
    # Other failures stay.
    failure = [{"code": "timeStamp.untrusted"}, {"code": "assertion.dataHash.mismatch"}]
    report = {"validation_results": {"activeManifest": {"failure": failure}}}
    after = settle({"c2pa.hash.data": BINDING}, report)
    assert after["validation_results"]["activeManifest"]["failure"] == failure[:1]


@pytest.mark.parametrize(
    ("assertions", "excluded"),
    [
        ({}, None),
        ({"c2pa.hash.bmff.v3": BINDING}, None),
        ({"c2pa.hash.bmff": BINDING}, None),
        ({"c2pa.hash.data": BINDING, "c2pa.hash.data__1": BINDING}, None),
        ({"c2pa.hash.data": BINDING, "c2pa.hash.boxes": {}}, None),
        ({"c2pa.hash.data": BINDING | {"alg": "md5"}}, None),
        ({"c2pa.hash.data": BINDING | {"hash": "no base64"}}, None),
        ({"c2pa.hash.data": BINDING | {"url": "https://elsewhere"}}, None),
        ({"c2pa.hash.data": BINDING | {"exclusions": [{"start": 0, "length": 3}]}}, None),
        ({"c2pa.hash.data": BINDING}, Span(0, 3)),
        ({"c2pa.hash.data": BINDING | {"exclusions": [{"start": 1, "length": 3}]}}, Span(0, 3)),
    ],
)
def test_hashes_of_any_other_kind_are_the_toolkits_to_judge(assertions, excluded):
    assert settle(assertions, excluded=excluded) is None


@pytest.mark.parametrize("failures", [[], [{"code": "assertion.dataHash.mismatch"}] * 2])
def test_reports_of_any_other_kind_are_the_toolkits_to_make(failures):
    report = {"validation_results": {"activeManifest": {"failure": failures}}}
    assert settle({"c2pa.hash.data": BINDING}, report) is None


# -------------------------------------------------------------------------------------- box hashes

STORE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
OWN = {"xpath": "/uuid", "data": [{"offset": 8, "value": base64.b64encode(STORE).decode()}]}
FTYP, MDAT, FREE = (
    bmff.make_box(*each) for each in ((b"ftyp", b"isom"), (b"mdat", b"film"), (b"free", b".."))
)
BOX = bmff.make_box(b"uuid", STORE, b"manifest")
OTHER = bmff.make_box(b"uuid", bytes(16), b"something else")


def boxed(*parts, left_out=(FTYP, BOX)):
    """A file of boxes, and the hash of those that are not left out."""
    hasher, at = hashlib.sha256(), 0
    for part in parts:
        if part not in left_out:
            hasher.update(at.to_bytes(8, "big") + part)
        at += len(part)
    return b"".join(parts), base64.b64encode(hasher.digest()).decode()


def box_binding(value, *paths, **more):
    exclusions = [OWN, *({"xpath": path} for path in paths)]
    return {"alg": "sha256", "hash": value, "exclusions": exclusions} | more


BOX_REPORT = json.loads(json.dumps(REPORT).replace("dataHash", "bmffHash"))


def settle_boxes(binding, data, *, label="c2pa.hash.bmff.v3"):
    return settled(BOX_REPORT, {label: binding}, Found(data=b"store"), MemoryAsset(data))


@pytest.mark.parametrize("label", ["c2pa.hash.bmff.v2", "c2pa.hash.bmff.v3"])
def test_a_box_hash_counts_every_box_and_its_place(label):
    data, value = boxed(FTYP, BOX, FREE, MDAT, OTHER)
    binding = box_binding(value, "/ftyp", "/mfra")
    verdict = settle_boxes(binding, data, label=label)["validation_results"]["activeManifest"]
    assert verdict["success"][-1]["code"] == "assertion.bmffHash.match"
    assert verdict["failure"] == []
    for other in (
        (FTYP, BOX, MDAT, FREE, OTHER),
        (FTYP, BOX, FREE, MDAT, OTHER, FREE),
        (FTYP, BOX, FREE, MDAT),
        (FTYP, FREE, BOX, MDAT, OTHER),
        (FTYP, BOX, FREE, MDAT, OTHER.replace(b"else", b"more")),
    ):
        assert settle_boxes(binding, b"".join(other), label=label) is BOX_REPORT
    same = (FTYP.replace(b"isom", b"mp42"), BOX, FREE, MDAT, OTHER)  # the standard wants it so
    assert settle_boxes(binding, b"".join(same), label=label) is not BOX_REPORT


def test_what_the_toolkit_leaves_out_may_be_left_out():
    data, value = boxed(FTYP, BOX, FREE, MDAT, left_out=(FTYP, BOX, FREE))
    binding = box_binding(value, "/ftyp", "/mfra", "/free", "/skip")
    assert settle_boxes(binding, data) is not BOX_REPORT


@pytest.mark.parametrize(
    "change",
    [
        {"merkle": [{"count": 1}]},
        {"url": "https://elsewhere"},
        {"exclusions": []},
        {"exclusions": [{"xpath": "/ftyp"}]},
        {"exclusions": [OWN, {"xpath": "/mdat"}]},
        {"exclusions": [OWN, {"xpath": "/moov/udta"}]},
        {"exclusions": [OWN, {"xpath": "ftyp"}]},
        {"exclusions": [OWN, {"xpath": 1}]},
        {"exclusions": [OWN, {"xpath": "/free", "subset": [{"offset": 0, "length": 1}]}]},
        {"exclusions": [OWN | {"data": [{"offset": 8, "value": ""}]}]},
        {"exclusions": [{"xpath": "/uuid"}]},
        {"exclusions": [OWN, OWN | {"length": 3}]},
    ],
)
def test_box_hashes_that_leave_out_more_are_the_toolkits_to_judge(change):
    data, value = boxed(FTYP, BOX, MDAT)
    assert settle_boxes(box_binding(value, "/ftyp"), data) is not None
    assert settle_boxes(box_binding(value, "/ftyp") | change, data) is None


@pytest.mark.parametrize("rest", [b"\0", b"\0\0\0\0mdat", b"\0\0\0\x40mdat"])
def test_files_whose_boxes_do_not_tell_are_the_toolkits_to_judge(rest):
    data, value = boxed(FTYP, BOX, MDAT)
    assert settle_boxes(box_binding(value, "/ftyp"), data + rest) is None
