"""What each sound format provides, and the limits that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from labeler.codec.sound import MAX_RATE_HZ, MIN_RATE_HZ, Samples
from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType

__all__ = [
    "MAX_CHANNELS",
    "MAX_FRAMES",
    "SoundCodec",
    "SoundLimits",
    "require_frames",
]

MAX_CHANNELS: Final = 64
"""Default for the most channels: more than any loudspeaker layout or microphone array in use."""
MAX_FRAMES: Final = 24 * 3600 * 48_000
"""Default for the most frames (one sample of each channel): a day at 48 kHz."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundLimits:
    """How large a sound may be."""

    max_channels: int = MAX_CHANNELS
    """Most channels."""
    max_frames: int = MAX_FRAMES
    """Most frames; a frame is one sample of each channel."""

    def check(self, *, channels: int, sample_rate_hz: int, frames: int | None) -> None:
        """Refuse what cannot be sound, or is too large, before it is decoded.

        Args:
            channels: How many channels the file says to have.
            sample_rate_hz: Samples a second that it says to have in each of them.
            frames: How many frames it says to have; None where it does not say.

        Raises:
            UnreadableMediaError: It has no channel, no rate or no sample.
            UnsupportedMediaError: Its rate is none that sound has.
            MediaTooLargeError: It has too many channels or frames.
        """
        if channels < 1 or sample_rate_hz < 1:
            raise UnreadableMediaError(
                "the sound has no channels or no sample rate", hint="Get another copy of it"
            )
        if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
            raise UnsupportedMediaError(
                f"the sound has {sample_rate_hz} samples a second, "
                f"and {MIN_RATE_HZ} to {MAX_RATE_HZ} are possible",
                hint="Resample it, or find out what happened to the file",
            )
        if channels > self.max_channels:
            raise MediaTooLargeError(
                f"the sound has {channels} channels, and {self.max_channels} are allowed",
                hint="Split it, or raise max_channels if the file can be trusted",
            )
        if frames is not None:
            require_frames(frames)
            self.check_frames(frames)

    def check_frames(self, frames: int) -> None:
        """Refuse a sound that is too long.

        Raises:
            MediaTooLargeError: It has too many frames.
        """
        if frames > self.max_frames:
            raise MediaTooLargeError(
                f"the sound has {frames} samples in each channel, "
                f"and {self.max_frames} are allowed",
                hint="Cut it, or raise max_frames if the file can be trusted",
            )


class SoundCodec(Protocol):
    """One opened sound of one format; errors that it raises need not name the file.

    Its constructor takes the file's path, its `MediaType` and the `SoundLimits`, parses the
    header and decodes no samples.
    """

    sample_rate_hz: int
    channels: int
    length: int | None
    """Frames that `blocks` gives, where the container says it to the sample; None if not."""
    channel_names: tuple[str, ...]
    """``"FL"``, ``"FR"``, ``"FC"``, ``"LFE"``, ... for each channel; () where nobody knows."""

    why_fixed: str | None
    """Why what is written has to have as many frames, without full stop; None: it need not."""
    damage: str | None
    """What was found wrong with it by now, without full stop, where `blocks` reads around damage:
    it fills gaps with silence, or ends early. None where nothing was, or errors tell it."""

    @property
    def media_type(self) -> MediaType:
        """The format."""
        ...

    @property
    def duration_s(self) -> float | None:
        """How long it plays, as far as the header tells."""
        ...

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples in blocks of ``(n, channels)``, none longer than ``frames``."""
        ...

    def encode(self, blocks: Iterable[Samples], target: Path, *, length: int | None = None) -> None:
        """Write the file with the samples in ``blocks`` in place of its own to ``target``.

        The blocks have the right number of channels, and finite values; where `length` is
        known, they have as many frames. ``target`` exists and is empty.

        Args:
            blocks: The samples.
            target: The file.
            length: How many frames they have, where `why_fixed` is None; None: as many as before.
        """
        ...


def require_frames(frames: int) -> None:
    """Refuse a sound without samples.

    Raises:
        UnreadableMediaError: ``frames`` is 0.
    """
    if frames < 1:
        raise UnreadableMediaError(
            "the sound has no samples", hint="Nothing was recorded in it; get another copy of it"
        )
