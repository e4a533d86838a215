"""Claims that are written into files, and what is looked at afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import tracemalloc

import av
import pytest

from labeler.errors import LabelerError
from labeler.media.media_type import sniff_file
from labeler.metadata import Tags, read_file, write_file
from labeler.provenance import Provenance, SourceType
from tests.media.making import XMP

FULL = Provenance(
    source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
    generator="Speak & <Co>",
    generator_version="2.1-beta",
    prompt='say "hello"\n\u00f6\tfast',
    prompt_writer="Zo\u00eb",
)
EXPECTED = Tags(
    digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/"
    "compositeWithTrainedAlgorithmicMedia",
    source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
    ai_system="Speak & <Co>",
    ai_system_version="2.1-beta",
    prompt='say "hello"\n\u00f6\tfast',
    prompt_writer="Zo\u00eb",
)
RICH_XMP = XMP.replace(
    b"/></x:xmpmeta>",
    b'><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    b"<dc:format>audio/kept</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>",
)
UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def kind_of(path):
    with path.open("rb") as file:
        return sniff_file(file, name=path.name)


def packets(path):
    """What decoders are given: every packet of every track, with its time."""
    with av.open(str(path)) as container:
        return [(p.stream_index, bytes(p), p.pts) for p in container.demux() if p.size]


def written(source, tmp_path, provenance=FULL, *, name="out"):
    target = tmp_path / f"{name}{source.suffix}"
    write_file(source, target, kind_of(source), provenance, name=source.name)
    return target


def exiftool(path):
    """What ExifTool says, by names in lower case."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool (libimage-exiftool-perl) is not installed")
    command = ["exiftool", "-json", "-a", "-all", "-validate", path]
    (tags,) = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    return {name.lower(): value for name, value in tags.items()}


def assert_claimed(tags):
    """See that ExifTool found what `FULL` claims."""
    assert tags["digitalsourcetype"].rpartition("/")[2].replace(" ", "").lower() == (
        "compositewithtrainedalgorithmicmedia"
    )
    assert tags["aisystemused"] == FULL.generator
    assert tags["aisystemversionused"] == FULL.generator_version
    assert tags["aipromptinformation"] == FULL.prompt
    assert tags["aipromptwritername"] == FULL.prompt_writer


def replaced(source, tmp_path):
    """The file with claims, and with others, and with the first again; each reads as it should."""
    first = written(source, tmp_path)
    assert written(first, tmp_path, name="again").read_bytes() == first.read_bytes()
    other = Provenance(source_type=SourceType.COMPOSITE_SYNTHETIC, generator="Sing & <Co>")
    second = written(first, tmp_path, other, name="other")
    tags = read_file(second, kind_of(second))
    assert (tags.source_type, tags.ai_system) == (other.source_type, other.generator)
    # What is left open keeps its value.
    assert (tags.prompt, tags.prompt_writer) == (FULL.prompt, FULL.prompt_writer)
    assert packets(second) == packets(source)
    back = written(second, tmp_path, FULL, name="back")
    assert read_file(back, kind_of(back)) == EXPECTED
    return first, second, back


def assert_survived(data, kind, tmp_path):
    """See that a damaged file gives one clear error, or is written to all the same."""
    source, target = tmp_path / "damaged", tmp_path / "target"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    raised = None
    try:
        write_file(source, target, kind, FULL, name="damaged")
    except LabelerError as error:
        raised = error
    assert target.exists() == (raised is None)
    if raised is None:
        assert read_file(target, kind).ai_system == FULL.generator
    else:
        assert raised.file == "damaged"


def peak_bytes(source, target, kind):
    """The most memory that writing and reading a file takes."""
    tracemalloc.start()
    try:
        write_file(source, target, kind, FULL, name="a")
        assert read_file(target, kind) == EXPECTED
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
