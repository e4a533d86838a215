"""What a file says about its origin in standard metadata: XMP with the IPTC fields for AI.

marked = write(data, MediaType.JPEG, Provenance(generator="Imagine 2"), name="out.jpg")
read(marked, MediaType.JPEG).source_type    # SourceType.TRAINED_ALGORITHMIC_MEDIA
"""

from __future__ import annotations

from labeler.metadata.files import read_file, write_file
from labeler.metadata.tags import Tags, read, write
from labeler.metadata.text_fields import holds_metadata

__all__ = ["Tags", "holds_metadata", "read", "read_file", "write", "write_file"]
