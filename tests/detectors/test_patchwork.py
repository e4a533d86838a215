import numpy as np
import pytest

from detectors.alignment import Bank, align
from detectors.patchwork import agreement, choices_of, read
from labeler.codec.keys import Key
from labeler.codec.patchwork import BANDS, CELL_FRAMES, PERIOD_CELLS, PERIOD_FRAMES, PILOTS, Form
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload

BANK = Bank([Key.from_bytes(bytes(range(32)))])
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))
SHORT = ShortPayload.of(PAYLOAD)
STANDARD_NUMBER = 3
SHORT_NUMBER = next(at for at, (_, each) in enumerate(BANK.entries) if each.form is Form.SHORT)


def noise(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, BANDS)).astype(np.float32)


def put(features: np.ndarray, row: int, number: int, gain: float, *, cells: int = PERIOD_CELLS):
    """Add one period, or its first cells, where it lies within the features."""
    pattern = BANK.entries[number][1]
    payload = SHORT if pattern.form is Form.SHORT else PAYLOAD
    signs = pattern.signs_of(payload)
    for cell in range(cells):
        at = row + CELL_FRAMES * cell
        if 0 <= at < len(features):
            features[at] += gain * signs[cell]


def marked(number: int, rows: int, gain: float, *, start: int = 70) -> np.ndarray:
    features = noise(rows)
    for row in range(start - PERIOD_FRAMES, rows, PERIOD_FRAMES):
        put(features, row, number, gain)
    return features


def choose(features: np.ndarray, number: int):
    return choices_of(align(features, BANK), number, len(features))


@pytest.mark.parametrize(("number", "payload"), [(STANDARD_NUMBER, PAYLOAD), (SHORT_NUMBER, SHORT)])
def test_the_payload_is_read(number: int, payload: Payload | ShortPayload) -> None:
    features = marked(number, 3 * PERIOD_FRAMES, 0.35)
    word = read(features, choose(features, number), BANK.entries[number][1])
    assert word is not None
    assert word.payload == payload
    assert word.log_p < np.log(1e-20)


def test_periods_that_were_moved_are_read() -> None:
    features = noise(1200)
    rows = (10, 330, 601, 811)
    for row in rows:
        put(features, row, STANDARD_NUMBER, 0.45)
    choices = choose(features, STANDARD_NUMBER)
    assert {each.row for choice in choices for each in choice.periods} >= set(rows)
    word = read(features, choices, BANK.entries[STANDARD_NUMBER][1])
    assert word is not None
    assert word.payload == PAYLOAD


def test_noise_says_nothing() -> None:
    for seed in range(20):
        features = noise(500, seed)
        for number in (STANDARD_NUMBER, SHORT_NUMBER):
            word = read(features, choose(features, number), BANK.entries[number][1])
            assert word is None or word.log_p > np.log(1e-4)


def test_pilots_alone_give_no_payload() -> None:
    """Sure pilots over data that was damaged must not make a payload up."""
    for seed in range(10):
        for number in (STANDARD_NUMBER, SHORT_NUMBER):
            features = noise(3 * PERIOD_FRAMES, seed)
            pattern = BANK.entries[number][1]
            pilots = np.where(PILOTS, pattern.signs, 0)
            for row in range(0, len(features), PERIOD_FRAMES):
                features[row + CELL_FRAMES * np.arange(PERIOD_CELLS)] += 0.8 * pilots
            assert read(features, choose(features, number), pattern) is None


def test_agreement_tells_where_the_mark_is() -> None:
    features = noise(4 * PERIOD_FRAMES)
    put(features, PERIOD_FRAMES, STANDARD_NUMBER, 0.6)
    put(features, 2 * PERIOD_FRAMES, STANDARD_NUMBER, 0.6)
    signs = BANK.entries[STANDARD_NUMBER][1].signs_of(PAYLOAD)
    choice = choose(features, STANDARD_NUMBER)[0]
    sums, variances = agreement(features, choice, signs)
    z = sums / np.sqrt(np.maximum(variances, 1))
    inside = z[PERIOD_CELLS : 3 * PERIOD_CELLS]
    assert inside.mean() > 3
    assert abs(z[:PERIOD_CELLS].mean()) < 1
    assert abs(z[3 * PERIOD_CELLS : 4 * PERIOD_CELLS].mean()) < 1
