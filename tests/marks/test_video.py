from itertools import pairwise

import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.luma import Transfer
from labeler.codec.payload import Handle, Origin, Payload
from labeler.errors import CapacityError
from labeler.marks.video import Marker
from tests.clips import pictures

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xCAFE1234))
HEIGHT, WIDTH = 432, 768


def lumas(count: int, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    return [picture[..., 1].copy() for picture in pictures(count, width, height)]


def psnr_db(before: list[np.ndarray], after: list[np.ndarray], peak: float = 255) -> float:
    changed = np.stack(after).astype(np.float64) - np.stack(before)
    return float(10 * np.log10(peak**2 / np.mean(changed**2)))


@pytest.mark.parametrize(
    ("strength", "least"), [("quality", 46), ("balanced", 44), ("robust", 42.5)]
)
def test_each_strength_keeps_its_signal_to_noise_ratio(strength: str, least: float) -> None:
    before = lumas(6)
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY, strength=strength)
    after = [marker.mark(each) for each in before]
    assert least - 0.05 < psnr_db(before, after) < least + 0.6
    assert marker.psnr_db == pytest.approx(psnr_db(before, after), abs=0.3)


def test_nothing_is_written_into_the_frame_that_was_given() -> None:
    (luma,) = lumas(1)
    luma.setflags(write=False)
    marked = Marker(HEIGHT, WIDTH, PAYLOAD, KEY).mark(luma)
    assert not np.array_equal(marked, luma)
    assert marked.dtype == np.uint8


def test_the_mark_does_not_flicker() -> None:
    before = lumas(12)
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    added = [marker.mark(each).astype(int) - each for each in before]
    steps = [np.sqrt(np.mean((b - a) ** 2)) for a, b in pairwise(added)]
    assert max(steps) < 0.35


def test_a_still_scene_gets_a_still_mark() -> None:
    (luma,) = lumas(1)
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    first, second = marker.mark(luma), marker.mark(luma)
    assert np.array_equal(first, second)


def test_a_cut_to_black_is_not_noisy() -> None:
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY)
    for luma in lumas(3):
        marker.mark(luma)
    black = np.full((HEIGHT, WIDTH), 16, np.uint8)
    noise = marker.mark(black).astype(int) - 16
    assert np.sqrt(np.mean(noise**2)) < 0.8


def test_texture_hides_more_than_a_flat_wall() -> None:
    noise = np.random.default_rng(1).normal(128, 20, (HEIGHT, WIDTH))
    noise[:, : WIDTH // 2] = 128
    luma = np.clip(noise, 0, 255).astype(np.uint8)
    added = Marker(HEIGHT, WIDTH, PAYLOAD, KEY).mark(luma).astype(int) - luma
    flat, textured = added[:, : WIDTH // 2 - 16], added[:, WIDTH // 2 + 16 :]
    assert textured.std() > 1.2 * flat.std()


@pytest.mark.parametrize("depth", [10, 12, 16])
def test_deeper_code_values_get_the_same_share_of_their_range(depth: int) -> None:
    before = [each.astype(np.uint16) << (depth - 8) for each in lumas(3)]
    marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY, depth=depth)
    after = [marker.mark(each) for each in before]
    assert after[0].dtype == np.uint16
    assert max(each.max() for each in after) < 1 << depth
    assert psnr_db(before, after, 255 * 2 ** (depth - 8)) == pytest.approx(44.3, abs=0.4)


def test_code_values_of_hdr_are_changed_less() -> None:
    before = [each.astype(np.uint16) << 2 for each in lumas(2)]
    ratios = {}
    for transfer in Transfer:
        marker = Marker(HEIGHT, WIDTH, PAYLOAD, KEY, depth=10, transfer=transfer)
        ratios[transfer] = psnr_db(before, [marker.mark(each) for each in before], 1020)
    assert ratios[Transfer.PQ] > ratios[Transfer.HLG] + 1 > ratios[Transfer.SDR] + 2


def test_no_code_value_wraps_around() -> None:
    luma = np.full((HEIGHT, WIDTH), 1023, np.uint16)
    marked = Marker(HEIGHT, WIDTH, PAYLOAD, KEY, depth=10).mark(luma)
    assert marked.max() == 1023
    assert marked.min() > 980


def test_small_films_are_marked_more_strongly() -> None:
    levels = {}
    for height, width in ((180, 320), (HEIGHT, WIDTH)):
        before = lumas(2, height, width)
        marker = Marker(height, width, PAYLOAD, KEY)
        levels[height] = psnr_db(before, [marker.mark(each) for each in before])
    assert levels[180] == pytest.approx(levels[HEIGHT] - 1.2, abs=0.4)


def test_films_that_are_too_small_are_refused() -> None:
    with pytest.raises(CapacityError, match="1920 x 127"):
        Marker(127, 1920, PAYLOAD)


@pytest.mark.parametrize(
    "luma",
    [
        np.zeros((HEIGHT, WIDTH), np.uint16),
        np.zeros((HEIGHT, WIDTH - 1), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
    ],
)
def test_other_frames_than_were_announced_are_refused(luma: np.ndarray) -> None:
    with pytest.raises(ValueError, match="is expected"):
        Marker(HEIGHT, WIDTH, PAYLOAD).mark(luma)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="strength"):
        Marker(HEIGHT, WIDTH, PAYLOAD, strength="strong")
    with pytest.raises(ValueError, match="8 to 16"):
        Marker(HEIGHT, WIDTH, PAYLOAD, depth=4)
