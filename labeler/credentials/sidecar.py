"""Where a manifest lies that is kept beside its file.

The sidecar of ``picture.tif`` is ``picture.tif.c2pa``: the whole name, and not only its stem as
is the custom among C2PA tools, so that ``picture.tif`` and ``picture.mkv`` in one folder have one
each, and so that ``picture.jpg`` is never held against the manifest of ``picture.tif``. The
customary name is still found where it can mean one file only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from labeler.errors import MediaTooLargeError, UnreadableMediaError

__all__ = ["SIDECAR_SUFFIX", "find_sidecar", "read_sidecar", "sidecar_name"]

SIDECAR_SUFFIX: Final = ".c2pa"
"""File name extension of manifest stores (C2PA 2.4, 11.4)."""
# The toolkit refuses to unpack manifests of more than 32 MB; thumbnails and ancestors fit easily.
_MAX_BYTES: Final = 64 * 1024 * 1024


def sidecar_name(name: str) -> str:
    """The path or URL of the sidecar that is written for the file at ``name``."""
    return name + SIDECAR_SUFFIX


def find_sidecar(file: Path) -> Path | None:
    """The sidecar of ``file``, or None where there is none, or none that is surely its own."""
    own = file.with_name(sidecar_name(file.name))
    if own.is_file():
        return own
    shared = file.with_suffix(SIDECAR_SUFFIX)
    if shared == file or not shared.is_file():
        return None
    claimants = (other for other in file.parent.iterdir() if other.stem == file.stem)
    return shared if all(other in {file, shared} for other in claimants) else None


def read_sidecar(path: Path, *, max_bytes: int = _MAX_BYTES) -> bytes:
    """The content of the sidecar at ``path``.

    Raises:
        UnreadableMediaError: It cannot be read.
        MediaTooLargeError: It has more than ``max_bytes`` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableMediaError(
            f"the sidecar cannot be read ({error.strerror})",
            file=path,
            hint="Check who may read it",
        ) from error
    if len(data) > max_bytes:
        raise MediaTooLargeError(
            f"the sidecar has more than {max_bytes} bytes",
            file=path,
            hint="It is hardly a manifest; move it away",
        )
    return data
