"""What a worker is asked to examine: bytes in the message itself, or a file by its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeler.codec.keys import Key
from labeler.media.content import Content, DiskFile

__all__ = ["Request", "StoreRequest", "pack_request", "unpack_request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One file, and what belongs to it alone."""

    content: Content
    sidecar: bytes | None = field(default=None, repr=False)
    """The manifest store beside it, where there is one."""
    text_log_key: Key | None = None
    """The key of the registry's log of texts, which may be begun while a worker lives."""
    with_fingerprint: bool = False
    """Whether to take the fingerprints of pictures, sound and films: somebody can compare them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """A manifest store that came without its file."""

    store: bytes = field(repr=False)
    """The store."""


def pack_request(request: Request | StoreRequest) -> tuple[dict[str, object], bytes]:
    """The header and body that ask for an examination."""
    if isinstance(request, StoreRequest):
        return {"is_store": True}, request.store
    content, sidecar, key = request.content, request.sidecar, request.text_log_key
    file = content.file
    header: dict[str, object] = {
        "name": content.name,
        "size": content.size,
        "has_sidecar": sidecar is not None,
        "text_log_key": None if key is None else key.secret.hex(),
        "with_fingerprint": request.with_fingerprint,
        "file": None
        if file is None
        else {"path": str(file.path), "inode": file.inode, "changed_ns": file.changed_ns},
    }
    body = b"" if file is not None else content.data
    return header, body if sidecar is None else body + sidecar


def unpack_request(header: Mapping[str, Any], body: bytes) -> Request | StoreRequest:
    """The request that `pack_request` was given."""
    if header.get("is_store"):
        return StoreRequest(store=body)
    file, size, digits = header["file"], header["size"], header["text_log_key"]
    split = size if file is None else 0
    if file is None:
        content = Content(body[:split] if header["has_sidecar"] else body, header["name"])
    else:
        there = DiskFile(
            path=Path(file["path"]), size=size, inode=file["inode"], changed_ns=file["changed_ns"]
        )
        content = Content(there, header["name"])
    return Request(
        content=content,
        sidecar=body[split:] if header["has_sidecar"] else None,
        text_log_key=None if digits is None else Key.from_bytes(bytes.fromhex(digits)),
        with_fingerprint=header["with_fingerprint"],
    )
