"""So many requests of one address, and so many of all."""

from __future__ import annotations

import pytest

from detectors.service.admission import Admission, network_of
from detectors.service.limits import ServiceLimits
from detectors.service.problems import ProblemKind, RequestError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admission(clock: Clock | None = None, **limits) -> Admission:
    return Admission(ServiceLimits(**limits), clock=clock or Clock())


def knock(door: Admission, address: str = "192.0.2.1") -> RequestError | None:
    try:
        with door.enter(address):
            return None
    except RequestError as error:
        return error


def test_a_bucket_empties_and_fills_again():
    clock = Clock()
    door = admission(clock, burst=3, requests_per_second=0.5)
    assert [knock(door) for _ in range(3)] == [None] * 3
    error = knock(door)
    assert (error.kind, error.retry_after) == (ProblemKind.TOO_MANY, 2)
    assert knock(door, "192.0.2.2") is None
    clock.now = 2.0
    assert knock(door) is None
    assert knock(door).kind is ProblemKind.TOO_MANY
    clock.now = 1e6
    assert [knock(door) is None for _ in range(4)] == [True, True, True, False]


def test_places_are_given_back_whatever_happens():
    door = admission(workers=1, queue=1, burst=100)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), door.enter("192.0.2.1"):
            raise ZeroDivisionError
    with door.enter("192.0.2.1"), door.enter("192.0.2.2"):
        assert knock(door, "192.0.2.3").kind is ProblemKind.BUSY
    assert knock(door, "192.0.2.3") is None


def test_one_address_has_so_many_places():
    door = admission(requests_at_once=1)
    with door.enter("192.0.2.1"):
        assert knock(door).kind is ProblemKind.TOO_MANY
        assert knock(door, "192.0.2.2") is None
    assert knock(door) is None


def test_only_so_many_addresses_are_remembered():
    door = admission(burst=1, addresses=2)
    for last in (1, 2, 3):
        assert knock(door, f"192.0.2.{last}") is None
    assert knock(door, "192.0.2.3") is not None
    assert knock(door, "192.0.2.1") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "testclient", False),
    ],
)
def test_what_counts_as_one_address(one, other, same):
    assert (network_of(one) == network_of(other)) is same


@pytest.mark.parametrize("name", ["workers", "queue", "max_upload_bytes", "burst"])
def test_limits_that_cannot_be(name):
    with pytest.raises(ValueError, match=name):
        ServiceLimits(**{name: 0})
