"""What manifests say, and what the C2PA asset conformance rubrics (0.2, specification 2.4) ask.

The rubrics are evaluated on crJSON, which the toolkit writes; each point is a function here.
"""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import c2pa
import pytest

from labeler.codec.payload import Handle, Origin, Payload
from labeler.credentials import Parent, SoftBinding, describe, needs_parent, sign
from labeler.credentials.manifest import SOFT_BINDING_ALGORITHM, SOUND_BINDING_ALGORITHM
from labeler.media.media_type import MediaType
from labeler.provenance import HumanOversight, Provenance, SourceType
from tests.credentials.pictures import pages, picture

NOW = datetime(2026, 11, 21, 10, 0, 0, 500, tzinfo=UTC)
BINDING = SoftBinding(value="1100000000002a")
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def actions_of(definition):
    (assertion,) = (
        entry
        for entry in json.loads(definition.json)["assertions"]
        if entry["label"] == "c2pa.actions.v2"
    )
    return assertion["data"]["actions"]


def labels_of(definition):
    return [entry["label"] for entry in json.loads(definition.json)["assertions"]]


# ------------------------------------------------------------------------------------ definitions


def test_generated_content_was_created():
    provenance = Provenance(generator="Model", generator_version="2")
    (created,) = actions_of(describe(provenance, now=NOW))
    assert created == {
        "action": "c2pa.created",
        "when": "2026-11-21T10:00:00Z",
        "digitalSourceType": IPTC + "trainedAlgorithmicMedia",
        "softwareAgent": {"name": "Model", "version": "2"},
    }


def test_with_a_parent_it_was_opened_and_edited():
    definition = describe(Provenance(), now=NOW, with_parent=True)
    opened, edited = actions_of(definition)
    assert opened == {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    assert edited["action"] == "c2pa.edited"
    assert edited["digitalSourceType"] == IPTC + "trainedAlgorithmicMedia"
    assert definition.has_parent


@pytest.mark.parametrize("source_type", SourceType)
def test_a_parent_is_needed_for_edits_and_for_signed_sources(source_type):
    provenance = Provenance(source_type=source_type)
    assert needs_parent(provenance, source_has_manifest=True)
    assert needs_parent(provenance, source_has_manifest=False) == source_type.is_edit


def test_a_watermark_is_claimed_exactly_if_there_is_one():
    without = describe(Provenance(), now=NOW)
    assert "c2pa.soft-binding" not in labels_of(without)
    assert [action["action"] for action in actions_of(without)] == ["c2pa.created"]
    with_it = describe(Provenance(), now=NOW, soft_bindings=[BINDING])
    assert "c2pa.soft-binding" in labels_of(with_it)
    assert actions_of(with_it)[-1]["action"] == "c2pa.watermarked.bound"
    assert actions_of(with_it)[-1]["softwareAgent"]["name"] == "Labeler"


def test_picture_and_sound_of_a_film_are_bound_apart():
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    bindings = [SoftBinding.for_video(payload), SoftBinding.for_sound(payload)]
    definition = describe(Provenance(), now=NOW, soft_bindings=bindings)
    found = [
        entry["data"]
        for entry in json.loads(definition.json)["assertions"]
        if entry["label"] == "c2pa.soft-binding"
    ]
    assert [entry["alg"] for entry in found] == [SOFT_BINDING_ALGORITHM, SOUND_BINDING_ALGORITHM]
    assert {entry["blocks"][0]["value"] for entry in found} == {"1100000000002a"}
    marked = [action for action in actions_of(definition) if "watermarked" in action["action"]]
    assert len(marked) == 1


@pytest.mark.parametrize(
    ("source_type", "disclosed"),
    [
        (SourceType.TRAINED_ALGORITHMIC_MEDIA, True),
        (SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA, True),
        (SourceType.COMPOSITE_SYNTHETIC, True),
        (SourceType.ALGORITHMICALLY_ENHANCED, False),
        (SourceType.ALGORITHMIC_MEDIA, False),
    ],
)
def test_ai_is_disclosed_where_a_model_took_part(source_type, disclosed):
    definition = describe(Provenance(source_type=source_type, generator="M"), now=NOW)
    assert ("c2pa.ai-disclosure" in labels_of(definition)) == disclosed
    assert actions_of(definition)[0]["digitalSourceType"] == source_type.uri


def test_nothing_is_told_that_was_not_given():
    definition = describe(Provenance(), now=NOW)
    content = json.loads(definition.json)
    assert set(content) == {"claim_generator_info", "assertions"}
    assert definition.resources == ()
    (disclosure,) = (e for e in content["assertions"] if e["label"] == "c2pa.ai-disclosure")
    assert disclosure["data"] == {"modelType": "c2pa.types.model"}


def test_times_are_written_in_utc():
    zone = timezone(timedelta(hours=5, minutes=30))
    made = datetime(2026, 11, 20, 23, 59, 59, tzinfo=zone)
    definition = describe(Provenance(created_at=made), now=NOW, soft_bindings=[BINDING])
    created, watermarked = actions_of(definition)
    assert created["when"] == "2026-11-20T18:29:59Z"
    assert watermarked["when"] == "2026-11-21T10:00:00Z"


def test_the_soft_binding_is_the_payload_as_a_detector_reads_it():
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    binding = SoftBinding.for_payload(payload)
    assert binding == SoftBinding(algorithm=SOFT_BINDING_ALGORITHM, value="1100000000002a")
    assert Payload.from_int(int(binding.value, 16)) == payload


# ---------------------------------------------------------------------------------------- rubrics


def crjson(signed, media_type):
    arguments = (signed.sidecar,) if signed.sidecar else ()
    with c2pa.Reader(media_type.value, io.BytesIO(signed.data), *arguments) as reader:
        return json.loads(reader.crjson())["manifests"][0]


@pytest.fixture(scope="module")
def manifests(identity):
    full = Provenance(
        generator="Stable Diffusion XL",
        generator_version="1.0",
        model_identifier="pkg:huggingface/stabilityai/stable-diffusion-xl-base-1.0",
        human_oversight=HumanOversight.PROMPT_GUIDED,
        title="A title",
        prompt="Ein Hund im Café, «öl»",
        prompt_writer="Ana",
        created_at=NOW,
    )
    edit = replace(full, source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA)

    def made(provenance, parent=None, data=None, media_type=MediaType.PNG):
        definition = describe(
            provenance, now=NOW, soft_bindings=[BINDING], with_parent=parent is not None
        )
        signed = sign(data or picture(), media_type, definition, identity, parent=parent)
        return signed, media_type

    first = made(full)[0].data
    several = {
        "plain": made(Provenance()),
        "full": made(full),
        "edit of an unsigned file": made(
            edit, Parent(data=picture(MediaType.JPEG), media_type=MediaType.JPEG)
        ),
        "signed parent": made(full, Parent(data=first, media_type=MediaType.PNG)),
        "avif": made(full, None, picture(MediaType.AVIF), MediaType.AVIF),
        "sidecar": made(full, None, pages(), MediaType.TIFF),
    }
    return {name: crjson(*pair) for name, pair in several.items()}


def acts(manifest):
    return manifest["assertions"]["c2pa.actions.v2"]["actions"]


def ingredients(manifest):
    return [
        value
        for label, value in manifest["assertions"].items()
        if label.startswith("c2pa.ingredient")
    ]


NOT_EDITORIAL = {"c2pa.created", "c2pa.opened", "c2pa.placed", "c2pa.watermarked.bound"}
STANDARD_PARAMETERS = {"ingredients", "redacted", "description", "relatedAssertions"}
STANDARD_ASSERTIONS = {
    "c2pa.actions.v2",
    "c2pa.ai-disclosure",
    "c2pa.embedded-data",
    "c2pa.hash.bmff.v3",
    "c2pa.hash.data",
    "c2pa.ingredient.v3",
    "c2pa.soft-binding",
}
STANDARD_ACTIONS = {"c2pa.created", "c2pa.edited", "c2pa.opened", "c2pa.watermarked.bound"}

POINTS = {
    "specVersion is 2.4 in claim_generator_info": lambda m: (
        m["claim.v2"]["claim_generator_info"]["specVersion"].split(".")[:2] == ["2", "4"]
    ),
    "the claim itself has no specVersion": lambda m: "specVersion" not in m["claim.v2"],
    "allActionsIncluded is given": lambda m: (
        m["assertions"]["c2pa.actions.v2"]["allActionsIncluded"] is True
    ),
    "perceptible actions have a source type": lambda m: all(
        "digitalSourceType" in a for a in acts(m) if a["action"] not in NOT_EDITORIAL
    ),
    "created has a source type": lambda m: all(
        "digitalSourceType" in a for a in acts(m) if a["action"] == "c2pa.created"
    ),
    "opened has no source type": lambda m: all(
        "digitalSourceType" not in a for a in acts(m) if a["action"] == "c2pa.opened"
    ),
    "opened refers to one ingredient": lambda m: all(
        len(a["parameters"]["ingredients"]) == 1 for a in acts(m) if a["action"] == "c2pa.opened"
    ),
    "the first action begins the asset's life": lambda m: (
        acts(m)[0]["action"] in {"c2pa.created", "c2pa.opened"}
    ),
    "actions are among the created assertions, first": lambda m: m["claim.v2"][
        "created_assertions"
    ][0]["url"].endswith("c2pa.actions.v2"),
    "validation found no failure but the unknown signer": lambda m: (
        [f["code"] for f in m["validationResults"]["failure"]]
        in ([], ["signingCredential.untrusted"])
    ),
    "assertions are current ones of the specification": lambda m: (
        {label.partition("__")[0] for label in m["assertions"]} <= STANDARD_ASSERTIONS
    ),
    "actions are current ones of the specification": lambda m: (
        {a["action"] for a in acts(m)} <= STANDARD_ACTIONS
    ),
    "parameters are current ones of the specification": lambda m: all(
        set(a.get("parameters", {})) <= STANDARD_PARAMETERS for a in acts(m)
    ),
    "the manifest's label is a urn:c2pa": lambda m: m["label"].startswith("urn:c2pa:"),
    "ingredients have results exactly if they have a manifest": lambda m: all(
        ("activeManifest" in i) == ("validationResults" in i) for i in ingredients(m)
    ),
    "ingredients relate as the specification has it": lambda m: all(
        i["relationship"] in {"parentOf", "inputTo"} for i in ingredients(m)
    ),
    "hashes name no URL": lambda m: all(
        "url" not in value
        for label, value in m["assertions"].items()
        if label.startswith("c2pa.hash")
    ),
    "there is no thumbnail": lambda m: not any("thumbnail" in label for label in m["assertions"]),
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize(
    "name",
    ["plain", "full", "edit of an unsigned file", "signed parent", "avif", "sidecar"],
)
def test_rubric(manifests, name, point):
    assert point(manifests[name])


def test_the_rubrics_see_generated_content(manifests):
    """Their signal for it: created, with the source type of generated content."""
    for name in ("plain", "full", "avif", "sidecar"):
        (created,) = (a for a in acts(manifests[name]) if a["action"] == "c2pa.created")
        assert created["digitalSourceType"] == IPTC + "trainedAlgorithmicMedia"
    edited = acts(manifests["edit of an unsigned file"])[1]
    assert edited["digitalSourceType"] == IPTC + "compositeWithTrainedAlgorithmicMedia"


def test_the_prompt_is_an_input_of_the_generation(manifests, identity):
    assert not ingredients(manifests["plain"])
    (prompt,) = ingredients(manifests["full"])
    assert prompt["relationship"] == "inputTo"
    assert prompt["dataTypes"] == [{"type": "c2pa.types.generator.prompt"}]
    assert prompt["description"] == "Written by Ana"
    reference = acts(manifests["full"])[0]["parameters"]["ingredients"][0]["url"]
    assert reference == "self#jumbf=c2pa.assertions/c2pa.ingredient.v3"


def test_the_prompts_words_come_back(identity):
    words = "Ein Hund im Café, «öl» 🐕"
    definition = describe(Provenance(prompt=words), now=NOW)
    signed = sign(picture(), MediaType.PNG, definition, identity)
    with c2pa.Reader("image/png", io.BytesIO(signed.data)) as reader:
        manifest = json.loads(reader.json())["manifests"][signed.manifest_id]
        stream = io.BytesIO()
        reader.resource_to_stream(manifest["ingredients"][0]["data"]["identifier"], stream)
    assert stream.getvalue().decode() == words
