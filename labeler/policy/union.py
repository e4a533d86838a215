"""Articles 5 and 50 of the AI Act, Regulation (EU) 2024/1689 as amended by 2026/1744.

Each rule stands beside its article. "Guidelines" are the Commission's on Article 50, C(2026) 5054,
by point; they interpret and do not bind.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from labeler.policy.assessment import Basis, Grade, LegalLayer, Status
from labeler.policy.conditions import Condition, all_of, any_of, fact, judged
from labeler.policy.facts import Facts, Modality, OutputKind, Role, Tri
from labeler.policy.operations import TEXT_FORMALITIES, is_minor, is_standard_editing
from labeler.policy.rule import Deadline, Relief, Rule

__all__ = [
    "APPLICATION",
    "EU_RULES",
    "GRACE_ENDS",
    "PICTURES_AND_SOUND",
    "PROVIDER",
    "modality",
    "role",
]

APPLICATION: Final = date(2026, 8, 2)
"""From which day Article 50 applies (Art. 113)."""
GRACE_ENDS: Final = date(2026, 12, 2)
"""By when systems from before have to mark (Art. 111(4)), and bans of Art. 5(1)(ba), (bb) apply."""
_CHAPTER_II: Final = date(2025, 2, 2)
"""From which day Art. 5(1)(f) applies."""

PICTURES_AND_SOUND: Final = frozenset({Modality.IMAGE, Modality.AUDIO, Modality.VIDEO})


def _act(ref: str) -> Basis:
    return Basis(f"{ref} AI Act", Grade.PRIMARY)


def _guidelines(points: str) -> Basis:
    return Basis(f"Guidelines {points}", Grade.SECONDARY)


# --- conditions ----------------------------------------------------------------------------------


def role(wanted: Role) -> Condition:
    """Whether the actor has that role, perhaps among others (Guidelines 15)."""

    def holds(facts: Facts) -> Tri:
        roles = facts.actor.roles
        return None if roles is None else wanted in roles

    return judged(holds, "actor.roles")


def modality(wanted: frozenset[Modality]) -> Condition:
    """Whether the output, or something that the system generates, is one of ``wanted``."""

    def holds(facts: Facts) -> Tri:
        return bool(facts.modalities & wanted) if facts.modalities else None

    return Condition(holds, _modality_key)


def _modality_key(facts: Facts) -> tuple[str, ...]:
    return ("system.generates",) if facts.output is None else ("output.modality",)


def _is_content(facts: Facts) -> Tri:
    kind = facts.subject.kind
    return None if kind is None else kind is OutputKind.CONTENT


def _is_old(facts: Facts, boundary: date) -> bool:
    """Whether the output was generated before, and not changed by AI on or after that day."""
    generated, changed = facts.subject.generated_at, facts.subject.last_ai_change_at
    return generated is not None and generated < boundary and (changed or generated) < boundary


def _generated_before_application(facts: Facts) -> bool:
    return _is_old(facts, APPLICATION)


def _published_before_application(facts: Facts) -> bool:
    published = facts.text.published_at
    return published is not None and published < APPLICATION and _is_old(facts, APPLICATION)


def _covered_by_grace(facts: Facts) -> bool:
    if facts.assessment_date < GRACE_ENDS:
        return False  # by then it is only deferred
    placed = facts.system.placed_on_market
    return placed is not None and placed < APPLICATION and _is_old(facts, GRACE_ENDS)


def _only_in_service_before(facts: Facts) -> bool:
    service = facts.system.put_into_service
    return facts.system.placed_on_market is None and service is not None and service < APPLICATION


def _has_responsible_party(facts: Facts) -> bool | None:
    party = facts.review.responsible_party
    return True if party is not None and party.strip() else None


_OUTSIDE = any_of(
    ~fact("eu_nexus"),
    fact("exclusions.military"),
    fact("exclusions.sole_scientific_rd"),
    fact("exclusions.premarket_test"),
)
PROVIDER: Final = role(Role.PROVIDER)
_DEPLOYER = role(Role.DEPLOYER)
_NEXUS = fact("eu_nexus")
_AUTHORISED = fact("law_enforcement.authorised")
_SAFEGUARDED = _AUTHORISED & fact("law_enforcement.safeguards")

# --- reliefs that several rules share ------------------------------------------------------------

_PERSONAL = Relief(
    when=fact("actor.personal_nonprofessional"),
    status=Status.NOT_REQUIRED,
    basis=_act("Art. 2(10)"),
    says="A purely personal, non-professional use binds no deployer.",
)
_BEFORE_APPLICATION = Relief(
    when=judged(_generated_before_application),
    status=Status.NOT_REQUIRED,
    basis=Basis("Guidelines 154", Grade.QUOTED),
    says="Generated before 2 August 2026, and not changed by AI since: there is no duty to mark or "
    "label it retroactively.",
)

# --- Article 5 -----------------------------------------------------------------------------------

_INTIMATE = Rule(
    id="eu-5-1-prohibited",
    duty="refrain from intimate deep fakes without consent, and from child sexual abuse material",
    addressee="provider, deployer",
    layer=LegalLayer.STATUTE,
    basis=(_act("Art. 5(1)(ba), (bb)"),),
    applies_from=GRACE_ENDS,
    out_of_scope=_OUTSIDE,
    # Not asserted is enough here: nobody is asked about such things in passing.
    trigger=_NEXUS
    & judged(
        lambda facts: (
            facts.prohibited_content.intimate_without_consent is True
            or facts.prohibited_content.csam is True
        )
    ),
    status=Status.PROHIBITED,
    says="the content shows what the ban names; no mark and no label cures it",
    untriggered="Nothing of the kind is asserted.",
)
_EMOTIONS_AT_WORK = Rule(
    id="eu-5-1-f-prohibited",
    duty="refrain from emotion recognition at work and in education",
    addressee="provider, deployer",
    layer=LegalLayer.STATUTE,
    basis=(_act("Art. 5(1)(f)"),),
    applies_from=_CHAPTER_II,
    out_of_scope=_OUTSIDE,
    trigger=all_of(
        _NEXUS, fact("system.emotion_recognition"), fact("system.workplace_or_education")
    ),
    reliefs=(
        Relief(
            when=fact("system.medical_or_safety"),
            status=Status.NOT_REQUIRED,
            basis=_act("Art. 5(1)(f)"),
            says="It is used for medical or safety reasons.",
        ),
    ),
    status=Status.PROHIBITED,
    says="emotions of people at work or in education are recognised; a notice does not cure it",
    untriggered="No emotions are recognised at work or in education.",
)

# --- Article 50(1) -------------------------------------------------------------------------------

_INFORM = Rule(
    id="eu-50-1-inform",
    duty="tell people that they interact with an AI system",
    addressee="provider",
    layer=LegalLayer.STATUTE,
    basis=(_act("Art. 50(1)"), _guidelines("30-49")),
    applies_from=APPLICATION,
    out_of_scope=_OUTSIDE,
    trigger=all_of(_NEXUS, PROVIDER, fact("system.interacts_directly")),
    reliefs=(
        Relief(
            when=_SAFEGUARDED & ~fact("law_enforcement.public_reporting_channel"),
            status=Status.EXEMPT,
            basis=_act("Art. 50(1)"),
            says="Authorised by law against crime, with safeguards, and no channel through which "
            "the public reports offences.",
        ),
        Relief(
            when=fact("system.obvious") & ~fact("system.vulnerable_audience"),
            status=Status.NOT_REQUIRED,
            basis=_guidelines("42-45"),
            says="It is obvious, and nobody vulnerable is in the audience.",
        ),
    ),
    says="the system is intended to interact directly with people",
    untriggered="The actor is no provider, or the system does not interact directly with people.",
)

# --- Article 50(2) -------------------------------------------------------------------------------


def _marking_deadline(facts: Facts) -> Deadline:
    """When marking is due: Art. 111(4) for systems from before."""
    placed = facts.system.placed_on_market
    if placed is not None and placed < APPLICATION:
        return Deadline(
            due=GRACE_ENDS,
            basis=_act("Art. 111(4)"),
            says="The system was placed on the market before 2 August 2026.",
        )
    if not _only_in_service_before(facts):
        return Deadline(due=APPLICATION)
    is_open = APPLICATION <= facts.assessment_date < GRACE_ENDS
    is_old = facts.assessment_date >= GRACE_ENDS and _is_old(facts, GRACE_ENDS)
    is_disputed = is_open or is_old
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
        when=_AUTHORISED,
        status=Status.EXEMPT,
        basis=_act("Art. 50(2)"),
        says="Authorised by law against crime.",
    ),
    Relief(
        when=judged(
            lambda facts: is_standard_editing(facts.subject),
            "output.operation", "output.new_content", "output.material_change",
        ),
        status=Status.EXEMPT,
        basis=_guidelines("90-92"),
        says="Standard editing, or no substantial alteration.",
    ),
    Relief(
        when=all_of(
            fact("system.b2b_strictly_technical"),
            fact("system.b2b_limited_insiders"),
            fact("system.b2b_no_external_sharing"),
        ),
        status=Status.NOT_REQUIRED,
        basis=_guidelines("87"),
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
        basis=_guidelines("88"),
        says="Ephemeral, in real time, not feasible to mark, and people are made aware.",
    ),
    _BEFORE_APPLICATION,
    Relief(
        when=judged(_covered_by_grace),
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
        out_of_scope=_OUTSIDE,
        trigger=all_of(
            _NEXUS, PROVIDER, judged(_is_content, "output.kind"), modality(frozenset(Modality))
        ),
        reliefs=_MARKING_RELIEFS,
        deadline=_marking_deadline,
        says="a provider's system generates or manipulates content",
        untriggered=_NOT_MARKED,
    )


_MARKING = _marking_rule(
    "eu-50-2-mark",
    "mark the output in a machine-readable format",
    _act("Art. 50(2)"),
    _guidelines("56-71"),
)
_DETECTION = _marking_rule(
    "eu-50-2-detect",
    "make the output detectable as artificially generated or manipulated",
    _act("Art. 50(2)"),
    Basis("Guidelines 70", Grade.QUOTED),
)

# --- Article 50(3) -------------------------------------------------------------------------------

_NOTICE = Rule(
    id="eu-50-3-notice",
    duty="inform people of emotion recognition or biometric categorisation",
    addressee="deployer",
    layer=LegalLayer.STATUTE,
    basis=(_act("Art. 50(3)"), _guidelines("104-109")),
    applies_from=APPLICATION,
    out_of_scope=_OUTSIDE,
    trigger=all_of(
        _NEXUS,
        _DEPLOYER,
        fact("system.emotion_recognition") | fact("system.biometric_categorisation"),
    ),
    reliefs=(
        _PERSONAL,
        Relief(
            when=_SAFEGUARDED,
            status=Status.EXEMPT,
            basis=_act("Art. 50(3)"),
            says="Permitted by law against crime, with safeguards.",
        ),
    ),
    says="people are exposed to emotion recognition or biometric categorisation",
    untriggered="The actor is no deployer, or neither emotions nor biometric categories are told.",
)

# --- Article 50(4) -------------------------------------------------------------------------------

_DEEPFAKE = Rule(
    id="eu-50-4-deepfake",
    duty="disclose that the deep fake was artificially generated or manipulated",
    addressee="deployer",
    layer=LegalLayer.STATUTE,
    basis=(_act("Art. 50(4) subpara. 1"), _act("Art. 3(60)"), _guidelines("112-124")),
    applies_from=APPLICATION,
    out_of_scope=_OUTSIDE,
    trigger=all_of(
        _NEXUS,
        _DEPLOYER,
        modality(PICTURES_AND_SOUND),
        fact("deepfake.resembles"),
        fact("deepfake.plausible"),
        fact("deepfake.false_appearance"),
    ),
    reliefs=(
        _PERSONAL,
        _BEFORE_APPLICATION,
        Relief(
            when=fact("deepfake.insignificant"),
            status=Status.NOT_REQUIRED,
            basis=_guidelines("116"),
            says="The manipulation is insignificant.",
        ),
        Relief(
            when=_AUTHORISED,
            status=Status.EXEMPT,
            basis=_act("Art. 50(4) subpara. 1"),
            says="Authorised by law against crime.",
        ),
        Relief(
            when=fact("work.evidently_artistic") & ~fact("work.informative_or_commercial"),
            status=Status.LIMITED_FORM,
            basis=_act("Art. 50(4) subpara. 1, third sentence"),
            says="Part of an evidently artistic work: at most, its existence is disclosed in a "
            "manner that does not hamper display or enjoyment.",
        ),
    ),
    says="it resembles what exists or could exist, and would falsely appear authentic or truthful",
    untriggered="The actor is no deployer, or one of the criteria of a deep fake is not met.",
)

_REVIEWED = all_of(
    (fact("review.human_substantive") & fact("review.fact_checked"))
    | fact("review.editorial_control"),
    judged(_has_responsible_party, "review.responsible_party"),
    ~fact("review.ai_change_after_signoff"),
)
_TEXT = Rule(
    id="eu-50-4-text",
    duty="disclose that the text was artificially generated or manipulated",
    addressee="deployer",
    layer=LegalLayer.STATUTE,
    basis=(_act("Art. 50(4) subpara. 2"), _guidelines("131-138")),
    applies_from=APPLICATION,
    out_of_scope=_OUTSIDE,
    trigger=all_of(
        _NEXUS,
        _DEPLOYER,
        modality(frozenset({Modality.TEXT})),
        fact("text.published"),
        fact("text.informs"),
        fact("text.public_interest"),
    ),
    reliefs=(
        _PERSONAL,
        Relief(
            when=_AUTHORISED,
            status=Status.EXEMPT,
            basis=_act("Art. 50(4) subpara. 2"),
            says="Authorised by law against crime.",
        ),
        Relief(
            when=_REVIEWED,
            status=Status.EXEMPT,
            basis=Basis("Art. 50(4) subpara. 2 AI Act, Guidelines 133-138", Grade.PRIMARY),
            says="Reviewed by people or under editorial control, somebody holds editorial "
            "responsibility, and AI changed nothing of substance since.",
        ),
        Relief(
            when=judged(_published_before_application),
            status=Status.NOT_REQUIRED,
            basis=Basis("Guidelines 154", Grade.QUOTED),
            says="Generated and published before 2 August 2026, and not changed by AI since.",
        ),
        Relief(
            when=judged(lambda facts: is_minor(facts.subject, TEXT_FORMALITIES)),
            status=Status.NOT_REQUIRED,
            basis=Basis("Guidelines 90-92", Grade.INFERENCE),
            says="AI did no more than correct, transcribe or convert it.",
        ),
    ),
    says="it is published to inform the public on matters of public interest",
    untriggered="The actor is no deployer, the output is no text, or it is not published to inform "
    "the public on matters of public interest.",
)

EU_RULES: Final = (
    _INTIMATE, _EMOTIONS_AT_WORK, _INFORM, _MARKING, _DETECTION, _NOTICE, _DEEPFAKE, _TEXT,
)  # fmt: skip
"""In the order of the articles; Art. 50(5) and the Code follow from these."""
