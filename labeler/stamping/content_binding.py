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
from labeler.registry.fingerprints import SKETCH
from labeler.stamping.interface import Draft

__all__ = ["content_bindings"]


def content_bindings(draft: Draft) -> Iterator[SoftBinding]:
    """The fingerprint of a still picture; none of other content.

    Args:
        draft: What was made.
    """
    if len(draft.sketches) == 1:
        value = base64.b64encode(draft.sketches[0].to_bytes()).decode("ascii")
        yield SoftBinding(algorithm=SKETCH, value=value)
