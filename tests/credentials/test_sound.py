"""Files are signed where they lie: embedded where others look, and beside the file elsewhere."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import pytest

from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.containers import id3_tag, riff
from labeler.containers.splice import Span
from labeler.credentials import (
    SHORT_SOUND_BINDING_ALGORITHM,
    SOUND_BINDING_ALGORITHM,
    FileParent,
    History,
    Integrity,
    SoftBinding,
    Trust,
    file_signing,
    read_file,
    sign_file,
)
from labeler.credentials import _places as places_of
from labeler.credentials import _stores as stores
from labeler.credentials import _toolkit as toolkit
from labeler.credentials._asset import FileAsset
from labeler.credentials._layout import DataBinding
from labeler.errors import OutputError, ParentCredentialError, SigningError, UnreadableMediaError
from labeler.media.media_type import MediaType
from tests.credentials.files import edited, kind_of, memory_mib, packets, places, plain_reader
from tests.sounds import SOUND_FORMATS, murmur, save

EMBEDDED = {".wav", ".flac", ".mp3", ".m4a"}
APART = {".wav": MediaType.WAV, ".flac": MediaType.FLAC, ".mp3": MediaType.MP3}
BY_TOOLKIT = APART | {".m4a": MediaType.M4A}

every_format = pytest.mark.parametrize("suffix", SOUND_FORMATS)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A file of every format, by extension."""
    folder, samples = tmp_path_factory.mktemp("sounds"), murmur(1.0, 16_000, 2)
    return {suffix: save(folder / f"a{suffix}", samples) for suffix in SOUND_FORMATS}


@pytest.fixture(scope="module")
def signed(sounds, tmp_path_factory, definition, identity, trust):
    """The same, signed."""
    folder = tmp_path_factory.mktemp("signed")
    return {
        suffix: sign_file(
            path, folder / path.name, kind_of(path), definition, identity, trust=trust
        )
        for suffix, path in sounds.items()
    }


# --------------------------------------------------------------------------------------- formats


@every_format
def test_a_signed_file_is_intact_trusted_and_sounds_the_same(suffix, sounds, signed, trust):
    made, source = signed[suffix], sounds[suffix]
    assert (made.sidecar is None) == (suffix in EMBEDDED)
    assert (made.remark is None) == (suffix in EMBEDDED)
    assert packets(made.path) == packets(source)
    if made.sidecar is not None:
        assert made.path.read_bytes() == source.read_bytes()
    reading = read_file(made.path, kind_of(made.path), trust=trust, sidecar=made.sidecar)
    assert reading == made.reading
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert reading.history is History.NONE
    assert reading.manifest_id == made.manifest_id
    assert reading.detached == (suffix not in EMBEDDED)


@every_format
def test_plain_c2pa_python_says_trusted(suffix, signed, development):
    made = signed[suffix]
    reader = plain_reader(made.path, made.sidecar, development)
    assert reader.get_validation_state() == "Trusted"
    assert reader.is_embedded() == (suffix in EMBEDDED)


@every_format
def test_changed_bits_are_noticed(suffix, signed, trust):
    made = signed[suffix]
    kind = kind_of(made.path)
    for at in places(made.path):
        changed = edited(made.path, at)
        reading = read_file(changed, kind, trust=trust, sidecar=made.sidecar)
        assert reading is None or reading.integrity is not Integrity.INTACT, at
    longer = made.path.with_name(f"longer{suffix}")
    longer.write_bytes(made.path.read_bytes() + b"\0")
    reading = read_file(longer, kind, trust=trust, sidecar=made.sidecar)
    assert reading.integrity is not Integrity.INTACT


@every_format
def test_without_its_manifest_a_file_has_none(suffix, sounds, trust):
    assert read_file(sounds[suffix], kind_of(sounds[suffix]), trust=trust) is None


# ---------------------------------------------------------------------------- what is in the file


def test_wav_chunks_stay_in_their_order(tmp_path, definition, identity, development):
    source = tmp_path / "a.wav"
    save(source, murmur(0.3))
    data = source.read_bytes()
    body = data[12:] + b"odd \x03\0\0\0abc\0" + b"LIST\x0c\0\0\0INFOISFT\0\0\0\0"
    source.write_bytes(b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WAVE" + body + b"tail!")
    made = sign_file(source, tmp_path / "b.wav", MediaType.WAV, definition, identity)
    with source.open("rb") as before, made.path.open("rb") as after:
        old, new = riff.parse(before), riff.parse(after)
        assert [c.type for c in new.chunks] == [*(c.type for c in old.chunks), b"C2PA"]
        for a, b in zip(old.chunks, new.chunks, strict=False):
            assert old.read(before, a) == new.read(after, b)
    assert made.path.read_bytes().endswith(b"tail!")
    assert plain_reader(made.path, None, development).get_validation_state() == "Trusted"


def test_a_wav_file_of_unknown_length_is_told_its_length(tmp_path, definition, identity, trust):
    whole = save(tmp_path / "a.wav", murmur(0.3))
    data = bytearray(whole.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = data[4:8] = b"\xff\xff\xff\xff"
    streamed = tmp_path / "streamed.wav"
    streamed.write_bytes(data)
    made = sign_file(streamed, tmp_path / "b.wav", MediaType.WAV, definition, identity, trust=trust)
    assert made.reading.trust is Trust.TRUSTED
    assert packets(made.path) == packets(whole)


def frame(name, content, flags=b"\0\0"):
    return name + len(content).to_bytes(4, "big") + flags + content


FRAMES = (
    frame(b"TIT2", b"\1\xff\xfeT\0"),
    frame(b"TYER", b"\x002020"),
    frame(b"PRIV", b"someone\0\xff\xfb\x90\0"),
    frame(b"XYZW", b"unheard of"),
    frame(b"CHAP", b"c\0" + bytes(8) + b"\xff" * 8 + frame(b"TIT2", b"\0one")),
    frame(b"GEOB", b"\0text/plain\0a.txt\0\0" + b"an object"),
)


def synchsafe(value):
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def tagged(path, version=3, frames=FRAMES, *, padding=0):
    """The file with an ID3 tag in front of it, and one of version 1 behind it."""
    data = path.read_bytes()
    body = b"".join(frames) + bytes(padding)
    with_tag = path.with_name(f"tagged-{version}-{padding}{path.suffix}")
    sound = data[10 + int.from_bytes(data[6:10], "big") :] if data[:3] == b"ID3" else data
    head = b"ID3" + bytes([version, 0, 0]) + synchsafe(len(body))
    with_tag.write_bytes(head + body + sound + b"TAG" + bytes(125))
    return with_tag


@pytest.mark.parametrize("suffix", [".mp3", ".flac"])
@pytest.mark.parametrize("padding", [0, 5000])
def test_id3_frames_stay_as_they_are(
    suffix, padding, sounds, tmp_path, definition, identity, development
):
    source = tagged(sounds[suffix], padding=padding)
    made = sign_file(source, tmp_path / f"b{suffix}", APART[suffix], definition, identity)
    data = made.path.read_bytes()
    assert b"".join(FRAMES) in data
    assert data.endswith(b"TAG" + bytes(125))
    with made.path.open("rb") as stream:
        tag = id3_tag.read(stream)
    assert (tag.version, tag.frames[-1].id, len(tag.frames)) == (3, b"GEOB", len(FRAMES) + 1)
    assert packets(made.path) == packets(source)
    assert plain_reader(made.path, None, development).get_validation_state() == "Trusted"
    if padding:
        assert len(data) == source.stat().st_size


def test_a_tag_that_cannot_hold_it_makes_it_a_sidecar(sounds, tmp_path, definition, identity):
    old = b"TT2" + (4).to_bytes(3, "big") + b"\0old"
    source = tagged(sounds[".mp3"], 2, [old])
    made = sign_file(source, tmp_path / "b.mp3", MediaType.MP3, definition, identity)
    assert "2.2" in made.remark
    assert made.path.read_bytes() == source.read_bytes()


@pytest.mark.system
def test_rf64_gets_a_sidecar(sounds, tmp_path, definition, identity, trust):
    source = tmp_path / "a.wav"
    command = ["ffmpeg", "-v", "error", "-i", sounds[".wav"], "-rf64", "always", source]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not installed")
    made = sign_file(source, tmp_path / "b.wav", MediaType.WAV, definition, identity, trust=trust)
    assert "RF64" in made.remark
    assert made.reading.trust is Trust.TRUSTED


# --------------------------------------------------------------------------------- large files


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)


@every_format
@pytest.mark.usefixtures("everything_is_large")
def test_files_that_are_hashed_here_read_the_same(suffix, signed, trust, monkeypatch):
    made = signed[suffix]
    hashed = []
    real = stores.settled
    monkeypatch.setattr(stores, "settled", lambda *a: hashed.append(1) or real(*a))
    reading = read_file(made.path, kind_of(made.path), trust=trust, sidecar=made.sidecar)
    assert reading == made.reading
    assert hashed


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".ogg", ".m4a"])
@pytest.mark.usefixtures("everything_is_large")
def test_changes_are_noticed_in_files_that_are_hashed_here(suffix, signed, trust):
    made = signed[suffix]
    for at in places(made.path):
        changed = edited(made.path, at, name="hashed")
        reading = read_file(changed, kind_of(made.path), trust=trust, sidecar=made.sidecar)
        assert reading is None or reading.integrity is not Integrity.INTACT, at
    moved = made.path.with_name(f"moved{suffix}")
    moved.write_bytes(made.path.read_bytes() + b"\0")
    reading = read_file(moved, kind_of(made.path), trust=trust, sidecar=made.sidecar)
    assert reading.integrity is Integrity.TAMPERED


@pytest.mark.parametrize("suffix", BY_TOOLKIT)
def test_what_the_toolkit_embedded_can_be_hashed_here(
    suffix, sounds, tmp_path, definition, identity, trust, monkeypatch
):
    key = toolkit.local_signer(
        identity.algorithm, identity.certificate_chain, identity.private_key, None
    )
    path, kind = tmp_path / f"b{suffix}", BY_TOOLKIT[suffix]
    data = sounds[suffix].read_bytes()
    signed, _ = toolkit.sign_embedded(data, kind.value, definition, key, parent=None, trust=trust)
    path.write_bytes(signed)
    before = read_file(path, kind, trust=trust)
    assert before.integrity is Integrity.INTACT
    monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)
    assert read_file(path, kind, trust=trust) == before


@pytest.mark.usefixtures("everything_is_large")
def test_a_manifest_that_binds_less_is_left_to_the_toolkit(
    sounds, tmp_path, definition, identity, trust
):
    """A hash with a hole elsewhere, as an attacker would like it, is never settled here."""
    data = sounds[".ogg"].read_bytes()
    key = toolkit.local_signer(
        identity.algorithm, identity.certificate_chain, identity.private_key, None
    )
    hole = Span(100, 200)
    digest = hashlib.sha256(data[:100] + data[200:]).digest()
    store = toolkit.sign_store(
        DataBinding(digest=digest, excluded=hole), definition, key, parent=None, trust=trust
    )
    reading = read_file(sounds[".ogg"], MediaType.OGG, trust=trust, sidecar=store)
    assert reading.integrity is Integrity.TAMPERED


def test_of_several_stores_the_toolkit_chooses(signed, tmp_path):
    data = signed[".wav"].path.read_bytes()
    at = data.rindex(b"C2PA")
    body = data[12:] + data[at:]
    twice = tmp_path / "twice.wav"
    twice.write_bytes(b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WAVE" + body)
    assert places_of.find(FileAsset(signed[".wav"].path), MediaType.WAV) is not None
    assert places_of.find(FileAsset(twice), MediaType.WAV) is None
    content = b"\0application/c2pa\0c2pa\0c2pa manifest store\0store"
    for frames, found in (
        ([frame(b"GEOB", content)], b"store"),
        ([frame(b"GEOB", content)] * 2, None),
        ([frame(b"GEOB", b"\1" + content[1:])], None),  # names in UTF-16
        ([frame(b"GEOB", content, b"\0\x80")], None),  # compressed
        ([], None),
    ):
        path = tagged(signed[".mp3"].path, 3, frames)
        store = places_of.find(FileAsset(path), MediaType.MP3)
        assert (None if store is None else store.data) == found


def test_a_wav_file_that_is_full_gets_a_sidecar(
    sounds, tmp_path, definition, identity, monkeypatch
):
    monkeypatch.setattr(places_of, "_MAX_RIFF_BYTES", sounds[".wav"].stat().st_size + 1000)
    made = sign_file(sounds[".wav"], tmp_path / "b.wav", MediaType.WAV, definition, identity)
    assert "4 GiB" in made.remark


def test_an_mpeg4_file_that_nothing_can_be_put_into_gets_a_sidecar(
    sounds, signed, tmp_path, child_definition, identity, trust
):
    source = tmp_path / "a.m4a"
    source.write_bytes(signed[".m4a"].path.read_bytes() + b"\0\0\0")
    made = sign_file(
        source,
        tmp_path / "b.m4a",
        MediaType.M4A,
        child_definition,
        identity,
        parent=FileParent(path=signed[".m4a"].path, media_type=MediaType.M4A),
        trust=trust,
    )
    assert "no box" in made.remark
    # The source's own manifest, which would count before the sidecar, is gone; no sample has moved.
    assert read_file(made.path, MediaType.M4A, trust=trust) is None
    assert made.path.stat().st_size == source.stat().st_size
    assert packets(made.path) == packets(sounds[".m4a"])
    assert (made.reading.history, made.reading.detached) == (History.CLEAN, True)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
@pytest.mark.parametrize("suffix", [".wav", ".ogg"])
def test_memory_does_not_grow_with_the_file(suffix, tmp_path, development):
    source, size = tmp_path / f"a{suffix}", 160 << 20
    with source.open("wb") as file:
        if suffix == ".wav":
            head = b"fmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0"
            file.write(b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVE" + head)
            file.write(b"data" + size.to_bytes(4, "little"))
        else:
            file.write(b"OggS")
        file.truncate(file.tell() + size)
    kind = MediaType.WAV if suffix == ".wav" else MediaType.OGG
    assert memory_mib(source, tmp_path / f"b{suffix}", development, kind) < 120


# --------------------------------------------------------------------------------------- parents


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".m4a", ".ogg"])
def test_a_signed_source_becomes_the_parent(
    suffix, large, signed, tmp_path, child_definition, identity, trust, development, monkeypatch
):
    if large:
        monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)
    source = signed[suffix]
    kind = kind_of(source.path)
    parent = FileParent(path=source.path, media_type=kind, sidecar=source.sidecar)
    made = sign_file(
        source.path,
        tmp_path / f"b{suffix}",
        kind,
        child_definition,
        identity,
        parent=parent,
        trust=trust,
    )
    assert (made.reading.integrity, made.reading.history) == (Integrity.INTACT, History.CLEAN)
    assert made.manifest_id != source.manifest_id
    holder = made.sidecar or made.path.read_bytes()
    assert source.manifest_id.encode() in holder
    if suffix == ".wav":
        with made.path.open("rb") as stream:
            assert [c.type for c in riff.parse(stream).chunks].count(b"C2PA") == 1
    reader = plain_reader(made.path, made.sidecar, development)
    assert reader.get_validation_state() == "Trusted"
    changed = edited(source.path, source.path.stat().st_size // 2, name=f"changed-{large}")
    with pytest.raises(ParentCredentialError):
        sign_file(
            source.path,
            tmp_path / f"c{suffix}",
            kind,
            child_definition,
            identity,
            parent=replace(parent, path=changed),
        )
    assert not (tmp_path / f"c{suffix}").exists()


def test_a_tampered_parent_can_be_forced(signed, tmp_path, child_definition, identity, trust):
    source = signed[".wav"].path
    changed = edited(source, 3000, name="forced")
    made = sign_file(
        changed,
        tmp_path / "b.wav",
        MediaType.WAV,
        child_definition,
        identity,
        parent=FileParent(path=changed, media_type=MediaType.WAV),
        force_invalid_parent=True,
        trust=trust,
    )
    assert (made.reading.integrity, made.reading.history) == ("intact", "tampered")


def test_a_manifest_is_never_thrown_away_silently(signed, tmp_path, definition, identity):
    with pytest.raises(SigningError, match="carries a manifest already"):
        sign_file(signed[".mp3"].path, tmp_path / "b.mp3", MediaType.MP3, definition, identity)


# --------------------------------------------------------------------------------------- failure


def test_a_file_that_exists_is_not_touched(sounds, tmp_path, definition, identity):
    target = tmp_path / "there.wav"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError):
        sign_file(sounds[".wav"], target, MediaType.WAV, definition, identity)
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".m4a"])
def test_what_does_not_read_back_is_not_left_behind(
    suffix, sounds, tmp_path, definition, identity, monkeypatch
):
    real = file_signing.read_back

    def spoilt(asset, *arguments, **options):
        asset.path.write_bytes(edited(asset.path, asset.size // 2).read_bytes())
        return real(asset, *arguments, **options)

    monkeypatch.setattr(file_signing, "read_back", spoilt)
    target = tmp_path / f"b{suffix}"
    with pytest.raises(SigningError, match="does not read back"):
        sign_file(sounds[suffix], target, kind_of(sounds[suffix]), definition, identity)
    assert not target.exists()


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [
        (MediaType.WAV, b"", SigningError),
        (MediaType.WAV, b"RIFF\0\0\0\0WAVE", UnreadableMediaError),
        (MediaType.MP3, b"ID3\3\0\0\0\0\x7f\x7f", UnreadableMediaError),
        (MediaType.M4A, b"no MPEG-4", UnreadableMediaError),
    ],
    ids=["empty", "no samples", "cut", "junk"],
)
def test_what_is_no_sound_is_not_signed(kind, data, error, tmp_path, definition, identity):
    source = tmp_path / "a"
    source.write_bytes(data)
    with pytest.raises(error):
        sign_file(source, tmp_path / "b", kind, definition, identity)
    assert list(tmp_path.iterdir()) == [source]


def test_a_file_that_is_gone_is_unreadable(tmp_path, definition, identity, trust):
    with pytest.raises(UnreadableMediaError):
        sign_file(tmp_path / "a", tmp_path / "b", MediaType.WAV, definition, identity)
    with pytest.raises(UnreadableMediaError):
        read_file(tmp_path / "a", MediaType.OGG, trust=trust)


# ---------------------------------------------------------------------------------- soft bindings


def test_the_soft_binding_of_sound_is_the_payload_as_a_detector_reads_it():
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    binding = SoftBinding.for_sound(payload)
    assert binding == SoftBinding(algorithm=SOUND_BINDING_ALGORITHM, value="1100000000002a")
    assert binding.payload == payload
    short = ShortPayload(origin=Origin.MODIFIED, tag=0xBEE)
    binding = SoftBinding.for_sound(short)
    assert binding == SoftBinding(algorithm=SHORT_SOUND_BINDING_ALGORITHM, value="20bee")
    assert binding.payload == short
    assert SoftBinding.for_payload(payload).payload == payload


@pytest.mark.parametrize(
    "binding",
    [
        SoftBinding(algorithm="com.adobe.trustmark.P", value="1100000000002a"),
        SoftBinding(algorithm=SOUND_BINDING_ALGORITHM, value="20bee"),
        SoftBinding(algorithm=SHORT_SOUND_BINDING_ALGORITHM, value="1100000000002a"),
        SoftBinding(algorithm=SOUND_BINDING_ALGORITHM, value="1100000000002A\n"),
        SoftBinding(algorithm=SOUND_BINDING_ALGORITHM, value=""),
    ],
)
def test_what_others_write_there_is_no_payload(binding):
    assert binding.payload is None
