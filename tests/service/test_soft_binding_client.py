"""The Soft Binding Resolution API, asked as somebody would who has only the specification.

Nothing of Labeler asks here: the client is the standard library, what it gets is held against the
specification's schemas as they are written down below, and the manifest is read by the C2PA
toolkit itself.
"""

from __future__ import annotations

import base64
import io
import json
import urllib.error
import urllib.parse
import urllib.request

import c2pa
import pytest

from labeler.credentials import SoftBinding
from labeler.registry import Scope
from tests.service.repositories import a_key, a_store

jsonschema_rs = pytest.importorskip("jsonschema_rs")

TEXT = {"type": "string"}
VERSION = {"type": "string", "pattern": r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"}
ALGORITHMS = {
    "type": "array",
    "items": {"type": "object", "required": ["alg"], "properties": {"alg": TEXT}},
}
RECEIPT = {
    "@context": {"type": ["object", "string"]},
    "@type": {"const": "org.c2pa.manifest-receipt"},
    "repository": {
        "type": "object",
        "additionalProperties": False,
        "required": ["uri", "manifestId"],
        "properties": {"uri": TEXT | {"format": "uri"}, "manifestId": TEXT},
    },
    "anchor": {
        "type": "object",
        "required": ["uri", "proof"],
        "properties": {"uri": TEXT | {"format": "uri"}, "proof": {"type": "object"}},
    },
}
# C2PA 2.5, Soft Binding Resolution API 2.4.0, components.schemas
SCHEMAS = {
    "c2pa.softBindingQueryResult": {
        "type": "object",
        "required": ["matches"],
        "properties": {
            "matches": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["manifestId"],
                    "properties": {
                        "manifestId": TEXT,
                        "endpoint": TEXT,
                        "similarityScore": {"type": "integer", "minimum": 0, "maximum": 100},
                    },
                },
            }
        },
    },
    "c2pa.manifestCreateResult": {
        "type": "object",
        "required": ["manifestId"],
        "properties": {
            "manifestId": TEXT,
            "receipt": {
                "type": "object",
                "additionalProperties": False,
                "required": list(RECEIPT),
                "properties": RECEIPT,
            },
        },
    },
    "c2pa.verifiedManifestReceipt": {
        "type": "object",
        "additionalProperties": False,
        "required": [*RECEIPT, "verified"],
        "properties": RECEIPT | {"verified": {"type": "boolean"}, "error": TEXT},
    },
    "c2pa.softBindingAlgList": {
        "type": "object",
        "properties": {"watermarks": ALGORITHMS, "fingerprints": ALGORITHMS},
    },
    "c2pa.serviceStatus": {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": ["ok", "degraded", "down"]},
            "timestamp": TEXT | {"format": "date-time"},
        },
    },
    "c2pa.serviceCapabilities": {
        "type": "object",
        "required": ["c2paSpecificationVersion", "supportedCapabilities"],
        "properties": {
            "c2paSpecificationVersion": VERSION,
            "supportedCapabilities": {"type": "array", "items": TEXT},
        },
    },
    "c2pa.wellKnownDiscovery": {
        "type": "object",
        "required": ["apiEndpoint", "c2paSpecificationVersion"],
        "properties": {
            "apiEndpoint": TEXT | {"format": "uri-reference"},
            "c2paSpecificationVersion": VERSION,
        },
    },
}


class Client:
    """Knows a host, and finds the rest."""

    def __init__(self, host: str, token: str) -> None:
        self.host, self.token = host, token
        found = self.ask("GET", "/.well-known/c2pa-soft-binding-resolution")
        discovery = self.checked(found, "c2pa.wellKnownDiscovery")
        self.host = urllib.parse.urljoin(host, discovery["apiEndpoint"])

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str):
        """Status, media type and body of an answer."""
        request = urllib.request.Request(self.host + path, body, method=method)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get_content_type(), error.read()

    def tell(self, method: str, path: str, members: object):
        return self.ask(
            method,
            path,
            json.dumps(members).encode(),
            Content_Type="application/json",
            Authorization=f"Bearer {self.token}",
        )

    @staticmethod
    def checked(answer, schema: str) -> dict:
        status, media_type, body = answer
        assert (status, media_type) == (200, "application/json"), body
        members = json.loads(body)
        jsonschema_rs.validator_for(SCHEMAS[schema], validate_formats=True).validate(members)
        return members


@pytest.fixture(scope="module")
def api(service, settings):
    token = a_key(settings, Scope.STORE_MANIFESTS, Scope.STORE_BINDINGS)["Authorization"]
    return Client(str(service.client.base_url).rstrip("/"), token.split()[1])


def matches(api: Client, value: bytes, algorithm: str) -> list[str]:
    query = urllib.parse.urlencode({"value": base64.b64encode(value), "alg": algorithm})
    found = api.ask("GET", f"/matches/byBinding?{query}")
    return [
        each["manifestId"] for each in api.checked(found, "c2pa.softBindingQueryResult")["matches"]
    ]


def test_the_service_tells_what_it_can_do(api):
    for path, schema in (
        ("/services/supportedAlgorithms", "c2pa.softBindingAlgList"),
        ("/services/status", "c2pa.serviceStatus"),
        ("/services/capabilities", "c2pa.serviceCapabilities"),
    ):
        api.checked(api.ask("GET", path), schema)


def test_a_stripped_file_leads_to_a_manifest_that_the_toolkit_reads(api, marked):
    found = api.ask("POST", "/matches/byContent", marked, Content_Type="image/png")
    (match, *_) = api.checked(found, "c2pa.softBindingQueryResult")["matches"]
    status, media_type, store = api.ask("GET", f"/manifests/{match['manifestId']}")
    assert (status, media_type) == (200, "application/c2pa")
    with c2pa.Reader("application/c2pa", io.BytesIO(store)) as reader:
        report = json.loads(reader.json())
    assert report["active_manifest"] == match["manifestId"]
    bindings = [
        each["data"]
        for each in report["manifests"][match["manifestId"]]["assertions"]
        if each["label"] == "c2pa.soft-binding"
    ]
    value = bindings[0]["blocks"][0]["value"]
    # What the assertion says is what the query wants, base64 around it.
    assert match["manifestId"] in matches(api, value.encode(), bindings[0]["alg"])


def test_a_manifest_is_stored_bound_moved_and_deleted(api, identity):
    stores = [a_store(identity, SoftBinding(algorithm="com.example.a", value="1")) for _ in "ab"]
    stored = []
    for each in stores:
        answer = api.ask(
            "POST",
            "/manifests?returnReceipt=true",
            each.store,
            Content_Type="application/c2pa",
            Authorization=f"Bearer {api.token}",
        )
        stored.append(api.checked(answer, "c2pa.manifestCreateResult"))
    one, two = (each["manifestId"] for each in stored)
    path = f"/manifests/{one}/receipts"
    api.checked(api.ask("GET", path), "c2pa.verifiedManifestReceipt")
    verified = api.tell("POST", path, stored[0]["receipt"])
    assert api.checked(verified, "c2pa.verifiedManifestReceipt")["verified"] is True
    value = base64.b64encode(b"\x00\xff moving").decode()
    for method, manifest_id in (("POST", one), ("PUT", two)):
        members = {"bindingValue": value, "manifestId": manifest_id}
        assert api.tell(method, "/bindings", members)[0] == 204
        assert matches(api, b"\x00\xff moving", "com.example.b") == [manifest_id]
    for each in (one, two):
        assert api.tell("DELETE", f"/manifests/{each}", {})[0] == 204
        assert api.ask("GET", f"/manifests/{each}")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/matches/byBinding", 400),
        ("GET", "/matches/byBinding?alg=a.b&value=A", 400),
        ("GET", "/matches/byBinding?alg=a.b&value=" + "A" * 4000, 414),
        ("POST", "/matches/byContent", 415),
        ("GET", "/manifests/urn:c2pa:none", 404),
        ("GET", "/manifests/urn:c2pa:none/receipts", 404),
        ("POST", "/manifests", 401),
        ("POST", "/bindings", 401),
        ("PUT", "/bindings", 401),
        ("DELETE", "/manifests/urn:c2pa:none", 401),
    ],
)
def test_what_cannot_be_answered_has_the_status_that_the_specification_names(
    api, method, path, status
):
    assert api.ask(method, path)[0] == status
