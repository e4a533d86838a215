"""What others do to marked pictures, and what the detector says then."""

import io
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.forged_patterns import added, estimate, folded, gain_for, repeated
from detectors.image import detect, detect_each
from detectors.report import Presence
from labeler.codec.content import Verdict, compare
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.sketch import sketch, take
from labeler.marks.image import embed
from tests.scenes import photograph

HEIGHT, WIDTH = 432, 576
KEY = Key.from_bytes(bytes(range(32)))
OTHER_KEY = Key.from_bytes(bytes(range(1, 33)))
PAYLOADS = [
    Payload(origin=Origin.GENERATED, handle=Handle(7, 0x9E3779B1 * n % 2**32)) for n in range(1, 9)
]


def scene(seed=0):
    return photograph(HEIGHT, WIDTH, seed=seed)


def jpeg(pixels, quality=70):
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored).convert("RGB"))


def rounded(pixels):
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def marked():
    return embed(scene(), PAYLOADS[0], KEY)


# ------------------------------------------------------------------------- averaging, collusion


def test_the_mean_of_unrelated_pictures_still_says_what_all_of_them_say():
    pictures = [embed(scene(seed), PAYLOADS[0], KEY) for seed in range(4)]
    found = detect(rounded(np.mean(pictures, axis=0)), [KEY])
    assert (found.presence, found.payload) == (Presence.PRESENT, PAYLOADS[0])


@pytest.fixture(scope="module")
def copies():
    """Of one picture, for eight recipients."""
    picture = scene()
    return np.stack([embed(picture, payload, KEY) for payload in PAYLOADS])


def lottery(copies):
    chosen = np.random.default_rng(1).integers(0, len(copies), copies.shape[1:3])
    return np.take_along_axis(copies, chosen[None, ..., None], axis=0)[0]


COLLUSIONS = {
    "mean": lambda copies: rounded(np.mean(copies, axis=0)),
    "median": lambda copies: rounded(np.median(copies, axis=0)),
    "midrange": lambda copies: rounded((copies.min(axis=0) + copies.max(axis=0) * 1.0) / 2),
    "lottery": lottery,
}


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("collusion", COLLUSIONS)
def test_recipients_who_mix_their_copies_accuse_nobody_else(copies, collusion, count):
    found = detect(COLLUSIONS[collusion](copies[:count]), [KEY])
    # That the key's mark is there stays certain: its pilots are the same in every copy.
    assert found.presence is Presence.PRESENT
    assert found.payload in {None, *PAYLOADS[:count]}
    assert found.payload is not None or count > 2, "of two, one is still told"


# ------------------------------------------------------------------------- marking over it


@pytest.mark.parametrize("strength", ["balanced", "robust"])
def test_a_mark_of_another_key_leaves_the_first_one_readable(marked, strength):
    pixels = jpeg(embed(marked, PAYLOADS[1], OTHER_KEY, strength=strength), 90)
    each = detect_each(pixels, [KEY, OTHER_KEY])
    assert [found.payload for found in each] == PAYLOADS[:2]
    both = {layer.key_id: layer.payload for layer in detect(pixels, [KEY, OTHER_KEY]).layers}
    assert both == {KEY.key_id: PAYLOADS[0], OTHER_KEY.key_id: PAYLOADS[1]}


BETWEEN = {
    "nothing": lambda pixels: pixels,
    "JPEG": jpeg,
    "smaller": lambda pixels: cv2.resize(
        pixels, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA
    ),
    "cropped": lambda pixels: pixels[50:400, 70:540],
    "turned": lambda pixels: np.ascontiguousarray(np.rot90(pixels)),
}


@pytest.mark.parametrize("between", BETWEEN)
def test_two_marks_of_one_key_are_told_as_one_of_them_and_never_as_a_mixture(marked, between):
    found = detect(embed(BETWEEN[between](marked), PAYLOADS[1], KEY), [KEY])
    assert found.presence is Presence.PRESENT
    assert found.payload in {None, *PAYLOADS[:2]}
    assert [(layer.key_id, layer.payload) for layer in found.layers] == [
        (KEY.key_id, found.payload)
    ]


def test_a_stronger_mark_of_the_same_key_takes_the_place_of_the_first(marked):
    found = detect(embed(marked, PAYLOADS[1], KEY, strength="robust"), [KEY])
    assert found.payload == PAYLOADS[1]


# ------------------------------------------------------------------------- without the key


@pytest.mark.parametrize("edit", [lambda pixels: pixels, jpeg], ids=["unchanged", "JPEG"])
def test_other_keys_read_nothing(marked, edit):
    keys = [PUBLIC_KEY, *(Key.from_bytes(bytes([n]) * 32) for n in range(20))]
    found = detect(edit(marked), keys)
    assert found.presence is Presence.INCONCLUSIVE
    assert (found.payload, found.key_id, found.layers) == (None, None, ())


@pytest.fixture(scope="module", params=[1, 4])
def pattern(request, marked):
    """What folding shows of the mark, from one picture or from four, without any key."""
    period = tile_period(HEIGHT, WIDTH)
    files = [marked, *(embed(scene(seed), PAYLOADS[0], KEY) for seed in range(1, request.param))]
    return estimate(np.sum([folded(pixels, period) for pixels in files], axis=0))


def test_a_pattern_that_was_estimated_without_the_key_reads_in_another_picture_as_a_copy(
    marked, pattern
):
    host = scene(31)
    plane = repeated(pattern, host)
    forged = added(host, plane, gain_for(plane, 42))
    found = detect(forged, [KEY])
    # This is what marks cannot prevent; that the content is another one can be told.
    assert found.payload == PAYLOADS[0]
    view = take(forged, **asdict(found.geometry))
    assert (
        compare(sketch(scene(), period=tile_period(HEIGHT, WIDTH)), view).verdict
        is Verdict.MISMATCH
    )


def test_taking_a_pattern_away_leaves_no_other_payload(marked, pattern):
    plane = repeated(pattern, marked)
    said = [
        detect(added(marked, plane, -gain_for(plane, noise_db)), [KEY]).payload
        for noise_db in (48, 45, 42, 39)
    ]
    assert set(said) <= {None, PAYLOADS[0]}
    assert None in said, "the attack removes nothing, so that it shows nothing"
