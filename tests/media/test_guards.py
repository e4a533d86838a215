import av
import pytest

from labeler.media.guards import reason


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("a row is missing.\nMore of it."), "a row is missing"),
        (ValueError(), "ValueError"),
        (OSError("no words apart"), "no words apart"),
        (FileNotFoundError(2, "No such file or directory", "a.wav"), "No such file or directory"),
    ],
)
def test_reasons_are_one_line_of_words(error, says):
    assert reason(error) == says


def test_errors_of_ffmpeg_are_told_without_their_number(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"no sound")
    with pytest.raises(av.error.FFmpegError) as caught:
        av.open(str(tmp_path / "a.mp3"))
    assert reason(caught.value) == "Invalid data found when processing input"
