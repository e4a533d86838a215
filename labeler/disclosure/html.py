"""HTML around labelled pictures, films and sound: what assistive technology gives of their labels.

A label that is drawn or spoken is lost on who does not see or hear it. Source: Code of Practice,
S2 1.1 (accessibility); EN 301 549 V3.2.1 clause 9, and WCAG 2.1 there: 1.1.1 (text alternatives),
1.3.1, 3.1.2 (language of parts), 4.1.2.
"""

from __future__ import annotations

import hashlib
from html import escape
from typing import Final

from labeler.disclosure.labels import TextLabel
from labeler.disclosure.pages import CLASS, inner
from labeler.disclosure.phrases import language_tag, says
from labeler.disclosure.words import Kind
from labeler.media.media_type import MediaKind

__all__ = ["alt_text", "figure_html"]

_KINDS: Final = {
    MediaKind.IMAGE: Kind.PICTURE,
    MediaKind.AUDIO: Kind.SOUND,
    MediaKind.VIDEO: Kind.FILM,
}
_FULL_STOPS: Final = (".", "!", "?", "…", "。")


def alt_text(description: str, label: TextLabel, kind: MediaKind) -> str:
    """A text alternative that says what is to be seen or heard, and what the label says.

    Args:
        description: What it shows; empty where that is said beside it.
        label: The label.
        kind: Picture, sound or film.

    Raises:
        ValueError: ``kind`` is text, which is its own alternative.
    """
    words, shown = says(label, _kind(kind)), " ".join(description.split())
    if not shown:
        return words
    return f"{shown}{'' if shown.endswith(_FULL_STOPS) else '.'} {words}"


def figure_html(
    location: str,
    kind: MediaKind,
    label: TextLabel,
    *,
    description: str,
    captions: str | None = None,
) -> str:
    """A figure with its label, in words that are seen, read out, and tied to the medium.

    Args:
        location: URL of the labelled picture, sound or film, as it is to stand in the page.
        kind: Which of them it is.
        label: The label, in words.
        description: What it shows, in the page's language.
        captions: URL of WebVTT captions (`labeler.disclosure.captions`), for films.

    Raises:
        ValueError: ``kind`` is text, or captions are given for a picture.
    """
    if captions is not None and kind is MediaKind.IMAGE:
        raise ValueError("a picture has no captions")
    words, tag = inner(label, _kind(kind)), language_tag(label)
    # The same in every build of a page, and another for each medium on it.
    caption = f"{CLASS}-{hashlib.sha256(location.encode()).hexdigest()[:12]}"
    source = escape(location)
    if kind is MediaKind.IMAGE:
        # The text alternative goes where the picture goes, and says it there too.
        medium = f'<img src="{source}" alt="{escape(alt_text(description, label, kind))}">'
    else:
        name = "audio" if kind is MediaKind.AUDIO else "video"
        track = "" if captions is None else _track(captions, label)
        medium = (
            f'<{name} controls src="{source}" aria-label="{escape(description)}" '
            f'aria-describedby="{caption}">{track}</{name}>'
        )
    return (
        f"<figure>\n{medium}\n"
        f'<figcaption id="{caption}" lang="{tag}" class="{CLASS}">{words}</figcaption>\n'
        "</figure>\n"
    )


def _track(captions: str, label: TextLabel) -> str:
    return (
        f'<track kind="captions" src="{escape(captions)}" srclang="{language_tag(label)}" '
        f'label="{escape(language_tag(label))}" default>'
    )


def _kind(kind: MediaKind) -> Kind:
    if kind not in _KINDS:
        raise ValueError("a text says itself what its label says")
    return _KINDS[kind]
