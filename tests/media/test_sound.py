"""What is true for sound of every format."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import LabelerError, OutputError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.picture import open_picture
from labeler.media.sound import open_sound
from tests.media import making
from tests.media.sounds import saved, sound


@pytest.fixture
def opened(tmp_path):
    return open_sound(saved(tmp_path / "a.wav", sound(), "WAV", "PCM_16"), name="a.wav")


def test_blocks_have_the_length_asked_for_and_can_be_had_again(opened):
    assert [len(block) for block in opened.blocks(2000)] == [2000, 2000, 1003]
    whole = np.concatenate(list(opened.blocks()))
    assert (np.concatenate(list(opened.blocks(1))) == whole).all()
    with pytest.raises(ValueError, match="at least one frame"):
        next(opened.blocks(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 1000, 5003])
def test_blocks_of_any_length_and_type_are_written(opened, tmp_path, size, dtype):
    whole = np.concatenate(list(opened.blocks())).astype(dtype)
    target = tmp_path / "b.wav"
    opened.encode((whole[at : at + size] for at in range(0, len(whole), size)), target)
    assert target.read_bytes() == (tmp_path / "a.wav").read_bytes()


BAD = {
    "too few": ([np.zeros((5002, 2))], ValueError, "5003 frames are expected, not 5002"),
    "too many": ([np.zeros((5003, 2)), np.zeros((1, 2))], ValueError, "not 5004 or more"),
    "none": ([], ValueError, "not 0"),
    "channels": ([np.zeros((5003, 1))], ValueError, r"\(n, 2\)"),
    "flat": ([np.zeros(5003)], ValueError, r"\(n, 2\)"),
    "integers": ([np.zeros((5003, 2), np.int16)], TypeError, "int16"),
    "not finite": ([np.full((5003, 2), np.nan)], ValueError, "finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_written_leaves_nothing_behind(opened, tmp_path, case):
    blocks, error, says = BAD[case]
    with pytest.raises(error, match=says):
        opened.encode(iter(blocks), tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


@pytest.mark.parametrize("error", [ZeroDivisionError, OSError, KeyboardInterrupt])
def test_errors_of_the_caller_pass_and_leave_nothing_behind(opened, tmp_path, error):
    def failing():
        yield next(opened.blocks(10))
        raise error

    with pytest.raises(error):
        opened.encode(failing(), tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


@pytest.mark.parametrize(
    ("raised", "error", "says"),
    [
        (RuntimeError("what FFmpeg says."), UnsupportedMediaError, r"as WAV \(what FFmpeg says\)"),
        (OSError(28, "No space left on device"), OutputError, "No space left"),
        (UnreadableMediaError("it is damaged"), UnreadableMediaError, "damaged"),
    ],
)
def test_errors_of_an_encoder_become_errors_of_the_family(
    opened, tmp_path, monkeypatch, raised, error, says
):
    def failing(blocks, target, *, length=None):
        next(iter(blocks))
        raise raised

    monkeypatch.setattr(opened._codec, "encode", failing)
    with pytest.raises(error, match=says) as caught:
        opened.encode(opened.blocks(), tmp_path / "b.wav")
    assert caught.value.file
    assert not (tmp_path / "b.wav").exists()


def test_a_file_that_exists_is_not_touched(opened, tmp_path):
    target = tmp_path / "b.wav"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        opened.encode(opened.blocks(), target)
    assert caught.value.file == str(target)
    assert target.read_bytes() == b"precious"
    with pytest.raises(OutputError):
        opened.encode(opened.blocks(), tmp_path / "no folder" / "b.wav")


def test_a_file_that_shrinks_is_noticed(opened, tmp_path):
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:5000])
    with pytest.raises(UnreadableMediaError, match="became shorter") as caught:
        list(opened.blocks())
    assert caught.value.file == "a.wav"
    (tmp_path / "a.wav").unlink()
    with pytest.raises(UnreadableMediaError, match="cannot be read"):
        list(opened.blocks())


def test_what_is_no_sound_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    for data, error, says in [
        (b"", UnreadableMediaError, "empty"),
        (bytes(5000), UnreadableMediaError, "zero bytes"),
        (b"hello", UnsupportedMediaError, "no format"),
        (making.saved(making.pixels(), "PNG"), UnsupportedMediaError, "PNG"),
    ]:
        path.write_bytes(data)
        with pytest.raises(error, match=says) as caught:
            open_sound(path, name="in/a.wav")
        assert caught.value.file == "in/a.wav"
    with pytest.raises(UnreadableMediaError, match="cannot be read"):
        open_sound(tmp_path / "nothing", name="nothing")
    with pytest.raises(UnreadableMediaError):
        open_sound(tmp_path, name="folder")


def test_sound_is_no_picture(tmp_path):
    data = saved(tmp_path / "a.wav", sound(), "WAV", "PCM_16").read_bytes()
    with pytest.raises(UnsupportedMediaError, match="WAV, and a picture is expected"):
        open_picture(data, name="a.wav")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("healthy")
    kinds = [("WAV", "PCM_16"), ("RF64", "PCM_24"), ("AIFF", "FLOAT"), ("FLAC", "PCM_16")]
    return [
        saved(folder / f"a.{form}", sound(200, 1), form, kind).read_bytes() for form, kind in kinds
    ]


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_damage_raises_nothing_but_errors_of_the_family(healthy, tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(healthy)))
    for at in data.draw(st.lists(st.integers(0, 120), max_size=6)):
        content[at] = data.draw(st.sampled_from([0, 1, 2, 3, 0x7F, 0x80, 0xFE, 0xFF]))
    path = tmp_path_factory.getbasetemp() / "damaged"
    target = path.with_name("target")
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        opened = open_sound(path, name="damaged")
        opened.encode(opened.blocks(), target)
    except LabelerError as exc:
        assert exc.hint  # noqa: PT017 - whether it is raised depends on the damage
        assert exc.file == "damaged"  # noqa: PT017
        assert not target.exists()
    else:
        again = open_sound(target, name="target")
        whole = [np.concatenate(list(each.blocks())) for each in (opened, again)]
        assert (whole[0] == whole[1]).all()
    target.unlink(missing_ok=True)
