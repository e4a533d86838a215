"""The test that belongs to each scheme."""

from __future__ import annotations

from labeler.codec.tokens.gumbel import MurmurStatistic, PhiloxDualStatistic, PhiloxStatistic
from labeler.codec.tokens.kgw import KgwStatistic
from labeler.codec.tokens.schemes import (
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    Scheme,
    SynthId,
)
from labeler.codec.tokens.statistic import Statistic
from labeler.codec.tokens.synthid import SynthIdStatistic

__all__ = ["statistic_of"]


def statistic_of(scheme: Scheme) -> Statistic:
    """The test for texts of a scheme under its secret."""
    if isinstance(scheme, PhiloxGumbel):
        return PhiloxStatistic(scheme)
    if isinstance(scheme, PhiloxDualGumbel):
        return PhiloxDualStatistic(scheme)
    if isinstance(scheme, MurmurGumbel | MurmurDualGumbel):
        return MurmurStatistic(scheme)
    if isinstance(scheme, SynthId):
        return SynthIdStatistic(scheme)
    return KgwStatistic(scheme)
