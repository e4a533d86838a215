"""Which labels an output gets, and how they are laid on what is opened for marking.

Labels come before marks: what is opened here shows or speaks them already, so that the mark is put
into the labelled content and both need one encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from labeler.disclosure.labels import SpokenLabel, TextLabel, VisibleLabel

if TYPE_CHECKING:
    from labeler.disclosure.pictures import LabelledPicture
    from labeler.media.overlay import Overlay
    from labeler.media.picture import Picture
    from labeler.media.sound import Sound
    from labeler.media.video import Video

__all__ = [
    "AnyPicture",
    "Labelling",
    "labelled_picture",
    "labelled_sound",
    "overlay_for",
]


AnyPicture: TypeAlias = "Picture | LabelledPicture"
"""A picture, with or without labels on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """The labels that people perceive in one output."""

    visible: tuple[VisibleLabel, ...] = ()
    """On pictures and films."""
    spoken: SpokenLabel | None = None
    """In sound, and in the sound of films."""
    written: TextLabel | None = None
    """At the top of a text."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.visible or self.spoken or self.written)


def labelled_picture(picture: Picture, labels: Sequence[VisibleLabel]) -> AnyPicture:
    """The picture with labels on every frame; itself where there are none."""
    if not labels:
        return picture
    from labeler.disclosure import pictures  # noqa: PLC0415 - only where there is a label

    return pictures.labelled(picture, labels)


def labelled_sound(sound: Sound, label: SpokenLabel | None) -> Sound:
    """The sound with a spoken label; itself where there is none."""
    if label is None:
        return sound
    from labeler.disclosure import sounds  # noqa: PLC0415 - as above

    return sounds.labelled(sound, label)


def overlay_for(
    video: Video, labels: Sequence[VisibleLabel]
) -> Callable[[float], Sequence[Overlay]] | None:
    """What is laid on a film's frames; None where nothing is."""
    if not labels:
        return None
    from labeler.disclosure import films  # noqa: PLC0415 - as above

    return films.film_overlay(video, labels)
