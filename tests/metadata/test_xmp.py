import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import MetadataError
from labeler.metadata import xmp
from labeler.metadata.xmp import Property

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OURS = "http://example.com/ours/"
PREFIXES = {OURS: "ours"}

RICH = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- a comment -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="A Tool 1.0">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="uuid:1234" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:o='{OURS}' xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmp:CreatorTool="a > tool" o:Old = 'gone &amp; forgotten' xmp:Rating="3">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">T\u00eftle</rdf:li></rdf:Alt></dc:title>
   <o:Kept>as <!-- it --> is</o:Kept>
   <o:Element rdf:resource="http://example.com/v"/>
  </rdf:Description>
  <rdf:Description rdf:about="uuid:1234" xmlns:o="{OURS}">
   <o:Lonely>x</o:Lonely>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
{" " * 2000}
<?xpacket end="w"?>""".encode()


def value(packet, name, space=OURS):
    found = [p.value for p in xmp.properties(packet) if (p.namespace, p.name) == (space, name)]
    assert len(found) <= 1
    return found[0] if found else None


def merged(packet, **values):
    new = [Property(OURS, name, text) for name, text in values.items()]
    return xmp.merge(packet, new, prefixes=PREFIXES)


def test_reads_attributes_elements_resources_and_lists():
    assert value(RICH, "Old") == "gone & forgotten"
    assert value(RICH, "Kept") == "as  is"
    assert value(RICH, "Element") == "http://example.com/v"
    assert value(RICH, "title", "http://purl.org/dc/elements/1.1/") == "T\u00eftle"
    assert value(RICH, "CreatorTool", "http://ns.adobe.com/xap/1.0/") == "a > tool"


def test_a_new_packet_reads_in_other_parsers():
    packet = merged(None, A='1 < 2 & "3"', B="\u00e4\u4e2d\U0001f600")
    root = ET.fromstring(packet)
    (node,) = root.iter(f"{{{RDF}}}Description")
    assert node.get(f"{{{RDF}}}about") == ""
    assert node.find(f"{{{OURS}}}A").text == '1 < 2 & "3"'
    assert node.find(f"{{{OURS}}}B").text == "\u00e4\u4e2d\U0001f600"


@pytest.mark.parametrize("name", ["Old", "Element", "Lonely", "New"])
def test_only_the_named_property_changes(name):
    packet = merged(RICH, **{name: "new value"})
    before = {(p.namespace, p.name): p.value for p in xmp.properties(RICH)}
    after = {(p.namespace, p.name): p.value for p in xmp.properties(packet)}
    assert after == before | {(OURS, name): "new value"}
    assert b"<!-- a comment -->" in packet
    assert b'x:xmptk="A Tool 1.0"' in packet
    assert b" " * 2000 in packet
    # Every line that holds nothing of ours is still there, byte for byte.
    for line in RICH.splitlines():
        if name.encode() not in line:
            assert line in packet or b"Description" in line


def test_a_description_that_is_left_empty_goes():
    packet = merged(RICH, Lonely="y")
    assert packet.count(b"<rdf:Description") == RICH.count(b"<rdf:Description")
    assert merged(merged(RICH, Lonely="y"), Lonely="x").count(b"<rdf:Description") == 2


def test_the_subject_stays_that_of_the_packet():
    nodes = ET.fromstring(merged(RICH, New="x")).iter(f"{{{RDF}}}Description")
    assert {node.get(f"{{{RDF}}}about") for node in nodes} == {"uuid:1234"}


def test_merging_twice_changes_nothing():
    once = merged(RICH, Old="a", New="b")
    assert merged(once, Old="a", New="b") is once
    # Changing values to and fro leaves nothing behind.
    there = merged(once, New="c")
    back = merged(there, New="b")
    assert merged(merged(back, New="c"), New="b") == back
    assert merged(back, New="c") == there


@pytest.mark.parametrize(
    "rdf",
    [
        f'<rdf:RDF xmlns:rdf="{RDF}"/>',
        f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF>',
        f'<RDF xmlns="{RDF}" />',
        f'<q:RDF xmlns:q="{RDF}"><q:Description q:about="" a:b="c" xmlns:a="urn:a"/></q:RDF>',
    ],
)
def test_unusual_documents(rdf):
    for packet in (rdf, f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}</x:xmpmeta>'):
        assert value(merged(packet.encode(), New="x"), "New") == "x"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-8-sig"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_other_encodings_become_utf_8(encoding, mark):
    text = RICH.decode().split("?>\n", 1)[1]
    packet = (mark + text).encode(encoding)
    if encoding.endswith("sig"):
        packet = text.encode(encoding)
    assert value(merged(packet, New="\u00e4"), "New") == "\u00e4"
    assert "T\u00eftle".encode() in merged(packet, New="x")


def test_padding_can_be_taken_out():
    smaller = xmp.without_padding(RICH)
    assert len(smaller) < len(RICH) - 1900
    assert xmp.properties(smaller) == xmp.properties(RICH)


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"", "well-formed"),
        (b"not xml", "well-formed"),
        (b"<x/>", "no RDF"),
        (RICH[:-200] + b"<broken", "well-formed"),
        (RICH.replace("\u00ef".encode(), b"\xef"), "well-formed"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "entities"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "entities"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "entities"),
        (b"\xff\xfe<\0x\0\0\xd8", "Unicode"),
        (b"<a>" * 100 + b"</a>" * 100, "deeply"),
        (b" " * (xmp.MAX_PACKET_BYTES + 1), "larger"),
    ],
)
def test_what_is_not_xmp_is_refused(packet, problem):
    with pytest.raises(MetadataError, match=problem):
        xmp.properties(packet)
    with pytest.raises(MetadataError, match=problem):
        merged(packet, New="x")


@pytest.mark.parametrize("text", ["a\0b", "\x1b", "\ud800", "\ufffe"])
def test_characters_that_xml_cannot_hold(text):
    with pytest.raises(MetadataError, match="control characters"):
        merged(None, New=text)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r"),
    min_size=1,
)


@given(st.sampled_from([None, RICH]), st.dictionaries(st.sampled_from("ABC"), TEXTS, min_size=1))
def test_any_text_comes_back(packet, values):
    result = merged(packet, **values)
    for name, text in values.items():
        assert value(result, name) == text
    assert merged(result, **values) is result
    if packet is not None:
        others = [p for p in xmp.properties(result) if p.name not in values]
        assert sorted(others) == sorted(xmp.properties(packet))


@given(st.integers(0, len(RICH)), st.binary(max_size=8), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_damage_gives_nothing_but_metadata_errors(position, new, removed):
    damaged = RICH[:position] + new + RICH[position + removed :]
    try:
        result = merged(damaged, Old="value")
    except MetadataError as exc:
        assert_told(exc)
    else:
        assert "value" in [p.value for p in xmp.properties(result) if p.name == "Old"]


def assert_told(error):
    assert error.problem
    assert error.hint
