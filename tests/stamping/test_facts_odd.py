"""Facts in odd company: paths written otherwise, claims that contradict, content without room."""

import hashlib
from datetime import UTC, datetime

import pytest

from detectors import verify
from labeler.cli.evidence import has_gaps, hold_against
from labeler.errors import CapacityError, ObligationError, PolicyError
from labeler.policy import parse_facts
from labeler.provenance import Provenance, Track
from labeler.receipt import Layer
from labeler.registry import Registry, RegistryReader, SignOff
from labeler.stamping import Stamper
from labeler.stamping.disclosing import disclose
from tests.films import film
from tests.policy.facts import ARTICLE, DEEPFAKE, PROVIDER, REVIEW, changed
from tests.samples import encode, photo

PICTURE = changed(DEEPFAKE, **{"output.modality": "image"})
TEXT = "# The council decides\n\nIt will build a bridge.\n"
CHINA = {"system.generates_for_china": True, "actor.roles": ["provider", "deployer"]}


def gaps(settings, path, facts):
    with RegistryReader.open(settings.registry_location) as registry:
        return has_gaps(hold_against(parse_facts(facts), verify(path, settings=settings), registry))


def sign_off(settings, path):
    given = SignOff(
        content_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        work=str(path.absolute()),
        human_substantive=True,
        fact_checked=True,
        editorial_control=False,
        responsible_party="Example Publishing",
        contact="https://example.org",
        reviewer="A. Reader",
        signed_off_at=datetime(2026, 12, 1, tzinfo=UTC),
        reason="Read",
    )
    with Registry.open(settings.registry_location) as registry:
        registry.sign_off(given, "somebody")


def test_a_change_is_noticed_however_the_path_is_written(stamper, settings, tmp_path, monkeypatch):
    source = tmp_path / "a.md"
    source.write_text(TEXT)
    sign_off(settings, source)
    source.write_text(TEXT + "And a second one.\n")
    monkeypatch.chdir(tmp_path)
    receipt = stamper.stamp(
        "a.md", tmp_path / "b.md", Provenance(), facts=changed(ARTICLE, review=REVIEW)
    )
    assert [each.label for each in receipt.labels] == ["label:text:top"]


def test_verifying_knows_the_sign_off_that_a_text_was_published_with(stamper, settings, tmp_path):
    source, target = tmp_path / "a.md", tmp_path / "b.md"
    source.write_text(TEXT + "Signed off.\n")
    sign_off(settings, source)
    receipt = stamper.stamp(source, target, Provenance(), facts=ARTICLE)
    assert receipt.labels == ()
    assert not gaps(settings, target, ARTICLE)
    target.write_text(target.read_text() + "Changed.\n")
    assert gaps(settings, target, ARTICLE)


def test_verifying_knows_the_label_of_a_text(stamper, settings, tmp_path):
    source, target = tmp_path / "a.md", tmp_path / "b.md"
    source.write_text(TEXT + "Labelled.\n")
    stamper.stamp(source, target, Provenance(), facts=ARTICLE)
    assert not gaps(settings, target, ARTICLE)


def test_verifying_knows_the_label_of_a_picture_whose_mark_was_kept(
    stamper, settings, source, tmp_path
):
    marked, target = tmp_path / "marked.png", tmp_path / "labelled.png"
    stamper.stamp(source, marked, Provenance())
    stamper.stamp(marked, target, Provenance(), facts=PICTURE, already_marked="keep")
    assert gaps(settings, marked, PICTURE)
    assert not gaps(settings, target, PICTURE)


def test_a_chinese_label_is_none_of_the_unions(stamper_for_china, settings, source, target):
    facts = changed(PICTURE, **CHINA, eu_nexus=False)
    (label,) = stamper_for_china.stamp(source, target, Provenance(), facts=facts).labels
    assert label.label == "label:cn:visible"
    assert gaps(settings, target, PICTURE)


@pytest.fixture
def stamper_for_china(settings):
    with Stamper(settings.model_copy(update={"aigc_producer": "Example"})) as made:
        yield made


def test_texts_get_no_label_that_says_less_than_two_laws_ask(stamper_for_china, tmp_path):
    source = tmp_path / "a.txt"
    source.write_text("It rains.\n")
    with pytest.raises(ObligationError, match="cannot be laid together"):
        stamper_for_china.stamp(
            source, tmp_path / "b.txt", Provenance(), facts=changed(ARTICLE, **CHINA)
        )


def test_a_due_field_that_a_text_cannot_hold_is_not_to_be_left_out(stamper_for_china, tmp_path):
    source = tmp_path / "a.txt"
    source.write_text("It rains.\n")
    facts = changed(ARTICLE, **CHINA, eu_nexus=False)
    with pytest.raises(ObligationError, match="cn-gb45438-implicit") as caught:
        stamper_for_china.stamp(source, tmp_path / "b.txt", Provenance(), facts=facts)
    assert "--allow-missing" not in str(caught.value)


def test_a_label_of_china_that_is_undecided_is_refused(stamper, source, target):
    undecided = {"system.generates_for_china": True, "actor.roles": ...}
    facts = changed(PROVIDER, **undecided, eu_nexus=False)
    with pytest.raises(ObligationError, match="cn-gb45438-explicit"):
        stamper.stamp(source, target, Provenance(), facts=facts)


@pytest.mark.parametrize("size", [(16, 16), (320, 12)])
def test_a_label_that_nobody_could_read_is_not_laid(stamper, settings, tmp_path, target, size):
    tiny = tmp_path / "tiny.png"
    tiny.write_bytes(encode(photo(*size)))
    with pytest.raises(ObligationError, match="eu-50-4-deepfake is due"):
        stamper.stamp(tiny, target, Provenance(), facts=PICTURE)
    with pytest.raises(CapacityError, match="label that can be read"):
        disclose(tiny, target, settings=settings)
    assert not target.exists()


def test_a_layer_that_is_due_cannot_be_left_out(stamper, source, target):
    with pytest.raises(ObligationError, match="eu-50-2-mark is due"):
        stamper.stamp(source, target, Provenance(), facts=PROVIDER, leave_out={Layer.WATERMARK})
    assert not target.exists()


def test_undecided_marking_excuses_no_layer(stamper, tmp_path, target):
    tiny = tmp_path / "tiny.png"
    tiny.write_bytes(encode(photo(96, 96)))
    facts = changed(PROVIDER, **{"output.kind": None})
    with pytest.raises(CapacityError):
        stamper.stamp(tiny, target, Provenance(), facts=facts)
    receipt = stamper.stamp(
        tiny, target, Provenance(), facts=facts, allow_missing={Layer.WATERMARK}
    )
    assert [each.layer for each in receipt.missing] == [Layer.WATERMARK]


def test_claims_and_facts_agree_on_what_is_synthetic(stamper, tmp_path):
    source = film(tmp_path / "film.mp4", frames=24, sound="aac")
    claims = Provenance(synthetic_tracks=frozenset({Track.VISUAL}))
    facts = changed(DEEPFAKE, **{"output.synthetic_tracks": ["visual", "audio"]})
    with pytest.raises(PolicyError, match="synthetic_tracks differs"):
        stamper.stamp(source, tmp_path / "out.mp4", claims, facts=facts)
    receipt = stamper.stamp(source, tmp_path / "out.mp4", claims, facts=DEEPFAKE)
    assert [each.label for each in receipt.labels] == ["label:visible:start+interval"]
