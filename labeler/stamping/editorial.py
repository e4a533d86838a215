"""The editorial exemption: facts about a review, held against what was signed off.

A sign-off holds for exactly the bytes that a person reviewed. A text that has changed since is not
known to be free of later changes by AI, which void the exemption (Guidelines 136), until it is
signed off again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from labeler.policy import Assessment, Facts, Status
from labeler.registry import Registry, RegistryReader, SignOff

__all__ = ["as_signed_off", "sign_off_from"]

_TEXT: Final = "eu-50-4-text"
_UNNAMED: Final = "not named in the facts"


def as_signed_off(
    facts: Facts, content_sha256: str, work: str, registry: Registry | RegistryReader
) -> Facts:
    """The facts, with the review that the registry knows of.

    Args:
        facts: As they were stated.
        content_sha256: Of the content that is to be published.
        work: The name under which its versions belong together.
        registry: Where sign-offs are recorded.

    Raises:
        RegistryError: The registry cannot be read.
    """
    review = facts.review
    found = registry.find_sign_off(content_sha256)
    if found is not None:
        review = replace(
            review,
            # Someone who denies a review, or states a change, knows better than the record.
            human_substantive=found.human_substantive and review.human_substantive is not False,
            fact_checked=found.fact_checked and review.fact_checked is not False,
            editorial_control=found.editorial_control and review.editorial_control is not False,
            responsible_party=found.responsible_party,
            ai_change_after_signoff=review.ai_change_after_signoff is True,
        )
    elif registry.sign_offs_of(work) and review.ai_change_after_signoff is not True:
        review = replace(review, ai_change_after_signoff=None)
    return replace(facts, review=review)


def sign_off_from(
    facts: Facts,
    assessment: Assessment,
    *,
    content_sha256: str,
    work: str,
    registry: Registry,
    actor: str,
    now: datetime,
) -> SignOff | None:
    """The sign-off that the facts state and nobody has recorded for this work; None where there is.

    With it, a later version of the work is noticed by its digest.
    """
    review, party = facts.review, facts.review.responsible_party
    is_relied_on = (
        assessment.obligation(_TEXT).status is Status.EXEMPT
        and facts.law_enforcement.authorised is not True
        and party is not None
    )
    known = {each.content_sha256 for each in registry.sign_offs_of(work)}
    if not is_relied_on or party is None or content_sha256 in known:
        return None
    return SignOff(
        content_sha256=content_sha256,
        work=work,
        human_substantive=review.human_substantive is True,
        fact_checked=review.fact_checked is True,
        editorial_control=review.editorial_control is True,
        responsible_party=party,
        contact="public, as the facts state" if review.contact_public else _UNNAMED,
        reviewer=actor,
        signed_off_at=now,
        reason="Stated in the facts that the output was stamped with",
    )
