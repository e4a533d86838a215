"""Films are signed where they lie: in a box or chunk, and beside the file in Matroska."""

import shutil
import sys

import pytest

from labeler.codec.payload import Handle, Origin, Payload
from labeler.containers import bmff, riff
from labeler.credentials import (
    FileParent,
    History,
    Integrity,
    SoftBinding,
    Trust,
    describe,
    read_file,
    sign_file,
)
from labeler.credentials import _stores as stores
from labeler.credentials import _toolkit as toolkit
from labeler.errors import ParentCredentialError, UnreadableMediaError
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance
from tests.clips import clip
from tests.credentials.conftest import NOW
from tests.credentials.files import edited, kind_of, memory_mib, packets, places, plain_reader

SMALL = {"width": 64, "height": 48, "frames": 12}
FRAGMENTED = "frag_keyframe+empty_moov"
FILMS = {
    "mp4": {"suffix": ".mp4", "sound": "aac"},
    "fast": {"suffix": ".mp4", "sound": "aac", "mux": (("movflags", "+faststart"),)},
    "fragments": {
        "suffix": ".mp4",
        "sound": "aac",
        "gop": 4,
        "mux": (("movflags", f"{FRAGMENTED}+default_base_moof+skip_trailer"),),
    },
    "based": {"suffix": ".mov", "gop": 4, "mux": (("movflags", f"{FRAGMENTED}+skip_trailer"),)},
    "mov": {"suffix": ".mov", "sound": "pcm", "mux": (("movflags", "+faststart"),)},
    "avi": {"suffix": ".avi", "codec": "mpeg4", "sound": "mp3"},
    "mkv": {"suffix": ".mkv", "sound": "opus"},
    "webm": {"suffix": ".webm", "sound": "opus"},
}
APART = {"mkv", "webm"}
BOXED = sorted(set(FILMS) - APART - {"avi"})
every_film = pytest.mark.parametrize("name", FILMS)


@pytest.fixture(scope="module")
def films():
    return {name: clip(**SMALL, **options) for name, options in FILMS.items()}


@pytest.fixture(scope="module")
def signed(films, tmp_path_factory, definition, identity, trust):
    folder = tmp_path_factory.mktemp("signed")
    return {
        name: sign_file(
            path, folder / f"{name}{path.suffix}", kind_of(path), definition, identity, trust=trust
        )
        for name, path in films.items()
    }


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)


@every_film
def test_a_signed_film_is_intact_trusted_and_plays_the_same(name, films, signed, trust):
    made, source = signed[name], films[name]
    assert (made.sidecar is None) == (made.remark is None) == (name not in APART)
    assert packets(made.path) == packets(source)
    assert kind_of(made.path) is kind_of(source)
    if made.sidecar is not None:
        assert made.path.read_bytes() == source.read_bytes()
    reading = read_file(made.path, kind_of(made.path), trust=trust, sidecar=made.sidecar)
    assert reading == made.reading
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert (reading.history, reading.detached) == (History.NONE, name in APART)


@every_film
def test_plain_c2pa_python_says_trusted(name, signed, development):
    reader = plain_reader(signed[name].path, signed[name].sidecar, development)
    assert reader.get_validation_state() == "Trusted"
    assert reader.is_embedded() == (name not in APART)


@pytest.mark.parametrize("is_large", [False, True])
@every_film
def test_changed_bits_are_noticed(name, is_large, signed, trust, monkeypatch):
    if is_large:
        monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)
    made, kind = signed[name], kind_of(signed[name].path)
    for at in places(made.path):
        changed = edited(made.path, at)
        reading = read_file(changed, kind, trust=trust, sidecar=made.sidecar)
        assert reading is None or reading.integrity is not Integrity.INTACT, at
    for more in (b"\0", bmff.make_box(b"free", b"more")):
        longer = made.path.with_name(f"longer{made.path.suffix}")
        longer.write_bytes(made.path.read_bytes() + more)
        reading = read_file(longer, kind, trust=trust, sidecar=made.sidecar)
        assert reading.integrity is not Integrity.INTACT


@every_film
@pytest.mark.usefixtures("everything_is_large")
def test_films_that_are_hashed_here_read_the_same(name, signed, trust, monkeypatch):
    made, hashed = signed[name], []
    real = stores.settled
    monkeypatch.setattr(stores, "settled", lambda *a: hashed.append(1) or real(*a))
    reading = read_file(made.path, kind_of(made.path), trust=trust, sidecar=made.sidecar)
    assert reading == made.reading
    assert hashed


@pytest.mark.parametrize("name", sorted(set(FILMS) - APART))
def test_what_the_toolkit_embedded_can_be_hashed_here(
    name, films, tmp_path, definition, identity, trust, monkeypatch
):
    key = toolkit.local_signer(
        identity.algorithm, identity.certificate_chain, identity.private_key, None
    )
    path, kind = tmp_path / "b", kind_of(films[name])
    data = films[name].read_bytes()
    signed, _ = toolkit.sign_embedded(data, kind.value, definition, key, parent=None, trust=trust)
    path.write_bytes(signed)
    before = read_file(path, kind, trust=trust)
    assert before.integrity is Integrity.INTACT
    monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)
    monkeypatch.setattr(stores, "settled", _required(stores.settled))
    assert read_file(path, kind, trust=trust) == before


def _required(settled):
    def settle(*arguments):
        report = settled(*arguments)
        assert report is not None
        return report

    return settle


@pytest.mark.parametrize("is_large", [False, True])
@every_film
def test_a_signed_source_becomes_the_parent(
    name, is_large, signed, tmp_path, child_definition, identity, trust, development, monkeypatch
):
    if is_large:
        monkeypatch.setattr(stores, "_TOOLKIT_BYTES", 0)
    source, target = signed[name], tmp_path / f"b{signed[name].path.suffix}"
    kind = kind_of(source.path)
    parent = FileParent(path=source.path, media_type=kind, sidecar=source.sidecar)
    made = sign_file(
        source.path, target, kind, child_definition, identity, parent=parent, trust=trust
    )
    assert (made.reading.integrity, made.reading.history) == (Integrity.INTACT, History.CLEAN)
    assert packets(target) == packets(source.path)
    assert source.manifest_id.encode() in (made.sidecar or target.read_bytes())
    # The source's own box or chunk is gone.
    assert target.read_bytes().count(b"C2PA" if name == "avi" else b"manifest\0") <= 1
    assert plain_reader(target, made.sidecar, development).get_validation_state() == "Trusted"
    changed = FileParent(
        path=edited(source.path, source.path.stat().st_size - 20, name=f"changed-{is_large}"),
        media_type=kind,
        sidecar=source.sidecar,
    )
    with pytest.raises(ParentCredentialError):
        sign_file(
            source.path, tmp_path / "c", kind, child_definition, identity, parent=changed
        )  # fmt: skip


@pytest.mark.parametrize("name", sorted(FILMS))
def test_an_unsigned_parent_is_told(name, films, tmp_path, child_definition, identity, trust):
    source, kind = films[name], kind_of(films[name])
    parent = FileParent(path=source, media_type=kind)
    made = sign_file(
        source, tmp_path / "b", kind, child_definition, identity, parent=parent, trust=trust
    )
    assert (made.reading.integrity, made.reading.history) == (Integrity.INTACT, History.NONE)


def test_both_watermarks_of_a_film_are_told(films, tmp_path, identity, trust):
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    bindings = (SoftBinding.for_video(payload), SoftBinding.for_sound(payload))
    definition = describe(Provenance(), now=NOW, soft_bindings=bindings)
    made = sign_file(
        films["mp4"], tmp_path / "b.mp4", MediaType.MP4, definition, identity, trust=trust
    )
    assert made.reading.soft_bindings == bindings
    assert {binding.payload for binding in made.reading.soft_bindings} == {payload}


# ------------------------------------------------------------------------------ what is in the file


def test_the_store_comes_right_behind_the_first_box_and_the_others_stay(films, signed):
    for name in BOXED:
        old = bmff.boxes(films[name].read_bytes())
        new = bmff.boxes(signed[name].path.read_bytes())
        assert [box.type for box in new] == [old[0].type, b"uuid", *(box.type for box in old[1:])]
        for before, after in zip(old, (new[0], *new[2:]), strict=True):
            assert len(before.raw) == len(after.raw)
            if before.type == b"mdat":
                assert before.raw == after.raw


def test_avi_chunks_stay_in_their_order(films, signed):
    before, after = films["avi"].read_bytes(), signed["avi"].path.read_bytes()
    assert after[8 : len(before)] == before[8:]
    with signed["avi"].path.open("rb") as file:
        assert riff.parse(file, kind=riff.AVI).chunks[-1].type == b"C2PA"


def test_an_old_quicktime_file_without_a_first_box_gets_a_sidecar(
    films, tmp_path, definition, identity, trust
):
    moov, mdat = (
        next(box for box in bmff.boxes(films["mp4"].read_bytes()) if box.type == kind)
        for kind in (b"moov", b"mdat")
    )
    source = tmp_path / "old.mov"
    # The samples stand where they stood.
    room = bmff.make_box(b"free", bytes(mdat.start - 8))
    source.write_bytes(room + mdat.raw + moov.raw)
    made = sign_file(
        source, tmp_path / "b.mov", MediaType.MOV, definition, identity, trust=trust
    )  # fmt: skip
    assert "ftyp" in made.remark
    assert made.reading.trust is Trust.TRUSTED
    assert made.path.read_bytes() == source.read_bytes()


# --------------------------------------------------------------------------- where there is no room


def test_an_avi_file_of_several_parts_gets_a_sidecar(films, tmp_path, definition, identity, trust):
    source = tmp_path / "long.avi"
    part = b"AVIXLIST\x04\0\0\0movi"
    source.write_bytes(films["avi"].read_bytes() + b"RIFF\x10\0\0\0" + part)
    made = sign_file(source, tmp_path / "b.avi", MediaType.AVI, definition, identity, trust=trust)
    assert "second part" in made.remark
    assert made.reading.trust is Trust.TRUSTED
    assert made.path.read_bytes() == source.read_bytes()


def test_an_mp4_file_that_cannot_be_moved_gets_a_sidecar(
    films, tmp_path, definition, identity, trust
):
    source = tmp_path / "a.mp4"
    source.write_bytes(
        films["fast"].read_bytes().replace(b"url \0\0\0\x01", b"url \0\0\0\0")
    )  # fmt: skip
    made = sign_file(source, tmp_path / "b.mp4", MediaType.MP4, definition, identity, trust=trust)
    assert "another file" in made.remark
    assert made.reading.trust is Trust.TRUSTED


@pytest.mark.parametrize("may_link", [False, True])
def test_a_sidecar_needs_no_copy(may_link, films, tmp_path, definition, identity, trust):
    source, target = tmp_path / "a.mkv", tmp_path / "b.mkv"
    shutil.copy(films["mkv"], source)
    sign_file(
        source, target, MediaType.MKV, definition, identity, trust=trust, may_link=may_link
    )  # fmt: skip
    assert target.samefile(source) == may_link
    assert target.read_bytes() == source.read_bytes()


def test_where_a_disk_knows_no_links_the_file_is_copied(
    films, tmp_path, definition, identity, trust, monkeypatch
):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    target = tmp_path / "b.mkv"
    sign_file(
        films["mkv"], target, MediaType.MKV, definition, identity, trust=trust, may_link=True
    )  # fmt: skip
    assert target.read_bytes() == films["mkv"].read_bytes()


@pytest.mark.parametrize("kind", [MediaType.MP4, MediaType.MOV, MediaType.AVI])
def test_what_is_no_film_is_not_signed(kind, tmp_path, definition, identity):
    source = tmp_path / "a"
    source.write_bytes(b"this is no film at all")
    with pytest.raises(UnreadableMediaError):
        sign_file(source, tmp_path / "b", kind, definition, identity)
    assert list(tmp_path.iterdir()) == [source]


# ----------------------------------------------------------------------------------------- attacks


@pytest.mark.usefixtures("everything_is_large")
def test_a_store_of_another_film_does_not_count(films, signed, tmp_path, trust):
    """The box of one film in another, and a second one beside the own."""
    theirs = next(
        box.raw
        for box in bmff.boxes(signed["mp4"].path.read_bytes())
        if box.type == b"uuid"
    )  # fmt: skip
    data = films["fast"].read_bytes()
    size = int.from_bytes(data[:4], "big")
    stolen = tmp_path / "stolen.mp4"
    stolen.write_bytes(data[:size] + theirs + data[size:])
    assert read_file(stolen, MediaType.MP4, trust=trust).integrity is Integrity.TAMPERED
    own = signed["fast"].path.read_bytes()
    twice = tmp_path / "twice.mp4"
    twice.write_bytes(own + theirs)
    assert read_file(twice, MediaType.MP4, trust=trust).integrity is Integrity.DAMAGED


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
@pytest.mark.parametrize("name", ["fast", "mkv", "avi"])
def test_memory_does_not_grow_with_the_file(name, films, tmp_path, development):
    source, size = tmp_path / f"a{films[name].suffix}", 160 << 20
    with source.open("wb") as file:
        data = films[name].read_bytes()
        file.write(data)
        if name == "fast":
            file.write(size.to_bytes(4, "big") + b"mdat")
        elif name == "avi":
            file.write(b"JUNK" + (size - 8).to_bytes(4, "little"))
        file.truncate(len(data) + size)
        if name == "avi":
            file.seek(4)
            file.write((len(data) + size - 8).to_bytes(4, "little"))
    kind = kind_of(films[name])
    assert memory_mib(source, tmp_path / "b", development, kind) < 120
