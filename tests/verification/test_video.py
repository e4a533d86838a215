import av
import numpy as np
import pytest

import detectors.videos
from detectors import Conclusion, Presence, Technique, Verifier
from detectors.conclusion import NOT_HUMAN
from detectors.report import Report
from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.payload import Origin, ShortPayload
from labeler.provenance import Provenance, Track
from labeler.stamping import Stamper
from tests.films import RATE_HZ, film, resaved, with_sound
from tests.samples import make_settings
from tests.sounds import load, save

PROVENANCE = Provenance(generator="Example film maker")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    return make_settings(folder, scratch=folder / "scratch")


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(settings):
    yield
    assert not settings.scratch.exists() or list(settings.scratch.iterdir()) == []


@pytest.fixture(scope="module")
def stamper(settings):
    with Stamper(settings) as made:
        yield made


@pytest.fixture(scope="module")
def stamped(stamper, tmp_path_factory):
    """The path and receipt of a film with a mark in its pictures and one in its sound."""
    folder = tmp_path_factory.mktemp("stamped")
    source = film(folder / "source.mp4", frames=72, sound="aac")
    return folder / "film.mp4", stamper.stamp(source, folder / "film.mp4", PROVENANCE)


@pytest.fixture(scope="module")
def isolated(settings, stamped):
    with Verifier(settings) as made:
        yield made


@pytest.fixture(scope="module")
def verifier(settings, stamped):
    with Verifier(settings, isolated=False) as made:
        yield made


def looks(report):
    """What is said of each track, by its name."""
    findings = (each for each in report.findings if each.technique is Technique.WATERMARK)
    return {each.detail["track"]: each for each in findings}


# ---------------------------------------------------------------------------------- what is found


def test_a_stamped_film_has_every_mark(isolated, stamped):
    path, receipt = stamped
    report = isolated.verify(path)
    assert (report.conclusion, report.origin) == (Conclusion.MARKED, Origin.GENERATED)
    assert (report.file, report.media_type) == (str(path), "video/mp4")
    assert report.sha256 == receipt.target_sha256
    assert {each.presence for each in report.findings} == {Presence.PRESENT}
    assert [each.technique.value for each in report.findings] == [
        "credential", "metadata", "watermark", "fingerprint", "watermark", "fingerprint",
    ]  # fmt: skip
    seen, heard = looks(report)["visual"], looks(report)["audio"]
    assert max(seen.p_value, heard.p_value) < 1e-6
    assert seen.detail["payload"]["handle"] == str(receipt.payload.handle)
    assert seen.detail["key_id"] == heard.detail["key_id"] == PUBLIC_KEY.key_id
    assert seen.detail["frames_used"] > 0
    (start_s, end_s), *_ = seen.detail["spans"]
    assert start_s < 1
    assert end_s > 2
    for each in (seen, heard):
        assert end_s - 1 < each.detail["duration_s"] < end_s + 1
    for each in (seen, heard):  # one of them by its payload, one by what it sounds like
        assert each.detail["receipt"]["receipt_id"] == receipt.receipt_id
        assert each.detail["receipt"]["is_as_published"] is True
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize("extension", [".mkv", ".avi"])
def test_a_copy_that_lost_its_credential_still_leads_to_the_receipt(
    isolated, stamped, tmp_path, extension
):
    copy = resaved(stamped[0], tmp_path / f"copy{extension}")
    report = isolated.verify(copy)
    assert report.conclusion is Conclusion.MARKED
    assert list(looks(report)) == ["visual"]
    found = looks(report)["visual"].detail["receipt"]
    assert found["receipt_id"] == stamped[1].receipt_id
    assert found["is_as_published"] is False


def test_sound_says_in_short_what_the_pictures_say_in_full(stamped, tmp_path):
    path, receipt = stamped
    with Verifier(make_settings(tmp_path), isolated=False) as stranger:
        report = stranger.verify(path)
        sound = looks(report)["audio"]
        assert sound.detail["short_payload"]["tag"] == ShortPayload.of(receipt.payload).tag
        assert not any("short" in each for each in report.warnings)
        with av.open(str(path)) as old, av.open(str(tmp_path / "a.m4a"), "w") as new:
            stream = new.add_stream_from_template(old.streams.audio[0])
            for packet in old.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = stream
                    new.mux(packet)
        alone = stranger.verify(tmp_path / "a.m4a")
    assert any("short form" in each for each in alone.warnings)


def test_one_marked_track_marks_the_film(isolated, stamped, tmp_path):
    other = film(tmp_path / "other.mp4", seed=9)
    dubbed = with_sound(other, tmp_path / "dubbed.mp4", _sound_of(stamped[0], tmp_path))
    report = isolated.verify(dubbed)
    assert report.conclusion is Conclusion.MARKED
    presences = {track: each.presence for track, each in looks(report).items()}
    assert presences == {"visual": Presence.ABSENT, "audio": Presence.PRESENT}
    assert report.warnings == ()


def test_tracks_of_different_films_are_no_conflict_but_a_warning(
    stamper, verifier, stamped, tmp_path
):
    pictures = frozenset({Track.VISUAL})
    source = film(tmp_path / "source.mp4", seed=4)
    other = stamper.stamp(source, tmp_path / "o.mp4", Provenance(synthetic_tracks=pictures))
    spliced = with_sound(
        tmp_path / "o.mp4", tmp_path / "spliced.mp4", _sound_of(stamped[0], tmp_path)
    )
    report = verifier.verify(spliced)
    assert report.conclusion is Conclusion.MARKED
    receipts = {each.detail["receipt"]["receipt_id"] for each in looks(report).values()}
    assert receipts == {other.receipt_id, stamped[1].receipt_id}
    assert any("different watermarks" in each for each in report.warnings)


def _sound_of(path, folder):
    """The sound of a film, as the samples of its first channel."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", RATE_HZ)
        frames = [each for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return load(save(folder / "sound.wav", samples, RATE_HZ))[0]


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_nothing_in_unmarked_films_and_never_a_person(isolated, tmp_path, extension):
    report = isolated.verify(film(tmp_path / f"x{extension}", frames=24, seed=3))
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert report.origin is None
    assert {each.presence for each in report.findings} == {Presence.ABSENT}
    assert looks(report)["visual"].p_value > 1e-6
    assert NOT_HUMAN in report.warnings


def test_a_marked_film_that_became_an_animation_is_found(isolated, stamped, tmp_path):
    report = isolated.verify(resaved(stamped[0], tmp_path / "film.gif"))
    assert (report.conclusion, report.media_type) == (Conclusion.MARKED, "image/gif")
    found = report.finding(Technique.WATERMARK).detail["receipt"]
    assert found["receipt_id"] == stamped[1].receipt_id


def test_sound_that_nobody_can_open_does_not_hide_the_pictures(stamper, verifier, tmp_path):
    pictures = Provenance(synthetic_tracks=frozenset({Track.VISUAL}))
    source = film(tmp_path / "source.avi", sound="libmp3lame")
    stamper.stamp(source, tmp_path / "film.avi", pictures)
    report = verifier.verify(tmp_path / "film.avi")
    assert report.conclusion is Conclusion.MARKED
    assert looks(report)["visual"].presence is Presence.PRESENT
    heard = looks(report)["audio"]
    assert (heard.presence, heard.p_value) == (Presence.INCONCLUSIVE, None)
    assert any(each.startswith("The film's sound was not examined") for each in report.warnings)


# ---------------------------------------------------------------------------------- damaged films


def test_of_a_damaged_film_what_is_left_is_seen(isolated, stamped, tmp_path):
    path = resaved(stamped[0], tmp_path / "copy.mkv")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 8 // 10])
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.MARKED
    assert looks(report)["visual"].detail["receipt"]["receipt_id"] == stamped[1].receipt_id
    assert any("end" in each for each in report.warnings)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_film_without_its_list_of_tracks_is_unreadable(isolated, tmp_path, keep):
    path = film(tmp_path / "cut.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: int(data.index(b"moov") * keep)])
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.UNREADABLE
    assert looks(report) == {}
    assert "unforeseen" not in report.warnings[0]


# ---------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_video_bytes": 1000}, "1000 bytes"),
        ({"max_duration_s": 0.5}, "lasts"),
        ({"max_pixels": 1000}, "pixels"),
        ({"max_watching_seconds": 0.001}, "longer than 0.001 s"),
    ],
)
def test_limits_are_reports(settings, stamped, limits, words):
    with Verifier(settings.model_copy(update=limits)) as made:
        report = made.verify(stamped[0])
    assert report.conclusion is Conclusion.UNREADABLE
    assert words in report.warnings[0]


def test_the_limits_of_other_media_do_not_hold_for_films(settings, stamped):
    tight = {"max_file_bytes": 1000, "max_sound_bytes": 1000}
    tight |= {"max_seconds": 0.001, "max_listening_seconds": 0.001}
    with Verifier(settings.model_copy(update=tight)) as made:
        assert made.verify(stamped[0]).conclusion is Conclusion.MARKED


def test_large_films_get_more_time(isolated, stamped, monkeypatch):
    asked = []
    ask = isolated._sandbox.ask

    def spy(header, body, *, seconds):
        asked.append((body, seconds))
        return ask(header, body, seconds=seconds)

    monkeypatch.setattr(isolated._sandbox, "ask", spy)
    isolated.verify(stamped[0])
    size = stamped[0].stat().st_size
    assert asked == [(b"", 600 + size / 20_000)]
    assert isolated._settings.max_watching_seconds < 600 + 10 * 1024**3 / 20_000


# ----------------------------------------------------------------------------------- the two ways


@pytest.mark.parametrize("kind", ["stamped", "truncated"])
def test_isolated_or_not_the_report_is_the_same(isolated, verifier, stamped, tmp_path, kind):
    path = tmp_path / "a.mp4"
    data = stamped[0].read_bytes()
    path.write_bytes(data[:-9000] if kind == "truncated" else data)
    assert isolated.verify(path) == verifier.verify(path)


def test_what_one_track_shows_comes_before_the_damage_of_the_other(monkeypatch):
    def broken(*_):
        raise detectors.videos.UnreadableMediaError("the pictures are damaged")
        yield

    monkeypatch.setattr(detectors.videos, "_examine_pictures", broken)
    monkeypatch.setattr(detectors.videos, "_examine_sound", lambda *_, **__: iter(["heard"]))

    class Film:
        has_sound = True

    found = []

    def collect():
        for each in detectors.videos.examine(Film(), None, None):
            found.append(each)  # noqa: PERF402  extend keeps nothing when it is interrupted

    with pytest.raises(detectors.videos.UnreadableMediaError, match="the pictures"):
        collect()
    assert found == ["heard"]
