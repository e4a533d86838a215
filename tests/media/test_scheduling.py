"""An encoder of AV1 that takes the machine for itself does not keep it."""

import os
from contextlib import suppress
from pathlib import Path

import av
import pytest

from labeler.media.scheduling import ordinary_priority
from labeler.media.video import open_video
from tests.clips import clip

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir() or os.geteuid() != 0,
    reason="only root's encoders can, on Linux",
)


def real_time():
    """How many threads of this process are real-time ones."""
    found = 0
    for each in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it ended
            found += os.sched_getscheduler(int(each.name)) in {os.SCHED_FIFO, os.SCHED_RR}
    return found


def test_no_thread_of_the_encoder_stays_real_time(tmp_path):
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("libsvtav1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        with ordinary_priority():
            stream.codec_context.open()
            assert real_time() > 0, "the encoder has changed: this is needed no more"
        assert real_time() == 0
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        assert real_time() == 0


def test_threads_that_were_real_time_before_stay_so():
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        with ordinary_priority():
            pass
        assert os.sched_getscheduler(0) == os.SCHED_RR
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def test_writing_a_film_leaves_no_thread_real_time(tmp_path):
    seen = []

    def mark(luma):
        seen.append(real_time())
        return luma

    film = clip(".mp4", codec="libsvtav1", frames=100)
    open_video(film, name="film.mp4").encode(mark, tmp_path / "new.mp4")
    # The encoder is opened in a thread of its own, once the first frame gets there.
    assert seen[-1] == real_time() == 0
