import re
import subprocess
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.disclosure.labels import Extent, Language, Schedule, Scheme, SpokenLabel
from labeler.disclosure.loudness import loudness
from labeler.disclosure.pauses import listen, places
from labeler.disclosure.sounds import label_segment, labelled
from labeler.disclosure.spoken import announcement, recording_path
from labeler.disclosure.words import spoken_sentence
from labeler.errors import ObligationError, OutputError, UnreadableMediaError
from labeler.media.audible import Audible
from labeler.media.sound import open_sound
from tests.films import film
from tests.sounds import load, murmur, save

RATE_HZ = 16_000
LABEL = SpokenLabel(language=Language.FINNISH, extent=Extent.MODIFIED)  # a short one


def opened(path):
    return open_sound(path, name=path.name)


def samples_of(sound, frames=5000):
    return np.concatenate(list(sound.blocks(frames)))


def written(with_label, target):
    with_label.encode(with_label.blocks(), target)
    return target


def content(duration_s=8.0, rate_hz=RATE_HZ, channels=1):
    return murmur(duration_s, rate_hz, channels)


def with_pause(samples, at_s, lasts_s=0.6, rate_hz=RATE_HZ):
    quiet = samples.copy()
    quiet[round(at_s * rate_hz) : round((at_s + lasts_s) * rate_hz)] *= 1e-4
    return quiet


def lag(one, other, most=50):
    """By how many frames ``one`` is behind ``other``, as far as they resemble each other most."""
    short = one[most:-most].ravel()
    alike = [short @ other[at : at + len(one) - 2 * most].ravel() for at in range(2 * most + 1)]
    return most - int(np.argmax(alike))


@pytest.mark.parametrize("extension", [".wav", ".aiff", ".flac"])
def test_inserted_label_comes_first_and_leaves_every_sample(tmp_path, extension):
    path = save(tmp_path / f"a{extension}", content(), RATE_HZ)
    before = samples_of(opened(path))
    with_label = labelled(opened(path), LABEL)
    assert with_label.is_inserted
    again = soundfile.read(written(with_label, tmp_path / f"b{extension}"), always_2d=True)[0]
    assert len(again) == with_label.length
    assert (again[-len(before) :] == before).all()
    spoken = again[: -len(before)]
    assert 1.5 < len(spoken) / RATE_HZ < 6
    assert np.abs(spoken[: RATE_HZ // 5]).max() == 0
    assert np.abs(spoken).max() < 1


@pytest.mark.parametrize("extension", [".ogg", ".opus", ".mp3", ".m4a", ".aac", ".webm"])
def test_coded_sound_gets_longer_and_keeps_its_content(tmp_path, extension):
    rate_hz = 48_000
    path = save(tmp_path / f"a{extension}", content(5, rate_hz, 2), rate_hz)
    before = samples_of(opened(path))
    with_label = labelled(opened(path), LABEL)
    target = written(with_label, tmp_path / f"b{extension}")
    spoken = with_label.length - len(before)
    after = samples_of(opened(target))
    whole_packets = 1024 if extension == ".aac" else 1
    assert 0 <= len(after) - with_label.length < whole_packets
    assert spoken > 1.5 * rate_hz
    kept = slice(spoken + 4096, spoken + len(before) - 4096)
    assert lag(after[kept], before[4096:-4096]) == 0
    assert abs(len(load(target)[0]) - with_label.length) <= 1024


@pytest.mark.system
@pytest.mark.parametrize("extension", [".wav", ".aiff", ".flac", ".ogg", ".mp3", ".m4a", ".webm"])
def test_ffmpeg_agrees_about_the_new_length(tmp_path, extension):
    path = save(tmp_path / f"a{extension}", content(3, 48_000, 2), 48_000)
    with_label = labelled(opened(path), LABEL)
    target = written(with_label, tmp_path / f"b{extension}")
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    told = subprocess.run([*command, target], check=True, capture_output=True, text=True).stdout
    assert float(told) == pytest.approx(with_label.duration_s, abs=0.04)


def test_laid_over_label_keeps_the_length_and_ducks_the_content(tmp_path):
    path = save(tmp_path / "a.wav", content(), RATE_HZ)
    before = samples_of(opened(path))
    with_label = labelled(opened(path), LABEL, insert=False)
    after = samples_of(opened(written(with_label, tmp_path / "b.wav")))
    said = len(announcement(LABEL, RATE_HZ))
    assert not with_label.is_inserted
    assert after.shape == before.shape
    assert (after[said:] == before[said:]).all()
    ducked = slice(round(0.26 * RATE_HZ), round(0.28 * RATE_HZ))  # before it is spoken
    ratio = np.std(after[ducked]) / np.std(before[ducked])
    assert 20 * np.log10(ratio) == pytest.approx(-18, abs=0.3)
    assert np.abs(after).max() <= 1


def test_what_is_heard_does_not_depend_on_blocks(tmp_path):
    path = save(tmp_path / "a.wav", with_pause(content(12), 8.5), RATE_HZ)
    label = SpokenLabel(language=Language.FINNISH, schedule=Schedule(every_s=8, breaks_s=(5.0,)))
    for insert in (True, False):
        with_label = labelled(opened(path), label, insert=insert)
        whole = samples_of(with_label, 1 << 20)
        assert len(whole) == with_label.length
        assert (samples_of(with_label, 777) == whole).all()


def test_repeats_wait_for_the_nearest_pause(tmp_path):
    path = save(tmp_path / "a.wav", with_pause(content(20), 9.0), RATE_HZ)
    said_s = len(announcement(LABEL, RATE_HZ)) / RATE_HZ
    label = SpokenLabel(
        language=LABEL.language, extent=LABEL.extent, schedule=Schedule(every_s=8 + said_s)
    )
    with_label = labelled(opened(path), label)
    first, second = with_label.spoken_s[:2]
    assert first == 0
    assert second - said_s == pytest.approx(9.3, abs=0.05)
    assert len(samples_of(with_label)) == with_label.length


def test_where_there_is_no_pause_repeats_are_laid_over(tmp_path):
    hum = 0.2 * np.sin(np.arange(20 * RATE_HZ) * 0.1)[:, None]
    path = save(tmp_path / "a.wav", hum.astype(np.float32), RATE_HZ)
    said = len(announcement(LABEL, RATE_HZ))
    label = SpokenLabel(language=LABEL.language, extent=LABEL.extent, schedule=Schedule(every_s=12))
    with_label = labelled(opened(path), label)
    assert len(with_label.spoken_s) == 2
    assert with_label.length == 20 * RATE_HZ + said


def test_breaks_are_followed_by_a_label_even_close_to_others(tmp_path):
    path = save(tmp_path / "a.wav", content(15), RATE_HZ)
    said_s = len(announcement(LABEL, RATE_HZ)) / RATE_HZ
    schedule = Schedule(breaks_s=(1.0, 9.0))
    label = SpokenLabel(language=LABEL.language, extent=LABEL.extent, schedule=schedule)
    assert labelled(opened(path), label, insert=False).spoken_s == pytest.approx(
        (0.0, said_s + 1, 9.0), abs=0.01
    )


@pytest.mark.parametrize("gain", [0.05, 0.5, 3.0])
def test_label_is_as_loud_as_the_content(tmp_path, gain):
    samples = content(4, 48_000, 2) * gain
    path = save(tmp_path / "a.wav", samples.clip(-1, 1), 48_000)
    with_label = labelled(opened(path), LABEL)
    whole = samples_of(with_label)
    spoken = whole[: with_label.length - len(samples)]
    both = [loudness([part], 48_000, 2) for part in (spoken, samples.clip(-1, 1))]
    assert both[0] == pytest.approx(max(min(both[1], -12), -36), abs=1.5)
    assert np.abs(spoken).max() <= 10 ** (-1 / 20) + 1e-6


def test_loud_content_does_not_clip_under_a_label(tmp_path):
    loud = np.sign(np.sin(np.arange(6 * RATE_HZ) * 0.05))[:, None].astype(np.float32)
    path = tmp_path / "a.wav"
    soundfile.write(path, loud * 1.5, RATE_HZ, subtype="FLOAT")
    after = samples_of(labelled(opened(path), LABEL, insert=False))
    said = len(announcement(LABEL, RATE_HZ))
    held = slice(RATE_HZ // 4 + 1, said - RATE_HZ // 4 - 1)
    assert np.abs(after[held]).max() <= 1
    assert (after[said:] == loud[said:] * 1.5).all()


def test_silent_content_gets_a_label_that_can_be_heard(tmp_path):
    path = save(tmp_path / "a.wav", np.zeros((RATE_HZ, 1), np.float32), RATE_HZ)
    with_label = labelled(opened(path), LABEL)
    said = samples_of(with_label)[: with_label.length - RATE_HZ]
    assert loudness([said], RATE_HZ, 1) == pytest.approx(-23, abs=1)


def test_films_speak_from_the_centre_and_not_from_the_rumble(tmp_path):
    path = save(tmp_path / "a.wav", content(2, 48_000, 6), 48_000)
    with_label = labelled(opened(path), LABEL)
    assert with_label.channel_names[2:4] == ("FC", "LFE")
    said = samples_of(with_label)[: with_label.length - 2 * 48_000]
    assert np.flatnonzero(np.abs(said).max(axis=0)).tolist() == [2]


def test_files_with_cue_points_are_laid_over(tmp_path):
    path = save(tmp_path / "a.wav", content(6), RATE_HZ)
    cue = b"cue " + (28).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(24)
    data = path.read_bytes() + cue
    path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    sound = opened(path)
    assert "cue" in sound.why_fixed
    assert not labelled(sound, LABEL).is_inserted
    with pytest.raises(ObligationError, match=r"cannot be inserted.*cue") as caught:
        labelled(sound, LABEL, insert=True)
    assert caught.value.file == "a.wav"
    assert caught.value.hint


def test_content_that_is_too_short_to_be_laid_over_is_refused(tmp_path):
    path = save(tmp_path / "a.wav", content(1), RATE_HZ)
    with pytest.raises(ObligationError, match=r"lasts 1\.0 s, and the spoken label") as caught:
        labelled(opened(path), LABEL, insert=False)
    assert caught.value.file == "a.wav"
    assert labelled(opened(path), LABEL).length > RATE_HZ


def test_damage_is_told_as_without_a_label(tmp_path):
    path = save(tmp_path / "a.wav", content(2), RATE_HZ)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnreadableMediaError, match="middle of its data chunk"):
        labelled(opened(path), LABEL)


@pytest.mark.parametrize("extension", [".mp4", ".mkv", ".webm"])
def test_sound_of_films_is_laid_over(tmp_path, extension):
    codec = "libopus" if extension == ".webm" else "aac"
    path = film(tmp_path / f"a{extension}", frames=36, sound=codec)
    own = save(tmp_path / "own.wav", content(0.5), RATE_HZ)
    with_label = labelled(opened(path), SpokenLabel(recording=own))
    before = samples_of(opened(path))
    target = written(with_label, tmp_path / f"b{extension}")
    after = samples_of(opened(target))
    assert not with_label.is_inserted
    assert after.shape == before.shape
    behind = round(1.2 * 48_000)  # own recording, pauses and ramps are over
    assert lag(after[behind:], before[behind:]) == 0
    ducked = slice(round(0.26 * 48_000), round(0.29 * 48_000))
    assert np.std(after[ducked]) < 0.3 * np.std(before[ducked])


def test_labelled_sound_stands_for_a_sound(tmp_path):
    path = save(tmp_path / "a.flac", content(2), RATE_HZ)
    with_label = labelled(opened(path), LABEL)
    audible = Audible(with_label, max_duration_s=60)
    quieter = (block * np.float32(0.5) for block in audible.whole_blocks())
    target = tmp_path / "b.flac"
    with_label.encode(quieter, target)
    assert opened(target).length == with_label.length
    assert with_label.media_type is opened(target).media_type
    assert with_label.damage is None


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("extent", Extent)
def test_every_language_has_recordings(language, extent):
    path = recording_path(SpokenLabel(language=language, extent=extent))
    sound = opened(path)
    assert sound.channels == 1
    assert 1.2 < sound.duration_s < 10


def test_recordings_say_what_the_words_are():
    listed = recording_path(SpokenLabel()).with_name("sentences.txt").read_text("utf-8")
    for language in Language:
        for extent in Extent:
            words = spoken_sentence(extent, language)
            assert f"{language}-{extent}.opus: {words}\n" in listed


def test_recordings_take_little_room():
    folder = recording_path(SpokenLabel()).parent
    files = list(folder.glob("*.opus"))
    assert len(files) == 72
    assert sum(file.stat().st_size for file in files) < 1_500_000


def test_rhythm_for_china_is_short_long_short_short():
    heard = announcement(SpokenLabel(scheme=Scheme.CHINA), 8000)
    is_tone = np.abs(heard).reshape(-1, 80).max(axis=1) > 0.05  # 10 ms each
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_tone, [0]])))
    tones = (edges[1::2] - edges[::2]) * 10
    assert tones.tolist() == pytest.approx([120, 360, 120, 120], abs=20)
    gaps = (edges[2::2] - edges[1:-1:2]) * 10
    assert gaps.tolist() == pytest.approx([120, 360, 120], abs=20)


def test_own_recording_is_spoken(tmp_path):
    own = save(tmp_path / "own.wav", content(1, 22_050), 22_050)
    heard = announcement(SpokenLabel(recording=own, scheme=Scheme.CHINA), RATE_HZ)
    assert len(heard) == pytest.approx(1.6 * RATE_HZ, abs=40)
    with pytest.raises(UnreadableMediaError):
        announcement(SpokenLabel(recording=tmp_path / "none.wav"), RATE_HZ)


def test_silent_recording_is_no_label(tmp_path):
    own = save(tmp_path / "own.wav", np.zeros((RATE_HZ, 1), np.float32), RATE_HZ)
    path = save(tmp_path / "a.wav", content(2), RATE_HZ)
    with pytest.raises(ObligationError, match="silent") as caught:
        labelled(opened(path), SpokenLabel(recording=own))
    assert caught.value.file == str(own)


@pytest.mark.system
@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 2), (44_100, 1), (48_000, 6)])
def test_loudness_is_what_ffmpeg_measures(tmp_path, rate_hz, channels):
    path = save(tmp_path / "a.wav", content(6, rate_hz, channels), rate_hz)
    sound = opened(path)
    mine = loudness(sound.blocks(), rate_hz, channels, sound.channel_names)
    command = ["ffmpeg", "-i", path, "-af", "ebur128=framelog=verbose", "-f", "null", "-"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    theirs = float(re.findall(r"I:\s+(-?[\d.]+) LUFS", told)[-1])
    assert mine == pytest.approx(theirs, abs=0.1)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_segments_are_labelled(width):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydub = pytest.importorskip("pydub", reason="pydub is not installed")
    data = (content(5) * (1 << (8 * width - 1))).astype(f"<i{width}").tobytes()
    segment = pydub.AudioSegment(data=data, sample_width=width, frame_rate=RATE_HZ, channels=1)
    with_label = label_segment(segment, LABEL)
    assert with_label.raw_data.endswith(data)
    assert with_label.duration_seconds > segment.duration_seconds + 1.5
    assert len(label_segment(segment, LABEL, insert=False).raw_data) == len(data)
    assert segment.raw_data == data


def test_segments_that_are_none_are_refused():
    with pytest.raises(TypeError, match=r"no pydub\.AudioSegment"):
        label_segment("sound", LABEL)


@given(
    every_s=st.floats(0.01, 40),
    breaks_s=st.lists(st.floats(0, 40), max_size=4),
    duration_s=st.integers(4, 30),
    insert=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_labels_never_meet_and_always_end_in_time(every_s, breaks_s, duration_s, insert):
    schedule = Schedule(every_s=every_s, breaks_s=tuple(breaks_s))
    samples = with_pause(content(30, 4000), 7, rate_hz=4000)[: duration_s * 4000]
    frames = 8000
    found = places(schedule, listen([samples], 4000, 1), frames=frames, insert=insert)
    assert found[0].at == 0
    assert found[0].is_inserted is insert
    ends = [place.at + (0 if place.is_inserted else frames) for place in found]
    assert all(place.at >= end for place, end in zip(found[1:], ends, strict=False))
    assert ends[-1] <= len(samples)


def test_nothing_is_left_where_writing_fails(tmp_path):
    path = save(tmp_path / "a.wav", content(2), RATE_HZ)
    with_label = labelled(opened(path), LABEL)
    with pytest.raises(ValueError, match="frames are expected"):
        with_label.encode(opened(path).blocks(), tmp_path / "b.wav")
    with pytest.raises(OutputError):
        with_label.encode(with_label.blocks(), path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.wav"]
