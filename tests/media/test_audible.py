import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import MediaTooLargeError
from labeler.media.audible import Audible, Rechunked
from labeler.media.sound import open_sound
from tests.sounds import murmur, save


class Fake:
    """A sound that is told what to be."""

    def __init__(self, samples, names, length=None):
        self._samples = samples
        self.channel_names = names
        self.channels = samples.shape[1]
        self.sample_rate_hz = 1000
        self.length = length

    def blocks(self):
        for start in range(0, len(self._samples), 300):
            yield self._samples[start : start + 300]


def ramp(frames, channels):
    return np.arange(frames * channels, dtype=np.float32).reshape(frames, channels)


def test_the_channel_of_rumble_is_left_out(tmp_path):
    sound = open_sound(save(tmp_path / "a.wav", murmur(1, channels=6)), name="a")
    audible = Audible(sound, max_duration_s=10)
    assert sound.channel_names[3] == "LFE"
    assert audible.channels == (0, 1, 2, 4, 5)
    assert not audible.is_everything
    whole = np.concatenate(list(sound.blocks()))
    heard = np.concatenate(list(audible.blocks()))
    np.testing.assert_array_equal(heard, whole[:, [0, 1, 2, 4, 5]])
    changed = audible.replace(whole, heard + 1)
    np.testing.assert_array_equal(changed[:, 3], whole[:, 3])
    np.testing.assert_array_equal(audible.of(changed), heard + 1)
    np.testing.assert_array_equal(audible.of(whole), heard)


@pytest.mark.parametrize("names", [(), ("FL", "FR"), ("LFE", "LFE2")])
def test_without_one_that_is_told_apart_every_channel_is_heard(names):
    audible = Audible(Fake(ramp(500, 2), names), max_duration_s=10)
    assert audible.is_everything
    np.testing.assert_array_equal(np.concatenate(list(audible.blocks())), ramp(500, 2))


def test_what_is_too_long_is_refused_by_its_header_or_while_it_is_decoded():
    with pytest.raises(MediaTooLargeError, match="longer than 1 s"):
        Audible(Fake(ramp(10, 1), (), length=1001), max_duration_s=1)
    lying = Audible(Fake(ramp(1001, 1), (), length=1000), max_duration_s=1)
    with pytest.raises(MediaTooLargeError, match="LABELER_MAX_DURATION_S"):
        list(lying.blocks())
    assert len(list(Audible(Fake(ramp(1000, 1), ()), max_duration_s=1).blocks())) == 4


@pytest.mark.parametrize(("frames", "is_shorter"), [(499, True), (500, False), (900, False)])
def test_duration_is_counted_and_not_believed(frames, is_shorter):
    audible = Audible(Fake(ramp(frames, 1), (), length=7), max_duration_s=10)
    assert audible.is_shorter_than(0.5) is is_shorter


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1), pieces=st.lists(st.integers(1, 70), min_size=1)
)
def test_pieces_of_any_length_are_the_same_stream(sizes, pieces):
    total = ramp(sum(sizes), 2)
    blocks = np.split(total, np.cumsum(sizes)[:-1])
    stream = Rechunked(blocks)
    at = 0
    for piece in pieces:
        if at + piece > len(total):
            with pytest.raises(ValueError, match="are left"):
                stream.take(piece)
            return
        np.testing.assert_array_equal(stream.take(piece), total[at : at + piece])
        at += piece
    if at == len(total):
        stream.finish()
    else:
        with pytest.raises(ValueError, match=f"{len(total) - at} are left"):
            stream.finish()
