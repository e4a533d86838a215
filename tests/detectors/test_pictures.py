"""An animation is looked at frame by frame, and then as a whole."""

import numpy as np
import pytest

from detectors import image, pictures
from detectors.looks import picture_looks
from detectors.report import Presence
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Handle, Origin, Payload
from labeler.marks.image import embed
from labeler.marks.video import Marker
from labeler.media.media_type import MediaType
from tests.scenes import photograph

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 77))
KEYS = Keyring()


class Animation:
    """Frames that stand in for an opened picture."""

    def __init__(self, frames, media_type=MediaType.GIF):
        self._frames = frames
        self.frame_count = len(frames)
        self.media_type = media_type

    def frames(self):
        yield from self._frames


@pytest.fixture(scope="module")
def noisy():
    """Frames with so much noise that none of them shows the mark of the film they come from."""
    grey = np.ascontiguousarray(photograph(288, 384)[..., 1])
    marked = Marker(*grey.shape, PAYLOAD, strength="robust").mark(grey)
    random = np.random.default_rng(5)
    noise = (random.normal(0, 50, grey.shape) for _ in range(40))
    return [np.clip(marked + each, 0, 255).astype(np.uint8) for each in noise]


def test_all_frames_together_show_what_none_shows_alone(noisy):
    assert image.detect(noisy[0], KEYS).presence is Presence.ABSENT
    evidence = pictures.detect(Animation(noisy), KEYS)
    assert evidence.finding.presence is Presence.PRESENT
    assert evidence.payload == PAYLOAD
    assert evidence.finding.p_value < 1e-6
    detail = evidence.finding.detail
    assert (detail["frame"], detail["frame_count"]) == (None, 40)
    assert detail["payload"]["handle"] == str(PAYLOAD.handle)
    assert detail["geometry"]["period"] > 0


def test_pages_are_no_animation(noisy):
    evidence = pictures.detect(Animation(noisy, MediaType.TIFF), KEYS)
    assert evidence.finding.presence is Presence.ABSENT
    assert evidence.finding.detail["frame"] is not None


def test_where_one_frame_is_enough_the_other_look_counts_all_the_same():
    still = photograph(288, 384)
    grey = np.ascontiguousarray(still[..., 1])
    frame = Marker(*grey.shape, PAYLOAD).mark(grey)
    alone = pictures.detect(Animation([frame]), KEYS).finding
    pages = pictures.detect(Animation([frame, grey], MediaType.TIFF), KEYS).finding
    moving = pictures.detect(Animation([frame, grey]), KEYS).finding
    assert pages.p_value == pytest.approx(2 * alone.p_value)
    assert moving.p_value == pytest.approx(4 * alone.p_value)
    assert moving.detail["frame"] == 0


@pytest.mark.parametrize("all_over", [True, False])
def test_where_the_tiles_lie_is_told_of_marks_that_lie_all_over_the_picture(all_over):
    pixels = embed(photograph(480, 640), PAYLOAD)
    if not all_over:
        page = photograph(960, 1280, seed=4)
        page[200:680, 300:940] = pixels
        pixels = page
    opened = Animation([pixels], MediaType.PNG)
    evidence = pictures.detect(opened, KEYS)
    assert evidence.payload == PAYLOAD
    looks = picture_looks(pictures.looks_of(opened, evidence, KEYS).finding.detail)
    assert looks.view.tile_px > 0
    assert (looks.view.corner is not None) is all_over


def test_of_a_mark_that_does_not_read_it_is_not_told():
    opened = Animation([embed(photograph(480, 640), PAYLOAD, Key.from_bytes(bytes(32)))])
    evidence = pictures.detect(opened, KEYS)
    assert evidence.finding.presence is Presence.INCONCLUSIVE
    looks = picture_looks(pictures.looks_of(opened, evidence, KEYS).finding.detail)
    assert looks.view.tile_px > 0
    assert looks.view.corner is None
