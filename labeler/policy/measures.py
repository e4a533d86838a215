"""The measures of the Code of Practice on Transparency of AI-Generated Content, as data.

The Code is voluntary. It binds whoever signed the section; others compare themselves with it (a gap
analysis). Holding to it is no conclusive evidence of compliance, as the Code itself says.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from labeler.errors import PolicyError
from labeler.policy.code_deployers import DEPLOYER_MEASURES
from labeler.policy.code_providers import PROVIDER_MEASURES
from labeler.policy.facts import CodeSection
from labeler.policy.measure import Force, Help, Measure

__all__ = [
    "MEASURES",
    "Force",
    "Help",
    "Measure",
    "find_measure",
    "measures_for_gap",
    "measures_of",
]

MEASURES: Final[tuple[Measure, ...]] = PROVIDER_MEASURES + DEPLOYER_MEASURES
"""All of them, in the Code's order."""

_BY_ID: Final = {measure.id: measure for measure in MEASURES}


def find_measure(measure_id: str) -> Measure:
    """The measure with an id such as ``S1 1.1.1``.

    Raises:
        PolicyError: There is none.
    """
    try:
        return _BY_ID[measure_id]
    except KeyError:
        raise PolicyError(
            f"the Code has no measure {measure_id!r}", hint='Write it as in "S1 1.1.1"'
        ) from None


def measures_of(sections: Collection[CodeSection] = tuple(CodeSection)) -> tuple[Measure, ...]:
    """The measures of these sections, in the Code's order."""
    return tuple(measure for measure in MEASURES if measure.section in sections)


def measures_for_gap(gap_id: str) -> tuple[Measure, ...]:
    """The measures that a gap with this id answers; none where only the statute asks for it."""
    return tuple(measure for measure in MEASURES if gap_id in measure.gaps)
