"""What the rules of the AI Act turn on: dates, roles, kinds of content, and shared reliefs."""

from __future__ import annotations

from datetime import date
from typing import Final

from labeler.policy.assessment import Basis, Grade, Status
from labeler.policy.conditions import Condition, any_of, fact, judged
from labeler.policy.facts import Facts, Modality, OutputKind, Role, Tri
from labeler.policy.rule import Relief

__all__ = [
    "APPLICATION",
    "AUTHORISED",
    "BEFORE_APPLICATION",
    "DEPLOYER",
    "GRACE_ENDS",
    "NEXUS",
    "OUTSIDE",
    "PERSONAL",
    "PICTURES_AND_SOUND",
    "PROVIDER",
    "SAFEGUARDED",
    "act",
    "covered_by_grace",
    "guidelines",
    "has_responsible_party",
    "is_content",
    "is_old",
    "modality",
    "only_in_service_before",
    "published_before_application",
    "role",
]

APPLICATION: Final = date(2026, 8, 2)
"""From which day Article 50 applies (Art. 113)."""
GRACE_ENDS: Final = date(2026, 12, 2)
"""By when systems from before have to mark (Art. 111(4)), and bans of Art. 5(1)(ba), (bb) apply."""

PICTURES_AND_SOUND: Final = frozenset({Modality.IMAGE, Modality.AUDIO, Modality.VIDEO})


def act(ref: str) -> Basis:
    """A provision of the AI Act, known from the primary text."""
    return Basis(f"{ref} AI Act", Grade.PRIMARY)


def guidelines(points: str) -> Basis:
    """Points of the Guidelines, known from summaries."""
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


def is_content(facts: Facts) -> Tri:
    """Whether the output is content, and none of the kinds that Art. 50(2) does not reach."""
    kind = facts.subject.kind
    return None if kind is None else kind is OutputKind.CONTENT


def is_old(facts: Facts, boundary: date) -> bool:
    """Whether the output was generated before, and not changed by AI on or after that day."""
    generated, changed = facts.subject.generated_at, facts.subject.last_ai_change_at
    return generated is not None and generated < boundary and (changed or generated) < boundary


def _generated_before_application(facts: Facts) -> bool:
    return is_old(facts, APPLICATION)


def published_before_application(facts: Facts) -> bool:
    """Whether a text was generated and published before Article 50 applied."""
    published = facts.text.published_at
    return published is not None and published < APPLICATION and is_old(facts, APPLICATION)


def covered_by_grace(facts: Facts) -> bool:
    """Whether Art. 111(4) leaves the output alone for good."""
    if facts.assessment_date < GRACE_ENDS:
        return False  # by then it is only deferred
    placed = facts.system.placed_on_market
    return placed is not None and placed < APPLICATION and is_old(facts, GRACE_ENDS)


def only_in_service_before(facts: Facts) -> bool:
    """Whether the system was only put into service before Article 50 applied."""
    service = facts.system.put_into_service
    return facts.system.placed_on_market is None and service is not None and service < APPLICATION


def has_responsible_party(facts: Facts) -> bool | None:
    """Whether somebody is named who holds editorial responsibility."""
    party = facts.review.responsible_party
    return True if party is not None and party.strip() else None


OUTSIDE: Final = any_of(
    ~fact("eu_nexus"),
    fact("exclusions.military"),
    fact("exclusions.sole_scientific_rd"),
    fact("exclusions.premarket_test"),
)
PROVIDER: Final = role(Role.PROVIDER)
DEPLOYER: Final = role(Role.DEPLOYER)
NEXUS: Final = fact("eu_nexus")
AUTHORISED: Final = fact("law_enforcement.authorised")
SAFEGUARDED: Final = AUTHORISED & fact("law_enforcement.safeguards")

# --- reliefs that several rules share ------------------------------------------------------------

PERSONAL: Final = Relief(
    when=fact("actor.personal_nonprofessional"),
    status=Status.NOT_REQUIRED,
    basis=act("Art. 2(10)"),
    says="A purely personal, non-professional use binds no deployer.",
)
BEFORE_APPLICATION: Final = Relief(
    when=judged(_generated_before_application),
    status=Status.NOT_REQUIRED,
    basis=Basis("Guidelines 154", Grade.QUOTED),
    says="Generated before 2 August 2026, and not changed by AI since: there is no duty to mark or "
    "label it retroactively.",
)
