"""What other jurisdictions ask of the same output: California, China, India.

Washington (E2SHB 1170, from 2027-02-01) and New York (GBL 396-b) have no rules here: their text is
known from summaries only, which is too little to decide by.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from labeler.policy.assessment import Basis, Grade, LegalLayer, Status
from labeler.policy.conditions import all_of, fact, judged
from labeler.policy.facts import Facts, Modality, Role
from labeler.policy.operations import CALIFORNIA_MINOR, is_minor, is_standard_editing
from labeler.policy.rule import Deadline, Relief, Rule
from labeler.policy.triggers import PICTURES_AND_SOUND, PROVIDER, modality, role

__all__ = ["OTHER_RULES"]

_SB_942: Final = date(2026, 8, 2)
"""From which day California's act applied in its first version, with a threshold of users."""
_SB_1000: Final = date(2026, 9, 30)


def _california_deadline(facts: Facts) -> Deadline:
    is_disputed = _SB_942 <= facts.assessment_date < _SB_1000
    return Deadline(
        due=_SB_1000,
        is_disputed=is_disputed,
        says="Until SB 1000 the act bound providers with more than a million users, which no fact "
        "here tells"
        if is_disputed
        else "",
    )


_LATENT = Rule(
    id="us-ca-22757-latent",
    duty="put a latent disclosure with provider, system, version, time and unique identifier into "
    "the content",
    addressee="provider",
    layer=LegalLayer.STATUTE,
    basis=(Basis("B&P Code 22757.3(a), as amended by SB 1000", Grade.PRIMARY),),
    applies_from=_SB_1000,
    trigger=all_of(
        PROVIDER,
        fact("system.publicly_accessible_in_california"),
        modality(PICTURES_AND_SOUND),
    ),
    reliefs=(
        Relief(
            when=judged(lambda facts: is_minor(facts.subject, CALIFORNIA_MINOR)),
            status=Status.EXEMPT,
            basis=Basis("B&P Code 22757.1(l)", Grade.PRIMARY),
            says="A minor modification.",
        ),
    ),
    deadline=_california_deadline,
    says="the system is publicly accessible in California and makes images, video or audio",
    untriggered="The actor is no provider, or the system is not publicly accessible in California "
    "or makes text alone.",
)
_PLATFORM = Rule(
    id="us-ca-22757-platform",
    duty="show provenance data that content carries, and not strip it",
    addressee="platform",
    layer=LegalLayer.STATUTE,
    basis=(Basis("B&P Code 22757.3.1", Grade.PRIMARY),),
    applies_from=date(2027, 1, 1),
    trigger=role(Role.PLATFORM) & fact("actor.large_online_platform_california"),
    says="the platform has more than two million unique monthly users",
    untriggered="The actor runs no large online platform.",
)


def _china(rule_id: str, duty: str, ref: str) -> Rule:
    return Rule(
        id=rule_id,
        duty=duty,
        addressee="provider",
        layer=LegalLayer.STATUTE,
        basis=(Basis(ref, Grade.PRIMARY), Basis("Labelling Measures 2025", Grade.SECONDARY)),
        applies_from=date(2025, 9, 1),
        trigger=PROVIDER & fact("system.generates_for_china"),
        says="the system generates content for the public in China",
        untriggered="The actor is no provider, or the system does not generate for China.",
    )


def _india(rule_id: str, duty: str) -> Rule:
    return Rule(
        id=rule_id,
        duty=duty,
        addressee="provider",
        layer=LegalLayer.STATUTE,
        basis=(Basis("IT Rules 2021, rule 3(3), as amended by G.S.R. 120(E)", Grade.QUOTED),),
        applies_from=date(2026, 2, 20),
        trigger=all_of(
            PROVIDER,
            fact("system.generates_for_india"),
            modality(frozenset(Modality) - {Modality.TEXT}),
            fact("deepfake.resembles"),
            fact("deepfake.false_appearance"),
        ),
        reliefs=(
            Relief(
                when=judged(lambda facts: is_standard_editing(facts.subject)),
                status=Status.EXEMPT,
                basis=Basis("IT Rules 2021, rule 2(1)(wa)", Grade.QUOTED),
                says="Routine editing in good faith.",
            ),
        ),
        says="synthetically generated information looks like a real person or event",
        untriggered="The actor is no provider, the system does not generate for India, or the "
        "output does not look like a real person or event.",
    )


OTHER_RULES: Final = (
    _LATENT,
    _PLATFORM,
    _china("cn-gb45438-explicit", "lay an explicit label", "GB 45438-2025 clause 5"),
    _china("cn-gb45438-implicit", "write the AIGC field into the file's metadata",
           "GB 45438-2025 clause 6 and Annex E"),
    _india("in-it-rules-label", "label prominently, sound by a prefixed disclosure"),
    _india("in-it-rules-metadata", "embed permanent metadata with a unique identifier"),
)  # fmt: skip
"""In the order in which they are reported."""
