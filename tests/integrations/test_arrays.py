import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from labeler.integrations.arrays import Waveform, from_samples, to_samples
from tests.integrations.foreign import Standard, Tensor

SHAPES = [(1000,), (1, 1000), (2, 1000), (1, 1, 1000), (1, 2, 1000)]
DTYPES = ["int8", "int16", "int32", "float16", "float32", "float64"]


def wave(shape, dtype="float32"):
    values = np.random.default_rng(1).uniform(-1, 1, shape)
    return from_samples(values, np.dtype(dtype))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_read_is_given_back_bit_for_bit(shape, dtype):
    wav = wave(shape, dtype)
    waveform = Waveform.of(wav)
    assert waveform.samples.shape == ((1000,) if len(shape) == 1 else (1000, shape[-2]))
    assert waveform.samples.dtype in (np.float32, np.float64)
    back = waveform.like(from_samples(waveform.samples, waveform.dtype))
    assert back.dtype == wav.dtype
    assert back.shape == shape
    assert np.array_equal(back, wav)
    assert back.flags.c_contiguous
    assert back.flags.writeable


def test_channels_come_first():
    wav = np.stack([np.full(9, 0.25, np.float32), np.full(9, -0.5, np.float32)])
    assert Waveform.of(wav).samples[3].tolist() == [0.25, -0.5]


def test_the_waveform_is_not_touched():
    wav = wave((2, 500))
    before = wav.copy()
    Waveform.of(wav).samples[...] = 0
    assert np.array_equal(wav, before)


@given(arrays.arrays(np.int32, 5, elements=st.integers(-(2**31), 2**31 - 1)))
def test_all_32_bits_are_kept(array):
    assert np.array_equal(from_samples(to_samples(array), array.dtype), array)


def test_integers_are_rounded_and_clipped():
    samples = np.array([-2.0, -1.0, 0.4 / 32768, 0.6 / 32768, 1.0, 2.0], np.float32)
    assert from_samples(samples, np.dtype("int16")).tolist() == [-32768, -32768, 0, 1, 32767, 32767]
    assert from_samples(samples[-2:], np.dtype("int32")).tolist() == [2**31 - 1] * 2


def test_a_tensor_stays_a_tensor_where_it_was():
    waveform = Waveform.of(Tensor(wave((1, 500))))
    back = waveform.like(from_samples(waveform.samples, waveform.dtype))
    assert type(back) is Tensor
    assert back.device == "cuda:0"
    assert np.array_equal(back.values, wave((1, 500)))


def test_an_array_of_another_library_stays_one():
    waveform = Waveform.of(Standard(wave((500,))))
    assert type(waveform.like(waveform.samples)) is Standard


@pytest.mark.parametrize(
    "wav",
    [[0.0] * 500, "sound.wav", b"\0" * 500, None, np.zeros(500, np.uint8), np.zeros(9, "c16")],
)
def test_other_things_are_refused(wav):
    with pytest.raises(TypeError, match="a waveform"):
        Waveform.of(wav)


@pytest.mark.parametrize(
    "shape", [(), (500, 2), (2, 1, 500), (1, 1, 1, 500), (0, 500), (65, 500)], ids=str
)
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="a waveform has the shape"):
        Waveform.of(np.zeros(shape, np.float32))
