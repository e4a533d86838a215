"""Conditions on facts, combined by Kleene's three-valued logic.

    fact("deepfake.resembles") & fact("deepfake.plausible")

One false limb of an "and" decides, whatever the others are, and one true limb of an "or". A
condition that does not decide names the facts that would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from labeler.policy.facts import Facts, Tri

__all__ = ["NEVER", "Condition", "all_of", "any_of", "fact", "judged"]


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds, does not hold, or is not known to."""

    holds: Callable[[Facts], Tri]
    unknown: Callable[[Facts], tuple[str, ...]]
    """Keys of the facts that are missing, where it is not known."""

    def __and__(self, other: Condition) -> Condition:
        """Both."""
        return all_of(self, other)

    def __or__(self, other: Condition) -> Condition:
        """At least one."""
        return any_of(self, other)

    def __invert__(self) -> Condition:
        """The opposite."""

        def holds(facts: Facts) -> Tri:
            value = self.holds(facts)
            return None if value is None else not value

        return Condition(holds, self.unknown)


def fact(key: str) -> Condition:
    """The three-valued fact ``key``."""
    value: Callable[[Facts], Tri] = attrgetter(key)
    return Condition(value, lambda _: (key,))


def judged(holds: Callable[[Facts], Tri], *keys: str) -> Condition:
    """What follows from the facts ``keys``, which are missing where it is not known."""
    return Condition(holds, lambda _: keys)


def all_of(*limbs: Condition) -> Condition:
    """Every one of ``limbs``."""
    return _combined(limbs, decisive=False)


def any_of(*limbs: Condition) -> Condition:
    """At least one of ``limbs``."""
    return _combined(limbs, decisive=True)


def _combined(limbs: tuple[Condition, ...], *, decisive: bool) -> Condition:
    def holds(facts: Facts) -> Tri:
        values = [limb.holds(facts) for limb in limbs]
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def unknown(facts: Facts) -> tuple[str, ...]:
        return _once(
            key for limb in limbs if limb.holds(facts) is None for key in limb.unknown(facts)
        )

    return Condition(holds, unknown)


def _once(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(keys))


NEVER: Final = Condition(lambda _: False, lambda _: ())
"""Holds for nothing."""
