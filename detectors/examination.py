"""Everything that is done with a file's bytes, in the sandbox or in the caller's process.

The registry is no part of it: it lies on the caller's side, where no stranger's file is parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from detectors.conclusion import Evidence, Verdict, conclude
from detectors.credentials import detect as detect_credential
from detectors.framing import Examine
from detectors.metadata import detect as detect_metadata
from detectors.pictures import detect as detect_watermark
from detectors.pictures import detect_remains
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from labeler.codec.keys import Key, Keyring
from labeler.credentials import TrustKind, TrustList, TrustStore
from labeler.errors import LabelerError, UnreadableMediaError
from labeler.media.media_type import MediaType, check_name, sniff
from labeler.media.picture import open_picture
from labeler.media.salvage import salvage

__all__ = ["Examiner", "prepare", "sentence"]

_TEXT: Final = 10_000
"""Longest text in a report, characters."""
_ITEMS: Final = 200
"""Longest list in a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Runs every technique on one file after the other."""

    keyring: Keyring = field(repr=False)
    """The watermark keys to try."""
    trust: TrustStore
    """Whose signatures are trusted."""
    max_pixels: int
    """Most pixels of one frame that are decoded."""

    def examine(self, data: bytes, *, name: str, sidecar: bytes | None = None) -> Report:
        """What all techniques find; a file that cannot be used gives a report that says so.

        Args:
            data: The file's bytes.
            name: What the report calls it.
            sidecar: The manifest store beside it, where there is one.
        """
        evidence: list[Evidence] = []
        media_type: MediaType | None = None
        try:
            media_type = sniff(data, name=name)
            evidence.extend(self._collect(data, media_type, name, sidecar))
        except LabelerError as error:
            verdict = _cut_short(evidence, error)
        else:
            verdict = conclude(evidence)
        return Report(
            file=name,
            sha256=hashlib.sha256(data).hexdigest(),
            media_type=None if media_type is None else media_type.value,
            conclusion=verdict.conclusion,
            origin=verdict.origin,
            findings=tuple(_clipped(each.finding) for each in evidence),
            warnings=_clip(verdict.warnings),
        )

    def _collect(
        self, data: bytes, media_type: MediaType, name: str, sidecar: bytes | None
    ) -> Iterator[Evidence]:
        check_name(media_type, name)
        # First what does not need the pixels: they may be damaged where the rest is not.
        yield detect_credential(data, media_type, trust=self.trust, sidecar=sidecar)
        yield detect_metadata(data, media_type)
        try:
            picture = open_picture(data, name=name, max_pixels=self.max_pixels)
            yield detect_watermark(picture, self.keyring)
        except UnreadableMediaError:
            pixels = salvage(data, media_type, max_pixels=self.max_pixels)
            remains = None if pixels is None else detect_remains(pixels, self.keyring)
            # That remains show no mark says nothing of the whole.
            if remains is not None and remains.finding.presence is Presence.PRESENT:
                yield remains
            raise

    def to_setup(self) -> Mapping[str, object]:
        """What a worker has to be told to become the same examiner, as JSON values."""
        return {
            "keys": [key.secret.hex() for key in self.keyring.values()],
            "trust": [
                {
                    "kind": each.kind.value,
                    "name": each.name,
                    "certificates": each.certificates,
                    "count": each.count,
                }
                for each in self.trust.lists
            ],
            "max_pixels": self.max_pixels,
        }

    @classmethod
    def from_setup(cls, setup: Mapping[str, Any]) -> Examiner:
        """The examiner that `to_setup` described."""
        return cls(
            keyring=Keyring(Key.from_bytes(bytes.fromhex(each)) for each in setup["keys"]),
            trust=TrustStore(
                lists=tuple(
                    TrustList(
                        kind=TrustKind(each["kind"]),
                        name=each["name"],
                        certificates=each["certificates"],
                        count=each["count"],
                    )
                    for each in setup["trust"]
                )
            ),
            max_pixels=setup["max_pixels"],
        )


def prepare(setup: Mapping[str, Any]) -> Examine:
    """What the worker does with each request: the body is the file, then its sidecar."""
    examiner = Examiner.from_setup(setup)

    def examine(header: Mapping[str, Any], body: bytes) -> str:
        size = header["size"]
        data = body[:size] if header["has_sidecar"] else body
        sidecar = body[size:] if header["has_sidecar"] else None
        return examiner.examine(data, name=header["name"], sidecar=sidecar).to_json()

    return examine


def _cut_short(evidence: Sequence[Evidence], error: LabelerError) -> Verdict:
    """The verdict on a file that could not be examined to its end.

    What was found before is known all the same: a credential that shows that the file was changed,
    which is most likely why the rest cannot be read, or a watermark in what is left of the pixels.
    """
    verdict = conclude(evidence)
    watermark = any(
        each.finding.technique is Technique.WATERMARK and each.finding.presence is Presence.PRESENT
        for each in evidence
    )
    if verdict.conclusion is Conclusion.TAMPERED or watermark:
        return replace(verdict, warnings=(*verdict.warnings, sentence(error)))
    warnings = (warning for each in evidence for warning in each.warnings)
    return Verdict(
        conclusion=Conclusion.UNREADABLE, origin=None, warnings=(sentence(error), *warnings)
    )


def _clipped(finding: Finding) -> Finding:
    return replace(finding, detail=_clip(finding.detail))


def _clip(value: Any) -> Any:
    """The JSON value with long texts and lists cut short: a file may bring them of any length."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT else value[:_TEXT] + "…"
    if isinstance(value, Mapping):
        return {key: _clip(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_clip(each) for each in value[:_ITEMS])
    return value


def sentence(error: LabelerError) -> str:
    """The error in words, without the file's name, which the report has."""
    parts = (error.problem, error.hint)
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)
