"""Article 50(2): marking and detection, with the transitional rule of Article 111(4)."""

from __future__ import annotations

from typing import Final

from labeler.policy.assessment import Basis, Grade, LegalLayer, Status
from labeler.policy.conditions import all_of, fact, judged
from labeler.policy.facts import Facts, Modality
from labeler.policy.operations import is_standard_editing
from labeler.policy.rule import Deadline, Relief, Rule
from labeler.policy.triggers import (
    APPLICATION,
    AUTHORISED,
    BEFORE_APPLICATION,
    GRACE_ENDS,
    NEXUS,
    OUTSIDE,
    PROVIDER,
    act,
    covered_by_grace,
    guidelines,
    is_content,
    is_old,
    modality,
    only_in_service_before,
)

__all__ = ["MARKING_RULES"]


# --- Article 50(2) -------------------------------------------------------------------------------


def _marking_deadline(facts: Facts) -> Deadline:
    """When marking is due: Art. 111(4) for systems from before."""
    placed = facts.system.placed_on_market
    if placed is not None and placed < APPLICATION:
        return Deadline(
            due=GRACE_ENDS,
            basis=act("Art. 111(4)"),
            says="The system was placed on the market before 2 August 2026.",
        )
    if not only_in_service_before(facts):
        return Deadline(due=APPLICATION)
    is_open = APPLICATION <= facts.assessment_date < GRACE_ENDS
    is_disputed = is_open or (facts.assessment_date >= GRACE_ENDS and is_old(facts, GRACE_ENDS))
    return Deadline(
        due=APPLICATION,
        basis=Basis("Guidelines 153", Grade.QUOTED),
        missing=("system.placed_on_market",) if is_disputed else (),
        is_disputed=is_disputed,
        says="Put into service before 2 August 2026 and not known to be placed on the market: "
        "Art. 111(4) and Guidelines 153 diverge on the time until 2 December 2026"
        if is_disputed
        else "",
    )


_NOT_MARKED = (
    "The actor is no provider, or the output is no content that Art. 50(2) reaches (Guidelines "
    "63-68)."
)
_MARKING_RELIEFS = (
    Relief(
        when=AUTHORISED,
        status=Status.EXEMPT,
        basis=act("Art. 50(2)"),
        says="Authorised by law against crime.",
    ),
    Relief(
        when=judged(
            lambda facts: is_standard_editing(facts.subject),
            "output.operation", "output.new_content", "output.material_change",
        ),
        status=Status.EXEMPT,
        basis=guidelines("90-92"),
        says="Standard editing, or no substantial alteration.",
    ),
    Relief(
        when=all_of(
            fact("system.b2b_strictly_technical"),
            fact("system.b2b_limited_insiders"),
            fact("system.b2b_no_external_sharing"),
        ),
        status=Status.NOT_REQUIRED,
        basis=guidelines("87"),
        says="Strictly technical output for a limited circle of professionals, not to be shared "
        "outside.",
    ),
    Relief(
        when=all_of(
            fact("system.ephemeral_realtime"),
            fact("system.marking_infeasible"),
            fact("system.persons_informed"),
        ),
        status=Status.NOT_REQUIRED,
        basis=guidelines("88"),
        says="Ephemeral, in real time, not feasible to mark, and people are made aware.",
    ),
    BEFORE_APPLICATION,
    Relief(
        when=judged(covered_by_grace),
        status=Status.NOT_REQUIRED,
        basis=Basis("Art. 111(4) AI Act, Guidelines 153", Grade.INFERENCE),
        says="Generated in the time of grace of a system that was placed on the market before 2 "
        "August 2026, and not changed by AI since.",
    ),
)  # fmt: skip


def _marking_rule(rule_id: str, duty: str, *basis: Basis) -> Rule:
    return Rule(
        id=rule_id,
        duty=duty,
        addressee="provider",
        layer=LegalLayer.STATUTE,
        basis=basis,
        applies_from=APPLICATION,
        out_of_scope=OUTSIDE,
        trigger=all_of(
            NEXUS, PROVIDER, judged(is_content, "output.kind"), modality(frozenset(Modality))
        ),
        reliefs=_MARKING_RELIEFS,
        deadline=_marking_deadline,
        says="a provider's system generates or manipulates content",
        untriggered=_NOT_MARKED,
    )


_MARKING = _marking_rule(
    "eu-50-2-mark",
    "mark the output in a machine-readable format",
    act("Art. 50(2)"),
    guidelines("56-71"),
)
_DETECTION = _marking_rule(
    "eu-50-2-detect",
    "make the output detectable as artificially generated or manipulated",
    act("Art. 50(2)"),
    Basis("Guidelines 70", Grade.QUOTED),
)

MARKING_RULES: Final = (_MARKING, _DETECTION)
