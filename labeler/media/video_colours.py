"""Colours of sRGB as the code values of a film.

Sources: ITU-T H.273 (what the numbers in a film mean, and equations of matrices and ranges);
ITU-R BT.2087 (colours of BT.709 in BT.2020); ITU-R BT.2100 (PQ, HLG); ITU-R BT.2408, 5.1: white of
graphics at 203 cd/m², which is 58 % of PQ and 75 % of HLG.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labeler.codec.luma import Transfer
from labeler.errors import UnsupportedMediaError
from labeler.media.video_interface import PictureTrack

__all__ = ["ColourCode"]

_Floats: TypeAlias = NDArray[Any]
"""float64."""

_WHITE_CD_M2: Final = 203.0
_PQ_PEAK_CD_M2: Final = 10_000.0
_HLG_PEAK_CD_M2: Final = 1_000.0
_HLG_GAMMA: Final = 1.2
_BT2020_LUMINANCE: Final = (0.2627, 0.6780, 0.0593)
# Linear light of BT.709's primaries in others, all with D65 as white, by number of the primaries.
_BT2020: Final = ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956))
_P3: Final = ((0.8225, 0.1775, 0.0), (0.0332, 0.9668, 0.0), (0.0171, 0.0724, 0.9105))
_PRIMARIES: Final = {9: _BT2020, 12: _P3}
_UNKNOWN: Final = 2
_LINEAR: Final = 8
_FULL: Final = 2
# Weights of red and blue in luma, by number of the matrix.
_WEIGHTS: Final = {
    1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114),
    7: (0.212, 0.087), 9: (0.2627, 0.0593),
}  # fmt: skip
_YCGCO: Final = ((0.25, 0.5, 0.25), (-0.25, 0.5, -0.25), (0.5, 0.0, -0.5))
_YCGCO_MATRIX: Final = 8
# Where a film does not say it, players take it for BT.601 up to this many rows.
_SMALL_ROWS: Final = 576


class ColourCode:
    """How the code values of a film stand for colours.

    Args:
        track: What is known of its pictures.
        components: ``"rgb"``, ``"yuv"`` or ``"y"``.
        depth: Bits of a code value.

    Raises:
        UnsupportedMediaError: The matrix is one by which colours cannot be computed one by one.
    """

    def __init__(self, track: PictureTrack, *, components: str, depth: int) -> None:
        colours = track.colours
        self._transfer = track.transfer
        self._is_linear = colours.transfer == _LINEAR
        primaries = colours.primaries
        if primaries in {0, _UNKNOWN} and self._transfer is not Transfer.SDR:
            primaries = 9
        self._primaries = _PRIMARIES.get(primaries)
        peak = (1 << depth) - 1
        unit = 1 << depth - 8
        is_full = colours.value_range == _FULL or track.pixel_format.startswith("yuvj")
        if not colours.value_range and components in {"rgb", "y"}:
            is_full = True
        low, span, chroma = (0, peak, peak) if is_full else (16 * unit, 219 * unit, 224 * unit)
        if components == "rgb":
            self._matrix = np.eye(3) * span
            self._offsets = np.full(3, float(low))
            return
        self._matrix = _matrix(track) * np.array([[span], [chroma], [chroma]])
        self._offsets = np.array([low, 128 * unit, 128 * unit], float)
        if components == "y":
            self._matrix, self._offsets = self._matrix[:1], self._offsets[:1]

    def encode(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """The code values of colours, one array for each component.

        Args:
            rgb: ``(h, w, 3)`` sRGB.

        Returns:
            ``(h, w)`` each, in the order of the components; not rounded.
        """
        values = self._signal(rgb / 255.0) @ self._matrix.T + self._offsets
        return tuple(np.moveaxis(values, -1, 0).astype(np.float32))

    def _signal(self, rgb: _Floats) -> _Floats:
        """What the film's transfer function makes of the light that sRGB stands for."""
        if self._transfer is Transfer.SDR and self._primaries is None and not self._is_linear:
            # Displays treat all of these curves alike.
            return rgb
        light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        if self._primaries is not None:
            light = np.clip(light @ np.array(self._primaries).T, 0.0, 1.0)
        if self._transfer is Transfer.PQ:
            return _pq(light * (_WHITE_CD_M2 / _PQ_PEAK_CD_M2))
        if self._transfer is Transfer.HLG:
            return _hlg(light * (_WHITE_CD_M2 / _HLG_PEAK_CD_M2))
        if self._is_linear:
            return light
        return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _pq(light: _Floats) -> _Floats:
    """Of light, 1 for 10 000 cd/m² (BT.2100, table 4, inverse EOTF)."""
    power = light ** (2610 / 16384)
    made = (3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)
    return np.asarray(made ** (2523 / 32))


def _hlg(light: _Floats) -> _Floats:
    """Of displayed light, 1 for 1000 cd/m² (BT.2100, table 5, inverse OOTF and OETF)."""
    luminance = np.maximum(light @ np.array(_BT2020_LUMINANCE), 1e-9)[..., None]
    scene = np.clip(light * luminance ** ((1 - _HLG_GAMMA) / _HLG_GAMMA), 0.0, 1.0)
    low = np.sqrt(3 * scene)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, low, high))


def _matrix(track: PictureTrack) -> _Floats:
    """Y', Cb and Cr of R', G' and B'; Cb and Cr from -0.5 to 0.5.

    Raises:
        UnsupportedMediaError: See `ColourCode`.
    """
    number = track.colours.matrix
    if number == _YCGCO_MATRIX:
        return np.array(_YCGCO)
    if number == _UNKNOWN:
        is_wide = track.colours.primaries == 9 or track.transfer is not Transfer.SDR
        number = 9 if is_wide else 6 if track.height <= _SMALL_ROWS else 1
    if number not in _WEIGHTS:
        raise UnsupportedMediaError(
            f"the colours of the video are coded by the matrix {number} of ITU-T H.273, in which "
            "Labeler cannot draw a label",
            hint="Convert it to BT.709 or BT.2020 (non-constant luminance) first",
        )
    red, blue = _WEIGHTS[number]
    luma = np.array([red, 1 - red - blue, blue])
    return np.array(
        [luma, (np.eye(3)[2] - luma) / (2 - 2 * blue), (np.eye(3)[0] - luma) / (2 - 2 * red)]
    )
