"""Temporary files that a killed process left behind."""

from __future__ import annotations

import re
from pathlib import Path

from labeler.credentials.sidecar import sidecar_name
from labeler.stamping.outlet import TEMPORARY_SUFFIX

__all__ = ["remove_leftovers"]


def remove_leftovers(target: Path) -> None:
    """Remove what a killed stamping of ``target`` left beside it, and nothing else.

    Only to be called where nobody is stamping ``target``.
    """
    # In the form that `labeler.stamping.outlet` describes, with its 64 random bits.
    names = "|".join(re.escape(name) for name in (target.name, sidecar_name(target.name)))
    leftover = re.compile(rf"\.(?:{names})\.[0-9a-f]{{16}}{re.escape(TEMPORARY_SUFFIX)}")
    if not target.parent.is_dir():
        return
    for path in target.parent.iterdir():
        if leftover.fullmatch(path.name):
            path.unlink(missing_ok=True)
