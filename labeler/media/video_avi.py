"""AVI with other pictures, and the packets of all other streams as they were.

Source: "AVI RIFF File Reference" (Microsoft).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from typing import Any, BinaryIO, Final

import av

from labeler.containers import riff
from labeler.containers.chunks import Chunk
from labeler.containers.splice import Span, copy
from labeler.containers.splice import blocks as read_parts
from labeler.errors import UnsupportedMediaError
from labeler.media.content import open_regular
from labeler.media.video_interface import PictureTrack
from labeler.media.video_opening import METADATA_ERRORS, open_film

__all__ = ["replace_pictures"]

_REMUX: Final = "Remux it as MP4 or Matroska first, for example with `ffmpeg -c copy`"
# Chunks at the top that are written anew. A C2PA manifest does not hold for other pictures.
_NEW: Final = frozenset({b"idx1", b"JUNK", b"junk", b"C2PA"})
_NEW_LISTS: Final = frozenset({b"hdrl", b"movi", b"INFO"})
_MOST: Final = 0xFFFFFFFF
# Where the headers of the film and of its pictures say how many frames there are.
_FRAME_COUNTS: Final = {b"avih": slice(16, 20), b"strh": slice(32, 36)}


def replace_pictures(source: Path, pictures: Path, target: Path, *, track: PictureTrack) -> None:
    """Write an AVI film with other pictures.

    Args:
        source: The film.
        pictures: An AVI file with the new pictures and nothing else.
        target: The file to be written.
        track: What is known of the film's pictures.

    Raises:
        UnsupportedMediaError: It has a stream that cannot be copied.
        UnreadableMediaError: It is damaged.
        av.FFmpegError: The film cannot be read, or ``target`` not be written.
        OSError: ``target`` cannot be written.
    """
    try:
        _mux(source, pictures, target, track)
        with open_regular(source) as film, target.open("r+b") as output:
            _restore_headers(film, output, track.index)
            _append_others(film, output)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _mux(source: Path, pictures: Path, target: Path, track: PictureTrack) -> None:
    with ExitStack() as stack:
        film = stack.enter_context(open_film(source, track.media_type))
        coded = stack.enter_context(open_film(pictures, track.media_type))
        url = f"file:{target.absolute()}"
        output = stack.enter_context(
            av.open(url, "w", format="avi", metadata_errors=METADATA_ERRORS)
        )
        output.metadata.update(film.metadata)
        new: Any = coded.streams.video[0]
        streams: dict[int, Any] = {}
        for stream in film.streams:
            is_picture = stream.index == track.index
            streams[stream.index] = _copied(output, new if is_picture else stream)
            streams[stream.index].metadata.update(stream.metadata)
        # Players know films by these letters; they name the same codec as before.
        streams[track.index].codec_context.codec_tag = track.tag
        packets = [_timed(coded, [new], {0: streams[track.index]})]
        kept = [stream for stream in film.streams if stream.index != track.index]
        if kept:
            packets.append(_timed(film, kept, streams))
        for _, _, packet in merge(*packets):
            output.mux(packet)


def _copied(output: av.container.OutputContainer, stream: Any) -> Any:
    if stream.codec_context is None:
        raise UnsupportedMediaError(
            f"the AVI file has a stream of {stream.type} that cannot be copied", hint=_REMUX
        )
    return output.add_stream_from_template(stream, opaque=True)


def _timed(
    container: av.container.InputContainer, streams: list[Any], made: dict[int, Any]
) -> Iterator[tuple[float, int, Any]]:
    """Packets for the new file, each behind its time and the number of its stream there.

    No stream has two packets at one time: so packets themselves are never compared.
    """
    for packet in container.demux(streams):
        if packet.dts is not None:
            time_s = float(packet.dts * packet.time_base)
            packet.stream = made[packet.stream_index]
            yield time_s, packet.stream_index, packet


def _restore_headers(film: BinaryIO, output: BinaryIO, picture: int) -> None:
    """Give all streams but the pictures the headers that they had, and these their frame count.

    FFmpeg counts the packets of some sounds wrongly, and one frame too many of many films.
    """
    old, new = (list(_headers(file)) for file in (film, output))
    for number, (before, after) in enumerate(zip(old, new, strict=True)):
        for kind in (b"avih", b"strh", b"strf"):
            if kind in before and kind in after and len(before[kind]) == len(after[kind]):
                fields = _FRAME_COUNTS.get(kind) if number in {0, picture + 1} else slice(None)
                if fields is not None:
                    data = b"".join(read_parts(film, [before[kind]]))[fields]
                    output.seek(after[kind].start + (fields.start or 0))
                    output.write(data)


def _headers(file: BinaryIO) -> Iterator[dict[bytes, Span]]:
    """Where the headers lie, by their types: first that of the film, then those of each stream."""
    header = next(each for each in riff.parts(file)[0].chunks if each.list_type == b"hdrl")
    found = list(_within(file, Span(header.start + 4, header.end)))
    yield dict(found)
    for kind, lists in found:
        file.seek(lists.start)
        if kind == b"LIST" and file.read(4) == b"strl":
            yield dict(_within(file, Span(lists.start + 4, lists.end)))


def _within(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    """Type and content of the chunks in a stretch of the file."""
    at = span.start
    while at + 8 <= span.end:
        file.seek(at)
        head = file.read(8)
        end = at + 8 + int.from_bytes(head[4:], "little")
        yield head[:4], Span(at + 8, min(end, span.end))
        at = end + (end & 1)


def _append_others(film: BinaryIO, output: BinaryIO) -> None:
    """Put the chunks that FFmpeg does not know, XMP for example, behind everything else."""
    others = [chunk for part in riff.parts(film) for chunk in part.chunks if _is_other(chunk)]
    if not others:
        return
    last = riff.parts(output)[-1]
    # Of the RIFF header, which ends where that of the first chunk in it begins.
    size_at = last.chunks[0].start - 16
    output.seek(last.end)
    for chunk in others:
        copy(film, output, riff.whole(chunk))
    size = output.tell() - size_at - 4
    if size > _MOST:
        raise UnsupportedMediaError("the film is too large for AVI with its metadata", hint=_REMUX)
    output.truncate()
    output.seek(size_at)
    output.write(size.to_bytes(4, "little"))


def _is_other(chunk: Chunk) -> bool:
    return chunk.type not in _NEW and chunk.list_type not in _NEW_LISTS
