import struct

import numpy as np
import pytest
import soundfile

from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import open_sound
from tests.media.sounds import (
    oracle,
    quieter,
    refuses_after_what_is_left,
    rewritten,
    samples_of,
    saved,
    sound,
)

SUBTYPES = ["PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"]
RATE = struct.pack(">HQ", 0x400E, 44_100 << 48)


def chunk(kind, data, *, pad=b"\0"):
    return kind + struct.pack(">I", len(data)) + data + pad * (len(data) & 1)


def aiff(*chunks, kind=b"AIFF", tail=b""):
    body = kind + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body + tail


def comm(frames=500, channels=1, bits=16, rate=RATE, compression=b""):
    return chunk(b"COMM", struct.pack(">HIH", channels, frames, bits) + rate + compression)


def ssnd(data, *, offset=0):
    return chunk(b"SSND", struct.pack(">II", offset, 0) + bytes(offset) + data)


def put(tmp_path, data):
    path = tmp_path / "a.aiff"
    path.write_bytes(data)
    return path


def values(count=500, dtype=">i2"):
    limits = np.iinfo(dtype)
    return np.random.default_rng(0).integers(limits.min, limits.max, count).astype(dtype)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_samples_are_read_and_written_to_the_bit(tmp_path, subtype, channels):
    # An even number of bytes: soundfile counts the padding of odd ones as a sample.
    path = saved(tmp_path / "a.aiff", sound(5004, channels), "AIFF", subtype)
    opened = open_sound(path, name="a")
    assert (opened.media_type, opened.sample_rate_hz) == (MediaType.AIFF, 44_100)
    assert (opened.channels, opened.length) == (channels, 5004)
    samples = samples_of(path)
    assert samples.dtype == (np.float64 if subtype in {"PCM_32", "DOUBLE"} else np.float32)
    assert (samples == oracle(path)).all()
    assert rewritten(path).read_bytes() == path.read_bytes()


def test_other_samples_are_written_in_the_same_format(tmp_path):
    path = saved(tmp_path / "a.aiff", sound(), "AIFF", "PCM_24")
    result = rewritten(path, quieter)
    assert np.abs(oracle(result) - 0.7 * oracle(path)).max() < 2**-23
    assert soundfile.info(result).subtype == "PCM_24"
    assert (oracle(result)[1100:1600] == 0).all()


@pytest.mark.parametrize(
    ("compression", "bits", "dtype"),
    [
        (b"NONE", 16, ">i2"),
        (b"twos", 16, ">i2"),
        (b"sowt", 16, "<i2"),
        (b"in32", 32, ">i4"),
        (b"23ni", 32, "<i4"),
        (b"twos", 8, "i1"),
    ],
)
def test_compression_types_that_compress_nothing(tmp_path, compression, bits, dtype):
    stored = values(dtype=dtype)
    head = comm(bits=bits, compression=compression + b"\0\0")
    version = chunk(b"FVER", bytes.fromhex("a2805140"))
    path = put(tmp_path, aiff(version, head, ssnd(stored.tobytes()), kind=b"AIFC"))
    assert (samples_of(path)[:, 0] == stored / 2.0 ** (bits - 1)).all()
    assert rewritten(path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_floats(tmp_path, dtype):
    stored = np.random.default_rng(0).normal(0, 1, 500).astype(dtype)
    kind = b"fl32" if dtype == ">f4" else b"FL64"
    head = comm(bits=8 * stored.itemsize, compression=kind + b"\0\0")
    path = put(tmp_path, aiff(head, ssnd(stored.tobytes()), kind=b"AIFC"))
    assert (samples_of(path)[:, 0] == stored).all()
    assert rewritten(path).read_bytes() == path.read_bytes()


def test_twelve_bits_in_two_bytes(tmp_path):
    stored = (values() >> 4 << 4).astype(">i2")
    path = put(tmp_path, aiff(comm(bits=12), ssnd(stored.tobytes())))
    written = np.round(samples_of(rewritten(path, quieter))[:, 0] * 2**15).astype(int)
    assert (written % 16 == 0).all()
    assert np.abs(written - 0.7 * stored).max() <= 8.01


@pytest.mark.parametrize("tail", [b"", b"trailing bytes"])
def test_all_other_chunks_stay_where_they_are(tmp_path, tail):
    before = [chunk(b"NAME", b"odd"), chunk(b"MARK", struct.pack(">H", 0))]
    after = [
        chunk(b"INST", bytes(20)),
        chunk(b"ID3 ", b"ID3\4\0\0\0\0\0\0"),
        chunk(b"APPL", b"x" * 9),
    ]
    samples = ssnd(values().tobytes() + b"xyz", offset=6)
    whole = aiff(before[0], comm(), before[1], samples, *after, tail=tail)
    path = put(tmp_path, whole)
    assert (samples_of(path)[:, 0] == values() / 2**15).all()
    assert rewritten(path).read_bytes() == whole
    other = rewritten(path, quieter).read_bytes()
    at = whole.index(samples) + 16 + 6
    assert other[:at] == whole[:at]
    assert other[at : at + 1000] != whole[at : at + 1000]
    assert other[at + 1000 :] == whole[at + 1000 :]


def test_a_manifest_is_dropped(tmp_path):
    rest = [comm(), ssnd(values().tobytes())]
    path = put(tmp_path, aiff(*rest, chunk(b"C2PA", b"abc")))
    assert rewritten(path).read_bytes() == aiff(*rest)


def test_sizes_that_were_never_filled_in(tmp_path):
    data = values().tobytes()
    whole = aiff(comm(frames=0), ssnd(data))
    at = whole.index(b"SSND") + 4
    streamed = whole[:4] + bytes(4) + whole[8:at] + bytes(4) + whole[at + 4 :]
    path = put(tmp_path, streamed)
    assert open_sound(path, name="a").length == 500
    assert rewritten(path).read_bytes() == whole


CHANNELS = [
    (struct.pack(">III", 1 << 16, 0x3F, 0), 6, ("FL", "FR", "FC", "LFE", "BL", "BR")),
    (struct.pack(">III", 124 << 16 | 6, 0, 0), 6, ("FC", "FL", "FR", "SL", "SR", "LFE")),
    (struct.pack(">III", 124 << 16 | 6, 0, 0), 4, ()),
    (struct.pack(">III", 101 << 16 | 2, 0, 0), 2, ("FL", "FR")),
    (b"", 6, ()),
    (b"", 1, ("FC",)),
]


@pytest.mark.parametrize(("layout", "channels", "names"), CHANNELS)
def test_channel_names(tmp_path, layout, channels, names):
    more = [chunk(b"CHAN", layout)] if layout else []
    data = aiff(comm(frames=10, channels=channels), *more, ssnd(bytes(20 * channels)))
    assert open_sound(put(tmp_path, data), name="a").channel_names == names


SAMPLES = ssnd(bytes(1000))
BAD = {
    "no COMM": (aiff(SAMPLES), "COMM"),
    "short COMM": (aiff(chunk(b"COMM", bytes(17)), SAMPLES), "too short"),
    "no SSND": (aiff(comm()), "SSND"),
    "too few samples": (aiff(comm(frames=501), SAMPLES), "501 samples"),
    "no channels": (aiff(comm(channels=0), SAMPLES), "no channels"),
    "no rate": (aiff(comm(rate=bytes(10)), SAMPLES), "no rate"),
    "infinite rate": (aiff(comm(rate=b"\x7f" + b"\xff" * 9), SAMPLES), "no rate"),
    "no bits": (aiff(comm(bits=0), SAMPLES), "0 bits"),
    "forty bits": (aiff(comm(bits=40), SAMPLES), "40 bits"),
    "offset": (aiff(comm(), chunk(b"SSND", b"\xff" * 8 + bytes(1000))), "behind their chunk"),
    "ima4": (aiff(comm(compression=b"ima4\0\0"), SAMPLES, kind=b"AIFC"), "IMA ADPCM"),
    "unknown": (aiff(comm(compression=b"\xffzz!\0\0"), SAMPLES, kind=b"AIFC"), "zz!"),
    "empty": (aiff(comm(frames=0), ssnd(b"")), "no samples"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_refused(tmp_path, case):
    data, says = BAD[case]
    with pytest.raises((UnreadableMediaError, UnsupportedMediaError), match=says) as caught:
        open_sound(put(tmp_path, data), name="a.aiff")
    assert caught.value.file == "a.aiff"
    assert caught.value.hint


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.999])
def test_a_truncated_file_is_read_to_its_end_and_not_written(tmp_path, keep):
    data = saved(tmp_path / "a.aiff", sound(), "AIFF", "PCM_16").read_bytes()
    refuses_after_what_is_left(put(tmp_path, data[: int(keep * len(data))]), "SSND")
