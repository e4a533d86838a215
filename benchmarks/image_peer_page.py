"""The page that shows the tables and plots of ``image_peers``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.image_peer_outcomes import SystemOutcome
from benchmarks.image_peer_plots import draw, plot_names

__all__ = ["replaced", "write_page"]

BEGIN: Final = "<!-- written by benchmarks.image_peers: begin -->"
END: Final = "<!-- written by benchmarks.image_peers: end -->"

_TEXTS: Final = {
    "attacks": "Heat map: how often each system's whole payload came back after each attack",
    "mean": "Dot plot: how often each system's whole payload came back over the core attacks",
}


def write_page(page: Path, report: str, outcomes: Sequence[SystemOutcome], plots: Path) -> None:
    """Draw the plots, and put them and the report between the page's marks.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ValueError: The page has no such marks.
    """
    draw(outcomes, plots)
    pictures = [_picture(name, plots.name) for name in reversed(plot_names())]
    text = replaced(page.read_text(), "\n\n".join((*pictures, report)))
    page.write_text(text)


def replaced(page: str, text: str) -> str:
    """The page with ``text`` between its two marks.

    Raises:
        ValueError: The page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _picture(name: str, folder: str) -> str:
    """The plot in the theme that the reader has chosen; the tables say the same in numbers."""
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{folder}/{name}-dark.svg">'
    light = f'<img alt="{_TEXTS[name]}" src="{folder}/{name}-light.svg">'
    return f"<picture>\n  {dark}\n  {light}\n</picture>"
