import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers.parameter_sets import chroma_location
from tests.clips import clip


def setup_of(path):
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata


X265 = "log-level=none:pools=1"
# In films shorter than its reordering, x265 does not set the decoding times.
LONG_ENOUGH = 8


@pytest.mark.parametrize("location", [1, 2, 5])  # x264 does not write 0, the default
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize(
    "tools",
    [
        "",
        "cqm=jvt",
        "level=40:sar=4/3:overscan=show:fullrange=on",
        "keyint=1",
        "threads=1:crop-rect=2,2,2,2",
    ],
)
def test_h264(location, suffix, tools):
    params = f"chromaloc={location}:{tools}".strip(":")
    path = clip(suffix, frames=2, options=(("x264-params", params), ("preset", "medium")))
    assert chroma_location("h264", setup_of(path) or path.read_bytes()) == location


@pytest.mark.parametrize("interlaced", [None, "tff"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p", "yuvj420p"])
def test_h264_of_all_profiles(pix_fmt, interlaced):
    options = (("x264-params", "chromaloc=2"), ("preset", "medium"))
    path = clip(".mkv", frames=2, pix_fmt=pix_fmt, options=options, interlaced=interlaced)
    # Where chroma is not subsampled in both directions, x264 does not say.
    assert chroma_location("h264", setup_of(path)) == (2 if "420" in pix_fmt else None)


@pytest.mark.parametrize("location", [0, 2, 4])
@pytest.mark.parametrize(
    "tools",
    ["bframes=0", "bframes=4:ref=4:b-pyramid=1", "scaling-list=default", "sar=3:range=full",
     "temporal-layers=1", "ctu=16:min-cu-size=8:no-amp=1", "colorprim=bt2020:transfer=smpte2084"],
)  # fmt: skip
def test_h265(location, tools):
    options = (("x265-params", f"{X265}:chromaloc={location}:{tools}"),)
    path = clip(".mp4", codec="libx265", frames=LONG_ENOUGH, options=options)
    assert chroma_location("hevc", setup_of(path)) == location


@pytest.mark.parametrize(("name", "location"), [("left", 0), ("topleft", 2)])
def test_av1(name, location):
    options = (("chroma_sample_location", name),)
    path = clip(".mp4", codec="libsvtav1", frames=2, options=options)
    assert chroma_location("av1", setup_of(path)) == location


def test_where_nothing_is_said():
    assert chroma_location("h264", setup_of(clip(".mp4", frames=2))) is None
    options = (("x265-params", X265),)
    path = clip(".mp4", codec="libx265", frames=LONG_ENOUGH, options=options)
    assert chroma_location("hevc", setup_of(path)) is None
    assert chroma_location("vp9", b"\1\2\3") is None
    assert chroma_location("h264", b"") is None


@given(st.sampled_from(["h264", "hevc", "av1"]), st.binary(max_size=80))
def test_every_header_is_understood_or_not(codec, data):
    found = chroma_location(codec, data)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("codec", "encoder", "options"),
    [
        ("h264", "libx264", (("x264-params", "chromaloc=2"),)),
        ("hevc", "libx265", (("x265-params", f"{X265}:chromaloc=2"),)),
    ],
)
def test_a_damaged_header_does_no_harm(codec, encoder, options):
    whole = setup_of(clip(".mp4", codec=encoder, frames=LONG_ENOUGH, options=options))
    change = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255))

    @given(st.tuples(change, change, change))
    def damage(changes):
        setup = bytearray(whole)
        for place, value in changes:
            setup[place] = value
        found = chroma_location(codec, bytes(setup))
        assert found is None or found >= 0

    damage()
