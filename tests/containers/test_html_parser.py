import pytest

from labeler.containers.html_parser import PageParser


class Seen(PageParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)

    def handle_data(self, data):
        self.seen.append(data)

    def handle_comment(self, data):
        self.seen.append(f"!{data}")


def read(page, piece=1 << 30):
    parser = Seen()
    for start in range(0, len(page), piece):
        parser.feed(page[start : start + piece])
    parser.close()
    return parser.seen


@pytest.mark.parametrize("rest", ["<!-- <b>", "<!x <b", "<?x <b", "</x <b", "<x <b", '<x y="<b>'])
@pytest.mark.parametrize("piece", [1, 3, 1 << 30])
def test_what_is_open_at_the_end_takes_the_rest(rest, piece):
    assert "b" not in read(f"<p>hi{rest}", piece)
    assert read("<p>hi<b>", piece)[-1] == "b"


# The standard library takes minutes for any of these.
@pytest.mark.parametrize("unit", ["<!--", "<!", "<?", "</", "<a ", '<a b="', "<![CDATA[", "&#"])
def test_long_rows_of_beginnings_are_read(unit):
    assert read("<p>" + unit * 200_000)[0] == "p"


@pytest.mark.parametrize("section", ["<![ x>", "<![if !IE]>", "<![nonsense[x]]>", "<![CDATA[x]]>"])
def test_marked_sections_are_comments(section):
    seen = read(f"<p>{section}<b>after")
    assert seen[-2:] == ["b", "after"]
    assert seen[1].startswith("![")


def test_character_references_are_resolved():
    assert "".join(read("a &amp; b &#x41;")) == "a & b A"
