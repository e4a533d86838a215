"""From facts to obligations: who has to mark and disclose what, with chapter and verse.

    >>> from labeler.policy import assess
    >>> answer = assess({"assessment_date": "2026-11-21", "eu_nexus": True,
    ...     "actor": {"roles": ["provider"]}, "system": {"generates": ["image"]}})
    >>> answer.obligation("eu-50-2-mark").status.value
    'REQUIRED'

Pure: no clock, no file but the facts', no network. It is no legal advice; each obligation names its
basis, and how well that is known.
"""

from labeler.policy.assessment import (
    Assessment,
    Basis,
    Gap,
    GapStatus,
    Grade,
    LegalLayer,
    Obligation,
    Status,
)
from labeler.policy.engine import assess
from labeler.policy.explain import explain
from labeler.policy.facts import Facts
from labeler.policy.reading import parse_facts, read_facts

__all__ = [
    "Assessment",
    "Basis",
    "Facts",
    "Gap",
    "GapStatus",
    "Grade",
    "LegalLayer",
    "Obligation",
    "Status",
    "assess",
    "explain",
    "parse_facts",
    "read_facts",
]
