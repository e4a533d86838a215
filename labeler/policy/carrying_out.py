"""What carries a due obligation out, in the toolkit's own terms.

Marks::

    c2pa                     a signed C2PA manifest
    watermark:image          the image mark; watermark:video in the pictures of a film,
                             watermark:audio in sound or the sound of a film, watermark:text in text
    metadata:aigc            the AIGC field of GB 45438
    detector                 somebody has to be able to detect them: `labeler verify`, a service

Labels::

    label:visible            on a picture; label:visible:start+interval and label:visible:throughout
                             on films
    label:spoken:start+interval        a spoken disclaimer
    label:text:top           in words at the top of a text
    label:adjacent           in words beside the content, in its description or credits
    label:cn:visible, label:cn:spoken, label:cn:text     as GB 45438 asks
    label:interface:start    before or at the first interaction, label:interface:on-behalf-of for
                             agents, label:notice for people who are exposed to a system: for the
                             interface to show, which no file can
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from labeler.policy.assessment import Obligation, Status
from labeler.policy.code_of_practice import synthetic_tracks
from labeler.policy.facts import Facts, Modality, SyntheticTrack

__all__ = ["labels_for", "marks_for"]


def marks_for(obligation: Obligation, facts: Facts, layers: frozenset[str]) -> tuple[str, ...]:
    """The marks that carry ``obligation`` out; none where it is not due.

    Args:
        obligation: What is asked.
        facts: What it is asked of.
        layers: Ids of the Code's layers that are asked of this content.
    """
    if not obligation.status.is_due or obligation.id not in _MARKS:
        return ()
    return _MARKS[obligation.id](facts, layers)


def labels_for(obligation: Obligation, facts: Facts) -> tuple[str, ...]:
    """The labels that carry ``obligation`` out; none where it is not due."""
    if not obligation.status.is_due or obligation.id not in _LABELS:
        return ()
    if obligation.status is Status.LIMITED_FORM:
        return ("label:adjacent",)
    return _LABELS[obligation.id](facts)


def _watermarks(facts: Facts) -> tuple[str, ...]:
    tracks = synthetic_tracks(facts)
    wanted: list[str] = []
    for modality in Modality:
        if modality not in facts.modalities:
            continue
        if modality is not Modality.VIDEO:
            wanted.append(f"watermark:{modality.value}")
            continue
        if SyntheticTrack.VISUAL in tracks:
            wanted.append("watermark:video")
        if SyntheticTrack.AUDIO in tracks:
            wanted.append("watermark:audio")
    return tuple(dict.fromkeys(wanted))


def _marking(facts: Facts, layers: frozenset[str]) -> tuple[str, ...]:
    marks = ["c2pa"] if "code-1-1-signed-metadata" in layers else []
    return (*marks, *(_watermarks(facts) if "code-1-1-watermark" in layers else ()))


def _both_layers(facts: Facts, _: frozenset[str]) -> tuple[str, ...]:
    return ("c2pa", *_watermarks(facts))


_MARKS: Final[Mapping[str, Callable[[Facts, frozenset[str]], tuple[str, ...]]]] = {
    "eu-50-2-mark": _marking,
    "eu-50-2-detect": lambda *_: ("detector",),
    "code-1-1-signed-metadata": lambda *_: ("c2pa",),
    "code-1-1-watermark": lambda facts, _: _watermarks(facts),
    "code-2-1-detector": lambda *_: ("detector",),
    "us-ca-22757-latent": _both_layers,
    "cn-gb45438-implicit": lambda *_: ("metadata:aigc",),
    "in-it-rules-metadata": _both_layers,
}


def _deepfake_labels(facts: Facts) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            label
            for modality in Modality
            if modality in facts.modalities
            for label in _labels_of(modality, facts)
        )
    )


def _labels_of(modality: Modality, facts: Facts) -> tuple[str, ...]:
    """How a deep fake is disclosed (Code S2 1.2.2 and 1.2.3)."""
    spoken = "label:spoken:start+interval"
    if modality is Modality.IMAGE:
        return ("label:visible",)
    if modality is Modality.AUDIO:
        # S2 1.2.2(e): visible too where there is a screen, which the file does not reach.
        return (spoken, "label:adjacent") if facts.channel.screen_available else (spoken,)
    if modality is Modality.TEXT:
        return ()
    how = "throughout" if facts.channel.live else "start+interval"
    visible = f"label:visible:{how}"
    has_synthetic_sound = SyntheticTrack.AUDIO in synthetic_tracks(facts)
    return (visible, spoken) if has_synthetic_sound else (visible,)


def _interface_labels(facts: Facts) -> tuple[str, ...]:
    start = "label:interface:start"
    return (start, "label:interface:on-behalf-of") if facts.system.agent else (start,)


_CHINESE: Final = {
    Modality.TEXT: "label:cn:text",
    Modality.IMAGE: "label:cn:visible",
    Modality.AUDIO: "label:cn:spoken",
    Modality.VIDEO: "label:cn:visible",
}


def _chinese_labels(facts: Facts) -> tuple[str, ...]:
    labels = (_CHINESE[each] for each in Modality if each in facts.modalities)
    return tuple(dict.fromkeys(labels))


_LABELS: Final[Mapping[str, Callable[[Facts], tuple[str, ...]]]] = {
    "eu-50-1-inform": _interface_labels,
    "eu-50-3-notice": lambda _: ("label:notice",),
    "eu-50-4-deepfake": _deepfake_labels,
    "eu-50-4-text": lambda _: ("label:text:top",),
    "cn-gb45438-explicit": _chinese_labels,
    "in-it-rules-label": _deepfake_labels,
}
