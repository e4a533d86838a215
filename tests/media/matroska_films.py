"""Matroska films for tests: other pictures for them, and what is in them as others see it."""

import hashlib
import json
import re
import subprocess

import av
from hypothesis import strategies as st

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.ebml import make
from labeler.media.matroska_pictures import replace_pictures
from tests.clips import FAST

SEGMENT = b"\x18\x53\x80\x67"
SMALL = {"width": 96, "height": 64}
WORDS = ((0.1, 0.4, "one"), (0.5, 0.9, "two"))
MUTATIONS = st.tuples(
    st.lists(st.tuples(st.integers(0, 1 << 30), st.binary(min_size=1, max_size=4)), max_size=3),
    st.none() | st.integers(0, 1 << 30),
)
"""What `mutated` does to a file: bytes that change, and where it ends."""
CHAPTERS, ATTACHMENTS = b"\x10\x43\xa7\x70", b"\x19\x41\xa4\x69"
WRITTEN_ANEW = {matroska.SEEK_HEAD, matroska.CUES, matroska.INFO, matroska.TRACKS}


def recoded(path, target, *, codec=None, decoder=None, **options):
    """The first picture track of ``path``, encoded anew, alone in a Matroska file."""
    with av.open(str(path)) as source, av.open(str(target), "w", format="matroska") as output:
        old = source.streams.video[0]
        codec = codec or {"h264": "libx264", "vp9": "libvpx-vp9"}[old.codec_context.name]
        pictures = list(decoded(source, old, decoder))
        new = output.add_stream(codec)
        new.width, new.height, new.pix_fmt = old.width, old.height, pictures[0].format.name
        new.options = FAST.get(codec, {}) | {"crf": "30"} | options
        new.codec_context.time_base = old.time_base
        for picture in pictures:
            picture.time_base = old.time_base
            picture.pict_type = 0
            output.mux(new.encode(picture))
        output.mux(new.encode(None))
    return target


def decoded(container, stream, decoder=None):
    """The frames of a picture track, decoded by FFmpeg's decoder of a name."""
    if decoder is None:
        yield from container.decode(stream)
        return
    context = av.CodecContext.create(decoder, "r")
    for packet in container.demux(stream):
        yield from context.decode(packet if packet.size else None)


def replaced(path, tmp_path, **options):
    """The film with other pictures, and the file that these came from."""
    pictures = recoded(path, tmp_path / "pictures.mkv", **options)
    target = tmp_path / f"new{path.suffix}"
    replace_pictures(path, pictures, target)
    return target, pictures


def packets_of(path):
    """Time, duration, digest, key flag and side data of each packet, by stream, as FFmpeg reads."""
    found = {}
    with av.open(str(path)) as container:
        for stream in container.streams:
            found[stream.index] = []
        for packet in container.demux():
            if packet.size:
                beside = sorted((each.data_type, bytes(each)) for each in packet.iter_sidedata())
                found[packet.stream_index].append(
                    (
                        packet.pts,
                        packet.duration,
                        hashlib.sha256(bytes(packet)).hexdigest(),
                        packet.is_keyframe,
                        beside,
                    )
                )
    return found


def frames_of(path):
    """Time and content of each block of each track, by number; lacing and flags as they are."""
    found = {}
    with path.open("rb") as file:
        for block in matroska_blocks.blocks(file, matroska.read_layout(file)):
            file.seek(block.body.start)
            data = file.read(len(block.body))
            fields = [(each.id, ebml.content(file, each)) for each in block.fields]
            kind = block.element.id
            found.setdefault(block.track, []).append((block.time, block.flags, data, kind, fields))
    return found


def elements_of(path):
    """Number and content of each element of the segment beside clusters."""
    with path.open("rb") as file:
        return [
            (element.id, ebml.content(file, element))
            for element in matroska.read_layout(file).elements
        ]


def kept_of(path):
    """Those that nothing has to change in."""
    return [each for each in elements_of(path) if each[0] not in WRITTEN_ANEW]


def entry_of(path, number=1):
    """The fields of a track's entry, those of its video settings among them."""
    tracks = dict(elements_of(path))[matroska.TRACKS]
    for kind, body in ebml.children(tracks):
        fields = list(ebml.children(body)) if kind == matroska.TRACK_ENTRY else []
        if (matroska.TRACK_NUMBER, bytes([number])) in fields:
            video = dict(fields).get(b"\xe0", b"")
            return dict([*fields, *((b"\xe0" + kind, each) for kind, each in ebml.children(video))])
    raise LookupError(number)


def with_tracks(path, change):
    """Change the content of Tracks in a file; what makes it larger or smaller moves the rest."""
    edited(path, matroska.TRACKS, change)


def edited(path, kind, change):
    """The file with other content in its element of a number, and a segment without size."""
    data = path.read_bytes()
    with path.open("rb") as file:
        layout = matroska.read_layout(file)
    (element,) = [each for each in layout.elements if each.id == kind]
    new = make(kind, change(data[element.body.start : element.body.end]))
    head = data[: layout.head.end] + SEGMENT + b"\x01" + b"\xff" * 7
    path.write_bytes(
        head + data[layout.body.start : element.start] + new + data[element.body.end :]
    )


def probed(path, *options):
    """What ffprobe says, as a dict; a warning is an error."""
    command = ["ffprobe", "-v", "warning", "-of", "json", *options, path]
    done = subprocess.run(command, check=True, capture_output=True)
    assert done.stderr == b""
    return json.loads(done.stdout)


def warnings_of(path):
    """What ffmpeg says when it decodes everything in a file."""
    command = ["ffmpeg", "-v", "warning", "-i", path, "-map", "0:v", "-map", "0:a?"]
    # Its own writer of nothing rounds times to frames.
    command += ["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return re.sub(r" @ 0x[0-9a-f]+", "", said)


def film(*clusters, tracks, scale=1_000_000, info=(), extra=b"", doc_version=4):
    """A whole file put together by hand; ``clusters``: lists of elements."""
    header = make(
        b"\x1a\x45\xdf\xa3",
        make(b"\x42\x82", b"matroska"),
        make(b"\x42\x87", bytes([doc_version])),
        make(b"\x42\x85", bytes([min(doc_version, 2)])),
    )
    body = [
        make(matroska.INFO, make(matroska.TIMESTAMP_SCALE, scale.to_bytes(4, "big")), *info),
        make(matroska.TRACKS, *tracks),
        *(make(matroska.CLUSTER, *cluster) for cluster in clusters),
        extra,
    ]
    return header + make(SEGMENT, *body, size_bytes=8)


def track(number, kind, codec, *fields):
    """A track's entry."""
    return make(
        matroska.TRACK_ENTRY,
        make(matroska.TRACK_NUMBER, bytes([number])),
        make(matroska.TRACK_UID, bytes([100 + number])),
        make(matroska.TRACK_TYPE, bytes([kind])),
        make(matroska.CODEC_ID, codec),
        *fields,
    )


def stamp(time):
    """The time of a cluster."""
    return make(matroska.TIMESTAMP, time.to_bytes(8, "big"))


def simple(number, offset, data, flags=0x80):
    """A block."""
    head = bytes([0x80 | number]) + offset.to_bytes(2, "big", signed=True) + bytes([flags])
    return make(matroska.SIMPLE_BLOCK, head + data)


def group(number, offset, data, *fields, flags=0):
    """A block with other elements beside it."""
    head = bytes([0x80 | number]) + offset.to_bytes(2, "big", signed=True) + bytes([flags])
    return make(matroska.BLOCK_GROUP, make(matroska.BLOCK, head + data), *fields)


def copied(path, tmp_path):
    """A copy that may be changed."""
    copy = tmp_path / f"film{path.suffix}"
    copy.write_bytes(path.read_bytes())
    return copy


def mutated(data, mutations):
    """A film with other bytes in some places, most of them in its headers, or cut off."""
    changes, end = mutations
    new = bytearray(data)
    heads = data.index(matroska.CLUSTER) + 200
    for number, piece in changes:
        at = number % (heads if number % 3 else len(data) - 4)
        new[at : at + len(piece)] = piece
    return bytes(new if end is None else new[: end % len(new)])
