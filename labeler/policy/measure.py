"""What one measure of the Code of Practice is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from labeler.policy.assessment import Status
from labeler.policy.facts import CodeSection, Modality

__all__ = ["Force", "Help", "Measure"]

_OPEN: Final = frozenset(
    {Status.REQUIRED, Status.LIMITED_FORM, Status.DEFERRED, Status.NEEDS_JUDGEMENT}
)


class Force(StrEnum):
    """The verb of a measure."""

    WILL = "will"
    """Signatories have to do it."""
    COMMIT = "commit"
    """Signatories commit to it: a commitment itself, which binds them as a "will" does."""
    ENCOURAGED = "encouraged"
    """Voluntary, and recommended."""
    MAY = "may"
    """Voluntary."""

    @property
    def binds(self) -> bool:
        """Whether it binds whoever has signed the section."""
        return self in {Force.WILL, Force.COMMIT}


class Help(StrEnum):
    """How far Labeler carries a measure out. It says nothing about conformity."""

    DOES = "does"
    """Labeler does what the measure describes; the organisation has to use it, and to answer."""
    PART = "part"
    """Labeler does a part; the rest is the organisation's."""
    NONE = "none"
    """The organisation alone can do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure, or the part of one that has a force of its own.

    Source: Code of Practice on Transparency of AI-Generated Content, 10 June 2026.
    """

    id: str
    """Section and number, such as ``S1 1.1.1``; a word behind the number tells parts apart that the
    Code does not number."""
    section: CodeSection
    """Where it stands."""
    force: Force
    """Its verb."""
    title: str
    """What it is about, in a few words."""
    asks: str
    """What it asks, in our words."""
    help: Help = Help.NONE
    """How far Labeler carries it out."""
    labeler: str | None = None
    """What Labeler does for it; None where `help` is `Help.NONE`."""
    organisation: str
    """What the organisation still has to do."""
    evidence: tuple[str, ...] = ()
    """Where evidence is to be found, or what to keep as evidence."""
    obligations: tuple[str, ...] = ()
    """Ids of the obligations that decide whether it matters for an output; empty: it concerns the
    organisation, not one output."""
    applies_when: frozenset[Status] = _OPEN
    """Statuses of these obligations with which it matters."""
    gaps: tuple[str, ...] = ()
    """Ids of the gaps of an assessment that answer it; empty: no fact shows whether it is done."""
    gaps_suffice: bool = True
    """Whether a gap that is met shows that the measure is; else it shows only when it is not."""
    modalities: frozenset[Modality] = frozenset(Modality)
    """Outputs that it speaks of."""
    condition: str | None = None
    """Key of a fact without which it does not matter; None: there is none."""
