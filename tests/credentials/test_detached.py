from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from labeler.credentials import Identity, SigningAlgorithm, Trust, TrustKind, TrustList, TrustStore
from labeler.credentials.detached import check_bytes, encoded_chain, sign_bytes
from labeler.errors import SigningError
from tests.credentials.certificates import (
    AUTHORITY_SHAPE,
    NOW,
    Shape,
    issue,
    issue_root,
    new_key,
    pem,
)

DATA = b"what is signed"


def trust_in(*issued):
    anchors = pem(*(each.certificate for each in issued)).encode()
    return TrustStore(lists=(TrustList.parse(anchors, kind=TrustKind.MANIFEST, name="test"),))


def identity_of(issued, algorithm=SigningAlgorithm.ES256, **given):
    if not given:
        given = {"private_key": issued.key_pem()}
    return Identity(certificate_chain=issued.chain_pem, algorithm=algorithm, **given)


def check(identity, trust, *, data=DATA, signature=None, now=NOW, **more):
    return check_bytes(
        data,
        sign_bytes(identity, DATA) if signature is None else signature,
        algorithm=more.pop("algorithm", identity.algorithm),
        certificates=more.pop("certificates", encoded_chain(identity)),
        trust=trust,
        now=now,
        **more,
    )


@pytest.fixture(scope="module")
def root():
    return issue_root()


@pytest.fixture(scope="module")
def signer(root):
    return identity_of(issue(by=root))


@pytest.mark.parametrize(
    ("kind", "algorithm", "size"),
    [
        ("p256", "es256", 64),
        ("p384", "es384", 96),
        ("p521", "es512", 132),
        ("rsa2048", "ps256", 256),
        ("rsa2048", "ps384", 256),
        ("rsa2048", "ps512", 256),
        ("ed25519", "ed25519", 64),
    ],
)
def test_every_algorithm_signs_and_is_checked(root, kind, algorithm, size):
    identity = identity_of(issue(by=root, key=new_key(kind)), SigningAlgorithm(algorithm))
    signature = sign_bytes(identity, DATA)
    assert len(signature) == size
    verdict = check(identity, trust_in(root), signature=signature)
    assert (verdict.holds, verdict.trust, verdict.signer) == (True, Trust.TRUSTED, "Leaf")
    for other in SigningAlgorithm:
        holds = check(identity, trust_in(root), signature=signature, algorithm=other).holds
        assert holds == (other is identity.algorithm)
    assert not check(identity, trust_in(root), signature=signature, data=DATA + b".").holds
    for wrong in (b"", signature[:-1], signature + b"\0", bytes(size), b"\xff" * size):
        verdict = check(identity, trust_in(root), signature=wrong)
        assert (verdict.holds, verdict.trust, verdict.signer) == (False, Trust.NOT_CHECKED, None)


def test_callbacks_may_give_either_form_of_an_ecdsa_signature(root):
    issued = issue(by=root)
    local = identity_of(issued)

    def der(data):
        return issued.key.sign(data, ec.ECDSA(hashes.SHA256()))

    for callback in (der, lambda data: sign_bytes(local, data)):
        identity = identity_of(issued, callback=callback)
        assert len(sign_bytes(identity, DATA)) == 64
        assert check(identity, trust_in(root)).trust is Trust.TRUSTED
    assert not check(local, trust_in(root), signature=der(DATA)).holds  # one form only


@pytest.mark.parametrize(
    "returned", [b"", b"0" * 64, b"0\x06\x02\x01\x01\x02\x01\x01", None, "text"]
)
def test_a_callback_that_returns_no_signature_is_an_error(root, returned):
    identity = identity_of(issue(by=root), callback=lambda _: returned)
    with pytest.raises(SigningError, match="no signature"):
        sign_bytes(identity, DATA)


def test_a_callback_that_fails_is_the_cause(root):
    def fail(data):
        raise ConnectionError("secret address")

    with pytest.raises(SigningError, match="ConnectionError") as caught:
        sign_bytes(identity_of(issue(by=root), callback=fail), DATA)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "secret" not in str(caught.value)


def test_nobody_is_trusted_without_a_list_or_on_another_one(signer, root):
    assert check(signer, TrustStore()).trust is Trust.NOT_CHECKED
    twin = issue_root()  # the same name, another key
    verdict = check(signer, trust_in(twin))
    assert (verdict.holds, verdict.trust) == (True, Trust.UNTRUSTED)
    stamps = TrustList.parse(pem(root.certificate).encode(), kind=TrustKind.TSA, name="tsa")
    assert check(signer, TrustStore(lists=(stamps,))).trust is Trust.NOT_CHECKED


def test_paths_lead_over_intermediates_to_any_anchor(root):
    middle = issue(replace(AUTHORITY_SHAPE, name="Middle", authority_key=True), by=root)
    identity = identity_of(issue(by=middle))
    assert len(encoded_chain(identity)) == 2
    for anchor in (root, middle):
        assert check(identity, trust_in(anchor)).trust is Trust.TRUSTED
    alone = encoded_chain(identity)[:1]
    assert check(identity, trust_in(root), certificates=alone).trust is Trust.UNTRUSTED
    assert check(identity, trust_in(middle), certificates=alone).trust is Trust.TRUSTED
    other = encoded_chain(identity_of(issue(by=root)))
    mixed = (alone[0], other[0])
    assert check(identity, trust_in(root), certificates=mixed).trust is Trust.UNTRUSTED


def test_an_expired_certificate_is_its_own_verdict(root):
    identity = identity_of(issue(by=root))
    trust = trust_in(root)
    late, early = NOW + timedelta(days=51), NOW - timedelta(days=6)
    assert check(identity, trust, now=late).trust is Trust.EXPIRED
    assert check(identity, trust, now=early).trust is Trust.EXPIRED
    # Nor does it help to say that the signature is of another day.
    assert check(identity, trust, now=late, signed_at=NOW).trust is Trust.EXPIRED
    assert check(identity, trust, signed_at=early).trust is Trust.EXPIRED
    assert check(identity, trust, signed_at=NOW).trust is Trust.TRUSTED
    assert "expired on" in check(identity, trust, now=late).reason
    assert check(identity, TrustStore(), now=late).trust is Trust.NOT_CHECKED


def test_an_expired_intermediate_counts_and_an_expired_root_does_not():
    root = issue_root(end=NOW - timedelta(days=1))
    assert check(identity_of(issue(by=root)), trust_in(root)).trust is Trust.TRUSTED
    shape = replace(AUTHORITY_SHAPE, name="Middle", authority_key=True)
    middle = issue(replace(shape, end=NOW - timedelta(days=1)), by=issue_root())
    identity = identity_of(issue(by=middle))
    top = middle.issuers[-1]
    anchors = TrustList.parse(pem(top).encode(), kind=TrustKind.MANIFEST, name="test")
    assert check(identity, TrustStore(lists=(anchors,))).trust is Trust.EXPIRED


def _leaf_as_issuer(root):
    return issue(Shape(name="Customer"), by=root)


def _constrained(root):
    names = x509.NameConstraints([x509.DNSName("example.com")], None)
    shape = replace(AUTHORITY_SHAPE, name="Narrow", authority_key=True, extra=((names, True),))
    return issue(shape, by=root)


def _other_purpose(root):
    purposes = (ExtendedKeyUsageOID.SERVER_AUTH,)
    shape = replace(AUTHORITY_SHAPE, name="Servers", authority_key=True, purposes=purposes)
    return issue(shape, by=root)


@pytest.mark.parametrize("make", [_leaf_as_issuer, _constrained, _other_purpose])
def test_who_may_not_issue_signers_does_not_make_them_trusted(root, make):
    """A customer of a trusted authority must not pass as an authority."""
    issued = issue(by=make(root))
    signature = sign_bytes(identity_of(issue(by=root, key=issued.key)), DATA)
    chain = tuple(each.public_bytes(Encoding.DER) for each in issued.chain)
    verdict = check_bytes(
        DATA,
        signature,
        algorithm=SigningAlgorithm.ES256,
        certificates=chain,
        trust=trust_in(root),
        now=NOW,
    )
    assert (verdict.holds, verdict.trust) == (True, Trust.UNTRUSTED)
    assert verdict.reason


def test_a_root_that_allows_no_intermediate_is_obeyed():
    root = issue_root(path_length=0)
    middle = issue(replace(AUTHORITY_SHAPE, name="Middle", authority_key=True), by=root)
    issued = issue(by=middle)
    identity = identity_of(issued)
    verdict = check(identity, trust_in(root))
    assert verdict.trust is Trust.UNTRUSTED
    assert "intermediate" in verdict.reason


def test_a_certificate_for_web_servers_signs_no_results(root):
    issued = issue(Shape(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)), by=root)
    signature = sign_bytes(identity_of(issue(by=root, key=issued.key)), DATA)
    verdict = check_bytes(
        DATA,
        signature,
        algorithm=SigningAlgorithm.ES256,
        certificates=[issued.certificate.public_bytes(Encoding.DER)],
        trust=trust_in(root),
        now=NOW,
    )
    assert verdict.trust is Trust.UNTRUSTED


@pytest.mark.parametrize(
    "certificates",
    [(), (b"",), (b"\x30\x00",), (b"0" * 1000,)],
    ids=["none", "empty", "der", "text"],
)
def test_what_is_no_certificate_is_no_signature(signer, root, certificates):
    verdict = check(signer, trust_in(root), certificates=certificates)
    assert (verdict.holds, verdict.trust) == (False, Trust.NOT_CHECKED)


def test_chains_without_end_are_not_followed(signer, root):
    chain = encoded_chain(signer) * 9
    assert not check(signer, trust_in(root), certificates=chain).holds
