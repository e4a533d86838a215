"""Labeler marks AI output: a signed C2PA manifest, a robust watermark, metadata.

>>> import labeler
>>> provenance = labeler.Provenance(generator="Example model", generator_version="2")
>>> receipt = labeler.stamp("in.png", "out.png", provenance)  # doctest: +SKIP

What it writes, `detectors` finds again. Everything here is imported when it is first used, so that
``import labeler`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labeler.lazy import lazily as _lazily

if TYPE_CHECKING:
    from labeler.codec.payload import Handle, Origin, Payload
    from labeler.errors import LabelerError
    from labeler.provenance import HumanOversight, Provenance, SourceType, Track
    from labeler.receipt import Layer, LayerOutcome, Receipt
    from labeler.settings import Settings
    from labeler.stamping import Stamper, stamp

__all__ = [
    "Handle",
    "HumanOversight",
    "LabelerError",
    "Layer",
    "LayerOutcome",
    "Origin",
    "Payload",
    "Provenance",
    "Receipt",
    "Settings",
    "SourceType",
    "Stamper",
    "Track",
    "stamp",
]

_MODULES: Final = {
    "labeler.codec.payload": ("Handle", "Origin", "Payload"),
    "labeler.errors": ("LabelerError",),
    "labeler.provenance": ("HumanOversight", "Provenance", "SourceType", "Track"),
    "labeler.receipt": ("Layer", "LayerOutcome", "Receipt"),
    "labeler.settings": ("Settings",),
    "labeler.stamping": ("Stamper", "stamp"),
}


# Hidden from type checkers, which would take any name for one of this module's.
if not TYPE_CHECKING:
    __getattr__ = _lazily(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
