"""Reading every layer back from what was written, before anyone else can see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from detectors.layers import read_credential, read_metadata
from detectors.mark_layers import MarkLayer
from labeler.credentials import Integrity, TrustStore
from labeler.errors import LabelerError, MarkNotVerifiedError
from labeler.media.content import Content
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance
from labeler.receipt import MarkReading
from labeler.stamping.interface import ExpectedWatermark, WatermarkLostError

__all__ = [
    "OR_NO_SIGNPOST",
    "check_credential",
    "check_metadata",
    "lost",
    "opening",
    "readings",
]

OR_NO_SIGNPOST: Final = (
    "or make no public signpost beside the mark of a secret key (LABELER_PUBLIC_SIGNPOST=false): "
    "it takes a part of its strength"
)
"""What to do where two layers are too much for the content."""


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


def readings(
    expected: ExpectedWatermark, found: Sequence[MarkLayer]
) -> tuple[MarkReading, ...] | None:
    """How each expected layer was read; None where one of them was not.

    Args:
        expected: What has to be found.
        found: What is present.
    """
    by_key = {each.key_id: each for each in found}
    read = [(layer, by_key.get(layer.key_id)) for layer in expected.layers]
    if any(mark is None or mark.payload != layer.carried for layer, mark in read):
        return None
    return tuple(
        MarkReading(key_id=mark.key_id, p_value=mark.p_value)
        for _, mark in read
        if mark is not None
    )


def lost(hint: str, *, has_signpost: bool = False) -> NoReturn:
    """Say that the watermark is not there.

    Args:
        hint: What to do.
        has_signpost: Whether a layer beside it may be what is missing.

    Raises:
        WatermarkLostError: Always.
    """
    raise WatermarkLostError(
        "the watermark does not read back from what was written",
        hint=f"{hint}; {OR_NO_SIGNPOST}" if has_signpost else hint,
    )
