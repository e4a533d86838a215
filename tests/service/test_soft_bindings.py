"""The C2PA Soft Binding Resolution API: what the specification asks for, and what strangers try."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest
from PIL import Image

from detectors.binding_values import encode_value
from detectors.resolver import Resolver
from detectors.service import ServiceLimits, create_app
from labeler.codec.payload import Handle, Origin, Payload
from labeler.credentials import (
    SoftBinding,
    TrustStore,
    create_development_identity,
    load_development_identity,
    read_store,
)
from labeler.registry import Registry, RegistryReader, Scope
from tests.service.repositories import BASE, STORE_TYPE, Stored, a_key, a_store, store
from tests.service.serving import serving

UNKNOWN = "urn:c2pa:00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def key(settings):
    return a_key(settings, Scope.STORE_MANIFESTS, Scope.STORE_BINDINGS)


@pytest.fixture(scope="module")
def stranger(settings):
    return a_key(settings, Scope.STORE_MANIFESTS, Scope.STORE_BINDINGS)


@pytest.fixture(scope="module")
def client(service):
    return service.client


@pytest.fixture(scope="module")
def ours(settings) -> Stored:
    """The manifest of the picture that this machine stamped."""
    reader = RegistryReader.of(settings)
    output = (settings.home.parent / "out" / "one.png").read_bytes()
    (receipt,) = reader.find_output(hashlib.sha256(output).hexdigest())
    found = reader.manifest_of(receipt.receipt_id)
    reader.close()
    return Stored(found.manifest_id, found.store)


def binding_of(stored: Stored) -> SoftBinding:
    return read_store(stored.store, trust=TrustStore()).soft_bindings[0]


def ask(client, value: str, algorithm: str = "com.example.mark.1", **more) -> httpx.Response:
    given = {"value": encode_value(value), "alg": algorithm} | more
    return client.get(f"{BASE}/matches/byBinding", params=given)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["manifestId"] for each in answer.json()["matches"]]


def kind(answer: httpx.Response) -> str:
    body = answer.json()
    assert body["schema"] == 1
    assert set(body["error"]) == {"kind", "problem", "hint", "file"}
    return body["error"]["kind"]


def stripped(data: bytes) -> bytes:
    """A picture without its metadata, as JPEG."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


# ----------------------------------------------------------------------------------------- queries


def test_a_watermark_leads_to_the_manifest_of_its_output(client, ours):
    binding = binding_of(ours)
    answer = ask(client, binding.value, binding.algorithm)
    assert answer.json() == {"matches": [{"manifestId": ours.manifest_id}]}
    fetched = client.get(f"{BASE}/manifests/{ours.manifest_id}")
    assert fetched.headers["content-type"] == STORE_TYPE
    assert fetched.content == ours.store


def test_the_value_in_the_document_is_the_one_that_is_asked_for():
    payload = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))
    assert encode_value(SoftBinding.for_payload(payload).value) == "MTEwMDA3ZGVhZGJlZWY="


def test_our_own_client_asks_it(service, ours):
    resolver = Resolver(f"http://127.0.0.1:{service.address[1]}{BASE}")
    (found,) = resolver.find(binding_of(ours))
    assert resolver.fetch(found) == ours.store
    assert resolver.fetch(UNKNOWN) is None


def test_another_algorithm_is_another_question(client, ours):
    assert ids(ask(client, binding_of(ours).value, "ai.labeler.patchwork.1")) == []


def test_a_value_may_go_into_the_body(client, ours):
    binding = binding_of(ours)
    members = {"value": encode_value(binding.value), "alg": binding.algorithm}
    answer = client.post(f"{BASE}/matches/byBinding", json=members)
    assert ids(answer) == [ours.manifest_id]
    members["value"] = encode_value("x" * 20_000)
    assert ids(client.post(f"{BASE}/matches/byBinding", json=members)) == []


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("", 400, "bad-request"),
        ("?alg=a.b", 400, "bad-request"),
        ("?value=AAAA", 400, "bad-request"),
        ("?value=AAAA&alg=", 400, "bad-request"),
        ("?value=AAAA&alg=a%20b", 400, "bad-request"),
        ("?value=AAAA&alg=a%00b", 400, "bad-request"),
        ("?value=&alg=a.b", 400, "bad-value"),
        ("?value=A&alg=a.b", 400, "bad-value"),
        ("?value=%C3%A9&alg=a.b", 400, "bad-value"),
        ("?value=AB==&alg=a.b", 400, "bad-value"),
        ("?value=AAAA&alg=a.b&maxResults=0", 400, "bad-request"),
        ("?value=AAAA&alg=a.b&maxResults=-1", 400, "bad-request"),
        ("?value=AAAA&alg=a.b&maxResults=many", 400, "bad-request"),
        ("?value=AAAA&alg=a.b&maxResults=1.5", 400, "bad-request"),
        ("?value=AAAA&alg=a.b&maxResults=" + "9" * 5000, 400, "bad-request"),
        ("?alg=a.b&value=" + "A" * 2052, 414, "query-too-long"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(client, query, status, told):
    answer = client.get(f"{BASE}/matches/byBinding{query}")
    assert answer.status_code == status
    assert kind(answer) == told


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"{}"}, 415),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"[" * 5000, "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": []}, 400),
        ({"json": {"value": "AAAA"}}, 400),
        ({"json": {"value": 1, "alg": "a.b"}}, 400),
        ({"json": {"value": None, "alg": "a.b"}}, 400),
        ({"json": {"value": "\ud800", "alg": "a.b"}}, 400),
        ({"json": {"value": "AAAA", "alg": "\ud800"}}, 400),
        ({"json": {"value": "AAAA", "alg": "a" * 300}}, 400),
        ({"content": b" " * 70_000, "headers": {"Content-Type": "application/json"}}, 413),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(client, request_, status):
    if "json" in request_:
        request_ = {
            "content": json.dumps(request_["json"]).encode(),
            "headers": {"Content-Type": "application/json; charset=utf-8"},
        }
    answer = client.post(f"{BASE}/matches/byBinding", **request_)
    assert answer.status_code == status, answer.text
    assert kind(answer)


def test_a_file_without_metadata_leads_to_its_manifest(client, marked, ours):
    for data, media_type in ((stripped(marked), "image/jpeg"), (marked, "image/png")):
        answer = client.post(
            f"{BASE}/matches/byContent", content=data, headers={"Content-Type": media_type}
        )
        assert ids(answer)[0] == ours.manifest_id


def test_a_file_may_come_as_a_form_too(client, marked, ours):
    answer = client.post(
        f"{BASE}/matches/byContent", files={"file": ("a.jpg", stripped(marked), "image/jpeg")}
    )
    assert ids(answer)[0] == ours.manifest_id


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/matches/byBinding", {"GET", "POST"}),
        ("/manifests/x", {"GET", "DELETE"}),
        ("/manifests/x/receipts", {"GET", "POST"}),
        ("/bindings", {"POST", "PUT"}),
        ("/manifests", {"POST"}),
    ],
)
def test_another_method_is_told_which_there_are(client, path, allowed):
    answer = client.patch(f"{BASE}{path}")
    assert answer.status_code == 405
    assert kind(answer) == "not-allowed"
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_what_is_looked_for_in_a_file_can_be_narrowed(client, marked, ours):
    def of(query: str) -> list[str]:
        return ids(
            client.post(
                f"{BASE}/matches/byContent{query}",
                content=stripped(marked),
                headers={"Content-Type": "image/jpeg"},
            )
        )

    assert ours.manifest_id in of("?alg=ai.labeler.tile.1")
    assert of("?alg=com.example.mark.1") == []
    assert len(of("?maxResults=1")) == 1


def test_a_hint_is_looked_for_beside_the_file(client, unmarked, key, identity):
    stored = a_store(identity, SoftBinding(algorithm="com.example.mark.1", value="hint"))
    assert store(client, key, stored.store).status_code == 200
    query = f"?hintAlg=com.example.mark.1&hintValue={encode_value('hint')}"
    headers = {"Content-Type": "image/png"}
    answer = client.post(f"{BASE}/matches/byContent{query}", content=unmarked, headers=headers)
    assert ids(answer) == [stored.manifest_id]
    for one in ("?hintAlg=a.b", "?hintValue=AAAA"):
        answer = client.post(f"{BASE}/matches/byContent{one}", content=unmarked, headers=headers)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("data", "media_type", "status"),
    [
        (b"\x7fELF" + bytes(100), "application/octet-stream", 415),
        (b"", "image/png", 415),
        (b"x", "", 415),
        (b"x", "multipart/form-data; boundary=x", 400),
        (b"x", "message/rfc822", 415),
        (b"x", "image", 415),
        (b"solid x", "model/stl", 415),
        (b"\xff\xd8\xff\xe0" + bytes(50), "image/jpeg", 400),
    ],
)
def test_what_is_no_file_of_a_known_type_is_refused(client, data, media_type, status):
    answer = client.post(
        f"{BASE}/matches/byContent", content=data, headers={"Content-Type": media_type}
    )
    assert answer.status_code == status, answer.text
    assert kind(answer)


def test_a_text_is_what_its_type_says(client):
    answer = client.post(
        f"{BASE}/matches/byContent",
        content=b"Nobody has marked these words in any way.",
        headers={"Content-Type": "text/plain; charset=utf-8"},
    )
    assert ids(answer) == []


def test_references_are_offered_only_where_files_are_fetched(client):
    answer = client.post(f"{BASE}/matches/byReference", json={})
    assert answer.status_code == 404


# ----------------------------------------------------------------------------------------- storing


def test_a_manifest_is_stored_found_fetched_and_deleted(client, key, identity):
    binding = SoftBinding(algorithm="com.example.mark.1", value="round trip")
    stored = a_store(identity, binding)
    answer = store(client, key, stored.store)
    assert answer.json() == {"manifestId": stored.manifest_id, "trust": "trusted"}
    assert ids(ask(client, "round trip")) == [stored.manifest_id]
    path = f"{BASE}/manifests/{stored.manifest_id}"
    assert client.get(path).content == stored.store
    gone = client.delete(path, headers=key)
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get(path).status_code == 404
    assert client.delete(path, headers=key).status_code == 404
    assert ids(ask(client, "round trip")) == []


def test_storing_again_changes_nothing(client, key, stranger, identity):
    stored = a_store(identity)
    for each in (key, key, stranger):
        assert store(client, each, stored.store).json()["manifestId"] == stored.manifest_id
    path = f"{BASE}/manifests/{stored.manifest_id}"
    assert client.delete(path, headers=stranger).status_code == 403


def test_many_store_the_same_at_once(service, key, identity):
    stored = a_store(identity, SoftBinding(algorithm="com.example.mark.1", value="at once"))

    def work(_):
        with httpx.Client(base_url=str(service.client.base_url), timeout=60) as client:
            return store(client, key, stored.store)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(work, range(12)))
    assert {each.status_code for each in answers} == {200}, [each.text for each in answers]
    assert ids(ask(service.client, "at once")) == [stored.manifest_id]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: b"", "invalid-manifest"),
        (lambda data: b"softbinding-fixture", "invalid-manifest"),
        (lambda data: data[:-200], "invalid-manifest"),
        (lambda data: data.replace(b"Labeler", b"Mislead"), "invalid-manifest"),
        (lambda data: data.replace(b"c2pa.created", b"c2pa.creaked"), "invalid-manifest"),
        (lambda data: b"\x00\x00\xff\xff" + data[4:], "invalid-manifest"),
        (lambda data: data + b"<script>", "invalid-manifest"),
        (lambda data: longer(data, b"\x00\x00\x00\x10free12345678"), "invalid-manifest"),
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(client, key, identity, change, told):
    answer = store(client, key, change(a_store(identity).store))
    assert answer.status_code == 400, answer.text
    assert kind(answer) == told


def longer(data: bytes, box: bytes) -> bytes:
    """A store with a box more."""
    return (int.from_bytes(data[:4], "big") + len(box)).to_bytes(4, "big") + data[4:] + box


def test_another_manifest_under_a_label_is_a_conflict(client, key, settings, identity):
    stored = a_store(identity)
    registry = Registry.of(settings)
    registry.store_manifest(stored.manifest_id, b"another")
    registry.close()
    answer = store(client, key, stored.store)
    assert answer.status_code == 409
    assert kind(answer) == "conflict"
    assert client.get(f"{BASE}/manifests/{stored.manifest_id}").content == b"another"


def test_a_stranger_may_sign_but_nobody_vouches_for_it(client, key, tmp_path):
    create_development_identity(tmp_path, now=datetime.now(UTC))
    other = load_development_identity(tmp_path)
    answer = store(client, key, a_store(other).store)
    assert answer.status_code == 200
    assert answer.json()["trust"] == "untrusted"


def test_a_store_that_is_too_large_or_no_store_is_refused(client, key, identity):
    data = a_store(identity).store
    for media_type in ("application/json", "", "image/png"):
        headers = key | {"Content-Type": media_type}
        answer = client.post(f"{BASE}/manifests", content=data, headers=headers)
        assert answer.status_code == 415
    answer = store(client, key, bytes((32 << 20) + 1))
    assert answer.status_code == 413
    assert store(client, key, data, query="?returnReceipt=perhaps").status_code == 400


def test_a_large_store_passes(client, key, identity):
    stored = a_store(identity, title="x" * 1_000_000)
    assert len(stored.store) > 1_000_000
    assert store(client, key, stored.store).status_code == 200
    assert client.get(f"{BASE}/manifests/{stored.manifest_id}").content == stored.store


def test_only_those_with_a_key_for_it_store(client, settings, identity, ours):
    data = a_store(identity).store
    reading = a_key(settings, Scope.FETCH_MANIFESTS)
    for given, status in (
        ({}, 401),
        ({"Authorization": "Bearer not-a-real-token"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        (reading, 403),
    ):
        answers = [
            store(client, given, data),
            client.delete(f"{BASE}/manifests/{ours.manifest_id}", headers=given),
            client.post(f"{BASE}/bindings", json={}, headers=given),
            client.put(f"{BASE}/bindings", json={}, headers=given),
        ]
        assert {each.status_code for each in answers} == {status}
        assert all(each.headers["www-authenticate"].startswith("Bearer") for each in answers)


def test_what_this_machine_stamped_nobody_changes_over_the_network(client, key, ours, identity):
    path = f"{BASE}/manifests/{ours.manifest_id}"
    assert client.delete(path, headers=key).status_code == 403
    value = encode_value(binding_of(ours).value)
    members = {"bindingValue": value, "manifestId": ours.manifest_id}
    assert client.post(f"{BASE}/bindings", json=members, headers=key).status_code == 403
    mine = a_store(identity)
    store(client, key, mine.store)
    members = {"bindingValue": value, "manifestId": mine.manifest_id}
    assert client.put(f"{BASE}/bindings", json=members, headers=key).status_code == 403
    # One may say that a mark leads to one's own manifest too; ours comes first.
    assert client.post(f"{BASE}/bindings", json=members, headers=key).status_code == 204
    binding = binding_of(ours)
    assert ids(ask(client, binding.value, binding.algorithm)) == [
        ours.manifest_id,
        mine.manifest_id,
    ]
    assert client.delete(f"{BASE}/manifests/{mine.manifest_id}", headers=key).status_code == 204


# ---------------------------------------------------------------------------------------- bindings


def test_a_value_leads_to_a_manifest_and_then_to_another(client, key, identity):
    first, second = a_store(identity), a_store(identity)
    for each in (first, second):
        store(client, key, each.store)
    raw = bytes(range(200, 216))
    value = base64.b64encode(raw).decode()
    members = {"bindingValue": value, "manifestId": first.manifest_id}
    assert client.put(f"{BASE}/bindings", json=members, headers=key).status_code == 404
    for _ in range(2):
        assert client.post(f"{BASE}/bindings", json=members, headers=key).status_code == 204
    query = {"value": value, "alg": "com.example.any"}
    assert ids(client.get(f"{BASE}/matches/byBinding", params=query)) == [first.manifest_id]
    members["manifestId"] = second.manifest_id
    assert client.put(f"{BASE}/bindings", json=members, headers=key).status_code == 204
    assert ids(client.get(f"{BASE}/matches/byBinding", params=query)) == [second.manifest_id]
    query["value"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert ids(client.get(f"{BASE}/matches/byBinding", params=query)) == [second.manifest_id]


def test_a_binding_keeps_its_algorithm_when_it_moves(client, key, identity):
    first = a_store(identity, SoftBinding(algorithm="com.example.mark.1", value="moving"))
    second = a_store(identity)
    for each in (first, second):
        store(client, key, each.store)
    members = {"bindingValue": encode_value("moving"), "manifestId": second.manifest_id}
    assert client.put(f"{BASE}/bindings", json=members, headers=key).status_code == 204
    assert ids(ask(client, "moving")) == [second.manifest_id]
    assert ids(ask(client, "moving", "com.example.other")) == []


def test_nobody_binds_what_somebody_else_stored(client, key, stranger, identity):
    mine, theirs = a_store(identity), a_store(identity)
    store(client, key, mine.store)
    store(client, stranger, theirs.store)
    members = {"bindingValue": encode_value("theirs"), "manifestId": theirs.manifest_id}
    assert client.post(f"{BASE}/bindings", json=members, headers=key).status_code == 403
    assert client.post(f"{BASE}/bindings", json=members, headers=stranger).status_code == 204
    members["manifestId"] = mine.manifest_id
    assert client.put(f"{BASE}/bindings", json=members, headers=key).status_code == 403
    assert ids(ask(client, "theirs")) == [theirs.manifest_id]


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"manifestId": UNKNOWN}, 400),
        ({"bindingValue": "AAAA"}, 400),
        ({"bindingValue": "not base64!", "manifestId": UNKNOWN}, 400),
        ({"bindingValue": "AAAA", "manifestId": UNKNOWN}, 404),
        ({"bindingValue": "AAAA", "manifestId": "a\u0000b"}, 400),
        ({"bindingValue": encode_value("x" * 1025), "manifestId": UNKNOWN}, 400),
    ],
)
def test_a_binding_that_makes_no_sense_is_refused(client, key, members, status):
    for method in ("POST", "PUT"):
        answer = client.request(method, f"{BASE}/bindings", json=members, headers=key)
        assert answer.status_code == status
        assert kind(answer)


# --------------------------------------------------------------------------- manifests, receipts


@pytest.mark.parametrize(
    "manifest_id", [UNKNOWN, "x", "urn:c2pa:%00", "a%20b", "%F0%9F%98%80", "x" * 300, "%ED%A0%80"]
)
def test_an_unknown_manifest_is_a_404(client, manifest_id):
    for path in (f"{BASE}/manifests/{manifest_id}", f"{BASE}/manifests/{manifest_id}/receipts"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert kind(answer) == "not-found"


def test_the_active_manifest_may_come_alone(client, ours):
    path = f"{BASE}/manifests/{ours.manifest_id}"
    alone = client.get(path, params={"returnActiveManifest": "true"}).content
    reading = read_store(alone, trust=TrustStore())
    assert reading.manifest_id == ours.manifest_id
    assert client.get(path, params={"returnActiveManifest": "1"}).status_code == 400


def test_a_receipt_is_retrievable_and_verifies(client, key, identity):
    stored = a_store(identity)
    answer = store(client, key, stored.store, query="?returnReceipt=true").json()
    receipt = answer["receipt"]
    assert receipt["@type"] == "org.c2pa.manifest-receipt"
    assert receipt["repository"]["manifestId"] == stored.manifest_id
    path = f"{BASE}/manifests/{stored.manifest_id}/receipts"
    kept = client.get(path).json()
    assert kept.pop("verified") is True
    for each in (receipt, kept):
        told = client.post(path, json=each)
        assert told.status_code == 200
        assert told.json() == each | {"verified": True}


def test_a_receipt_names_the_socket_and_not_what_a_request_calls_the_host(client, ours):
    path = f"{BASE}/manifests/{ours.manifest_id}/receipts"
    told = client.get(path, headers={"Host": "evil.example"}).json()
    assert told["repository"]["uri"].startswith("http://127.0.0.1:")


def _with(receipt, *path, value):
    receipt = json.loads(json.dumps(receipt))
    inner = receipt
    for each in path[:-1]:
        inner = inner[each]
    inner[path[-1]] = value
    return receipt


def test_a_receipt_that_was_changed_does_not_hold(client, key, identity, ours):
    stored, other = a_store(identity), a_store(identity)
    receipts = [
        store(client, key, each.store, query="?returnReceipt=true").json()["receipt"]
        for each in (stored, other)
    ]
    path = f"{BASE}/manifests/{stored.manifest_id}/receipts"
    mine, foreign = receipts
    proof = mine["anchor"]["proof"]
    changed = [
        foreign,
        _with(foreign, "repository", "manifestId", value=stored.manifest_id),
        _with(mine, "repository", "uri", value="https://other.example"),
        _with(mine, "anchor", "proof", value={}),
        _with(mine, "anchor", "proof", value={**proof, "alg": "none"}),
        _with(mine, "anchor", "proof", value={**proof, "signature": proof["signature"][:-4]}),
        _with(mine, "anchor", "proof", value={**proof, "payload": "e30"}),
        _with(mine, "anchor", "proof", value={**proof, "payload": 7}),
    ]
    for each in changed:
        told = client.post(path, json=each)
        assert told.status_code == 200
        assert told.json()["verified"] is False
        assert told.json()["error"]


def test_what_is_no_receipt_is_refused(client, ours):
    path = f"{BASE}/manifests/{ours.manifest_id}/receipts"
    for members in ({}, {"@type": "x"}, []):
        assert client.post(path, json=members).status_code == 400
    assert client.post(path, content=b"{}").status_code == 415


# --------------------------------------------------------------------------------------- discovery


def test_the_interface_can_be_found(client):
    told = client.get("/.well-known/c2pa-soft-binding-resolution").json()
    assert told["apiEndpoint"] == BASE
    assert told["c2paSpecificationVersion"] == "2.4.0"
    capabilities = client.get(told["capabilitiesEndpoint"]).json()
    assert capabilities == {
        "c2paSpecificationVersion": "2.4.0",
        "supportedCapabilities": ["queryByContent", "storeManifests", "storeBindings"],
    }
    assert client.get(told["statusEndpoint"]).json()["status"] == "ok"
    algorithms = client.get(f"{BASE}/services/supportedAlgorithms").json()
    assert {"alg": "ai.labeler.tile.1"} in algorithms["watermarks"]
    assert isinstance(algorithms["fingerprints"], list)


# ------------------------------------------------------------------------------ other applications


def asking(app, work):
    """What ``work`` gives that asks an application in this process, without a socket."""

    async def run():
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await work(client)

    return asyncio.run(run())


def test_a_repository_may_be_for_its_own_alone(settings, ours):
    app = create_app(
        settings.model_copy(
            update={"public_manifests": False, "resolver_url": "https://m.example/c2pa/v1/"}
        ),
        limits=ServiceLimits(workers=1),
    )
    key = a_key(settings, Scope.FETCH_MANIFESTS)
    paths = (f"/manifests/{ours.manifest_id}", f"/manifests/{ours.manifest_id}/receipts")

    async def work(client):
        query = "/matches/byBinding?alg=a.b&value=AAAA"
        closed = [await client.get(f"{BASE}{each}") for each in (*paths, query)]
        opened = [await client.get(f"{BASE}{each}", headers=key) for each in (*paths, query)]
        found = await client.get("/.well-known/c2pa-soft-binding-resolution")
        return closed, opened, found

    closed, opened, found = asking(app, work)
    assert {each.status_code for each in closed} == {401}
    assert {each.status_code for each in opened} == {200}
    assert opened[1].json()["repository"]["uri"] == "https://m.example/c2pa/v1"
    assert found.json()["apiEndpoint"] == "https://m.example/c2pa/v1"


def test_without_a_registry_nothing_is_found_and_nothing_breaks(settings, tmp_path):
    empty = settings.model_copy(update={"home": tmp_path / "home", "registry": None})
    app = create_app(empty, limits=ServiceLimits(workers=1))

    async def work(client):
        return (
            await client.get(f"{BASE}/matches/byBinding?alg=a.b&value=AAAA"),
            await client.get(f"{BASE}/manifests/{UNKNOWN}"),
            await client.post(f"{BASE}/manifests", headers={"Content-Type": STORE_TYPE}),
        )

    found, missing, refused = asking(app, work)
    assert found.json() == {"matches": []}
    assert missing.status_code == 404
    assert refused.status_code == 401
    assert not (tmp_path / "home").exists()


def test_an_address_that_asks_too_often_has_to_wait(settings):
    with serving(settings, ServiceLimits(workers=1, burst=3, requests_per_second=0.01)) as service:
        answers = [ask(service.client, "x") for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        discovery = "/.well-known/c2pa-soft-binding-resolution"
        assert service.client.get(discovery).status_code == 200
