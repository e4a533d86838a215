"""A manifest for a text in memory: in it where it has a place, and else beside it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace

from labeler.containers.splice import Span, blocks
from labeler.credentials import _places, _text_places
from labeler.credentials._asset import MemoryAsset, digest
from labeler.credentials._fitting import Sign, fitted, wrapped
from labeler.credentials._layout import HASH_ALGORITHM, DataBinding, NoPlaceError
from labeler.credentials._text_bytes import decoded, encoding_of
from labeler.media.media_type import MediaType

__all__ = ["Placed", "beside", "in_wrapper", "inside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A file, and where its manifest is."""

    data: bytes = field(repr=False)
    sidecar: bytes | None = field(default=None, repr=False)
    """The store beside it; None where it is in `data`."""
    remark: str | None = None
    """What to know about that place."""


def inside(data: bytes, media_type: MediaType, sign: Sign) -> Placed:
    """The manifest in the file, or beside it where the file cannot take one.

    Raises:
        SigningError: Signing does not come to an end.
        UnreadableMediaError: The file is damaged.
    """
    asset = MemoryAsset(data)
    try:
        parts = fitted(asset, lambda size: _places.layout(asset, media_type, size), sign)
    except NoPlaceError as error:
        return _instead(data, media_type, sign, str(error))
    with asset.open() as stream:
        return Placed(data=b"".join(blocks(stream, parts)))


def beside(data: bytes, media_type: MediaType, sign: Sign) -> Placed:
    """The manifest beside the file; one that a text carries is taken out, as it is replaced."""
    if media_type in _text_places.TYPES:
        data = _text_places.without(data, media_type)
    value = digest(MemoryAsset(data), (Span(0, len(data)),), HASH_ALGORITHM)
    return Placed(data=data, sidecar=sign(DataBinding(digest=value)))


def in_wrapper(data: bytes, media_type: MediaType, sign: Sign) -> Placed:
    """The manifest in invisible characters at the end of a text, or else beside it.

    Raises:
        SigningError: Signing does not come to an end.
    """
    rest = _text_places.without(data, media_type)
    text = decoded(rest)
    if text is None or encoding_of(rest) != "utf-8":
        return _instead(rest, media_type, sign, "an invisible wrapper needs a text in UTF-8")
    if not unicodedata.is_normalized("NFC", text):
        # Version 2.4 counts the bytes in front of the wrapper in this form, 2.5 as they are.
        problem = "validators do not agree on wrappers in texts that are not in Unicode's form NFC"
        return _instead(rest, media_type, sign, problem)
    characters = wrapped(text, sign)
    remark = (
        f"the wrapper adds {len(characters)} characters that nobody sees: language models read "
        "several tokens for each, and software that strips them takes the manifest away"
    )
    return Placed(data=rest + characters.encode(), remark=remark)


def _instead(data: bytes, media_type: MediaType, sign: Sign, problem: str) -> Placed:
    placed = beside(data, media_type, sign)
    return replace(placed, remark=f"it lies beside the file: {problem}")
