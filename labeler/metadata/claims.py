"""What a file says once it is claimed what a `Provenance` claims: in a packet, or in fields.

The AIGC label replaces every other one, as GB 45438-2025, 6.1 c) wants no more than one in a file.
The disclosure is put behind what a description says already, and not twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labeler.errors import MetadataError
from labeler.metadata import iptc, xmp
from labeler.metadata.statements import (
    DESCRIPTION,
    Statements,
    as_fields,
    described,
    names_aigc,
    stated,
)
from labeler.metadata.xmp import DEFAULT_LANGUAGE, Property
from labeler.provenance import Provenance

__all__ = [
    "FieldEdit",
    "description_with_claims",
    "field_edit",
    "packet_with_claims",
    "require_one_label",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEdit:
    """How named texts change."""

    fields: tuple[tuple[str, str], ...]
    """Name, in capitals, and text of those to write in the place of others of that name."""
    dropped: frozenset[str] = frozenset()
    """Names, in capitals, of those that are to go wherever they stand."""


def packet_with_claims(present: bytes | None, provenance: Provenance) -> bytes:
    """An XMP packet with the claims; ``present`` itself if it makes them already.

    Raises:
        MetadataError: ``present`` is not XMP, or a claim has characters that XML cannot hold.
    """
    before = () if present is None else xmp.properties(present)
    new = list(iptc.from_provenance(provenance))
    dropped: list[tuple[str, str]] = []
    if provenance.aigc is not None:
        new.append(Property(iptc.TC260, iptc.AIGC, provenance.aigc.to_json()))
        dropped = [(prop.namespace, prop.name) for prop in before if names_aigc(prop.name)]
    if provenance.disclosure is not None:
        new.append(_described(before, provenance.disclosure))
    return xmp.merge(present, new, prefixes=iptc.PREFIXES, dropped=dropped)


def _described(before: Iterable[Property], sentence: str) -> Property:
    """The description in every language that it has, with the sentence in the default one."""
    key = (iptc.DUBLIN_CORE, iptc.DESCRIPTION)
    old = next((prop for prop in before if (prop.namespace, prop.name) == key), None)
    texts = () if old is None else old.languages
    if old is not None and texts is None:  # not the form that XMP wants, but a text all the same
        texts = ((DEFAULT_LANGUAGE, old.value),)
    texts = texts or ()
    value = _with_sentence("" if old is None else old.value, sentence)
    others = tuple(each for each in texts if each[0] != DEFAULT_LANGUAGE)
    # ISO 16684-1, 8.2.2.4: the default comes first.
    return Property(*key, value, ((DEFAULT_LANGUAGE, value), *others))


def _with_sentence(text: str, sentence: str) -> str:
    """``text`` with the sentence on a line of its own behind it, whatever its language is."""
    sentence = sentence.strip()
    if sentence in text:
        return text
    return f"{text.rstrip()}\n{sentence}" if text.strip() else sentence


def description_with_claims(present: Statements, provenance: Provenance) -> str | None:
    """What the fields of a file are to describe it with; None where that does not change."""
    if provenance.disclosure is None:
        return None
    before = described(present.fields)
    after = _with_sentence(before, provenance.disclosure)
    return None if after == before else after


def require_one_label(written: Statements) -> None:
    """See that a file which was given an AIGC label has no other.

    Raises:
        MetadataError: It has another, in a place that is not known how to change.
    """
    if len(stated(written).aigc) != 1:
        raise MetadataError(
            "the file has an AIGC label in a place where it cannot be replaced",
            hint="Remove it first: GB 45438-2025 wants one in a file",
        )


def field_edit(present: Statements, provenance: Provenance) -> FieldEdit | None:
    """How the fields of a file change; None where they make the claims already."""
    said = stated(present)
    claims = iptc.from_provenance(provenance)
    fields = as_fields(claims)
    is_said = all(said.properties.get(claim.name) == claim.value for claim in claims)
    dropped: frozenset[str] = frozenset()
    if provenance.aigc is not None:
        fields[iptc.AIGC] = provenance.aigc.to_json()
        names = [name.upper() for name, _ in present.fields if names_aigc(name)]
        dropped = frozenset(names)
        is_said = is_said and names == [iptc.AIGC] and said.aigc == (fields[iptc.AIGC],)
    if provenance.disclosure is not None:
        text = described(present.fields)
        fields[DESCRIPTION] = _with_sentence(text, provenance.disclosure)
        is_said = is_said and fields[DESCRIPTION] == text
    return None if is_said else FieldEdit(fields=tuple(fields.items()), dropped=dropped)
