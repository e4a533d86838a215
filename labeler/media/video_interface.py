"""What is known of the pictures of a film before they are decoded, and how large they may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from labeler.codec.luma import Transfer
from labeler.errors import MediaTooLargeError, UnreadableMediaError
from labeler.media.media_type import MediaType

__all__ = ["MAX_DURATION_S", "MAX_PIXELS", "Colours", "PictureTrack", "VideoLimits"]

MAX_PIXELS: Final = 8192 * 4320
"""Default for the most pixels of a frame: what 8K has."""
MAX_DURATION_S: Final = 24 * 3600.0
"""Default for the longest film, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """How large a film may be."""

    max_pixels: int = MAX_PIXELS
    """Most pixels of a frame."""
    max_duration_s: float = MAX_DURATION_S
    """Longest duration, seconds."""

    def check(self, *, width: int, height: int, duration_s: float | None) -> None:
        """Refuse what has no pictures, or is too large, before it is decoded.

        Args:
            width: Pixels that the header says.
            height: Pixels that the header says.
            duration_s: Seconds that the header says; None where it does not.

        Raises:
            UnreadableMediaError: The frames have no pixels.
            MediaTooLargeError: They have too many, or the film is too long.
        """
        if width < 1 or height < 1:
            raise UnreadableMediaError(
                "the video does not say how large its pictures are",
                hint="The file is truncated or damaged; get an undamaged copy of it",
            )
        if width * height > self.max_pixels:
            raise MediaTooLargeError(
                f"the video has frames of {width} by {height} pixels, "
                f"and {self.max_pixels} pixels are allowed",
                hint="Make it smaller, or raise max_pixels if the file can be trusted",
            )
        self.check_duration(duration_s or 0.0)

    def check_duration(self, duration_s: float) -> None:
        """Refuse a film that is too long.

        Raises:
            MediaTooLargeError: It is.
        """
        if duration_s > self.max_duration_s:
            raise MediaTooLargeError(
                f"the video lasts {duration_s:.0f} s, and {self.max_duration_s:.0f} s are allowed",
                hint="Cut it, or raise max_duration_s if the file can be trusted",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """What code values mean: numbers of ITU-T H.273, and FFmpeg's for the range."""

    primaries: int
    transfer: int
    matrix: int
    value_range: int
    """0 unknown, 1 limited ("tv"), 2 full ("pc")."""
    chroma_location: int | None
    """``chroma_sample_loc_type`` of H.264, table E-5, where the codec itself says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTrack:
    """The pictures of a film, as its headers and its first frame describe them."""

    media_type: MediaType
    index: int
    """Which of FFmpeg's streams it is."""
    codec: str
    """FFmpeg's name of the codec: ``"h264"``."""
    tag: str
    """Four letters by which the container names the codec: ``"hvc1"``."""
    profile: str | None
    """FFmpeg's name of the codec's profile."""
    width: int
    """Of a frame as it is coded, pixels."""
    height: int
    pixel_format: str
    """FFmpeg's name: ``"yuv420p10le"``."""
    depth: int
    """Bits of a luma value, 8 to 16."""
    transfer: Transfer
    colours: Colours
    time_base: Fraction
    """Unit of its timestamps, seconds."""
    first_stamp: int | None
    """When the first frame is shown, in these units; None where nobody knows."""
    rate: Fraction | None
    """Frames a second, on the whole."""
    is_even: bool
    """Whether all frames are shown for equally long, as far as the header tells."""
    duration_s: float | None
    rotation_deg: int
    """How far a player turns it, degrees counter-clockwise, -180 to 180."""
    orientation: int
    """How players turn and mirror it, to the nearest quarter of a turn: 1 to 8, as Exif counts
    (2.32, 4.6.4 A): 1 as it is, 6 turned clockwise."""
    sample_aspect: Fraction | None
    """Width to height of a pixel; None where the file does not say."""
    field_order: int
    """0 unknown, 1 progressive, 2 and 4 top field first, 3 and 5 bottom field first."""
    is_interlaced: bool
    has_alpha: bool
    """Whether there is a second picture in each packet of VP8 or VP9, for transparency."""
    picture_tracks: int
    """How many tracks of moving pictures the film has; this is the first."""
    sound_tracks: int
    """How many sound tracks the film has, in whatever codec."""
    mastering: bytes = field(default=b"", repr=False)
    """FFmpeg's ``AVMasteringDisplayMetadata``; empty where there is none."""
    beyond: str | None = None
    """What it holds that would be lost: ``"Dolby Vision"``; None where there is nothing."""
    light_level: bytes = field(default=b"", repr=False)
    """FFmpeg's ``AVContentLightMetadata``; empty where there is none."""
