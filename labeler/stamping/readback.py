"""Reading every layer back from what was written, before anyone else can see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from detectors.layers import read_credential, read_metadata
from labeler.credentials import Integrity, TrustStore
from labeler.errors import LabelerError, MarkNotVerifiedError
from labeler.media.content import Content
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance
from labeler.stamping.interface import WatermarkLostError

__all__ = ["check_credential", "check_metadata", "lost", "opening"]


def check_credential(
    written: Content,
    media_type: MediaType,
    sidecar: bytes | None,
    manifest_id: str,
    *,
    trust: TrustStore,
) -> None:
    """See that the file's credential is intact and the one that was made.

    Raises:
        MarkNotVerifiedError: It is not.
    """
    reading = read_credential(written, media_type, trust=trust, sidecar=sidecar)
    if (
        reading is None
        or reading.integrity is not Integrity.INTACT
        or reading.manifest_id != manifest_id
    ):
        found = "none" if reading is None else reading.integrity.value
        raise MarkNotVerifiedError(
            f"the credential does not read back from what was written (found: {found})",
            hint="Nothing was published; check the disk",
        )


def check_metadata(written: Content, media_type: MediaType, provenance: Provenance) -> None:
    """See that the file's metadata name the source type, and hold the AIGC field if there is one.

    Raises:
        MarkNotVerifiedError: They do not.
    """
    tags = read_metadata(written, media_type)
    is_labelled = provenance.aigc is None or tags.aigc == provenance.aigc
    if tags.source_type is not provenance.source_type or not is_labelled:
        found = tags.source_type if is_labelled else "no such AIGC field"
        raise MarkNotVerifiedError(
            f"the metadata do not read back from what was written (found: {found})",
            hint="Nothing was published; this file's metadata may be malformed",
        )


@contextmanager
def opening() -> Iterator[None]:
    """Turn what decoders raise about an output into an error that blames the writing.

    Raises:
        MarkNotVerifiedError: A `LabelerError` was raised in the block.
    """
    try:
        yield
    except LabelerError as error:
        raise MarkNotVerifiedError(
            f"what was written cannot be opened: {error.problem}",
            hint="Nothing was published; the source may hold something unusual",
        ) from error


def lost(hint: str) -> NoReturn:
    """Say that the watermark is not there.

    Raises:
        WatermarkLostError: Always.
    """
    raise WatermarkLostError("the watermark does not read back from what was written", hint=hint)
