"""Keys of text watermarks: which scheme, which secret, and which tokenizer and model it belongs to.

A file of mode 0600 holds one key as JSON::

    {"schema": 1, "scheme": "gumbel/philox4x32-10-v1", "secret": "89abcdef01234567",
     "context_width": 4, "tokenizer": "<SHA-256 of tokenizer.json>", "model": "…", "provider": "…",
     "epoch": "2026-11"}

Members that the scheme has beside these (``alpha``, ``secret_b``, ``secrets`` …) stand beside them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from labeler.codec.keys import PUBLIC_KEY, Key, key_files, read_private
from labeler.codec.tokens.schemes import (
    DEFAULT_CONTEXT_WIDTH,
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    Scheme,
    Seeding,
    SynthId,
)
from labeler.errors import WatermarkKeyError

__all__ = [
    "TEXT_KEY_SUFFIX",
    "TextKey",
    "TextKeyring",
    "derivable",
    "load_text_key",
    "parse_text_key",
    "save_text_key",
    "write_text_key",
]

TEXT_KEY_SUFFIX: Final = ".text-key.json"
_SCHEMA: Final = 1
_ID_DOMAIN: Final = b"labeler.text-key-id.v1"
_DERIVATION_DOMAIN: Final = b"labeler.text-key.v1"
_WORD_BITS: Final = 64
_LEAST_SECRET: Final = 1 << 40
"""Smaller ones are numbers that somebody thought of: 42, a date, a telephone number."""

_SCHEMES: Final[Mapping[str, type[Scheme]]] = {
    each.name: each
    for each in (PhiloxGumbel, PhiloxDualGumbel, MurmurGumbel, MurmurDualGumbel, SynthId, Kgw)
}
Derivable: TypeAlias = PhiloxGumbel | PhiloxDualGumbel | MurmurGumbel
"""Schemes whose key is one word of 64 bits."""
_LABELS: Final = ("tokenizer", "model", "provider", "epoch")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextKey:
    """A text watermark's scheme and secret, and what it was made for."""

    scheme: Scheme
    tokenizer: str | None = None
    """SHA-256 of the ``tokenizer.json`` that the text was generated with, hexadecimal; None where
    it is not pinned."""
    model: str | None = None
    """Name of the model."""
    provider: str | None = None
    """Who generates with it."""
    epoch: str | None = None
    """When it was in use, as its owner calls it: ``"2026-11"``."""

    @property
    def key_id(self) -> str:
        """Sixteen hexadecimal digits that name scheme and secret without giving them away.

        A secret of few bits could be guessed from it: `is_guessable`.
        """
        told = json.dumps(_scheme_members(self.scheme), sort_keys=True).encode()
        return hashlib.sha256(_ID_DOMAIN + b"\0" + told).hexdigest()[:16]

    @property
    def is_guessable(self) -> bool:
        """Whether a secret is a small number, which anybody can try."""
        return min(_secrets(self.scheme)) < _LEAST_SECRET

    @classmethod
    def derive(
        cls,
        root: Key = PUBLIC_KEY,
        *,
        tokenizer: str | None = None,
        model: str | None = None,
        provider: str | None = None,
        epoch: str | None = None,
        context_width: int = DEFAULT_CONTEXT_WIDTH,
        scheme: type[Derivable] = PhiloxGumbel,
    ) -> TextKey:
        """A key that is derived from a 256-bit key by HKDF-SHA256 (RFC 5869).

        Args:
            root: The secret; `PUBLIC_KEY` gives a key that everybody can detect, and forge, with.
            tokenizer: See `TextKey`; like model and epoch part of what the key depends on.
            model: See `TextKey`.
            provider: See `TextKey`; the key does not depend on it.
            epoch: See `TextKey`.
            context_width: At least 1.
            scheme: What writes it: Labeler and vLLM the default, vLLM with speculative decoding
                `PhiloxDualGumbel`, SGLang `MurmurGumbel`.
        """
        told = json.dumps([scheme.name, context_width, tokenizer, model, epoch], ensure_ascii=False)
        # One block of output: extract, then expand.
        extracted = hmac.digest(_DERIVATION_DOMAIN, root.secret, "sha256")
        block = hmac.digest(extracted, told.encode() + b"\x01", "sha256")
        secret = int.from_bytes(block[: _WORD_BITS // 8], "big")
        return cls(
            scheme=scheme(secret=secret, context_width=context_width),
            tokenizer=tokenizer,
            model=model,
            provider=provider,
            epoch=epoch,
        )


def derivable(name: str) -> type[Derivable]:
    """The scheme of that name, for `TextKey.derive`.

    Raises:
        ValueError: It is none for which keys are derived.
    """
    kinds: tuple[type[Derivable], ...] = (PhiloxGumbel, PhiloxDualGumbel, MurmurGumbel)
    for kind in kinds:
        if kind.name == name:
            return kind
    raise ValueError(f"keys are not derived for {name}")


class TextKeyring(Mapping[str, TextKey]):
    """Text keys by id, in the order in which they were given."""

    def __init__(self, keys: Iterable[TextKey] = ()) -> None:
        self._keys = {key.key_id: key for key in keys}

    def __getitem__(self, key_id: str) -> TextKey:
        return self._keys[key_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def load(cls, directory: Path) -> TextKeyring:
        """The keys in the ``*.text-key.json`` files of ``directory``; none where it is missing.

        Raises:
            WatermarkKeyError: A file is malformed, or others than its owner may read it.
        """
        return cls(map(load_text_key, key_files(directory, TEXT_KEY_SUFFIX)))


def load_text_key(path: Path) -> TextKey:
    """The key in one file.

    Raises:
        WatermarkKeyError: It cannot be read, is malformed, or others than its owner may read it.
    """
    data = read_private(path)
    try:
        return parse_text_key(data)
    except WatermarkKeyError as error:
        error.with_file(path)
        raise


def parse_text_key(data: bytes) -> TextKey:
    """The key that a file's content describes; errors never quote it.

    Raises:
        WatermarkKeyError: It is malformed.
    """
    try:
        return _read_key(json.loads(data))
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
        # The cause would quote the file's content, which holds the secret.
        raise WatermarkKeyError(
            "not the description of a text key",
            hint="Restore the file from its backup, or see docs/text.md for the form",
        ) from None


def write_text_key(key: TextKey) -> str:
    """The description of a key, its secret included, that `parse_text_key` reads."""
    members = {"schema": _SCHEMA, **_scheme_members(key.scheme)}
    members |= {each: getattr(key, each) for each in _LABELS if getattr(key, each) is not None}
    return json.dumps(members, indent=2)


def save_text_key(key: TextKey, directory: Path) -> Path:
    """Write ``key`` to a new file of mode 0600 named after its id, and give the path.

    Raises:
        WatermarkKeyError: There is such a file already, or it cannot be written.
    """
    path = directory / f"{key.key_id}{TEXT_KEY_SUFFIX}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(write_text_key(key) + "\n")
    except OSError as error:
        raise WatermarkKeyError(
            f"the text key cannot be written ({error.strerror})",
            file=path,
            hint="Choose another folder, or remove the key that is there",
        ) from error
    return path


def _secrets(scheme: Scheme) -> tuple[int, ...]:
    if isinstance(scheme, SynthId):
        # Of many small secrets no single one can be tried.
        return (sum(each << (8 * at) for at, each in enumerate(scheme.secrets)),)
    if isinstance(scheme, MurmurDualGumbel):
        return (scheme.secret, scheme.secret_b)
    return (scheme.secret,)


def _scheme_members(scheme: Scheme) -> dict[str, Any]:
    members: dict[str, Any] = {"scheme": scheme.name}
    for each in fields(scheme):
        value = getattr(scheme, each.name)
        if each.name in {"secret", "secret_b"} and not isinstance(scheme, Kgw):
            value = f"{value:016x}"
        members[each.name] = list(value) if isinstance(value, tuple) else value
    return members


def _read_key(members: Any) -> TextKey:
    if not isinstance(members, dict) or members.pop("schema", None) != _SCHEMA:
        raise ValueError("of another schema")
    kind = _SCHEMES[members.pop("scheme")]
    labels = {each: members.pop(each, None) for each in _LABELS}
    if any(each is not None and not isinstance(each, str) for each in labels.values()):
        raise ValueError("a label that is no text")
    return TextKey(scheme=_read_scheme(kind, members), **labels)


def _read_scheme(kind: type[Scheme], members: dict[str, Any]) -> Scheme:
    known = {each.name for each in fields(kind)}
    if unknown := members.keys() - known:
        raise ValueError(f"unknown members {sorted(unknown)}")
    if kind is not Kgw:
        for each in ("secret", "secret_b"):
            if each in members:
                members[each] = _word(members[each])
    if "secrets" in members:
        members["secrets"] = tuple(_integer(each) for each in members["secrets"])
    if "seeding" in members:
        members["seeding"] = Seeding(members["seeding"])
    scheme = kind(**members)
    _check(scheme)
    return scheme


def _check(scheme: Scheme) -> None:
    width = _integer(scheme.context_width)
    secrets = [_integer(each) for each in _secrets(scheme)]
    part: object = 0.5
    if isinstance(scheme, PhiloxDualGumbel):
        part = scheme.alpha
    elif isinstance(scheme, MurmurDualGumbel):
        part = scheme.mixing_probability
    elif isinstance(scheme, Kgw):
        part = scheme.greenlist_ratio
    if not (1 <= width <= 64 and min(secrets) >= 0 and isinstance(part, float | int)):
        raise ValueError("out of range")
    if not 0 <= part <= 1:
        raise ValueError("out of range")


def _word(text: str) -> int:
    value = int(text, 16)
    if not 0 <= value < 1 << _WORD_BITS:
        raise ValueError("not 64 bits")
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError("not an integer")
    return value
