"""Sound goes through the same pipeline, with the same promises, and never whole into memory."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest

from detectors import sounds
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.credentials import History, Integrity, Trust, TrustStore, read_file
from labeler.errors import (
    CapacityError,
    ConflictError,
    MarkNotVerifiedError,
    MediaTooLargeError,
    OutputError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from labeler.marks import audio
from labeler.media.media_type import sniff_file
from labeler.metadata import read_file as read_metadata
from labeler.provenance import Provenance, SourceType
from labeler.receipt import Layer
from labeler.registry import Registry, RegistryReader
from labeler.stamping import Stamper, files, on_disk
from tests.samples import make_settings
from tests.sounds import SOUND_FORMATS, load, murmur, save

PROVENANCE = Provenance(generator="Example voice", generator_version="2")
EMBEDDED = {".wav", ".flac", ".mp3", ".m4a"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
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
def wav(tmp_path_factory):
    return save(tmp_path_factory.mktemp("sources") / "voice.wav", murmur(10))


@pytest.fixture(scope="module")
def short_wav(tmp_path_factory):
    return save(tmp_path_factory.mktemp("sources") / "short.wav", murmur(5))


@pytest.fixture
def target(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "target.wav"


def credential(path, settings):
    trust = TrustStore.from_development_identity(settings.identity)
    with path.open("rb") as file:
        media_type = sniff_file(file, name="x")
    beside = path.with_name(f"{path.name}.c2pa")
    sidecar = beside.read_bytes() if beside.exists() else None
    return read_file(path, media_type, trust=trust, sidecar=sidecar)


def outcome(receipt, layer):
    return next(each for each in receipt.layers if each.layer is layer)


def names(directory):
    return sorted(path.name for path in directory.rglob("*"))


# ------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("extension", SOUND_FORMATS)
def test_every_format_carries_every_layer(stamper, settings, tmp_path, extension):
    source = save(tmp_path / f"source{extension}", murmur(10, 48_000, 2), 48_000)
    before = source.read_bytes()
    target = tmp_path / "out" / f"target{extension}"
    receipt = stamper.stamp(source, target, PROVENANCE)
    assert source.read_bytes() == before
    is_embedded = extension in EMBEDDED
    sidecar = target.with_name(f"{target.name}.c2pa")
    assert names(target.parent) == [target.name, *([] if is_embedded else [sidecar.name])]
    assert receipt.sidecar == (None if is_embedded else str(sidecar))
    assert bool(outcome(receipt, Layer.CREDENTIAL).reason) == (not is_embedded)

    reading = credential(target, settings)
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert reading.digital_source_types == (SourceType.TRAINED_ALGORITHMIC_MEDIA.uri,)
    assert [action.name for action in reading.actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert reading.soft_bindings[0].payload == receipt.payload
    with target.open("rb") as file:
        media_type = sniff_file(file, name="x")
    assert read_metadata(target, media_type).ai_system == "Example voice"
    assert receipt.media_type == media_type.value

    assert receipt.missing == ()
    assert receipt.manifest_id == reading.manifest_id
    assert receipt.key_id == PUBLIC_KEY.key_id
    watermark = outcome(receipt, Layer.WATERMARK)
    assert watermark.p_value < 1e-6
    assert watermark.snr_db > 10
    assert watermark.psnr_db is None
    with RegistryReader.open(settings.registry_location) as registry:
        assert registry.find(receipt.payload.handle) == receipt


def test_the_stated_snr_is_that_of_the_file(stamper, wav, target):
    receipt = stamper.stamp(wav, target, PROVENANCE)
    before, after = load(wav)[0].astype(float), load(target)[0].astype(float)
    assert before.shape == after.shape
    expected = 10 * np.log10(np.sum(before**2) / np.sum((after - before) ** 2))
    # The file's samples are rounded to 16 bits besides.
    assert outcome(receipt, Layer.WATERMARK).snr_db == pytest.approx(expected, abs=0.05)


def test_the_channel_of_rumble_is_left_as_it_is(stamper, tmp_path):
    samples = murmur(10, 16_000, 6)
    source = save(tmp_path / "surround.wav", samples)
    stamper.stamp(source, tmp_path / "out.wav", PROVENANCE)
    before, after = load(source)[0], load(tmp_path / "out.wav")[0]
    changed = [n for n in range(6) if not np.array_equal(before[:, n], after[:, n])]
    assert changed == [0, 1, 2, 4, 5]  # FL FR FC LFE BL BR


def test_a_short_sound_carries_the_short_form_and_the_registry_knows_what_it_sounds_like(
    stamper, settings, short_wav, target
):
    receipt = stamper.stamp(short_wav, target, PROVENANCE)
    short = ShortPayload.of(receipt.payload)
    assert isinstance(receipt.payload, Payload)
    assert "short form" in outcome(receipt, Layer.WATERMARK).reason
    assert credential(target, settings).soft_bindings[0].payload == short
    with RegistryReader.open(settings.registry_location) as registry:
        (record,) = registry.find_by_tag(short)
    assert record.receipt == receipt
    assert record.fingerprint.duration_s == pytest.approx(5, abs=0.5)


def test_no_file_name_is_disclosed(stamper, wav, tmp_path):
    source = tmp_path / "confidential-project-name.wav"
    source.write_bytes(wav.read_bytes())
    target = tmp_path / "secret-customer.wav"
    stamper.stamp(source, target, PROVENANCE)
    written = target.read_bytes()
    assert b"confidential-project" not in written
    assert b"secret-customer" not in written
    assert b"scratch" not in written


# ---------------------------------------------------------------------------- sources and targets


def test_every_kind_of_source_and_target(stamper, wav, target, tmp_path):
    data = wav.read_bytes()
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/sound/in.wav", data)
    stream = io.BytesIO()
    digests = {
        stamper.stamp(from_, to, PROVENANCE).source_sha256
        for from_, to in [
            (wav, target),
            (wav.as_uri(), (tmp_path / "uri.wav").as_uri()),
            (data, stream),
            (io.BytesIO(data), "memory://sound/out.wav"),
            ("memory://sound/in.wav", tmp_path / "from-url.wav"),
        ]
    }
    assert len(digests) == 1
    (tmp_path / "stream.wav").write_bytes(stream.getvalue())
    (tmp_path / "url.wav").write_bytes(memory.cat_file("/sound/out.wav"))
    for written in [target, *(tmp_path / f"{n}.wav" for n in ("uri", "stream", "url", "from-url"))]:
        assert load(written)[0].shape == load(wav)[0].shape
        assert not np.array_equal(load(written)[0], load(wav)[0])
    assert [path for path in memory.find("/sound") if path.endswith(".tmp")] == []


def test_stamping_in_place_needs_to_be_asked_for(stamper, settings, wav, tmp_path):
    source = tmp_path / "voice.wav"
    source.write_bytes(wav.read_bytes())
    with pytest.raises(OutputError, match="exists already"):
        stamper.stamp(source, source, PROVENANCE)
    assert source.read_bytes() == wav.read_bytes()
    stamper.stamp(source, source, PROVENANCE, overwrite=True)
    assert credential(source, settings).integrity is Integrity.INTACT
    assert names(tmp_path) == ["voice.wav"]


def test_the_format_is_kept_and_the_target_may_not_deny_it(stamper, wav, tmp_path):
    with pytest.raises(OutputError, match=r"the output is WAV.*\.wav"):
        stamper.stamp(wav, tmp_path / "target.mp3", PROVENANCE)
    assert names(tmp_path) == []


# ------------------------------------------------------------------- what cannot carry everything


@pytest.fixture(params=["too short", "silent", "lost in encoding"])
def unfit(request, tmp_path, monkeypatch):
    """A sound that cannot carry a watermark."""
    samples = murmur(10)
    if request.param == "too short":
        samples = samples[:4000]
    elif request.param == "silent":
        samples = np.zeros_like(samples)
    else:
        monkeypatch.setattr(audio, "embed_blocks", lambda blocks, *args, **options: blocks())
    return save(tmp_path / "unfit.wav", samples)


def test_what_cannot_carry_a_watermark_is_refused_by_name(stamper, unfit, target):
    with pytest.raises(CapacityError) as caught:
        stamper.stamp(unfit, target, PROVENANCE)
    assert caught.value.file == str(unfit)
    assert "--allow-missing watermark" in caught.value.hint
    assert names(target.parent) == []


def test_without_a_watermark_nothing_claims_one_and_samples_stay(stamper, settings, unfit, target):
    receipt = stamper.stamp(unfit, target, PROVENANCE, allow_missing={Layer.WATERMARK})
    reading = credential(target, settings)
    assert reading.integrity is Integrity.INTACT
    assert reading.soft_bindings == ()
    np.testing.assert_array_equal(load(target)[0], load(unfit)[0])
    found = outcome(receipt, Layer.WATERMARK)
    assert (found.present, found.p_value, found.snr_db) == (False, None, None)
    assert found.reason
    assert (receipt.payload, receipt.key_id) == (None, None)


def test_a_stream_has_no_place_for_the_credential_of_ogg(stamper, tmp_path):
    source = save(tmp_path / "a.ogg", murmur(10, channels=2))
    with pytest.raises(OutputError, match="beside it"):
        stamper.stamp(source, io.BytesIO(), PROVENANCE)


# ----------------------------------------------------------------------------- marks in the input


@pytest.fixture(scope="module")
def stamped(stamper, wav, tmp_path_factory):
    path = tmp_path_factory.mktemp("stamped") / "stamped.wav"
    return stamper.stamp(wav, path, PROVENANCE), path


def test_a_source_that_carries_a_watermark_is_refused(stamper, stamped, target):
    receipt, path = stamped
    with pytest.raises(ConflictError, match=str(receipt.payload.handle)):
        stamper.stamp(path, target, PROVENANCE)
    assert names(target.parent) == []


def test_a_watermark_can_be_kept_and_signed_again(stamper, settings, stamped, target, tmp_path):
    first, path = stamped
    resaved = save(tmp_path / "resaved.wav", load(path)[0])  # no credential, no metadata
    receipt = stamper.stamp(resaved, target, PROVENANCE, already_marked="keep")
    assert receipt.payload == first.payload
    assert outcome(receipt, Layer.WATERMARK).present
    assert outcome(receipt, Layer.WATERMARK).snr_db is None
    assert credential(target, settings).soft_bindings[0].payload == first.payload
    np.testing.assert_array_equal(load(target)[0], load(path)[0])


def test_a_short_mark_can_be_kept_too(stamper, settings, short_wav, target, tmp_path):
    first = stamper.stamp(short_wav, tmp_path / "first.wav", PROVENANCE)
    receipt = stamper.stamp(tmp_path / "first.wav", target, PROVENANCE, already_marked="keep")
    short = ShortPayload.of(first.payload)
    assert outcome(receipt, Layer.WATERMARK).present
    assert credential(target, settings).soft_bindings[0].payload == short


def test_a_credential_in_the_source_becomes_the_parent(stamper, settings, stamped, target):
    stamper.stamp(stamped[1], target, PROVENANCE, already_marked="keep")
    reading = credential(target, settings)
    assert (reading.integrity, reading.history) == (Integrity.INTACT, History.CLEAN)
    assert reading.actions[0].name == "c2pa.opened"


def test_another_key_does_not_read_it(settings, stamped, target):
    with Stamper(settings) as made:
        object.__setattr__(made._tools, "keyring", {"other": Key.generate()})
        object.__setattr__(made._tools, "key", Key.generate())
        receipt = made.stamp(stamped[1], target, PROVENANCE)
    assert receipt.payload != stamped[0].payload


# --------------------------------------------------------------------------------------- bad input


def bad_inputs(wav):
    data = wav.read_bytes()
    return {
        "empty": (b"", UnreadableMediaError),
        "header only": (data[:44], UnreadableMediaError),
        "no samples": (data[:40] + bytes(4), UnreadableMediaError),
        "text": (b"RIFF is a word" * 100, UnsupportedMediaError),
        "mislabelled": (b"fLaC" + data[4:], UnreadableMediaError),
    }


@pytest.mark.parametrize("kind", ["empty", "header only", "no samples", "text", "mislabelled"])
def test_bad_input_is_one_clear_error_and_nothing_is_written(stamper, wav, tmp_path, target, kind):
    data, error = bad_inputs(wav)[kind]
    source = tmp_path / "source.wav"
    source.write_bytes(data)
    with pytest.raises(error) as caught:
        stamper.stamp(source, target, PROVENANCE, allow_missing=set(Layer))
    assert caught.value.file == str(source)
    assert caught.value.hint
    assert names(target.parent) == []


@pytest.mark.parametrize("extension", SOUND_FORMATS)
def test_what_is_cut_short_is_refused_in_every_format(stamper, tmp_path, extension):
    source = save(tmp_path / f"cut{extension}", murmur(10, 48_000, 2), 48_000)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 7 // 10 + 11])
    with pytest.raises(UnreadableMediaError) as caught:
        stamper.stamp(source, tmp_path / f"target{extension}", PROVENANCE)
    assert caught.value.file == str(source)
    assert names(tmp_path) == [source.name]


def test_sound_above_the_limits_is_refused(settings, wav, target):
    for limits, words in (
        ({"max_sound_bytes": 1000}, "more than 1000 bytes"),
        ({"max_duration_s": 3.0}, "longer than 3 s"),
    ):
        with (
            Stamper(settings.model_copy(update=limits)) as made,
            pytest.raises(MediaTooLargeError, match=words) as caught,
        ):
            made.stamp(wav, target, PROVENANCE)
        assert caught.value.file == str(wav)


def test_a_source_that_changes_meanwhile_is_noticed(stamper, wav, tmp_path, target, monkeypatch):
    source = tmp_path / "voice.wav"
    source.write_bytes(wav.read_bytes())
    embed_blocks = audio.embed_blocks

    def meddle(*args, **options):
        os.utime(source, (1, 1))
        yield from embed_blocks(*args, **options)

    monkeypatch.setattr(audio, "embed_blocks", meddle)
    with pytest.raises(UnreadableMediaError, match="changed"):
        stamper.stamp(source, target, PROVENANCE)
    assert names(target.parent) == []


# ------------------------------------------------------------------------- what goes wrong half-way


def test_a_disk_that_writes_something_else_is_noticed(stamper, wav, target, monkeypatch):
    read = files._StagedFiles.read

    def flip(self):
        written, _ = read(self)
        path = written.local_path
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return read(self)

    monkeypatch.setattr(files._StagedFiles, "read", flip)
    with pytest.raises(MarkNotVerifiedError):
        stamper.stamp(wav, target, PROVENANCE, allow_missing=set(Layer))
    assert names(target.parent) == []


def test_metadata_that_are_not_there_are_noticed(stamper, wav, target, monkeypatch):
    def copy(source, target, *args, **options):
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(on_disk, "write_file", copy)
    with pytest.raises(MarkNotVerifiedError, match="metadata"):
        stamper.stamp(wav, target, PROVENANCE)
    assert names(target.parent) == []


def test_a_full_disk_is_told_with_what_to_do(stamper, settings, wav, target, monkeypatch):
    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(on_disk, "write_file", fail)
    with pytest.raises(OutputError, match="No space left") as caught:
        stamper.stamp(wav, target, PROVENANCE)
    assert caught.value.file == str(settings.scratch)
    assert "LABELER_SCRATCH" in caught.value.hint
    assert names(target.parent) == []


STAMP_AND_DIE = """
    import os, sys
    from labeler.provenance import Provenance
    from labeler.registry import Registry
    from labeler.settings import Settings
    from labeler.stamping import Stamper, files, on_disk

    def die(*args, **options):
        os.kill(os.getpid(), 9)

    {change}
    source, target, home, scratch = sys.argv[1:]
    with Stamper(Settings(home=home, scratch=scratch)) as stamper:
        stamper.stamp(source, target, Provenance(generator="Example voice"))
"""
CRASHES = {
    "in the middle": "on_disk.sign_file = die",
    "before publishing": "files._StagedFiles.publish = die",
    "after publishing": "Registry.confirm = die",
}


@pytest.mark.parametrize("moment", CRASHES)
def test_after_a_crash_nothing_is_half_and_the_next_stamping_tidies_up(
    settings, short_wav, target, moment
):
    code = textwrap.dedent(STAMP_AND_DIE).format(change=CRASHES[moment])
    done = subprocess.run(
        [sys.executable, "-c", code, short_wav, target, settings.home, settings.scratch],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(list(settings.scratch.iterdir())) == 1
    published = target.exists()
    assert published == (moment == "after publishing")
    claimed = Provenance(generator="Example voice")
    with Stamper(settings) as made:
        found = made.find_published(short_wav, target, claimed)
        assert (found is not None) == published
        if published:
            with Registry.open(settings.registry_location) as registry:
                assert registry.find(found.payload.handle) == found
        made.stamp(short_wav, target.with_name("again.wav"), claimed)
    # What was left in the scratch folder is gone: see the fixture above.


# -------------------------------------------------------------------------------- the short form


@pytest.mark.parametrize("why", ["no room for it", "lost in encoding"])
def test_what_does_not_carry_the_payload_may_still_carry_its_short_form(
    stamper, tmp_path, monkeypatch, why
):
    embed_blocks = audio.embed_blocks

    def weakly(open_blocks, rate_hz, payload, *args, **options):
        if isinstance(payload, ShortPayload):
            return embed_blocks(open_blocks, rate_hz, payload, *args, **options)
        if why == "no room for it":
            raise CapacityError("too little")
        return open_blocks()

    monkeypatch.setattr(audio, "embed_blocks", weakly)
    source = save(tmp_path / "voice.opus", murmur(12))
    receipt = stamper.stamp(source, tmp_path / "out.opus", PROVENANCE)
    assert "short form" in outcome(receipt, Layer.WATERMARK).reason
    assert outcome(receipt, Layer.WATERMARK).p_value < 1e-6
    assert isinstance(receipt.payload, Payload)


def test_a_mark_that_few_more_keys_would_hide_is_not_published(
    stamper, short_wav, target, monkeypatch
):
    detect = sounds.detect

    def barely(audible, keyring):
        evidence = detect(audible, keyring)
        if evidence.payload is None:
            return evidence
        layers = tuple(replace(each, p_value=5e-7) for each in evidence.layers)
        return replace(evidence, layers=layers)

    monkeypatch.setattr(sounds, "detect", barely)
    with pytest.raises(CapacityError, match="does not read back") as caught:
        stamper.stamp(short_wav, target, PROVENANCE)
    assert "robust" in caught.value.hint
    assert not target.exists()


def test_digital_silence_stays_silence(stamper, tmp_path):
    samples = murmur(20)
    samples[100_000:200_000] = 0
    source = save(tmp_path / "pauses.wav", samples)
    stamper.stamp(source, tmp_path / "out.wav", PROVENANCE)
    after = load(tmp_path / "out.wav")[0]
    assert after[:100_000].any()
    assert not after[100_000:200_000].any()
