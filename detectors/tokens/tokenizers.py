"""Turning text into the tokens that a model wrote it with, and knowing where each one lies.

>>> tokenizer = load_tokenizer(Path("model/tokenizer.json"))  # doctest: +SKIP
>>> tokenizer.encode("Hello").ids  # doctest: +SKIP
array([19556])

Nothing is fetched from anywhere: the file lies on this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.statistic import TokenIds
from labeler.errors import MissingExtraError, SettingsError

__all__ = [
    "Encoding",
    "PinnedTokenizer",
    "Tokenizer",
    "TransformersTokenizer",
    "load_tokenizer",
]

_FILE: Final = "tokenizer.json"
_MAX_BYTES: Final = 1 << 28
_PIECE: Final = 1 << 20
"""Characters that are encoded at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """The tokens of a text, without any that a model adds at its ends."""

    ids: TokenIds = field(repr=False)
    """``(n,)`` int64."""
    offsets: NDArray[np.int64] = field(repr=False)
    """``(n, 2)``, characters: where each token begins, and where it has ended."""


class Tokenizer(Protocol):
    """What turns text into tokens."""

    @property
    def sha256(self) -> str | None:
        """Of its ``tokenizer.json``, hexadecimal; None where that is not known."""
        ...

    def encode(self, text: str) -> Encoding:
        """The tokens of ``text``, special ones not added."""
        ...


class PinnedTokenizer:
    """A tokenizer that a ``tokenizer.json`` describes, known by the hash of that file.

    Args:
        data: The file's content.

    Raises:
        MissingExtraError: The package ``tokenizers`` is not installed.
        SettingsError: It describes no tokenizer.
    """

    def __init__(self, data: bytes) -> None:
        self._tokenizer = _parse(data)
        self._sha256 = hashlib.sha256(data).hexdigest()
        # Files of embedding models cut texts off, or fill them up.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @property
    def sha256(self) -> str:
        """See `Tokenizer`."""
        return self._sha256

    def encode(self, text: str) -> Encoding:
        """See `Tokenizer`."""
        return _in_pieces(text, self._encode)

    def _encode(self, text: str) -> Encoding:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        return _encoding(encoded.ids, encoded.offsets)


class TransformersTokenizer:
    """A fast tokenizer of the package ``transformers``.

    Args:
        tokenizer: Its ``PreTrainedTokenizerFast``, or anything that is called like one.
        sha256: See `Tokenizer`; None: keys that are pinned to a tokenizer are tried unchecked.

    Raises:
        TypeError: It cannot tell where tokens lie in the text.
    """

    def __init__(self, tokenizer: Any, *, sha256: str | None = None) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise TypeError("a fast tokenizer is needed: only those know where tokens lie")
        self._tokenizer = tokenizer
        self._sha256 = sha256

    @property
    def sha256(self) -> str | None:
        """See `Tokenizer`."""
        return self._sha256

    def encode(self, text: str) -> Encoding:
        """See `Tokenizer`."""
        return _in_pieces(text, self._encode)

    def _encode(self, text: str) -> Encoding:
        encoded = self._tokenizer(
            text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            truncation=False,
            verbose=False,  # texts longer than the model's context are no matter here
        )
        return _encoding(encoded["input_ids"], encoded["offset_mapping"])


def load_tokenizer(path: Path) -> PinnedTokenizer:
    """The tokenizer in a ``tokenizer.json``, or in a folder that holds one.

    Raises:
        MissingExtraError: The package ``tokenizers`` is not installed.
        SettingsError: The file cannot be read, or describes no tokenizer.
    """
    file = path / _FILE if path.is_dir() else path
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SettingsError(
                "too large for the description of a tokenizer",
                file=file,
                hint=f"Give the model's {_FILE}",
            )
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"the tokenizer cannot be read ({error.strerror})",
            file=file,
            hint=f"Give the path of the model's {_FILE}, or of the folder that holds it",
        ) from error
    try:
        return PinnedTokenizer(data)
    except SettingsError as error:
        error.with_file(file)
        raise


def _parse(data: bytes) -> Any:
    try:
        from tokenizers import Tokenizer as Fast  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise MissingExtraError(
            "reading tokens from text needs the package tokenizers",
            hint="Install it with: pip install 'ai-labeler[text]'",
        ) from error
    try:
        return Fast.from_str(data.decode())
    except Exception as error:  # the package raises the base class itself
        raise SettingsError(
            "not the description of a tokenizer", hint=f"Give the model's {_FILE}"
        ) from error


def _in_pieces(text: str, encode: Callable[[str], Encoding]) -> Encoding:
    """A text's tokens, encoded piece by piece: the packages take 200 bytes a token and more.

    Pieces end at white space; where they meet, a few tokens of a million may come out otherwise.
    """
    parts: list[Encoding] = []
    start = 0
    while start < len(text) or not parts:
        stop = min(len(text), start + _PIECE)
        if stop < len(text):
            gap = max(text.rfind("\n", start + 1, stop), text.rfind(" ", start + 1, stop))
            stop = gap if gap > start else stop
        part = encode(text[start:stop])
        parts.append(Encoding(ids=part.ids, offsets=part.offsets + start))
        start = stop
    return Encoding(
        ids=np.concatenate([each.ids for each in parts]),
        offsets=np.concatenate([each.offsets for each in parts]),
    )


def _encoding(ids: Any, offsets: Any) -> Encoding:
    return Encoding(
        ids=np.array(ids, np.int64).reshape(-1),
        offsets=np.array(offsets, np.int64).reshape(-1, 2),
    )
