"""What a manifest says of the content that its watermark was made for.

A watermark can be copied into other content, and lead from there to this manifest. So the manifest
holds a fingerprint beside the watermark (C2PA 2.4, 18.10: a soft binding too), by which whoever
recovers it sees whether it belongs to what was found, without asking anybody.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from labeler.credentials import SoftBinding
from labeler.media.content import Content
from labeler.media.media_type import MediaKind
from labeler.registry.fingerprints import SKETCH
from labeler.stamping.interface import Order, Tools
from labeler.stamping.readback import opening

__all__ = ["content_bindings"]


def content_bindings(content: Content, order: Order, tools: Tools) -> Iterator[SoftBinding]:
    """The fingerprint of a still picture; none of other content.

    Args:
        content: The output before it is signed.
        order: What was asked for.
        tools: What is the same for every file.

    Raises:
        MarkNotVerifiedError: The output cannot be decoded.
    """
    if order.media_type.kind is not MediaKind.IMAGE:
        return
    from labeler.codec.sketch import sketch  # noqa: PLC0415 - slow, and not always needed
    from labeler.media.picture import open_picture  # noqa: PLC0415 - as above

    limit = tools.settings.max_pixels
    with opening():
        picture = open_picture(content.data, name=order.content.name, max_pixels=limit)
        if picture.frame_count != 1:
            return
        taken = sketch(next(iter(picture.frames())))
    yield SoftBinding(algorithm=SKETCH, value=base64.b64encode(taken.to_bytes()).decode("ascii"))
