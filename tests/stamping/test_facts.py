"""Facts carried out: what is due is in the file, what is prohibited is not made."""

import json
from dataclasses import replace

import c2pa
import numpy as np
import pytest

import detectors
from detectors import Technique
from labeler.disclosure.labels import Corner, Language, VisibleLabel
from labeler.errors import CapacityError, ObligationError, PolicyError
from labeler.media.media_type import MediaType
from labeler.metadata import read as read_metadata
from labeler.provenance import Provenance, SourceType, Track
from labeler.receipt import Layer, Receipt
from labeler.registry import Registry, RegistryReader, SignOff
from labeler.stamping import Stamper
from labeler.stamping.disclosing import disclose
from labeler.stamping.labelling import Labelling
from tests.films import film
from tests.policy.facts import ARTICLE, DEEPFAKE, PROVIDER, REVIEW, changed
from tests.samples import decode, encode, photo

PICTURE = changed(DEEPFAKE, **{"output.modality": "image"})
SATIRE = changed(PICTURE, work={"evidently_artistic": True, "informative_or_commercial": False})
SYNTHETIC_PICTURES = changed(DEEPFAKE, **{"output.synthetic_tracks": ["visual"]})
TEXT = "# The council decides\n\nIt will build a bridge.\n"


def entries(settings, kind=None):
    with RegistryReader.open(settings.registry_location) as registry:
        verdict = registry.verify_audit()
        assert verdict.intact, verdict.problem
        return list(registry.audit_entries(kind=kind))


def corner_of(path):
    return np.asarray(decode(path.read_bytes()))[:70, -130:, :3].astype(int)


def test_a_deep_fake_picture_shows_a_label_and_keeps_every_mark(stamper, settings, source, target):
    receipt = stamper.stamp(source, target, Provenance(), facts=PICTURE)
    before = np.asarray(decode(source.read_bytes()))[:70, -130:, :3].astype(int)
    assert np.abs(corner_of(target) - before).max() > 100
    rest = (
        np.asarray(decode(target.read_bytes())).astype(int)[150:]
        - np.asarray(decode(source.read_bytes())).astype(int)[150:]
    )
    assert np.abs(rest).max() < 40  # the watermark alone
    assert [(each.label, each.asked_by, each.laid) for each in receipt.labels] == [
        ("label:visible", "eu-50-4-deepfake", True)
    ]
    store = json.loads(c2pa.Reader(str(target)).json())
    assertions = store["manifests"][store["active_manifest"]]["assertions"]
    (actions,) = (each["data"]["actions"] for each in assertions if "actions" in each["data"])
    assert any("label:visible" in each.get("description", "") for each in actions)
    report = detectors.verify(target, settings=settings)
    assert report.conclusion.value == "marked"
    assert report.finding(Technique.WATERMARK).p_value < 1e-6
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_the_decision_is_on_record_under_the_receipts_id(stamper, settings, source, target):
    receipt = stamper.stamp(source, target, Provenance(), facts=PICTURE)
    with RegistryReader.open(settings.registry_location) as registry:
        entry = registry.find_decision(receipt.decision_id)
    assert entry.subject == receipt.source_sha256
    assert entry.actor
    assert "eu-50-4-deepfake" in entry.reason
    assert entry.members["target_sha256"] == receipt.target_sha256
    statuses = {each["id"]: each["status"] for each in entry.members["assessment"]["obligations"]}
    assert statuses["eu-50-4-deepfake"] == "REQUIRED"


def test_a_satirical_picture_is_left_as_it_is_and_described(stamper, source, target):
    receipt = stamper.stamp(source, target, Provenance(), facts=SATIRE)
    before = np.asarray(decode(source.read_bytes())).astype(int)
    assert np.abs(np.asarray(decode(target.read_bytes())).astype(int) - before).max() < 40
    (label,) = receipt.labels
    assert (label.label, label.laid) == ("label:adjacent", False)
    assert read_metadata(target.read_bytes(), MediaType.PNG).description == label.text


@pytest.mark.parametrize(
    "banned",
    [
        {"prohibited_content.csam": True},
        {"prohibited_content.intimate_without_consent": True},
        {"system.emotion_recognition": True, "system.workplace_or_education": True},
    ],
)
def test_what_is_prohibited_is_refused_and_recorded(stamper, settings, source, target, banned):
    with pytest.raises(ObligationError, match="prohibited"):
        stamper.stamp(source, target, Provenance(), facts=changed(PICTURE, **banned))
    assert not target.exists()
    last = entries(settings, kind="decision")[-1]
    assert last.reason.startswith("Refused")
    assert last.members["outcome"] == "refused"


def test_what_is_undecided_and_would_be_seen_is_refused(stamper, source, target):
    facts = changed(PICTURE, **{"deepfake.false_appearance": None})
    with pytest.raises(ObligationError) as caught:
        stamper.stamp(source, target, Provenance(), facts=facts)
    assert "deepfake.false_appearance" in caught.value.hint
    assert not target.exists()


def test_a_layer_that_is_due_may_not_be_missing(stamper, tmp_path, target):
    tiny = tmp_path / "tiny.png"
    tiny.write_bytes(encode(photo(96, 96)))
    with pytest.raises(ObligationError, match=r"eu-50-2-mark is due"):
        stamper.stamp(tiny, target, Provenance(), facts=PROVIDER, allow_missing=set(Layer))
    assert not target.exists()


def test_a_layer_that_is_not_due_is_left_out_where_it_does_not_fit(stamper, tmp_path, target):
    tiny = tmp_path / "tiny.png"
    tiny.write_bytes(encode(photo(96, 96)))
    with pytest.raises(CapacityError):
        stamper.stamp(tiny, target, Provenance())
    receipt = stamper.stamp(
        tiny, target, Provenance(), facts=changed(PROVIDER, **{"output.operation": "crop"})
    )
    assert [each.layer for each in receipt.missing] == [Layer.WATERMARK]


def test_facts_about_another_medium_are_refused(stamper, source, target):
    with pytest.raises(PolicyError, match=r"output\.modality"):
        stamper.stamp(source, target, Provenance(), facts=DEEPFAKE)


def test_a_deep_fake_film_is_labelled_and_marked(stamper, settings, tmp_path):
    source = film(tmp_path / "film.mp4", frames=36, sound="aac")
    target = tmp_path / "out.mp4"
    receipt = stamper.stamp(source, target, Provenance(), facts=SYNTHETIC_PICTURES)
    assert [each.label for each in receipt.labels] == ["label:visible:start+interval"]
    report = detectors.verify(target, settings=settings)
    assert report.conclusion.value == "marked"


def test_an_exempt_text_is_left_as_it_is_and_signed_off(stamper, settings, tmp_path):
    source, target = tmp_path / "a.md", tmp_path / "b.md"
    source.write_text(TEXT)
    receipt = stamper.stamp(source, target, Provenance(), facts=changed(ARTICLE, review=REVIEW))
    assert target.read_text() == TEXT
    assert receipt.labels == ()
    with RegistryReader.open(settings.registry_location) as registry:
        found = registry.find_sign_off(receipt.source_sha256)
    assert found.responsible_party == REVIEW["responsible_party"]
    for written in (target.read_bytes(), (tmp_path / "b.md.c2pa").read_bytes(),
                    receipt.to_json().encode()):  # fmt: skip
        assert REVIEW["responsible_party"].encode() not in written


def test_a_version_that_changed_after_its_sign_off_is_labelled(stamper, settings, tmp_path):
    facts = changed(ARTICLE, review=REVIEW)
    source = tmp_path / "news.md"
    source.write_text(TEXT)
    stamper.stamp(source, tmp_path / "1.md", Provenance(), facts=facts)
    source.write_text(TEXT.replace("bridge", "tunnel"))
    receipt = stamper.stamp(source, tmp_path / "2.md", Provenance(), facts=facts)
    assert [each.label for each in receipt.labels] == ["label:text:top"]
    assert "AI" in (tmp_path / "2.md").read_text().splitlines()[2]


def test_signing_the_new_version_off_restores_the_exemption(settings, tmp_path):
    facts = changed(ARTICLE, review=REVIEW)
    source = tmp_path / "news.md"
    source.write_text(TEXT)
    with Stamper(settings) as stamper:
        first = stamper.stamp(source, tmp_path / "1.md", Provenance(), facts=facts)
        source.write_text(TEXT + "More.\n")
        changed_once = stamper.stamp(source, tmp_path / "2.md", Provenance(), facts=facts)
        with Registry.open(settings.registry_location) as registry:
            known = registry.find_sign_off(first.source_sha256)
            again = replace(known, content_sha256=changed_once.source_sha256)
            registry.sign_off(again, "editor")
        signed = stamper.stamp(source, tmp_path / "3.md", Provenance(), facts=facts)
    assert isinstance(known, SignOff)
    assert changed_once.labels
    assert signed.labels == ()


def test_texts_in_memory_are_works_of_their_own(stamper, tmp_path):
    facts = changed(ARTICLE, review=REVIEW)
    for number, line in enumerate(("One.", "Another.")):
        text = f"{TEXT}{line}\n".encode()
        target = tmp_path / f"{number}.md"
        receipt = stamper.stamp(text, target, Provenance(), facts=facts, name="memory.md")
        assert receipt.labels == ()


def test_chinas_labels_need_a_producer(settings, source, tmp_path):
    facts = changed(PROVIDER, **{"system.generates_for_china": True})
    with Stamper(settings) as stamper, pytest.raises(ObligationError, match="producer"):
        stamper.stamp(source, tmp_path / "no.png", Provenance(), facts=facts)
    named = settings.model_copy(update={"aigc_producer": "001191110108MA01ABCD2X00001"})
    with Stamper(named) as stamper:
        receipt = stamper.stamp(source, tmp_path / "yes.png", Provenance(), facts=facts)
    assert [each.label for each in receipt.labels] == ["label:cn:visible"]
    aigc = read_metadata((tmp_path / "yes.png").read_bytes(), MediaType.PNG).aigc
    assert aigc.content_producer == "001191110108MA01ABCD2X00001"
    assert aigc.produce_id == aigc.propagate_id != ""


def test_disclosing_a_stamped_picture_keeps_its_mark_and_its_history(settings, source, tmp_path):
    with Stamper(settings) as stamper:
        first = stamper.stamp(source, tmp_path / "first.png", Provenance())
    claims = Provenance(source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA)
    greek = settings.model_copy(
        update={"label_language": Language.GREEK, "label_corner": Corner.BOTTOM_LEFT}
    )
    receipt = disclose(tmp_path / "first.png", tmp_path / "second.png", claims, settings=greek)
    assert receipt.payload == first.payload
    report = detectors.verify(tmp_path / "second.png", settings=settings)
    assert report.finding(Technique.CREDENTIAL).detail["integrity"] == "intact"
    store = json.loads(c2pa.Reader(str(tmp_path / "second.png")).json())
    (parent,) = store["manifests"][store["active_manifest"]]["ingredients"]
    assert (parent["relationship"], parent["active_manifest"]) == ("parentOf", first.manifest_id)
    assert report.finding(Technique.WATERMARK).presence.value == "present"


def test_disclosing_makes_no_watermark(settings, source, tmp_path):
    receipt = disclose(source, tmp_path / "out.png", settings=settings)
    assert receipt.payload is None
    assert {each.layer for each in receipt.missing} == {Layer.WATERMARK, Layer.METADATA}


def test_labels_without_facts(stamper, source, target):
    receipt = stamper.stamp(
        source, target, Provenance(), labels=Labelling(visible=(VisibleLabel(),))
    )
    assert [(each.label, each.asked_by) for each in receipt.labels] == [("label:visible:eu", None)]


def test_an_interrupted_stamping_with_facts_is_found_again(stamper, source, target):
    receipt = stamper.stamp(source, target, Provenance(), facts=PICTURE)
    assert stamper.find_published(source, target, Provenance(), facts=PICTURE) == receipt
    assert stamper.find_published(source, target, Provenance(), facts=SATIRE) is None
    assert stamper.find_published(source, target, Provenance()) is None


def test_a_kept_mark_has_to_be_in_every_track_in_which_it_is_due(stamper, tmp_path):
    source = film(tmp_path / "film.mp4", frames=36, sound="aac")
    half = Provenance(synthetic_tracks=frozenset({Track.VISUAL}))
    stamper.stamp(source, tmp_path / "half.mp4", half)
    facts = changed(PROVIDER, **{"output.modality": "video"})
    with pytest.raises(ObligationError, match="not in the sound"):
        stamper.stamp(
            tmp_path / "half.mp4",
            tmp_path / "whole.mp4",
            Provenance(),
            facts=facts,
            already_marked="keep",
        )
