"""What is claimed about an output: how it came about, with what, when.

The claims are the same whatever layer carries them: the C2PA manifest, the XMP packet and the
watermark's origin field are all written from one `Provenance`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from labeler.aigc import AigcLabel
from labeler.codec.payload import Origin

__all__ = ["HumanOversight", "Provenance", "SourceType", "Track"]

_IPTC_PREFIX = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class SourceType(StrEnum):
    """IPTC digital source types that say something about generative AI.

    Source: IPTC NewsCodes, ``http://cv.iptc.org/newscodes/digitalsourcetype/``.
    """

    TRAINED_ALGORITHMIC_MEDIA = "trainedAlgorithmicMedia"
    """Created by a generative model."""
    COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA = "compositeWithTrainedAlgorithmicMedia"
    """Edited with a generative model (inpainting, outpainting)."""
    COMPOSITE_SYNTHETIC = "compositeSynthetic"
    """A composite in which at least one element is synthetic."""
    ALGORITHMICALLY_ENHANCED = "algorithmicallyEnhanced"
    """Modified by an algorithm that was not trained to add content."""
    ALGORITHMIC_MEDIA = "algorithmicMedia"
    """Created by an algorithm that was not trained on sampled content."""

    @property
    def uri(self) -> str:
        """The identifier that C2PA and IPTC write."""
        return _IPTC_PREFIX + self.value

    @property
    def origin(self) -> Origin:
        """The origin that the watermark's payload carries for this source type."""
        return _ORIGINS[self]

    @property
    def is_edit(self) -> bool:
        """Whether the output was made by changing content that existed before."""
        return self in {
            SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
            SourceType.ALGORITHMICALLY_ENHANCED,
        }


_ORIGINS = {
    SourceType.TRAINED_ALGORITHMIC_MEDIA: Origin.GENERATED,
    SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA: Origin.MODIFIED,
    SourceType.COMPOSITE_SYNTHETIC: Origin.COMPOSITE,
    SourceType.ALGORITHMICALLY_ENHANCED: Origin.ENHANCED,
    SourceType.ALGORITHMIC_MEDIA: Origin.ALGORITHMIC,
}


class HumanOversight(StrEnum):
    """How far a person steered the generation (C2PA 2.4, 18.28, ``humanOversightLevel``)."""

    FULLY_AUTONOMOUS = "fully_autonomous"
    PROMPT_GUIDED = "prompt_guided"
    HUMAN_VALIDATED = "human_validated"


class Track(StrEnum):
    """What a film has for the eyes and for the ears."""

    VISUAL = "visual"
    """Its pictures."""
    AUDIO = "audio"
    """Its sound."""

    @property
    def label(self) -> str:
        """Its name in sentences: ``"pictures"``."""
        return "pictures" if self is Track.VISUAL else "sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is claimed about one output."""

    source_type: SourceType = SourceType.TRAINED_ALGORITHMIC_MEDIA
    """How the content came about."""
    generator: str | None = None
    """The generating system or model, as its users know it: ``"Stable Diffusion XL"``."""
    generator_version: str | None = None
    """Its version."""
    model_identifier: str | None = None
    """The model as a package URL or URI."""
    human_oversight: HumanOversight | None = None
    """How far a person steered the generation."""
    created_at: datetime | None = None
    """When the content was generated, with a time zone; None: the time of stamping."""
    title: str | None = None
    """The title that the manifest carries; None: the file's name is not disclosed either."""
    prompt: str | None = None
    """The prompt, written into metadata only because the caller gives it here."""
    prompt_writer: str | None = None
    """Who wrote the prompt, written only because the caller gives it here."""
    synthetic_tracks: frozenset[Track] | None = None
    """Which tracks of a film the claims are about: only those get a watermark. None: all that it
    has. For films alone; whatever else is stamped with it is refused."""
    aigc: AigcLabel | None = None
    """China's implicit label (GB 45438-2025, annex E); it replaces the one that the file has.
    None: nothing is written, and what is there stays."""
    disclosure: str | None = None
    """What people are told: a sentence for descriptions and credits, put behind what the file's
    description says already. None: the description stays as it is."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        A time without a zone is a different moment on every reader's machine, and nothing is
        claimed about a film none of whose tracks is synthetic. An AIGC label that the standard
        does not allow is a `MetadataError` here, long before it would be written.
        """
        if self.created_at is not None and self.created_at.tzinfo is None:
            raise ValueError("Provenance.created_at needs a time zone")
        if self.synthetic_tracks is not None and not self.synthetic_tracks:
            raise ValueError("Provenance.synthetic_tracks needs a track, or None for all of them")
        if self.disclosure is not None and not self.disclosure.strip():
            raise ValueError("Provenance.disclosure needs words, or None for none")
        if self.aigc is not None:
            self.aigc.to_json()

    def to_json(self) -> str:
        """Every claim as JSON, the same text for the same claims: what digests are made of."""
        # Field by field, so that a new one counts without anyone having to think of it here.
        return json.dumps(asdict(self), sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
