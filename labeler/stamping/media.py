"""Which kinds of content can be stamped, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from labeler.media.media_type import MediaKind, MediaType
from labeler.stamping.interface import Medium

__all__ = ["medium_for"]


def _pictures() -> Medium:
    from labeler.stamping.in_memory import InMemory  # noqa: PLC0415 - slow, and not always needed
    from labeler.stamping.pictures import PictureWatermarking  # noqa: PLC0415 - as above

    return Medium(watermarking=PictureWatermarking(), layers=InMemory())


def _sounds() -> Medium:
    from labeler.stamping.on_disk import OnDisk  # noqa: PLC0415 - as above
    from labeler.stamping.sounds import SoundWatermarking  # noqa: PLC0415 - as above

    return Medium(watermarking=SoundWatermarking(), layers=OnDisk())


def _videos() -> Medium:
    from labeler.stamping.on_disk import OnDisk  # noqa: PLC0415 - as above
    from labeler.stamping.videos import VideoWatermarking  # noqa: PLC0415 - as above

    return Medium(watermarking=VideoWatermarking(), layers=OnDisk())


def _texts() -> Medium:
    from labeler.stamping.texts import TextLayers, TextWatermarking  # noqa: PLC0415 - as above

    return Medium(watermarking=TextWatermarking(), layers=TextLayers())


_MEDIA: Final[Mapping[MediaKind, Callable[[], Medium]]] = {
    MediaKind.IMAGE: _pictures,
    MediaKind.AUDIO: _sounds,
    MediaKind.VIDEO: _videos,
    MediaKind.TEXT: _texts,
}


def medium_for(media_type: MediaType) -> Medium:
    """What stamps content of this type."""
    return _MEDIA[media_type.kind]()
