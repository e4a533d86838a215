"""China's AIGC label: one in a file, wherever another program put its own."""

import json
import shutil
import subprocess

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import PngImagePlugin

from detectors.metadata import detect
from detectors.report import Presence
from labeler import aigc as aigc_module
from labeler.aigc import AigcLabel, AigcStatus
from labeler.containers import bmff, png, tiff
from labeler.errors import LabelerError, MetadataError
from labeler.media.content import Content
from labeler.media.media_type import MediaType, sniff
from labeler.metadata import read, read_file, write, write_file
from labeler.metadata.statements import AIGC_HINT
from labeler.provenance import Provenance
from tests.clips import clip
from tests.media.making import XMP, opened, pixels, saved
from tests.metadata.claims import exiftool, kind_of, packets, written
from tests.sounds import SOUND_FORMATS, murmur, save

LABEL = AigcLabel.first(content_producer="001191110108MA01ABCD2X00001", produce_id='n"42')
OURS = Provenance(generator="Model", aigc=LABEL)
OTHER = AigcLabel.first(content_producer="other", produce_id="7", label=AigcStatus.SUSPECTED)
# Without the outer object, as many programs write it.
FOREIGN = '{"Label": "2", "ContentProducer": "someone", "ProduceID": "1"}'
READ = AigcLabel(label=AigcStatus.POSSIBLE, content_producer="someone", produce_id="1")
PLAIN = {"width": 64, "height": 48, "frames": 6, "gop": 6}
FORMS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"]

every_form = pytest.mark.parametrize("form", FORMS)
every_sound = pytest.mark.parametrize("suffix", SOUND_FORMATS)
every_film = pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".mkv", ".webm"])


# ---------------------------------------------------------------------------------------- the text


def test_the_text_is_that_of_annex_e():
    assert LABEL.to_json() == (
        '{"AIGC": {"Label": "1", "ContentProducer": "001191110108MA01ABCD2X00001", '
        '"ProduceID": "n\\"42", "ReservedCode1": "", '
        '"ContentPropagator": "001191110108MA01ABCD2X00001", "PropagateID": "n\\"42", '
        '"ReservedCode2": ""}}'
    )


ALLOWED = st.text(st.sampled_from([chr(n) for n in range(0x21, 0x7F) if n != 0x5C]), max_size=9)


VALUES = st.fixed_dictionaries(
    {"label": st.sampled_from(AigcStatus), "content_producer": ALLOWED.filter(bool)}
    | dict.fromkeys(list(AigcLabel.__slots__)[2:], ALLOWED)
)


@given(VALUES)
def test_every_label_that_can_be_written_comes_back(fields):
    label = AigcLabel(**fields)
    text = label.to_json()
    assert AigcLabel.from_json(text) == label
    # Another shape: without the outer object, or with the inner one as a text.
    inner = json.loads(text)["AIGC"]
    assert AigcLabel.from_json(json.dumps(inner)) == label
    assert AigcLabel.from_json(json.dumps({"AIGC": json.dumps(inner)})) == label


def test_numbers_and_fields_of_others_are_read():
    text = '{"Label": 3, "ContentProducer": "\u67d0\u516c\u53f8", "ProduceID": null, "More": []}'
    assert AigcLabel.from_json(text) == AigcLabel(
        label=AigcStatus.SUSPECTED, content_producer="\u67d0\u516c\u53f8"
    )


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "1", "{}", '{"AIGC": []}', '{"Label": "4"}', '{"Label": true}',
             '{"Label": {}}', "[" * 100_000, '{"AIGC": "x"}'],
)  # fmt: skip
def test_what_is_no_label_is_told(text):
    with pytest.raises(MetadataError, match="AIGC label"):
        AigcLabel.from_json(text)


@pytest.mark.parametrize("value", ["a b", "a\\b", "\u67d0\u516c\u53f8", "a\n", "\x7f", "\ud800"])
def test_what_the_standard_does_not_allow_is_refused_before_anything_is_written(value):
    label = AigcLabel.first(content_producer="x", produce_id=value)
    with pytest.raises(MetadataError, match="ProduceID"):
        Provenance(aigc=label)


def test_a_label_names_somebody():
    with pytest.raises(MetadataError, match="ContentProducer"):
        Provenance(aigc=AigcLabel(produce_id="1"))
    Provenance(aigc=AigcLabel(label=AigcStatus.SUSPECTED, content_propagator="x"))


def test_claims_as_json_tell_labels_apart():
    texts = {Provenance(aigc=each).to_json() for each in (None, LABEL, OTHER)}
    assert len(texts) == 3
    assert aigc_module.__all__ == ["AigcLabel", "AigcStatus"]


# ---------------------------------------------------------------------------------------- pictures


def only(data, media_type):
    """The one label in a picture; both of its copies would be read."""
    assert data.count(b"ProduceID") == 1
    return read(data, media_type).aigc


@every_form
def test_pictures_keep_one_label(form):
    source = saved(pixels(), form)
    media_type = sniff(source, name=form)
    assert read(source, media_type).aigc is None
    first = write(source, media_type, OURS, name="a")
    assert only(first, media_type) == LABEL
    assert read(first, media_type).generator_hints == (AIGC_HINT,)
    assert write(first, media_type, OURS, name="a") is first
    second = write(first, media_type, Provenance(aigc=OTHER), name="a")
    assert only(second, media_type) == OTHER
    # Nothing is said: what is there stays.
    assert write(second, media_type, Provenance(generator="Model"), name="a") == second
    assert opened(second).convert("RGB").tobytes() == opened(source).convert("RGB").tobytes()


@pytest.mark.system
@every_form
def test_exiftool_reads_the_label(form, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(write(saved(pixels(), form), sniff(saved(pixels(), form), name=form), OURS,
                           name="a"))  # fmt: skip
    tags = exiftool(path)
    assert tags["aigc"] == LABEL.to_json()
    assert "error" not in tags


@pytest.mark.parametrize("keyword", ["AIGC", "TC260:aigc"])
@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
def test_a_label_in_png_texts_is_replaced(kind, keyword):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "kept")
    if kind == "iTXt":
        info.add_itxt(keyword, FOREIGN, zip=True)
    else:
        info.add_text(keyword, FOREIGN, zip=kind == "zTXt")
    source = saved(pixels(), "PNG", pnginfo=info)
    assert read(source, MediaType.PNG).aigc == READ
    assert keyword.encode() in write(source, MediaType.PNG, Provenance(), name="a")
    result = write(source, MediaType.PNG, OURS, name="a")
    assert only(result, MediaType.PNG) == LABEL
    assert opened(result).text.keys() == {"Comment", "XML:com.adobe.xmp"}
    assert write(result, MediaType.PNG, OURS, name="a") is result


@pytest.mark.parametrize("as_attribute", [True, False])
@every_form
def test_a_label_in_other_xmp_is_replaced(form, as_attribute):
    text = FOREIGN.replace('"', "&quot;").encode()
    body = b' o:aigcLabel="%s"/>' % text if as_attribute else b"><o:AIGC>%s</o:AIGC>" % text
    body += b"" if as_attribute else b"</rdf:Description>"
    packet = XMP.replace(
        b"/></x:xmpmeta>",
        b'><rdf:Description rdf:about="" xmlns:o="http://example.com/"' + body
        + b"</rdf:RDF></x:xmpmeta>",
    )  # fmt: skip
    if form == "GIF":
        source = saved(pixels(), form)
        source = source[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet
        source += b"\x01" + bytes(range(255, -1, -1)) + b"\0\x3b"
    elif form == "PNG":
        chunks = list(png.parse(saved(pixels(), form)))
        chunks.insert(1, png.Chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
        source = png.serialise(chunks)
    else:
        options = {"tiffinfo": {700: packet}} if form == "TIFF" else {"xmp": packet}
        source = saved(pixels(), form, **options)
    media_type = sniff(source, name=form)
    assert read(source, media_type).aigc == READ
    assert only(write(source, media_type, OURS, name="a"), media_type) == LABEL


def exif_block(entries, *, sub=()):
    def ascii_of(tag, value):
        return tiff.Entry(tag, 7 if tag == 37510 else 2, len(value), value)

    layout = tiff.Layout(byte_order="<", big=False)
    inner = tiff.SubIfds(34665, (tiff.Ifd(tuple(ascii_of(*each) for each in sub)),))
    ifd = tiff.Ifd(tuple(ascii_of(*each) for each in entries), (), (inner,) if sub else ())
    return tiff.serialise(tiff.TiffFile(layout=layout, ifds=(ifd,)))


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_label_in_exif_is_replaced(form, encoding):
    text = f'{{"AIGC": {FOREIGN}}}'
    comment = b"UNICODE\0" + text.encode(encoding)
    block = exif_block([(305, b"a camera\0")], sub=[(37510, comment)])
    source = saved(pixels(), form, exif=b"Exif\0\0" + block)
    media_type = sniff(source, name=form)
    assert read(source, media_type).aigc == READ
    result = write(source, media_type, OURS, name="a")
    assert read(result, media_type).aigc == LABEL
    assert text.encode(encoding) not in result
    before, after = (opened(data).getexif() for data in (source, result))
    assert after[305] == before[305] == "a camera"
    assert opened(result).tobytes() == opened(source).tobytes()
    assert write(result, media_type, OURS, name="a") == result


def test_a_label_in_a_tiff_description_is_replaced():
    text = f'{{"AIGC": {FOREIGN}}}'
    source = saved(pixels(), "TIFF", tiffinfo={270: f"A cat {text}", 305: "a camera"})
    result = write(source, MediaType.TIFF, OURS, name="a")
    assert read(result, MediaType.TIFF).aigc == LABEL
    tags = opened(result).tag_v2
    assert (tags[270].strip("\0"), tags[305]) == ("A cat ", "a camera")


def test_a_label_that_cannot_be_replaced_stops_the_writing():
    text = f'{{"AIGC": {FOREIGN}}}'.encode()
    # Without the zero at its end it might be XMP that is overwritten.
    data = tiff.with_first_ifd_entry(saved(pixels(), "TIFF"), 270, 2, text)
    assert read(data, MediaType.TIFF).aigc == READ
    with pytest.raises(MetadataError, match="cannot be replaced") as caught:
        write(data, MediaType.TIFF, OURS, name="dir/a")
    assert caught.value.file == "dir/a"
    write(data, MediaType.TIFF, Provenance(), name="a")


# ------------------------------------------------------------------------------- sound and films


def labelled_by_ffmpeg(source, path):
    """The file with a label as FFmpeg writes ``-metadata AIGC=``, of the file and of a track."""
    # Where MPEG-4 knows no such item, FFmpeg writes it as a QuickTime key.
    is_mpeg4 = path.suffix in {".m4a", ".mp4", ".mov"}
    options = {"movflags": "use_metadata_tags"} if is_mpeg4 else {}
    with av.open(str(source)) as given, av.open(str(path), "w", options=options) as target:
        copies = {s: target.add_stream_from_template(s) for s in given.streams}
        target.metadata.update({"AIGC": FOREIGN, "title": "T"})
        if path.suffix in {".webm", ".mkv"}:
            next(iter(copies.values())).metadata["AIGC"] = FOREIGN
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream]
                target.mux(packet)
    return path


def assert_one(path, source):
    """See that a file has our label and no other, and that it plays as before."""
    assert path.read_bytes().count(b"ProduceID") == 1
    assert read_file(path, kind_of(path)).aigc == LABEL
    assert packets(path) == packets(source)
    again = path.with_name(f"{path.stem} again{path.suffix}")
    write_file(path, again, kind_of(path), OURS, name="a")
    assert again.read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder, samples = tmp_path_factory.mktemp("sounds"), murmur(0.5, 16_000, 2)
    return {suffix: save(folder / f"a{suffix}", samples) for suffix in SOUND_FORMATS}


@every_sound
def test_sounds_keep_one_label(suffix, sounds, tmp_path):
    source = sounds[suffix]
    first = written(source, tmp_path, OURS, name="first")
    assert_one(first, source)
    second = written(first, tmp_path, Provenance(aigc=OTHER), name="second")
    assert read_file(second, kind_of(second)).aigc == OTHER
    assert_one(written(second, tmp_path, OURS, name="third"), source)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".webm", ".m4a"])
def test_a_label_in_the_texts_of_sound_is_replaced(suffix, sounds, tmp_path):
    source = labelled_by_ffmpeg(sounds[suffix], tmp_path / f"label{suffix}")
    assert read_file(source, kind_of(source)).aigc == READ
    plain = written(source, tmp_path, Provenance(), name="plain")
    assert read_file(plain, kind_of(plain)).aigc == READ
    result = written(source, tmp_path, OURS)
    assert FOREIGN.encode() not in result.read_bytes()
    assert_one(result, source)
    with av.open(str(result)) as container:
        kept = {**container.metadata, **container.streams[0].metadata}
    assert {name.lower(): value for name, value in kept.items()}["title"] == "T"


@every_film
def test_a_label_in_the_texts_of_films_is_replaced(suffix, tmp_path):
    source = labelled_by_ffmpeg(clip(suffix, **PLAIN), tmp_path / f"label{suffix}")
    result = written(source, tmp_path, OURS)
    assert FOREIGN.encode() not in result.read_bytes()
    assert_one(result, source)


@pytest.mark.system
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_ffmpeg_and_exiftool_find_no_old_label(suffix, tmp_path):
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe (ffmpeg) is not installed")
    source = labelled_by_ffmpeg(clip(suffix, **PLAIN), tmp_path / f"label{suffix}")
    result = written(source, tmp_path, OURS)
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", result]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "someone" not in done.stdout
    assert "TAG:title=T" in done.stdout
    tags = exiftool(result)
    assert "someone" not in json.dumps(tags)
    assert suffix == ".mkv" or tags["aigc"] == LABEL.to_json()
    assert "error" not in tags


@pytest.mark.parametrize("suffix", [".wav", ".avi"])
def test_a_label_in_riff_is_replaced(suffix, sounds, tmp_path):
    source = clip(suffix, **PLAIN) if suffix == ".avi" else sounds[suffix]
    data, text = source.read_bytes(), FOREIGN.encode()
    info = b"INFO" + b"".join(
        kind + len(value).to_bytes(4, "little") + value + bytes(len(value) & 1)
        for kind, value in ((b"INAM", b"T\0"), (b"AIGC", text), (b"ICMT", b"kept\0"))
    )
    chunk = b"LIST" + len(info).to_bytes(4, "little") + info
    path = tmp_path / f"label{suffix}"
    size = len(data) - 8 + len(chunk)
    path.write_bytes(data[:4] + size.to_bytes(4, "little") + data[8:] + chunk)
    assert read_file(path, kind_of(path)).aigc == READ
    result = written(path, tmp_path, OURS)
    assert text not in result.read_bytes()
    assert_one(result, source)
    with av.open(str(result)) as container:
        assert container.metadata["comment"] == "kept"


@pytest.mark.parametrize("is_long", [False, True])
def test_a_free_form_item_of_itunes_is_emptied(is_long, tmp_path):
    def full(kind, *parts):
        return bmff.make_full_box(kind, 0, 0, parts)

    value = bmff.make_box(b"data", bytes(8) + FOREIGN.encode())
    parts = [full(b"mean", b"com.apple.iTunes"), full(b"name", b"AIGC"), value]
    item = bmff.make_box(b"----", *parts)
    if is_long:  # a size of 64 bits
        size = (len(item) + 8).to_bytes(8, "big")
        item = (1).to_bytes(4, "big") + b"----" + size + item[8:]
    item += bmff.make_box(b"free")
    meta = full(b"meta", full(b"hdlr", bytes(21)), bmff.make_box(b"ilst", item))
    source = tmp_path / "a.m4a"
    data = bmff.make_box(b"ftyp", b"M4A \0\0\0\0")
    data += bmff.make_box(b"moov", bmff.make_box(b"udta", meta))
    source.write_bytes(data)
    target = tmp_path / "b.m4a"
    write_file(source, target, MediaType.M4A, OURS, name="a")
    assert read_file(target, MediaType.M4A).aigc == LABEL
    written_back = target.read_bytes()
    assert written_back.startswith(data[: data.index(b"----")])
    moov = bmff.boxes(written_back)[1]
    items = bmff.boxes(bmff.boxes(bmff.boxes(bmff.boxes(moov.body)[0].body)[0].body[4:])[1].body)
    assert [box.type for box in items] == [b"free", b"free"]
    assert b"someone" not in target.read_bytes()


def test_a_label_in_sound_that_cannot_be_replaced_leaves_no_file(sounds, tmp_path):
    # A tag whose bytes are written otherwise than they are read has no place to write over.
    content = b"\0AIGC\0" + FOREIGN.encode() + b"\xff\0"
    frame = (
        b"TXXX" + len(content).to_bytes(4, "big") + b"\0\0" + content.replace(b"\xff", b"\xff\0")
    )
    size = len(frame) + 10
    head = b"ID3\x03\0\x80\0\0" + bytes([size >> 7, size & 0x7F])
    source = tmp_path / "a.mp3"
    body = sounds[".mp3"].read_bytes()
    source.write_bytes(head + frame + bytes(10) + body[body.index(b"\xff\xfb") :])
    assert read_file(source, MediaType.MP3).generator_hints == (AIGC_HINT,)
    with pytest.raises(MetadataError, match="cannot be replaced") as caught:
        write_file(source, tmp_path / "b.mp3", MediaType.MP3, OURS, name="a.mp3")
    assert caught.value.file == "a.mp3"
    assert not (tmp_path / "b.mp3").exists()


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".webm", ".m4a", ".wav"])
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_gives_one_clear_error_or_one_label(suffix, sounds, tmp_path, data):
    source = tmp_path / f"label{suffix}"
    if not source.exists():
        labelled_by_ffmpeg(sounds[suffix], source)
    kind, whole = kind_of(source), bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.floats(0, 0.999)) ** 3  # metadata stand in front, mostly
        whole[int(place * len(whole))] = data.draw(st.integers(0, 255))
    damaged, target = tmp_path / "damaged", tmp_path / "target"
    damaged.write_bytes(whole)
    target.unlink(missing_ok=True)
    raised = None
    try:
        write_file(damaged, target, kind, OURS, name="damaged")
    except LabelerError as error:
        raised = error
    assert target.exists() == (raised is None)
    assert raised.file == "damaged" if raised else read_file(target, kind).aigc == LABEL


@every_form
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_damaged_pictures_give_one_clear_error_or_one_label(form, data):
    source = saved(pixels(), form)
    media_type = sniff(source, name=form)
    whole = bytearray(write(source, media_type, Provenance(aigc=OTHER), name="a"))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    result = raised = None
    try:
        result = write(bytes(whole), media_type, OURS, name="a")
    except LabelerError as error:
        raised = error
    assert raised.file == "a" if raised else read(result, media_type).aigc == LABEL


# ------------------------------------------------------------------------------------ verification


def test_verifying_tells_what_the_label_says():
    data = write(saved(pixels(), "PNG"), MediaType.PNG, OURS, name="a")
    finding = detect(Content(data, "a"), MediaType.PNG).finding
    assert finding.detail["aigc"] == {
        "Label": "1", "ContentProducer": LABEL.content_producer, "ProduceID": LABEL.produce_id,
        "ReservedCode1": "", "ContentPropagator": LABEL.content_producer,
        "PropagateID": LABEL.produce_id, "ReservedCode2": "",
    }  # fmt: skip


@pytest.mark.parametrize(("text", "is_read"), [(FOREIGN, True), ("{}", False)])
def test_a_label_alone_is_a_hint(text, is_read):
    info = PngImagePlugin.PngInfo()
    info.add_text("AIGC", text)
    data = saved(pixels(), "PNG", pnginfo=info)
    finding = detect(Content(data, "a"), MediaType.PNG).finding
    assert finding.presence is Presence.INCONCLUSIVE
    assert finding.detail["generator_hints"] == [AIGC_HINT]
    assert (finding.detail["aigc"] is not None) == is_read
