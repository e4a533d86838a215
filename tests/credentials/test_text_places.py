"""Where a manifest's place in a text is, and where there is none."""

import base64
import time

import pytest

from labeler.containers.splice import total
from labeler.credentials import _text_places as places
from labeler.credentials._layout import NoPlaceError
from labeler.credentials._text_armour import BEGIN, DATA, END
from labeler.credentials._text_page import SCRIPT_END, SCRIPT_START, head_end
from labeler.media.media_type import MediaType

STORE = bytes(range(256)) * 4


def put(data, media_type):
    room = places.layout(data, media_type)
    return b"".join(room.filled(STORE)), room.binding(bytes(32), len(STORE)).excluded


@pytest.mark.parametrize(
    ("page", "before"),
    [
        (b"<html><head><title>A</title></head><body>x", b"</head>"),
        (b"<html><head><script>'</head>'</script>\n</head>x", b"\n</head>x"[1:]),
        (b"<!-- </head> --><html><HEAD><meta charset=utf-8></HEAD>x", b"</HEAD>"),
        (b"<title>A</title>\n<p>x", b"<p>"),
        (b"<meta charset=utf-8><title><p></title><body class=a>x", b"<body"),
        (b"<p>x</p>", b"<p>"),
        (b"\xef\xbb\xbfonly text", b"only"),
        (b"<head><style>a{}</style><template></template></head>", b"<template"),
        (b"<head><base href='>'><noscript><link rel=a></noscript></head>", b"<noscript>"),
        (b"<head><title>no end", b"<title>no"),
        (b"", b""),
    ],
)
def test_the_element_is_the_last_in_the_head(page, before):
    assert page[head_end(page) :].startswith(before)
    assert page[head_end(page) :] or not page
    signed, hole = put(page, MediaType.HTML)
    assert signed[hole.start : hole.end].startswith(SCRIPT_START)
    assert signed[hole.start : hole.end].endswith(SCRIPT_END)
    if b"no end" not in page:
        assert places.find(signed, MediaType.HTML).excluded == hole
        assert places.without(signed, MediaType.HTML) == page


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("media_type", [MediaType.MARKDOWN, MediaType.XML, MediaType.TOML])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_comment_is_the_last_line_and_ends_as_others_do(end, media_type, mark):
    data = mark + b"one" + (end or b"\n") + b"two" + end
    signed, hole = put(data, media_type)
    newline = end or b"\n"
    assert signed[: hole.start] + signed[hole.end :] == data
    assert signed.startswith(data.removesuffix(end) + newline)
    assert signed.count(newline) == data.count(newline) + 1
    found = places.find(signed, media_type)
    assert found.data == STORE
    assert hole in {found.excluded, *found.also}
    assert places.without(signed, media_type) == data


@pytest.mark.parametrize(
    "line",
    [
        b"<!-- %s -->\n",
        b"# %s\n",
        b"%s\n",
        b"  ; %s\r\n",
        b"<!--%s-->\n",
        b"<?c2pa %s?>\r",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_blocks_of_others_are_found_on_any_line(line, first):
    block = BEGIN + b"\n" + DATA + base64.b64encode(STORE) + b"\r\n" + END
    line = line.replace(b"%s", block)
    data = line + b"text\n" if first else b"text\n" + line + b"text"
    found = places.find(data, MediaType.MARKDOWN)
    assert found.data == STORE
    spans = {data[each.start : each.end] for each in (found.excluded, *found.also)}
    assert {block, line} <= spans
    assert all(span.strip() in {block, line.strip()} for span in spans)
    assert places.without(data, MediaType.MARKDOWN) in {b"text\n", b"text\ntext"}


@pytest.mark.parametrize(
    "line", [b"x %s\n", b"# %s x\n", b"/* %s\n", b"<!-- %s */\n", b"%s -->\n", b"<!-- --> %s\n"]
)
def test_what_else_is_on_the_line_is_never_left_out(line):
    block = BEGIN + b" " + DATA + base64.b64encode(STORE) + b" " + END
    found = places.find(line.replace(b"%s", block), MediaType.PYTHON)
    assert found.also == ()
    assert len(found.excluded) == len(block)


OBSTACLES = [
    (MediaType.MARKDOWN, b"```python\nx\n"),
    (MediaType.MARKDOWN, b"````\n```\n"),
    (MediaType.MARKDOWN, b"~~~ ```\n```\n"),
    (MediaType.MARKDOWN, b"<pre>\nx\n"),
    (MediaType.MARKDOWN, b"<!-- x\n"),
    (MediaType.MARKDOWN, b"<?php x\n"),
    (MediaType.MARKDOWN, b"a " + BEGIN),
    (MediaType.YAML, b"--- |\na\n"),
    (MediaType.YAML, b"|\na\n"),
    (MediaType.YAML, b"a: >-\n  b"),
    (MediaType.XML, b'<a><b xmlns="http://www.w3.org/2000/09/xmldsig#"/></a>'),
    (MediaType.CSS, b"\xff\xfea\0"),
    (MediaType.HTML, b"\xfe\xff\0<"),
    (MediaType.HTML, b"<head><link href=a rel='x c2pa-manifest'>"),
    (MediaType.HTML, b"\x1b$B"),
    (MediaType.HTML, b"<head><template></template><meta name=a><meta charset=koi8-r></head>"),
    (MediaType.TEXT, b"a"),
    (MediaType.JSON, b"{}"),
]


@pytest.mark.parametrize(("media_type", "data"), OBSTACLES)
def test_no_place_where_it_would_change_the_text_or_not_be_found(media_type, data):
    with pytest.raises(NoPlaceError):
        places.layout(data, media_type)


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (MediaType.MARKDOWN, b"```\nx\n```\n"),
        (MediaType.MARKDOWN, b"``` a`b\nx\n"),
        (MediaType.MARKDOWN, b"~~~\n```\n~~~~\n<pre>x</pre>\n<!-- a\n--> b"),
        (MediaType.YAML, b"a: |\n  b\n"),
        (MediaType.YAML, b"a: 'b > c'"),
    ],
)
def test_a_place_where_everything_has_its_end(media_type, data):
    assert total(places.layout(data, media_type).before) == len(data)


@pytest.mark.parametrize(
    "piece",
    [
        *(b"<a", b"<a '", b'<a "', b"<a x='", b"<!--", b"<script", b"<script>", b"</script "),
        *(b"<title><", b"<link rel=", BEGIN, BEGIN + b" data:", b"<a x=<", b"<a x= "),
        *("\ufeff\ufe00".encode(), "\U000e0133".encode()),
    ],
)
@pytest.mark.parametrize("media_type", [MediaType.HTML, MediaType.MARKDOWN])
def test_hostile_texts_are_read_in_a_moment(piece, media_type):
    data = b'application/c2pa <link rel="c2pa-manifest' + piece * (300_000 // len(piece))
    started = time.process_time()
    places.carries(data, media_type)
    assert time.process_time() - started < 5  # quadratic reading takes minutes
