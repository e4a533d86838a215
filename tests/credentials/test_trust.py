import io
import json

import c2pa
import pytest

from labeler.credentials import Identity, Trust, TrustKind, TrustList, TrustStore, read, sign
from labeler.credentials.algorithms import EXTENDED_KEY_USAGES
from labeler.errors import TrustListError
from labeler.media.media_type import MediaType
from tests.credentials.certificates import issue, issue_root, pem
from tests.credentials.pictures import picture


@pytest.fixture(scope="module")
def roots():
    return [issue_root(name=f"Root {index}") for index in range(3)]


@pytest.fixture(scope="module")
def signed(roots, tmp_path_factory, definition):
    identity = Identity.from_pem_files(
        *issue(by=roots[0]).write(tmp_path_factory.mktemp("identity"))
    )
    return sign(picture(), MediaType.PNG, definition, identity).data


def write(path, *certificates, comment=""):
    path.write_text("".join(comment + pem(certificate) for certificate in certificates))
    return path


def trust_of(data, store):
    return read(data, MediaType.PNG, trust=store).trust


def test_lists_come_from_files_with_comments(tmp_path, roots, signed):
    path = write(
        tmp_path / "list.pem", *(root.certificate for root in roots), comment="# Subject: x\n"
    )
    store = TrustStore.load([path])
    (entry,) = store.lists
    assert (entry.kind, entry.name, entry.count) == (TrustKind.MANIFEST, str(path), 3)
    assert "#" not in entry.certificates
    assert trust_of(signed, store) is Trust.TRUSTED


def test_only_the_right_list_makes_a_signer_trusted(tmp_path, roots, signed):
    right = write(tmp_path / "right.pem", roots[0].certificate)
    wrong = write(tmp_path / "wrong.pem", roots[1].certificate)
    assert trust_of(signed, TrustStore.load([right])) is Trust.TRUSTED
    assert trust_of(signed, TrustStore.load([wrong])) is Trust.UNTRUSTED
    assert trust_of(signed, TrustStore.load([wrong, right])) is Trust.TRUSTED
    assert trust_of(signed, TrustStore.load([wrong], [right])) is Trust.UNTRUSTED
    assert trust_of(signed, TrustStore.load([], [right])) is Trust.NOT_CHECKED
    assert trust_of(signed, TrustStore()) is Trust.NOT_CHECKED


def test_the_toolkit_alone_would_trust_a_signer_of_the_time_stamp_list(tmp_path, roots, signed):
    """Why lists are asked one kind at a time; when this fails, the toolkit has learnt it."""
    right = write(tmp_path / "right.pem", roots[0].certificate)
    store = TrustStore.load([], [right])
    context = c2pa.Context.from_json(
        json.dumps({"trust": json.loads(store.to_settings(TrustKind.TSA))})
    )
    reader = c2pa.Reader("image/png", io.BytesIO(signed), context=context)
    assert reader.get_validation_state() == "Trusted"


def test_a_root_on_both_lists_serves_both_purposes(tmp_path, roots, signed):
    path = write(tmp_path / "both.pem", roots[0].certificate)
    for _ in range(20):  # the toolkit chooses at random among lists that hold the same anchor
        assert trust_of(signed, TrustStore.load([path], [path])) is Trust.TRUSTED
    other = write(tmp_path / "other.pem", roots[1].certificate, roots[0].certificate)
    assert trust_of(signed, TrustStore.load([path, other], [path, other])) is Trust.TRUSTED


def test_settings_have_the_new_shape_only(tmp_path, roots):
    manifest = write(tmp_path / "m.pem", roots[0].certificate)
    tsa = write(tmp_path / "t.pem", roots[1].certificate)
    settings = json.loads(TrustStore.load([manifest], [tsa]).to_settings(*TrustKind))
    assert set(settings) == {"anchors", "trust_config"}
    assert settings["trust_config"].split() == list(EXTENDED_KEY_USAGES)
    for anchor in settings["anchors"]:
        assert set(anchor) == {"trust_anchors", "trust_kind", "trust_uri"}
    by_kind = {anchor["trust_kind"]: anchor for anchor in settings["anchors"]}
    assert by_kind["manifest"]["trust_anchors"] == pem(roots[0].certificate)
    assert by_kind["tsa"]["trust_anchors"] == pem(roots[1].certificate)
    assert by_kind["manifest"]["trust_uri"] != by_kind["tsa"]["trust_uri"]


def test_a_lists_uri_tells_its_content_and_not_its_path(tmp_path, roots):
    first, second = (write(tmp_path / name, roots[0].certificate) for name in ("a.pem", "b.pem"))
    uris = {entry.uri for entry in TrustStore.load([first, second]).lists}
    assert len(uris) == 1
    assert str(tmp_path) not in uris.pop()
    other = TrustStore.load([write(first, roots[1].certificate)])
    assert not other.vouches(TrustKind.MANIFEST, TrustStore.load([second]).lists[0].uri)
    assert not other.vouches(TrustKind.TSA, other.lists[0].uri)
    assert not other.vouches(TrustKind.MANIFEST, None)


def test_stores_are_joined_without_doubles(tmp_path, roots):
    first = TrustStore.load([write(tmp_path / "a.pem", roots[0].certificate)])
    second = TrustStore.load([write(tmp_path / "b.pem", roots[1].certificate)])
    assert (first | second).lists == (*first.lists, *second.lists)
    assert first | first == first


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no certificate"),
        (b"a path/to/list.pem", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "malformed"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "malformed"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "X509 CRL"),
        (bytes(range(256)), "no certificate"),
    ],
)
def test_files_that_are_no_lists_are_refused_by_name(tmp_path, content, words):
    path = tmp_path / "list.pem"
    path.write_bytes(content)
    with pytest.raises(TrustListError, match=words) as caught:
        TrustStore.load([], [path])
    assert caught.value.file == str(path)
    assert caught.value.hint


def test_a_private_key_in_a_list_is_refused_and_not_quoted(tmp_path, roots):
    path = write(tmp_path / "list.pem", roots[0].certificate)
    secret = roots[0].key_pem().decode()
    path.write_text(path.read_text() + secret)
    with pytest.raises(TrustListError, match="PRIVATE KEY") as caught:
        TrustStore.load([path])
    assert secret.splitlines()[1] not in str(caught.value)


def test_a_list_with_one_bad_certificate_is_refused_as_a_whole(tmp_path, roots):
    path = write(tmp_path / "list.pem", roots[0].certificate, roots[1].certificate)
    lines = path.read_text().splitlines()
    del lines[-3]
    path.write_text("\n".join(lines))
    with pytest.raises(TrustListError, match=r"malformed|only 1 of 2"):
        TrustStore.load([path])


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(TrustListError, match="cannot be read") as caught:
        TrustStore.load([tmp_path / "missing.pem"])
    assert caught.value.file == str(tmp_path / "missing.pem")


def test_a_self_signed_signer_can_be_trusted_by_its_own_certificate(tmp_path, definition):
    own = issue()
    identity = Identity.from_pem_files(*own.write(tmp_path))
    data = sign(picture(), MediaType.PNG, definition, identity).data
    entry = TrustList.parse(pem(own.certificate).encode(), kind=TrustKind.MANIFEST, name="its own")
    assert trust_of(data, TrustStore(lists=(entry,))) is Trust.TRUSTED
