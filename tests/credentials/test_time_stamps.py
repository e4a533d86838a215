"""Time stamps from an authority on this machine; nothing leaves the loopback address."""

import os
import shutil
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from labeler.credentials import (
    Identity,
    Integrity,
    SigningAlgorithm,
    Trust,
    TrustKind,
    TrustList,
    TrustStore,
    read,
    read_file,
    sign,
    sign_file,
)
from labeler.credentials import _stores as stores
from labeler.errors import SigningError
from labeler.media.media_type import MediaType, sniff_file
from tests.credentials import time_stamping
from tests.credentials.certificates import Shape, issue, issue_root, pem
from tests.credentials.pictures import pages, picture
from tests.sounds import murmur, save

PNG = MediaType.PNG
needs_openssl = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("openssl") is None and os.environ.get("CI") != "true",
        reason="the openssl program is not installed",
    ),
]


@pytest.fixture(scope="module")
def root():
    return issue_root(name="Signers")


@pytest.fixture(scope="module")
def tsa_root():
    return issue_root(name="Clocks")


@pytest.fixture(scope="module")
def authority(tmp_path_factory, tsa_root):
    with time_stamping.running(tmp_path_factory.mktemp("tsa"), tsa_root) as (authority, url):
        yield authority, url


@pytest.fixture(scope="module")
def url(authority):
    return authority[1]


def store(*entries):
    lists = (
        TrustList.parse(pem(root.certificate).encode(), kind=kind, name="test")
        for kind, root in entries
    )
    return TrustStore(lists=tuple(lists))


@pytest.fixture(scope="module")
def trust(root, tsa_root):
    return store((TrustKind.MANIFEST, root), (TrustKind.TSA, tsa_root))


@pytest.fixture(scope="module")
def signer(root, tmp_path_factory):
    return Identity.from_pem_files(*issue(by=root).write(tmp_path_factory.mktemp("signer")))


class TestWithAnAuthority:
    pytestmark = needs_openssl

    def test_the_time_is_read_back(self, definition, signer, trust, url):
        before = datetime.now(UTC) - timedelta(seconds=2)
        signed = sign(picture(), PNG, definition, signer, tsa_url=url, trust=trust)
        reading = signed.reading
        assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
        assert before <= reading.signed_at <= datetime.now(UTC) + timedelta(seconds=2)
        assert reading.time_is_trusted

    def test_sidecars_are_stamped_too(self, definition, signer, trust, url):
        signed = sign(pages(), MediaType.TIFF, definition, signer, tsa_url=url, trust=trust)
        assert signed.sidecar is not None
        assert signed.reading.time_is_trusted

    @pytest.mark.parametrize("suffix", [".wav", ".mp3", ".ogg"])
    def test_files_are_stamped_too(
        self, suffix, definition, signer, trust, url, tmp_path, monkeypatch
    ):
        source = save(tmp_path / f"a{suffix}", murmur(0.5, 16_000, 2))
        with source.open("rb") as stream:
            kind = sniff_file(stream, name=source.name)
        target = tmp_path / f"b{suffix}"
        made = sign_file(source, target, kind, definition, signer, tsa_url=url, trust=trust)
        assert made.reading.time_is_trusted
        monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)
        assert read_file(target, kind, trust=trust, sidecar=made.sidecar) == made.reading

    def test_a_callback_signs_with_a_time_stamp(self, definition, root, trust, url):
        leaf = issue(by=root)
        identity = Identity.from_callback(
            leaf.chain_pem,
            SigningAlgorithm.ES256,
            lambda data: leaf.key.sign(data, ec.ECDSA(hashes.SHA256())),
        )
        signed = sign(picture(), PNG, definition, identity, tsa_url=url, trust=trust)
        assert signed.reading.time_is_trusted

    def test_only_lists_for_authorities_make_a_time_trusted(
        self, definition, signer, root, tsa_root, url
    ):
        data = sign(picture(), PNG, definition, signer, tsa_url=url).data
        for entries in (
            [(TrustKind.MANIFEST, root)],
            [(TrustKind.MANIFEST, root), (TrustKind.MANIFEST, tsa_root)],
            [(TrustKind.MANIFEST, root), (TrustKind.TSA, root)],
        ):
            reading = read(data, PNG, trust=store(*entries))
            assert reading.trust is Trust.TRUSTED
            assert reading.signed_at is not None
            assert not reading.time_is_trusted

    def test_an_expired_signer_is_trusted_only_with_a_trusted_time(
        self, definition, root, tsa_root, trust, tmp_path, url
    ):
        end = datetime.now(UTC) + timedelta(seconds=3)
        leaf = issue(Shape(name="Short-lived", end=end), by=root)
        identity = Identity.from_pem_files(*leaf.write(tmp_path))
        stamped = sign(picture(), PNG, definition, identity, tsa_url=url).data
        bare = sign(picture(), PNG, definition, identity).data
        time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 1.1)

        def verdicts(data, *entries):
            reading = read(data, PNG, trust=store(*entries))
            assert reading.integrity is Integrity.INTACT
            return reading.trust

        signers = (TrustKind.MANIFEST, root)
        assert read(stamped, PNG, trust=trust).trust is Trust.TRUSTED
        assert verdicts(stamped, signers) is Trust.EXPIRED
        assert verdicts(stamped, signers, (TrustKind.MANIFEST, tsa_root)) is Trust.EXPIRED
        assert verdicts(stamped, (TrustKind.TSA, tsa_root)) is Trust.NOT_CHECKED
        assert read(bare, PNG, trust=trust).trust is Trust.EXPIRED
        assert verdicts(bare) is Trust.EXPIRED

    @pytest.mark.parametrize("status", [200, 404, 500])
    def test_an_authority_that_answers_nonsense_is_named(
        self, definition, signer, authority, status
    ):
        service, url = authority
        service.broken = status
        try:
            with pytest.raises(SigningError, match=r"time-stamp authority at 127\.0\.0\.1"):
                sign(picture(), PNG, definition, signer, tsa_url=url)
        finally:
            service.broken = None

    def test_without_its_address_no_authority_is_asked(self, definition, signer, authority, trust):
        service, url = authority
        data = sign(picture(), PNG, definition, signer, tsa_url=url).data
        asked = service.requests
        sign(picture(), PNG, definition, signer)
        read(data, PNG, trust=trust)
        assert service.requests == asked


def test_an_authority_out_of_reach_is_named_without_its_password(definition, signer):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(SigningError, match=r"127\.0\.0\.1 gave no time stamp") as caught:
        sign(picture(), PNG, definition, signer, tsa_url=f"http://user:geheim@127.0.0.1:{port}/tsa")
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None  # it would quote the address
    assert caught.value.hint


@pytest.mark.parametrize("address", ["", "tsa.example", "ftp://tsa.example", "http://"])
def test_addresses_that_are_none_are_refused(definition, signer, address):
    with pytest.raises(SigningError, match="http or https URL"):
        sign(picture(), PNG, definition, signer, tsa_url=address)
