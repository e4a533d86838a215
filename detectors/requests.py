"""What a worker is asked to examine: bytes in the message itself, or a file by its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeler.media.content import Content, DiskFile

__all__ = ["pack_request", "unpack_request"]


def pack_request(content: Content, sidecar: bytes | None) -> tuple[dict[str, object], bytes]:
    """The header and body that ask for an examination of ``content``."""
    file = content.file
    header: dict[str, object] = {
        "name": content.name,
        "size": content.size,
        "has_sidecar": sidecar is not None,
        "file": None
        if file is None
        else {"path": str(file.path), "inode": file.inode, "changed_ns": file.changed_ns},
    }
    body = b"" if file is not None else content.data
    return header, body if sidecar is None else body + sidecar


def unpack_request(header: Mapping[str, Any], body: bytes) -> tuple[Content, bytes | None]:
    """The content and the sidecar that `pack_request` was given."""
    file, size = header["file"], header["size"]
    split = size if file is None else 0
    sidecar = body[split:] if header["has_sidecar"] else None
    if file is None:
        return Content(body[:split] if header["has_sidecar"] else body, header["name"]), sidecar
    there = DiskFile(
        path=Path(file["path"]), size=size, inode=file["inode"], changed_ns=file["changed_ns"]
    )
    return Content(there, header["name"]), sidecar
