"""Open a sound, hand out its samples, and write it again with other samples and nothing lost.

sound = open_sound(Path("voice.wav"), name="voice.wav")
sound.encode((0.5 * block for block in sound.blocks()), Path("quiet.wav"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final, TypeAlias, cast

from labeler.codec.sound import Samples, check_samples
from labeler.errors import LabelerError, UnsupportedMediaError
from labeler.media.content import open_regular
from labeler.media.guards import naming, not_written, reading, reason
from labeler.media.media_type import MediaKind, MediaType, sniff_file
from labeler.media.sound_interface import SoundCodec, SoundLimits, require_frames

__all__ = ["Samples", "Sound", "SoundLimits", "open_sound"]

_MakeCodec: TypeAlias = Callable[[Path, MediaType, SoundLimits], SoundCodec]

# Module and class, imported when a file of the format is opened: most of them load FFmpeg.
_CODECS: Final = {
    MediaType.WAV: ("labeler.media.wav", "WavCodec"),
    MediaType.AIFF: ("labeler.media.aiff", "AiffCodec"),
    MediaType.FLAC: ("labeler.media.flac", "FlacCodec"),
    MediaType.OGG: ("labeler.media.ogg_sound", "OggCodec"),
    MediaType.MP3: ("labeler.media.mp3", "Mp3Codec"),
    MediaType.AAC: ("labeler.media.adts", "AdtsCodec"),
    MediaType.M4A: ("labeler.media.mpeg4_sound", "mpeg4_codec"),
    MediaType.WEBM: ("labeler.media.matroska_sound", "MatroskaSoundCodec"),
    MediaType.MP4: ("labeler.media.mpeg4_sound", "mpeg4_codec"),
    MediaType.MOV: ("labeler.media.mpeg4_sound", "mpeg4_codec"),
    MediaType.MKV: ("labeler.media.matroska_sound", "MatroskaSoundCodec"),
    MediaType.WEBM_VIDEO: ("labeler.media.matroska_sound", "MatroskaSoundCodec"),
}

# As errors call it.
_WHAT: Final = "the sound"
# Its pictures have no times, which a mere copy into Matroska would need.
_CONVERT: Final = (
    "Convert the film first, for example with `ffmpeg -i in.avi -crf 16 -c:a flac out.mkv`"
)
_BLOCK_FRAMES: Final = 1 << 16


def open_sound(path: Path, *, name: str, limits: SoundLimits | None = None) -> Sound:
    """Open a sound: its header is read, its samples only when they are asked for.

    Args:
        path: The file; it is read again for every pass over the samples.
        name: The name that errors give to the file.
        limits: How large it may be; None: the defaults of `SoundLimits`.

    Raises:
        UnreadableMediaError: The file cannot be read, or is empty, truncated or damaged.
        UnsupportedMediaError: Labeler does not handle the format or this variant of it, or it
            is no sound.
        MediaTooLargeError: The sound is larger than allowed.
    """
    with reading(_WHAT, name), open_regular(path) as file:
        media_type = sniff_file(file, name=name)
    if media_type.kind is MediaKind.VIDEO and media_type not in _CODECS:
        raise UnsupportedMediaError(
            f"the sound of {media_type.label} files cannot be handled", hint=_CONVERT, file=name
        )
    if media_type not in _CODECS:
        raise UnsupportedMediaError(
            f"the file is {media_type.label}, and sound is expected",
            hint="Open it as a picture",
            file=name,
        )
    module, attribute = _CODECS[media_type]
    make_codec = cast("_MakeCodec", getattr(import_module(module), attribute))
    with reading(_WHAT, name):
        return Sound(make_codec(path, media_type, limits or SoundLimits()), limits, name=name)


class Sound:
    """A sound that has been opened."""

    def __init__(self, codec: SoundCodec, limits: SoundLimits | None = None, *, name: str) -> None:
        self._codec = codec
        self._limits = limits or SoundLimits()
        self._name = name
        self._counted: int | None = codec.length

    @property
    def name(self) -> str:
        """The name that errors give to the file."""
        return self._name

    @property
    def media_type(self) -> MediaType:
        """The format."""
        return self._codec.media_type

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second in each channel."""
        return self._codec.sample_rate_hz

    @property
    def channels(self) -> int:
        """How many channels; at least 1."""
        return self._codec.channels

    @property
    def length(self) -> int | None:
        """Frames (one sample of each channel), where the container says it; None if not."""
        return self._codec.length

    @property
    def duration_s(self) -> float | None:
        """How long it plays, seconds, as far as the header tells."""
        return self._codec.duration_s

    @property
    def damage(self) -> str | None:
        """What was found wrong with the file by now, without full stop, that `blocks` reads around.

        Some of it is known once all blocks have been taken. None where nothing is wrong.
        """
        return self._codec.damage

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What each channel is: ``"FL"``, ``"FR"``, ``"FC"``, ``"LFE"``, ``"SL"``, ...

        The usual meaning of so many channels where the file does not say; () where there is none.
        """
        return self._codec.channel_names

    @property
    def why_fixed(self) -> str | None:
        """Why its length cannot change, without full stop: something in the file is tied to times.

        None where it can: `encode` then takes another ``length``.
        """
        if self.media_type.kind is MediaKind.VIDEO:
            return "the pictures of the film run with it"
        return self._codec.why_fixed

    def blocks(self, frames: int = _BLOCK_FRAMES) -> Iterator[Samples]:
        """The samples from the beginning, in blocks; each call is a new pass over the file.

        Args:
            frames: How many frames a block has at most.

        Yields:
            ``(n, channels)`` float32 from -1 to 1; float64 where the file has more than 24 bits,
            so that no bit of a lossless format is lost. Float formats may go beyond full scale.

        Raises:
            UnreadableMediaError: The file is truncated or damaged, or has no samples.
            MediaTooLargeError: It is longer than its header said and than allowed.
        """
        if frames < 1:
            raise ValueError(f"a block has at least one frame, not {frames}")
        count = 0
        with reading(_WHAT, self._name):
            for block in self._codec.blocks(frames):
                count += len(block)
                self._limits.check_frames(count)
                yield block
            require_frames(count)
        self._counted = count

    def encode(self, blocks: Iterable[Samples], target: Path, *, length: int | None = None) -> None:
        """Write the file with ``blocks`` in place of its own samples, and everything else kept.

        Kept are the sample format, rate and layout, tags, cover art, cue points, loops, loudness
        fields, chunks that nobody knows and their order; lossless formats give back exactly these
        samples, rounded to their steps. A C2PA manifest is dropped: it does not hold for other
        samples. ``target`` appears whole or not at all.

        Args:
            blocks: ``(n, channels)`` float32 or float64, in blocks of any length, as many frames
                together as `blocks` gives; they are taken one by one.
            target: A file that does not exist yet.
            length: How many frames ``blocks`` have together where they are more or fewer than the
                file's own; None: as many.

        Raises:
            ValueError: The number of frames or channels differs, or values are not finite.
            TypeError: A block has another type than float32 or float64.
            UnsupportedMediaError: Labeler reads this variant of the format but cannot write it
                without loss, or its length cannot change: see `why_fixed`.
            OutputError: ``target`` exists already or cannot be written.
        """
        with naming(self._name):
            other = None if length == self._counted else length
            self._check_length(other)
            try:
                with target.open("xb"):
                    pass  # From here on the file is ours to remove.
            except OSError as error:
                raise not_written(_WHAT, error, target) from error
            intake = _Intake(blocks, self._codec, length=other)
            try:
                checked = intake.checked(lambda: self._counted if other is None else other)
                self._codec.encode(checked, target, length=other)
            except BaseException as error:
                target.unlink(missing_ok=True)
                if intake.failed or isinstance(error, LabelerError):
                    raise
                if isinstance(error, Exception):
                    raise self._translated(error, target) from error
                raise

    def _check_length(self, length: int | None) -> None:
        if length is None:
            return
        if length < 1:
            raise ValueError(f"a sound has at least one frame, not {length}")
        if self.why_fixed is not None:
            raise UnsupportedMediaError(
                f"the length of the sound cannot change: {self.why_fixed}",
                hint="Lay the new sound over what is there, or convert the file to plain WAV first",
            )

    def _translated(self, error: Exception, target: Path) -> LabelerError:
        """The error of the family for one that the codec raised."""
        if isinstance(error, OSError):
            return not_written(_WHAT, error, target)
        return UnsupportedMediaError(
            f"the sound cannot be written as {self.media_type.label} ({reason(error)})",
            hint="Convert it to WAV or FLAC first",
        )


class _Intake:
    """The blocks that are to be written, on their way to the codec.

    Args:
        blocks: What the caller gives.
        codec: Whose file they are for.
        length: How many frames they have; None: as many as the codec says.
    """

    def __init__(self, blocks: Iterable[Samples], codec: SoundCodec, *, length: int | None) -> None:
        self._blocks = blocks
        self._codec = codec
        self._most = codec.length if length is None else length
        self.failed = False
        """Whether the caller's side raised an error, or was at fault: not the codec."""

    def checked(self, counted: Callable[[], int | None]) -> Iterator[Samples]:
        """The blocks, each seen to fit.

        Args:
            counted: Says, when all have been taken, how many frames there should have been.
        """
        try:
            count = 0
            for block in self._blocks:
                count += self._frames(block)
                self._check_most(count)
                yield block
            # Where the container does not say how many there are, the last pass over them does.
            _check_count(count, counted())
        except GeneratorExit:
            raise  # The codec has taken as many as it wants.
        except BaseException:
            self.failed = True
            raise

    def _frames(self, block: Samples) -> int:
        check_samples(block, self._codec.sample_rate_hz)
        channels = self._codec.channels
        if block.ndim != 2 or block.shape[1] != channels:
            raise ValueError(f"blocks of shape (n, {channels}) are expected, not {block.shape}")
        return len(block)

    def _check_most(self, count: int) -> None:
        most = self._most
        if most is not None and count > most:
            raise ValueError(f"{most} frames are expected, not {count} or more")


def _check_count(count: int, expected: int | None) -> None:
    if expected is not None and count != expected:
        raise ValueError(f"{expected} frames are expected, not {count}")
