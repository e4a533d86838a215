import io
import json
import os
import socket
import threading
from pathlib import Path

import fsspec
import numpy as np
import pytest

import detectors
from detectors import Conclusion, Presence, Technique, Verifier, sounds
from detectors.conclusion import NOT_HUMAN
from detectors.report import Report
from labeler.cli.reports import print_report
from labeler.codec.keys import PUBLIC_KEY, Keyring
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.errors import UnreadableMediaError
from labeler.marks import audio
from labeler.provenance import Provenance
from labeler.settings import Settings
from labeler.stamping import Stamper
from tests.samples import make_settings
from tests.sounds import SOUND_FORMATS, load, murmur, save

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 0xABCDEF))
PROVENANCE = Provenance(generator="Example voice")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
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
    """The path and receipt of a stamped sound."""
    folder = tmp_path_factory.mktemp("stamped")
    source = save(folder / "source.wav", murmur(12, seed=1))
    return folder / "voice.wav", stamper.stamp(source, folder / "voice.wav", PROVENANCE)


@pytest.fixture(scope="module")
def short(stamper, tmp_path_factory):
    """The path and receipt of a stamped sound with a short mark."""
    folder = tmp_path_factory.mktemp("short")
    source = save(folder / "source.wav", murmur(5, seed=2))
    return folder / "short.wav", stamper.stamp(source, folder / "short.wav", PROVENANCE)


@pytest.fixture(scope="module")
def isolated(settings, stamped, short):
    with Verifier(settings) as made:
        yield made


@pytest.fixture(scope="module")
def verifier(settings, stamped, short):
    with Verifier(settings, isolated=False) as made:
        yield made


def presences(report):
    return {finding.technique.value: finding.presence.value for finding in report.findings}


def detail(report, technique):
    return report.finding(technique).detail


# ---------------------------------------------------------------------------------- what is found


def test_a_stamped_sound_has_every_mark(isolated, stamped):
    path, receipt = stamped
    report = isolated.verify(path)
    assert (report.conclusion, report.origin) == (Conclusion.MARKED, Origin.GENERATED)
    assert (report.file, report.media_type) == (str(path), "audio/wav")
    assert report.sha256 == receipt.target_sha256
    assert set(presences(report)) == {"credential", "metadata", "watermark", "fingerprint"}
    assert set(presences(report).values()) == {"present"}
    assert detail(report, Technique.CREDENTIAL)["integrity"] == "intact"
    assert detail(report, Technique.METADATA)["ai_system"] == "Example voice"
    watermark = report.finding(Technique.WATERMARK)
    assert watermark.p_value < 1e-6
    assert watermark.detail["payload"]["handle"] == str(receipt.payload.handle)
    assert watermark.detail["short_payload"] is None
    assert watermark.detail["key_id"] == PUBLIC_KEY.key_id
    assert watermark.detail["receipt"]["is_as_published"] is True
    heard_s = sum(end - start for start, end in watermark.detail["spans"])
    assert heard_s > 9
    assert watermark.detail["speed"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("extension", [".mp3", ".opus", ".m4a"])
def test_a_copy_that_lost_its_credential_still_leads_to_the_receipt(
    isolated, stamped, tmp_path, extension
):
    copy = save(tmp_path / f"copy{extension}", load(stamped[0])[0])
    report = isolated.verify(copy)
    assert report.conclusion is Conclusion.MARKED
    assert presences(report) == {
        "credential": "present",
        "metadata": "absent",
        "watermark": "present",
        "fingerprint": "present",
    }
    found = detail(report, Technique.WATERMARK)["receipt"]
    assert found["receipt_id"] == stamped[1].receipt_id
    assert found["is_as_published"] is False


@pytest.mark.parametrize("extension", SOUND_FORMATS)
def test_nothing_in_unmarked_sound_and_never_a_person(isolated, tmp_path, extension):
    path = save(tmp_path / f"x{extension}", murmur(3, 48_000, 2, seed=9), 48_000)
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert report.origin is None
    assert set(presences(report).values()) == {"absent"}
    assert report.finding(Technique.WATERMARK).p_value > 1e-6
    assert NOT_HUMAN in report.warnings


def test_a_mark_in_the_middle_is_found_where_it_is(verifier, stamped, tmp_path):
    around = murmur(8, seed=5)
    spliced = np.concatenate([around, load(stamped[0])[0], around])
    report = verifier.verify(save(tmp_path / "spliced.wav", spliced))
    assert report.conclusion is Conclusion.MARKED
    spans = detail(report, Technique.WATERMARK)["spans"]
    assert spans[0][0] == pytest.approx(8, abs=1.5)
    assert spans[-1][1] == pytest.approx(20, abs=1.5)


def test_a_changed_file_is_tampered_with_and_its_watermark_still_reads(isolated, stamped, tmp_path):
    data = bytearray(stamped[0].read_bytes())
    at = data.index(b"data") + 5000
    data[at : at + 2] = b"\0\0"
    (tmp_path / "changed.wav").write_bytes(data)
    report = isolated.verify(tmp_path / "changed.wav")
    assert report.conclusion is Conclusion.TAMPERED
    assert detail(report, Technique.CREDENTIAL)["integrity"] == "tampered"
    assert report.finding(Technique.WATERMARK).presence is Presence.PRESENT


@pytest.mark.parametrize("extension", [".wav", ".aiff", ".flac", ".mp3"])
def test_of_a_damaged_sound_what_is_left_is_heard(isolated, stamped, tmp_path, extension):
    path = save(tmp_path / f"copy{extension}", load(stamped[0])[0])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 9 // 10])
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.MARKED
    receipt = detail(report, Technique.WATERMARK)["receipt"]
    assert receipt["receipt_id"] == stamped[1].receipt_id


def test_what_was_heard_before_the_damage_is_told_before_the_error():
    marked = audio.embed(murmur(12, seed=6), 16_000, PAYLOAD)

    class Breaking:
        sample_rate_hz = 16_000
        damage = None

        def blocks(self):
            yield from np.array_split(marked, 7)
            raise UnreadableMediaError("the sound is damaged")

    evidence = []

    def collect():
        for each in sounds.examine(Breaking(), Keyring()):
            evidence.append(each)  # noqa: PERF402  extend keeps nothing when it is interrupted

    with pytest.raises(UnreadableMediaError, match="damaged"):
        collect()
    with pytest.raises(UnreadableMediaError, match="damaged"):
        sounds.detect(Breaking(), Keyring())
    marked = murmur(3, seed=8)
    with pytest.raises(UnreadableMediaError, match="damaged"):
        collect()
    assert [each.payload for each in evidence] == [PAYLOAD]


def test_a_damaged_sound_that_cannot_be_opened_is_unreadable(isolated, tmp_path):
    path = save(tmp_path / "a.wav", murmur(5))
    data = path.read_bytes()
    path.write_bytes(data[:30])
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.UNREADABLE
    # Metadata cannot be read for the same reason, which need not be told twice.
    assert len(report.warnings) == 1
    assert "The file ends in the middle of its fmt chunk." in report.warnings[0]
    assert report.finding(Technique.WATERMARK) is None


@pytest.mark.parametrize("extension", [".flac", ".mp3", ".opus"])
def test_of_a_cut_file_that_players_play_the_damage_is_told(verifier, tmp_path, extension):
    whole = save(tmp_path / f"whole{extension}", murmur(6, 48_000), 48_000)
    cut = tmp_path / f"cut{extension}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert not any("damaged" in each for each in verifier.verify(whole).warnings)
    report = verifier.verify(cut)
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert any(each.startswith("The sound is damaged (") for each in report.warnings)


# --------------------------------------------------------------------------------- the short form


def test_a_short_mark_leads_to_its_receipt_by_what_it_sounds_like(isolated, short, tmp_path):
    path, receipt = short
    copy = save(tmp_path / "copy.mp3", load(path)[0])
    for file in (path, copy):
        report = isolated.verify(file)
        assert (report.conclusion, report.origin) == (Conclusion.MARKED, Origin.GENERATED)
        watermark = detail(report, Technique.WATERMARK)
        assert watermark["payload"] is None
        assert watermark["short_payload"]["tag"] == ShortPayload.of(receipt.payload).tag
        assert watermark["receipt"]["receipt_id"] == receipt.receipt_id
        assert watermark["receipt"]["handle"] == str(receipt.payload.handle)
        assert watermark["issuer"]["name"] == "local"
        fingerprint = report.finding(Technique.FINGERPRINT)
        assert fingerprint.presence is Presence.PRESENT
        assert fingerprint.p_value < 1e-6


def test_another_sound_with_the_same_tag_is_not_taken_for_it(verifier, short, tmp_path):
    payload = ShortPayload.of(short[1].payload)
    marked = audio.embed(murmur(5, seed=77), 16_000, payload)
    report = verifier.verify(save(tmp_path / "other.wav", marked))
    assert report.conclusion is Conclusion.MARKED
    assert "receipt" not in detail(report, Technique.WATERMARK)
    assert report.finding(Technique.FINGERPRINT).presence is Presence.ABSENT
    assert any("sounds like none" in warning for warning in report.warnings)


def test_without_a_registry_a_short_mark_is_a_mark_all_the_same(short, tmp_path):
    report = detectors.verify(short[0], settings=Settings(home=tmp_path), isolated=False)
    assert report.conclusion is Conclusion.MARKED
    assert any("short form" in warning for warning in report.warnings)


# -------------------------------------------------------------------------------------- bad files


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", "."),
        (b"fLaC" + bytes(100), "."),
        (b"ID3\x04\0\0\0\0\0\x05abcdefgh" * 40, "."),
        (b"OggS" + bytes(400), "."),
    ],
)
def test_a_bad_file_is_a_clear_report(isolated, tmp_path, data, words):
    path = tmp_path / "file"
    path.write_bytes(data)
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.UNREADABLE
    assert report.file == str(path)
    assert words in report.warnings[0]
    assert "unforeseen" not in report.warnings[0]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_sound_bytes": 1000}, "1000 bytes"),
        ({"max_duration_s": 3.0}, "longer than 3 s"),
        ({"max_listening_seconds": 0.001}, "longer than 0.001 s"),
    ],
)
def test_limits_are_reports(settings, stamped, limits, words):
    with Verifier(settings.model_copy(update=limits)) as made:
        report = made.verify(stamped[0])
    assert report.conclusion is Conclusion.UNREADABLE
    assert words in report.warnings[0]


def test_the_limits_of_pictures_do_not_hold_for_sound(settings, stamped):
    tight = {"max_file_bytes": 1000, "max_pixels": 1, "max_seconds": 0.001}
    with Verifier(settings.model_copy(update=tight)) as made:
        assert made.verify(stamped[0]).conclusion is Conclusion.MARKED


def test_a_file_that_changes_meanwhile_is_noticed(settings, stamped, tmp_path, monkeypatch):
    path = tmp_path / "voice.wav"
    path.write_bytes(stamped[0].read_bytes())
    with Verifier(settings) as made:
        ask = made._sandbox.ask

        def meddle(*args, **options):
            answer = ask(*args, **options)
            os.utime(path, (1, 1))
            return answer

        monkeypatch.setattr(made._sandbox, "ask", meddle)
        report = made.verify(path)
    assert report.conclusion is Conclusion.UNREADABLE
    assert "changed while" in report.warnings[0]


# ----------------------------------------------------------------------------------- the two ways


@pytest.mark.parametrize("kind", ["stamped", "short", "unmarked", "truncated"])
def test_isolated_or_not_the_report_is_the_same(isolated, verifier, stamped, short, tmp_path, kind):
    path = tmp_path / "a.wav"
    if kind == "unmarked":
        save(path, murmur(3, seed=4))
    else:
        data = (short if kind == "short" else stamped)[0].read_bytes()
        path.write_bytes(data[:-9000] if kind == "truncated" else data)
    report = isolated.verify(path)
    assert report == verifier.verify(path)
    assert Report.from_json(report.to_json()) == report


def test_every_kind_of_source(isolated, stamped):
    data = stamped[0].read_bytes()
    fsspec.filesystem("memory").pipe_file("/verification/a.wav", data)
    sources = [str(stamped[0]), "memory://verification/a.wav", data, io.BytesIO(data)]
    for source in sources:
        report = isolated.verify(source, name="a.wav")
        assert report.conclusion is Conclusion.MARKED
        assert report.file == "a.wav"


def test_a_large_file_does_not_travel_through_the_pipe(isolated, stamped, monkeypatch):
    bodies = []
    ask = isolated._sandbox.ask

    def spy(header, body, **options):
        bodies.append(body)
        return ask(header, body, **options)

    monkeypatch.setattr(isolated._sandbox, "ask", spy)
    assert isolated.verify(stamped[0]).conclusion is Conclusion.MARKED
    assert bodies == [b""]


def test_a_name_that_is_no_text_is_a_name(isolated, stamped, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    path.write_bytes(stamped[0].read_bytes())
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.MARKED
    assert report.file == str(path)


def test_a_sidecar_is_found_beside_its_file_or_given(stamper, isolated, tmp_path):
    source = save(tmp_path / "a.ogg", murmur(10, channels=2))
    target = tmp_path / "out" / "a.ogg"
    stamper.stamp(source, target, PROVENANCE)
    beside = isolated.verify(target)
    assert detail(beside, Technique.CREDENTIAL)["integrity"] == "intact"
    assert detail(beside, Technique.CREDENTIAL)["detached"] is True
    data, sidecar = target.read_bytes(), (tmp_path / "out" / "a.ogg.c2pa").read_bytes()
    alone = isolated.verify(data)
    assert detail(alone, Technique.CREDENTIAL)["recovered"]["source"] == "registry"
    assert isolated.verify(data, name=str(target), sidecar=sidecar) == beside


# ------------------------------------------------------------------------------------- the network


class Listener:
    """A server that counts who connects."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            connection.close()

    def close(self):
        self._stop.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.close()


def referring(m4a, location):
    """The M4A file with its samples said to be elsewhere (ISO/IEC 14496-12 8.7.2)."""
    data = m4a.read_bytes()
    at = data.index(b"url \0\0\0\1") - 4
    text = location.encode() + b"\0"
    entry = (12 + len(text)).to_bytes(4, "big") + b"url \0\0\0\0" + text
    grown = len(entry) - 12
    changed = bytearray(data[:at] + entry + data[at + 12 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = changed.rindex(box, 0, at) - 4
        size = int.from_bytes(changed[start : start + 4], "big") + grown
        changed[start : start + 4] = size.to_bytes(4, "big")
    return bytes(changed)


def test_references_to_elsewhere_are_not_followed(isolated, listener, tmp_path):
    url = f"http://127.0.0.1:{listener.port}/secret"
    m4a = save(tmp_path / "a.m4a", murmur(3))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}.aac\n".encode()
    files = {
        "reference.m4a": referring(m4a, url),
        "local.m4a": referring(m4a, f"file://{tmp_path}/a.m4a"),
        "playlist.m4a": playlist,
        "playlist.aac": b"\xff\xf1" + playlist,
        "concat.wav": f"ffconcat version 1.0\nfile {url}\n".encode(),
        "sdp.wav": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        b"m=audio 5004 RTP/AVP 0\n",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        report = isolated.verify(tmp_path / name)
        assert report.conclusion is not Conclusion.MARKED, name
        assert report.finding(Technique.CREDENTIAL) is None or not any(
            "unforeseen" in warning for warning in report.warnings
        )
    assert listener.connections == 0


@pytest.mark.parametrize("name", ["http://127.0.0.1:{}/a.wav", "concat:a|b", "-i", "pipe:0"])
def test_a_file_whose_name_looks_like_a_protocol_is_a_file(
    isolated, listener, stamped, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name.format(listener.port).replace("//", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stamped[0].read_bytes())
    assert isolated.verify(path).conclusion is Conclusion.MARKED
    assert listener.connections == 0


def test_a_receipt_that_a_worker_makes_up_is_not_handed_on(settings, stamped, monkeypatch):
    with Verifier(settings) as made:
        ask = made._sandbox.ask

        def forge(*args, **options):
            answer = json.loads(ask(*args, **options))
            for finding in answer["findings"]:
                if finding["technique"] == "watermark":
                    finding["detail"] = {
                        "payload": None,
                        "receipt": {"receipt_id": "forged", "is_as_published": True},
                        "issuer": {"name": "Forger"},
                        "short_payload": {"tag": "x", "origin": 7},
                        "spans": {"a": 1},
                        "speed": [],
                    }
            return json.dumps(answer)

        monkeypatch.setattr(made._sandbox, "ask", forge)
        report = made.verify(stamped[0])
    assert not {"receipt", "issuer"} & set(detail(report, Technique.WATERMARK))
    print_report(report, as_json=False)
