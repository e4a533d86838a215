"""What happens when something goes wrong half-way: on the disk, in a layer, or with the power."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy import select

from labeler.errors import MarkNotVerifiedError, OutputError, RegistryError
from labeler.media.content import Content
from labeler.provenance import Provenance
from labeler.receipt import Layer
from labeler.registry import Registry, RegistryReader
from labeler.registry.schema import receipts
from labeler.stamping import build, files, in_memory
from labeler.stamping import stamper as stamper_module
from labeler.stamping.profile import profile_digest
from tests.samples import encode, make_settings, photo

PROVENANCE = Provenance(generator="Example model")


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def rows(settings, state):
    with Registry.open(settings.registry_location) as registry, registry._connection() as c:
        query = select(receipts.c.receipt_id).where(receipts.c.state == state)
        return list(c.execute(query).scalars())


@pytest.fixture
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("safety"))


@pytest.fixture
def stamper(settings):
    with stamper_module.Stamper(settings) as made:
        yield made


# ------------------------------------------------------------------------------------ reading back


def test_a_disk_that_writes_something_else_is_noticed(
    stamper, settings, source, target, monkeypatch
):
    read = files._StagedFiles.read

    def flip(self):
        written, sidecar = read(self)
        changed = bytearray(written.data)
        changed[len(changed) // 2] ^= 1
        return Content(bytes(changed), written.name), sidecar

    monkeypatch.setattr(files._StagedFiles, "read", flip)
    with pytest.raises(MarkNotVerifiedError) as caught:
        stamper.stamp(source, target, PROVENANCE, allow_missing=set(Layer))
    assert caught.value.file == str(source)
    assert names(target.parent) == []
    assert rows(settings, "prepared") == rows(settings, "published") == []


def test_metadata_that_are_not_there_are_noticed(stamper, source, target, monkeypatch):
    monkeypatch.setattr(in_memory, "write_metadata", lambda data, *args, **options: data)
    with pytest.raises(MarkNotVerifiedError, match="metadata"):
        stamper.stamp(source, target, PROVENANCE)
    assert names(target.parent) == []


def test_a_credential_that_is_not_there_is_noticed(stamper, source, target, monkeypatch):
    finish = stamper_module.Stamper._finish

    def strip(self, order, draft, *args, **options):
        # The same picture, stamped by somebody else a moment before.
        other = build.build(order, self._tools)
        object.__setattr__(draft, "content", other.content)
        return finish(self, order, draft, *args, **options)

    monkeypatch.setattr(stamper_module.Stamper, "_finish", strip)
    with pytest.raises(MarkNotVerifiedError, match="credential"):
        stamper.stamp(source, target, PROVENANCE)
    assert names(target.parent) == []


# --------------------------------------------------------------------------------------- publishing


def test_a_target_that_appears_in_the_meantime_wins(stamper, settings, source, target, monkeypatch):
    prepare = Registry.prepare

    def intrude(self, receipt, **options):
        prepare(self, receipt, **options)
        target.write_bytes(b"somebody else's")

    monkeypatch.setattr(Registry, "prepare", intrude)
    with pytest.raises(OutputError, match="exists already"):
        stamper.stamp(source, target, PROVENANCE)
    assert target.read_bytes() == b"somebody else's"
    assert names(target.parent) == ["target.png"]
    assert rows(settings, "prepared") == rows(settings, "published") == []


def test_without_a_receipt_nothing_is_published(stamper, source, target, monkeypatch):
    def refuse(*args, **options):
        raise RegistryError("the disk is full")

    monkeypatch.setattr(Registry, "prepare", refuse)
    with pytest.raises(RegistryError):
        stamper.stamp(source, target, PROVENANCE)
    assert names(target.parent) == []


# ------------------------------------------------------------------------------------------ crashes

STAMP_AND_DIE = """
    import os, sys
    from labeler.provenance import Provenance
    from labeler.settings import Settings
    from labeler.registry import Registry
    from labeler.stamping import Stamper, files

    def die(*args, **options):
        os.kill(os.getpid(), 9)

    {change}
    source, target, home = sys.argv[1:]
    with Stamper(Settings(home=home)) as stamper:
        stamper.stamp(source, target, Provenance(generator="Example model"))
"""
CRASHES = {
    "before the receipt": "Registry.prepare = die",
    "before publishing": "files._StagedFiles.publish = die",
    "after publishing": "Registry.confirm = die",
}


def stamp_and_die(settings, source, target, change):
    code = textwrap.dedent(STAMP_AND_DIE).format(change=change)
    repository = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code, source, target, settings.home],
        env=os.environ | {"PYTHONPATH": str(repository)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("moment", CRASHES)
def test_after_a_crash_nothing_is_half_and_nothing_published_lacks_its_receipt(
    settings, source, target, moment
):
    stamp_and_die(settings, source, target, CRASHES[moment])
    published = target.exists()
    assert published == (moment == "after publishing")
    leftovers = [name for name in names(target.parent) if name != "target.png"]
    assert all(n.startswith(".target.png.") and n.endswith(".tmp") for n in leftovers)
    assert rows(settings, "published") == []

    with stamper_module.Stamper(settings) as stamper:
        found = stamper.find_published(source, target, PROVENANCE)
        assert (found is not None) == published
        if published:
            assert rows(settings, "published") == [found.receipt_id]
            with RegistryReader.open(settings.registry_location) as registry:
                assert registry.find(found.payload.handle) == found
        else:
            again = stamper.stamp(source, target, PROVENANCE)
            assert stamper.find_published(source, target, PROVENANCE) == again


def test_finding_the_published_wants_everything_to_be_the_same(stamper, source, target, tmp_path):
    receipt = stamper.stamp(source, target, PROVENANCE)
    assert stamper.find_published(source, target, PROVENANCE) == receipt
    assert stamper.find_published(source, tmp_path / "other.png", PROVENANCE) is None
    assert stamper.find_published(source, target, Provenance()) is None
    assert stamper.find_published(source, target, PROVENANCE, already_marked="keep") is None
    assert stamper.find_published(encode(photo(seed=2)), target, PROVENANCE) is None
    target.write_bytes(target.read_bytes() + b"\\0")
    assert stamper.find_published(source, target, PROVENANCE) is None
    target.unlink()
    assert stamper.find_published(source, target, PROVENANCE) is None


def test_every_claim_counts_in_the_profile(settings):
    def digest(provenance=PROVENANCE, settings=settings, **changes):
        members = {
            "key_id": "k",
            "signer": "s",
            "allow_missing": (),
            "already_marked": "refuse",
        } | changes
        return profile_digest(provenance, settings, **members)

    changed = [
        digest(Provenance(generator="Example model", prompt="p")),
        digest(Provenance(generator="Example model", title="t")),
        digest(settings=settings.model_copy(update={"strength": "robust"})),
        digest(settings=settings.model_copy(update={"issuer": 7})),
        digest(settings=settings.model_copy(update={"tsa_url": "http://tsa.example"})),
        digest(key_id="other"),
        digest(signer=None),
        digest(allow_missing=[Layer.WATERMARK]),
        digest(already_marked="keep"),
    ]
    assert digest() == digest()
    assert len({digest(), *changed}) == 10
