"""What people are told, in the description that programs show beside a file."""

import json
import subprocess

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.containers import flac, id3_tag
from labeler.containers.id3_tag import Frame, Tag
from labeler.errors import MetadataError
from labeler.media.media_type import MediaType, sniff
from labeler.metadata import Tags, read, read_file, write, xmp
from labeler.metadata.claims import packet_with_claims
from labeler.provenance import Provenance
from tests.clips import clip
from tests.media.making import XMP, opened, pixels, saved
from tests.metadata.claims import exiftool, kind_of, packets, written
from tests.sounds import SOUND_FORMATS, murmur, save

SENTENCE = "\u0422\u043e\u0432\u0430 \u0435 \u00abAI\u00bb & more."
TOLD = Provenance(disclosure=SENTENCE)
DC = "http://purl.org/dc/elements/1.1/"
FORMS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"]

every_sound = pytest.mark.parametrize("suffix", SOUND_FORMATS)


def packet_with(body, *, attributes=""):
    return XMP.replace(
        b"/></x:xmpmeta>",
        f'><rdf:Description rdf:about="" xmlns:dc="{DC}" {attributes}>{body}'
        "<dc:format>kept</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>".encode(),
    )


def languages(packet):
    (found,) = (p for p in xmp.properties(packet) if (p.namespace, p.name) == (DC, "description"))
    return dict(found.languages)


# ------------------------------------------------------------------------------------------ packet


@pytest.mark.parametrize(
    ("body", "attributes", "expected"),
    [
        ("", "", {"x-default": SENTENCE}),
        ("<dc:description>A cat</dc:description>", "", {"x-default": f"A cat\n{SENTENCE}"}),
        ("", 'dc:description="A cat"', {"x-default": f"A cat\n{SENTENCE}"}),
        (
            (
                '<dc:description><rdf:Alt><rdf:li xml:lang="de">Katze</rdf:li>'
                '<rdf:li xml:lang="x-default">A cat \n</rdf:li></rdf:Alt></dc:description>'
            ),
            "",
            {"x-default": f"A cat\n{SENTENCE}", "de": "Katze"},
        ),
        (
            (
                '<dc:description><rdf:Alt><rdf:li xml:lang="de">Katze</rdf:li></rdf:Alt>'
                "</dc:description>"
            ),
            "",
            {"x-default": f"Katze\n{SENTENCE}", "de": "Katze"},
        ),
        (
            "<dc:description><rdf:Bag><rdf:li>A cat</rdf:li></rdf:Bag></dc:description>",
            "",
            {"x-default": f"A cat\n{SENTENCE}"},
        ),
        (
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default"/></rdf:Alt></dc:description>',
            "",
            {"x-default": SENTENCE},
        ),
    ],
)
def test_the_sentence_goes_behind_what_is_there(body, attributes, expected):
    before = packet_with(body, attributes=attributes)
    after = packet_with_claims(before, TOLD)
    assert languages(after) == expected
    assert next(iter(languages(after))) == "x-default"
    assert b"<dc:format>kept</dc:format>" in after
    assert packet_with_claims(after, TOLD) is after
    # Other claims leave it alone.
    assert languages(packet_with_claims(after, Provenance(generator="x"))) == expected


def test_a_description_that_says_so_stays_byte_for_byte():
    before = packet_with_claims(
        packet_with(
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Made by AI. A cat</rdf:li>'
            '<rdf:li xml:lang="de">Katze</rdf:li></rdf:Alt></dc:description>'
        ),
        Provenance(),
    )
    assert packet_with_claims(before, Provenance(disclosure=" Made by AI. ")) is before


@given(st.lists(st.text(st.characters(exclude_categories=["C"])), min_size=1, max_size=3))
def test_whatever_is_said_is_said_once(texts):
    sentences = [text for text in texts if text.strip()]
    packet = None
    for sentence in sentences * 2:
        packet = packet_with_claims(packet, Provenance(disclosure=sentence))
    if packet is not None:
        described = languages(packet)["x-default"]
        assert all(sentence.strip() in described for sentence in sentences)
        assert len(described.split("\n")) <= len(set(map(str.strip, sentences)))


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_disclosure_has_words(text):
    with pytest.raises(ValueError, match="disclosure"):
        Provenance(disclosure=text)


def test_characters_that_xml_cannot_hold_are_told():
    with pytest.raises(MetadataError, match="description"):
        write(saved(pixels(), "PNG"), MediaType.PNG, Provenance(disclosure="a\0b"), name="a")


# ----------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("form", FORMS)
def test_pictures_tell_it(form):
    source = saved(pixels(), form)
    media_type = sniff(source, name=form)
    result = write(source, media_type, TOLD, name="a")
    assert read(result, media_type).description == SENTENCE
    assert write(result, media_type, TOLD, name="a") is result
    assert opened(result).convert("RGB").tobytes() == opened(source).convert("RGB").tobytes()
    # The description is of the file; no claim of ours is taken from it.
    assert read(write(source, media_type, Provenance(), name="a"), media_type).description is None


@pytest.mark.system
@pytest.mark.parametrize("form", FORMS)
def test_exiftool_reads_the_description(form, tmp_path):
    packet = packet_with("<dc:description>A cat</dc:description>")
    options = {"xmp": packet} if form in {"JPEG", "WEBP", "AVIF"} else {}
    path = tmp_path / "a"
    data = saved(pixels(), form, **options)
    path.write_bytes(write(data, sniff(data, name=form), TOLD, name="a"))
    found = exiftool(path)["description"]
    assert found == (f"A cat\n{SENTENCE}" if options else SENTENCE)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder, samples = tmp_path_factory.mktemp("sounds"), murmur(0.5, 16_000, 2)
    return {suffix: save(folder / f"a{suffix}", samples) for suffix in SOUND_FORMATS}


@every_sound
def test_sounds_tell_it(suffix, sounds, tmp_path):
    source = sounds[suffix]
    assert read_file(source, kind_of(source)) == Tags()
    first = written(source, tmp_path, TOLD, name="first")
    assert read_file(first, kind_of(first)).description == SENTENCE
    assert packets(first) == packets(source)
    assert written(first, tmp_path, TOLD, name="again").read_bytes() == first.read_bytes()
    other = written(first, tmp_path, Provenance(disclosure="Other."), name="other")
    assert read_file(other, kind_of(other)).description == f"{SENTENCE}\nOther."


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".mkv", ".webm"])
def test_films_tell_it(suffix, tmp_path):
    source = clip(suffix, width=64, height=48, frames=6, gop=6)
    path = written(source, tmp_path, TOLD)
    assert read_file(path, kind_of(path)).description == SENTENCE
    assert packets(path) == packets(source)


@pytest.mark.system
@pytest.mark.parametrize("suffix", [".flac", ".opus", ".webm"])
def test_ffmpeg_shows_it_behind_what_was_there(suffix, sounds, tmp_path):
    source = tmp_path / f"described{suffix}"
    with av.open(str(sounds[suffix])) as given, av.open(str(source), "w") as target:
        stream = target.add_stream_from_template(given.streams[0])
        target.metadata.update({"description": "A cat", "comment": "kept", "title": "T"})
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    path = written(source, tmp_path, TOLD)
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    (tags,) = (
        {name.lower(): value for name, value in part["tags"].items()}
        for part in (shown["format"], *shown["streams"])
        if "title" in map(str.lower, part.get("tags", {}))
    )
    assert SENTENCE in f"{tags.get('description')}{tags.get('comment')}"
    assert "A cat" in json.dumps(tags)
    assert "kept" in json.dumps(tags)
    assert tags["title"] == "T"


@pytest.mark.system
@pytest.mark.parametrize(
    ("version", "encoding", "text"),
    [
        (3, b"\0", b"\0A c\xe4t"),
        (3, b"\1", "\ufeff\0\ufeffA c\u00e4t".encode("utf-16-le")),
        (4, b"\3", b"\0A c\xc3\xa4t"),
    ],
)
def test_players_of_mp3_show_it_as_the_comment(version, encoding, text, sounds, tmp_path):
    frames = (
        Frame(b"TIT2", b"\0T"),
        Frame(b"COMM", b"\0engiTunNORM\0 0001"),
        Frame(b"COMM", encoding + b"deu" + text),
    )
    source = tmp_path / "commented.mp3"
    sound = sounds[".mp3"].read_bytes()
    with sounds[".mp3"].open("rb") as stream:
        old = id3_tag.read(stream)
    source.write_bytes(Tag(version=version, frames=frames).to_bytes() + sound[old.size :])
    assert read_file(source, MediaType.MP3).description == "A c\u00e4t"
    path = written(source, tmp_path, TOLD)
    shown = exiftool(path)
    assert f"A c\u00e4t\n{SENTENCE}" in {shown.get("comment"), shown.get("comment-deu")}
    assert shown["title"] == "T"
    assert b"iTunNORM\0 0001" in path.read_bytes()
    assert shown["description"] == SENTENCE  # XMP
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == f"A c\u00e4t\n{SENTENCE}"
    assert packets(path) == packets(source)
    assert written(path, tmp_path, TOLD, name="again").read_bytes() == path.read_bytes()


def test_several_descriptions_become_one(sounds, tmp_path):
    """Vorbis comments may repeat a name; players show the first alone."""
    source = tmp_path / "two.flac"
    with av.open(str(sounds[".flac"])) as given, av.open(str(source), "w") as target:
        stream = target.add_stream_from_template(given.streams[0])
        target.metadata.update({"DESCRIPTION": "one", "OTHERNAMES1": "two"})
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    source.write_bytes(source.read_bytes().replace(b"OTHERNAMES1", b"description"))
    path = written(source, tmp_path, TOLD)
    assert read_file(path, MediaType.FLAC).description == f"one\ntwo\n{SENTENCE}"
    with path.open("rb") as stream:
        assert flac.parse(stream).find(flac.VORBIS_COMMENT) is not None
    assert path.read_bytes().lower().count(b"description=") == 1
