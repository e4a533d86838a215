"""A mark of a secret key and the public signpost beside it: one energy, two readers."""

import cv2
import numpy as np
import pytest

from detectors import audio, image, video
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import CARRIERS, TileLayer, layered_tile, tile
from labeler.codec.luma import LumaFrame
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.marks.audio import Stream
from labeler.marks.audio import embed as embed_sound
from labeler.marks.image import embed
from labeler.marks.signpost import Signpost
from labeler.marks.video import Marker
from tests.clips import pictures
from tests.scenes import photograph
from tests.sounds import murmur

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xCAFE1234))
OTHER = Payload(origin=Origin.GENERATED, handle=Handle(9, 1))
SHORT = ShortPayload.of(PAYLOAD)
SIGNPOST = Signpost(payload=PAYLOAD)
BOTH = {KEY.key_id: PAYLOAD, PUBLIC_KEY.key_id: PAYLOAD}


def said(layers):
    return {each.key_id: each.payload for each in layers}


def energy(change):
    return float(np.sum(np.square(change, dtype=np.float64)))


def jpeg(pixels, quality=75):
    coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


# ------------------------------------------------------------------------------------ the lattice


def test_layers_share_the_synchronisation_carriers_and_the_energy():
    both = layered_tile([TileLayer(PAYLOAD, KEY, 0, 0.6), TileLayer(OTHER, PUBLIC_KEY, 0, 0.4)], 96)
    alone = tile(PAYLOAD, KEY, 96)
    for pattern in (both, alone):
        assert np.mean((pattern.low + pattern.high) ** 2) == pytest.approx(1, rel=1e-5)
    heard, expected = (
        np.fft.rfft2(each.low + each.high)[CARRIERS.ky[CARRIERS.sync], CARRIERS.kx[CARRIERS.sync]]
        for each in (both, alone)
    )
    ratio = heard / expected
    assert np.allclose(ratio, ratio[0], rtol=1e-3)
    assert abs(ratio[0]) == pytest.approx(1, abs=0.03)


def test_one_layer_with_all_the_energy_is_the_mark_alone():
    one, other = layered_tile([TileLayer(PAYLOAD, KEY)], 80), tile(PAYLOAD, KEY, 80)
    assert np.array_equal(one.low, other.low)
    assert np.array_equal(one.high, other.high)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_leaves_something_to_both(share):
    with pytest.raises(ValueError, match="share"):
        Signpost(payload=PAYLOAD, share=share)


# --------------------------------------------------------------------------------------- pictures


def test_a_picture_carries_both_with_the_noise_of_one():
    # One that lasts without being raised, by far: another draw of the pattern changes nothing.
    picture = photograph(480, 640, seed=1)
    alone, both = embed(picture, PAYLOAD, KEY), embed(picture, PAYLOAD, KEY, signpost=SIGNPOST)
    noise = [energy(each.astype(float) - picture) for each in (alone, both)]
    assert 10 * abs(np.log10(noise[1] / noise[0])) < 0.15
    assert said(image.detect(both, [KEY, PUBLIC_KEY]).layers) == BOTH
    assert said(image.detect(both, [PUBLIC_KEY]).layers) == {PUBLIC_KEY.key_id: PAYLOAD}


@pytest.mark.parametrize(
    "handled",
    [
        jpeg,
        lambda pixels: jpeg(cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)),
        lambda pixels: jpeg(pixels[60:420, 80:560]),
        lambda pixels: np.rot90(pixels)[::-1],
    ],
    ids=["jpeg", "smaller", "cropped", "turned"],
)
def test_the_signpost_survives_everyday_handling_and_so_does_the_mark(handled):
    marked = embed(photograph(480, 640), PAYLOAD, KEY, signpost=SIGNPOST)
    assert said(image.detect(handled(marked), [KEY, PUBLIC_KEY]).layers) == BOTH


def test_each_layer_has_its_own_p_value_and_all_keys_are_counted():
    marked = embed(photograph(480, 640), PAYLOAD, KEY, signpost=SIGNPOST)
    alone = {each.key_id: each.p_value for each in image.detect_each(marked, [KEY, PUBLIC_KEY])}
    found = image.detect(marked, [KEY, PUBLIC_KEY, Key.from_bytes(b"\1" * 32)])
    for layer in found.layers:
        assert layer.p_value == pytest.approx(3 * alone[layer.key_id])
    assert found.p_value == min(layer.p_value for layer in found.layers)
    assert len({layer.p_value for layer in found.layers}) == 2


def test_layers_that_disagree_are_both_told():
    marked = embed(photograph(480, 640), PAYLOAD, KEY, signpost=Signpost(payload=OTHER))
    expected = {KEY.key_id: PAYLOAD, PUBLIC_KEY.key_id: OTHER}
    assert said(image.detect(marked, [KEY, PUBLIC_KEY]).layers) == expected


def test_nothing_is_found_where_nothing_is():
    ring = [KEY, PUBLIC_KEY]
    assert image.detect(photograph(480, 640), ring).layers == ()
    alone = embed(photograph(480, 640), PAYLOAD, KEY)
    assert said(image.detect(alone, ring).layers) == {KEY.key_id: PAYLOAD}


def test_a_mark_that_is_taken_away_leaves_nothing_for_other_keys():
    """With the mark out of the way others are looked for once more: they are not there."""
    marked = embed(photograph(480, 640), PAYLOAD, KEY)
    ring = [KEY, *(Key.from_bytes(bytes([number]) * 32) for number in range(1, 60))]
    others = [each.p_value for each in image.detect_each(marked, ring)[1:]]
    assert min(others) > 1e-3
    assert said(image.detect(marked, ring).layers) == {KEY.key_id: PAYLOAD}


@pytest.mark.parametrize("strength", ["balanced", "robust"])
def test_the_mark_is_read_though_another_is_written_over_it(strength):
    marked = embed(photograph(480, 640), PAYLOAD, KEY, signpost=SIGNPOST)
    over = jpeg(embed(marked, OTHER, PUBLIC_KEY, strength=strength), 85)
    expected = {KEY.key_id: PAYLOAD, PUBLIC_KEY.key_id: OTHER}
    assert said(image.detect(over, [KEY, PUBLIC_KEY]).layers) == expected


def test_a_signpost_stands_beside_another_key_and_says_all_in_a_picture():
    picture = photograph(200, 200)
    with pytest.raises(ValueError, match="another key"):
        embed(picture, PAYLOAD, PUBLIC_KEY, signpost=SIGNPOST)
    with pytest.raises(ValueError, match="whole payload"):
        embed(picture, PAYLOAD, KEY, signpost=Signpost(payload=SHORT))


# ------------------------------------------------------------------------------------------ films


def test_a_film_carries_both_with_the_noise_of_one():
    before = [picture[..., 1].copy() for picture in pictures(12, 768, 432)]
    markers = [Marker(432, 768, PAYLOAD, KEY, signpost=each) for each in (None, SIGNPOST)]
    _, after = ([marker.mark(each) for each in before] for marker in markers)
    assert markers[0].psnr_db == pytest.approx(markers[1].psnr_db, abs=0.05)
    frames = [LumaFrame(index / 25, luma, 8) for index, luma in enumerate(after)]
    assert said(video.detect_lumas(frames, [KEY, PUBLIC_KEY]).layers) == BOTH
    assert said(video.detect_lumas(frames, [PUBLIC_KEY]).layers) == {PUBLIC_KEY.key_id: PAYLOAD}


def test_the_layer_beside_a_mark_is_found_though_the_search_stops_at_the_mark():
    """The first ten seconds show the mark alone, after which no other window is searched."""
    (luma,) = (picture[..., 1].copy() for picture in pictures(1, 480, 272))
    alone, both = (Marker(272, 480, PAYLOAD, KEY, signpost=each) for each in (None, SIGNPOST))
    first, later = alone.mark(luma), both.mark(luma)
    frames = [LumaFrame(float(time_s), first if time_s < 12 else later, 8) for time_s in range(40)]
    ring = [KEY, PUBLIC_KEY]
    assert said(video.detect_lumas(frames[:12], ring).layers) == {KEY.key_id: PAYLOAD}
    assert said(video.detect_lumas(frames, ring).layers) == BOTH


# ------------------------------------------------------------------------------------------ sound


def test_a_sound_carries_both_with_the_noise_of_one():
    sound = murmur(16)
    alone = embed_sound(sound, 16_000, PAYLOAD, KEY)
    both = embed_sound(sound, 16_000, PAYLOAD, KEY, signpost=SIGNPOST)
    assert 10 * np.log10(energy(both - sound) / energy(alone - sound)) < 0.1
    found = audio.detect(both, 16_000, [KEY, PUBLIC_KEY])
    assert said(found.layers) == BOTH
    assert said(audio.detect(both, 16_000, [PUBLIC_KEY]).layers) == {PUBLIC_KEY.key_id: PAYLOAD}
    assert said(audio.detect(alone, 16_000, [KEY, PUBLIC_KEY]).layers) == {KEY.key_id: PAYLOAD}
    assert audio.detect(sound, 16_000, [KEY, PUBLIC_KEY]).layers == ()


def test_a_sound_may_carry_its_signpost_in_the_short_form():
    sound = murmur(10)
    signpost = Signpost(payload=SHORT)
    both = embed_sound(sound, 16_000, PAYLOAD, KEY, signpost=signpost)
    found = audio.detect(both, 16_000, [PUBLIC_KEY, KEY])
    assert said(found.layers) == {KEY.key_id: PAYLOAD, PUBLIC_KEY.key_id: SHORT}


def test_the_layers_of_a_longer_sound_are_found_in_any_of_its_stretches(monkeypatch):
    """The first stretch has the mark alone, after which it alone is followed."""
    monkeypatch.setattr(audio, "_STRETCH_S", 14)
    sound = murmur(34)
    alone = embed_sound(sound, 16_000, PAYLOAD, KEY)
    both = embed_sound(sound, 16_000, PAYLOAD, KEY, signpost=SIGNPOST)
    mixed = np.concatenate([alone[: 16 * 16_000], both[16 * 16_000 :]])
    assert said(audio.detect(mixed, 16_000, [KEY, PUBLIC_KEY]).layers) == BOTH


def test_a_stream_carries_both():
    sound = murmur(20)
    stream = Stream(16_000, 1, PAYLOAD, KEY, signpost=SIGNPOST)
    both = np.concatenate([stream.push(sound), stream.finish()])
    assert said(audio.detect(both, 16_000, [KEY, PUBLIC_KEY]).layers) == BOTH
    with pytest.raises(ValueError, match="another key"):
        Stream(16_000, 1, PAYLOAD, PUBLIC_KEY, signpost=SIGNPOST)
