"""What was done to one output: the record that `stamp` returns and the registry keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from labeler.codec.payload import Payload
from labeler.provenance import SourceType

__all__ = ["Layer", "LayerOutcome", "Receipt"]


class Layer(StrEnum):
    """The layers of marking that a file can carry."""

    CREDENTIAL = "credential"
    WATERMARK = "watermark"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOutcome:
    """What became of one layer."""

    layer: Layer
    present: bool
    """Whether the layer was read back from the written file."""
    p_value: float | None = None
    """Watermark only: the p-value with which it was read back."""
    psnr_db: float | None = None
    """Watermark only: peak signal-to-noise ratio of marked to unmarked pixels, over RGB."""
    reason: str | None = None
    """Why the layer is missing, where the caller allowed that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done to one output."""

    receipt_id: str
    """Unique name of this receipt, a UUID."""
    created_at: datetime
    """When the output was published, UTC."""
    target: str
    """Path or URL of the output."""
    sidecar: str | None
    """Path or URL of the ``.c2pa`` sidecar, where the manifest is not embedded."""
    media_type: str
    """IANA media type of the output."""
    source_sha256: str
    """SHA-256 of the source's bytes, hexadecimal."""
    target_sha256: str
    """SHA-256 of the output's bytes, hexadecimal."""
    source_type: SourceType
    """The IPTC digital source type that was claimed."""
    payload: Payload | None
    """What the watermark carries; None where there is none."""
    key_id: str | None
    """Id of the watermark key; None where there is no watermark."""
    manifest_id: str | None
    """Label of the active C2PA manifest; None where there is none."""
    layers: tuple[LayerOutcome, ...]
    """One outcome for each layer."""
