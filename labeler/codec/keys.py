"""Watermark keys, and the random streams that are drawn from them.

A key is 256 secret bits. Whatever a carrier needs (signs, permutations, choices) comes from a
`KeyStream`: SHA-256 in counter mode over a label that names the purpose, so that a key means the
same in ten years, on every machine and in every language. Test vectors: ``docs/wire-format.md``.

`PUBLIC_KEY` is a published constant and the default: anyone can detect its marks, offline and for
free. It hides nothing and proves nothing about who made a mark.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.errors import WatermarkKeyError

__all__ = [
    "PUBLIC_KEY",
    "Key",
    "KeyStream",
    "Keyring",
    "key_files",
    "load_key",
    "read_private",
    "save_key",
]

KEY_BYTES: Final = 32
KEY_FILE_SUFFIX: Final = ".key"
_STREAM_DOMAIN: Final = b"labeler.watermark.stream.v1"
_ID_DOMAIN: Final = b"labeler.watermark.key-id.v1"


class KeyStream:
    """Random numbers from a key, for one purpose: SHA-256 in counter mode.

    Block ``i`` is ``SHA-256(domain || 0x00 || label || 0x00 || key || i)``, with ``i`` as eight
    big-endian bytes. Bits are taken most significant first.
    """

    def __init__(self, secret: bytes, label: str) -> None:
        self._prefix = hashlib.sha256(_STREAM_DOMAIN + b"\0" + label.encode() + b"\0" + secret)
        self._counter = 0
        self._buffer = b""

    def bytes(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        parts = [self._buffer]
        missing = max(0, count - len(self._buffer))
        first, self._counter = self._counter, self._counter - (-missing // self._prefix.digest_size)
        for number in range(first, self._counter):
            block = self._prefix.copy()
            block.update(number.to_bytes(8, "big"))
            parts.append(block.digest())
        joined = b"".join(parts)
        self._buffer = joined[count:]
        return joined[:count]

    def signs(self, count: int) -> NDArray[np.float32]:
        """``(count,)`` float32 of fair, independent +1 and -1; whole bytes are used up."""
        bits = np.unpackbits(np.frombuffer(self.bytes(-(-count // 8)), np.uint8))[:count]
        return (1 - 2 * bits.astype(np.float32)).astype(np.float32)

    def permutation(self, count: int) -> NDArray[np.intp]:
        """``(count,)`` a uniformly drawn permutation of 0 to count - 1.

        The order of ``count`` big-endian 64-bit words; equal words keep their order.
        """
        words = np.frombuffer(self.bytes(8 * count), ">u8").astype(np.uint64)
        return np.argsort(words, kind="stable")


@dataclass(frozen=True, slots=True)
class Key:
    """A 256-bit watermark key. Its secret never shows in `repr`, logs or errors."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse secrets of another length."""
        if not isinstance(self.secret, bytes):
            raise TypeError(f"a watermark key is made of bytes, not {type(self.secret).__name__}")
        if len(self.secret) != KEY_BYTES:
            raise WatermarkKeyError(
                f"a watermark key has {KEY_BYTES} bytes, not {len(self.secret)}",
                hint="Make one with Key.generate() or `labeler keys init`",
            )

    @classmethod
    def from_bytes(cls, secret: bytes) -> Key:
        """The key with these 32 bytes."""
        return cls(secret)

    @classmethod
    def generate(cls) -> Key:
        """A new key from the operating system's random source."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @property
    def key_id(self) -> str:
        """Sixteen hexadecimal digits that name the key without giving it away."""
        return hashlib.sha256(_ID_DOMAIN + b"\0" + self.secret).hexdigest()[:16]

    def stream(self, label: str) -> KeyStream:
        """The random numbers of this key for the purpose that ``label`` names."""
        return KeyStream(self.secret, label)


PUBLIC_KEY: Final = Key(hashlib.sha256(b"Labeler public watermark key, version 1").digest())
"""The documented constant under which marks are made unless another key is asked for."""


class Keyring(Mapping[str, Key]):
    """Keys by id, in the order in which they were given."""

    def __init__(self, keys: Iterable[Key] = (PUBLIC_KEY,)) -> None:
        self._keys = {key.key_id: key for key in keys}

    def __getitem__(self, key_id: str) -> Key:
        return self._keys[key_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def load(cls, directory: Path, *, with_public: bool = True) -> Keyring:
        """The keys in the ``*.key`` files of ``directory`` (64 hexadecimal digits each).

        Args:
            directory: The folder; one that does not exist holds no keys.
            with_public: Whether `PUBLIC_KEY` belongs to the ring, as its first key.

        Raises:
            WatermarkKeyError: A file is malformed, or others than its owner may read it.
        """
        keys = [PUBLIC_KEY] if with_public else []
        return cls([*keys, *map(load_key, key_files(directory, KEY_FILE_SUFFIX))])


def save_key(key: Key, directory: Path) -> Path:
    """Write ``key`` to a new file of mode 0600 named after its id, and give the path."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{key.key_id}{KEY_FILE_SUFFIX}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.secret.hex() + "\n")
    return path


def load_key(path: Path) -> Key:
    """The key in a file of 64 hexadecimal digits.

    Raises:
        WatermarkKeyError: It cannot be read, is malformed, or others than its owner may read it.
    """
    data = read_private(path)
    try:
        return Key.from_bytes(bytes.fromhex(data.decode().strip()))
    except (ValueError, WatermarkKeyError):
        # The cause would quote the file's content, which may be most of a secret.
        raise WatermarkKeyError(
            f"not a watermark key: {2 * KEY_BYTES} hexadecimal digits are expected",
            file=path,
            hint="Restore the file from its backup, or move it out of the key directory",
        ) from None


def key_files(directory: Path, suffix: str) -> list[Path]:
    """The files in ``directory`` that end in ``suffix``; none where it does not exist.

    Raises:
        WatermarkKeyError: It cannot be searched.
    """
    try:
        return sorted(directory.glob(f"*{suffix}"))
    except OSError as error:
        raise WatermarkKeyError(
            f"the keys cannot be looked for ({error.strerror})",
            file=directory,
            hint="Check the folder's permissions",
        ) from error


def read_private(path: Path) -> bytes:
    """What a file holds that only its owner may read.

    Raises:
        WatermarkKeyError: It cannot be read, or others may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        data = path.read_bytes()
    except OSError as error:
        raise WatermarkKeyError(
            f"the key file cannot be read ({error.strerror})",
            file=path,
            hint="Check its path and permissions, or move it out of the key directory",
        ) from error
    if os.name == "posix" and mode & 0o077:
        raise WatermarkKeyError(
            "a key file that others may read", file=path, hint="Give it mode 0600 (chmod 600)"
        )
    return data
