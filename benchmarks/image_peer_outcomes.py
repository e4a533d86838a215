"""What each watermark did to pictures and said after attacks: kept in files, a system in each.

So one system can be measured again, and set beside what the others gave before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.image_attacks import Pixels
from benchmarks.image_peer_systems import PictureReading

__all__ = ["MATCHED", "NATIVE", "Picture", "Settings", "SystemOutcome", "digest", "load", "save"]

NATIVE: Final = "makers"
"""The mark is as strong as its makers make it."""
MATCHED: Final = "matched"
"""The change is scaled until the PSNR is that of the settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What outcomes must have in common to stand in one table."""

    attacks: tuple[str, ...]
    matched_db: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One system on one picture."""

    name: str
    digest: str
    """See `digest`; the name alone does not say which picture it is."""
    refused: bool = False
    """Whether the system does not mark it; then nothing follows."""
    psnr_db: Mapping[str, float] = field(default_factory=dict)
    """Over RGB; by `NATIVE` and `MATCHED`, as are the next two."""
    ssim: Mapping[str, float] = field(default_factory=dict)
    """Of luma."""
    readings: Mapping[str, Mapping[str, PictureReading]] = field(default_factory=dict)
    """By attack, too."""
    false_alarms: Mapping[str, bool] = field(default_factory=dict)
    """Whether it found a mark in the unmarked picture, by attack."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """Processor time of embedding and reading in units of JPEG decoding and encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemOutcome:
    """One system on pictures."""

    system: str
    bits: int
    """Of its payload."""
    settings: Settings
    pictures: tuple[Picture, ...] = ()

    @property
    def marked(self) -> tuple[Picture, ...]:
        """The pictures that the system marks."""
        return tuple(picture for picture in self.pictures if not picture.refused)

    def of(self, digests: Mapping[str, str]) -> SystemOutcome:
        """The same of these pictures alone, in their order; those not measured are left out."""
        known = {(picture.name, picture.digest): picture for picture in self.pictures}
        pictures = tuple(known[each] for each in digests.items() if each in known)
        return replace(self, pictures=pictures)

    def with_picture(self, new: Picture) -> SystemOutcome:
        """The same with one picture more, or measured again."""
        others = [picture for picture in self.pictures if picture.name != new.name]
        return replace(self, pictures=(*others, new))


def digest(pixels: Pixels) -> str:
    """Says which picture it was."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:16]


def save(outcome: SystemOutcome, path: Path) -> None:
    """Write JSON with one line a picture."""
    plain = asdict(outcome)
    pictures = [_packed(picture) for picture in plain.pop("pictures")]
    lines = ",\n".join(json.dumps(picture, ensure_ascii=False) for picture in pictures)
    head = json.dumps(plain, ensure_ascii=False)[:-1]
    path.write_text(f'{head}, "pictures": [\n{lines}\n]}}\n')


def load(path: Path) -> SystemOutcome:
    """What `save` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not one of `save`'s.
    """
    try:
        plain: dict[str, Any] = json.loads(path.read_text())
        settings = plain.pop("settings")
        settings["attacks"] = tuple(settings["attacks"])
        pictures = tuple(_unpacked(picture) for picture in plain.pop("pictures"))
        return SystemOutcome(**plain, settings=Settings(**settings), pictures=pictures)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not outcomes of this version: {error}") from error


def _packed(picture: dict[str, Any]) -> dict[str, Any]:
    """Readings as ``[found, exact, bit accuracy]``: there are many."""
    readings = {
        visible: {
            attack: [int(one["found"]), int(one["exact"]), round(one["bit_accuracy"], 4)]
            for attack, one in by_attack.items()
        }
        for visible, by_attack in picture["readings"].items()
    }
    numbers = {
        key: {name: round(number, 4) for name, number in picture[key].items()}
        for key in ("psnr_db", "ssim", "cost")
    }
    return {**picture, **numbers, "readings": readings}


def _unpacked(picture: dict[str, Any]) -> Picture:
    readings = {
        visible: {attack: _reading(values) for attack, values in by_attack.items()}
        for visible, by_attack in picture.pop("readings").items()
    }
    return Picture(**picture, readings=readings)


def _reading(values: Sequence[float]) -> PictureReading:
    found, exact, bit_accuracy = values
    return PictureReading(found=bool(found), exact=bool(exact), bit_accuracy=bit_accuracy)
