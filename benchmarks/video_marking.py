"""Marking the pictures of films as `labeler stamp` marks them, without anything around it."""

from __future__ import annotations

from pathlib import Path

from labeler.codec.keys import Key
from labeler.codec.payload import Payload
from labeler.marks.video import Marker
from labeler.media.video import open_video
from labeler.stamping.trial import Trial
from labeler.strength import Strength

__all__ = ["choose_marker", "mark_pictures"]


def choose_marker(path: Path, payload: Payload, key: Key, *, strength: Strength) -> Marker:
    """The marker that the film needs, found out on a few seconds of it."""
    marker, _ = Trial(open_video(path, name=path.name), payload, key).choose(strength)
    return marker


def mark_pictures(
    source: Path, target: Path, payload: Payload, key: Key, *, strength: Strength = "balanced"
) -> None:
    """Write the film with a mark in its pictures."""
    marker = choose_marker(source, payload, key, strength=strength)
    open_video(source, name=source.name).encode(marker.mark, target)
