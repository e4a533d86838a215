import numpy as np
import pytest

from labeler.codec import error_correction
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import (
    BAND,
    BAND_SPLIT,
    CARRIERS,
    TILE,
    data_chips,
    pilot_signs,
    spectrum,
    tile,
)
from labeler.codec.payload import Handle, Origin, Payload

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))


def test_every_carrier_has_one_role() -> None:
    roles = np.concatenate([CARRIERS.sync, CARRIERS.pilot, CARRIERS.data])
    assert sorted(roles) == list(range(len(CARRIERS)))


def test_the_carriers_are_closed_under_turns_and_flips() -> None:
    half_plane = set(zip(CARRIERS.kx.tolist(), CARRIERS.ky.tolist(), strict=True))
    plane = half_plane | {(-x, -y) for x, y in half_plane}
    assert plane == {(-y, x) for x, y in plane} == {(-x, y) for x, y in plane}


def test_roles_are_spread_evenly_over_frequency() -> None:
    middle = np.median(CARRIERS.frequency)
    for role in (CARRIERS.sync, CARRIERS.pilot, CARRIERS.data):
        assert np.mean(CARRIERS.frequency[role] < middle) == pytest.approx(0.5, abs=0.05)


def test_each_pass_over_the_code_word_holds_every_bit_once() -> None:
    dealt = data_chips(KEY).code_bit
    first = dealt[: error_correction.CODE_BITS]
    assert sorted(first) == list(range(error_correction.CODE_BITS))
    assert np.bincount(dealt, minlength=error_correction.CODE_BITS).max() <= 2


def test_keys_do_not_correlate() -> None:
    other = spectrum(PAYLOAD, Key.generate())
    own = spectrum(PAYLOAD, KEY)
    keyed = np.concatenate([CARRIERS.pilot, CARRIERS.data])
    agreement = np.real(own[keyed] @ np.conj(other[keyed])) / (2 * len(keyed))
    assert abs(agreement) < 5 / np.sqrt(2 * len(keyed))
    assert np.array_equal(own[CARRIERS.sync], other[CARRIERS.sync])
    assert not np.array_equal(pilot_signs(KEY), pilot_signs(PUBLIC_KEY))


@pytest.mark.parametrize("period", [64, 96, 256])
def test_a_tile_of_any_size_holds_the_same_carriers(period: int) -> None:
    pattern = tile(PAYLOAD, KEY, period)
    both = pattern.low + pattern.high
    assert np.mean(both**2) == pytest.approx(1, rel=1e-4)
    heard = np.fft.fft2(both)[CARRIERS.ky % period, CARRIERS.kx]
    expected = spectrum(PAYLOAD, KEY)
    assert np.allclose(heard / np.abs(heard), expected / np.abs(expected), atol=1e-3)
    low = (
        np.abs(np.fft.fft2(pattern.low)[CARRIERS.ky % period, CARRIERS.kx])
        > 1e-3 * period**2 / TILE
    )
    assert np.array_equal(low, CARRIERS.frequency <= BAND_SPLIT)


def test_frequencies_stay_in_the_band() -> None:
    assert CARRIERS.frequency.min() >= BAND[0]
    assert CARRIERS.frequency.max() <= BAND[1]
