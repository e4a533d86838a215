"""The AIGC label of GB 45438-2025, annex E: China's implicit label in a file's metadata.

One text in a field whose name holds ``AIGC``, and no more than one such field in a file (6.1 c)::

    {"AIGC": {"Label": "1", "ContentProducer": "001191110108MA01ABCD2X00001", "ProduceID": "42",
     "ReservedCode1": "", "ContentPropagator": "001191110108MA01ABCD2X00001",
     "PropagateID": "42", "ReservedCode2": ""}}

Many programs leave out the outer object; both shapes are read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from labeler.errors import MetadataError

__all__ = ["AigcLabel", "AigcStatus"]

# E.3: the characters that values are made of; a quotation mark is written behind a backslash.
_UNUSUAL: Final = re.compile(r"[^\x21-\x5b\x5d-\x7e]")
_WRAPPER: Final = "AIGC"
_HINT: Final = 'Write it as GB 45438-2025, annex E shows: {"AIGC": {"Label": "1", ...}}'


class AigcStatus(StrEnum):
    """Whether the content is generated or synthesised by AI."""

    GENERATED = "1"
    """It is."""
    POSSIBLE = "2"
    """It may be: users declared it, and the file does not say so."""
    SUSPECTED = "3"
    """It is suspected to be: neither the file nor its users say so, and traces were found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AigcLabel:
    """What the label says. Fields that a label of others leaves out are empty."""

    label: AigcStatus = AigcStatus.GENERATED
    """``Label``: whether the content is generated."""
    content_producer: str = ""
    """``ContentProducer``: name or code of the service that generated it."""
    produce_id: str = ""
    """``ProduceID``: the number that this service gave to the content; unique there."""
    reserved_code1: str = ""
    """``ReservedCode1``: the producer's own data to protect the label's integrity."""
    content_propagator: str = ""
    """``ContentPropagator``: name or code of the service that spreads it."""
    propagate_id: str = ""
    """``PropagateID``: the number that this service gave to the content."""
    reserved_code2: str = ""
    """``ReservedCode2``: the propagator's own data to protect the label's integrity."""

    @classmethod
    def first(
        cls,
        *,
        content_producer: str,
        produce_id: str,
        label: AigcStatus = AigcStatus.GENERATED,
        reserved_code1: str = "",
    ) -> AigcLabel:
        """The label that the generating service writes, which spreads the content as well.

        Annex E, note 1: propagator and number are then those of the producer.
        """
        return cls(
            label=label,
            content_producer=content_producer,
            produce_id=produce_id,
            reserved_code1=reserved_code1,
            content_propagator=content_producer,
            propagate_id=produce_id,
        )

    @classmethod
    def from_json(cls, text: str) -> AigcLabel:
        """Read a label, with the outer object or without it.

        Raises:
            MetadataError: It is not JSON, or says nothing of what ``Label`` may say.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MetadataError("the AIGC label is not JSON", hint=_HINT) from error
        inner = found.get(_WRAPPER, found) if isinstance(found, dict) else found
        if isinstance(inner, str):  # the inner object, written as a text once more
            return cls.from_json(inner)
        if not isinstance(inner, dict):
            raise MetadataError("the AIGC label is no object", hint=_HINT)
        fields = {_NAMES[name]: _text(value) for name, value in inner.items() if name in _NAMES}
        status = fields.pop("label", "")
        if status not in set(AigcStatus):
            raise MetadataError(
                f"the AIGC label says {status[:20]!r} where 1, 2 or 3 is due", hint=_HINT
            )
        return cls(label=AigcStatus(status), **fields)

    def fields(self) -> dict[str, str]:
        """Every field under the name that the standard gives to it, in its order."""
        return {name: str(getattr(self, field)) for name, field in _NAMES.items()}

    def to_json(self) -> str:
        """The label as it is written: in one line, with the outer object.

        Raises:
            MetadataError: Nobody who made or spreads the content is named, or a value has
                characters that the standard does not have.
        """
        if not (self.content_producer or self.content_propagator):
            raise MetadataError(
                "the AIGC label names neither ContentProducer nor ContentPropagator",
                hint="Give the code of the service that generated the content",
            )
        for name, value in self.fields().items():
            if unusual := _UNUSUAL.search(value):
                raise MetadataError(
                    f"{name} of the AIGC label holds {unusual.group()!r}, which GB 45438-2025 "
                    "does not allow there",
                    hint="Use letters, digits and signs of ASCII, without spaces and backslashes: "
                    "a code instead of a name",
                )
        return json.dumps({_WRAPPER: self.fields()})


_NAMES: Final = {
    "Label": "label",
    "ContentProducer": "content_producer",
    "ProduceID": "produce_id",
    "ReservedCode1": "reserved_code1",
    "ContentPropagator": "content_propagator",
    "PropagateID": "propagate_id",
    "ReservedCode2": "reserved_code2",
}


def _text(value: object) -> str:
    """A value as text; some write the label's number as a number."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
