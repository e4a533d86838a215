"""What is kept of a picture's looks fits the file, wherever in it the tiles of its mark lie."""

import base64
import io
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from detectors.image import detect
from labeler.codec.content import Verdict, compare
from labeler.codec.keys import Keyring
from labeler.codec.sketch import Sketch, take
from labeler.credentials import TrustStore, read
from labeler.media.media_type import sniff
from labeler.provenance import Provenance
from labeler.receipt import Layer
from labeler.registry import RegistryReader
from labeler.registry.fingerprints import SKETCH
from tests.samples import decode, encode, photo

WIDTH, HEIGHT, PERIOD = 720, 540, 96


def smaller(pixels):
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((WIDTH * 3 // 4, HEIGHT * 3 // 4), Image.Resampling.LANCZOS))


LYING = {
    "whole": (lambda pixels: pixels, PERIOD, (0, 0)),
    "cropped": (lambda pixels: pixels[50:, 130:], PERIOD, (-130 % PERIOD, -50 % PERIOD)),
    "scaled": (smaller, 0.75 * PERIOD, (0, 0)),
}
"""What was done to a picture before its mark was kept, and how the tiles lie then."""
ASTRAY = {
    "turned": np.rot90,
    "mirrored": lambda pixels: pixels[:, ::-1],
    "stretched": lambda pixels: np.asarray(Image.fromarray(pixels).resize((WIDTH, HEIGHT - 60))),
    "on a page": lambda pixels: np.pad(pixels, ((0, 500), (0, 300), (0, 0)), mode="reflect"),
}


@pytest.fixture(scope="module")
def first(stamper):
    """The pixels of a stamped picture."""
    stream = io.BytesIO()
    stamper.stamp(encode(photo(WIDTH, HEIGHT)), stream, Provenance())
    return decode(stream.getvalue())


@pytest.fixture
def sketches_of(settings):
    def find(receipt):
        with RegistryReader.of(settings) as registry:
            kept = registry.fingerprints_of(receipt.receipt_id, SKETCH)
        return [Sketch.from_bytes(each.value) for each in kept]

    return find


@pytest.fixture
def keep(stamper, target, sketches_of):
    """Signs a picture that keeps its mark, and gives its sketch and the file."""

    def stamp(pixels):
        source = encode(np.ascontiguousarray(pixels))
        (record,) = sketches_of(stamper.stamp(source, target, Provenance(), already_marked="keep"))
        return record, target.read_bytes()

    return stamp


def astray_px(one, other, period):
    """How far two corners of tiles are from whole tiles apart, at most."""
    return max(
        abs((a - b + period / 2) % period - period / 2) for a, b in zip(one, other, strict=True)
    )


def test_a_new_mark_begins_in_the_corner(stamper, target, sketches_of):
    (record,) = sketches_of(stamper.stamp(encode(photo(WIDTH, HEIGHT)), target, Provenance()))
    assert (record.width, record.height) == (WIDTH, HEIGHT)
    assert (record.period, record.corner) == (PERIOD, (0, 0))


@pytest.mark.parametrize("edit", LYING)
def test_a_mark_that_is_kept_lies_where_it_was_found(first, keep, edit):
    change, period, corner = LYING[edit]
    record, _ = keep(change(first))
    assert record.period == pytest.approx(period, rel=2e-3)
    assert astray_px(record.corner, corner, period) < 1.5


@pytest.mark.parametrize("edit", LYING)
def test_a_file_whose_mark_was_kept_shows_what_was_sketched(first, keep, settings, edit):
    record, data = keep(LYING[edit][0](first))
    file = io.BytesIO()
    Image.fromarray(decode(data)).save(file, "JPEG", quality=60)
    copy = decode(file.getvalue())
    for pixels in (copy, copy[60:, 20:-30]):
        lies = detect(pixels, Keyring.load(settings.watermark_keys)).geometry
        assert compare(record, take(pixels, **asdict(lies))).verdict is Verdict.MATCH


@pytest.mark.parametrize("edit", ASTRAY)
def test_where_tiles_lie_otherwise_nobody_is_accused(first, keep, settings, edit):
    """The sketch does not tell then where they are."""
    record, data = keep(ASTRAY[edit](first))
    assert record.period is None
    pixels = decode(data)
    for seen in (pixels, photo(WIDTH, HEIGHT, seed=8)):
        for tiles in ({}, {"period": 90.0, "origin": (5.0, 7.0)}):
            if tiles or seen is pixels:
                match = compare(record, take(seen, **tiles))
                assert match.verdict is not Verdict.MISMATCH


def test_a_picture_without_a_mark_has_no_tiles(stamper, target, sketches_of):
    source = encode(photo(WIDTH, HEIGHT))
    receipt = stamper.stamp(source, target, Provenance(), leave_out={Layer.WATERMARK})
    (record,) = sketches_of(receipt)
    assert record.period is None
    # Without a mark the whole is taken for the whole.
    assert compare(record, take(photo(WIDTH, HEIGHT)[::2, ::2])).verdict is Verdict.MATCH


def test_the_manifest_holds_the_sketch_of_a_still_picture(stamper, target, sketches_of, settings):
    receipt = stamper.stamp(encode(photo(WIDTH, HEIGHT)), target, Provenance())
    trust = TrustStore.from_development_identity(settings.identity)
    data = target.read_bytes()
    bound = read(data, sniff(data, name="x"), trust=trust).soft_bindings
    (value,) = [each.value for each in bound if each.algorithm == SKETCH]
    (record,) = sketches_of(receipt)
    assert base64.b64decode(value) == record.to_bytes()


def test_of_an_animation_the_first_frames_are_sketched_and_the_manifest_holds_none(
    stamper, target, sketches_of, settings
):
    frames = np.stack([photo(300, 240, seed=seed) for seed in range(10)])
    receipt = stamper.stamp(encode(frames, "PNG"), target, Provenance())
    records = sketches_of(receipt)
    assert [each.period for each in records] == [64] * 8
    assert len({each.to_bytes() for each in records}) == 8
    trust = TrustStore.from_development_identity(settings.identity)
    data = target.read_bytes()
    bound = read(data, sniff(data, name="x"), trust=trust).soft_bindings
    assert SKETCH not in {each.algorithm for each in bound}
