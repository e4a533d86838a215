import io
import json
import logging
import pickle
from dataclasses import replace
from datetime import timedelta

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID

from labeler.credentials import Identity, Integrity, SigningAlgorithm, Trust, TrustStore, sign
from labeler.credentials.trust import TrustKind, TrustList
from labeler.errors import IdentityError, SigningError
from labeler.media.media_type import MediaType
from tests.credentials import certificates
from tests.credentials.certificates import EMAIL, NOW, Shape, issue, issue_root, new_key, pem
from tests.credentials.pictures import picture


@pytest.fixture(scope="module")
def root():
    return issue_root()


def trust_in(root):
    text = pem(root.certificate).encode()
    return TrustStore(lists=(TrustList.parse(text, kind=TrustKind.MANIFEST, name="root"),))


def toolkit_accepts(chain, key, algorithm="es256"):
    """Whether the toolkit signs with this chain and finds the result neither invalid nor untrusted
    for a reason other than the missing trust list."""
    definition = {
        "claim_generator_info": [{"name": "t", "version": "1"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty",
                        }
                    ]
                },
            }
        ],
    }
    roots = {"trust": {"trust_config": json.loads(TrustStore().to_settings())["trust_config"]}}
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        info = c2pa.C2paSignerInfo(algorithm.encode(), chain.encode(), secret, None)
        builder = c2pa.Builder(json.dumps(definition), context=c2pa.Context.from_dict(roots))
        builder.sign(c2pa.Signer.from_info(info), "image/png", io.BytesIO(picture()), io.BytesIO())
    except c2pa.C2paError:
        return False
    return True


# ------------------------------------------------------------------------------- what is accepted


ACCEPTED = {
    "plain": Shape(),
    "without basic constraints": Shape(ca=None),
    "non-repudiation instead": Shape(usages=frozenset({"content_commitment"})),
    "with key encipherment": Shape(usages=frozenset({"digital_signature", "key_encipherment"})),
    "with client authentication": Shape(purposes=(EMAIL, ExtendedKeyUsageOID.CLIENT_AUTH)),
    "claim signing": Shape(purposes=(x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1"),)),
    "document signing": Shape(purposes=(x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),)),
    "unknown extension": Shape(
        extra=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),)
    ),
}


@pytest.mark.parametrize("shape", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_check_accepts_signs_and_is_trusted(root, shape, tmp_path, definition):
    leaf = issue(shape, by=root)
    assert toolkit_accepts(leaf.chain_pem, leaf.key)
    identity = Identity.from_pem_files(*leaf.write(tmp_path))
    signed = sign(picture(), MediaType.PNG, definition, identity, trust=trust_in(root))
    assert signed.reading.trust is Trust.TRUSTED


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("p256", "es256"),
        ("p384", "es384"),
        ("p521", "es512"),
        ("ed25519", "ed25519"),
        ("rsa2048", "ps256"),
        ("rsa2048", "ps384"),
        ("rsa2048", "ps512"),
    ],
)
@pytest.mark.parametrize("way", ["files", "callback"])
def test_every_algorithm_signs(root, kind, algorithm, way, tmp_path, definition):
    leaf = issue(by=root, key=new_key(kind))
    algorithm = SigningAlgorithm(algorithm)
    if way == "files":
        identity = Identity.from_pem_files(*leaf.write(tmp_path), algorithm=algorithm)
    else:
        identity = Identity.from_callback(leaf.chain_pem, algorithm, signer_of(leaf, algorithm))
    signed = sign(picture(), MediaType.PNG, definition, identity, trust=trust_in(root))
    assert (signed.reading.integrity, signed.reading.trust) == (Integrity.INTACT, Trust.TRUSTED)


def signer_of(leaf, algorithm):
    digest = getattr(hashes, f"SHA{algorithm[-3:]}", hashes.SHA256)()
    match algorithm[:2]:
        case "es":
            return lambda data: leaf.key.sign(data, ec.ECDSA(digest))
        case "ps":
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return lambda data: leaf.key.sign(data, scheme, digest)
        case _:
            return leaf.key.sign


def test_the_algorithm_follows_from_the_key(root, tmp_path):
    expected = {"p256": "es256", "p384": "es384", "p521": "es512", "ed25519": "ed25519"}
    for kind, algorithm in {**expected, "rsa2048": "ps256"}.items():
        leaf = issue(by=root, key=new_key(kind))
        assert Identity.from_pem_files(*leaf.write(tmp_path)).algorithm == algorithm


def test_a_chain_with_an_intermediate_is_trusted(root, tmp_path, definition):
    middle = issue(replace(certificates.AUTHORITY_SHAPE, name="Middle", path_length=0), by=root)
    leaf = issue(by=middle)
    for chain in (leaf.chain_pem, pem(leaf.certificate, middle.certificate, root.certificate)):
        identity = Identity.from_pem_files(*leaf.write(tmp_path, chain))
        signed = sign(picture(), MediaType.PNG, definition, identity, trust=trust_in(root))
        assert signed.reading.trust is Trust.TRUSTED


def test_only_certificates_are_kept_of_the_chain_file(root, tmp_path):
    leaf = issue(by=root)
    text = "a comment\n" + leaf.key_pem().decode() + leaf.chain_pem
    identity = Identity.from_pem_files(*leaf.write(tmp_path, text))
    assert identity.certificate_chain == leaf.chain_pem


@pytest.mark.parametrize("form", ["TraditionalOpenSSL", "PKCS8"])
@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_every_form_of_key_is_taken(root, kind, form, tmp_path, definition):
    leaf = issue(by=root, key=new_key(kind))
    chain_path, key_path = leaf.write(tmp_path)
    key_path.write_bytes(leaf.key_pem(getattr(serialization.PrivateFormat, form)))
    identity = Identity.from_pem_files(chain_path, key_path)
    assert sign(picture(), MediaType.PNG, definition, identity).reading.integrity == "intact"


def test_an_encrypted_key_asks_for_its_password_once(root, tmp_path):
    leaf = issue(by=root)
    chain_path, key_path = leaf.write(tmp_path)
    key_path.write_bytes(leaf.key_pem(password=b"geheim"))
    asked = []

    def password():
        asked.append(1)
        return "geheim"

    identity = Identity.from_pem_files(chain_path, key_path, password=password)
    assert (identity.common_name, asked) == ("Leaf", [1])
    with pytest.raises(IdentityError, match="is encrypted"):
        Identity.from_pem_files(chain_path, key_path)
    with pytest.raises(IdentityError, match="cannot be decrypted") as caught:
        Identity.from_pem_files(chain_path, key_path, password=lambda: b"falsch")
    assert "falsch" not in repr(caught.value.__cause__) + str(caught.value)
    assert caught.value.file == str(key_path)


def test_the_password_is_not_asked_for_where_none_is_needed(root, tmp_path):
    def password():
        raise AssertionError

    Identity.from_pem_files(*issue(by=root).write(tmp_path), password=password)


# -------------------------------------------------------------------------------- what is refused


def unknown(critical):
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    return ((extension, critical),)


REFUSED = {
    "no purpose": (Shape(purposes=None), "extended key usage"),
    "any purpose": (Shape(purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), "any purpose"),
    "e-mail and any": (
        Shape(purposes=(EMAIL, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)),
        "any purpose",
    ),
    "e-mail and time stamps": (
        Shape(purposes=(EMAIL, ExtendedKeyUsageOID.TIME_STAMPING)),
        "time stamping",
    ),
    "web server": (Shape(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)), "extended key usage"),
    "web client": (Shape(purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,)), "extended key usage"),
    "code": (Shape(purposes=(ExtendedKeyUsageOID.CODE_SIGNING,)), "extended key usage"),
    "private purpose": (Shape(purposes=(x509.ObjectIdentifier("1.2.3"),)), "extended key usage"),
    "no key usage": (Shape(usages=None), "no key usage"),
    "encipherment only": (Shape(usages=frozenset({"key_encipherment"})), "digital signatures"),
    "signs certificates": (
        Shape(usages=frozenset({"digital_signature", "key_cert_sign"}), ca=True),
        "certificate authority",
    ),
    "authority": (Shape(ca=True), "certificate authority"),
    "no authority key": (Shape(authority_key=False), "authority key identifier"),
    "unknown critical extension": (Shape(extra=unknown(critical=True)), "1.2.3.4"),
    "expired": (Shape(end=NOW - timedelta(days=1)), "expired on"),
    "not yet valid": (Shape(begin=NOW + timedelta(days=1)), "not valid before"),
}


@pytest.mark.parametrize(("shape", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_toolkit_refuses_is_refused_in_plain_words(root, shape, words, tmp_path):
    leaf = issue(shape, by=root)
    assert not toolkit_accepts(leaf.chain_pem, leaf.key)
    chain_path, key_path = leaf.write(tmp_path)
    with pytest.raises(IdentityError, match=words) as caught:
        Identity.from_pem_files(chain_path, key_path)
    assert caught.value.file == str(chain_path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("kind", "algorithm", "words"),
    [
        ("p384", "es256", "es384"),
        ("p256", "ps256", "es256"),
        ("secp256k1", "es256", "secp256k1"),
        ("ed25519", "es256", "ed25519"),
        ("rsa1024", "ps256", "1024 bits"),
        ("rsa2048", "es256", "ps256 or ps384 or ps512"),
    ],
)
def test_key_and_algorithm_have_to_fit(root, kind, algorithm, words, tmp_path):
    leaf = issue(by=root, key=new_key(kind))
    assert not toolkit_accepts(leaf.chain_pem, leaf.key, algorithm)
    with pytest.raises(IdentityError) as caught:
        Identity.from_pem_files(*leaf.write(tmp_path), algorithm=SigningAlgorithm(algorithm))
    assert words in str(caught.value)


def test_chains_in_the_wrong_order_are_refused(root, tmp_path):
    middle = issue(replace(certificates.AUTHORITY_SHAPE, name="Middle"), by=root)
    leaf = issue(by=middle)
    reverse = pem(middle.certificate, leaf.certificate)
    assert not toolkit_accepts(reverse, leaf.key)
    with pytest.raises(IdentityError, match="reverse order"):
        Identity.from_pem_files(*leaf.write(tmp_path, reverse))
    with pytest.raises(IdentityError, match=r"\(Leaf\) was not issued by .* \(Root\)"):
        Identity.from_pem_files(
            *leaf.write(tmp_path, pem(leaf.certificate, root.certificate, middle.certificate))
        )
    with pytest.raises(IdentityError, match="certificate authority"):
        Identity.from_pem_files(*root.write(tmp_path, pem(root.certificate)))


def test_issuers_have_to_be_authorities_within_their_path_length(root, tmp_path):
    no_authority = issue(by=issue(Shape(name="Not an authority"), by=root))
    with pytest.raises(IdentityError, match="not that of a certificate authority"):
        Identity.from_pem_files(*no_authority.write(tmp_path))
    outer = issue(
        replace(certificates.AUTHORITY_SHAPE, name="Outer", path_length=0, authority_key=True),
        by=root,
    )
    inner = issue(replace(certificates.AUTHORITY_SHAPE, name="Inner"), by=outer)
    with pytest.raises(IdentityError, match="allows 0 intermediate"):
        Identity.from_pem_files(*issue(by=inner).write(tmp_path))


def test_an_expired_intermediate_is_refused_but_an_expired_root_is_not(tmp_path):
    old = issue_root(end=NOW - timedelta(days=1))
    leaf = issue(by=old)
    Identity.from_pem_files(*leaf.write(tmp_path, pem(leaf.certificate, old.certificate)))
    shape = replace(certificates.AUTHORITY_SHAPE, name="Middle", end=NOW - timedelta(days=1))
    with pytest.raises(IdentityError, match=r"certificate 2 of the chain \(Middle\) expired"):
        Identity.from_pem_files(*issue(by=issue(shape, by=old)).write(tmp_path))


def test_a_key_of_another_certificate_is_refused(root, tmp_path):
    leaf = issue(by=root)
    chain_path, _ = issue(by=root).write(tmp_path)
    _, key_path = leaf.write(tmp_path, chain_path.read_text())
    with pytest.raises(IdentityError, match="not the one that the signer's certificate is for"):
        Identity.from_pem_files(chain_path, key_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_may_read_is_refused(root, tmp_path, mode):
    chain_path, key_path = issue(by=root).write(tmp_path)
    key_path.chmod(mode)
    with pytest.raises(IdentityError, match="others may read") as caught:
        Identity.from_pem_files(chain_path, key_path)
    assert caught.value.file == str(key_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "malformed"),
        (b"-----BEGIN CERTIFICATE-----\n", "malformed"),
        (b"\xff\xfe" * 20, "no certificate"),
    ],
)
def test_files_that_hold_no_certificates_are_refused(root, tmp_path, content, words):
    chain_path, key_path = issue(by=root).write(tmp_path)
    chain_path.write_bytes(content)
    with pytest.raises(IdentityError, match=words):
        Identity.from_pem_files(chain_path, key_path)


def test_files_that_hold_no_key_are_refused_without_quoting_them(root, tmp_path):
    chain_path, key_path = issue(by=root).write(tmp_path)
    key_path.write_bytes(key_path.read_bytes()[:-60])
    with pytest.raises(IdentityError, match="no private key") as caught:
        Identity.from_pem_files(chain_path, key_path)
    assert key_path.read_text().splitlines()[1] not in repr(caught.getrepr(showlocals=False))
    with pytest.raises(IdentityError, match="cannot be read"):
        Identity.from_pem_files(chain_path, tmp_path / "missing.pem")


def test_an_identity_has_either_a_key_or_a_callback(root):
    leaf = issue(by=root)
    with pytest.raises(IdentityError, match="either"):
        Identity(certificate_chain=leaf.chain_pem, algorithm=SigningAlgorithm.ES256)


# ------------------------------------------------------------------------------ secrets, callbacks


def test_secrets_do_not_show(root, tmp_path, caplog, definition):
    leaf = issue(by=root)
    caplog.set_level(logging.DEBUG)
    identity = Identity.from_pem_files(*leaf.write(tmp_path))
    sign(picture(), MediaType.PNG, definition, identity)
    secret = leaf.key_pem().decode().splitlines()[1]
    assert secret not in repr(identity) + str(identity) + caplog.text
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(identity)


class KeyServiceError(Exception):
    pass


def test_the_callbacks_own_error_is_the_cause(root, definition, caplog):
    leaf, original = issue(by=root), KeyServiceError("throttled")

    def fail(data):
        raise original

    identity = Identity.from_callback(leaf.chain_pem, SigningAlgorithm.ES256, fail)
    with pytest.raises(SigningError, match="KeyServiceError") as caught:
        sign(picture(), MediaType.PNG, definition, identity)
    assert caught.value.__cause__ is original
    assert caplog.text == ""


def test_an_interruption_in_the_callback_is_not_swallowed(root, definition):
    def interrupt(data):
        raise KeyboardInterrupt

    identity = Identity.from_callback(issue(by=root).chain_pem, SigningAlgorithm.ES256, interrupt)
    with pytest.raises(KeyboardInterrupt):
        sign(picture(), MediaType.PNG, definition, identity)


@pytest.mark.parametrize(
    ("returned", "words"),
    [(b"", "does not fit"), (b"\0" * 64, "does not fit"), ("text", "str instead of bytes")],
)
def test_what_the_callback_returns_is_checked(root, definition, returned, words):
    identity = Identity.from_callback(
        issue(by=root).chain_pem, SigningAlgorithm.ES256, lambda data: returned
    )
    with pytest.raises(SigningError, match="callback failed") as caught:
        sign(picture(), MediaType.PNG, definition, identity)
    assert words in str(caught.value.__cause__)


def test_a_callback_may_return_r_and_s_side_by_side(root, definition):
    leaf = issue(by=root)

    def raw(data):
        r, s = decode_dss_signature(leaf.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    identity = Identity.from_callback(leaf.chain_pem, SigningAlgorithm.ES256, raw)
    signed = sign(picture(), MediaType.PNG, definition, identity, trust=trust_in(root))
    assert signed.reading.trust is Trust.TRUSTED


def test_the_key_of_another_certificate_in_the_callback_is_found_out(root, definition):
    other = issue(by=root)
    identity = Identity.from_callback(
        issue(by=root).chain_pem,
        SigningAlgorithm.ES256,
        signer_of(other, SigningAlgorithm.ES256),
    )
    with pytest.raises(SigningError) as caught:
        sign(picture(), MediaType.PNG, definition, identity)
    assert "does not fit the certificate" in str(caught.value.__cause__)


def test_an_identity_that_expires_while_in_use_stops_signing(root, definition):
    leaf = issue(by=root)
    identity = Identity.from_callback(
        leaf.chain_pem, SigningAlgorithm.ES256, signer_of(leaf, SigningAlgorithm.ES256)
    )
    assert identity.expires_at == leaf.certificate.not_valid_after_utc
    with pytest.raises(IdentityError, match="expired"):
        sign(picture(), MediaType.PNG, definition, identity, now=NOW + timedelta(days=60))
