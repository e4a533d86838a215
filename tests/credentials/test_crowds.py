"""Files of nothing but parts cost nothing, and films of very many are judged all the same."""

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from labeler.containers import bmff
from labeler.credentials import Integrity, TrustStore, read, read_file, sign_file
from labeler.credentials import _crowds as crowds
from labeler.credentials import _toolkit as toolkit
from labeler.credentials._asset import MemoryAsset
from labeler.errors import UnreadableMediaError
from labeler.media.media_type import MediaType, sniff
from tests.clips import clip
from tests.credentials.files import edited
from tests.credentials.pictures import picture
from tests.samples import encode, photo

NOBODY = TrustStore()
FREE = bmff.make_box(b"free")
CROWD = FREE * (crowds.MAX_BOXES + 1)


def ftyp(brand):
    return bmff.make_box(b"ftyp", brand, bytes(4), brand)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film of more boxes than the toolkit gets."""
    path = tmp_path_factory.mktemp("crowds") / "film.mp4"
    path.write_bytes(clip(width=64, height=48, frames=12, suffix=".mp4").read_bytes() + CROWD)
    return path


@pytest.fixture
def no_toolkit(monkeypatch):
    """The toolkit gets bare stores only."""
    read_store = toolkit.read_store

    def watched(asset, media_type, **more):
        assert media_type == toolkit.STORE_MEDIA_TYPE
        return read_store(asset, media_type, **more)

    monkeypatch.setattr(toolkit, "read_store", watched)


def test_a_film_of_very_many_boxes_has_no_credential(film, no_toolkit):
    assert read_file(film, MediaType.MP4, trust=NOBODY) is None


def test_a_film_of_very_many_boxes_is_held_against_its_hash(
    film, tmp_path, definition, identity, trust, no_toolkit
):
    target = tmp_path / "signed.mp4"
    sign_file(film, target, MediaType.MP4, definition, identity)
    assert read_file(target, MediaType.MP4, trust=trust).integrity is Integrity.INTACT
    changed = edited(target, target.read_bytes().index(b"mdat") + 20)
    assert read_file(changed, MediaType.MP4, trust=trust).integrity is Integrity.TAMPERED


@pytest.mark.parametrize(
    "hint",
    [
        bmff.make_box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"), bytes(50)),
        bmff.make_box(b"free", b'<rdf dcterms:provenance="https://example.com/1.c2pa"/>'),
    ],
    ids=["store", "elsewhere"],
)
@pytest.mark.parametrize(
    ("brand", "media_type"), [(b"isom", MediaType.MP4), (b"heic", MediaType.HEIC)]
)
def test_what_is_not_looked_into_is_not_said_to_hold_nothing(brand, media_type, hint, no_toolkit):
    with pytest.raises(UnreadableMediaError, match="more than 10000 parts"):
        read(ftyp(brand) + hint + CROWD, media_type, trust=NOBODY)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (ftyp(b"isom") + FREE * 50_000, MediaType.MP4),
        (ftyp(b"isom") + bmff.make_box(b"moov", FREE * 50_000), MediaType.MP4),
        (bmff.make_box(b"wide") * 50_000, MediaType.MOV),
        (ftyp(b"heic") + bmff.make_box(b"meta", bytes(4), FREE * 50_000), MediaType.HEIC),
        # The toolkit goes by the content, whatever it is told.
        (ftyp(b"isom") + FREE * 50_000, MediaType.MKV),
    ],
    ids=["mp4", "in-moov", "quicktime", "heic", "as-matroska"],
)
def test_boxes_without_end_cost_no_time(data, media_type, no_toolkit):
    began = time.process_time()
    with pytest.raises(UnreadableMediaError, match="parts, and is not read any further"):
        read(data, media_type, trust=NOBODY)
    assert time.process_time() - began < 1  # the toolkit takes thirty times as long


@pytest.mark.parametrize("number", [crowds.MAX_BOXES - 1, crowds.MAX_BOXES])
def test_the_limit_is_where_it_says(number):
    asset = MemoryAsset(ftyp(b"isom") + FREE * number)
    assert crowds.has_too_many_boxes(asset, MediaType.MP4) is (number == crowds.MAX_BOXES)


HEADS = {
    "png": picture(MediaType.PNG)[:33],
    "gif": b"GIF89a\x01\0\x01\0\0\0\0",
    "riff": b"RIFF\xff\xff\xff\0WAVE",
    "tiff": b"II*\0\x08\0\0\0" + struct.pack("<H", 65_535),
}
FLOODS = {
    "jpeg": (b"\xff\xd8" + b"\xff\xe1\0\x02" * 60_000, MediaType.JPEG),
    "jpeg-fill": (b"\xff\xd8\xff" + b"\xff" * 60_000, MediaType.JPEG),
    "png": (HEADS["png"] + (bytes(4) + b"teST" + bytes(4)) * 60_000, MediaType.PNG),
    "gif": (HEADS["gif"] + b"\x21\xfe\0" * 60_000, MediaType.GIF),
    "gif-sub-blocks": (HEADS["gif"] + b"\x21\xfe" + b"\x01x" * 60_000, MediaType.GIF),
    "wav": (HEADS["riff"] + b"junk\0\0\0\0" * 60_000, MediaType.WAV),
    "tiff": (HEADS["tiff"] + struct.pack("<HHII", 256, 4, 1, 1) * 65_535, MediaType.TIFF),
}


@pytest.mark.parametrize("name", FLOODS)
def test_parts_without_end_are_refused(name, no_toolkit):
    data, media_type = FLOODS[name]
    with pytest.raises(UnreadableMediaError, match="parts, and is not read any further"):
        read(data, media_type, trust=NOBODY)


@pytest.mark.parametrize(
    "data",
    [
        encode(photo(1200, 900), "PNG", compress_level=0),
        encode(np.random.default_rng(1).integers(0, 256, (60, 90, 90, 3), np.uint8), "GIF"),
        encode(photo(1200, 900), "TIFF"),
        encode(photo(1200, 900), "WEBP"),
        encode(photo(1200, 900), "JPEG"),
        encode(photo(1200, 900), "AVIF"),
    ],
    ids=["png", "gif", "tiff", "webp", "jpeg", "avif"],
)
def test_pictures_have_far_fewer_parts_than_they_may(data):
    asset = MemoryAsset(data)
    most = crowds.MAX_PARTS + len(data) // crowds.PART_BYTES
    assert 0 < crowds._count(asset, sniff(data, name="x"), most) < most / 4


def test_an_animation_of_tiny_frames_is_no_attack():
    frames = [Image.new("P", (4, 4), each % 250) for each in range(2_000)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=20)
    crowds.require_few_parts(MemoryAsset(stream.getvalue()), MediaType.GIF)
