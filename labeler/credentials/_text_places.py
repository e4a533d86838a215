"""Where text files keep their manifest store: found there, taken out, and a place made for it.

HTML pages keep it in a script element, texts whose syntax has comments in a comment on the last
line, and others, on request only, in invisible characters. Source: C2PA 2.4, A.7 to A.9; as version
2.5 wants it, no front matter is made for it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from labeler.credentials import _text_armour, _text_page, _text_wrapper
from labeler.credentials._binding import BrokenStoreError, ElsewhereError, Found
from labeler.credentials._layout import Layout, NoPlaceError
from labeler.credentials._text_bytes import extends_ascii
from labeler.credentials._text_comments import COMMENTS, obstacle
from labeler.media.media_type import MediaKind, MediaType

__all__ = ["TYPES", "carries", "find", "layout", "without"]

TYPES: Final = frozenset(
    each for each in MediaType if each.kind is MediaKind.TEXT and not each.is_document
)
"""Texts that are not in a container."""
# In other texts canonically equivalent characters are not equal: a Greek question mark, which is a
# semicolon in normal form, ends no reference in HTML and no statement in a script.
_PROSE: Final = frozenset({MediaType.TEXT, MediaType.MARKDOWN})
_NEWLINE: Final = re.compile(rb"\r\n|\n|\r")


def find(data: bytes, media_type: MediaType) -> Found | None:
    """The manifest store in a text; None where there is none.

    A wrapper's hash is made of a text's normal form: where the text has a syntax it has to be in
    that form, for others would mean something else and have the same hash.

    Raises:
        BrokenStoreError: What should hold it is damaged, or there are several.
        ElsewhereError: The text says where it is, and does not hold it.
    """
    visible = _text_page.find if media_type is MediaType.HTML else _text_armour.find
    elsewhere = None
    for look in (visible, _text_wrapper.find):
        try:
            found = look(data)
        except ElsewhereError as error:
            elsewhere = error
            continue
        if found is not None:
            return _strict(found, data, media_type)
    if elsewhere is not None:
        raise elsewhere
    return None


def _strict(found: Found, data: bytes, media_type: MediaType) -> Found:
    """A store as it counts in its format.

    In a text with a syntax nothing may pass for a comment that is none, nor characters for equal
    that are not.
    """
    comment = COMMENTS.get(media_type)
    is_line = comment is not None and not comment.after
    if is_line and found.excluded is not None and _text_armour.spills(data, found.excluded):
        raise BrokenStoreError
    return found if media_type in _PROSE else replace(found, hashed=None)


def carries(data: bytes, media_type: MediaType) -> bool:
    """Whether a text holds a manifest store, or what is left of one."""
    try:
        return find(data, media_type) is not None
    except BrokenStoreError:
        return True
    except ElsewhereError:
        return False


def without(data: bytes, media_type: MediaType) -> bytes:
    """A text as it was before a manifest store was put into it."""
    strip = _text_page.without if media_type is MediaType.HTML else _text_armour.without
    return _text_wrapper.without(strip(data))


def layout(data: bytes, media_type: MediaType) -> Layout:
    """A text with a place for a store of any size; what it carries already is left out.

    Args:
        data: The text.
        media_type: Its format.

    Raises:
        NoPlaceError: It cannot take one.
    """
    rest = without(data, media_type)
    if media_type is not MediaType.HTML and media_type not in COMMENTS:
        raise NoPlaceError(f"{media_type.label} has no comments to put it in")
    if not extends_ascii(rest):
        raise NoPlaceError("the text is written in an encoding in which others do not find it")
    return _in_page(rest) if media_type is MediaType.HTML else _in_comment(rest, media_type)


def _in_page(data: bytes) -> Layout:
    if _text_page.refers(data):
        raise NoPlaceError("the page names another place for it already")
    at = _text_page.head_end(data)
    if _text_page.says_encoding_from(data, at):
        raise NoPlaceError("it would move what the page says about its encoding out of sight")
    return Layout(
        before=(data[:at],),
        header=b"",
        after=(data[at:],),
        encode=_between(_text_page.SCRIPT_START, _text_page.SCRIPT_END),
    )


def _in_comment(data: bytes, media_type: MediaType) -> Layout:
    if _text_armour.is_mentioned(data):
        raise NoPlaceError("the text itself holds what would tell its beginning and end")
    problem = obstacle(data, media_type)
    if problem is not None:
        raise NoPlaceError(f"a comment at the end of the text is not possible: {problem}")
    comment = COMMENTS[media_type]
    found = _NEWLINE.search(data)
    newline = b"\n" if found is None else found.group()
    ends = data.endswith((b"\n", b"\r"))
    before = (b"" if ends else newline) + comment.before + _text_armour.BEGIN + b" "
    after = b" " + _text_armour.END + comment.after + (newline if ends else b"")
    encode = _between(before + _text_armour.DATA, after)
    return Layout(before=(data,), header=b"", after=(), encode=encode)


def _between(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    return lambda store: before + base64.b64encode(store) + after
