import base64
import io
import subprocess

import numpy as np
import pytest
import soundfile

from labeler.containers import ogg, opus
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.sound import open_sound
from tests.media.coded import by_soundfile, coded, lag, need, read, rewritten, snr_db, tune

FRAMES = 60_013


def vorbis(path, *, frames=FRAMES, channels=2, rate_hz=44_100):
    samples = tune(frames, channels, rate_hz=rate_hz)
    soundfile.write(path, samples, rate_hz, format="OGG", subtype="VORBIS")
    return path, samples


def opus_file(path, *, frames=FRAMES, channels=2, **options):
    samples = tune(frames, channels, rate_hz=48_000)
    return coded(path, samples, "libopus", rate_hz=48_000, form="ogg", **options), samples


def flac(path, *, frames=FRAMES, channels=2, wide=False):
    samples = tune(frames, channels)
    container = {"form": "ogg", "rate_hz": 44_100}
    if wide:
        container["options"] = {"bits_per_raw_sample": "24"}
    return coded(path, samples, "flac", **container), samples


MAKERS = {"vorbis": vorbis, "opus": opus_file, "flac": flac}


def packets_of(path):
    with path.open("rb") as file:
        return list(ogg.packets(ogg.pages(file)))


def with_packets(path, change):
    """The file with other packets: ``change`` maps a number and a packet to a packet."""
    found = packets_of(path)
    output = io.BytesIO()
    pager = ogg.Pager(output, found[0].page.serial)
    for number, packet in enumerate(found):
        pager.write(change(number, packet.data), packet.page.granule or 0)
        if packet.ends_page:
            pager.end_page(last=packet is found[-1])
    path.write_bytes(output.getvalue())


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("channels", [1, 2])
def test_length_and_place_stay(tmp_path, kind, channels):
    path, samples = MAKERS[kind](tmp_path / "a.ogg", channels=channels)
    sound = open_sound(path, name="a.ogg")
    assert sound.media_type is MediaType.OGG
    assert sound.channel_names == (("FC",), ("FL", "FR"))[channels - 1]
    assert sound.length == len(samples)
    first = read(path)
    assert lag(samples, first) == 0
    result = rewritten(path)
    second = read(result)
    assert len(second) == len(samples)
    assert lag(first, second) == 0
    assert snr_db(first, second) > 14
    if kind != "flac":  # libsndfile reads none in Ogg
        assert np.abs(by_soundfile(path) - first).max() < 1e-3
        assert np.abs(by_soundfile(result) - second).max() < 1e-3


def test_flac_keeps_every_bit(tmp_path):
    path, samples = flac(tmp_path / "a.oga")
    assert (np.rint(read(path) * 32768) == np.rint(samples * 32767)).all()
    result = rewritten(path)
    assert (read(result) == read(path)).all()
    # The checksum of the samples, at the end of STREAMINFO.
    old, new = (packets_of(each)[0].data[35:51] for each in (path, result))
    assert any(new)
    assert old in (new, bytes(16))
    assert [p.data for p in packets_of(result)[1:2]] == [p.data for p in packets_of(path)[1:2]]


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_channels_stay_where_they_are(tmp_path, kind):
    path, samples = MAKERS[kind](tmp_path / "a.ogg", channels=6, frames=30_000)
    sound = open_sound(path, name="a.ogg")
    assert sound.channel_names == ("FL", "FR", "FC", "LFE", "BL", "BR")
    order = range(6) if kind == "opus" else (0, 2, 1, 5, 3, 4)  # soundfile writes Vorbis's own
    heard = [0, 1, 2, 4, 5]  # Opus keeps only the lowest of LFE
    for each in (read(path), read(rewritten(path))):
        for number in heard:
            other = samples[:, [list(order)[number]]]
            assert np.corrcoef(each[:, number], other[:, 0])[0, 1] > 0.8


@pytest.mark.parametrize("kind", MAKERS)
def test_eight_channels_are_the_most(tmp_path, kind):
    path, samples = MAKERS[kind](tmp_path / "a.ogg", channels=8, frames=20_000)
    first = read(path)
    second = read(rewritten(path))
    assert first.shape == second.shape == samples.shape
    for number in (0, 1, 4, 7):
        assert lag(first[:, [number]], second[:, [number]]) == 0
    if kind == "vorbis":
        soundfile.write(path, np.zeros((9000, 9)), 44_100, format="OGG", subtype="VORBIS")
        with pytest.raises(UnsupportedMediaError, match="9 channels"):
            open_sound(path, name="a.ogg")


@pytest.mark.parametrize("kind", MAKERS)
def test_the_packet_with_the_tags_stays_byte_by_byte(tmp_path, kind):
    path, _ = MAKERS[kind](tmp_path / "a.ogg")
    picture = base64.b64encode(bytes(range(256)) * 700)
    entries = [b"TITLE=\xc3\xa4", b"REPLAYGAIN_TRACK_GAIN=-3.2 dB", b"R128_TRACK_GAIN=-512"]
    entries.append(b"METADATA_BLOCK_PICTURE=" + picture)

    def sized(data):
        return len(data).to_bytes(4, "little") + data

    comments = sized(b"somebody") + len(entries).to_bytes(4, "little")
    comments += b"".join(map(sized, entries))
    heads = {
        "vorbis": b"\3vorbis" + comments + b"\1",
        "opus": b"OpusTags" + comments + b"\0padding",
        "flac": b"\x84" + len(comments).to_bytes(3, "big") + comments,
    }
    with_packets(path, lambda n, packet: heads[kind] if n == 1 else packet)
    before = read(path)
    result = rewritten(path)
    assert packets_of(result)[1].data == heads[kind]
    assert packets_of(result)[0].page.serial == packets_of(path)[0].page.serial
    assert lag(before, read(result)) == 0
    for page in ogg.pages(io.BytesIO(result.read_bytes())):
        assert page.is_whole


def test_rate_gain_and_mapping_of_opus_stay(tmp_path):
    path, _ = opus_file(tmp_path / "a.opus", options={"mapping_family": "1"})
    plain = read(path)

    def louder(number, packet):
        if number:
            return packet
        rate = (22_050).to_bytes(4, "little")
        return packet[:12] + rate + (-6 * 256).to_bytes(2, "little", signed=True) + packet[18:]

    with_packets(path, louder)
    quiet = read(path)
    assert np.abs(quiet - plain * 10 ** (-6 / 20)).max() < 1e-3
    result = rewritten(path)
    old, new = (opus.Head.read(packets_of(each)[0].data) for each in (path, result))
    assert new.raw[12:18] == old.raw[12:18]
    assert (new.family, new.channels) == (1, 2)
    assert snr_db(quiet, read(result)) > 14


@pytest.mark.parametrize("family", [2, 3])
def test_ambisonics_are_refused_by_name(tmp_path, family):
    path, _ = opus_file(tmp_path / "a.opus", options={"mapping_family": "1"})
    with_packets(
        path, lambda n, packet: packet[:18] + bytes([family]) + packet[19:] if n == 0 else packet
    )
    with pytest.raises(UnsupportedMediaError, match="ambisonics"):
        open_sound(path, name="a.opus")


@pytest.mark.parametrize(("bit_rate", "least"), [(24_000, 24_000), (96_000, 96_000)])
def test_opus_gets_a_few_more_bits(tmp_path, bit_rate, least):
    path, _ = opus_file(tmp_path / "a.opus", frames=96_000, bit_rate=bit_rate)
    assert path.stat().st_size < rewritten(path).stat().st_size < 2 * path.stat().st_size


def test_vorbis_gets_a_better_quality(tmp_path):
    path, _ = vorbis(tmp_path / "a.ogg")

    def nominal(file):
        return int.from_bytes(packets_of(file)[0].data[20:24], "little")

    assert 1.2 * nominal(path) < nominal(rewritten(path)) < 1.8 * nominal(path)


def test_vorbis_that_begins_within_a_block_is_cut_there(tmp_path):
    path, samples = vorbis(tmp_path / "a.ogg")
    # As editors cut losslessly: the first page's time is less than what is on it.
    data = bytearray(path.read_bytes())
    output = bytearray()
    for page in ogg.pages(io.BytesIO(bytes(data))):
        raw = bytearray(data[page.start : page.end])
        granule = (page.granule or 0) - (100 if page.granule else 0)
        raw[6:14] = granule.to_bytes(8, "little")
        raw[22:26] = bytes(4)
        raw[22:26] = ogg.checksum(bytes(raw)).to_bytes(4, "little")
        output += raw
    path.write_bytes(output)
    first = read(path)
    assert len(first) == len(samples) - 100
    assert lag(samples[100:], first) == 0
    assert len(read(rewritten(path))) == len(first)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("damage", ["flipped", "a page less", "cut"])
def test_damage_can_be_read_around_but_not_written(tmp_path, kind, damage):
    path, samples = MAKERS[kind](tmp_path / "a.ogg", frames=200_000)
    data = bytearray(path.read_bytes())
    pages = list(ogg.pages(io.BytesIO(bytes(data))))
    middle = pages[len(pages) // 2]
    if damage == "flipped":
        data[middle.end - 9] ^= 1
    elif damage == "a page less":
        del data[middle.start : middle.end]
    else:
        del data[pages[-1].end - 20 :]
    path.write_bytes(data)
    sound = open_sound(path, name="a.ogg")
    count = sum(map(len, sound.blocks()))
    assert len(samples) / 3 < count <= len(samples)
    with pytest.raises(UnreadableMediaError) as caught:
        sound.encode(sound.blocks(), tmp_path / "b.ogg")
    assert caught.value.file == "a.ogg"
    assert not (tmp_path / "b.ogg").exists()


def test_chains_and_second_streams_are_refused_by_name(tmp_path):
    first, _ = opus_file(tmp_path / "a.opus")
    second, _ = vorbis(tmp_path / "b.ogg")
    path = tmp_path / "c.ogg"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(UnsupportedMediaError, match="chain"):
        open_sound(path, name="c.ogg")
    one, two = (list(ogg.pages(io.BytesIO(each.read_bytes()))) for each in (first, second))
    heads = first.read_bytes()[: one[0].end], second.read_bytes()[: two[0].end]
    path.write_bytes(b"".join(heads) + first.read_bytes()[one[0].end :])
    with pytest.raises(UnsupportedMediaError, match="another sound beside"):
        open_sound(path, name="c.ogg")
    skeleton = io.BytesIO()
    ogg.Pager(skeleton, 99).write(b"fishead\0" + bytes(56), 0)
    pager = ogg.Pager(skeleton, 99)
    pager.write(b"fishead\0" + bytes(56), 0)
    pager.end_page()
    path.write_bytes(heads[0] + skeleton.getvalue() + first.read_bytes()[one[0].end :])
    with pytest.raises(UnsupportedMediaError, match="a skeleton beside"):
        open_sound(path, name="c.ogg")


@pytest.mark.system
@pytest.mark.parametrize("kind", MAKERS)
def test_ffmpeg_agrees(tmp_path, kind):
    need("ffmpeg")
    path, _ = MAKERS[kind](tmp_path / "a.ogg")
    for each in (path, rewritten(path)):
        out = tmp_path / "out.wav"
        command = ["ffmpeg", "-v", "error", "-y", "-i", each, "-c:a", "pcm_f32le", out]
        assert subprocess.run(command, check=True, capture_output=True).stderr == b""
        assert np.abs(by_soundfile(out) - read(each)).max() < 1e-4
