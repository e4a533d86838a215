"""A second validator, written by others in another language, judges what Labeler signs.

encypher-c2pa runs in an environment of its own: the interpreter named by LABELER_ENCYPHER_PYTHON,
or one that is made for the session.
"""

import json
import os
import subprocess

import pytest

from labeler.credentials import Parent, describe, sign, sign_file
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance
from tests import pdfs
from tests.clips import clip
from tests.credentials import validators
from tests.credentials.certificates import NOW
from tests.credentials.pictures import EMBEDDED, pages, picture
from tests.sounds import murmur, save

REQUIREMENT = "encypher-c2pa==1.7.1"
SOUNDS = {
    ".wav": MediaType.WAV,
    ".mp3": MediaType.MP3,
    ".flac": MediaType.FLAC,
    ".m4a": MediaType.M4A,
    ".ogg": MediaType.OGG,
}
FILMS = {
    ".mp4": (MediaType.MP4, {"sound": "aac", "mux": (("movflags", "+faststart"),)}),
    ".mov": (MediaType.MOV, {"sound": "pcm"}),
    ".avi": (MediaType.AVI, {"codec": "mpeg4"}),
}
IN_CI = os.environ.get("CI") == "true"

# Runs there: reads jobs from standard input, writes reports to standard output.
SCRIPT = """
import json, sys
import encypher_c2pa

jobs = json.load(sys.stdin)
reports = []
for job in jobs["files"]:
    report = encypher_c2pa.verify(
        job["file"], job["media_type"], manifest_store=job["sidecar"], trust_pem=jobs["root"],
        no_default_trust=True, telemetry=False, online=False,
    )
    reports.append({key: report.get(key) for key in
                    ("present", "integrity", "signature", "hard_binding", "validation_state")})
json.dump(reports, sys.stdout)
"""

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encypher") / "venv"
    return validators.interpreter(REQUIREMENT, "LABELER_ENCYPHER_PYTHON", folder)


def changed(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def sources(folder):
    for suffix, kind in SOUNDS.items():
        yield suffix, kind, save(folder / f"a{suffix}", murmur(0.5, 16_000, 2))
    for suffix, (kind, options) in FILMS.items():
        yield suffix, kind, clip(suffix, width=64, height=48, frames=12, **options)


def file_cases(folder, definition, identity):
    """Files that Labeler itself embeds a manifest in, and some that have it beside them."""
    for suffix, kind, source in sources(folder):
        made = sign_file(source, folder / f"b{suffix}", kind, definition, identity)
        data = made.path.read_bytes()
        yield suffix, (data, kind, made.sidecar, "Trusted")
        at = 200 if made.sidecar else len(data) // 2
        yield f"tampered {suffix}", (changed(data, at), kind, made.sidecar, "Invalid")


@pytest.fixture(scope="module")
def cases(definition, child_definition, identity, tmp_path_factory):
    """Name → file, media type, sidecar, and the state that is due."""
    signed = {kind: sign(picture(kind), kind, definition, identity).data for kind in EMBEDDED}
    cases = {kind.name: (data, kind, None, "Trusted") for kind, data in signed.items()}
    png = signed[MediaType.PNG]
    bad = changed(png, png.rindex(b"IDAT") + 60)
    cases["tampered"] = (bad, MediaType.PNG, None, "Invalid")
    prompt = describe(
        Provenance(generator="Model", prompt="a dog", prompt_writer="Ana", title="A dog"), now=NOW
    )
    with_prompt = sign(picture(), MediaType.PNG, prompt, identity).data
    cases["with a prompt"] = (with_prompt, MediaType.PNG, None, "Trusted")
    for name, source in (("unsigned parent", picture()), ("signed parent", png)):
        parent = Parent(data=source, media_type=MediaType.PNG)
        child = sign(
            picture(MediaType.JPEG), MediaType.JPEG, child_definition, identity, parent=parent
        )
        cases[name] = (child.data, MediaType.JPEG, None, "Trusted")
    for name, made in pdfs.KINDS.items():
        document = sign(made(), MediaType.PDF, definition, identity).data
        cases[f"{name} PDF"] = (document, MediaType.PDF, None, "Trusted")
        wrong = changed(document, 9)
        cases[f"tampered {name} PDF"] = (wrong, MediaType.PDF, None, "Invalid")
    tiff = sign(pages(), MediaType.TIFF, definition, identity)
    cases["sidecar"] = (tiff.data, MediaType.TIFF, tiff.sidecar, "Trusted")
    wrong = (changed(tiff.data, 300), MediaType.TIFF, tiff.sidecar, "Invalid")
    cases["sidecar of a tampered file"] = wrong
    return cases | dict(file_cases(tmp_path_factory.mktemp("files"), definition, identity))


@pytest.fixture(scope="module")
def reports(interpreter, cases, development, tmp_path_factory):
    folder, jobs = tmp_path_factory.mktemp("cases"), []
    for index, (data, media_type, sidecar, _) in enumerate(cases.values()):
        file = folder / f"{index}{media_type.extension}"
        file.write_bytes(data)
        beside = folder / f"{index}.c2pa" if sidecar else None
        if beside:
            beside.write_bytes(sidecar)
        jobs.append(
            {
                "file": str(file),
                "media_type": media_type.value,
                "sidecar": beside and str(beside),
            }
        )
    request = json.dumps({"root": (development / "root.pem").read_text(), "files": jobs})
    done = subprocess.run(
        [interpreter, "-c", SCRIPT],
        input=request,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # Nothing of the session's own environment leaks into the other interpreter.
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(
    "name",
    [
        *(kind.name for kind in EMBEDDED),
        "with a prompt",
        "unsigned parent",
        "signed parent",
        "sidecar",
        "tampered",
        "sidecar of a tampered file",
        *(f"{name} PDF" for name in pdfs.KINDS),
        *(f"tampered {name} PDF" for name in pdfs.KINDS),
        *SOUNDS,
        *FILMS,
        *(f"tampered {suffix}" for suffix in (*SOUNDS, *FILMS)),
    ],
)
def test_the_second_validator_agrees(cases, reports, name):
    report, due = reports[name], cases[name][3]
    assert report["present"] is True
    assert report["validation_state"] == due, report
    assert report["signature"] == "valid"
    assert report["hard_binding"] == ("match" if due == "Trusted" else "mismatch")
