"""Films go through the same pipeline, track by track, and never whole into memory."""

import io
import os
import shutil
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from labeler.codec.keys import Keyring
from labeler.codec.luma import LumaFrame
from labeler.codec.payload import Payload, ShortPayload
from labeler.credentials import Integrity, Trust, TrustStore, read_file
from labeler.errors import (
    CapacityError,
    ConflictError,
    LabelerError,
    MediaTooLargeError,
    OutputError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from labeler.media.media_type import sniff_file
from labeler.media.video import Video
from labeler.metadata import read_file as read_metadata
from labeler.provenance import Provenance, SourceType, Track
from labeler.receipt import Layer
from labeler.registry import RegistryReader
from labeler.stamping import Stamper, moving_pictures, trial
from tests.clips import clip
from tests.films import RATE_HZ, blank, film, lumas, packets, with_sound
from tests.samples import encode, make_settings, photo
from tests.sounds import murmur

PROVENANCE = Provenance(generator="Example film maker", generator_version="2")
BOTH = frozenset(Track)
VISUAL, AUDIO = frozenset({Track.VISUAL}), frozenset({Track.AUDIO})
SOUNDS = {".mp4": "aac", ".mov": "aac", ".mkv": "libopus", ".webm": "libopus", ".avi": None}
EMBEDDED = {".mp4", ".mov", ".avi"}


def of(tracks):
    return Provenance(generator="Example film maker", synthetic_tracks=tracks)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    return make_settings(folder, scratch=folder / "scratch")


@pytest.fixture(scope="module")
def stamper(settings):
    with Stamper(settings) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(settings):
    yield
    assert not settings.scratch.exists() or list(settings.scratch.iterdir()) == []


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A film without sound."""
    return film(tmp_path_factory.mktemp("sources") / "film.mp4")


@pytest.fixture(scope="module")
def talkie(tmp_path_factory):
    """A film with sound."""
    return film(tmp_path_factory.mktemp("sources") / "talkie.mp4", frames=72, sound="aac")


@pytest.fixture
def target(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "target.mp4"


def credential(path, settings):
    trust = TrustStore.from_development_identity(settings.identity)
    beside = path.with_name(f"{path.name}.c2pa")
    sidecar = beside.read_bytes() if beside.exists() else None
    return read_file(path, media_type(path), trust=trust, sidecar=sidecar)


def media_type(path):
    with path.open("rb") as file:
        return sniff_file(file, name="x")


def outcome(receipt, layer):
    return next(each for each in receipt.layers if each.layer is layer)


def watermark(receipt):
    return outcome(receipt, Layer.WATERMARK)


def names(directory):
    return sorted(path.name for path in directory.rglob("*"))


# ------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("extension", SOUNDS)
def test_every_container_carries_every_layer(stamper, settings, tmp_path, extension):
    source = film(tmp_path / f"source{extension}", sound=SOUNDS[extension])
    before = source.read_bytes()
    target = tmp_path / "out" / f"target{extension}"
    receipt = stamper.stamp(source, target, of(VISUAL))
    assert source.read_bytes() == before
    is_embedded = extension in EMBEDDED
    sidecar = target.with_name(f"{target.name}.c2pa")
    assert names(target.parent) == [target.name, *([] if is_embedded else [sidecar.name])]
    assert receipt.sidecar == (None if is_embedded else str(sidecar))

    reading = credential(target, settings)
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert reading.digital_source_types == (SourceType.TRAINED_ALGORITHMIC_MEDIA.uri,)
    assert [action.name for action in reading.actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert [each.payload for each in reading.soft_bindings] == [receipt.payload]
    assert read_metadata(target, media_type(target)).ai_system == "Example film maker"
    assert receipt.media_type == media_type(source).value == media_type(target).value

    assert receipt.missing == ()
    found = watermark(receipt)
    assert found.tracks == (Track.VISUAL,)
    assert found.p_value < 1e-6
    assert found.psnr_db > 38
    assert found.snr_db is None
    with RegistryReader.open(settings.registry_location) as registry:
        assert registry.find(receipt.payload.handle) == receipt
    if SOUNDS[extension]:
        assert packets(target, "audio") == packets(source, "audio")


@pytest.fixture(scope="module")
def stamped(stamper, talkie, tmp_path_factory):
    """A film both of whose tracks are marked, and its receipt."""
    path = tmp_path_factory.mktemp("stamped") / "stamped.mp4"
    return stamper.stamp(talkie, path, PROVENANCE), path


def test_both_tracks_carry_the_same_payload(stamped, settings, talkie):
    receipt, path = stamped
    found = watermark(receipt)
    assert found.tracks == (Track.VISUAL, Track.AUDIO)
    assert found.psnr_db > 38
    assert found.snr_db > 10
    payload = receipt.payload
    assert isinstance(payload, Payload)
    # Three seconds have no room for all of it.
    bound = {each.payload for each in credential(path, settings).soft_bindings}
    assert bound == {payload, ShortPayload.of(payload)}
    assert "the sound: short form" in found.reason
    assert packets(path, "audio") != packets(talkie, "audio")
    assert not np.array_equal(lumas(path), lumas(talkie))
    with RegistryReader.open(settings.registry_location) as registry:
        (record,) = registry.find_by_tag(ShortPayload.of(payload))
    assert record.receipt == receipt


def test_of_a_film_with_real_pictures_only_the_sound_is_marked(stamper, settings, talkie, tmp_path):
    receipt = stamper.stamp(talkie, tmp_path / "out.mp4", of(AUDIO))
    assert watermark(receipt).tracks == (Track.AUDIO,)
    assert watermark(receipt).psnr_db is None
    assert "none in the pictures: not declared" in watermark(receipt).reason
    assert packets(tmp_path / "out.mp4", "video") == packets(talkie, "video")
    (binding,) = credential(tmp_path / "out.mp4", settings).soft_bindings
    assert binding.payload == ShortPayload.of(receipt.payload)


def test_of_a_film_with_real_sound_only_the_pictures_are_marked(stamper, talkie, tmp_path):
    receipt = stamper.stamp(talkie, tmp_path / "out.mp4", of(VISUAL))
    assert watermark(receipt).tracks == (Track.VISUAL,)
    assert "sound" in watermark(receipt).reason
    assert packets(tmp_path / "out.mp4", "audio") == packets(talkie, "audio")


# ----------------------------------------------------------- sound that is missing or unsuitable


@pytest.mark.parametrize(("declared", "says_so"), [(None, False), (BOTH, True)])
def test_a_film_without_sound_is_marked_in_its_pictures(stamper, silent, target, declared, says_so):
    found = watermark(stamper.stamp(silent, target, of(declared)))
    assert found.tracks == (Track.VISUAL,)
    assert (found.reason is not None) == says_so
    assert not says_so or "sound" in found.reason


def test_synthetic_sound_that_is_not_there_is_an_error(stamper, silent, target):
    with pytest.raises(UnsupportedMediaError, match="no sound") as caught:
        stamper.stamp(silent, target, of(AUDIO))
    assert caught.value.file == str(silent)
    assert "--synthetic-tracks" in caught.value.hint
    assert names(target.parent) == []


def test_silence_carries_nothing_and_needs_nothing(stamper, silent, target, tmp_path):
    source = with_sound(silent, tmp_path / "s.mp4", np.zeros((RATE_HZ, 1), np.float32))
    found = watermark(stamper.stamp(source, target, PROVENANCE))
    assert found.tracks == (Track.VISUAL,)
    assert "in the sound" in found.reason
    with pytest.raises(CapacityError):
        stamper.stamp(source, target.with_name("other.mp4"), of(AUDIO))


@pytest.fixture
def unwritable(silent, tmp_path):
    """A film whose sound cannot be marked, for it cannot be written again."""
    return with_sound(silent, tmp_path / "u.mp4", murmur(1.2, RATE_HZ), "ac3")


def test_sound_that_cannot_be_marked_is_an_error(stamper, unwritable, target):
    with pytest.raises((CapacityError, UnsupportedMediaError)) as caught:
        stamper.stamp(unwritable, target, PROVENANCE)
    assert "if the sound is not synthetic, say so (--synthetic-tracks visual)" in caught.value.hint
    assert "--allow-missing watermark" in caught.value.hint
    assert names(target.parent) == []
    with pytest.raises((CapacityError, UnsupportedMediaError)) as caught:
        stamper.stamp(unwritable, target, of(AUDIO))
    assert "--synthetic-tracks" not in caught.value.hint


def test_or_it_is_told_what_the_mark_does_not_cover(stamper, unwritable, target):
    allowed = {Layer.WATERMARK}
    receipt = stamper.stamp(unwritable, target, PROVENANCE, allow_missing=allowed)
    assert watermark(receipt).tracks == (Track.VISUAL,)
    assert "none in the sound" in watermark(receipt).reason
    assert packets(target, "audio") == packets(unwritable, "audio")


def test_of_several_sound_tracks_the_one_that_plays_is_marked(stamper, silent, tmp_path, target):
    one = with_sound(silent, tmp_path / "one.mp4", murmur(3, RATE_HZ))
    source = with_sound(one, tmp_path / "two.mp4", murmur(3, RATE_HZ, seed=2))
    found = watermark(stamper.stamp(source, target, of(AUDIO)))
    assert found.tracks == (Track.AUDIO,)
    assert "the sound: of 2 tracks only the one that plays by default" in found.reason
    assert packets(target, "audio") != packets(source, "audio")
    assert packets(target, "audio", 1) == packets(source, "audio", 1)


def test_of_several_picture_tracks_the_first_is_marked(stamper, silent, tmp_path, target):
    source = tmp_path / "two.mp4"
    with av.open(str(silent)) as old, av.open(str(source), "w") as new:
        streams = [new.add_stream_from_template(old.streams.video[0]) for _ in range(2)]
        for stream in streams:
            old.seek(0)
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    new.mux(packet)
    found = watermark(stamper.stamp(source, target, PROVENANCE))
    assert found.reason == "the pictures: of 2 tracks only the first"
    assert packets(target, "video") != packets(source, "video")
    assert packets(target, "video", 1) == packets(source, "video", 1)


def test_pictures_that_cannot_be_marked_do_not_stop_the_sound(stamper, talkie, tmp_path, target):
    sound = murmur(3, RATE_HZ)
    source = with_sound(blank(tmp_path / "tiny.mp4", 128, (96, 80)), tmp_path / "s.mp4", sound)
    with pytest.raises(CapacityError, match="small"):
        stamper.stamp(source, target, PROVENANCE)
    found = watermark(stamper.stamp(source, target, PROVENANCE, allow_missing={Layer.WATERMARK}))
    assert found.tracks == (Track.AUDIO,)
    assert "none in the pictures" in found.reason
    assert packets(target, "video") == packets(source, "video")


@pytest.mark.parametrize("allowed", [set(), set(Layer)])
def test_what_is_no_film_has_no_tracks(stamper, tmp_path, allowed):
    source = tmp_path / "source.png"
    source.write_bytes(encode(photo()))
    with pytest.raises(UnsupportedMediaError, match="no film but PNG") as caught:
        stamper.stamp(source, tmp_path / "out.png", of(VISUAL), allow_missing=allowed)
    assert caught.value.file == str(source)
    assert names(tmp_path) == ["source.png"]


def test_the_same_claims_are_the_same_text():
    assert '"synthetic_tracks": ["audio", "visual"]' in of(BOTH).to_json()
    assert len({of(each).to_json() for each in (None, BOTH, VISUAL, AUDIO)}) == 4
    with pytest.raises(ValueError, match="synthetic_tracks"):
        of(frozenset())


# ------------------------------------------------------------------- the trial before the encoding


@pytest.mark.parametrize(
    ("level", "size", "reason"),
    [(128, (480, 320), "flat"), (20, (480, 320), "dark"), (128, (320, 200), "small")],
)
def test_what_cannot_carry_a_mark_is_refused_with_the_reason(
    stamper, tmp_path, target, monkeypatch, level, size, reason
):
    def ruin(frames, **_):
        return [np.full_like(frame, level) for frame in frames]

    monkeypatch.setattr(trial, "recompressed", ruin)
    source = blank(tmp_path / "source.mp4", level, size)
    with pytest.raises(CapacityError, match=f"too {reason} for") as caught:
        stamper.stamp(source, target, PROVENANCE)
    assert "--allow-missing watermark" in caught.value.hint
    assert names(target.parent) == []
    receipt = stamper.stamp(source, target, PROVENANCE, allow_missing={Layer.WATERMARK})
    assert (watermark(receipt).present, watermark(receipt).tracks) == (False, ())
    assert packets(target, "video") == packets(source, "video")


def test_pictures_without_room_for_any_mark_are_refused(stamper, tmp_path, target):
    with pytest.raises(CapacityError, match="small") as caught:
        stamper.stamp(blank(tmp_path / "tiny.mp4", 128, (96, 80)), target, PROVENANCE)
    assert caught.value.file == str(tmp_path / "tiny.mp4")


@pytest.fixture
def ruined(monkeypatch):
    """What the trial makes, if only what ``enough`` names survives compression."""
    tried = []
    marker, recompressed = trial.Marker, trial.recompressed

    def arrange(enough):
        def spy(*args, strength, grain, **options):
            tried.append((strength, grain))
            return marker(*args, strength=strength, grain=grain, **options)

        def ruin(frames, **options):
            copies = list(recompressed(frames, **(options | {"crf": 23})))
            return copies if tried[-1] == enough else [np.full_like(copies[0], 128)]

        monkeypatch.setattr(trial, "Marker", spy)
        monkeypatch.setattr(trial, "recompressed", ruin)
        return tried

    return arrange


def test_a_mark_that_lasts_is_fine(stamper, silent, target, ruined):
    tried = ruined(("balanced", "fine"))
    assert stamper.stamp(silent, target, PROVENANCE).missing == ()
    assert tried == [("balanced", "fine")] * 2


def test_a_fine_mark_that_would_not_last_is_made_coarse(stamper, silent, target, ruined):
    tried = ruined(("balanced", "coarse"))
    assert stamper.stamp(silent, target, PROVENANCE).missing == ()
    assert tried == [("balanced", "fine"), *[("balanced", "coarse")] * 2]


def test_a_mark_that_would_not_last_is_made_stronger(stamper, silent, target, ruined):
    tried = ruined(("robust", "coarse"))
    assert stamper.stamp(silent, target, PROVENANCE).missing == ()
    assert tried == [
        ("balanced", "fine"), ("balanced", "coarse"), *[("robust", "coarse")] * 2
    ]  # fmt: skip


def test_what_a_small_film_does_not_survive_is_told(stamper, tmp_path, target, monkeypatch):
    recompressed = trial.recompressed

    def ruin(frames, *, crf, **options):
        copies = list(recompressed(frames, crf=23, **options))
        return copies if crf < 28 else [np.full_like(copies[0], 128)]

    monkeypatch.setattr(trial, "recompressed", ruin)
    source = shutil.copy(clip(width=256, height=144, frames=30), tmp_path / "small.mp4")
    found = watermark(stamper.stamp(source, target, PROVENANCE))
    assert found.tracks == (Track.VISUAL,)
    assert found.reason == "the pictures: too small for it to survive strong compression"


@pytest.mark.parametrize(
    ("duration_s", "starts_s"),
    [(None, (0,)), (0.4, (0,)), (5, (2,)), (25, (12,)), (55, (13.5, 40.5))],
)
def test_the_trial_is_short_beside_the_film(duration_s, starts_s):
    assert trial.places(SimpleNamespace(duration_s=duration_s)) == starts_s


def test_pictures_that_are_shown_for_long_are_tried_too(stamper, tmp_path, target):
    times = (0, 20_000, 40_000)
    slides = clip(width=480, height=320, times=times, time_base=Fraction(1, 1000))
    source = shutil.copy(slides, tmp_path / "slides.mp4")
    assert stamper.stamp(source, target, PROVENANCE).missing == ()


def test_sound_may_go_on_after_the_pictures_that_are_tried():
    class Short:
        def frames(self, *, start_s):
            for index in range(int(25 * start_s), 50):
                yield LumaFrame(index / 25, np.zeros((4, 4), np.uint8), 8)

    def tried(*starts_s):
        return [round(25 * frame.time_s) for frame in trial._excerpts(Short(), starts_s)]

    assert tried(0.4, 1.6) == [*range(10, 35), *range(40, 50)]
    assert tried(1.6, 90.0) == [*range(40, 50)]
    assert tried(30.0, 90.0) == [*range(25)]


def test_a_long_film_is_tried_where_it_is_neither_flattest_nor_busiest():
    class Long:
        duration_s = 900.0

        def frames(self, *, start_s, **_):
            noise = np.random.default_rng(1).normal(0, start_s / 50, (64, 64))
            luma = np.clip(128 + noise, 0, 255).astype(np.uint8)
            yield LumaFrame(start_s, luma, 8)

    chosen = trial.places(Long())
    assert len(chosen) == 3
    assert 250 < chosen[0] < chosen[1] < chosen[2] < 650


def test_of_a_long_film_three_pieces_are_looked_at():
    asked = []

    def frames(**options):
        asked.append(options)
        return iter(())

    moving_pictures._glance(SimpleNamespace(duration_s=7200.0, frames=frames), Keyring())
    assert [each["start_s"] for each in asked] == [0.0, 3599.0, 7198.0]
    assert all(each["end_s"] - each["start_s"] == 2 for each in asked)
    assert all(each["skip"] for each in asked)


def test_a_mark_that_is_lost_in_encoding_is_noticed(stamper, silent, target, monkeypatch):
    encode_film = Video.encode

    def lose(self, mark, target, **options):
        encode_film(self, lambda luma: luma.copy(), target, **options)

    monkeypatch.setattr(Video, "encode", lose)
    with pytest.raises(CapacityError, match="read back"):
        stamper.stamp(silent, target, PROVENANCE)
    assert names(target.parent) == []


# ----------------------------------------------------------------------------------- how far it is


def test_it_is_told_how_far_it_is(stamper, silent, target):
    seen = []
    receipt = stamper.stamp(silent, target, PROVENANCE, progress=seen.append)
    assert watermark(receipt).reason is None
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert 0 <= seen[0] < 0.5
    assert seen[-1] == 1


def test_of_a_picture_only_the_end_is_told(stamper, tmp_path):
    seen = []
    source = encode(photo())
    stamper.stamp(source, tmp_path / "out.png", PROVENANCE, progress=seen.append)
    assert seen == [1]


# ----------------------------------------------------------------------------- marks in the input


def test_a_film_that_carries_a_mark_is_refused(stamper, stamped, target):
    receipt, path = stamped
    with pytest.raises(ConflictError, match=str(receipt.payload.handle)) as caught:
        stamper.stamp(path, target, PROVENANCE)
    assert "in the pictures" in str(caught.value)
    assert names(target.parent) == []


def test_marks_can_be_kept_and_signed_again(stamper, settings, stamped, target):
    first, path = stamped
    receipt = stamper.stamp(path, target, PROVENANCE, already_marked="keep")
    assert receipt.payload == first.payload
    assert watermark(receipt).tracks == (Track.VISUAL, Track.AUDIO)
    assert watermark(receipt).psnr_db is None
    assert packets(target, "video") == packets(path, "video")
    bound = {each.payload for each in credential(target, settings).soft_bindings}
    assert bound == {first.payload, ShortPayload.of(first.payload)}


def test_of_a_mark_that_is_kept_it_is_told_where_there_is_none(stamper, talkie, tmp_path):
    first = tmp_path / "first.mp4"
    stamper.stamp(talkie, first, of(AUDIO))
    receipt = stamper.stamp(first, tmp_path / "second.mp4", of(AUDIO), already_marked="keep")
    assert watermark(receipt).tracks == (Track.AUDIO,)
    assert "none in the pictures" in watermark(receipt).reason
    assert receipt.payload is None  # its short form leads to no handle without the registry


# ---------------------------------------------------------------------------- sources and targets


def test_streams_are_sources_and_targets(stamper, silent, tmp_path):
    source, stream = io.BytesIO(silent.read_bytes()), io.BytesIO()
    stamper.stamp(source, stream, PROVENANCE)
    (tmp_path / "stream.mp4").write_bytes(stream.getvalue())
    assert lumas(tmp_path / "stream.mp4").shape == lumas(silent).shape


def test_the_format_is_kept_and_the_target_may_not_deny_it(stamper, silent, tmp_path):
    with pytest.raises(OutputError, match=r"the output is MP4.*\.mp4"):
        stamper.stamp(silent, tmp_path / "target.mkv", PROVENANCE)
    assert names(tmp_path) == []


# --------------------------------------------------------------------------------------- bad input


def bad_inputs(silent):
    data = silent.read_bytes()
    moov = data.index(b"moov") - 4
    return {
        "cut short": data[: len(data) * 7 // 10],
        "no moov": data[:moov],
        "header only": data[:64],
        "nothing in it": data[:32] + b"\0\0\0\x08moov",
    }


@pytest.mark.parametrize("kind", ["cut short", "no moov", "header only", "nothing in it"])
def test_bad_input_is_one_clear_error_and_nothing_is_written(
    stamper, silent, tmp_path, target, kind
):
    source = tmp_path / "source.mp4"
    source.write_bytes(bad_inputs(silent)[kind])
    with pytest.raises(LabelerError) as caught:
        stamper.stamp(source, target, PROVENANCE, allow_missing=set(Layer))
    assert caught.value.file == str(source)
    assert caught.value.hint
    assert names(target.parent) == []


@pytest.mark.parametrize("extension", [".mkv", ".webm", ".avi"])
def test_what_is_cut_short_is_refused_in_every_container(stamper, tmp_path, extension):
    source = film(tmp_path / f"cut{extension}", frames=24)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 7 // 10 + 11])
    with pytest.raises(UnreadableMediaError) as caught:
        stamper.stamp(source, tmp_path / f"target{extension}", PROVENANCE)
    assert caught.value.file == str(source)
    assert names(tmp_path) == [source.name]


def test_films_above_the_limits_are_refused(settings, silent, target):
    for limits, words in (
        ({"max_video_bytes": 1000}, "more than 1000 bytes"),
        ({"max_duration_s": 0.5}, "lasts"),
        ({"max_pixels": 1000}, "pixels"),
    ):
        with (
            Stamper(settings.model_copy(update=limits)) as made,
            pytest.raises(MediaTooLargeError, match=words) as caught,
        ):
            made.stamp(silent, target, PROVENANCE)
        assert caught.value.file == str(silent)


def test_a_source_that_changes_meanwhile_is_noticed(stamper, silent, tmp_path, target, monkeypatch):
    source = tmp_path / "film.mp4"
    source.write_bytes(silent.read_bytes())
    encode_film = Video.encode

    def meddle(self, mark, target, **options):
        encode_film(self, mark, target, **options)
        os.utime(source, (1, 1))

    monkeypatch.setattr(Video, "encode", meddle)
    with pytest.raises(UnreadableMediaError, match="changed"):
        stamper.stamp(source, target, PROVENANCE)
    assert names(target.parent) == []
