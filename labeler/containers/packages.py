"""What documents in ZIP archives have in common: Office's, OpenDocument's and EPUB's."""

from __future__ import annotations

import re
from typing import Final

from labeler.containers.zip import Archive

__all__ = ["CONTENT_TYPES", "is_signed"]

CONTENT_TYPES: Final = "[Content_Types].xml"
"""The entry that says what the parts of Office's documents are (ISO/IEC 29500-2, 10.1.2)."""
# Signatures of OpenDocument and EPUB, and of Office (ibid., 13).
_SIGNATURE: Final = re.compile(r"META-INF/(?:\w*signatures)\.xml$|_xmlsignatures/")


def is_signed(archive: Archive) -> bool:
    """Whether a document has a digital signature, which covers the list of its files."""
    return any(_SIGNATURE.match(entry.name) for entry in archive.entries)
