"""Articles 5 and 50 of the AI Act, Regulation (EU) 2024/1689 as amended by 2026/1744.

Each rule stands beside its article. "Guidelines" are the Commission's on Article 50, C(2026) 5054,
by point; they interpret and do not bind.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from labeler.policy.assessment import Basis, Grade, LegalLayer, Status
from labeler.policy.conditions import all_of, fact, judged
from labeler.policy.facts import Modality
from labeler.policy.marking import MARKING_RULES
from labeler.policy.operations import TEXT_FORMALITIES, is_minor
from labeler.policy.rule import Relief, Rule
from labeler.policy.triggers import (
    APPLICATION,
    AUTHORISED,
    BEFORE_APPLICATION,
    DEPLOYER,
    GRACE_ENDS,
    NEXUS,
    OUTSIDE,
    PERSONAL,
    PICTURES_AND_SOUND,
    PROVIDER,
    SAFEGUARDED,
    act,
    guidelines,
    has_responsible_party,
    modality,
    published_before_application,
)

__all__ = ["EU_RULES"]

_CHAPTER_II: Final = date(2025, 2, 2)
"""From which day Art. 5(1)(f) applies."""

# --- Article 5 -----------------------------------------------------------------------------------

_INTIMATE = Rule(
    id="eu-5-1-prohibited",
    duty="refrain from intimate deep fakes without consent, and from child sexual abuse material",
    addressee="provider, deployer",
    layer=LegalLayer.STATUTE,
    basis=(act("Art. 5(1)(ba), (bb)"),),
    applies_from=GRACE_ENDS,
    out_of_scope=OUTSIDE,
    # Not asserted is enough here: nobody is asked about such things in passing.
    trigger=NEXUS
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
    basis=(act("Art. 5(1)(f)"),),
    applies_from=_CHAPTER_II,
    out_of_scope=OUTSIDE,
    trigger=all_of(
        NEXUS, fact("system.emotion_recognition"), fact("system.workplace_or_education")
    ),
    reliefs=(
        Relief(
            when=fact("system.medical_or_safety"),
            status=Status.NOT_REQUIRED,
            basis=act("Art. 5(1)(f)"),
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
    basis=(act("Art. 50(1)"), guidelines("30-49")),
    applies_from=APPLICATION,
    out_of_scope=OUTSIDE,
    trigger=all_of(NEXUS, PROVIDER, fact("system.interacts_directly")),
    reliefs=(
        Relief(
            when=SAFEGUARDED & ~fact("law_enforcement.public_reporting_channel"),
            status=Status.EXEMPT,
            basis=act("Art. 50(1)"),
            says="Authorised by law against crime, with safeguards, and no channel through which "
            "the public reports offences.",
        ),
        Relief(
            when=fact("system.obvious") & ~fact("system.vulnerable_audience"),
            status=Status.NOT_REQUIRED,
            basis=guidelines("42-45"),
            says="It is obvious, and nobody vulnerable is in the audience.",
        ),
    ),
    says="the system is intended to interact directly with people",
    untriggered="The actor is no provider, or the system does not interact directly with people.",
)

# --- Article 50(3) -------------------------------------------------------------------------------

_NOTICE = Rule(
    id="eu-50-3-notice",
    duty="inform people of emotion recognition or biometric categorisation",
    addressee="deployer",
    layer=LegalLayer.STATUTE,
    basis=(act("Art. 50(3)"), guidelines("104-109")),
    applies_from=APPLICATION,
    out_of_scope=OUTSIDE,
    trigger=all_of(
        NEXUS,
        DEPLOYER,
        fact("system.emotion_recognition") | fact("system.biometric_categorisation"),
    ),
    reliefs=(
        PERSONAL,
        Relief(
            when=SAFEGUARDED,
            status=Status.EXEMPT,
            basis=act("Art. 50(3)"),
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
    basis=(act("Art. 50(4) subpara. 1"), act("Art. 3(60)"), guidelines("112-124")),
    applies_from=APPLICATION,
    out_of_scope=OUTSIDE,
    trigger=all_of(
        NEXUS,
        DEPLOYER,
        modality(PICTURES_AND_SOUND),
        fact("deepfake.resembles"),
        fact("deepfake.plausible"),
        fact("deepfake.false_appearance"),
    ),
    reliefs=(
        PERSONAL,
        BEFORE_APPLICATION,
        Relief(
            when=fact("deepfake.insignificant"),
            status=Status.NOT_REQUIRED,
            basis=guidelines("116"),
            says="The manipulation is insignificant.",
        ),
        Relief(
            when=AUTHORISED,
            status=Status.EXEMPT,
            basis=act("Art. 50(4) subpara. 1"),
            says="Authorised by law against crime.",
        ),
        Relief(
            when=fact("work.evidently_artistic") & ~fact("work.informative_or_commercial"),
            status=Status.LIMITED_FORM,
            basis=act("Art. 50(4) subpara. 1, third sentence"),
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
    judged(has_responsible_party, "review.responsible_party"),
    ~fact("review.ai_change_after_signoff"),
)
_TEXT = Rule(
    id="eu-50-4-text",
    duty="disclose that the text was artificially generated or manipulated",
    addressee="deployer",
    layer=LegalLayer.STATUTE,
    basis=(act("Art. 50(4) subpara. 2"), guidelines("131-138")),
    applies_from=APPLICATION,
    out_of_scope=OUTSIDE,
    trigger=all_of(
        NEXUS,
        DEPLOYER,
        modality(frozenset({Modality.TEXT})),
        fact("text.published"),
        fact("text.informs"),
        fact("text.public_interest"),
    ),
    reliefs=(
        PERSONAL,
        Relief(
            when=AUTHORISED,
            status=Status.EXEMPT,
            basis=act("Art. 50(4) subpara. 2"),
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
            when=judged(published_before_application),
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
    _INTIMATE, _EMOTIONS_AT_WORK, _INFORM, *MARKING_RULES, _NOTICE, _DEEPFAKE, _TEXT,
)  # fmt: skip
"""In the order of the articles; Art. 50(5) and the Code follow from these."""
