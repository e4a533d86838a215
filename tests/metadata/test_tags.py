import hashlib
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from labeler.containers import gif, jpeg, png, tiff, webp
from labeler.errors import LabelerError, MetadataError
from labeler.media.media_type import MediaType, sniff
from labeler.metadata import Tags, read, write
from labeler.provenance import Provenance, SourceType
from tests.media.making import ICC, XMP, exif, opened, pixels, saved

FULL = Provenance(
    source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
    generator="Imagine & <Co>",
    generator_version="2.1-beta",
    prompt='a "cat"\r\n\u00f6n\tthe mat',
    prompt_writer="Zo\u00eb",
)
EXPECTED = Tags(
    digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/"
    "compositeWithTrainedAlgorithmicMedia",
    source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
    ai_system="Imagine & <Co>",
    ai_system_version="2.1-beta",
    prompt='a "cat"\r\n\u00f6n\tthe mat',
    prompt_writer="Zo\u00eb",
)
RICH_XMP = XMP.replace(
    b"/></x:xmpmeta>",
    b'><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    b"<dc:format>image/kept</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>",
)


def heic():
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels())).save(buffer, quality=50)
    return buffer.getvalue()


def make(name):
    image = Image.fromarray(pixels())
    more = {"save_all": True, "append_images": [Image.fromarray(pixels(seed=1))]}
    both = {"exif": exif(1), "icc_profile": ICC}
    return {
        "JPEG": lambda: saved(image, "JPEG", **both, comment=b"c"),
        "progressive": lambda: saved(image, "JPEG", progressive=True),
        "PNG": lambda: saved(image, "PNG", **both),
        "APNG": lambda: saved(image, "PNG", **more, duration=50),
        "WebP": lambda: saved(image, "WEBP"),
        "WebP with Exif": lambda: saved(image, "WEBP", **both),
        "lossless WebP": lambda: saved(pixels(channels=4), "WEBP", lossless=True, exact=True),
        "animated WebP": lambda: saved(image, "WEBP", **more, duration=50, loop=2),
        "TIFF": lambda: saved(image, "TIFF", compression="tiff_lzw", icc_profile=ICC),
        "BigTIFF": lambda: saved(image, "TIFF", big_tiff=True),
        "TIFF pages": lambda: saved(image, "TIFF", **more),
        "GIF": lambda: saved(image, "GIF"),
        "animated GIF": lambda: saved(image, "GIF", **more, duration=50, loop=2),
        "AVIF": lambda: saved(pixels(channels=4), "AVIF", **both),
        "animated AVIF": lambda: saved(image, "AVIF", **more, duration=50),
        "HEIC": heic,
    }[name]()


NAMES = [
    "JPEG", "progressive", "PNG", "APNG", "WebP", "WebP with Exif", "lossless WebP",
    "animated WebP", "TIFF", "BigTIFF", "TIFF pages", "GIF", "animated GIF", "AVIF",
    "animated AVIF", "HEIC",
]  # fmt: skip


def shown(data, media_type):
    """Digest of every decoded frame, and the metadata that Pillow sees beside XMP."""
    if media_type is MediaType.HEIC:
        image = pytest.importorskip("pillow_heif").open_heif(io.BytesIO(data))
        return [hashlib.sha256(np.asarray(image).tobytes()).hexdigest()]
    image = opened(data)
    facts = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        pixel_data = np.asarray(image.convert("RGBA")).tobytes()
        facts.append(hashlib.sha256(pixel_data).hexdigest())
        facts.append([image.info.get(key) for key in ("duration", "loop", "icc_profile", "exif")])
    return facts


@pytest.mark.parametrize("name", NAMES)
def test_claims_are_written_and_read_and_nothing_else_changes(name):
    data = make(name)
    media_type = sniff(data, name=name)
    assert read(data, media_type) == Tags()
    result = write(data, media_type, FULL, name=name)
    assert read(result, media_type) == EXPECTED
    assert sniff(result, name=name) is media_type
    assert shown(result, media_type) == shown(data, media_type)
    assert write(result, media_type, FULL, name=name) is result


@pytest.mark.parametrize("name", NAMES)
def test_claims_can_be_changed_and_old_ones_stay_where_nothing_is_said(name):
    data = make(name)
    media_type = sniff(data, name=name)
    first = write(data, media_type, FULL, name=name)
    second = write(first, media_type, Provenance(generator="Other"), name=name)
    tags = read(second, media_type)
    assert tags.source_type is SourceType.TRAINED_ALGORITHMIC_MEDIA
    assert tags.ai_system == "Other"
    assert tags.prompt == FULL.prompt
    assert shown(second, media_type) == shown(data, media_type)


@pytest.mark.parametrize("name", NAMES)
def test_prompts_are_written_only_when_given(name):
    data = make(name)
    media_type = sniff(data, name=name)
    result = write(data, media_type, Provenance(generator="G"), name=name)
    tags = read(result, media_type)
    assert (tags.prompt, tags.prompt_writer, tags.ai_system_version) == (None, None, None)
    assert b"AIPrompt" not in result


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "PNG", "TIFF", "GIF"])
def test_the_xmp_that_was_there_is_kept(form):
    options = {"xmp": RICH_XMP}
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", RICH_XMP.decode(), zip=True)
        options = {"pnginfo": info}
    elif form == "TIFF":
        options = {"tiffinfo": {700: RICH_XMP}}
    data = saved(pixels(), form, **options)
    if form == "GIF":
        file = gif.parse(data)
        raw = b"\x21\xff\x0bXMP DataXMP" + RICH_XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
        block = gif.Block(gif.BlockKind.APPLICATION, raw)
        data = gif.serialise(file.head, (block, *file.blocks))
    media_type = sniff(data, name="a")
    result = write(data, media_type, FULL, name="a")
    assert b"<dc:format>image/kept</dc:format>" in result
    assert result.count(b"AISystemUsed>") == 2
    if form != "GIF":
        assert b"image/kept" in opened(result).info["xmp"]


def test_jpeg_segments_keep_their_places():
    data = saved(pixels(), "JPEG", exif=exif(), icc_profile=ICC, comment=b"c")
    before, after = jpeg.parse(data), jpeg.parse(write(data, MediaType.JPEG, FULL, name="a"))
    kept = [s for s in after.segments if not s.payload.startswith(b"http://ns.adobe.com")]
    assert kept == list(before.segments)
    assert [s.payload[:4] for s in after.segments[:3]] == [b"JFIF", b"Exif", b"http"]


def extended(packet, *, total=None):
    """A JPEG whose XMP is split: a small main packet, and the rest in extension segments."""
    digest = hashlib.md5(packet).hexdigest().upper().encode()
    main = XMP.replace(
        b"/></x:xmpmeta>",
        b'><rdf:Description rdf:about="" xmlns:n="http://ns.adobe.com/xmp/note/"'
        b' n:HasExtendedXMP="' + digest + b'"/></rdf:RDF></x:xmpmeta>',
    )
    pieces = [(at, packet[at : at + 900]) for at in range(0, len(packet), 900)]
    size = len(packet) if total is None else total
    segments = [
        jpeg.Segment(
            jpeg.APP1,
            b"http://ns.adobe.com/xmp/extension/\0" + digest + size.to_bytes(4, "big")
            + at.to_bytes(4, "big") + piece,
        )
        for at, piece in pieces
    ]  # fmt: skip
    file = jpeg.parse(saved(pixels(), "JPEG", xmp=main))
    whole = (*file.segments, *reversed(segments))
    return jpeg.serialise(jpeg.JpegFile(segments=whole, scans=file.scans, tail=file.tail)), segments


def test_extended_xmp_is_read_and_kept():
    source = write(saved(pixels(), "JPEG"), MediaType.JPEG, FULL, name="a")
    packet = opened(source).info["xmp"].replace(b"</rdf:RDF>", b" " * 3000 + b"</rdf:RDF>")
    data, segments = extended(packet)
    assert read(data, MediaType.JPEG) == EXPECTED
    # The main packet comes first, and the extension stays as it is.
    result = write(data, MediaType.JPEG, Provenance(generator="Other"), name="a")
    assert read(result, MediaType.JPEG).ai_system == "Other"
    assert read(result, MediaType.JPEG).prompt == FULL.prompt
    assert set(segments) <= set(jpeg.parse(result).segments)
    assert b"HasExtendedXMP" in opened(result).info["xmp"]
    # An extension that is not whole is left alone.
    broken, _ = extended(packet, total=len(packet) + 1)
    assert read(broken, MediaType.JPEG) == Tags()


def test_a_jpeg_has_room_for_64_kib():
    padded = RICH_XMP.replace(b"</x:xmpmeta>", b"</x:xmpmeta>" + b" " * 64_000)
    padded += b'<?xpacket end="w"?>'
    data = saved(pixels(), "JPEG", xmp=padded)
    result = write(data, MediaType.JPEG, FULL, name="a")
    assert read(result, MediaType.JPEG) == EXPECTED
    with pytest.raises(MetadataError, match="64 KiB") as caught:
        write(data, MediaType.JPEG, Provenance(prompt="x" * 66_000), name="dir/a.jpg")
    assert caught.value.file == "dir/a.jpg"
    long = write(make("PNG"), MediaType.PNG, Provenance(prompt="x" * 66_000), name="a")
    assert len(read(long, MediaType.PNG).prompt) == 66_000


def test_pictures_behind_the_first_one_can_still_be_found():
    images = [Image.fromarray(pixels(seed=n)) for n in range(2)]
    # Pillow writes XMP behind the index of pictures.
    for options in ({}, {"xmp": XMP}):
        data = saved(images[0], "MPO", save_all=True, append_images=images[1:], **options)
        result = write(data, MediaType.JPEG, FULL, name="a")
        source, image = opened(data), opened(result)
        assert image.n_frames == 2
        for number in range(2):
            source.seek(number)
            image.seek(number)
            assert (np.asarray(image) == np.asarray(source)).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia", "algorithmicMedia"),
        (
            " https://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic\n",
            "compositeSynthetic",
        ),
        ("trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
        ("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture", None),
        ("http://example.com/trainedAlgorithmicMedia", None),
    ],
)  # fmt: skip
def test_source_types_of_others(text, expected):
    packet = XMP.replace(
        b"/></x:xmpmeta>",
        b'><rdf:Description rdf:about="" xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        b"<i:DigitalSourceType>" + text.encode() + b"</i:DigitalSourceType>"
        b"</rdf:Description></rdf:RDF></x:xmpmeta>",
    )
    tags = read(saved(pixels(), "WEBP", xmp=packet), MediaType.WEBP)
    assert tags.digital_source_type == text
    assert tags.source_type == expected


@pytest.mark.parametrize(
    ("keyword", "text", "hint"),
    [
        ("parameters", "a cat\nSteps: 20, Sampler: Euler a, Seed: 1", "web UI"),
        ("prompt", '{"3": {"class_type": "KSampler"}}', "ComfyUI"),
        ("workflow", '{"nodes": []}', "ComfyUI"),
        ("invokeai_metadata", "{}", "InvokeAI"),
        ("Software", "NovelAI", "NovelAI"),
        ("AIGC", '{"Label": "1"}', "AIGC"),
        ("Software", "GIMP", None),
        ("prompt", "Press any key", None),
        ("Comment", "a cat", None),
    ],
)
@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
def test_traces_of_generators_in_png(keyword, text, hint, kind):
    info = PngImagePlugin.PngInfo()
    if kind == "iTXt":
        info.add_itxt(keyword, text, zip=True)
    else:
        info.add_text(keyword, text, zip=kind == "zTXt")
    hints = read(saved(pixels(), "PNG", pnginfo=info), MediaType.PNG).generator_hints
    assert [hint] == [hint if hint in found else found for found in hints] if hint else not hints


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "TIFF", "PNG"])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-be"])
def test_traces_of_generators_in_exif(form, encoding):
    comment = b"UNICODE\0" + "Steps: 20, Sampler: Euler a".encode(encoding)
    entry = tiff.Entry(37510, 7, len(comment), comment)
    layout = tiff.Layout(byte_order=">", big=False)
    block = tiff.Ifd((), (), (tiff.SubIfds(34665, (tiff.Ifd((entry,)),)),))
    raw = tiff.serialise(tiff.TiffFile(layout=layout, ifds=(block,)))
    if form == "TIFF":
        file = tiff.parse(saved(pixels(), "TIFF"))
        ifd = tiff.Ifd(file.ifds[0].entries, file.ifds[0].runs, block.sub_ifds)
        data = tiff.serialise(tiff.TiffFile(layout=file.layout, ifds=(ifd,)))
    else:
        data = saved(pixels(), form, exif=b"Exif\0\0" + raw)
    (hint,) = read(data, sniff(data, name="a")).generator_hints
    assert "web UI" in hint


def test_damaged_exif_is_no_reason_to_stop():
    data = saved(pixels(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read(data, MediaType.JPEG) == Tags()


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "TIFF"])
def test_malformed_xmp_is_told_and_never_overwritten(form):
    options = {"tiffinfo": {700: b"<broken"}} if form == "TIFF" else {"xmp": b"<broken"}
    data = saved(pixels(), form, **options)
    media_type = sniff(data, name="a")
    with pytest.raises(MetadataError, match="XMP"):
        read(data, media_type)
    with pytest.raises(MetadataError) as caught:
        write(data, media_type, FULL, name="dir/a")
    assert caught.value.file == "dir/a"


def test_a_damaged_compressed_chunk_is_told():
    chunks = png.parse(saved(pixels(), "PNG"))
    broken = png.Chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0not deflate")
    data = png.serialise([chunks[0], broken, *chunks[1:]])
    with pytest.raises(MetadataError, match="damaged"):
        read(data, MediaType.PNG)


def test_webp_says_that_it_has_xmp():
    result = write(make("lossless WebP"), MediaType.WEBP, FULL, name="a")
    header = webp.parse(result)[0]
    assert header.type == b"VP8X"
    assert header.data[0] == 0x04 | 0x10  # XMP and alpha
    assert webp.read_header(webp.parse(result)) == webp.Header(
        width=84, height=60, has_alpha=True, animated=False
    )


SAMPLES = {
    name: write(make(name), sniff(make(name), name=name), FULL, name=name)
    for name in NAMES
    if name != "HEIC"
}


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.none() | st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=5),
)
@settings(max_examples=400, deadline=None)
def test_damage_gives_nothing_but_errors_of_labeler(name, cut, edits):
    data = bytearray(SAMPLES[name])
    media_type = sniff(bytes(data), name="a")
    for place, value in edits:
        data[int(place**2 * len(data))] = value
    if cut is not None:
        del data[int(cut * len(data)) :]
    for step in (
        lambda: read(bytes(data), media_type),
        lambda: write(bytes(data), media_type, Provenance(generator="x"), name="a"),
    ):
        try:
            result = step()
        except LabelerError as exc:
            result = exc.problem
        assert result


def exiftool(path, data):
    path.write_bytes(data)
    done = subprocess.run(
        ["exiftool", "-json", "-G1", "-a", "-XMP-iptcExt:all", "-validate", "-error", path],
        capture_output=True,
        check=True,
    )
    (tags,) = json.loads(done.stdout)
    return tags


@pytest.mark.system
@pytest.mark.parametrize("name", NAMES)
def test_exiftool_reads_the_same(name, tmp_path):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool (libimage-exiftool-perl) is not installed")
    data = make(name)
    media_type = sniff(data, name=name)
    path = tmp_path / f"file{media_type.extension}"
    before = exiftool(path, data)
    tags = exiftool(path, write(data, media_type, FULL, name=name))
    space = "XMP-iptcExt:"
    assert tags[space + "DigitalSourceType"] in {
        EXPECTED.digital_source_type, "Composite with Trained Algorithmic Media",
    }  # fmt: skip
    assert tags[space + "AISystemUsed"] == FULL.generator
    assert tags[space + "AISystemVersionUsed"] == FULL.generator_version
    assert tags[space + "AIPromptInformation"] == FULL.prompt
    assert tags[space + "AIPromptWriterName"] == FULL.prompt_writer
    # It finds no fault that it did not find before.
    for key in ("ExifTool:Validate", "ExifTool:Error"):
        assert tags.get(key) == before.get(key)
