"""Tables for people, in Markdown that also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["markdown_table", "percent", "yes_or_no"]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with padded columns: the first to the left, the others to the right."""
    cells = [list(header), *([str(value) for value in row] for row in rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]
    rule = [
        "-" * width if column == 0 else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join(_line(line, widths) for line in lines)


def percent(part: int, whole: int) -> str:
    """``part`` of ``whole`` in percent; never rounded up to 100."""
    if not whole:
        return "-"
    text = f"{100 * part / whole:.1f} %"
    return "99.9 %" if text == "100.0 %" and part < whole else text


def yes_or_no(*, met: bool) -> str:
    """Whether something is as it is wanted; what is not can be seen from afar."""
    return "yes" if met else "NO"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        text.ljust(width) if column == 0 else text.rjust(width)
        for column, (text, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
