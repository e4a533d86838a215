import numpy as np
import pytest

from detectors.alignment import Bank, align
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.patchwork import (
    BANDS,
    CELL_FRAMES,
    CELLS,
    PERIOD_CELLS,
    PERIOD_FRAMES,
    PILOTS,
)

KEY = Key.from_bytes(bytes(range(32)))
BANK = Bank([PUBLIC_KEY, KEY])


def marked_rows(number: int, start: int, rows: int, *, gain: float, seed: int = 1) -> np.ndarray:
    """Features of noise with the pilots of a pattern, a period beginning in row ``start``."""
    features = np.random.default_rng(seed).standard_normal((rows, BANDS)).astype(np.float32)
    signs = BANK.entries[number][1].signs * PILOTS
    since = np.arange(rows) - start
    here = gain * (since % CELL_FRAMES == 0)[:, None]
    return (features + here * signs[since // CELL_FRAMES % PERIOD_CELLS]).astype(np.float32)


@pytest.mark.parametrize("number", [0, 11, 17])
@pytest.mark.parametrize("start", [0, 1, 50, 191])
def test_the_pattern_and_its_place_are_found(number: int, start: int) -> None:
    found = align(marked_rows(number, start, 4 * PERIOD_FRAMES, gain=0.4), BANK)
    best, log_p = found.best()
    assert best == number
    assert log_p < np.log(1e-20)
    assert int(found.folded[:, number].argmax()) == start
    place = int(found.single[:, number].argmax()) - found.lead
    assert place % PERIOD_FRAMES == start


def test_statistics_are_those_of_the_definition() -> None:
    rows = 3 * PERIOD_FRAMES
    features = marked_rows(2, 30, rows, gain=0.2)
    found = align(features, BANK)
    signs = BANK.entries[2][1].signs
    for start in (30, 77, 2 * PERIOD_FRAMES):
        cells = features[start + CELL_FRAMES * np.arange(PERIOD_CELLS)]
        chips = (cells * PILOTS)[PILOTS]
        z = float(np.sum(cells * signs * PILOTS) / np.linalg.norm(chips))
        assert found.single[start + found.lead, 2] == pytest.approx(z, abs=1e-3)
    folded = np.zeros(CELLS, np.float32)
    for row in range(30, rows, CELL_FRAMES):
        folded[(row - 30) // CELL_FRAMES % PERIOD_CELLS] += features[row]
    before = features[2:30:CELL_FRAMES]
    for back, row in enumerate(before[::-1], 1):
        folded[-back % PERIOD_CELLS] += row
    z = float(np.sum(folded * signs * PILOTS) / np.linalg.norm((folded * PILOTS)[PILOTS]))
    assert found.folded[30, 2] == pytest.approx(z, abs=1e-3)


def test_sound_that_repeats_itself_gains_nothing() -> None:
    """The largest trap: a loop of one period looks like a mark that repeats."""
    one = np.random.default_rng(4).standard_normal((PERIOD_FRAMES, BANDS)).astype(np.float32)
    once, often = (align(np.tile(one, (times, 1)), BANK) for times in (1, 12))
    assert often.folded.max() < 6
    assert often.folded.max() == pytest.approx(once.folded.max(), abs=0.2)


def test_p_values_of_noise_are_not_too_small() -> None:
    logs = []
    for seed in range(60):
        rows = np.random.default_rng(seed).standard_normal((400, BANDS)).astype(np.float32)
        logs.append(align(rows, BANK).best()[1])
    # Three in sixty would be expected below 0.05 if the bound were exact; it is on the safe side.
    assert np.count_nonzero(np.array(logs) < np.log(0.05)) <= 6
    assert min(logs) > np.log(1e-4)


def test_coarse_places_are_a_part_of_all_places() -> None:
    features = marked_rows(5, 40, 700, gain=0.3)
    fine, coarse = align(features, BANK), align(features[::2], BANK, step=2)
    # Where there is little to go by, the least energy that is asked for differs a little.
    assert coarse.single == pytest.approx(fine.single[::2][: len(coarse.single)], abs=0.03)
    assert coarse.folded == pytest.approx(fine.folded[::2], abs=0.03)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 47, 200])
def test_few_rows_are_no_trouble(rows: int) -> None:
    found = align(np.zeros((rows, BANDS), np.float32), BANK)
    assert found.best() == (0, 0.0)
