"""Verifying: is there a mark of AI in this file, and what does it say?

    >>> from detectors import verify
    >>> report = verify("picture.jpg")  # doctest: +SKIP
    >>> report.conclusion  # doctest: +SKIP
    <Conclusion.MARKED: 'marked'>

`verify` opens files in a subprocess with limits (`detectors.sandbox`). A `Verifier` keeps that
process for many files. A handle that a watermark carries is looked up in the registry, if this
machine has one; nothing is asked over the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeVar

from detectors import text_fingerprint
from detectors.examination import Examiner, sentence
from detectors.recognition import resolve
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.requests import Request, pack_request
from detectors.sandbox import Limits, Sandbox
from detectors.texts import TextTools
from labeler.closing import Closing
from labeler.codec.keys import Keyring
from labeler.codec.payload import Payload, ShortPayload
from labeler.credentials import ROOT_FILE, TrustStore, find_sidecar, read_sidecar
from labeler.errors import LabelerError, MediaError, VerificationError
from labeler.media.content import Content
from labeler.media.media_type import MediaKind, sniff_file
from labeler.media.scratch import Scratch
from labeler.media.source import Source, read_content
from labeler.receipt import Receipt, read_payload, read_short_payload
from labeler.registry import Issuer, IssuerDirectory, RegistryReader
from labeler.settings import Settings

__all__ = ["Verifier", "load_trust", "verify"]

_Parsed = TypeVar("_Parsed")

_FILM_S: Final = 600.0
_FILM_BYTES_A_SECOND: Final = 20_000
"""160 kbit/s: nearly every film has more of them, and so gets more time than it plays."""
_OURS: Final = frozenset({"issuer", "receipt"})
_TAKEN: Final = ("fingerprint", "start_s", "duration_s")
"""What `detectors.fingerprint.take` says."""
_UNKNOWN_HERE: Final = (
    "The watermark's handle {handle} belongs to issuer {issuer}; the registry on this machine has "
    "no receipt for it."
)


def verify(
    source: Source,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    sidecar: bytes | None = None,
    isolated: bool = True,
) -> Report:
    """Look for marks of AI in one file.

    Args:
        source: A path, an fsspec URL, bytes, or a binary stream.
        settings: None: those of the environment.
        name: What the report calls the file; None: its path, URL or stream name.
        sidecar: The manifest store that belongs to it; None: for a path, the one that lies beside.
        isolated: Whether the file is opened in a subprocess with limits. Dangerous to switch off
            for files that strangers made.

    Raises:
        LabelerError: A setting, key, trust list, the registry, the subprocess or the folder for
            temporary files cannot be used. What is wrong with the file is no error: the report
            says it.
    """
    with Verifier(settings, isolated=isolated) as verifier:
        return verifier.verify(source, name=name, sidecar=sidecar)


class Verifier(Closing):
    """Verifies many files with one set of keys, trust lists and, if isolated, one subprocess.

    Use it as a context manager, or `close` it. Threads may share it; isolated, they wait for each
    other.

    Args:
        settings: None: those of the environment.
        isolated: See `verify`.

    Raises:
        LabelerError: A setting, key, trust list or the registry cannot be used.
    """

    def __init__(self, settings: Settings | None = None, *, isolated: bool = True) -> None:
        self._settings = Settings() if settings is None else settings
        self._registry = RegistryReader.open(self._settings.registry_location)
        self._examiner = Examiner(
            keyring=Keyring.load(self._settings.watermark_keys),
            texts=TextTools.of(self._settings),
            trust=load_trust(self._settings),
            max_pixels=self._settings.max_pixels,
            max_duration_s=self._settings.max_duration_s,
        )
        self._issuers = IssuerDirectory.load(self._settings.issuer_directory)
        self._sandbox = self._make_sandbox() if isolated else None

    def verify(
        self, source: Source, *, name: str | None = None, sidecar: bytes | None = None
    ) -> Report:
        """Look for marks of AI in one file: see the function `verify`.

        Raises:
            LabelerError: The registry, the subprocess or the folder for temporary files cannot be
                used.
        """
        called = name
        with Scratch(self._settings.scratch) as scratch:
            try:
                content = read_content(
                    source,
                    max_bytes=self._settings.max_file_bytes,
                    max_sound_bytes=self._settings.max_sound_bytes,
                    max_video_bytes=self._settings.max_video_bytes,
                    scratch=scratch,
                    name=name,
                )
                called = content.name
                if sidecar is None:
                    sidecar = _sidecar_beside(content)
                sha256 = content.sha256
            except MediaError as error:
                return _unreadable(called or error.file or "<stream>", None, error)
            if self._sandbox is not None:
                self._sandbox.start()  # that it cannot start is not the file's fault
            try:
                report = self._examine(content, sidecar)
                content.check_unchanged()
            except (MediaError, VerificationError) as error:
                return _unreadable(content.name, sha256, error)
            # What this side knows for sure is not left to the worker.
            return self._with_receipt(replace(report, file=content.name, sha256=sha256))

    def close(self) -> None:
        """End the subprocess and let go of the registry."""
        if self._sandbox is not None:
            self._sandbox.close()
        if self._registry is not None:
            self._registry.close()

    def _make_sandbox(self) -> Sandbox:
        limits = Limits(
            seconds=self._settings.max_seconds, memory_mib=self._settings.max_memory_mib
        )
        return Sandbox(limits, self._examiner.to_setup())

    def _examine(self, content: Content, sidecar: bytes | None) -> Report:
        registry = self._reader()
        key = None if registry is None else registry.text_key()
        request = Request(content=content, sidecar=sidecar, text_log_key=key)
        if self._sandbox is None:
            return self._examiner.examine(request)
        seconds = self._seconds_for(content)
        answer = self._sandbox.ask(*pack_request(request), seconds=seconds)
        try:
            return Report.from_json(answer)
        except ValueError as error:
            raise VerificationError(f"the worker's report cannot be read: {error}") from None

    def _seconds_for(self, content: Content) -> float:
        """Time for one file. How long a film plays is not known here, but how large it is."""
        settings = self._settings
        if content.file is None:
            return settings.max_seconds
        if not _is_film(content):
            return settings.max_listening_seconds
        return min(settings.max_watching_seconds, _FILM_S + content.size / _FILM_BYTES_A_SECOND)

    def _with_receipt(self, report: Report) -> Report:
        """The report with what is known about each watermark's handle."""
        for found in report.findings:
            if found.technique is Technique.WATERMARK:
                report = self._resolved(report, found)
            elif text_fingerprint.is_of_text(found):
                report = self._known(report, found)
            elif found.technique is Technique.FINGERPRINT:
                report = _replaced(report, found, _unresolved(found))
        return report

    def _known(self, report: Report, found: Finding) -> Report:
        """What the log of texts knows of a text."""
        resolution = text_fingerprint.resolve(found, self._reader())
        report = _replaced(report, found, resolution.finding)
        if resolution.warning is None:
            return report
        return replace(report, warnings=(*report.warnings, resolution.warning))

    def _resolved(self, report: Report, found: Finding) -> Report:
        # Only this side knows any: what a worker says of them is not handed on.
        told = {each: found.detail[each] for each in found.detail if each not in _OURS}
        watermark = replace(found, detail=told)
        report = _replaced(report, found, watermark)
        payload = _parsed(watermark.detail.get("payload"), read_payload)
        short = _parsed(watermark.detail.get("short_payload"), read_short_payload)
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
        unknown = _UNKNOWN_HERE.format(handle=payload.handle, issuer=issuer)
        # Both tracks of a film say the same.
        return replace(report, warnings=tuple(dict.fromkeys((*report.warnings, unknown))))

    def _recognised(self, report: Report, watermark: Finding, short: ShortPayload) -> Report:
        """What a short payload leads to together with what the sound sounds like."""
        fingerprint = report.finding(Technique.FINGERPRINT)
        if fingerprint is None:
            return report
        resolution = resolve(fingerprint, short, self._reader())
        report = _replaced(report, fingerprint, resolution.finding)
        receipt = resolution.receipt
        if receipt is not None and receipt.payload is not None:
            found = self._leading_to(watermark, receipt.payload, receipt, report)
            report = _replaced(report, watermark, found)
        if resolution.warning is None or short in _shortened(report):
            return report
        return replace(report, warnings=(*report.warnings, resolution.warning))

    def _leading_to(
        self, watermark: Finding, payload: Payload, receipt: Receipt | None, report: Report
    ) -> Finding:
        """The finding with its issuer and receipt."""
        issuer = self._issuer(payload)
        detail = {
            **watermark.detail,
            "issuer": {"number": issuer.number, "name": issuer.name, "url": issuer.url},
            "receipt": _outline(receipt, report.sha256),
        }
        return replace(watermark, detail=detail)

    def _reader(self) -> RegistryReader | None:
        if self._registry is None:
            # It may have been made since: a service outlives the first stamping.
            self._registry = RegistryReader.open(self._settings.registry_location)
        return self._registry

    def _issuer(self, payload: Payload) -> Issuer:
        number = payload.handle.issuer
        return self._issuers.find(number) or Issuer(
            number=number, name=f"number {number}, which the issuer directory does not know"
        )


def load_trust(settings: Settings) -> TrustStore:
    """The trust lists that the settings name, those in the home directory, and the user's own root.

    Raises:
        TrustListError: One cannot be read.
    """
    own = settings.identity / ROOT_FILE
    found = sorted(settings.trust.glob("*.pem"))
    return TrustStore.load(
        [*settings.trust_anchors, *found, *([own] if own.exists() else [])], settings.tsa_anchors
    )


def _is_film(content: Content) -> bool:
    with suppress(MediaError), content.open() as file:
        return sniff_file(file, name=content.name).kind is MediaKind.VIDEO
    return False  # the worker gets the error, and reports it


def _sidecar_beside(content: Content) -> bytes | None:
    path = None if content.path is None else find_sidecar(content.path)
    return None if path is None else read_sidecar(path)


def _parsed(members: object, read: Callable[[Any], _Parsed]) -> _Parsed | None:
    # The detail may come from a worker that a stranger's file has taken over.
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        return None if members is None else read(members)
    return None


def _shortened(report: Report) -> set[ShortPayload]:
    """The short forms of what is read in full: a film's pictures may say what its sound means."""
    details = (each.detail for each in report.findings if each.technique is Technique.WATERMARK)
    payloads = (_parsed(detail.get("payload"), read_payload) for detail in details)
    return {ShortPayload.of(payload) for payload in payloads if payload is not None}


def _unresolved(fingerprint: Finding) -> Finding:
    """What a worker may say of a fingerprint: only this side knows what it is like."""
    taken = {each: fingerprint.detail[each] for each in _TAKEN if each in fingerprint.detail}
    return replace(fingerprint, presence=Presence.INCONCLUSIVE, p_value=None, detail=taken)


def _replaced(report: Report, old: Finding, new: Finding) -> Report:
    return replace(report, findings=tuple(new if each is old else each for each in report.findings))


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


def _unreadable(file: str, sha256: str | None, error: LabelerError) -> Report:
    return Report(
        file=file,
        sha256=sha256,
        media_type=None,
        conclusion=Conclusion.UNREADABLE,
        origin=None,
        findings=(),
        warnings=(sentence(error),),
    )
