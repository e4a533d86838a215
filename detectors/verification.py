"""Verifying: is there a mark of AI in this file, and what does it say?

    >>> from detectors import verify
    >>> report = verify("picture.jpg")  # doctest: +SKIP
    >>> report.conclusion  # doctest: +SKIP
    <Conclusion.MARKED: 'marked'>

`verify` opens files in a subprocess with limits (`detectors.sandbox`). A `Verifier` keeps that
process for many files. What a watermark says is looked up in the registry, if this machine has one
(`detectors.lookup`); nothing is asked over the network unless the caller names whom to ask.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from detectors.examination import Examiner, sentence
from detectors.lookup import Completed, Lookup
from detectors.report import Conclusion, Finding, Report, Technique
from detectors.requests import Request, StoreRequest, pack_request
from detectors.sandbox import Limits, Sandbox
from detectors.texts import TextTools
from labeler.closing import Closing
from labeler.codec.keys import Keyring
from labeler.credentials import ROOT_FILE, TrustStore, find_sidecar, read_sidecar
from labeler.errors import LabelerError, MediaError, VerificationError
from labeler.media.content import Content
from labeler.media.media_type import MediaKind, sniff_file
from labeler.media.scratch import Scratch
from labeler.media.source import Source, read_content
from labeler.settings import Settings

__all__ = ["Verifier", "load_trust", "verify"]

_FILM_S: Final = 600.0
_FILM_BYTES_A_SECOND: Final = 20_000
"""160 kbit/s: nearly every film has more of them, and so gets more time than it plays."""


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
        lookup: What is known beyond files, for several verifiers to share; whoever gives it closes
            it. None: one of its own.

    Raises:
        LabelerError: A setting, key, trust list or the registry cannot be used.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        isolated: bool = True,
        lookup: Lookup | None = None,
    ) -> None:
        self._settings = Settings() if settings is None else settings
        self._lookup = Lookup(self._settings) if lookup is None else lookup
        self._own_lookup = lookup is None
        self._examiner = Examiner(
            keyring=Keyring.load(self._settings.watermark_keys),
            texts=TextTools.of(self._settings),
            trust=load_trust(self._settings),
            max_pixels=self._settings.max_pixels,
            max_duration_s=self._settings.max_duration_s,
            patient=self._settings.patient_search,
        )
        self._sandbox = self._make_sandbox() if isolated else None

    def verify(
        self, source: Source, *, name: str | None = None, sidecar: bytes | None = None
    ) -> Report:
        """Look for marks of AI in one file: see the function `verify`.

        Raises:
            LabelerError: The registry, the subprocess or the folder for temporary files cannot be
                used.
        """
        return self.examine(source, name=name, sidecar=sidecar).report

    def examine(
        self, source: Source, *, name: str | None = None, sidecar: bytes | None = None
    ) -> Completed:
        """The same, with what there is to look at for people.

        Raises:
            LabelerError: As `verify`.
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
                report = _unreadable(called or error.file or "<stream>", None, error)
                return Completed(report=report)
            if self._sandbox is not None:
                self._sandbox.start()  # that it cannot start is not the file's fault
            try:
                report = self._examine(content, sidecar)
                content.check_unchanged()
            except (MediaError, VerificationError) as error:
                return Completed(report=_unreadable(content.name, sha256, error))
            # What this side knows for sure is not left to the worker.
            known = replace(report, file=content.name, sha256=sha256)
            return self._lookup.complete(known, self.read_store)

    def read_store(self, store: bytes) -> Finding:
        """What a manifest store says that came without its file, as a credential finding.

        Raises:
            VerificationError: It takes too long or too much memory, or the subprocess crashed.
        """
        report = self._ask(StoreRequest(store=store), self._settings.max_seconds)
        found = report.finding(Technique.CREDENTIAL)
        if found is None:
            raise VerificationError("the worker's report has no credential")
        return found

    def abort(self) -> None:
        """End the subprocess for good, whatever it is at; any thread may say so."""
        if self._sandbox is not None:
            self._sandbox.abort()

    def close(self) -> None:
        """End the subprocess, and let go of the registry."""
        if self._sandbox is not None:
            self._sandbox.close()
        if self._own_lookup:
            self._lookup.close()

    def _make_sandbox(self) -> Sandbox:
        limits = Limits(
            seconds=self._settings.max_seconds, memory_mib=self._settings.max_memory_mib
        )
        return Sandbox(limits, self._examiner.to_setup())

    def _examine(self, content: Content, sidecar: bytes | None) -> Report:
        request = Request(
            content=content,
            sidecar=sidecar,
            text_log_key=self._lookup.text_log_key(),
            with_fingerprint=self._lookup.compares_fingerprints,
        )
        return self._ask(request, self._seconds_for(content))

    def _ask(self, request: Request | StoreRequest, seconds: float) -> Report:
        if self._sandbox is None:
            return self._examiner.answer(request)
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
