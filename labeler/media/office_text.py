"""What people read in Word documents and Excel workbooks.

Source: ISO/IEC 29500-1, 17.3 (runs), 17.13 (revisions), 18.3 (worksheets) and 18.4
(shared strings); 29500-2, 6.5 (relationships); 29500-3, 7 (alternate content).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from labeler.containers.damage import damaged
from labeler.errors import MediaTooLargeError
from labeler.media.document_xml import Files, Reader, listed

__all__ = ["read_docx", "read_xlsx"]

_WORDS: Final = ("http://schemas.openxmlformats.org/wordprocessingml/2006/main",
                 "http://purl.oclc.org/ooxml/wordprocessingml/main")  # fmt: skip
_SHEETS: Final = ("http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                  "http://purl.oclc.org/ooxml/spreadsheetml/main")  # fmt: skip
# Deletions and moves that are tracked, earlier formats, what fields are calculated from.
_UNSEEN: Final = frozenset({"del", "moveFrom", "instrText", "rPrChange", "pPrChange"})
_MOST_TEXT: Final = 64 << 20
_MOST_DIGITS: Final = 9
_FALLBACK: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"


class _Words(Reader):
    """Text of a Word document."""

    def __init__(self) -> None:
        super().__init__()
        self._in_text = False
        self._run_from: int | None = None
        self._hidden = False

    def opened(self, name: str, attributes: dict[str, str]) -> bool:
        namespace, _, local = name.rpartition(" ")
        if name == _FALLBACK or local in _UNSEEN:
            return False
        if namespace not in _WORDS:
            return True
        if local == "r":
            self._run_from, self._hidden = len(self.pieces), False
        elif local in {"vanish", "webHidden"}:
            value = attributes.get(f"{namespace} val", "1")
            self._hidden |= local == "vanish" and value not in {"0", "false", "off"}
        elif local in {"tab", "ptab"} and self._run_from is not None:
            self.pieces.append("\t")
        elif local in {"br", "cr"}:
            self.pieces.append("\n")
        elif local == "noBreakHyphen":
            self.pieces.append("-")
        self._in_text = local == "t"
        return True

    def closed(self, name: str) -> None:
        namespace, _, local = name.rpartition(" ")
        self._in_text = False
        if namespace not in _WORDS:
            return
        if local == "r" and self._run_from is not None:
            if self._hidden:
                del self.pieces[self._run_from :]
            self._run_from = None
        elif local == "p":
            self.pieces.append("\n")

    def characters(self, text: str) -> None:
        if self._in_text:
            self.pieces.append(text)


class _Strings(Reader):
    """The strings that the cells of a workbook share."""

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self._parts: list[str] = []

    def opened(self, name: str, attributes: dict[str, str]) -> bool:
        del attributes
        local = name.rpartition(" ")[2]
        if local == "si":
            self._parts = []
        return local != "rPh"  # how it is pronounced

    def closed(self, name: str) -> None:
        if name.rpartition(" ")[2] == "si":
            self.strings.append("".join(self._parts))

    def characters(self, text: str) -> None:
        self._parts.append(text)


class _Sheet(Reader):
    """The cells of a worksheet, as they were last calculated."""

    def __init__(self, strings: list[str]) -> None:
        super().__init__()
        self._strings = strings
        self._kind = ""
        self._value: list[str] | None = None
        self._cells: list[str] = []
        self._length = 0

    def opened(self, name: str, attributes: dict[str, str]) -> bool:
        namespace, _, local = name.rpartition(" ")
        if namespace not in _SHEETS or local in {"f", "rPh"}:  # a formula is not what is shown
            return False
        if local == "row":
            self._cells = []
            return attributes.get("hidden") not in {"1", "true"}
        if local == "c":
            self._kind, self._value = attributes.get("t", "n"), []
        return local in {"worksheet", "sheetData", "c", "v", "is", "t", "r"}

    def closed(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        if local == "c" and self._value is not None:
            value = self._shown("".join(self._value))
            if value:
                self._cells.append(value)
            self._value = None
            self._length += len(value)
            if self._length > _MOST_TEXT:  # of a string that a million cells share
                raise MediaTooLargeError(
                    f"a sheet of the workbook has more than {_MOST_TEXT} characters",
                    hint="Split it",
                )
        elif local == "row" and self._cells:
            self.pieces.append("\t".join(self._cells) + "\n")

    def characters(self, text: str) -> None:
        if self._value is not None:
            self._value.append(text)

    def _shown(self, value: str) -> str:
        """What a cell shows: of one that shares a string, which is its value's number."""
        if self._kind != "s":
            return value
        number = value.strip()
        is_number = number.isdecimal() and len(number) <= _MOST_DIGITS
        known = is_number and int(number) < len(self._strings)
        return self._strings[int(number)] if known else number


def _relations(files: Files, part: str) -> dict[str, tuple[str, str]]:
    """What a part relates to: kind and name, by number."""
    folder, _, base = part.rpartition("/")
    name = f"{folder}/_rels/{base}.rels".removeprefix("/")
    document = files.get(name)
    if document is None:
        return {}
    return {
        each.get("Id", ""): (
            each.get("Type", "").rpartition("/")[2],
            posixpath.normpath(posixpath.join("/", folder, each.get("Target", "")))[1:],
        )
        for _, each in listed(document, name, "Relationship")
        if each.get("TargetMode") != "External"
    }


def _main_part(files: Files) -> str:
    for kind, name in _relations(files, "").values():
        if kind == "officeDocument":
            return name
    raise damaged("the document does not say where its text is")


def read_docx(files: Files) -> Iterator[str]:
    """Paragraphs, then foot- and endnotes.

    Raises:
        UnreadableMediaError: The document is damaged.
    """
    main = _main_part(files)
    yield from _Words().read(files.require(main), main)
    for kind, name in sorted(_relations(files, main).values()):
        document = files.get(name) if kind in {"footnotes", "endnotes"} else None
        if document is not None:
            yield from _Words().read(document, name)


def read_xlsx(files: Files) -> Iterator[str]:
    """The rows of the sheets that are shown; numbers as they are stored.

    Raises:
        UnreadableMediaError: The workbook is damaged.
    """
    main = _main_part(files)
    relations = _relations(files, main)
    strings = _Strings()
    for kind, name in relations.values():
        if kind == "sharedStrings":
            strings.read(files.require(name), name)
    for _, sheet in listed(files.require(main), main, "sheet"):
        number = next((value for key, value in sheet.items() if key.endswith(" id")), "")
        _, name = relations.get(number, ("", ""))
        if name and sheet.get("state", "visible") == "visible":
            yield from _Sheet(strings.strings).read(files.require(name), name)
