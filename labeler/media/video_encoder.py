"""Encoders set up for the pictures of a film: as the source was, with what describes it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import av

from labeler.errors import UnsupportedMediaError
from labeler.media.video_interface import PictureTrack
from labeler.media.video_opening import THREADS
from labeler.media.video_recipes import RECIPES, Fields, Recipe

__all__ = ["Encoding", "encoding_for"]

_CONVERT: Final = "Convert it to H.264 or H.265 first"
# AV_CODEC_FLAG_INTERLACED_DCT and AV_CODEC_FLAG_INTERLACED_ME.
_INTERLACED_FLAGS: Final = (1 << 18) | (1 << 29)
_TOP_FIRST: Final = 2
# Names of ProRes's and DNxHR's profiles as decoders give them, and as encoders take them.
_PRORES: Final = {
    "Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444",
    "XQ": "4444xq",
}  # fmt: skip
_PRORES_TAGS: Final = {"apco": "Proxy", "apcs": "LT", "apcn": "Standard", "apch": "HQ",
                       "ap4h": "4444", "ap4x": "XQ"}  # fmt: skip
_DNXHR: Final = {
    "DNXHR LB": "dnxhr_lb", "DNXHR SQ": "dnxhr_sq", "DNXHR HQ": "dnxhr_hq",
    "DNXHR HQX": "dnxhr_hqx", "DNXHR 444": "dnxhr_444",
}  # fmt: skip
_USUAL_RATE: Final = Fraction(25)
_H265_TAGS: Final = frozenset({"hvc1", "hev1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How pictures are encoded."""

    recipe: Recipe
    options: dict[str, str]
    """Of the encoder, the codec context among them."""
    pixel_format: str
    """What the encoder takes."""
    time_base: Fraction
    """Unit of the timestamps that it takes, seconds."""
    key_distance: int | None
    """Most frames from one key frame to the next; None where the encoder decides."""
    tag: str | None
    """Four letters that name the codec in MP4 and QuickTime; None where the container decides."""

    def add_stream(
        self, container: av.container.OutputContainer, track: PictureTrack
    ) -> av.VideoStream:
        """A new stream of ``container`` that is encoded so.

        Args:
            container: What is written.
            track: What the source's pictures are like.

        Raises:
            ValueError: The container cannot hold the codec.
        """
        # SVT-AV1 talks to the terminal by itself, but for errors only where it is told so.
        os.environ.setdefault("SVT_LOG", "1")
        rate = 1 / self.time_base if self.recipe.rates else track.rate or _USUAL_RATE
        stream = container.add_stream(self.recipe.encoder, rate=rate)
        assert isinstance(stream, av.VideoStream)  # noqa: S101  for type checks: no other is asked for
        stream.width, stream.height = track.width, track.height
        stream.pix_fmt = self.pixel_format
        stream.options = dict(self.options)
        context = stream.codec_context
        context.thread_count = THREADS
        context.time_base = stream.time_base = self.time_base
        if track.sample_aspect is not None:
            context.sample_aspect_ratio = track.sample_aspect
        colours = track.colours
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        context.colorspace, context.color_range = colours.matrix, colours.value_range
        if self.key_distance is not None:
            context.gop_size = self.key_distance
        if self.tag is not None:
            context.codec_tag = self.tag
        if track.is_interlaced and self.recipe.fields is Fields.FLAGGED:
            context.flags |= _INTERLACED_FLAGS
            context.field_order = track.field_order if track.field_order > 1 else _TOP_FIRST
        if track.has_alpha:
            stream.metadata["alpha_mode"] = "1"
        return stream


def encoding_for(track: PictureTrack, *, key_distance: int | None = None) -> Encoding:
    """How the pictures of a film are encoded in the codec that they have.

    Args:
        track: What they are like.
        key_distance: Most frames from one key frame of theirs to the next, where that is known.

    Raises:
        UnsupportedMediaError: There is no encoder for them, or none that keeps what they are.
    """
    recipe = RECIPES.get(track.codec)
    if recipe is None:
        raise UnsupportedMediaError(
            f"the video is coded as {track.codec}, which Labeler can read but not write",
            hint=_CONVERT,
        )
    if track.codec == "h264" and track.pixel_format == "gbrp":
        recipe = replace(recipe, encoder="libx264rgb", instead={"gbrp": "bgr24"})
    if track.is_interlaced and recipe.fields is Fields.REFUSED:
        raise UnsupportedMediaError(
            f"the video is interlaced, and no encoder of {track.codec} that Labeler has keeps that",
            hint="Deinterlace it first, for example with `ffmpeg -vf bwdif`",
        )
    return Encoding(
        recipe=recipe,
        options=dict(recipe.options) | _own_options(track) | _chroma_option(track),
        pixel_format=_pixel_format(track, recipe),
        time_base=1 / _nearest(recipe.rates, track.rate) if recipe.rates else track.time_base,
        key_distance=key_distance,
        tag=track.tag if track.tag in _H265_TAGS else None,
    )


def _nearest(rates: Iterable[Fraction], rate: Fraction | None) -> Fraction:
    return min(rates, key=lambda each: abs(each - (rate or _USUAL_RATE)))


def _pixel_format(track: PictureTrack, recipe: Recipe) -> str:
    """What the encoder takes for the source's format.

    Raises:
        UnsupportedMediaError: Nothing that keeps depth and sampling.
    """
    source = track.pixel_format
    taken = [form.name for form in av.Codec(recipe.encoder, "w").video_formats or ()]
    for form in (source, recipe.instead.get(source)):
        if form is not None and (form in taken or not taken):
            return form
    raise UnsupportedMediaError(
        f"no encoder of {track.codec} that Labeler has writes pixels of the format {source}",
        hint="Convert it to a codec with this format first (H.265 for most), or to 8 bits",
    )


def _chroma_option(track: PictureTrack) -> dict[str, str]:
    location = track.colours.chroma_location
    # FFmpeg counts them from 1, and 0 is unknown.
    return {} if location is None else {"chroma_sample_location": str(location + 1)}


def _own_options(track: PictureTrack) -> dict[str, str]:
    """What the encoder has to be told about this film."""
    if track.codec == "h264":
        # Else it notes the unit of the timestamps as the rate, which some players believe.
        even = ["force-cfr=1"] if track.is_even else []
        params = even + _light(track, "mastering-display={}", "cll={}")
        return {"x264-params": ":".join(params)} if params else {}
    if track.codec == "hevc":
        light = _light(track, "master-display={}", "max-cll={}")
        fixed = (
            "log-level=none",
            f"pools={THREADS}",
            f"frame-threads={THREADS}",
            "repeat-headers=0",
        )
        return {"x265-params": ":".join([*fixed, *light])}
    if track.codec == "av1":
        light = _light(track, "mastering-display={}", "content-light={}", in_units=False)
        return {"svtav1-params": ":".join([f"lp={THREADS}", *light])}
    if track.codec == "prores":
        return _prores(track)
    if track.codec == "dnxhd":
        return _dnxhd(track)
    return {}


def _prores(track: PictureTrack) -> dict[str, str]:
    name = _PRORES_TAGS.get(track.tag, track.profile or "HQ")
    options = {"profile": _PRORES.get(name, "hq"), "vendor": "apl0"}
    return options | ({"alpha_bits": "16"} if track.pixel_format.startswith("yuva") else {})


def _dnxhd(track: PictureTrack) -> dict[str, str]:
    profile = _DNXHR.get(track.profile or "")
    if profile is None:
        raise UnsupportedMediaError(
            "the video is DNxHD, whose sizes and rates are fixed, and not DNxHR",
            hint="Convert it to DNxHR or ProRes first",
        )
    return {"profile": profile}


# ------------------------------------------------------------------------------ high dynamic range


@dataclass(frozen=True, slots=True)
class _Mastering:
    """The display that a film was mastered on (SMPTE ST 2086)."""

    chromaticities: tuple[Fraction, ...]
    """x and y of red, green, blue and white."""
    luminances: tuple[Fraction, ...]
    """Minimum and maximum, cd/m²."""

    @classmethod
    def read(cls, data: bytes) -> _Mastering | None:
        """From FFmpeg's ``AVMasteringDisplayMetadata``: ten fractions, and two flags."""
        if len(data) < 88:
            return None
        *numbers, has_primaries, has_luminance = struct.unpack_from("=22i", data)
        if not (has_primaries and has_luminance) or 0 in numbers[1::2]:
            return None
        values = tuple(
            Fraction(top, bottom) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)
        )
        return cls(values[:8], values[8:])

    def told(self, *, in_units: bool) -> str:
        """As encoders want it: ``G(13250,34500)B(...)R(...)WP(...)L(10000000,50)``.

        Args:
            in_units: Whether numbers count units of 0.00002 and of 0.0001 cd/m².
        """
        red, green, blue, white = (
            tuple(
                _number(value, 50_000 if in_units else 0)
                for value in self.chromaticities[at : at + 2]
            )
            for at in range(0, 8, 2)
        )
        low, high = (_number(value, 10_000 if in_units else 0) for value in self.luminances)
        pairs = (("G", green), ("B", blue), ("R", red), ("WP", white), ("L", (high, low)))
        return "".join(f"{name}({first},{second})" for name, (first, second) in pairs)


def _number(value: Fraction, units: int) -> str:
    return str(round(value * units)) if units else f"{float(value):.6g}"


def _light(track: PictureTrack, mastering: str, level: str, *, in_units: bool = True) -> list[str]:
    """What an encoder is told about display and brightness, in its own words."""
    told = []
    display = _Mastering.read(track.mastering)
    if display is not None:
        told.append(mastering.format(display.told(in_units=in_units)))
    if len(track.light_level) >= 8:
        content, frame = struct.unpack_from("=2I", track.light_level)
        told.append(level.format(f"{content},{frame}"))
    return told
