"""What the formats whose sound lies in packets share: reading it, and noticing damage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from labeler.codec.sound import Samples
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.av_sound import MAX_CHANNELS, Coding, Packet, decode
from labeler.media.media_type import MediaType
from labeler.media.sample_blocks import regrouped, trimmed
from labeler.media.sound_interface import SoundLimits

__all__ = ["PacketSound"]


class PacketSound(ABC):
    """A `SoundCodec` of a format with packets.

    Damage is passed over where samples are only read, because a mark can be read around it; it is
    an error where they are written, because what is lost would be lost for good, unnoticed.

    Args:
        path: The file.
        media_type: Its format.
        coding: What its packets are.
        limits: How large it may be.
        names: What its channels are.
        skip: Frames (one sample of each channel) that the decoder gives before the first.
        length: Frames behind those; None where nobody knows.
        damage: What is wrong with it, without full stop; None if nothing is.
        why_fixed: Why its length cannot change, without full stop; None if it can.

    Raises:
        UnsupportedMediaError: It has more channels than can be decoded.
    """

    def __init__(
        self,
        path: Path,
        media_type: MediaType,
        *,
        coding: Coding,
        limits: SoundLimits,
        names: tuple[str, ...],
        skip: int,
        length: int | None,
        damage: str | None = None,
        why_fixed: str | None = None,
    ) -> None:
        limits.check(channels=coding.channels, sample_rate_hz=coding.sample_rate_hz, frames=length)
        if coding.channels > MAX_CHANNELS:
            raise UnsupportedMediaError(
                f"the sound has {coding.channels} channels, and coded sound with at most "
                f"{MAX_CHANNELS} can be read",
                hint="Convert it to WAV first",
            )
        self.path = path
        self.media_type = media_type
        self.sample_rate_hz = coding.sample_rate_hz
        self.channels = coding.channels
        self.channel_names = names
        self.length = length
        self._coding = coding
        self._skip = skip
        self.damage = damage
        self.why_fixed = why_fixed

    @property
    def duration_s(self) -> float | None:
        """How long it plays, as far as the headers tell."""
        return None if self.length is None else self.length / self.sample_rate_hz

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples in blocks of ``(n, channels)``, none longer than ``frames``.

        Raises:
            UnreadableMediaError: None of them can be decoded.
        """
        decoded = decode(self._coding, self._packets(), report=self._report)
        return regrouped(trimmed(decoded, skip=self._skip, length=self.length), frames)

    def encode(self, blocks: Iterable[Samples], target: Path, *, length: int | None = None) -> None:
        """Write the file with other samples; see `SoundCodec.encode`.

        Raises:
            UnreadableMediaError: The file is damaged: found when it was opened or, at the latest,
                when it was decoded for ``blocks``.
        """
        self._require_whole()
        self._write(blocks, target, self.length if length is None else length)
        self._require_whole()

    @abstractmethod
    def _packets(self) -> Iterator[Packet]:
        """The packets of the file."""

    @abstractmethod
    def _write(self, blocks: Iterable[Samples], target: Path, length: int | None) -> None:
        """Encode ``blocks``, which have ``length`` frames, and write the file around them."""

    def _report(self, problem: str) -> None:
        self.damage = self.damage or problem

    def _require_whole(self) -> None:
        if self.damage is not None:
            raise damaged(self.damage)
