"""Where outputs go: files, URLs and streams."""

from __future__ import annotations

import os
from os import PathLike
from typing import BinaryIO, TypeAlias

from labeler.media.source import as_local_path
from labeler.stamping.files import FileOutlet
from labeler.stamping.outlet import Outlet
from labeler.stamping.streams import StreamOutlet
from labeler.stamping.urls import UrlOutlet

__all__ = ["Target", "open_outlet"]

Target: TypeAlias = str | PathLike[str] | BinaryIO
"""A path, an fsspec URL, or a writable binary stream."""


def open_outlet(target: Target) -> Outlet:
    """The outlet for ``target``; nothing is written yet.

    Raises:
        MissingExtraError: The URL's protocol needs a package that is not installed.
        SettingsError: The URL's protocol is unknown.
    """
    if not isinstance(target, str | PathLike):
        return StreamOutlet(target)
    path = as_local_path(target)
    return UrlOutlet(os.fspath(target)) if path is None else FileOutlet(path)
