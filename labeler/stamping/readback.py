"""Reading every layer back from what was written, before anyone else can see it."""

from __future__ import annotations

from dataclasses import dataclass

from detectors import image, pictures
from detectors.report import Presence
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Payload
from labeler.credentials import Integrity, TrustStore
from labeler.credentials import read as read_credential
from labeler.errors import CapacityError, LabelerError, MarkNotVerifiedError
from labeler.media.media_type import MediaType
from labeler.media.picture import Picture, open_picture
from labeler.metadata import read as read_metadata
from labeler.provenance import SourceType

__all__ = [
    "ExpectedWatermark",
    "WatermarkLostError",
    "check_credential",
    "check_metadata",
    "check_watermark",
]


class WatermarkLostError(CapacityError, MarkNotVerifiedError):
    """The watermark did not survive the encoding: the content cannot carry it in this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedWatermark:
    """A watermark that has to be found."""

    payload: Payload
    key: Key
    frames: frozenset[int] | None
    """Numbers of the frames that have to carry it; None: one of them has to."""


def check_credential(
    data: bytes,
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
    reading = read_credential(data, media_type, trust=trust, sidecar=sidecar)
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


def check_metadata(data: bytes, media_type: MediaType, source_type: SourceType) -> None:
    """See that the file's metadata name the source type.

    Raises:
        MarkNotVerifiedError: They do not.
    """
    found = read_metadata(data, media_type).source_type
    if found is not source_type:
        raise MarkNotVerifiedError(
            f"the metadata do not read back from what was written (found: {found})",
            hint="Nothing was published; this file's metadata may be malformed",
        )


def check_watermark(
    data: bytes, expected: ExpectedWatermark, *, name: str, max_pixels: int
) -> float:
    """See that the watermark reads, and give its p-value: of several frames, the largest.

    Raises:
        WatermarkLostError: It does not.
    """
    try:
        picture = open_picture(data, name=name, max_pixels=max_pixels)
        found = _search(picture, expected)
    except LabelerError as error:
        raise MarkNotVerifiedError(
            f"what was written cannot be opened: {error.problem}",
            hint="Nothing was published; the source may hold something unusual",
        ) from error
    if found is None:
        raise WatermarkLostError(
            "the watermark does not read back from what was written",
            hint="The picture is too flat, too small or too strongly compressed for it: use the "
            'strength "robust" (--strength), or a format with less compression',
        )
    return found


def _search(picture: Picture, expected: ExpectedWatermark) -> float | None:
    if expected.frames is None:
        evidence = pictures.detect(picture, Keyring([expected.key]))
        return evidence.finding.p_value if evidence.payload == expected.payload else None
    worst = 0.0
    for index, pixels in enumerate(picture.frames()):
        if index in expected.frames:
            found = image.detect(pixels, [expected.key])
            if found.presence is not Presence.PRESENT or found.payload != expected.payload:
                return None
            worst = max(worst, found.p_value)
    return worst
