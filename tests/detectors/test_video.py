import shutil
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from detectors import image
from detectors.report import Presence
from detectors.video import detect, detect_each, detect_file, detect_lumas
from labeler.codec.keys import PUBLIC_KEY, Key, Keyring
from labeler.codec.lattice import pattern_of
from labeler.codec.luma import LumaFrame
from labeler.codec.payload import Handle, Origin, Payload
from labeler.errors import LabelerError
from labeler.marks.video import Marker, embed_file
from labeler.media.recompression import recompressed
from labeler.media.video import open_video
from tests.clips import clip, pictures

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xCAFE1234))
HEIGHT, WIDTH, RATE_HZ = 360, 640, 12


def lumas(count: int, *, seed: int = 0) -> list[np.ndarray]:
    return [each[..., 1].copy() for each in pictures(count, WIDTH, HEIGHT, seed=seed)]


def timed(planes: list[np.ndarray]) -> Iterator[LumaFrame]:
    for number, luma in enumerate(planes):
        depth = 8 if luma.dtype == np.uint8 else 10
        yield LumaFrame(number / RATE_HZ, luma, depth, is_key=number == 0)


@pytest.fixture(scope="module")
def marked() -> list[np.ndarray]:
    """What is left of three seconds that were marked and published again."""
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    planes = [marker.mark(each) for each in lumas(3 * RATE_HZ)]
    return list(recompressed(planes, depth=8, frame_rate=RATE_HZ, crf=26))


def resized(luma: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)


def turned(luma: np.ndarray, degrees: float) -> np.ndarray:
    middle = (WIDTH / 2, HEIGHT / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1)
    return cv2.warpAffine(luma, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


EDITS = {
    "nothing": lambda x: x,
    "two thirds": lambda x: resized(x, 426, 240),
    "larger": lambda x: cv2.resize(x, (960, 540), interpolation=cv2.INTER_CUBIC),
    "half of the area": lambda x: x[60:314, 30:482],
    "upright": lambda x: x[:, 200:402],
    "squeezed": lambda x: resized(x, 480, 360),
    "letterboxed": lambda x: cv2.copyMakeBorder(x, 140, 140, 0, 0, cv2.BORDER_CONSTANT, value=16),
    "quarter turn": lambda x: np.ascontiguousarray(np.rot90(x)),
    "mirrored": lambda x: np.ascontiguousarray(x[:, ::-1]),
    "turned by 3": lambda x: turned(x, 3),
    "more contrast": lambda x: cv2.addWeighted(x, 1.4, x, 0, -50),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_the_mark_is_read_after(edit, marked: list[np.ndarray]) -> None:
    found = detect_lumas(timed([edit(each) for each in marked]), [KEY])
    assert found.presence is Presence.PRESENT
    assert found.payload == PAYLOAD
    assert found.key_id == KEY.key_id
    assert found.p_value <= 1e-6
    assert found.frames_used == len(marked)


TIMES = {
    "half of the frames": lambda x: x[::2],
    "one second": lambda x: x[10 : 10 + RATE_HZ],
    "backwards": lambda x: x[::-1],
    "averages": lambda x: [
        np.mean(x[i : i + 9], axis=0).astype(np.uint8) for i in range(len(x) - 9)
    ],
}


@pytest.mark.parametrize("edit", TIMES.values(), ids=TIMES)
def test_the_order_and_number_of_frames_do_not_matter(edit, marked: list[np.ndarray]) -> None:
    assert detect_lumas(timed(edit(marked)), [KEY]).payload == PAYLOAD


def test_frames_that_show_nothing_alone_do_together() -> None:
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    rng = np.random.default_rng(1)
    noisy = [
        np.clip(marker.mark(each) + rng.normal(0, 30, each.shape), 0, 255).astype(np.uint8)
        for each in lumas(24)
    ]
    assert detect_lumas(timed(noisy[:1]), [KEY]).payload is None
    assert detect_lumas(timed(noisy), [KEY]).payload == PAYLOAD


def test_a_screenshot_is_read_as_a_picture() -> None:
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    shown = [marker.mark(each) for each in lumas(10)][-1]
    encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    screenshot = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    found = image.detect(screenshot, [KEY])
    assert (found.payload, found.key_id) == (PAYLOAD, KEY.key_id)


def test_films_of_one_key_use_different_patterns() -> None:
    used = {
        pattern_of(Payload(origin=Origin.GENERATED, handle=Handle(7, serial)), KEY)
        for serial in range(100)
    }
    assert used == set(range(8))
    for serial in (1, 2, 3):
        payload = Payload(origin=Origin.MODIFIED, handle=Handle(7, serial))
        marker = Marker(HEIGHT, WIDTH, payload, KEY)
        planes = [marker.mark(each) for each in lumas(3)]
        assert detect_lumas(timed(planes), [KEY]).payload == payload


def test_the_spans_of_a_spliced_film() -> None:
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    planes = lumas(4 * RATE_HZ, seed=1)
    inserted = [marker.mark(each) for each in lumas(6 * RATE_HZ)]
    found = detect_lumas(timed([*planes, *inserted, *planes]), [KEY])
    assert found.payload == PAYLOAD
    assert [(span.start_s, span.end_s) for span in found.spans] == [
        (pytest.approx(4, abs=1), pytest.approx(10, abs=1))
    ]


def test_ten_bit_frames_are_read() -> None:
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY, depth=10)
    planes = [marker.mark(each.astype(np.uint16) << 2) for each in lumas(6)]
    assert detect_lumas(timed(planes), [KEY]).payload == PAYLOAD


def test_the_right_one_of_several_keys_is_named(marked: list[np.ndarray]) -> None:
    others = [Key.generate() for _ in range(5)]
    found = detect_lumas(timed(marked), Keyring([PUBLIC_KEY, *others, KEY]))
    assert found.key_id == KEY.key_id


def test_a_mark_under_another_key_is_inconclusive(marked: list[np.ndarray]) -> None:
    found = detect_lumas(timed(marked), [PUBLIC_KEY])
    assert found.presence is Presence.INCONCLUSIVE
    assert found.payload is None
    assert found.key_id is None
    assert found.spans == ()
    assert found.geometry is not None


def test_unmarked_frames_carry_nothing() -> None:
    keys = [Key.from_bytes(bytes([number] * 32)) for number in range(40)]
    found = detect_lumas(timed(lumas(2 * RATE_HZ)), keys)
    assert found.presence is Presence.ABSENT
    assert found.p_value > 1e-3
    assert found.payload is None


def test_no_frames_carry_nothing() -> None:
    found = detect_lumas(iter(()), [KEY])
    assert found.presence is Presence.ABSENT
    assert found.p_value == 1
    assert found.frames_used == 0


def test_without_keys_there_is_nothing_to_look_for() -> None:
    with pytest.raises(ValueError, match="no key"):
        detect_lumas(iter(()), [])


def test_a_film_is_marked_and_found(tmp_path) -> None:
    source = clip(width=WIDTH, height=HEIGHT, frames=30, sound="aac")
    target = tmp_path / "marked.mp4"
    told = []
    embed_file(source, target, PAYLOAD, KEY, progress=told.append)
    found = detect_file(target, [KEY])
    assert found.payload == PAYLOAD
    assert found.p_value < 1e-20
    assert found.spans[0].start_s == 0
    assert told == sorted(told)
    assert told[-1] == 1
    assert detect_file(source, [KEY]).presence is Presence.ABSENT


def test_a_truncated_film_is_an_error(tmp_path) -> None:
    source = clip(width=WIDTH, height=HEIGHT, frames=30, mux=(("movflags", "+faststart"),))
    cut = tmp_path / "cut.mp4"
    shutil.copy(source, cut)
    with cut.open("r+b") as file:
        file.truncate(source.stat().st_size // 2)
    with pytest.raises(LabelerError) as raised:
        detect(open_video(cut, name="cut.mp4"), [KEY])
    assert raised.value.file == "cut.mp4"


def test_each_key_has_a_detection_of_its_own(tmp_path) -> None:
    target = tmp_path / "marked.mp4"
    embed_file(clip(width=WIDTH, height=HEIGHT, frames=30), target, PAYLOAD, KEY)
    video = open_video(target, name="marked.mp4")
    other, own = detect_each(video, [PUBLIC_KEY, KEY])
    assert own.payload == PAYLOAD
    assert own.key_id == KEY.key_id
    assert (other.presence, other.payload) == (Presence.INCONCLUSIVE, None)
    assert own.p_value < 1e-20 < 1e-3 < other.p_value
