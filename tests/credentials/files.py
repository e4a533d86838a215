"""What is looked at in signed files, whatever they hold."""

from __future__ import annotations

import subprocess
import sys

import av
import c2pa

from labeler.media.media_type import sniff_file


def kind_of(path):
    with path.open("rb") as file:
        return sniff_file(file, name=path.name)


def packets(path):
    """What decoders are given: every packet of every track, with its time."""
    with av.open(str(path)) as container:
        return [(p.stream_index, bytes(p), p.pts, p.dts) for p in container.demux() if p.size]


def plain_reader(path, sidecar, development, media_type=None):
    """c2pa-python as anyone would call it."""
    root = (development / "root.pem").read_text()
    anchors = [{"trust_anchors": root, "trust_kind": "manifest"}]
    context = c2pa.Context.from_dict({"trust": {"anchors": anchors}})
    with path.open("rb") as stream:
        return c2pa.Reader(media_type or kind_of(path).value, stream, sidecar, context=context)


def edited(path, at, *, name="edited"):
    """A copy of the file with one bit changed."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    copy = path.with_name(name + path.suffix)
    copy.write_bytes(data)
    return copy


def places(path):
    """Bytes of the file to change, outside the manifest: that has room that nothing protects."""
    data = path.read_bytes()
    start = data.find(b"jumb") - 4
    end = start + int.from_bytes(data[start : start + 4], "big") if start > 0 else start
    # The first bytes name the format; MPEG-4's minor version may change (C2PA 2.4, A.5).
    found = (*range(40, len(data), len(data) // 20), len(data) - 1)
    return [at for at in found if not start <= at < end]


_BOUNDED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from labeler.credentials import describe, load_development_identity, read_file, sign_file
from labeler.credentials import TrustStore
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance

source, target, directory = map(Path, sys.argv[1:4])
kind = MediaType(sys.argv[4])
identity = load_development_identity(directory)
trust = TrustStore.from_development_identity(directory)
definition = describe(Provenance(), now=datetime.now(UTC))
signed = sign_file(source, target, kind, definition, identity, trust=trust)
assert read_file(target, kind, trust=trust, sidecar=signed.sidecar).trust == "trusted"
# What a parent process had counts in getrusage, and not here.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def memory_mib(source, target, development, kind):
    """The most memory that a process has while it signs and reads a file; Linux only."""
    command = [sys.executable, "-c", _BOUNDED, source, target, development, kind.value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
