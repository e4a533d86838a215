import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import SoundLimits, open_sound
from tests.media.sounds import (
    oracle,
    quieter,
    refuses_after_what_is_left,
    rewritten,
    samples_of,
    saved,
    sound,
)

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"]
STEPS = {"PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-31}


def chunk(kind, data, *, pad=b"\0"):
    return kind + struct.pack("<I", len(data)) + data + pad * (len(data) & 1)


def wav(*chunks, tail=b""):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body + tail


def fmt(tag=1, channels=1, rate=8000, align=2, bits=16, more=b""):
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits) + more
    )


def extensible(tag, valid, mask, *, tail="000000001000800000aa00389b71"):
    return struct.pack("<HHIH", 22, valid, mask, tag) + bytes.fromhex(tail)


def put(tmp_path, data, name="a.wav"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_samples_are_read_and_written_to_the_bit(tmp_path, subtype, channels):
    path = saved(tmp_path / "a.wav", sound(channels=channels), "WAV", subtype)
    opened = open_sound(path, name="a")
    assert (opened.media_type, opened.sample_rate_hz) == (MediaType.WAV, 44_100)
    assert (opened.channels, opened.length) == (channels, 5003)
    assert opened.duration_s == pytest.approx(5003 / 44_100)
    samples = samples_of(path)
    assert samples.dtype == (np.float64 if subtype in {"PCM_32", "DOUBLE"} else np.float32)
    assert (samples == oracle(path)).all()
    assert rewritten(path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_other_samples_are_written_in_the_same_format(tmp_path, form, subtype):
    path = saved(tmp_path / "a.wav", sound(), form, subtype)
    result = rewritten(path, quieter)
    step = STEPS.get(subtype, 2**-24)
    assert np.abs(oracle(result) - 0.7 * oracle(path)).max() <= 0.51 * step + 2**-24
    assert (oracle(result)[1100:1600] == 0).all()
    facts = ("format", "subtype", "samplerate", "channels", "frames")
    before, after = soundfile.info(path), soundfile.info(result)
    assert [getattr(after, fact) for fact in facts] == [getattr(before, fact) for fact in facts]
    assert result.stat().st_size == path.stat().st_size


def test_rounding_is_to_the_nearest_and_clips(tmp_path):
    path = put(tmp_path, wav(fmt(), chunk(b"data", bytes(2 * 8))))
    steps = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 40_000, -40_000, 32_767.4]) / 32_768
    result = tmp_path / "b.wav"
    open_sound(path, name="a").encode([steps[:, None]], result)
    written = np.frombuffer(result.read_bytes()[44:], "<i2")
    assert written.tolist() == [0, 2, 2, 0, -2, 32_767, -32_768, 32_767]


@pytest.mark.parametrize("subtype", ["ALAW", "ULAW"])
def test_companded_samples_go_to_the_nearest_code(tmp_path, subtype):
    codes = np.arange(256, dtype=np.uint8).tobytes()
    tag = {"ALAW": 6, "ULAW": 7}[subtype]
    path = put(tmp_path, wav(fmt(tag, align=1, bits=8), chunk(b"data", codes)))
    values = samples_of(path)
    assert (values == oracle(path)).all()
    assert rewritten(path).read_bytes() == path.read_bytes()
    rng = np.random.default_rng(0)
    wanted = rng.uniform(-1, 1, (256, 1))
    result = tmp_path / "b.wav"
    open_sound(path, name="a").encode([wanted], result)
    errors = np.abs(samples_of(result) - wanted)
    assert errors == pytest.approx(np.abs(wanted - values.T).min(axis=1, keepdims=True))


def test_twenty_bits_in_three_bytes(tmp_path):
    rng = np.random.default_rng(0)
    stored = (rng.integers(-(2**19), 2**19, 500) << 4).astype("<i4")
    data = stored.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    head = fmt(0xFFFE, align=3, bits=24, more=extensible(1, 20, 4))
    path = put(tmp_path, wav(head, chunk(b"data", data)))
    assert open_sound(path, name="a").channel_names == ("FC",)
    assert rewritten(path).read_bytes() == path.read_bytes()
    assert (samples_of(path)[:, 0] == stored / 2**23).all()
    written = np.round(samples_of(rewritten(path, quieter))[:, 0] * 2**23).astype(int)
    assert (written % 16 == 0).all()
    assert np.abs(written - 0.7 * stored).max() <= 8.01


def test_bits_that_the_header_does_not_count_are_kept_where_they_are_used(tmp_path):
    data = sound(500, 1).tobytes()[:1500]
    head = fmt(0xFFFE, align=3, bits=24, more=extensible(1, 20, 4))
    path = put(tmp_path, wav(head, chunk(b"data", data)))
    assert rewritten(path).read_bytes() == path.read_bytes()


FOREIGN = [
    chunk(b"bext", bytes(602)),
    chunk(b"iXML", b"<BWFXML/>"),
    chunk(b"JUNK", bytes(27)),
    chunk(b"LIST", b"INFOINAM\4\0\0\0abc\0"),
    chunk(b"LIST", b"adtllabl\x06\0\0\0\1\0\0\0A\0"),
    chunk(b"cue ", struct.pack("<I", 0)),
    chunk(b"smpl", bytes(36)),
    chunk(b"id3 ", b"ID3\4\0\0\0\0\0\0"),
    chunk(b"_PMX", b"<x/>", pad=b""),
    chunk(b"abcd", b"odd", pad=b"\xaa"),
]


@pytest.mark.parametrize("tail", [b"", b"trailing bytes"])
def test_all_other_chunks_stay_where_they_are(tmp_path, tail):
    samples = chunk(b"data", sound(501, 1).tobytes()[:1003])
    whole = wav(*FOREIGN[:5], fmt(), *FOREIGN[5:8], samples, *FOREIGN[8:], tail=tail)
    path = put(tmp_path, whole)
    assert rewritten(path).read_bytes() == whole
    other = rewritten(path, quieter).read_bytes()
    at = whole.index(samples) + 8
    assert other[:at] == whole[:at]
    assert other[at : at + 1002] != whole[at : at + 1002]
    assert other[at + 1002 :] == whole[at + 1002 :]


def test_what_does_not_hold_for_other_samples_is_dropped(tmp_path):
    samples = chunk(b"data", bytes(100))
    path = put(tmp_path, wav(fmt(), chunk(b"C2PA", b"abc"), samples, chunk(b"MD5 ", bytes(16))))
    assert rewritten(path).read_bytes() == wav(fmt(), samples)


@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_files_for_more_than_four_gibibytes(tmp_path, form):
    samples = sound(500, 1).tobytes()[:1000]
    ds64 = struct.pack("<QQQI", 0, 1000, 500, 0)
    body = chunk(b"ds64", ds64) + fmt() + b"data" + b"\xff" * 4 + samples + chunk(b"abcd", b"xy")
    body = body.replace(ds64, struct.pack("<Q", 4 + len(body)) + ds64[8:])
    whole = form + b"\xff" * 4 + b"WAVE" + body
    path = put(tmp_path, whole)
    assert open_sound(path, name="a").length == 500
    assert rewritten(path).read_bytes() == whole


def test_a_file_of_five_gibibytes_is_opened_at_its_end(tmp_path):
    size = 5 << 30
    ds64 = struct.pack("<QQQI", size + 70, size, size // 2, 0)
    head = b"RF64" + b"\xff" * 4 + b"WAVE" + chunk(b"ds64", ds64) + fmt() + b"data" + b"\xff" * 4
    path = put(tmp_path, head)
    with path.open("r+b") as file:
        file.truncate(len(head) + size)
        file.seek(0, 2)
        file.write(chunk(b"abcd", b"xy"))
    opened = open_sound(path, name="a")
    assert opened.length == size // 2
    assert (next(opened.blocks(100)) == 0).all()


def test_an_hour_takes_no_more_memory_than_a_second(tmp_path):
    size = 100 << 20
    head = wav(fmt(channels=2, align=4, rate=44_100), chunk(b"data", b""))
    path = put(tmp_path, head[:-4] + struct.pack("<I", size))
    with path.open("r+b") as file:
        file.truncate(len(head) + size)
    opened, target = open_sound(path, name="a"), tmp_path / "b.wav"
    tracemalloc.start()
    opened.encode(opened.blocks(), target)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 << 20
    assert target.stat().st_size == path.stat().st_size
    target.unlink()  # The samples are on the disk now, and pytest would keep them.


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (36, 0), (0x7FFFF024, 0x7FFFF000), (0x80000024, 0x80000000)],
)
def test_sizes_that_were_never_filled_in(tmp_path, riff_size, data_size):
    whole = wav(fmt(), chunk(b"data", sound(500, 1).tobytes()[:1000]))
    streamed = (
        whole[:4] + struct.pack("<I", riff_size) + whole[8:40]
        + struct.pack("<I", data_size) + whole[44:]
    )  # fmt: skip
    path = put(tmp_path, streamed)
    assert open_sound(path, name="a").length == 500
    assert rewritten(path).read_bytes() == whole


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.999])
def test_a_truncated_file_is_read_to_its_end_and_not_written(tmp_path, keep):
    data = saved(tmp_path / "a.wav", sound(), "WAV", "PCM_16").read_bytes()
    refuses_after_what_is_left(put(tmp_path, data[: int(keep * len(data))]), "data")


@pytest.mark.parametrize("case", [chunk(b"data", b"1234")[:8], chunk(b"data", b"1234")[:9]])
def test_samples_that_are_all_missing_are_refused_at_once(tmp_path, case):
    path = put(tmp_path, wav(fmt(), case))
    with pytest.raises(UnreadableMediaError, match="middle of its data chunk"):
        open_sound(path, name="a")


def test_samples_before_a_truncated_chunk_are_read(tmp_path):
    whole = wav(fmt(), chunk(b"data", sound(500, 1).tobytes()[:1000]), chunk(b"id3 ", bytes(50)))
    path = put(tmp_path, whole[:-1])
    refuses_after_what_is_left(path, "id3")
    assert open_sound(path, name="a").length == 500


@pytest.mark.parametrize(
    ("subtype", "says"),
    [("IMA_ADPCM", "IMA ADPCM"), ("MS_ADPCM", "Microsoft ADPCM"), ("GSM610", "GSM")],
)
def test_compressed_samples_are_refused_by_name(tmp_path, subtype, says):
    path = saved(tmp_path / "a.wav", sound(channels=1), "WAV", subtype)
    with pytest.raises(UnsupportedMediaError, match=says):
        open_sound(path, name="a")


DATA = chunk(b"data", bytes(1000))
LIES = {
    "no fmt": (wav(DATA), "fmt"),
    "no data": (wav(fmt()), "data"),
    "short fmt": (wav(chunk(b"fmt ", bytes(12)), DATA), "too short"),
    "short extensible": (wav(fmt(0xFFFE), DATA), "too short"),
    "no samples": (wav(fmt(), chunk(b"data", b""), chunk(b"abcd", b"xy")), "no samples"),
    "no channels": (wav(fmt(channels=0), DATA), "no channels"),
    "no rate": (wav(fmt(rate=0), DATA), "no sample rate"),
    "mad rate": (wav(fmt(rate=10**9), DATA), "samples a second"),
    "uneven frames": (wav(fmt(channels=2, align=3), DATA), "take 3 bytes"),
    "no frame size": (wav(fmt(align=0), DATA), "take 0 bytes"),
    "more bits than bytes": (wav(fmt(bits=24), DATA), "24 bits in 2 bytes"),
    "five bytes": (wav(fmt(align=5, bits=40), DATA), "40 bits in 5 bytes"),
    "half floats": (wav(fmt(tag=3), DATA), "float numbers of 16 bits"),
    "unknown codec": (wav(fmt(tag=0x4321), DATA), "0x4321"),
    "foreign GUID": (
        wav(fmt(0xFFFE, more=extensible(1, 16, 4, tail="00" * 14)), DATA),
        "only some program",
    ),
    "DTS": (wav(fmt(), chunk(b"data", b"\xff\x1f\x00\xe8" + bytes(96))), "DTS"),
    "junk for a chunk": (wav(b"\0\1\2\3\4\5\6\7", fmt(), DATA), "no chunk at byte 12"),
    "RF64 without ds64": (b"RF64" + wav(fmt(), DATA)[4:], "ds64"),
}


@pytest.mark.parametrize("case", LIES)
def test_headers_that_lie_are_refused(tmp_path, case):
    data, says = LIES[case]
    with pytest.raises((UnreadableMediaError, UnsupportedMediaError), match=says) as caught:
        open_sound(put(tmp_path, data), name="a.wav")
    assert caught.value.file == "a.wav"


def test_samples_that_are_no_numbers_are_refused(tmp_path):
    samples = np.array([0, 1, np.nan, 0.5], "<f4").tobytes()
    path = put(tmp_path, wav(fmt(tag=3, align=4, bits=32), chunk(b"data", samples)))
    with pytest.raises(UnreadableMediaError, match="not numbers") as caught:
        samples_of(path)
    assert caught.value.file == "a.wav"


def test_floats_beyond_full_scale_stay(tmp_path):
    samples = np.array([0, 1.5, -2, 1e-30], "<f4").tobytes()
    path = put(tmp_path, wav(fmt(tag=3, align=4, bits=32), chunk(b"data", samples)))
    assert samples_of(path).min() == -2
    assert rewritten(path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("mask", "channels", "names"),
    [
        (0x3F, 6, ("FL", "FR", "FC", "LFE", "BL", "BR")),
        (0x60F, 6, ("FL", "FR", "FC", "LFE", "SL", "SR")),
        (0, 2, ("FL", "FR")),
        (0, 4, ()),
        (0x3, 4, ()),
        (0xFF, 2, ("FL", "FR")),
    ],
)
def test_the_mask_names_the_channels(tmp_path, mask, channels, names):
    head = fmt(0xFFFE, channels, align=2 * channels, more=extensible(1, 16, mask))
    path = put(tmp_path, wav(head, chunk(b"data", bytes(48))))
    assert open_sound(path, name="a").channel_names == names


def test_limits(tmp_path):
    path = saved(tmp_path / "a.wav", sound(channels=6), "WAV", "PCM_16")
    for limits, says in [
        (SoundLimits(max_channels=5), "6 channels"),
        (SoundLimits(max_frames=5002), "5003 samples"),
    ]:
        with pytest.raises(MediaTooLargeError, match=says):
            open_sound(path, name="a", limits=limits)
    open_sound(path, name="a", limits=SoundLimits(max_channels=6, max_frames=5003))
