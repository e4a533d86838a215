"""Media files in a folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

__all__ = ["find_media"]


def find_media(
    folder: Path, names: Sequence[str], *, suffixes: Collection[str], medium: str
) -> list[Path]:
    """The files in ``folder``, the largest first, so that no worker ends with a long one.

    Args:
        folder: Where to look; subfolders are left out.
        names: File names without suffix; empty for all files.
        suffixes: What counts, in lower case.
        medium: What one file holds, for messages.

    Raises:
        SystemExit: There is no such folder or file.
    """
    if not folder.is_dir():
        raise SystemExit(f"{folder}: not a folder")
    found = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in suffixes}
    if missing := sorted(set(names) - set(found)):
        raise SystemExit(f"{folder}: no {medium} is named {', '.join(missing)}")
    chosen = [found[name] for name in names] or list(found.values())
    if not chosen:
        raise SystemExit(f"{folder}: no {medium}s")
    return sorted(chosen, key=lambda path: (-path.stat().st_size, path.stem))
