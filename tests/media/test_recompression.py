import itertools
import subprocess
import sys

import numpy as np
import pytest

from labeler.media.recompression import recompressed
from tests.clips import pictures


def planes(count, width, height, depth=8):
    for picture in pictures(count, width, height):
        luma = picture[..., 1]
        yield luma if depth == 8 else luma.astype(np.uint16) << (depth - 8)


def rms(first, second):
    return float(np.sqrt(np.mean((np.asarray(first, float) - second) ** 2)))


@pytest.mark.parametrize(
    ("width", "height", "depth"), [(160, 96, 8), (161, 97, 8), (160, 96, 10), (99, 64, 12)]
)
def test_as_many_planes_of_the_same_kind(width, height, depth):
    lumas = list(planes(12, width, height, depth))
    coded = list(recompressed(iter(lumas), depth=depth, frame_rate=25))
    assert len(coded) == 12
    for before, after in zip(lumas, coded, strict=True):
        assert after.shape == before.shape
        assert after.dtype == before.dtype
        assert 1 < rms(before, after) / 2 ** (depth - 8) < 12
    # The right one is the nearest.
    assert rms(lumas[5], coded[5]) < rms(lumas[4], coded[5])


def test_harder_is_worse():
    lumas = list(planes(8, 160, 96))
    losses = [
        np.mean([rms(a, b) for a, b in zip(lumas, recompressed(
            lumas, depth=8, frame_rate=29.97, crf=crf), strict=True)])
        for crf in (18, 28, 40)
    ]  # fmt: skip
    assert losses == sorted(losses)
    assert losses[2] > 2 * losses[0]


@pytest.mark.parametrize("rate_hz", [1e-6, 0.2, 1000])
def test_any_rate(rate_hz):
    lumas = list(planes(2, 64, 64))
    assert len(list(recompressed(lumas, depth=8, frame_rate=rate_hz))) == 2


def test_it_streams():
    taken = []

    def source():
        for luma in itertools.cycle(planes(4, 64, 64)):
            taken.append(1)
            yield luma

    coded = recompressed(source(), depth=8, frame_rate=25)
    for _ in range(3):
        next(coded)
    assert len(taken) < 100
    coded.close()


def test_nothing_from_nothing():
    assert not list(recompressed([], depth=8, frame_rate=25))


def test_all_planes_are_alike():
    lumas = [np.zeros((64, 64), np.uint8), np.zeros((64, 66), np.uint8)]
    with pytest.raises(ValueError, match="like the first"):
        list(recompressed(lumas, depth=8, frame_rate=25))


def test_the_module_alone_loads_no_codecs():
    code = (
        "import sys, labeler.media.recompression, labeler.media.video; print('av' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
