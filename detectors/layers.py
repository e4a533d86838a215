"""The readers of the layers around content, for content in memory and on disk alike."""

from __future__ import annotations

from labeler import credentials, metadata
from labeler.credentials import CredentialReading, TrustStore
from labeler.media.content import Content
from labeler.media.media_type import MediaType
from labeler.metadata import Tags

__all__ = ["read_credential", "read_metadata"]


def read_credential(
    content: Content, media_type: MediaType, *, trust: TrustStore, sidecar: bytes | None = None
) -> CredentialReading | None:
    """See `labeler.credentials.read`."""
    if content.file is None:
        return credentials.read(content.data, media_type, trust=trust, sidecar=sidecar)
    return credentials.read_file(content.file.path, media_type, trust=trust, sidecar=sidecar)


def read_metadata(content: Content, media_type: MediaType) -> Tags:
    """See `labeler.metadata.read`."""
    if content.file is None:
        return metadata.read(content.data, media_type)
    return metadata.read_file(content.file.path, media_type)
