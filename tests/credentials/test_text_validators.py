"""Validators and browsers of others judge the texts that Labeler signs, and Labeler theirs."""

import json
import shutil
import subprocess

import pytest

from labeler.credentials import Integrity, Parent, Place, Trust, can_embed, read, sign
from labeler.media.media_type import MediaType
from tests.credentials.test_text import TEXTS
from tests.credentials.validators import asked, interpreter

pytestmark = pytest.mark.system

ENCYPHER = """
import json, sys
import encypher_c2pa

jobs = json.load(sys.stdin)
reports = []
for file, media_type, sidecar in jobs["files"]:
    report = encypher_c2pa.verify(
        file, media_type, manifest_store=sidecar, trust_pem=jobs["root"],
        no_default_trust=True, telemetry=False, online=False,
    )
    keys = ("signature", "hard_binding", "validation_state")
    reports.append([report.get(key) for key in keys])
json.dump(reports, sys.stdout)
"""
C2PATXT_READ = """
import json, sys
import c2patxt

json.dump([c2patxt.verify(text).state.value for text in json.load(sys.stdin)], sys.stdout)
"""
C2PATXT_WRITE = """
import datetime, json, sys
import c2patxt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

key = Ed25519PrivateKey.generate()
name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Somebody else")])
now = datetime.datetime.now(datetime.timezone.utc)
usage = x509.KeyUsage(True, *[False] * 8)
purpose = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")])
certificate = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(77).not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(days=30))
    .add_extension(usage, True).add_extension(purpose, False)
    .sign(key, None)
)
signer = c2patxt.Signer(key, (certificate,), allow_nonconformant=True)
disclosure = c2patxt.Disclosure(media_type="text/plain", model_type=c2patxt.ModelType.GENERIC)
json.dump([c2patxt.embed(text, signer, disclosure) for text in json.load(sys.stdin)], sys.stdout)
"""
PLAIN = ("Dogs 👍\ufe0f and Dögs.\r\n", "\ufeffD", "देवनागरी\n")
# The page without the manifest is the same tree as before it was signed.
COMPARE = """<!DOCTYPE html><body><script>
const read = (text) => new DOMParser().parseFromString(text, "text/html");
const same = PAIRS.map(([before, after]) => {
  const page = read(after), found = page.querySelectorAll('script[type="application/c2pa"]');
  const inHead = found.length === 1 && found[0].parentNode === page.head;
  found.forEach((each) => each.remove());
  page.normalize();
  const old = read(before);
  return inHead && page.compatMode === old.compatMode
    && page.documentElement.outerHTML === old.documentElement.outerHTML;
});
document.body.textContent = "RESULT " + JSON.stringify(same);
</script>"""
PAGES = (
    *("<!DOCTYPE html><html><head><title>x</title>\n</head><body>y</body></html>", "<p>x", "x"),
    *("<title>x</title>\n<p>y", "<html>\n<body bgcolor=red>x", "<!-- a --> <meta charset=utf-8>x"),
    *("<head><script>'</head>'</script><template><p></template></head>x", "", " \n x"),
    *("<html lang=en><head><noscript><p></noscript>x", "<frameset><frame></frameset>"),
    *("<head><style>a{}</style><link rel=a><b>c</b></head>d", "</head>x", "</p>x", "<head></head>"),
)


@pytest.fixture(scope="module")
def signed(definition, child_definition, identity):
    """Name → file, media type for the validator, sidecar."""
    found = {}
    for kind, data in TEXTS.items():
        one = sign(data, kind, definition, identity)
        parent = Parent(data=one.data, media_type=kind)
        two = sign(one.data, kind, child_definition, identity, parent=parent)
        found[kind.name] = (one.data, kind.value, None)
        found[f"{kind.name} again"] = (two.data, kind.value, None)
    for index, text in enumerate(PLAIN):
        one = sign(text.encode(), MediaType.TEXT, definition, identity, place=Place.INVISIBLE)
        found[f"wrapper {index}"] = (one.data, "text/plain", None)
    one = sign(b"Dogs", MediaType.TEXT, definition, identity)
    # It looks for a wrapper in whatever is called text/plain, and not beside it.
    found["sidecar"] = (one.data, "text/markdown", one.sidecar)
    return found


@pytest.fixture(scope="module")
def c2patxt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("c2patxt")
    python = interpreter("c2patxt==0.2.0", "LABELER_C2PATXT_PYTHON", folder / "venv")
    return lambda script, question: asked(python, script, question, folder)


def test_encypher_trusts_what_is_signed_and_refuses_what_was_changed(
    signed, development, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("encypher")
    python = interpreter("encypher-c2pa==1.7.1", "LABELER_ENCYPHER_PYTHON", folder / "venv")
    files, due = [], []
    for index, (data, media_type, sidecar) in enumerate(signed.values()):
        beside = folder / f"{index}.c2pa"
        if sidecar:
            beside.write_bytes(sidecar)
        old, new = (b"red", b"blu") if media_type == "text/css" else (b"D", b"G")
        for name, content in (("good", data), ("bad", data.replace(old, new, 1))):
            if content == data and name == "bad":
                continue
            file = folder / f"{index}-{name}"
            file.write_bytes(content)
            files.append([str(file), media_type, str(beside) if sidecar else None])
            binding = "match" if name == "good" else "mismatch"
            due.append(["valid", binding, "Trusted" if name == "good" else "Invalid"])
    question = {"root": (development / "root.pem").read_text(), "files": files}
    assert asked(python, ENCYPHER, question, folder) == due


def test_c2patxt_finds_the_wrappers_valid(signed, c2patxt):
    texts = [data.decode() for name, (data, *_) in signed.items() if name.startswith("wrapper")]
    changed = [text.replace("D", "G").replace("द", "न") for text in texts]
    states = c2patxt(C2PATXT_READ, texts + changed)
    assert states == ["valid"] * len(PLAIN) + ["invalid"] * len(PLAIN)


def test_labeler_reads_the_wrappers_of_c2patxt(c2patxt, trust):
    for text in c2patxt(C2PATXT_WRITE, PLAIN[::2]):
        reading = read(text.encode(), MediaType.TEXT, trust=trust)
        assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.UNTRUSTED)
        assert reading.signer_organization == "Somebody else"
        changed = read(
            text.replace("o", "0").replace("द", "न").encode(), MediaType.TEXT, trust=trust
        )
        assert (changed.integrity, changed.trust) == (Integrity.TAMPERED, Trust.UNTRUSTED)


def test_browsers_show_the_same_page(definition, identity, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    pages = [page for page in PAGES if page]
    assert all(can_embed(page.encode(), MediaType.HTML) for page in pages)
    pairs = [
        (page, sign(page.encode(), MediaType.HTML, definition, identity).data.decode())
        for page in pages
    ]
    file = tmp_path / "compare.html"
    file.write_text(COMPARE.replace("PAIRS", json.dumps(pairs).replace("</", "<\\/")))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    same = json.loads(done.stdout.partition("RESULT ")[2].partition("</body>")[0])
    assert [page for page, good in zip(pages, same, strict=True) if not good] == []
