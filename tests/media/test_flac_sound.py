import re
import shutil
import struct

import numpy as np
import pytest
import soundfile

from labeler.containers import flac
from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.flac import _frames
from labeler.media.media_type import MediaType
from labeler.media.sound import SoundLimits, open_sound
from tests.media.sounds import oracle, quieter, ran, rewritten, samples_of, saved, sound

FRAMES = 20_011


def parse(path):
    with path.open("rb") as file:
        return flac.parse(file)


def blocks_of(path):
    """Type and content of all metadata blocks."""
    data = path.read_bytes()
    spans = [(block.type, block.content) for block in parse(path).blocks]
    return [(kind, data[span.start : span.end]) for kind, span in spans]


def info_of(path):
    return flac.StreamInfo.from_bytes(blocks_of(path)[0][1])


def with_blocks(path, *blocks, head=b"", tail=b""):
    """The file with other metadata blocks behind STREAMINFO."""
    data, parsed = path.read_bytes(), parse(path)
    audio = data[parsed.audio.start :]
    kept = [flac.Block(*blocks_of(path)[0]), *(flac.Block(*each) for each in blocks)]
    path.write_bytes(head + b"".join(flac.block_parts(kept)) + audio + tail)
    return path


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_samples_are_read_and_written_to_the_bit(tmp_path, subtype, channels):
    path = saved(tmp_path / "a.flac", sound(FRAMES, channels), "FLAC", subtype, rate_hz=48_000)
    opened = open_sound(path, name="a")
    assert (opened.media_type, opened.sample_rate_hz) == (MediaType.FLAC, 48_000)
    assert (opened.channels, opened.length) == (channels, FRAMES)
    samples = samples_of(path)
    assert samples.dtype == np.float32
    assert (samples == oracle(path)).all()
    result = rewritten(path)
    assert (oracle(result) == oracle(path)).all()
    assert info_of(result).md5 == info_of(path).md5
    assert soundfile.info(result).subtype == subtype


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_other_samples_are_written_in_the_same_format(tmp_path, subtype):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", subtype)
    result = rewritten(path, quieter)
    step = 2**-15 if subtype == "PCM_16" else 2**-23
    assert np.abs(oracle(result) - 0.7 * oracle(path)).max() <= 0.51 * step + 2**-24
    assert (oracle(result)[4100:6600] == 0).all()
    info = info_of(result)
    assert (info.frames, info.channels, info.bits) == (FRAMES, 2, info_of(path).bits)
    # Our own reader compares the samples with the checksum.
    assert rewritten(result, name="again.flac").exists()


SEEK = struct.pack(">QQH", 0, 0, 4096) + struct.pack(">QQH", 12_288, 5_000, 4096)
UNUSED = b"\xff" * 8 + bytes(10)
VENDOR = struct.pack("<I", 3) + b"abc" + struct.pack("<I", 1)
COMMENT = VENDOR + struct.pack("<I", 9) + b"TITLE=\xc3\xa9t"
COVER = struct.pack(">II10sIIIIII", 3, 10, b"image/jpeg", 0, 8, 8, 24, 0, 5000) + bytes(5000)
LEAD_OUT = struct.pack(">QB12s14xB", 0, 170, b"", 0)
OTHERS = [
    (flac.PICTURE, COVER),
    (flac.APPLICATION, b"riff" + bytes(7)),
    (5, bytes(395) + b"\1" + LEAD_OUT),
    (flac.VORBIS_COMMENT, COMMENT),
    (9, b"not known yet"),
    (1, bytes(33)),
]


def test_metadata_stays_and_the_seek_table_fits(tmp_path):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_16")
    tag, old_tag = b"ID3\4\0\0\0\0\0\x05hello", b"TAG" + bytes(125)
    table = (flac.SEEK_TABLE, SEEK + UNUSED)
    with_blocks(path, OTHERS[0], table, *OTHERS[1:], head=tag, tail=old_tag)
    result = rewritten(path, quieter)
    before, after = blocks_of(path), blocks_of(result)
    assert [kind for kind, _ in after] == [kind for kind, _ in before]
    assert [each for each in after if each[0] not in {0, 3}] == OTHERS
    data = result.read_bytes()
    assert data.startswith(tag + b"fLaC")
    assert data.endswith(old_tag)
    points = flac.parse_seek_points(after[2][1])
    assert points[2] == flac.PLACEHOLDER
    assert points[0].sample == 0 < points[1].sample <= 12_288 < points[1].sample + points[1].samples
    start = parse(result).audio.start
    for point in points[:2]:
        frame = data[start + point.offset :][:16]
        assert flac.frame_samples(frame) == point.samples
        assert frame[4] == point.sample // point.samples  # The number of the frame.
    assert oracle(result).shape == (FRAMES, 2)


def test_points_that_fall_together_become_room(tmp_path):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_16")
    points = [flac.SeekPoint(sample, 0, 100) for sample in (0, 100, 200, 10**9)]
    with_blocks(path, (flac.SEEK_TABLE, flac.pack_seek_points(points)))
    written = flac.parse_seek_points(blocks_of(rewritten(path))[1][1])
    assert written[0].sample == 0
    assert written[1:] == (flac.PLACEHOLDER,) * 3


def test_a_manifest_is_dropped_and_other_tags_stay(tmp_path):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_16")
    body = b"\0application/c2pa\0c2pa\0c2pa\0" + b"x" * 50
    title = b"TIT2" + struct.pack(">I", 4) + b"\0\0\0abc"
    manifest = b"GEOB" + struct.pack(">I", len(body)) + b"\0\0" + body

    def tag(*frames):
        size = sum(map(len, frames))
        return b"ID3\3\0\0\0\0" + bytes([size >> 7, size & 0x7F]) + b"".join(frames)

    with_blocks(path, head=tag(title, manifest))
    assert rewritten(path).read_bytes().startswith(tag(title) + b"fLaC")


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (b"0x060F", ("FL", "FR", "FC", "LFE", "SL", "SR")),
        (None, ("FL", "FR", "FC", "LFE", "BL", "BR")),
        (b"0x3", ("FL", "FR", "FC", "LFE", "BL", "BR")),
    ],
)
def test_channel_names(tmp_path, mask, names):
    path = saved(tmp_path / "a.flac", sound(FRAMES, 6), "FLAC", "PCM_16")
    if mask is not None:
        field = b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=" + mask
        comment = VENDOR + struct.pack("<I", len(field)) + field
        with_blocks(path, (flac.VORBIS_COMMENT, comment))
    assert open_sound(path, name="a").channel_names == names


def test_a_stream_that_does_not_know_its_length(tmp_path):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_16")
    info = info_of(path)
    data = path.read_bytes()
    at = data.index(info.to_bytes())
    unknown = struct.pack(">Q", int.from_bytes(data[at + 10 : at + 18], "big") >> 36 << 36)
    path.write_bytes(data[: at + 10] + unknown + bytes(16) + data[at + 34 :])
    opened = open_sound(path, name="a")
    assert (opened.length, opened.duration_s) == (None, None)
    result = rewritten(path)
    assert (info_of(result).frames, info_of(result).md5) == (FRAMES, info.md5)
    whole = np.concatenate(list(opened.blocks()))
    with pytest.raises(ValueError, match=f"{FRAMES} frames are expected"):
        opened.encode([whole[:-1]], tmp_path / "b.flac")
    with pytest.raises(MediaTooLargeError, match="are allowed"):
        list(open_sound(path, name="a", limits=SoundLimits(max_frames=FRAMES - 1)).blocks())


def test_samples_of_eight_bits_are_read_only(tmp_path):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_S8")
    assert (samples_of(path) == oracle(path)).all()
    with pytest.raises(UnsupportedMediaError, match="8 bits, which can be read"):
        rewritten(path)
    assert not (tmp_path / "rewritten-a.flac").exists()


def damaged_at(path, fraction):
    data = bytearray(path.read_bytes())
    at = int(fraction * len(data))
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.95])
def test_damage_is_passed_over_when_reading_and_refused_when_writing(tmp_path, fraction):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_16")
    whole = samples_of(path)
    damaged_at(path, fraction)
    left = samples_of(path)
    assert left.shape == whole.shape
    assert (left == whole).all(axis=1).mean() > 0.6 * min(fraction, 0.8)
    with pytest.raises(UnreadableMediaError) as caught:
        rewritten(path)
    assert caught.value.file == "a.flac"
    assert not (tmp_path / "rewritten-a.flac").exists()


@pytest.mark.parametrize("more", [0, 1, 100])
def test_a_truncated_file_is_not_written(tmp_path, more):
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", "PCM_16")
    audio = parse(path).audio
    with path.open("rb") as file:
        end = audio.start + sum(map(len, list(_frames(file, audio))[:2]))
    whole = samples_of(path)
    path.write_bytes(path.read_bytes()[: end + more])
    left = samples_of(path)
    assert (left[:8192] == whole[:8192]).all()
    with pytest.raises(UnreadableMediaError, match=r"samples|decoded"):
        rewritten(path)
    path.write_bytes(path.read_bytes()[: audio.start + 10])
    with pytest.raises(UnreadableMediaError):
        samples_of(path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"fLaC", "no metadata block at byte 4"),
        (b"fLaC\x80\0\0\x22" + bytes(20), "middle of its metadata"),
        (b"fLaC\x80\0\0\x04" + bytes(4), "too short"),
        (b"fLaC\x81\0\0\x22" + bytes(34), "does not begin with its STREAMINFO"),
        (b"fLaC\xff\0\0\x22" + bytes(34), "no metadata block"),
        (b"fLaC\x80\0\0\x22" + bytes(34), "no sample rate"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path, data, says):
    path = tmp_path / "a.flac"
    path.write_bytes(data)
    with pytest.raises(UnreadableMediaError, match=says):
        open_sound(path, name="a")


@pytest.mark.system
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_the_reference_decoder_finds_nothing_wrong(tmp_path, subtype):
    if shutil.which("flac") is None:
        pytest.skip("flac is not installed")
    path = saved(tmp_path / "a.flac", sound(FRAMES), "FLAC", subtype)
    with_blocks(path, (flac.SEEK_TABLE, SEEK + UNUSED), (flac.VORBIS_COMMENT, COMMENT))
    ran("flac", "--test", "--silent", "--warnings-as-errors", rewritten(path, quieter))


@pytest.mark.system
def test_ffmpeg_hears_the_same(tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = saved(tmp_path / "a.flac", sound(FRAMES, 6), "FLAC", "PCM_24")
    digests = {
        ran("ffmpeg", "-v", "error", "-i", each, "-f", "md5", "-c:a", "pcm_s24le", "-")
        for each in (path, rewritten(path))
    }
    assert len(digests) == 1
    assert re.fullmatch(rb"MD5=[0-9a-f]{32}\n", digests.pop())
