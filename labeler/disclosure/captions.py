"""Labels as captions: WebVTT cues for films and sound, which Braille displays give as well.

Source: Code of Practice, S2 1.1 (accessibility); W3C WebVTT 1, 5 April 2019.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from labeler.disclosure.labels import Schedule, TextLabel
from labeler.disclosure.phrases import language_tag, says
from labeler.disclosure.words import Kind

__all__ = ["webvtt"]

# The first line of the picture: captions of what is said stand at its foot.
_AT_TOP: Final = "line:0"
_SHORTEST_S: Final = 0.001


def webvtt(
    label: TextLabel, schedule: Schedule, duration_s: float, *, kind: Kind = Kind.FILM
) -> str:
    """A WebVTT file that shows the label when ``schedule`` says.

    Args:
        label: What to say.
        schedule: When: at the start always, then at intervals and after breaks, or throughout.
        duration_s: How long film or sound are, seconds; more than 0.
        kind: What the label speaks of.

    Raises:
        ValueError: The duration is no positive number.
    """
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise ValueError("captions are for what lasts for some time")
    words = f"<lang {language_tag(label)}>{escape(says(label, kind), quote=False)}</lang>"
    cues = (
        f"{_moment(start)} --> {_moment(end)} {_AT_TOP}\n{words}\n"
        for start, end in _spans(schedule, duration_s)
    )
    return "\n".join(["WEBVTT\n", *cues])


def _spans(schedule: Schedule, duration_s: float) -> Iterator[tuple[float, float]]:
    """Start and end of each cue, seconds, in order; none touches the next."""
    if schedule.throughout:
        yield 0.0, max(duration_s, _SHORTEST_S)
        return
    regular = (n * schedule.every_s for n in range(math.ceil(duration_s / schedule.every_s)))
    start, end = 0.0, 0.0
    for moment in sorted([*regular, *schedule.breaks_s]):
        if moment >= duration_s:
            break
        if moment > end:
            yield start, end
            start = moment
        end = min(moment + schedule.lasts_s, duration_s)
    yield start, max(end, _SHORTEST_S)


def _moment(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"
