"""Small sounds and files for tests, made here from nothing."""

import subprocess

import numpy as np
import pytest
import soundfile

from labeler.errors import UnreadableMediaError
from labeler.media.sound import open_sound


def sound(frames=5003, channels=2, *, seed=0):
    """Brown noise with a stretch of digital silence, ``(frames, channels)``, within full scale."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.01, (frames, channels)), axis=0)
    result = np.clip(0.4 * np.sin(walk) + rng.normal(0, 0.02, (frames, channels)), -1, 1)
    result[frames // 5 : frames // 3] = 0
    return result


def saved(path, samples, form, subtype, *, rate_hz=44_100):
    """Write ``samples`` with soundfile, and return ``path``."""
    soundfile.write(path, samples, rate_hz, format=form, subtype=subtype)
    return path


def oracle(path):
    """What soundfile reads, ``(n, channels)`` float64."""
    return soundfile.read(path, always_2d=True)[0]


def samples_of(path, frames=1000):
    """All samples that Labeler reads."""
    return np.concatenate(list(open_sound(path, name=path.name).blocks(frames)))


def rewritten(path, change=lambda block: block, *, name=None):
    """The file encoded again with changed samples, beside ``path``."""
    target = path.with_name(name or f"rewritten-{path.name}")
    target.unlink(missing_ok=True)
    opened = open_sound(path, name=path.name)
    opened.encode(map(change, opened.blocks(777)), target)
    return target


def refuses_after_what_is_left(path, chunk):
    """See that a file cut off in ``chunk`` gives the samples that it has, and is not written."""
    opened = open_sound(path, name="in/cut")
    blocks = []
    with pytest.raises(UnreadableMediaError, match=f"middle of its {chunk} chunk") as caught:
        blocks.extend(opened.blocks(100))
    assert caught.value.file == "in/cut"
    assert caught.value.hint
    whole = np.concatenate(blocks)
    assert len(whole) == opened.length
    assert (whole == oracle(path)[: len(whole)]).all()
    target = path.with_name("target")
    with pytest.raises(UnreadableMediaError, match=f"middle of its {chunk} chunk"):
        opened.encode(blocks, target)
    assert not target.exists()


def quieter(block):
    """What a mark does as far as files are concerned: other samples."""
    return (block * 0.7).astype(block.dtype)


def ran(*command):
    """The output of a program."""
    return subprocess.run(command, check=True, capture_output=True).stdout
