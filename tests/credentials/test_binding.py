"""The one verdict that Labeler gives itself: whether a large file has the hash in its manifest."""

import base64
import hashlib

import pytest

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
