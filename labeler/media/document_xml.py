"""Files in a document, and a reader for the XML that they hold.

Documents that declare entities are refused, so that nothing expands or is fetched.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final
from xml.parsers import expat

from labeler.containers import zip as archives
from labeler.containers.damage import damaged
from labeler.errors import UnreadableMediaError, UnsupportedMediaError

__all__ = ["Files", "Reader", "listed"]

_MOST_FILE: Final = 64 << 20
_MOST_BYTES: Final = 256 << 20
"""All that is unpacked for one document, whatever is named how often."""
_MOST_DEPTH: Final = 512
_MOST_LISTED: Final = 100_000


class Files:
    """The files in a document."""

    def __init__(self, data: bytes) -> None:
        self._stream = BytesIO(data)
        self._entries = {each.name: each for each in archives.parse(self._stream).entries}
        self._left = _MOST_BYTES

    def get(self, name: str) -> bytes | None:
        """A file's content; None where there is no such file.

        Raises:
            UnreadableMediaError: It is damaged.
            UnsupportedMediaError: It is larger than 64 MiB, or all read so far than 256 MiB.
        """
        entry = self._entries.get(name)
        if entry is None:
            return None
        self._left -= entry.size
        if self._left < 0:
            raise UnsupportedMediaError(
                "the document would take more than 256 MiB to unpack",
                hint="Check where the file comes from",
            )
        return archives.content(self._stream, entry, limit=_MOST_FILE)

    def require(self, name: str) -> bytes:
        """The content of a file without which there is no text."""
        found = self.get(name)
        if found is None:
            raise damaged(f"{name} is missing in the document")
        return found


class Reader:
    """Goes through the elements of a file, and collects text.

    Subclasses say in `opened` and `closed` what elements mean; what lies in an element for which
    `opened` says False is passed over.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._depth = 0
        self._skipped: int | None = None

    def opened(self, name: str, attributes: dict[str, str]) -> bool:
        """What to do where an element begins; whether to look into it."""
        raise NotImplementedError

    def closed(self, name: str) -> None:
        """What to do where an element ends."""

    def characters(self, text: str) -> None:
        """What to do with the text of an element."""

    def read(self, document: bytes, name: str) -> list[str]:
        """The text in a file.

        Raises:
            UnreadableMediaError: It is malformed, too deep, or declares entities.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _refuse_entities
        try:
            parser.Parse(document, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise UnreadableMediaError(
                f"{name} in the document is malformed ({error})", hint="Save the document anew"
            ) from error
        return self.pieces

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise ValueError("its elements lie too deep")
        if self._skipped is None and not self.opened(name, attributes):
            self._skipped = self._depth

    def _end(self, name: str) -> None:
        if self._skipped is None:
            self.closed(name)
        elif self._skipped == self._depth:
            self._skipped = None
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._skipped is None:
            self.characters(text)


def _refuse_entities(*_: object) -> None:
    raise ValueError("it declares entities")


class _Attributes(Reader):
    """Collects the attributes of elements by their local name."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._names = names
        self.found: list[tuple[str, dict[str, str]]] = []

    def opened(self, name: str, attributes: dict[str, str]) -> bool:
        local = name.rpartition(" ")[2]
        if local in self._names:
            if len(self.found) == _MOST_LISTED:
                raise ValueError("it lists too much")
            self.found.append((local, attributes))
        return True


def listed(document: bytes, name: str, *names: str) -> list[tuple[str, dict[str, str]]]:
    """Local name and attributes of the elements of a file that have one of ``names``.

    Raises:
        UnreadableMediaError: It is malformed.
    """
    reader = _Attributes(*names)
    reader.read(document, name)
    return reader.found
