"""Which document a ZIP archive is: told by what it says of itself, not by its name.

OpenDocument and EPUB begin with an entry ``mimetype`` (ODF 1.3, part 2, 3.3; OCF 3.3, 4.2.7); the
parts of Office's documents have content types (ISO/IEC 29500-2, 10.1.2).
"""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from labeler.containers import zip as archives
from labeler.containers.packages import CONTENT_TYPES
from labeler.errors import LabelerError
from labeler.media.foreign import Foreign
from labeler.media.formats import MediaType

__all__ = ["ZIP_SIGNATURE", "document_type"]

ZIP_SIGNATURE: Final = b"PK\x03\x04"
"""What every archive begins with that has an entry."""
_MOST_TYPES: Final = 4 << 20
_NO_DOCUMENT: Final[Foreign] = ("a ZIP archive", "Unpack it first")
_SAVE_AS: Final = "Save it as DOCX, XLSX, ODT or EPUB first"

# The first entry's name, its extra field empty, and content: mimetype has no compression.
_MIMETYPE: Final = re.compile(rb"mimetype([ -~]{1,200})")
_LOCAL_BYTES: Final = 30
_BY_MIMETYPE: Final[dict[bytes, MediaType]] = {
    kind.value.encode(): kind for kind in (MediaType.ODT, MediaType.EPUB)
}
_OPEN_DOCUMENT: Final = b"application/vnd.oasis.opendocument."

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_MAIN_PARTS: Final[dict[str, MediaType | Foreign]] = {
    f"{_OFFICE}wordprocessingml.document.main+xml": MediaType.DOCX,
    f"{_OFFICE}spreadsheetml.sheet.main+xml": MediaType.XLSX,
    f"{_OFFICE}presentationml.presentation.main+xml": ("a PowerPoint presentation", _SAVE_AS),
    "application/vnd.ms-word.document.macroEnabled.main+xml": (
        "a Word document with macros (DOCM)",
        _SAVE_AS,
    ),
    "application/vnd.ms-excel.sheet.macroEnabled.main+xml": (
        "an Excel workbook with macros (XLSM)",
        _SAVE_AS,
    ),
}
# What an archive that was cut off still shows of the names of its parts.
_CUT_OFF: Final = ((b"word/", MediaType.DOCX), (b"xl/", MediaType.XLSX))


def document_type(file: BinaryIO, head: bytes) -> MediaType | Foreign:
    """What the ZIP archive in ``file`` is.

    Args:
        file: The archive, which begins with `ZIP_SIGNATURE`.
        head: Its first bytes; they decide where the rest is missing.
    """
    said = _mimetype(head)
    if said is not None:
        if said in _BY_MIMETYPE:
            return _BY_MIMETYPE[said]
        is_office = said.startswith(_OPEN_DOCUMENT)
        return ("another OpenDocument than a text", _SAVE_AS) if is_office else _NO_DOCUMENT
    try:
        archive = archives.parse(file)
        entry = archive.get(CONTENT_TYPES)
        types = None if entry is None else archives.content(file, entry, limit=_MOST_TYPES)
    except LabelerError:
        # What is damaged, encrypted or too large is named when it is opened.
        named = (kind for sign, kind in _CUT_OFF if sign in head and b"Content_Types" in head)
        return next(named, _NO_DOCUMENT)
    return _NO_DOCUMENT if types is None else _by_types(types)


def _mimetype(head: bytes) -> bytes | None:
    """What the entry ``mimetype`` holds that an archive begins with."""
    size = int.from_bytes(head[18:22], "little")
    found = _MIMETYPE.match(head, _LOCAL_BYTES)
    if found is None or head[8:10] != b"\0\0" or head[26:30] != b"\x08\0\0\0":
        return None
    return found.group(1)[:size] if size else None


def _by_types(types: bytes) -> MediaType | Foreign:
    text = types.decode("utf-16" if types[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")
    for name, found in _MAIN_PARTS.items():
        if f'"{name}"' in text or f"'{name}'" in text:
            return found
    return _NO_DOCUMENT
