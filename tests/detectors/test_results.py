import base64
import hashlib
import json
import re
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.results import (
    LANGUAGES,
    Detector,
    Signature,
    SignedResult,
    VerificationResult,
    check_result,
    render_page,
    sign_result,
)
from labeler.codec.payload import Origin
from labeler.credentials import Identity, SigningAlgorithm, Trust, TrustKind, TrustList, TrustStore
from labeler.credentials.detached import encoded_chain, sign_bytes
from labeler.errors import UnreadableMediaError, VerificationError
from tests.credentials.certificates import NOW, Shape, issue, issue_root, new_key, pem

CONTENT = b"pixels of it"
MOMENT = NOW.replace(microsecond=0)
HOSTILE = '<script>alert(1)</script>"\u202e</pre><pre id="signed-result">\udc80\0'
REPORT = Report(
    file="/home/anna/Medical records/scan.png",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    media_type="image/png",
    conclusion=Conclusion.MARKED,
    origin=Origin.GENERATED,
    findings=(
        Finding(
            technique=Technique.CREDENTIAL,
            presence=Presence.PRESENT,
            detail={"integrity": "intact", "signer": HOSTILE, "failures": []},
        ),
        Finding(
            technique=Technique.WATERMARK,
            presence=Presence.PRESENT,
            p_value=3e-57,
            detail={"payload": {"version": 1, "handle": "0000"}, "key_id": "public"},
        ),
        Finding(technique=Technique.METADATA, presence=Presence.ABSENT),
    ),
    warnings=("Not signed.", HOSTILE),
)
DETECTOR = Detector(name="Labeler", version="0.7", url="https://detect.example/?a=1&b=2")
ROOT = issue_root()
ISSUED = issue(by=ROOT)


def trust_in(issued):
    anchor = pem(issued.certificate).encode()
    return TrustStore(lists=(TrustList.parse(anchor, kind=TrustKind.MANIFEST, name="test"),))


def identity_of(issued, algorithm="es256"):
    return Identity(
        certificate_chain=issued.chain_pem,
        algorithm=SigningAlgorithm(algorithm),
        private_key=issued.key_pem(),
    )


TRUST = trust_in(ROOT)
IDENTITY = identity_of(ISSUED)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def result_of(report=REPORT, **given):
    return VerificationResult.of(report, **{"detector": DETECTOR, "checked_at": MOMENT} | given)


RESULT = result_of(size=len(CONTENT))
SIGNED = sign_result(RESULT, IDENTITY)


def check(document, **given):
    return check_result(document, **{"trust": TRUST, "now": NOW} | given)


def encode(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sealed(payload, header=None, identity=IDENTITY, **header_changes):
    """An envelope around anything, with a good signature."""
    chain = [base64.b64encode(each).decode() for each in encoded_chain(identity)]
    header = header or {"alg": "ES256", "cty": "vnd.labeler.verification-result+json", "x5c": chain}
    parts = encode(header | header_changes), encode(payload)
    signature = sign_bytes(identity, ".".join(parts).encode())
    return json.dumps({"protected": parts[0], "payload": parts[1], "signature": encode(signature)})


def changed(**members):
    """What is signed, some of its members changed, signed anew."""
    return sealed(json.loads(RESULT.to_json()) | members)


# --------------------------------------------------------------------------------- what is signed


def test_a_result_says_what_was_verified_by_what_and_when():
    found = check(SIGNED.to_json(), content=CONTENT)
    assert found.is_good
    assert (found.signature, found.trust, found.signer) == (Signature.VALID, Trust.TRUSTED, "Leaf")
    assert found.same_file is True
    assert found.result == RESULT
    assert found.result.report == replace(REPORT, file="scan.png")
    assert found.result.detector == DETECTOR
    assert found.result.checked_at == MOMENT
    assert found.result.size == len(CONTENT)
    members = json.loads(RESULT.to_json())
    assert members["checked_at"].endswith("Z")
    assert members["report"]["findings"][1]["p_value"] == 3e-57


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("scan.png", "scan.png"),
        ("/home/anna/scan.png", "scan.png"),
        (r"C:\Users\anna\scan.png", "scan.png"),
        ("s3://bucket/anna/scan.png?X-Amz-Signature=secret#x", "scan.png"),
        ("https://host/a%2Fb/sc%61n.png", "scan.png"),
        ("https://user:secret@host", ""),
        ("https://user:secret@host/?token=secret", ""),
        ("folder/", "folder"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_no_folder_of_the_file_is_told(file, name):
    assert result_of(replace(REPORT, file=file)).report.file == name


def test_the_name_can_be_left_out():
    result = result_of(with_name=False)
    assert result.report.file == ""
    signed = sign_result(result, IDENTITY)
    assert "scan" not in result.to_json() + render_page(signed)
    assert check(render_page(signed)).is_good


def test_neither_content_nor_folders_are_in_it():
    for text in (RESULT.to_json(), render_page(SIGNED)):
        assert CONTENT.decode() not in text
        assert "anna" not in text
        assert "Medical" not in text


def test_what_could_not_be_read_has_no_result():
    with pytest.raises(VerificationError, match="no hash"):
        result_of(replace(REPORT, sha256=None))


@pytest.mark.parametrize(
    "detail",
    [
        {"a": float("inf")},
        {"a": object()},
        {"a": json.loads("[" * 50 + "]" * 50)},
        {"a": nested(100_000)},
    ],
    ids=["infinite", "object", "deep", "deeper"],
)
def test_what_nobody_could_read_is_not_signed(detail):
    finding = Finding(technique=Technique.METADATA, presence=Presence.ABSENT, detail=detail)
    with pytest.raises(VerificationError, match="no reader"):
        sign_result(result_of(replace(REPORT, findings=(finding,))), IDENTITY)


def test_mistakes_of_callers_are_errors():
    with pytest.raises(ValueError, match="time zone"):
        result_of(checked_at=datetime(2026, 11, 22))  # noqa: DTZ001 - that is the mistake
    with pytest.raises(ValueError, match="SHA-256"):
        result_of(replace(REPORT, sha256="0" * 63))
    with pytest.raises(ValueError, match="negative"):
        result_of(size=-1)
    for url in ("javascript:alert(1)", "detect.example", "https://", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="address"):
            Detector(name="Labeler", version="1", url=url)
    with pytest.raises(ValueError, match="name"):
        Detector(name="", version="1")


def test_times_are_told_in_utc_and_whole_seconds():
    moment = datetime(2026, 11, 22, 1, 2, 3, 456, tzinfo=timezone(timedelta(hours=2)))
    result = result_of(checked_at=moment)
    assert json.loads(result.to_json())["checked_at"] == "2026-11-21T23:02:03Z"
    assert VerificationResult.from_json(result.to_json()) == result


def test_this_installation_can_be_named():
    assert Detector.here().name == "Labeler"
    assert Detector.here(url="https://a.example").url == "https://a.example"


# -------------------------------------------------------------------------------------- tampering


def leaves(value, path=()):
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in items:
            yield from leaves(member, (*path, key))
    else:
        yield path


def other(value):
    match value:
        case str():
            return value + "x"
        case bool() | None:
            return 1
        case _:
            return value / 2


@pytest.mark.parametrize("path", list(leaves(json.loads(RESULT.to_json()))), ids=str)
def test_no_member_can_be_changed(path):
    envelope = json.loads(SIGNED.to_json())
    members = json.loads(decode(envelope["payload"]))
    *parents, last = path
    target = members
    for each in parents:
        target = target[each]
    target[last] = other(target[last])
    envelope["payload"] = encode(members)
    found = check(json.dumps(envelope))
    assert found.signature is Signature.INVALID
    assert (found.result, found.signer, found.is_good) == (None, None, False)


@pytest.mark.parametrize("member", ["payload", "protected", "signature"])
def test_no_bit_of_the_envelope_can_be_changed(member):
    envelope = json.loads(SIGNED.to_json())
    data = decode(envelope[member])
    for index in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
        for bit in (1, 0x80):
            wrong = bytearray(data)
            wrong[index] ^= bit
            found = check(json.dumps(envelope | {member: encode(bytes(wrong))}))
            assert found.signature is not Signature.VALID
            assert found.result is None
    for wrong in (data[:-1], b"", data + b"\0"):
        found = check(json.dumps(envelope | {member: encode(wrong)}))
        assert found.signature is not Signature.VALID


def test_the_signature_of_another_result_does_not_fit():
    one = json.loads(SIGNED.to_json())
    two = json.loads(sign_result(result_of(with_name=False), IDENTITY).to_json())
    assert check(json.dumps(one | {"payload": two["payload"]})).signature is Signature.INVALID
    assert check(json.dumps(one | {"signature": two["signature"]})).signature is Signature.INVALID


def test_another_certificate_for_the_same_key_does_not_fit():
    """The certificates are under the signature: nobody can put his name into them."""
    thief = issue(Shape(name="Thief"), by=ROOT, key=ISSUED.key)
    envelope = json.loads(SIGNED.to_json())
    header = json.loads(decode(envelope["protected"]))
    header["x5c"] = [base64.b64encode(each).decode() for each in encoded_chain(identity_of(thief))]
    envelope["protected"] = encode(header)
    assert check(json.dumps(envelope)).signature is Signature.INVALID


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS256", "ES256K", "", None, 5, []])
def test_other_algorithms_are_not_taken(algorithm):
    found = check(sealed(json.loads(RESULT.to_json()), alg=algorithm))
    assert found.signature is Signature.UNREADABLE


def test_an_algorithm_that_is_not_the_keys_does_not_fit():
    for algorithm in ("ES384", "PS256", "EdDSA"):
        found = check(sealed(json.loads(RESULT.to_json()), alg=algorithm))
        assert found.signature is Signature.INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False},
        {"cty": "JWT"},
        {"cty": None},
        {"x5c": []},
        {"x5c": "MII"},
        {"x5c": [5]},
        {"x5c": ["?"]},
        {"x5c": ["é"]},
    ],
    ids=str,
)
def test_headers_that_ask_for_something_else_are_not_taken(header):
    found = check(sealed(json.loads(RESULT.to_json()), **header))
    assert found.signature is Signature.UNREADABLE


def test_an_unsigned_header_changes_nothing():
    """There time stamps will be."""
    envelope = json.loads(SIGNED.to_json()) | {"header": {"alg": "none", "etsiU": []}}
    assert check(json.dumps(envelope)).is_good


# --------------------------------------------------------------------------- signer, time and file


def test_an_untrusted_signer_is_told_apart_from_a_broken_signature():
    found = check(sign_result(RESULT, identity_of(issue(by=issue_root()))).to_json())
    assert (found.signature, found.trust) == (Signature.VALID, Trust.UNTRUSTED)
    assert not found.is_good
    assert found.result == RESULT
    assert "nobody vouches" in " ".join(found.in_words())
    found = check(SIGNED.to_json(), trust=TrustStore())
    assert (found.signature, found.trust) == (Signature.VALID, Trust.NOT_CHECKED)
    assert "not checked" in " ".join(found.in_words())


def test_an_expired_certificate_is_told():
    found = check(SIGNED.to_json(), now=NOW + timedelta(days=60))
    assert (found.signature, found.trust, found.is_good) == (Signature.VALID, Trust.EXPIRED, False)
    assert "expired on" in " ".join(found.in_words())


def test_a_time_before_the_certificate_is_told():
    found = check(sign_result(result_of(checked_at=NOW - timedelta(days=9)), IDENTITY).to_json())
    assert (found.trust, found.is_good) == (Trust.EXPIRED, False)


def test_a_time_in_the_future_is_told():
    found = check(sign_result(result_of(checked_at=NOW + timedelta(hours=1)), IDENTITY).to_json())
    assert found.is_future
    assert not found.is_good
    assert "future" in found.in_words()[-1]
    slightly = result_of(checked_at=NOW + timedelta(minutes=1))
    assert check(sign_result(slightly, IDENTITY).to_json()).is_good


def test_another_file_is_told(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(CONTENT)
    assert check(SIGNED.to_json(), content=path).same_file is True
    path.write_bytes(CONTENT + b".")
    found = check(SIGNED.to_json(), content=path)
    assert (found.same_file, found.is_good) == (False, False)
    assert hashlib.sha256(CONTENT + b".").hexdigest() in found.in_words()[-1]
    with pytest.raises(UnreadableMediaError, match="nothing"):
        check(SIGNED.to_json(), content=tmp_path / "nothing")
    with pytest.raises(UnreadableMediaError):
        check(SIGNED.to_json(), content=tmp_path)


# ------------------------------------------------------------------------------- forms and schemas


@pytest.mark.parametrize(
    "members",
    [
        {"schema": 2},
        {"schema": "1"},
        {"schema": True},
        {"schema": None},
        {"checked_at": "yesterday"},
        {"checked_at": "2026-11-22T10:00:00"},
        {"checked_at": "0001-01-01T00:00:00+14:00"},
        {"checked_at": 5},
        {"detector": None},
        {"detector": {"name": "x"}},
        {"detector": {"name": "x", "version": "1", "url": "javascript:alert(1)"}},
        {"detector": {"name": "x", "version": "1", "url": "https://["}},
        {"report": None},
        {"report": {"schema": 2}},
        {"report": json.loads(REPORT.to_json()) | {"sha256": None}},
        {"report": json.loads(REPORT.to_json()) | {"sha256": "AB"}},
        {"report": json.loads(REPORT.to_json()) | {"conclusion": "human"}},
        {"size": -1},
        {"size": "5"},
        {"size": True},
    ],
    ids=str,
)
def test_other_schemas_and_odd_members_are_not_shown_although_signed(members):
    found = check(changed(**members))
    assert found.signature is Signature.UNREADABLE
    assert found.result is None
    assert found.reason


def test_members_of_later_versions_are_no_harm():
    found = check(changed(later={"a": 1}))
    assert found.is_good
    assert found.result == RESULT


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"\xff", b'{"schema":1,"schema":1}', b"[" * 100_000, b'{"schema":NaN}', b"null"],
    ids=["empty", "list", "bytes", "twice", "deep", "nan", "null"],
)
def test_signed_nonsense_is_nonsense(payload):
    assert check(sealed(payload)).signature is Signature.UNREADABLE


def test_deep_members_are_refused():
    deep = json.loads("[" * 60 + "]" * 60)
    assert check(changed(later=deep)).signature is Signature.UNREADABLE


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{}",
        "[]",
        "null",
        "<",
        "<html></html>",
        '<pre id="signed-result">',
        '<pre id="signed-result"></pre>',
        SIGNED.to_json()[:-1],
        SIGNED.to_json() + "x",
        SIGNED.to_json().replace("{", '{"payload":"",', 1),
        SIGNED.to_json().replace("{", '{"signatures":[],', 1),
        SIGNED.to_json().replace('"payload":"', '"payload":"='),
        SIGNED.to_json().replace('"signature":"', '"signature":" '),
        SIGNED.to_json().replace("{", '{"header":"é",', 1),
        b"\xff\xfe",
        b"{\xff}",
        "[" * 100_000,
        '{"payload":1,"protected":2,"signature":3}',
    ],
)
def test_what_is_no_result_is_told_and_no_error(document):
    found = check(document)
    assert found.signature is Signature.UNREADABLE
    assert found.reason
    assert not found.is_good
    assert len(found.in_words()) == 1


def test_base64_has_one_form():
    """The last character of some lengths has bits that belong to no byte."""
    envelope = json.loads(SIGNED.to_json())
    signature = envelope["signature"]
    assert len(signature) % 4 == 2  # 64 bytes
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]
    assert decode(twin) == decode(signature)
    assert check(json.dumps(envelope | {"signature": twin})).signature is Signature.UNREADABLE


def test_too_long_a_document_is_not_read():
    assert check(" " * (33 << 20)).reason == "it is too long"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.sampled_from(["schema", "checked_at", "detector", "report", "size"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_NAMES, _JSON, min_size=1, max_size=3))
def test_whatever_a_signer_writes_is_no_crash(members):
    found = check(changed(**members))
    if found.result is not None:
        page = render_page(SignedResult.from_json(changed(**members)))
        page.encode()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200) | _JSON.map(json.dumps))
def test_whatever_comes_in_is_no_crash(document):
    assert check(document).signature is Signature.UNREADABLE


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["alg", "cty", "x5c", "crit", "kid"]), _JSON, min_size=1))
def test_whatever_the_header_says_is_no_crash(header):
    check(sealed(json.loads(RESULT.to_json()), **header)).in_words()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_report_comes_through_whatever_its_text(data):
    text = st.text(st.characters(codec=None), max_size=40)
    report = replace(
        REPORT,
        file="a" + data.draw(text).replace("/", "").replace("\\", "").replace(":", ""),
        warnings=tuple(data.draw(st.lists(text, max_size=2))),
        findings=(
            Finding(
                technique=data.draw(st.sampled_from(Technique)),
                presence=data.draw(st.sampled_from(Presence)),
                p_value=data.draw(st.none() | st.floats(0, 1)),
                detail={data.draw(text): data.draw(text), "more": [data.draw(text)]},
            ),
        ),
    )
    signed = sign_result(result_of(report), IDENTITY)
    page = render_page(signed).encode()
    found = check(page)
    assert found.is_good
    assert found.same_page is True
    assert found.result.report == report


# ----------------------------------------------------------------------------------------- the page


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for n, v in attrs if n in {"href", "src", "action", "srcset", "data"}]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_checked_alone():
    page = render_page(SIGNED)
    for document in (page, page.encode(), "\ufeff" + page, page.replace("\n", "\r\n")):
        found = check(document, content=CONTENT)
        assert found.is_good
        assert found.same_page is True
        assert found.result == RESULT
    assert check(SIGNED.to_json()).same_page is None


def test_the_page_says_everything():
    text = " ".join(Page(render_page(SIGNED)).text)
    for told in (
        "scan.png", REPORT.sha256, "image/png", "12 bytes", "Labeler 0.7", "3e-57", "Leaf",
        "Marked as AI output: generated by AI", "present", "absent", "Not signed.", "key_id",
        '"handle": "0000"', "does not mean that a person made the content", "verify-result",
    ):  # fmt: skip
        assert told in text
    assert MOMENT.isoformat().replace("+00:00", "Z") in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Marked as AI output", "No mark found"),
        ("present", "absent"),
        ("3e-57", "1"),
        ("scan.png", "scam.png"),
        ("</main>", "<p>And it was made by a person.</p></main>"),
        (".skip {", "dl { display: none } .skip {"),
        ("0", "1"),
    ],
)
def test_changed_words_around_a_good_result_are_noticed(old, new):
    page = render_page(SIGNED)
    head, mark, envelope = page.partition('<pre id="signed-result">')
    found = check(head.replace(old, new, 1) + mark + envelope)
    if old == "</main>":
        found = check(page.replace(old, new, 1))
    assert found.signature is Signature.VALID
    assert (found.same_page, found.is_good) == (False, False)
    assert found.result == RESULT
    assert "not the page" in " ".join(found.in_words())


def test_the_envelope_of_another_page_is_noticed():
    second = sign_result(result_of(with_name=False), IDENTITY)
    page = render_page(SIGNED).replace(
        *(each.to_json().replace('"', "&quot;") for each in (SIGNED, second))
    )
    found = check(page)
    assert (found.signature, found.same_page) == (Signature.VALID, False)


def test_a_page_with_two_results_is_none():
    page = render_page(SIGNED)
    assert check(page + page).signature is Signature.UNREADABLE


def test_the_page_loads_and_runs_nothing_whatever_it_says():
    text = render_page(SIGNED)
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "object", "form", "svg"} & set(page.tags)
    assert page.links == ["#main", DETECTOR.url]
    assert page.tags.count("pre") == 1
    assert "default-src 'none'" in text
    assert "\\u202e" in text
    assert not re.search("[\0\u202e\ud800-\udfff]", text)
    assert not re.search(r"\bon\w+=|url\(|@import", text)
    for each in ("prefers-color-scheme: dark", "@media print", '<html lang="en">', "<main", "<h1>"):
        assert each in text


def test_every_conclusion_technique_and_origin_has_words():
    for words in LANGUAGES.values():
        assert set(words.conclusions) == set(Conclusion)
        assert set(words.technique_names) == set(Technique)
        assert set(words.presences) == set(Presence)
        assert set(words.origins) == set(Origin)
        assert set(words.trusts) == set(Trust)
    for conclusion in Conclusion:
        bare = replace(REPORT, conclusion=conclusion, findings=(), warnings=(), origin=None)
        assert check(render_page(sign_result(result_of(bare), IDENTITY))).is_good


# --------------------------------------------------------------------------------- independent eyes


def test_cryptography_alone_can_check_it():
    envelope = json.loads(SIGNED.to_json())
    header = json.loads(decode(envelope["protected"]))
    leaf = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    raw = decode(envelope["signature"])
    assert header["alg"] == "ES256"
    der = encode_dss_signature(*(int.from_bytes(half, "big") for half in (raw[:32], raw[32:])))
    signing_input = f"{envelope['protected']}.{envelope['payload']}".encode()
    leaf.public_key().verify(der, signing_input, ec.ECDSA(hashes.SHA256()))
    leaf.verify_directly_issued_by(ROOT.certificate)
    members = json.loads(decode(envelope["payload"]))
    assert members["report"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.system
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("p256", "es256"), ("p384", "es384"), ("p521", "es512"), ("rsa2048", "ps256"),
     ("rsa2048", "ps512"), ("ed25519", "ed25519")],
)  # fmt: skip
def test_openssl_alone_can_check_it(kind, algorithm, tmp_path):
    issued = issue(by=ROOT, key=new_key(kind))
    envelope = json.loads(sign_result(RESULT, identity_of(issued, algorithm)).to_json())
    header = json.loads(decode(envelope["protected"]))
    leaf = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    raw = decode(envelope["signature"])
    if algorithm.startswith("es"):
        half = len(raw) // 2
        raw = encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )
    for name, data in {
        "input": f"{envelope['protected']}.{envelope['payload']}".encode(),
        "signature": raw,
        "leaf.pem": leaf.public_bytes(serialization.Encoding.PEM),
        "root.pem": pem(ROOT.certificate).encode(),
    }.items():
        (tmp_path / name).write_bytes(data)

    def openssl(*arguments):
        done = subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    openssl("verify", "-CAfile", "root.pem", "-purpose", "smimesign", "leaf.pem")
    (tmp_path / "key.pem").write_text(openssl("x509", "-in", "leaf.pem", "-pubkey", "-noout"))
    options = ["-sigfile", "signature", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "input"]
    if not algorithm.startswith("ed"):
        options += ["-digest", f"sha{algorithm[2:]}"]
    if algorithm.startswith("ps"):
        options += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    assert "Successfully" in openssl("pkeyutl", "-verify", *options)
