import io
import json
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from shutil import which

import pypdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from labeler.aigc import AigcLabel
from labeler.errors import MetadataError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType, check_name, sniff
from labeler.metadata import Tags, read, write
from labeler.provenance import Provenance
from tests import pdfs
from tests.metadata.claims import EXPECTED, FULL, RICH_XMP

PDF = MediaType.PDF

every_kind = pytest.mark.parametrize("kind", pdfs.KINDS)


def with_xmp(packet, head=b""):
    catalog = pdfs.CATALOG[:-2] + b"/Metadata 7 0 R >>"
    words = b"<< /Type /Metadata /Subtype /XML /Length %d%s >>" % (len(packet), head)
    return pdfs.plain(catalog=catalog, more={7: pdfs.stream(packet, words)})


def test_a_pdf_is_told_by_its_content():
    for make in pdfs.KINDS.values():
        assert sniff(make(), name="a.bin") is PDF
    assert sniff(pdfs.plain(), name="a.txt") is PDF
    check_name(PDF, "a.pdf")
    with pytest.raises(UnreadableMediaError, match="PDF"):
        check_name(PDF, "a.txt")


@every_kind
def test_claims_come_back_and_every_byte_is_kept(kind):
    data = pdfs.KINDS[kind]()
    assert read(data, PDF) == Tags()
    out = write(data, PDF, FULL, name="a.pdf")
    assert out.startswith(data)
    assert read(out, PDF) == EXPECTED
    assert write(out, PDF, FULL, name="a.pdf") == out
    reader = pypdf.PdfReader(io.BytesIO(out), strict=True)
    assert reader.pages[0].extract_text() == pdfs.TEXT
    assert reader.trailer["/Root"]["/Metadata"]["/Subtype"] == "/XML"
    changed = write(out, PDF, Provenance(generator="Other"), name="a.pdf")
    assert changed.startswith(out)
    assert read(changed, PDF).ai_system == "Other"


@pytest.mark.parametrize("squeezed", [False, True])
def test_a_packet_that_is_there_is_added_to(squeezed):
    packet = zlib.compress(RICH_XMP) if squeezed else RICH_XMP
    data = with_xmp(packet, b" /Filter [/FlateDecode]" if squeezed else b"")
    out = write(data, PDF, FULL, name="a.pdf")
    assert out.startswith(data)
    assert b"audio/kept" in out[len(data) :]
    assert read(out, PDF) == EXPECTED
    assert b"7 0 obj" in out[len(data) :]


def test_a_label_that_is_replaced_leaves_the_file_in_front_as_it_was():
    first = Provenance(aigc=AigcLabel(content_producer="A", produce_id="1"))
    second = Provenance(aigc=AigcLabel(content_producer="A", produce_id="2"))
    data = write(pdfs.plain(), PDF, first, name="a.pdf")
    out = write(data, PDF, second, name="a.pdf")
    assert out.startswith(data)
    assert read(out, PDF).aigc == second.aigc


def test_what_cannot_take_metadata_is_refused_by_name():
    with pytest.raises(MetadataError, match="certified") as caught:
        write(pdfs.certified(), PDF, FULL, name="a.pdf")
    assert caught.value.file == "a.pdf"
    with pytest.raises(UnsupportedMediaError, match="encrypted"):
        write(pdfs.plain(extra=b" /Encrypt << >>"), PDF, FULL, name="a.pdf")
    with pytest.raises(MetadataError, match="16 MiB"):
        read(with_xmp(zlib.compress(bytes(17 << 20)), b" /Filter /FlateDecode"), PDF)


@pytest.mark.system
@every_kind
def test_exiftool_reads_the_claims(kind, tmp_path):
    if which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    path = tmp_path / "a.pdf"
    path.write_bytes(write(pdfs.KINDS[kind](), PDF, FULL, name="a.pdf"))
    done = subprocess.run(
        ["exiftool", "-j", "-XMP-iptcExt:all", "-warning", path], capture_output=True, check=True
    )
    found = json.loads(done.stdout)[0]
    assert found["DigitalSourceType"] == EXPECTED.digital_source_type
    assert found["AISystemUsed"] == EXPECTED.ai_system
    assert "Warning" not in found


@pytest.fixture(scope="module")
def signer():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Author")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


@pytest.mark.system
def test_a_signature_in_the_document_goes_on_to_hold(signer, tmp_path):
    if which("pdfsig") is None:
        pytest.skip("pdfsig is not installed")
    data = pdfs.signed(*signer)
    out = write(data, PDF, FULL, name="a.pdf")
    wrong = out.replace(b"Every word", b"Each word ")
    for index, (content, verdict) in enumerate(
        [(data, "is Valid"), (out, "is Valid"), (wrong, "Digest Mismatch")]
    ):
        path = tmp_path / f"{index}.pdf"
        path.write_bytes(content)
        done = subprocess.run(
            ["pdfsig", "-nocert", path], capture_output=True, text=True, check=False
        )
        assert verdict in done.stdout, done
