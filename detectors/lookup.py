"""What is known of a file beyond its bytes: its handle, its issuer, its receipt, its manifest.

All of it is looked up on the caller's side, where no stranger's file is parsed: in the registry of
this machine, in the issuer directory, and, only where the caller asked for that, in the registries
of others over the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from detectors import text_fingerprint
from detectors.film_likeness import find_film, is_of_film
from detectors.known_looks import KnownLooks, KnownSounds
from detectors.likeness import (
    Likeness,
    Pictured,
    compare_picture,
    compare_with_manifest,
    find_picture,
    is_of_picture,
    resolved,
)
from detectors.manifest_sources import ManifestSource, OutputSource, RegistrySource
from detectors.recognition import resolve
from detectors.recovery import Read, Recovered, recover, recover_alike
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.reported import (
    bindings_of,
    is_bound,
    is_of_short_sound,
    most_alike,
    named_resolvers,
    parsed,
    payload_beside,
    payload_of,
    shortened,
    watermarks_of,
)
from detectors.resolver import resolvers_of, sources_for
from detectors.sound_likeness import compare_sound, find_sound, is_of_sound
from labeler.closing import Closing
from labeler.codec.content import Verdict
from labeler.codec.keys import Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.receipt import Receipt, read_payload, read_short_payload
from labeler.registry import Issuer, IssuerDirectory, RegistryReader
from labeler.settings import Settings

__all__ = ["Completed", "Lookup"]

_OURS: Final = frozenset({"issuer", "receipt"})
_TAKEN: Final = ("fingerprint", "start_s", "duration_s")
"""What `detectors.fingerprint.take` says."""
_UNKNOWN_HERE: Final = (
    "The watermark's handle {handle} belongs to issuer {issuer}; the registry on this machine has "
    "no receipt for it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A report with what is known beyond the file."""

    report: Report
    pictured: Pictured | None = None
    """The file beside what it was recognised as, or said not to be; None: nothing can be shown."""


class Lookup(Closing):
    """Completes reports with what the registry and other sources know.

    Args:
        settings: Where the registry and the issuer directory are.
        sources: Who is asked for manifests after the registry; None: the resolvers that the
            settings name.

    Raises:
        LabelerError: The registry, the directory or a resolver's URL cannot be used.
    """

    def __init__(
        self, settings: Settings, *, sources: Sequence[ManifestSource] | None = None
    ) -> None:
        self._settings = settings
        self._others = resolvers_of(settings) if sources is None else tuple(sources)
        self._registry = RegistryReader.of(settings)
        self._issuers = IssuerDirectory.load(settings.issuer_directory)
        self._looks = KnownLooks()
        self._sounds = KnownSounds()

    def text_log_key(self) -> Key | None:
        """The key of the registry's log of texts; None where there is none."""
        registry = self._reader()
        return None if registry is None else registry.text_key()

    @property
    def compares_fingerprints(self) -> bool:
        """Whether fingerprints would be compared with any."""
        return bool(self._others or self._settings.follow_signposts or self._reader())

    def complete(self, report: Report, read: Read) -> Completed:
        """The report with what is known about each of its marks.

        Args:
            report: What a worker found; nothing in it is relied on.
            read: Reads a manifest store, in the sandbox.

        Raises:
            LabelerError: The registry cannot be read.
        """
        picture = next(filter(is_of_picture, report.findings), None)
        likenesses: list[Likeness] = []
        for found in report.findings:
            if found.technique is Technique.WATERMARK:
                report = self._resolved(report, found)
            elif text_fingerprint.is_of_text(found):
                report = self._known(report, found)
            elif is_of_picture(found) or is_of_sound(found) or is_of_film(found):
                likenesses.append(self._liken(report, found))
                report = _likened(report, found, likenesses[-1])
            elif found.technique is Technique.FINGERPRINT:
                report = _replaced(report, found, _unresolved(found))
        report = self._recovered(report, read)
        if picture is not None and (other := _by_manifest(report, picture)) is not None:
            likenesses.append(other)
            report = _held_against_manifest(report, other)
        pictured = (each.pictured for each in reversed(likenesses) if each.pictured is not None)
        return Completed(report=report, pictured=next(pictured, None))

    def close(self) -> None:
        """Let go of the registry."""
        if self._registry is not None:
            self._registry.close()

    # ------------------------------------------------------------------------------- what marks say

    def _known(self, report: Report, found: Finding) -> Report:
        """What the log of texts knows of a text."""
        resolution = text_fingerprint.resolve(found, self._reader())
        report = _replaced(report, found, resolution.finding)
        return report if resolution.warning is None else _warned(report, resolution.warning)

    def _resolved(self, report: Report, found: Finding) -> Report:
        # Only this side knows any: what a worker says of them is not handed on.
        told = {each: found.detail[each] for each in found.detail if each not in _OURS}
        watermark = replace(found, detail=told)
        report = _replaced(report, found, watermark)
        payload = parsed(watermark.detail.get("payload"), read_payload)
        short = parsed(watermark.detail.get("short_payload"), read_short_payload)
        if payload is not None:
            return self._looked_up(report, watermark, payload)
        return report if short is None else self._recognised(report, watermark, short)

    def _looked_up(self, report: Report, watermark: Finding, payload: Payload) -> Report:
        """What a payload leads to by itself."""
        registry = self._reader()
        receipt = None if registry is None else registry.find(payload.handle)
        if receipt is not None and receipt.payload != payload:
            # Handles of issuer 0 are not unique in the world: another machine's may be met here.
            receipt = None
        report = _replaced(report, watermark, self._leading_to(watermark, payload, receipt, report))
        if receipt is not None:
            return report
        issuer = self._issuer(payload).name
        # Both tracks of a film say the same.
        return _warned(report, _UNKNOWN_HERE.format(handle=payload.handle, issuer=issuer))

    def _recognised(self, report: Report, watermark: Finding, short: ShortPayload) -> Report:
        """What a short payload leads to together with what the sound sounds like."""
        fingerprint = next(filter(is_of_short_sound, report.findings), None)
        if fingerprint is None:
            return report
        resolution = resolve(fingerprint, short, self._reader())
        report = _replaced(report, fingerprint, resolution.finding)
        receipt = resolution.receipt
        if receipt is not None and receipt.payload is not None:
            found = self._leading_to(watermark, receipt.payload, receipt, report)
            report = _replaced(report, watermark, found)
        if resolution.warning is None or short in shortened(report):
            return report
        return replace(report, warnings=(*report.warnings, resolution.warning))

    def _leading_to(
        self, watermark: Finding, payload: Payload, receipt: Receipt | None, report: Report
    ) -> Finding:
        """The finding with its issuer and receipt."""
        issuer = self._issuer(payload)
        detail = {
            **watermark.detail,
            "issuer": {
                "number": issuer.number,
                "name": issuer.name,
                "url": issuer.url,
                "detector": issuer.detector,
                "resolver": issuer.resolver,
            },
            "receipt": _outline(receipt, report.sha256),
        }
        return replace(watermark, detail=detail)

    # ------------------------------------------------------------------------ what it looks like

    def _liken(self, report: Report, found: Finding) -> Likeness:
        """What a fingerprint says: of the outputs that the watermark leads to, or else of all."""
        registry = self._reader()
        if registry is None:
            return Likeness(finding=resolved(found, Presence.INCONCLUSIVE, {}))
        if is_of_film(found):
            return find_film(found, self._looks, registry)
        payload = payload_beside(report, found)
        # Handles of issuer 0 are not unique in the world: another machine's may be met here.
        receipts = (
            []
            if payload is None
            else [each for each in registry.find_all(payload.handle) if each.payload == payload]
        )
        if is_of_sound(found):
            if receipts:
                return compare_sound(found, receipts, registry)
            return find_sound(found, self._sounds, registry)
        if receipts:
            return compare_picture(found, receipts, registry)
        return find_picture(found, self._looks, registry)

    # --------------------------------------------------------------------------- what is recovered

    def _recovered(self, report: Report, read: Read) -> Report:
        """The report with the manifest that its watermarks lead to, where the file has lost it."""
        credential = report.finding(Technique.CREDENTIAL)
        if credential is not None and "recovered" in credential.detail:
            # Only this side knows that.
            told = {name: each for name, each in credential.detail.items() if name != "recovered"}
            report = _replaced(report, credential, replace(credential, detail=told))
            credential = report.finding(Technique.CREDENTIAL)
        if (
            credential is None
            or credential.presence is not Presence.ABSENT
            # Nor is the manifest of what the mark was copied from this file's.
            or report.conclusion in {Conclusion.UNREADABLE, Conclusion.COPIED_MARK_SUSPECTED}
        ):
            return report
        bindings = tuple(dict.fromkeys(bindings_of(report)))
        # Many outputs share a short mark: only one that was recognised has a manifest of its own.
        whole = [each for each in bindings if isinstance(each.payload, Payload)]
        found = recover(whole, self._sources(report, credential), read)
        if found.finding is None:
            short = [each for each in bindings if each not in whole]
            recognised = recover(short, self._outputs_of(report), read)
            found = replace(recognised, warnings=(*found.warnings, *recognised.warnings))
        if found.finding is None and not bindings:
            found = self._recovered_alike(report, read)
        if found.finding is not None:
            report = _replaced(report, credential, found.finding)
        return _warned(report, *found.warnings)

    def _recovered_alike(self, report: Report, read: Read) -> Recovered:
        """The manifest of the output that the content is most like."""
        registry, receipt_id = self._reader(), most_alike(report)
        if registry is None or receipt_id is None:
            return Recovered(finding=None)
        return recover_alike(receipt_id, registry, read)

    def _outputs_of(self, report: Report) -> Sequence[ManifestSource]:
        """The manifests of the outputs that short marks were found to be of."""
        registry = self._reader()
        if registry is None:
            return ()
        receipts = (
            receipt["receipt_id"]
            for found in watermarks_of(report)
            if isinstance(receipt := found.detail.get("receipt"), Mapping)
        )
        return tuple(OutputSource(registry, receipt_id) for receipt_id in receipts)

    def _sources(self, report: Report, credential: Finding) -> Sequence[ManifestSource]:
        """Whom to ask: this machine, whom the caller named, whom the content names if allowed."""
        registry = self._reader()
        own = () if registry is None else (RegistrySource(registry),)
        followed = sources_for(
            next(filter(None, map(payload_of, watermarks_of(report))), None),
            self._issuers,
            allowed=self._settings.follow_signposts,
            named=named_resolvers(credential),
        )
        return (*own, *self._others, *followed)

    def _reader(self) -> RegistryReader | None:
        if self._registry is None:
            # It may have been made since: a service outlives the first stamping.
            self._registry = RegistryReader.of(self._settings)
        return self._registry

    def _issuer(self, payload: Payload) -> Issuer:
        number = payload.handle.issuer
        return self._issuers.find(number) or Issuer(
            number=number, name=f"number {number}, which the issuer directory does not know"
        )


def _suspected(report: Report) -> Report:
    """The report, its watermark taken for a copy; what is worse than that stays."""
    if report.conclusion not in {Conclusion.MARKED, Conclusion.NO_MARK_FOUND}:
        return report
    return replace(report, conclusion=Conclusion.COPIED_MARK_SUSPECTED, origin=None)


def _unresolved(fingerprint: Finding) -> Finding:
    """What a worker may say of a fingerprint: only this side knows what it is like."""
    taken = {each: fingerprint.detail[each] for each in _TAKEN if each in fingerprint.detail}
    return replace(fingerprint, presence=Presence.INCONCLUSIVE, p_value=None, detail=taken)


def _likened(report: Report, found: Finding, likeness: Likeness) -> Report:
    """The report with what a fingerprint said."""
    report = _replaced(report, found, likeness.finding)
    payload = payload_beside(report, found)
    if likeness.verdict is Verdict.MISMATCH:
        if payload is None or is_bound(report, payload):
            return report
        report = _suspected(report)
    elif payload is not None:
        return report  # its own mark says what it is
    return report if likeness.warning is None else _warned(report, likeness.warning)


def _by_manifest(report: Report, picture: Finding) -> Likeness | None:
    """A picture compared with the sketch in a manifest that was recovered.

    That is needed where the registry has none: another one gave the manifest.

    Args:
        report: Complete but for that.
        picture: The fingerprint as the worker took it.
    """
    credential = report.finding(Technique.CREDENTIAL)
    told = report.finding(Technique.FINGERPRINT)
    if credential is None or told is None or "content" in told.detail:
        return None
    recovered = credential.detail.get("recovered")
    if not isinstance(recovered, Mapping) or "value" not in recovered:
        return None  # no watermark has led to it
    return compare_with_manifest(picture, credential.detail.get("soft_bindings"))


def _held_against_manifest(report: Report, likeness: Likeness) -> Report:
    """The report with what `_by_manifest` said."""
    credential = report.finding(Technique.CREDENTIAL)
    told = report.finding(Technique.FINGERPRINT)
    if credential is None or told is None:
        return report
    report = _replaced(report, told, likeness.finding)
    if likeness.verdict is not Verdict.MISMATCH:
        return report
    # The manifest is that of what the mark was copied from.
    absent = Finding(technique=Technique.CREDENTIAL, presence=Presence.ABSENT)
    report = _suspected(_replaced(report, credential, absent))
    return report if likeness.warning is None else _warned(report, likeness.warning)


def _replaced(report: Report, old: Finding, new: Finding) -> Report:
    return replace(report, findings=tuple(new if each is old else each for each in report.findings))


def _warned(report: Report, *warnings: str) -> Report:
    return replace(report, warnings=tuple(dict.fromkeys((*report.warnings, *warnings))))


def _outline(receipt: Receipt | None, sha256: str | None) -> Mapping[str, object] | None:
    """What a report shows of a receipt: no paths, which are the owner's business alone."""
    if receipt is None:
        return None
    return {
        "receipt_id": receipt.receipt_id,
        "handle": None if receipt.payload is None else str(receipt.payload.handle),
        "created_at": receipt.created_at.isoformat(),
        "media_type": receipt.media_type,
        "source_type": receipt.source_type.value,
        "manifest_id": receipt.manifest_id,
        "target_sha256": receipt.target_sha256,
        "is_as_published": receipt.target_sha256 == sha256,
    }
