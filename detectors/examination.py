"""Everything that is done with a file's content, in the sandbox or in the caller's process.

The registry is no part of it: it lies on the caller's side, where no stranger's file is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final

from detectors.conclusion import Evidence, Verdict, conclude
from detectors.credentials import detect as detect_credential
from detectors.credentials import detect_store
from detectors.framing import Examine
from detectors.metadata import detect as detect_metadata
from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.requests import Request, StoreRequest, unpack_request
from detectors.texts import TextTools
from labeler.codec.keys import Key, Keyring
from labeler.credentials import TrustKind, TrustList, TrustStore
from labeler.errors import LabelerError, UnreadableMediaError
from labeler.media.media_type import MediaKind, MediaType, check_name, sniff_file
from labeler.metadata import holds_metadata

__all__ = ["Examiner", "prepare", "sentence"]

_TEXT: Final = 10_000
"""Longest text in a report, characters."""
_DECODING: Final = (
    "detectors.pictures",
    "detectors.sounds",
    "detectors.videos",
    "labeler.media.picture",
    "labeler.media.salvage",
    "labeler.media.sound",
    "av",
    "soxr",
)
_ITEMS: Final = 200
"""Longest list in a report."""
_NO_TEXT_KEY: Final = (
    "No key of a text watermark is known here (labeler text keys): none was looked for in the "
    "choice of words."
)
_UNREAD_TEXT: Final = "The text cannot be read, so no watermark was looked for in it: {problem}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Runs every technique on one file after the other."""

    keyring: Keyring = field(repr=False)
    """The watermark keys to try."""
    texts: TextTools = field(repr=False)
    """The keys of text watermarks, and what belongs to them."""
    trust: TrustStore
    """Whose signatures are trusted."""
    max_pixels: int
    """Most pixels of one frame that are decoded."""
    max_duration_s: float
    """Longest sound or film that is decoded, seconds."""
    patient: bool
    """Whether pictures are searched patiently."""

    def answer(self, request: Request | StoreRequest) -> Report:
        """What is asked for."""
        if isinstance(request, StoreRequest):
            return self.read_store(request.store)
        return self.examine(request)

    def read_store(self, store: bytes) -> Report:
        """What a manifest store says that came without its file: one finding, and no verdict."""
        evidence = detect_store(store, trust=self.trust)
        return Report(
            file="",
            sha256=None,
            media_type=None,
            conclusion=Conclusion.NO_MARK_FOUND,
            origin=None,
            findings=(_clipped(evidence.finding),),
        )

    def examine(self, request: Request) -> Report:
        """What all techniques find; a file that cannot be used gives a report that says so.

        The file's digest is for the caller to tell, who knows it anyway.
        """
        content = request.content
        evidence: list[Evidence] = []
        media_type: MediaType | None = None
        try:
            with content.open() as file:
                media_type = sniff_file(file, name=content.name)
            evidence.extend(self._collect(request, media_type))
        except LabelerError as error:
            verdict = _cut_short(evidence, error)
        else:
            verdict = conclude(evidence)
            if media_type.kind is MediaKind.TEXT and not self.texts.keys:
                verdict = replace(verdict, warnings=(_NO_TEXT_KEY, *verdict.warnings))
        return Report(
            file=content.name,
            sha256=None,
            media_type=None if media_type is None else media_type.value,
            conclusion=verdict.conclusion,
            origin=verdict.origin,
            findings=tuple(_clipped(each.finding) for each in evidence),
            warnings=_clip(verdict.warnings),
        )

    def _collect(self, request: Request, media_type: MediaType) -> Iterator[Evidence]:
        content, sidecar = request.content, request.sidecar
        check_name(media_type, content.name)
        # First what needs no decoding: pixels or samples may be damaged where the rest is not.
        found = [detect_credential(content, media_type, trust=self.trust, sidecar=sidecar)]
        yield found[0]
        if holds_metadata(media_type):
            found.append(detect_metadata(content, media_type))
            yield found[1]
        if media_type.kind is MediaKind.TEXT:
            # A document of which nothing at all could be read was not examined.
            is_due = media_type.is_document and not any(map(_is_present, found))
            yield from self._words(request, media_type, is_due=is_due)
        else:
            yield from _WATERMARKS[media_type.kind](self, request, media_type)

    def _words(
        self, request: Request, media_type: MediaType, *, is_due: bool
    ) -> Iterator[Evidence]:
        """What the words of a text show; ``is_due``: they have to be there to be read."""
        from detectors import text_fingerprint  # noqa: PLC0415 - slow, and not always needed
        from labeler.media.prose import visible_text  # noqa: PLC0415 - as above

        content, key = request.content, request.text_log_key
        if not self.texts.keys and key is None and not is_due:
            return
        try:
            text = visible_text(content.data, media_type, name=content.name)
        except LabelerError as error:
            if is_due:
                raise
            # Its credential and metadata may be sound all the same.
            yield Evidence(
                finding=Finding(technique=Technique.WATERMARK, presence=Presence.INCONCLUSIVE),
                warnings=(_UNREAD_TEXT.format(problem=error.problem),),
            )
            return
        if self.texts.keys:
            yield self.texts.examine(text)
        taken = None if key is None else text_fingerprint.take(text, key)
        if taken is not None:
            yield taken

    def to_setup(self) -> Mapping[str, object]:
        """What a worker has to be told to become the same examiner, as JSON values."""
        return {
            "keys": [key.secret.hex() for key in self.keyring.values()],
            "texts": self.texts.to_setup(),
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
            "max_duration_s": self.max_duration_s,
            "patient": self.patient,
        }

    @classmethod
    def from_setup(cls, setup: Mapping[str, Any]) -> Examiner:
        """The examiner that `to_setup` described."""
        return cls(
            keyring=Keyring(Key.from_bytes(bytes.fromhex(each)) for each in setup["keys"]),
            texts=TextTools.from_setup(setup["texts"]),
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
            max_duration_s=setup["max_duration_s"],
            patient=setup["patient"],
        )


def _watermark_in_picture(
    examiner: Examiner, request: Request, media_type: MediaType
) -> Iterator[Evidence]:
    from detectors import pictures  # noqa: PLC0415 - slow, and not always needed
    from labeler.media.picture import open_picture  # noqa: PLC0415 - as above
    from labeler.media.salvage import salvage  # noqa: PLC0415 - as above

    content, keyring = request.content, examiner.keyring
    data = content.data
    try:
        picture = open_picture(data, name=content.name, max_pixels=examiner.max_pixels)
        found = pictures.detect(picture, keyring, patient=examiner.patient)
        yield found
        if request.with_fingerprint:
            yield pictures.looks_of(picture, found, keyring)
    except UnreadableMediaError:
        pixels = salvage(data, media_type, max_pixels=examiner.max_pixels)
        remains = None if pixels is None else pictures.detect_remains(pixels, keyring)
        # That remains show no mark says nothing of the whole.
        if remains is not None and _is_present(remains):
            yield remains
        raise


def _watermark_in_sound(examiner: Examiner, request: Request, _: MediaType) -> Iterator[Evidence]:
    from detectors import sounds  # noqa: PLC0415 - as above
    from labeler.media.audible import Audible  # noqa: PLC0415 - as above
    from labeler.media.sound import open_sound  # noqa: PLC0415 - as above

    content = request.content
    sound = open_sound(content.local_path, name=content.name)
    audible = Audible(sound, max_duration_s=examiner.max_duration_s)
    yield from sounds.examine(audible, examiner.keyring, with_fingerprint=request.with_fingerprint)


def _watermarks_in_film(examiner: Examiner, request: Request, _: MediaType) -> Iterator[Evidence]:
    from detectors import videos  # noqa: PLC0415 - as above
    from labeler.media.audible import Audible  # noqa: PLC0415 - as above
    from labeler.media.sound import open_sound  # noqa: PLC0415 - as above
    from labeler.media.video import VideoLimits, open_video  # noqa: PLC0415 - as above

    content, most_s = request.content, examiner.max_duration_s
    path = content.local_path
    limits = VideoLimits(max_pixels=examiner.max_pixels, max_duration_s=most_s)

    def open_audible() -> Audible:
        return Audible(open_sound(path, name=content.name), max_duration_s=most_s)

    film = open_video(path, name=content.name, limits=limits)
    yield from videos.examine(
        film, open_audible, examiner.keyring, with_fingerprint=request.with_fingerprint
    )


def _is_present(evidence: Evidence) -> bool:
    return evidence.finding.presence is Presence.PRESENT


_WATERMARKS: Final[
    Mapping[MediaKind, Callable[[Examiner, Request, MediaType], Iterator[Evidence]]]
] = {
    MediaKind.IMAGE: _watermark_in_picture,
    MediaKind.AUDIO: _watermark_in_sound,
    MediaKind.VIDEO: _watermarks_in_film,
}


def prepare(setup: Mapping[str, Any]) -> Examine:
    """What the worker does with each request."""
    # Now, and not within the limits of the first file that needs them.
    for module in _DECODING:
        with suppress(ImportError):  # what is missing is told where it is needed
            import_module(module)
    examiner = Examiner.from_setup(setup)

    def examine(header: Mapping[str, Any], body: bytes) -> str:
        return examiner.answer(unpack_request(header, body)).to_json()

    return examine


def _cut_short(evidence: Sequence[Evidence], error: LabelerError) -> Verdict:
    """The verdict on a file that could not be examined to its end.

    What was found before is known all the same: a credential that shows that the file was changed,
    which is most likely why the rest cannot be read, or a watermark in what is left.
    """
    verdict = conclude(evidence)
    watermark = any(
        each.finding.technique is Technique.WATERMARK and _is_present(each) for each in evidence
    )
    if verdict.conclusion is Conclusion.TAMPERED or watermark:
        return replace(verdict, warnings=(*_others(verdict.warnings, error), sentence(error)))
    warnings = _others((warning for each in evidence for warning in each.warnings), error)
    return Verdict(
        conclusion=Conclusion.UNREADABLE, origin=None, warnings=(sentence(error), *warnings)
    )


def _others(warnings: Iterable[str], error: LabelerError) -> Iterator[str]:
    """The warnings that do not say once more what ``error`` says."""
    return (warning for warning in warnings if error.problem not in warning)


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
