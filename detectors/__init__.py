"""Detectors find the marks of AI output again, and say how sure that is.

>>> import detectors
>>> report = detectors.verify("picture.jpg")  # doctest: +SKIP
>>> report.conclusion  # doctest: +SKIP
<Conclusion.MARKED: 'marked'>

No mark found never means that a person made the content. Everything here is imported when it is
first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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

    def __getattr__(name: str) -> Any:
        """Import what is asked for (PEP 562)."""
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
