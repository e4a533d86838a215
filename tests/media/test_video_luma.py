import av
import numpy as np
import pytest

from labeler.errors import UnsupportedMediaError
from labeler.media.video_luma import luma_access
from tests.clips import pictures

PLANAR = ["yuv420p", "yuvj422p", "yuv444p10le", "yuv420p12le", "yuva444p16le", "nv12", "nv21",
          "nv16", "gray", "gray10le", "yuv410p", "yuv440p"]  # fmt: skip
RGB = ["rgb24", "bgr24", "rgba", "argb", "bgra", "abgr", "rgb0", "0bgr", "gbrp", "gbrap",
       "gbrp12le", "rgb48le", "bgr48le", "rgba64le"]  # fmt: skip
DETOURS = ["uyvy422", "yuyv422", "yvyu422", "p010le", "rgb48be", "gray16be", "yuv420p10be",
           "rgb565le", "ya8", "p210le"]  # fmt: skip


def frame_of(pix_fmt, width=122, height=66):
    frame = av.VideoFrame.from_ndarray(next(pictures(1, width, height)), "rgb24")
    return frame.reformat(format=pix_fmt)


def grey(frame):
    """What FFmpeg takes for the luma of a frame, 16 bits."""
    plane = frame.reformat(format="yuv444p16le", dst_color_range=1).planes[0]
    rows = np.frombuffer(plane, np.uint16).reshape(frame.height, plane.line_size // 2)
    return rows[:, : frame.width].astype(float)


@pytest.mark.parametrize("pix_fmt", PLANAR + RGB + DETOURS)
def test_what_is_written_is_read_again(pix_fmt):
    access, frame = luma_access(pix_fmt), frame_of(pix_fmt)
    luma = access.read(frame)
    assert luma.shape == (66, 122)
    assert luma.dtype == (np.uint8 if access.depth == 8 else np.uint16)
    assert luma.max() < 1 << access.depth
    old, before = luma.copy(), grey(frame)
    step = 1 << access.depth - 4
    new = np.clip(old, step, None) - np.array(step, old.dtype)
    new[:20] = old[:20]
    written = access.write(frame, old, new)
    assert (written.width, written.height, written.format.name) == (122, 66, pix_fmt)
    tolerance = {"rgb565le": 1 << access.depth - 5}.get(pix_fmt, 1)
    error = np.abs(access.read(written).astype(int) - new)
    inner = (old > 3 * step) & (old < (1 << access.depth) - 3 * step)  # no component reaches black
    assert error[inner].max() <= (tolerance if pix_fmt in RGB + DETOURS else 0)
    # FFmpeg's own idea of luma changes as it should, and nothing does where nothing was changed.
    after = grey(written)
    assert np.abs(after - before)[:20].max() < 257 * tolerance
    full = 219 / 255 if pix_fmt in [*RGB, "rgb48be", "rgb565le", "ya8"] else 1
    full = 219 / 255 if pix_fmt.startswith(("gray", "yuvj")) else full
    assert np.median((after - before)[20:][inner[20:]]) == pytest.approx(-4096 * full, abs=400)


@pytest.mark.parametrize("pix_fmt", ["rgba", "yuva444p16le", "gbrap", "argb"])
def test_alpha_is_not_touched(pix_fmt):
    frame = frame_of(pix_fmt)
    form = frame.format.name
    before = frame.to_ndarray() if form != "gbrap" else bytes(frame.planes[3])
    access = luma_access(pix_fmt)
    luma = access.read(frame)
    written = access.write(frame, luma.copy(), luma // 2)
    if form in {"rgba", "argb"}:
        at = form.index("a")
        assert (written.to_ndarray()[..., at] == before[..., at]).all()
    else:
        assert bytes(written.planes[3]) == (before if form == "gbrap" else bytes(frame.planes[3]))


def test_a_view_of_yuv_costs_nothing_and_follows_the_frame():
    frame = frame_of("yuv420p")
    luma = luma_access("yuv420p").read(frame)
    assert not luma.flags.owndata
    assert (luma == frame.to_ndarray()[:66]).all()


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "rgb24"])
def test_frames_that_lie_upside_down_in_memory(pix_fmt):
    frame = frame_of(pix_fmt)
    graph = av.filter.Graph()
    source = graph.add_buffer(width=122, height=66, format=frame.format, time_base=1)
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(frame)
    flipped = graph.pull()
    assert flipped.planes[0].line_size < 0
    access = luma_access(pix_fmt)
    assert (access.read(flipped) == access.read(frame)[::-1]).all()


@pytest.mark.parametrize("pix_fmt", ["gbrpf32le", "grayf32le", "bayer_rggb8", "xyz12le"])
def test_what_has_no_luma_is_refused(pix_fmt):
    with pytest.raises(UnsupportedMediaError, match=pix_fmt) as caught:
        luma_access(pix_fmt)
    assert caught.value.hint
