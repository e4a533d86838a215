"""Only the label that people perceive: no watermark, no metadata."""

from __future__ import annotations

from labeler.disclosure.labels import (
    Corner,
    Extent,
    Language,
    Schedule,
    SpokenLabel,
    TextLabel,
    VisibleLabel,
)
from labeler.media.source import Source
from labeler.provenance import Provenance
from labeler.receipt import Layer, Receipt
from labeler.settings import Settings
from labeler.stamping.labelling import Labelling
from labeler.stamping.publication import Target
from labeler.stamping.stamper import Stamper

__all__ = ["disclose"]


def disclose(
    source: Source,
    target: Target,
    provenance: Provenance | None = None,
    *,
    settings: Settings | None = None,
    throughout: bool = False,
    overwrite: bool = False,
) -> Receipt:
    """Lay the label that people see, hear or read, and make no other mark.

    A watermark that the source carries stays, and is read back. The output is signed, with the
    source's own Content Credential as its parent.

    Args:
        source: As for `labeler.stamp`. It is never changed.
        target: As for `labeler.stamp`.
        provenance: What is claimed; its source type says whether the label tells of generated or of
            modified content. None: generated.
        settings: Language, corner, icon and recording of the label, and who signs; None: those of
            the environment.
        throughout: Whether films show the label all the time.
        overwrite: Whether an existing target may be replaced.

    Raises:
        LabelerError: Nothing was written.
    """
    known = settings or Settings()
    claims = provenance or Provenance()
    extent = Extent.MODIFIED if claims.source_type.is_edit else Extent.GENERATED
    with Stamper(known) as stamper:
        return stamper.stamp(
            source,
            target,
            claims,
            labels=_labels(known, extent, throughout=throughout),
            leave_out=(Layer.WATERMARK, Layer.METADATA),
            already_marked="keep",
            overwrite=overwrite,
        )


def _labels(settings: Settings, extent: Extent, *, throughout: bool) -> Labelling:
    language: Language = settings.label_language
    corner: Corner = settings.label_corner
    return Labelling(
        visible=(
            VisibleLabel(
                extent=extent,
                language=language,
                corner=corner,
                schedule=Schedule(throughout=throughout),
                icon=settings.label_icon,
            ),
        ),
        spoken=SpokenLabel(extent=extent, language=language, recording=settings.label_recording),
        written=TextLabel(extent=extent, language=language),
    )
