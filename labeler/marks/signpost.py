"""The public signpost beside a mark of a secret key: a second layer that anyone can read.

A mark under a secret key says nothing to those who do not have the key, not even whom to ask. So it
is made in two layers: one under the secret key, which shows who made it, and a weaker one under
`PUBLIC_KEY`, whose payload says to everybody that AI took part, and by the issuer's number where to
ask. Both together have the energy of a single mark, so that quality is what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import PICTURE_PATTERN, TileLayer, pattern_of
from labeler.codec.patchwork import AnyPayload
from labeler.codec.payload import Payload

__all__ = ["SIGNPOST_SHARE", "Signpost", "film_layers", "picture_layers"]

SIGNPOST_SHARE: Final = 0.4
"""Of the energy that says something, what the signpost has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signpost:
    """What the second layer says, and under which key."""

    payload: AnyPayload
    """That of the mark beside it; in sound that has no room for it twice, its short form."""
    key: Key = PUBLIC_KEY
    """Under which it is made."""
    share: float = SIGNPOST_SHARE
    """Of the energy that says something, above 0 and below 1: the mark beside it has the rest."""

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing to one of the layers."""
        if not 0 < self.share < 1:
            raise ValueError(f"a signpost's share is above 0 and below 1, not {self.share}")

    def beside(self, key: Key) -> Signpost:
        """The same, once it is clear that it stands beside a mark of another key.

        Raises:
            ValueError: It has the mark's own key.
        """
        if self.key == key:
            raise ValueError("a signpost has another key than the mark that it stands beside")
        return self


def picture_layers(payload: Payload, key: Key, signpost: Signpost | None) -> list[TileLayer]:
    """The layers of a still picture's mark.

    Raises:
        ValueError: The signpost has the mark's own key, or a short payload.
    """
    return _layers(payload, key, signpost, lambda _payload, _key: PICTURE_PATTERN)


def film_layers(payload: Payload, key: Key, signpost: Signpost | None) -> list[TileLayer]:
    """The layers of a film's mark.

    Raises:
        ValueError: See `picture_layers`.
    """
    return _layers(payload, key, signpost, pattern_of)


def _layers(
    payload: Payload,
    key: Key,
    signpost: Signpost | None,
    pattern: Callable[[Payload, Key], int],
) -> list[TileLayer]:
    number = pattern(payload, key)
    if signpost is None:
        return [TileLayer(payload, key, number)]
    public, share = signpost.beside(key), signpost.share
    if not isinstance(public.payload, Payload):
        raise ValueError("a signpost in pictures carries a whole payload")  # noqa: TRY004  a bad value
    return [
        TileLayer(payload, key, number, 1 - share),
        TileLayer(public.payload, public.key, pattern(public.payload, public.key), share),
    ]
