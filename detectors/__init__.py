"""Detectors find the marks of AI output again, and say how sure that is.

>>> import detectors
>>> report = detectors.verify("picture.jpg")  # doctest: +SKIP
>>> report.conclusion  # doctest: +SKIP
<Conclusion.MARKED: 'marked'>

No mark found never means that a person made the content. Everything here is imported when it is
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labeler.lazy import lazily as _lazily

if TYPE_CHECKING:
    from detectors.report import Conclusion, Finding, Presence, Report, Technique
    from detectors.verification import Verifier, verify

__all__ = [
    "Conclusion",
    "Finding",
    "Presence",
    "Report",
    "Technique",
    "Verifier",
    "verify",
]

_MODULES: Final = {
    "detectors.report": ("Conclusion", "Finding", "Presence", "Report", "Technique"),
    "detectors.verification": ("Verifier", "verify"),
}


# Hidden from type checkers, which would take any name for one of this module's.
if not TYPE_CHECKING:
    __getattr__ = _lazily(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
