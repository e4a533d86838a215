"""How strong watermarks are made, in any medium."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Strength"]

Strength: TypeAlias = Literal["quality", "balanced", "robust"]
"""``"quality"`` is noticed least, ``"robust"`` survives most, ``"balanced"`` is the default."""
