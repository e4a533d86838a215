"""Sign-offs: the record behind the editorial exemption.

Text that informs the public on matters of public interest need not be disclosed as generated where
it "has undergone a process of human review or editorial control and where a natural or legal person
holds editorial responsibility for the publication" (Art. 50(4) subparagraph 2 of Regulation (EU)
2024/1689). The Commission's Guidelines: fact-checking is the least that a review takes; identity
and contact of who is responsible are easy to find (133 to 138); a later substantive change by AI
voids it (136). So a sign-off holds for exactly the bytes that were signed off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from labeler.errors import RegistryError
from labeler.registry.audit import check_text

__all__ = ["SignOff", "check_digest"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """What a person has signed off, and who answers for it.

    Raises:
        RegistryError: A text is blank, ``content_sha256`` is no digest, or the time has no zone.
    """

    content_sha256: str
    """SHA-256 of the file's bytes, hexadecimal."""
    work: str
    """The work that the content is a version of: a name that stays when the content changes."""
    human_substantive: bool
    """Whether a person with the knowledge for it has examined the substance."""
    fact_checked: bool
    """Whether the facts were checked."""
    editorial_control: bool
    """Whether an editorial entity that could alter or reject the substance has approved it."""
    responsible_party: str
    """The natural or legal person that holds editorial responsibility."""
    contact: str
    """How the public reaches that party: a URL or an address."""
    reviewer: str
    """Who has signed off."""
    signed_off_at: datetime
    """When, with its time zone."""
    reason: str
    """Why the content can be published as it is."""

    def __post_init__(self) -> None:
        check_digest(self.content_sha256)
        for text, name in (
            (self.work, "the work's name"),
            (self.responsible_party, "a responsible party"),
            (self.contact, "a contact"),
            (self.reviewer, "a reviewer"),
            (self.reason, "a reason"),
        ):
            check_text(text, name)
        if self.signed_off_at.tzinfo is None:
            raise RegistryError("the time of the sign-off has no time zone", hint="Add it")

    @property
    def is_review_sufficient(self) -> bool:
        """Whether the review is enough for the exemption; what else that takes is not asked here.

        It is where it was substantive and the facts were checked, or with editorial control.
        """
        return (self.human_substantive and self.fact_checked) or self.editorial_control

    def to_members(self) -> dict[str, object]:
        """The body of the audit log's entry.

        All but the content's digest and the reason: these are the entry's own.
        """
        return {
            "work": self.work,
            "human_substantive": self.human_substantive,
            "fact_checked": self.fact_checked,
            "editorial_control": self.editorial_control,
            "responsible_party": self.responsible_party,
            "contact": self.contact,
            "reviewer": self.reviewer,
            "signed_off_at": self.signed_off_at.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_members(
        cls, members: Mapping[str, Any], *, content_sha256: str, reason: str
    ) -> SignOff:
        """Read what `to_members` gave.

        Raises:
            ValueError: ``members`` are something else.
            RegistryError: A member has a value that no sign-off has.
        """
        try:
            return cls(
                content_sha256=content_sha256,
                work=members["work"],
                human_substantive=members["human_substantive"] is True,
                fact_checked=members["fact_checked"] is True,
                editorial_control=members["editorial_control"] is True,
                responsible_party=members["responsible_party"],
                contact=members["contact"],
                reviewer=members["reviewer"],
                signed_off_at=datetime.fromisoformat(members["signed_off_at"]),
                reason=reason,
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a sign-off: {error!r}") from error


def check_digest(text: str) -> str:
    """``text``, where it is a SHA-256 in lower-case hexadecimal.

    Raises:
        RegistryError: It is none.
    """
    if not _SHA256.fullmatch(text):
        raise RegistryError(
            f"{text!r} is no SHA-256", hint="Give 64 hexadecimal digits in lower case"
        )
    return text
