"""The network of the learned front end, what it is trained for, and its file."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.front_end_samples import SIDE
from detectors.front_end import PLANES
from labeler.codec.lattice import BAND, TILE

__all__ = ["FrontEnd", "coherence", "loss_of"]

_DILATIONS: Final = (1, 2, 1, 2, 1, 1)
_WHITENING_BINS: Final = 7
"""Bins on a side over which a spectrum's mean power is taken, as the detector does."""
_LEAST: Final = 0.1
"""Coherence that is added before the logarithm: hopeless samples teach nothing, and with less they
would drown those that do."""


class FrontEnd(nn.Module):
    """Two residual blocks at half resolution; of four neighbours, each is a channel.

    Takes ``(n, PLANES, H, W)`` with even sides, gives ``(n, H, W)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(4 * PLANES, channels, 3, padding=1)
        self.middle = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
            for dilation in _DILATIONS
        )
        self.last = nn.Conv2d(channels, 4, 3, padding=1)
        self.past = nn.Conv2d(4 * PLANES, 4, 1, bias=False)
        for layer in (self.first, *self.middle):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.last.weight, 0, 0.01)
        nn.init.zeros_(self.last.bias)
        nn.init.zeros_(self.past.weight)
        with torch.no_grad():
            self.past.weight[:, :4, 0, 0] = torch.eye(4)

    def forward(self, seen: Tensor) -> Tensor:
        folded = functional.pixel_unshuffle(seen, 2)
        hidden = functional.relu(self.first(folded))
        half = len(self.middle) // 2
        for block in (self.middle[:half], self.middle[half:]):
            within = hidden
            for layer in block:
                within = functional.relu(layer(within))
            hidden = hidden + within
        found = self.last(hidden).float() + self.past(folded).float()
        return functional.pixel_shuffle(found, 2)[:, 0]


_FREQUENCY_Y: Final = torch.fft.fftfreq(SIDE)[:, None]
_FREQUENCY_X: Final = torch.fft.rfftfreq(SIDE)[None]
_FREQUENCY: Final = torch.sqrt(_FREQUENCY_X**2 + _FREQUENCY_Y**2)
_OFF_AXES: Final = (_FREQUENCY_X > 1 / SIDE) & (_FREQUENCY_Y.abs() > 1 / SIDE)
_HANN: Final = torch.hann_window(SIDE, periodic=False) + 0.08
_WINDOW: Final = _HANN[:, None] * _HANN[None]


def coherence(found: Tensor, pattern: Tensor, period: Tensor) -> Tensor:
    """How much of the pattern the detector would hear, -1 to 1: ``(n,)``.

    The detector whitens the spectrum and listens in the carriers' band; so it is done here. A score
    that leaves this out rewards filters that the detector has anyway.

    Args:
        found: ``(n, SIDE, SIDE)`` what the network gives.
        pattern: Likewise, the bare mark.
        period: ``(n,)`` size of the tile, pixels.
    """
    heard = torch.fft.rfft2((found - found.mean((1, 2), keepdim=True)) * _WINDOW)
    wanted = torch.fft.rfft2(pattern * _WINDOW)
    power, due = (each.real**2 + each.imag**2 for each in (heard, wanted))
    level, due_level = _level(power), _level(due)
    cycles = _FREQUENCY * period[:, None, None] / TILE
    inside = ((cycles >= BAND[0]) & (cycles <= BAND[1]) & _OFF_AXES).float()
    agreement = (heard.real * wanted.real + heard.imag * wanted.imag) * inside
    agreement = agreement * torch.rsqrt(level * due_level)
    own = (power / level * inside).sum((1, 2))
    other = (due / due_level * inside).sum((1, 2))
    return agreement.sum((1, 2)) / torch.sqrt(own * other + 1e-6)


def _level(power: Tensor) -> Tensor:
    """The mean power around each bin."""
    margin = _WHITENING_BINS // 2
    spread = functional.pad(power[:, None], (margin,) * 4, mode="reflect")
    return functional.avg_pool2d(spread, _WHITENING_BINS, 1)[:, 0] + 1e-9


def loss_of(heard: Tensor) -> Tensor:
    """What training makes small: minus the mean logarithm of the coherence."""
    return -torch.log(heard.clamp(min=-_LEAST / 3) + _LEAST).mean()
