"""Signing a manifest that stands in the file that it is about.

The hash covers sizes in headers that depend on the store's own size, and the store names the place
that it has: so its size has to be known before it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from labeler.containers.splice import Part, Span
from labeler.credentials._asset import Asset, MemoryAsset, digest
from labeler.credentials._layout import HASH_ALGORITHM, Binding, DataBinding, Layout
from labeler.credentials._text_wrapper import normalised, wrapper
from labeler.errors import SigningError

__all__ = ["fitted", "wrapped"]

_USUAL_STORE_BYTES: Final = 4096
_ROUNDS: Final = 8
# One in six stores fits, or more: a round that is not the last has seldom more than 20 before it.
_WRAPPER_ROUNDS: Final = 200
_UNSTEADY: Final = "the manifest has another size each time that it is signed"

Sign: TypeAlias = Callable[[Binding], bytes]
"""Makes a signed store for a binding."""


def fitted(asset: Asset, layout: Callable[[int], Layout], sign: Sign) -> tuple[Part, ...]:
    """The file with a signed store in it; two are signed as a rule.

    Stores of the same content have the same size, as signatures are padded.

    Args:
        asset: The file.
        layout: It, with a place for a store of so many bytes.
        sign: Signs.

    Raises:
        NoPlaceError: The file cannot take a store.
        SigningError: Signing does not come to an end.
    """
    bytes_due = _USUAL_STORE_BYTES
    room = layout(bytes_due)
    bytes_due = len(sign(room.binding(bytes(32), bytes_due)))
    for _ in range(_ROUNDS):
        room = layout(bytes_due)
        value = digest(asset, room.hashed, HASH_ALGORITHM)
        store = sign(room.binding(value, bytes_due))
        if len(store) == bytes_due:
            return room.filled(store)
        bytes_due = len(store)
    raise SigningError(_UNSTEADY)


def wrapped(text: str, sign: Sign) -> str:
    """The wrapper for ``text``, to be put behind it (C2PA 2.4, A.8).

    A byte takes three or four bytes there, so that stores of one size have wrappers of several.
    The standard's padding is not understood by all who read it; so stores are signed until one
    has just the size that is named in it.

    Raises:
        SigningError: Signing does not come to an end.
    """
    content = normalised(text)
    value = digest(MemoryAsset(content), (content,), HASH_ALGORITHM)
    start, size, lengths = len(content), 3 * _USUAL_STORE_BYTES, list[int]()
    for _ in range(_WRAPPER_ROUNDS):
        hole = Span(start, start + size)
        characters = wrapper(sign(DataBinding(digest=value, excluded=hole)))
        lengths.append(len(characters.encode()))
        if lengths[-1] == size:
            return characters
        size = round(sum(lengths) / len(lengths)) if len(lengths) > 2 else lengths[-1]
    raise SigningError(_UNSTEADY)
