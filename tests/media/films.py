"""Films in MP4 and QuickTime for tests: other pictures for them, and what FFmpeg sees in them."""

import shutil

import av

from labeler.containers import bmff
from labeler.containers.bmff_file import top_boxes
from labeler.containers.bmff_tree import read_node
from labeler.media.mpeg4_pictures import replace_pictures
from tests.clips import FAST


def recoded(
    path, target, *, codec="libx264", form="mov", tag=None, options=(), mux=(), skip=0, too_late=0
):
    """Code the pictures of a film again, as `Video.encode` does; the time of the first of them.

    Args:
        path: The film.
        target: A file that gets nothing but the pictures.
        codec: FFmpeg's encoder.
        form: FFmpeg's muxer.
        tag: Four letters of the codec in the container.
        options: ``(("crf", "30"), ...)`` of the encoder.
        mux: Likewise of the muxer.
        skip: How many of the first pictures are left out.
        too_late: By how much FFmpeg says that pictures are shown later than the file says.
    """
    times = []
    with (
        av.open(str(path), options={"ignore_editlist": "1"}) as film,
        av.open(str(target), "w", format=form, options=dict(mux)) as output,
    ):
        source = film.streams.video[0]
        stream = output.add_stream(codec)
        stream.width, stream.height, stream.pix_fmt = source.width, source.height, source.pix_fmt
        stream.time_base = stream.codec_context.time_base = source.time_base
        stream.options = FAST.get(codec, {}) | dict(options)
        if tag:
            stream.codec_context.codec_tag = tag
        for frame in list(film.decode(source))[skip:]:
            times.append(frame.pts)
            frame.pict_type = 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return min(times) - too_late


def with_new_pictures(path, **options):
    """The film with its pictures coded again, brighter by nothing: only the coding is another."""
    pictures = path.with_name("pictures.mov")
    target = path.with_name(f"new-{path.name}")
    target.unlink(missing_ok=True)
    start = recoded(path, pictures, **options)
    replace_pictures(path, pictures, target, start=start)
    return target


def copied(path, folder):
    """A copy that may be changed."""
    return shutil.copyfile(path, folder / f"film{path.suffix}")


def packets(path, *, but=None):
    """Times and bytes of all packets of each stream, but those of the stream numbered ``but``."""
    found = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.stream_index != but:
                times = (packet.pts, packet.dts, packet.time_base, packet.is_keyframe)
                found.setdefault(packet.stream_index, []).append((*times, bytes(packet)))
    return found


def shown(path):
    """When each picture is shown, seconds, as a player that heeds edit lists does it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


def luma(path):
    """The luma of each picture, bytes."""
    with av.open(str(path)) as container:
        return [bytes(frame.planes[0]) for frame in container.decode(video=0)]


def described(path):
    """What FFmpeg says about a file and its streams, beside times and coding."""
    with av.open(str(path)) as container:
        streams = []
        for stream in container.streams:
            facts = [stream.type, stream.language, stream.time_base, stream.start_time]
            facts += [stream.disposition, stream.metadata.get("handler_name")]
            if stream.type == "video":
                context = stream.codec_context
                facts += [stream.sample_aspect_ratio, context.width, context.height]
                facts += [context.color_range, context.color_primaries, context.color_trc]
                facts += [context.colorspace, next(container.decode(stream)).rotation]
                container.seek(0)
            streams.append(facts)
        return streams, container.chapters(), dict(container.metadata)


def boxes_of(path):
    """Type and content of each box at the top level."""
    data = path.read_bytes()
    with path.open("rb") as file:
        return [(box.type, data[box.body.start : box.body.end]) for box in top_boxes(file)]


def moov_of(path):
    """The tree of the box with the tracks."""
    with path.open("rb") as file:
        (box,) = (box for box in top_boxes(file) if box.type == b"moov")
        return read_node(file, box)


def with_moov(path, change):
    """The file with other tables, which lie behind the packets; these must not lie behind them."""
    moov = moov_of(path)
    change(moov)
    parts = [
        moov.to_bytes() if kind == b"moov" else bmff.make_box(kind, body)
        for kind, body in boxes_of(path)
    ]
    path.write_bytes(b"".join(parts))
    return path


def in_track(number, change):
    """A change to one track, counted from 0."""
    return lambda moov: change(moov.all(b"trak")[number])
