"""What a manifest says of the content that its watermark was made for.

A watermark can be copied into other content, and lead from there to this manifest. So the manifest
holds a fingerprint beside the watermark (C2PA 2.4, 18.10: a soft binding too), by which whoever
recovers it sees whether it belongs to what was found, without asking anybody. It is of the picture
before it was marked: the mark would agree with itself in whatever it is copied into.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from labeler.credentials import SoftBinding
from labeler.media.media_type import MediaKind
from labeler.registry.fingerprints import SKETCH
from labeler.stamping.interface import Order, Tools

__all__ = ["content_bindings"]


def content_bindings(order: Order, tools: Tools) -> Iterator[SoftBinding]:
    """The fingerprint of a still picture; none of other content.

    Args:
        order: What was asked for.
        tools: What is the same for every file.

    Raises:
        MediaError: The source cannot be decoded.
    """
    if order.media_type.kind is not MediaKind.IMAGE:
        return
    from labeler.codec.sketch import sketch  # noqa: PLC0415 - slow, and not always needed
    from labeler.stamping.pictures import unmarked_picture  # noqa: PLC0415 - as above

    picture = unmarked_picture(order, tools)
    if picture.frame_count != 1:
        return
    taken = sketch(next(iter(picture.frames())))
    yield SoftBinding(algorithm=SKETCH, value=base64.b64encode(taken.to_bytes()).decode("ascii"))
