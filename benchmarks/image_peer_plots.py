"""Plots of ``image_peers``: a heat map of every attack, and the mean with its interval.

SVG, each for a light and for a dark page. One hue from pale to strong carries the rate, and each
cell says its number, so that no colour needs to be told from another.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.binomial import interval
from benchmarks.image_attacks import CORE
from benchmarks.image_peer_outcomes import MATCHED, NATIVE, SystemOutcome
from benchmarks.image_peer_report import attack_names, columns, exact_percent
from benchmarks.image_peer_systems import OURS

__all__ = ["THEMES", "Theme", "by_family", "draw", "plot_names"]

_FAMILIES: Final = {
    "no change": ("unchanged",),
    "recompression": ("jpeg", "webp", "avif"),
    "scaling": ("resize", "aspect"),
    "cropping": ("crop",),
    "turning": ("rotate", "flip"),
    "tone": ("brightness", "contrast", "saturation", "hue", "grey", "gamma"),
    "noise and blur": ("noise", "blur", "median", "bilateral", "sharpen"),
}
_OTHERS: Final = "editing and journeys"
_GAP_ROWS: Final = 0.45
"""Between two families, in heights of a row."""
_GAP_COLUMNS: Final = 0.3
"""Between two panels, in widths of a column."""
_ROW_IN: Final = 0.235
_COLUMN_IN: Final = 0.74
_LABELS_IN: Final = 2.25
_STYLE: Final = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "labeler",  # the same plot is the same file
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
}
_NUMBER: Final = re.compile(r"\d+\.\d+")
_NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of a plot."""

    ground: str
    text: str
    faint: str
    ramp: tuple[str, str, str]
    """Of rates from 0 to 100 %."""
    on_strong: str
    """Numbers in cells of high rates."""
    matched: str
    native: str


THEMES: Final = {
    "light": Theme(
        ground="#ffffff",
        text="#1f2328",
        faint="#7a828b",
        ramp=("#f1f4f8", "#8db9de", "#0b4f8a"),
        on_strong="#ffffff",
        matched="#0b4f8a",
        native="#b45f06",
    ),
    "dark": Theme(
        ground="#0d1117",
        text="#e6edf3",
        faint="#8b949e",
        ramp=("#1a222c", "#2f6ea5", "#8fd0ff"),
        on_strong="#0d1117",
        matched="#8fd0ff",
        native="#f0a35e",
    ),
}


def plot_names() -> tuple[str, str]:
    """The two plots, without theme and suffix."""
    return "attacks", "mean"


def draw(outcomes: Sequence[SystemOutcome], folder: Path) -> None:
    """Write ``attacks-light.svg``, ``mean-dark.svg`` and so on into the folder.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (dependency group ``benchmarks``).
    """
    matplotlib = import_module("matplotlib")
    with matplotlib.rc_context(_STYLE):
        for name, theme in THEMES.items():
            for plot, make in zip(plot_names(), (_heat_map, _means), strict=True):
                figure = make(outcomes, theme)
                target = folder / f"{plot}-{name}.svg"
                figure.savefig(target, facecolor=theme.ground, metadata=_NO_METADATA)
                _compact(target)


def by_family(attacks: Sequence[str]) -> dict[str, list[str]]:
    """The attacks in families; a chain of attacks is a journey."""
    families: dict[str, list[str]] = {name: [] for name in (*_FAMILIES, _OTHERS)}
    for attack in attacks:
        kind = attack.split("-")[0]
        family = next((name for name, kinds in _FAMILIES.items() if kind in kinds), _OTHERS)
        families[_OTHERS if "+" in attack else family].append(attack)
    return {name: members for name, members in families.items() if members}


# ---------------------------------------------------------------- the heat map


def _heat_map(outcomes: Sequence[SystemOutcome], theme: Theme) -> Any:
    families = by_family(attack_names(outcomes))
    height_rows = sum(map(len, families.values())) + 1 + _GAP_ROWS * len(families)
    panels = columns(outcomes[0].settings.matched_db)
    panel_in = len(outcomes) * _COLUMN_IN
    width_in = _LABELS_IN + len(panels) * (panel_in + _GAP_COLUMNS * _COLUMN_IN)
    height_in = height_rows * _ROW_IN + 1.5
    figure = _figure(width_in, height_in, theme)
    for place, (visible, head) in enumerate(panels.items()):
        left = (_LABELS_IN + place * (panel_in + _GAP_COLUMNS * _COLUMN_IN)) / width_in
        box = (left, 0.2 / height_in, panel_in / width_in, height_rows * _ROW_IN / height_in)
        axes = figure.add_axes(box)
        axes.set(xlim=(0, len(outcomes)), ylim=(height_rows, 0))
        axes.axis("off")
        axes.text(0.05, -2.35, head, color=theme.text, fontsize=10.5, weight="bold")
        _system_names(axes, outcomes, theme)
        _cells(axes, outcomes, visible, families, theme)
        if place == 0:
            _attack_labels(axes, families, theme)
    pictures = len(outcomes[0].pictures)
    caption = f"Whole payload read back after each attack, % of {pictures} pictures"
    figure.text(
        *(0.1 / width_in, 1 - 0.3 / height_in, caption),
        color=theme.text,
        fontsize=12.5,
        weight="bold",
    )
    return figure


def _system_names(axes: Any, outcomes: Sequence[SystemOutcome], theme: Theme) -> None:
    for column, outcome in enumerate(outcomes):
        name = outcome.system.replace("-", "-\n").replace("DctSvd", "Dct\nSvd")
        weight = "bold" if outcome.system == OURS else "normal"
        place = {"ha": "center", "va": "baseline", "linespacing": 1.05}
        axes.text(column + 0.5, -0.32, name, **place, color=theme.text, fontsize=8, weight=weight)


def _cells(
    axes: Any,
    outcomes: Sequence[SystemOutcome],
    visible: str,
    families: dict[str, list[str]],
    theme: Theme,
) -> None:
    top = 0.0
    for attacks in families.values():
        for attack in attacks:
            values = [exact_percent(outcome, visible, (attack,)) for outcome in outcomes]
            _row(axes, top, values, theme, "normal")
            top += 1
        top += _GAP_ROWS
    _row(axes, top, [exact_percent(each, visible) for each in outcomes], theme, "bold")


def _attack_labels(axes: Any, families: dict[str, list[str]], theme: Theme) -> None:
    right = {"ha": "right", "va": "center", "fontsize": 8.5, "color": theme.text}
    faint = {"ha": "left", "va": "center", "fontsize": 7.5, "color": theme.faint}
    edge = 0.1 / _COLUMN_IN - _LABELS_IN / _COLUMN_IN
    top = 0.0
    for family, attacks in families.items():
        name = family.replace(" and ", "\nand ")
        axes.text(edge, top + 0.52, name.split("\n")[0], **faint, style="italic")
        for line, text in enumerate(name.split("\n")[1:], start=1):
            axes.text(edge, top + 0.52 + 0.55 * line, text, **faint, style="italic")
        for attack in attacks:
            axes.text(-0.12, top + 0.52, attack, **right)
            top += 1
        top += _GAP_ROWS
    axes.text(-0.12, top + 0.52, "all attacks", **right, weight="bold")


def _row(axes: Any, top: float, values: Sequence[float], theme: Theme, weight: str) -> None:
    patches, colors = import_module("matplotlib.patches"), import_module("matplotlib.colors")
    ramp = colors.LinearSegmentedColormap.from_list("rates", theme.ramp)
    middle = {"ha": "center", "va": "center", "fontsize": 8, "weight": weight}
    for column, value in enumerate(values):
        cell = patches.FancyBboxPatch(
            (column + 0.05, top + 0.07),
            width=0.9,
            height=0.86,
            boxstyle="round,pad=0,rounding_size=0.1",
            linewidth=0,
            facecolor=ramp(value / 100),
            clip_on=False,
        )
        axes.add_patch(cell)
        color = theme.on_strong if value >= 60 else theme.text if value else theme.faint
        axes.text(column + 0.5, top + 0.53, f"{value:.0f}", **middle, color=color)


# ---------------------------------------------------------------- the means


def _means(outcomes: Sequence[SystemOutcome], theme: Theme) -> Any:
    height_in = 0.46 * len(outcomes) + 1.5
    figure = _figure(8.6, height_in, theme)
    axes = figure.add_axes((0.17, 0.45 / height_in, 0.77, 1 - 1.4 / height_in))
    axes.set(xlim=(-2, 103), ylim=(len(outcomes) - 0.45, -0.55), facecolor=theme.ground)
    for row, outcome in enumerate(outcomes):
        for visible, offset in ((MATCHED, -0.15), (NATIVE, 0.17)):
            _mean(axes, outcome, visible, row + offset, theme)
    names = [outcome.system for outcome in outcomes]
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(0, 101, 25), [f"{value} %" for value in range(0, 101, 25)])
    axes.tick_params(colors=theme.text, length=0, labelsize=9.5)
    axes.grid(axis="x", color=theme.faint, alpha=0.3, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    heads = columns(outcomes[0].settings.matched_db)
    for visible, left in ((MATCHED, 0.02), (NATIVE, 0.3)):
        key = figure.add_axes((left, 1 - 0.82 / height_in, 0.03, 0.3 / height_in))
        key.axis("off")
        key.plot(0, 0, **_marker(visible, theme))
        head = heads[visible] + (", with its PSNR" if visible == NATIVE else "")
        figure.text(left + 0.035, 1 - 0.71 / height_in, head, color=theme.text, fontsize=9.5)
    cases = len(CORE) * len(outcomes[0].pictures)
    caption = f"Whole payload read back, over the core attacks ({cases} cases each, 95 % intervals)"
    figure.text(0.02, 1 - 0.36 / height_in, caption, color=theme.text, fontsize=11.5, weight="bold")
    return figure


def _mean(axes: Any, outcome: SystemOutcome, visible: str, row: float, theme: Theme) -> None:
    percent = exact_percent(outcome, visible, CORE)
    cases = len(set(CORE) & set(outcome.settings.attacks)) * len(outcome.marked)
    low, high = interval(round(percent * cases / 100), cases)
    style = _marker(visible, theme)
    axes.plot((100 * low, 100 * high), (row, row), color=style["color"], linewidth=1.6, alpha=0.55)
    axes.plot(percent, row, **style)
    if visible == NATIVE:
        psnr_db = statistics.mean(picture.psnr_db[visible] for picture in outcome.marked)
        last = high > 0.85  # there is no room behind it
        place = {"ha": "right" if last else "left", "va": "center", "fontsize": 8}
        beside = 100 * low - 1.2 if last else 100 * high + 1.2
        axes.text(beside, row, f"{psnr_db:.1f} dB", **place, color=theme.faint)


def _marker(visible: str, theme: Theme) -> dict[str, Any]:
    """Filled discs and hollow diamonds: shapes tell them apart without colour."""
    if visible == MATCHED:
        return {"marker": "o", "markersize": 6.5, "color": theme.matched, "linewidth": 0}
    return {
        "marker": "D",
        "markersize": 6,
        "color": theme.native,
        "markerfacecolor": theme.ground,
        "linewidth": 0,
    }


def _figure(width_in: float, height_in: float, theme: Theme) -> Any:
    figure = import_module("matplotlib.figure").Figure(figsize=(width_in, height_in))
    figure.set_facecolor(theme.ground)
    return figure


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"


def _compact(path: Path) -> None:
    """Write a plot again, smaller: a tenth of a pixel is enough, and one font for all."""
    text = path.read_text()
    text = re.sub(r' d="[^"]*"', lambda path: _NUMBER.sub(_short, path[0]), text)
    text = re.sub(r"font-family: [^;\"]*; ", "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = text.replace("butt}", "butt} text{font-family: 'DejaVu Sans', Verdana, sans-serif}")
    path.write_text("\n".join(filter(None, map(str.strip, text.splitlines()))) + "\n")
