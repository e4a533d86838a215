import numpy as np
import pytest

from detectors.spectrum import analyse
from detectors.synchronisation import _SYNC, SHIFT_GRID, _correlate, hear, hear_each, synchronise
from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.lattice import CARRIERS
from labeler.codec.payload import Handle, Origin, Payload
from labeler.marks.image import embed
from tests.scenes import photograph

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))


def sums_at_all_shifts(agreement: np.ndarray) -> np.ndarray:
    """``(SHIFT_GRID, SHIFT_GRID)`` the real part of the sum of the carriers, by shift y and x."""
    steps = np.exp(2j * np.pi * np.arange(SHIFT_GRID) / SHIFT_GRID)
    down, across = (steps[:, None] ** index[_SYNC] for index in (CARRIERS.ky, CARRIERS.kx))
    return np.real(np.einsum("yk,xk,k->yx", down, across, agreement))


def test_the_correlation_is_the_sum_of_the_turned_carriers() -> None:
    rng = np.random.default_rng(4)
    agreement = rng.normal(size=(3, 8, len(_SYNC))) + 1j * rng.normal(size=(3, 8, len(_SYNC)))
    correlation = _correlate(agreement.astype(np.complex64))
    sides = set()
    for number, orientation in np.ndindex(3, 8):
        sums = sums_at_all_shifts(agreement[number, orientation])
        row, column = np.unravel_index(sums.argmax(), sums.shape)
        assert correlation.top[number, orientation] == pytest.approx(sums.max(), rel=1e-5)
        assert correlation.shift(number, orientation) == (column, row)
        sides.add(column > SHIFT_GRID // 2)
    assert sides == {False, True}


def test_lattices_are_tried_alike_alone_and_together() -> None:
    marked = embed(photograph(300, 400), PAYLOAD, PUBLIC_KEY)
    spectrum = analyse(marked[21:, 34:])
    lattices = np.array([60.0, 64.0, 72.0, 80.0, 96.0, 100.0, 128.0])[:, None, None] * np.eye(2)
    together = synchronise(spectrum, lattices)
    alone = [synchronise(spectrum, lattice[None])[0] for lattice in lattices]
    assert [place.z for place in together] == pytest.approx([place.z for place in alone], rel=1e-5)
    best = max(together, key=lambda place: place.z)
    assert best.lattice[0, 0] == 80
    assert best.z > 8
    assert [place.shift for place in together] == [place.shift for place in alone]
    heard = [hear(spectrum, place) for place in together]
    assert np.allclose(hear_each(spectrum, together), heard, atol=1e-5)
    assert hear_each(spectrum, []).shape == (0, len(CARRIERS))
