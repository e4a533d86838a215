"""Looking for text watermarks in files, with the keys and tokenizers of this machine.

`detectors.text` reads a mark from a text; here are the keys, the tokenizers and the boilerplate
that it takes, and what the answer means for a report.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from detectors.conclusion import Evidence
from detectors.report import Finding, Presence, Technique
from detectors.text import DEFAULT_INCONCLUSIVE, DEFAULT_THRESHOLD, TextDetection, detect_text, vet
from detectors.tokens.boilerplate import Boilerplate, Vetting
from detectors.tokens.tokenizers import PinnedTokenizer, load_tokenizer
from labeler.codec.tokens.keys import TextKey, TextKeyring, parse_text_key, write_text_key
from labeler.errors import LabelerError, OutputError, SettingsError, WatermarkKeyError
from labeler.media.media_type import sniff
from labeler.media.prose import visible_text
from labeler.provenance import SourceType
from labeler.settings import Settings

__all__ = ["MAX_CHARACTERS", "TextTools", "keep_tokenizer", "read_prose"]

MAX_CHARACTERS: Final = 2_000_000
"""How much of a text is searched: a long novel; more takes longer than anybody would wait."""
_UNREADABLE: Final = "Text watermarks were not looked for: {problem}."
_CUT: Final = "Only the first {count:,} characters of the text were searched."
_LEFT_OUT: Final = (
    "Not tried were the text keys {keys}: their tokenizer is not kept here (labeler text keys add "
    "with --tokenizer keeps it)."
)
_SHORT: Final = (
    "The text is too short for a watermark in the choice of words to show; tokens that count: "
    "{tokens}."
)
_PART: Final = (
    "A part of the text is marked, characters {start} to {stop} of {count}: of the rest this says "
    "nothing."
)
_NEARLY_ALL: Final = 0.8


class TextTools:
    """The keys of text watermarks, and what belongs to them.

    Args:
        keys: The keys to try.
        tokenizers: Folder of ``<SHA-256>.json`` files.
        boilerplate: Folder of ``<SHA-256>.boilerplate`` files, named after the tokenizer too.
    """

    def __init__(self, keys: TextKeyring, *, tokenizers: Path, boilerplate: Path) -> None:
        self.keys = keys
        self._tokenizers = tokenizers
        self._boilerplate = boilerplate
        self._loaded: dict[Path, PinnedTokenizer] = {}

    @classmethod
    def of(cls, settings: Settings) -> TextTools:
        """Those that the settings name.

        Raises:
            WatermarkKeyError: A key is malformed, or others than its owner may read it.
        """
        return cls(
            TextKeyring.load(settings.text_keys),
            tokenizers=settings.tokenizers,
            boilerplate=settings.boilerplate,
        )

    def to_setup(self) -> Mapping[str, object]:
        """What a worker has to be told to have the same, as JSON values."""
        return {
            "keys": [write_text_key(key) for key in self.keys.values()],
            "tokenizers": str(self._tokenizers),
            "boilerplate": str(self._boilerplate),
        }

    @classmethod
    def from_setup(cls, setup: Mapping[str, Any]) -> TextTools:
        """The tools that `to_setup` described."""
        return cls(
            TextKeyring(parse_text_key(each.encode()) for each in setup["keys"]),
            tokenizers=Path(setup["tokenizers"]),
            boilerplate=Path(setup["boilerplate"]),
        )

    def detect(
        self,
        text: str,
        *,
        tokenizer: PinnedTokenizer | None = None,
        boilerplate: Boilerplate | None = None,
    ) -> TextDetection:
        """The most surprising answer of all tokenizers, or that of one.

        Args:
            text: Any text.
            tokenizer: The one that is used; None: those that belong to the keys.
            boilerplate: What to leave out; None: what is kept for the tokenizer.

        Raises:
            LabelerError: There is no key or no tokenizer, or they cannot be used. Where there are
                others, keys whose tokenizer is missing are left out.
        """
        if not self.keys:
            raise WatermarkKeyError(
                "there are no keys of text watermarks",
                hint="Make one (labeler text keys new), or add an engine's (labeler text keys add)",
            )
        keys = list(self.keys.values())
        tokenizers = [tokenizer] if tokenizer else self._tokenizers_for(keys)
        found = [
            detect_text(
                text,
                each,
                self.keys,
                boilerplate=boilerplate or self._left_out(each.sha256),
            )
            for each in tokenizers
        ]
        best = min(found, key=lambda each: each.log_p_value)
        if len(found) > 1:
            best = _of_several(best, len(found))
        tried = {None, *(each.sha256 for each in tokenizers)}
        left_out = tuple(each.key_id for each in keys if each.tokenizer not in tried)
        return replace(best, left_out=left_out)

    def examine(self, text: str) -> Evidence:
        """What the watermark says of a text, for a report."""
        try:
            detection = self.detect(text[:MAX_CHARACTERS])
        except LabelerError as error:
            return Evidence(
                finding=Finding(technique=Technique.WATERMARK, presence=Presence.INCONCLUSIVE),
                warnings=(_UNREADABLE.format(problem=error.problem),),
            )
        return self._evidence(detection, text)

    def obstacle(self) -> str | None:
        """Why texts cannot be searched with these keys; None where they can."""
        try:
            for each in self._tokenizers_for(list(self.keys.values())):
                self._left_out(each.sha256)
        except LabelerError as error:
            return error.problem
        return None

    def vet(self, key_id: str, references: Sequence[Path]) -> Vetting:
        """Try a key on files that carry no mark; see `detectors.text.vet`.

        Raises:
            LabelerError: There is no such key, or a file or its tokenizer cannot be used.
        """
        key = self.key(key_id)
        documents = list(self._token_ids(key, references))
        try:
            return vet(key, documents, boilerplate=self._left_out(key.tokenizer))
        except ValueError as error:
            raise SettingsError(str(error), hint="Give files with text in them") from error

    def key(self, key_id: str) -> TextKey:
        """The key of that id.

        Raises:
            WatermarkKeyError: There is none.
        """
        try:
            return self.keys[key_id]
        except KeyError:
            raise WatermarkKeyError(
                f"there is no text key {key_id}",
                hint="labeler text keys list shows those that there are",
            ) from None

    def _token_ids(self, key: TextKey, files: Sequence[Path]) -> Iterator[Any]:
        tokenizer = next(iter(self._tokenizers_for([key])))
        for file in files:
            yield tokenizer.encode(read_prose(file)).ids

    def _tokenizers_for(self, keys: Sequence[TextKey]) -> list[PinnedTokenizer]:
        pins = {key.tokenizer for key in keys}
        files = {self._tokenizers / f"{pin}.json" for pin in pins if pin is not None}
        if None in pins:
            files.update(self._tokenizers.glob("*.json"))
        kept = sorted(file for file in files if file.exists())
        if not kept:
            raise SettingsError(
                "no tokenizer of the text keys is kept here",
                file=self._tokenizers,
                hint="Give one with --tokenizer, or when a key is added (labeler text keys)",
            )
        return [self._load(each) for each in kept]

    def _load(self, file: Path) -> PinnedTokenizer:
        if file not in self._loaded:
            self._loaded[file] = load_tokenizer(file)
        return self._loaded[file]

    def _left_out(self, tokenizer: str | None) -> Boilerplate | None:
        file = self._boilerplate / f"{tokenizer}.boilerplate"
        return Boilerplate.load(file) if file.exists() else None

    def _evidence(self, detection: TextDetection, text: str) -> Evidence:
        key = None if detection.key_id is None else self.keys[detection.key_id]
        span = detection.characters
        return Evidence(
            finding=Finding(
                technique=Technique.WATERMARK,
                presence=detection.presence,
                p_value=detection.p_value,
                detail={
                    "scheme": detection.scheme,
                    "key_id": detection.key_id,
                    "provider": None if key is None else key.provider,
                    "model": None if key is None else key.model,
                    "epoch": None if key is None else key.epoch,
                    "log10_p": detection.log_p_value / math.log(10),
                    "characters": None if span is None else list(span),
                    "character_count": len(text),
                    "tokens": detection.tokens,
                    "hypotheses": detection.hypotheses,
                    "reason": detection.reason,
                },
            ),
            # Who chooses the tokens generates the text.
            source_types=(SourceType.TRAINED_ALGORITHMIC_MEDIA.value,),
            warnings=tuple(_warnings(detection, text)),
        )


def read_prose(file: Path) -> str:
    """The text that people see in a file.

    Raises:
        MediaError: It is no text, or cannot be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"the file cannot be read ({error.strerror})", file=file, hint="Check its path"
        ) from error
    media_type = sniff(data, name=str(file))
    return visible_text(data, media_type, name=str(file))


def keep_tokenizer(path: Path, directory: Path, key: TextKey) -> Path:
    """Copy a tokenizer to where verifying looks for it, and give the copy's path.

    Args:
        path: A ``tokenizer.json``, or the folder that holds it.
        directory: Where tokenizers are kept.
        key: What it is kept for.

    Raises:
        SettingsError: It is no tokenizer.
        WatermarkKeyError: The key belongs to another one.
        OutputError: It cannot be copied.
    """
    sha256 = load_tokenizer(path).sha256
    if key.tokenizer not in {None, sha256}:
        raise WatermarkKeyError(
            f"the key belongs to the tokenizer {key.tokenizer}, and this one is {sha256}",
            hint="Give the tokenizer.json of the model that the key was made for",
        )
    source = path / "tokenizer.json" if path.is_dir() else path
    kept, draft = directory / f"{sha256}.json", directory / f".{sha256}.{os.getpid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not kept.exists():
            shutil.copyfile(source, draft)
            draft.replace(kept)
    except OSError as error:
        raise OutputError(
            f"the tokenizer cannot be kept ({error.strerror})",
            file=directory,
            hint="Check the folder's permissions, and that the disk has room",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return kept


def _of_several(best: TextDetection, runs: int) -> TextDetection:
    """The best of several answers, any of which might have been the best."""
    log_p = min(0.0, best.log_p_value + math.log(runs))
    p_value = min(1.0, best.p_value * runs)
    best = replace(best, p_value=p_value, log_p_value=log_p)
    if best.presence is Presence.PRESENT and p_value > DEFAULT_THRESHOLD:
        return replace(best, presence=Presence.INCONCLUSIVE)
    if best.presence is Presence.INCONCLUSIVE and p_value > DEFAULT_INCONCLUSIVE:
        return TextDetection(
            presence=Presence.ABSENT,
            p_value=p_value,
            log_p_value=log_p,
            tokens=best.tokens,
            hypotheses=best.hypotheses,
            reason=best.reason,
        )
    return best


def _warnings(detection: TextDetection, text: str) -> Iterator[str]:
    if len(text) > MAX_CHARACTERS:
        yield _CUT.format(count=MAX_CHARACTERS)
    if detection.characters is not None:
        start, stop = detection.characters
        if stop - start < _NEARLY_ALL * len(text):
            yield _PART.format(start=start, stop=stop, count=len(text))
    if detection.left_out:
        yield _LEFT_OUT.format(keys=", ".join(detection.left_out))
    if detection.reason is not None:
        yield _SHORT.format(tokens=detection.tokens)
