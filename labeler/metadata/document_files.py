"""The files in a document that metadata are kept in: read, and replaced beside the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from labeler.containers import zip as archives
from labeler.containers.damage import damaged
from labeler.containers.packages import is_signed
from labeler.containers.splice import blocks
from labeler.containers.zip import Archive
from labeler.errors import MetadataError
from labeler.metadata.xml_edit import Element

__all__ = ["DC", "DocumentFiles", "first"]

DC: Final = "http://purl.org/dc/elements/1.1/"
_MOST_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class DocumentFiles:
    """A document in a ZIP archive."""

    archive: Archive
    _stream: BytesIO = field(repr=False)

    @classmethod
    def of(cls, data: bytes) -> DocumentFiles:
        """The document ``data``.

        Raises:
            UnreadableMediaError: It is truncated or damaged.
            UnsupportedMediaError: It is encrypted.
        """
        stream = BytesIO(data)
        return cls(archives.parse(stream), stream)

    def get(self, name: str) -> bytes | None:
        """The file's content; None where there is no such file.

        Raises:
            UnreadableMediaError: It is damaged.
            UnsupportedMediaError: It is larger than any metadata are.
        """
        entry = self.archive.get(name)
        if entry is None:
            return None
        return archives.content(self._stream, entry, limit=_MOST_BYTES)

    def require(self, name: str) -> bytes:
        """The content of a file without which this is no document.

        Raises:
            UnreadableMediaError: There is none, or it is damaged.
        """
        found = self.get(name)
        if found is None:
            raise damaged(f"{name} is missing in the document")
        return found

    def with_files(self, changes: dict[str, bytes]) -> bytes:
        """The document with these files in it; all others stay as they are.

        Raises:
            MetadataError: It is signed, and the signature would break.
        """
        if is_signed(self.archive):
            raise MetadataError(
                "the document is signed digitally, and any change would break the signature",
                hint="Mark it first and sign it then, or keep its marks beside it",
            )
        return b"".join(blocks(self._stream, archives.edited(self.archive, changes)))


def first(found: list[Element], namespace: str, name: str) -> Element | None:
    """The first element of this name."""
    return next((e for e in found if (e.namespace, e.name) == (namespace, name)), None)
