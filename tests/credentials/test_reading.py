import io
import json
import re
from dataclasses import fields

import c2pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from labeler.credentials import (
    AiDisclosure,
    History,
    Integrity,
    Parent,
    SoftBinding,
    Trust,
    TrustStore,
    describe,
    read,
    sign,
)
from labeler.credentials import _report as report
from labeler.credentials import _toolkit as toolkit
from labeler.credentials import reading as reading_module
from labeler.credentials._asset import MemoryAsset
from labeler.credentials.reading import has_traces
from labeler.credentials.verdicts import is_tampering, judge_integrity, judge_trust
from labeler.media.media_type import MediaType
from labeler.provenance import SourceType
from tests.credentials.certificates import NOW
from tests.credentials.pictures import EMBEDDED, decoded, picture

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
VERDICTS = {"integrity", "trust", "history", "failures", "history_failures"}


@pytest.fixture(scope="module")
def signed(definition, identity):
    return {kind: sign(picture(kind), kind, definition, identity).data for kind in EMBEDDED}


@pytest.fixture(scope="module")
def child(signed, child_definition, identity):
    parent = Parent(data=signed[MediaType.PNG], media_type=MediaType.PNG)
    return sign(picture(size=24), MediaType.PNG, child_definition, identity, parent=parent).data


def excluded(data, media_type):
    """The spans of bytes that the manifest's own hash leaves out; the last is the manifest's."""
    with c2pa.Reader(media_type.value, io.BytesIO(data)) as reader:
        assertions = json.loads(reader.crjson())["manifests"][0]["assertions"]
    if "c2pa.hash.data" in assertions:
        entries = assertions["c2pa.hash.data"]["exclusions"]
        return [range(entry["start"], entry["start"] + entry["length"]) for entry in entries]
    # ISO media: C2PA 2.4 leaves the file type box out of every file, beside the manifest's box.
    at = data.index(bytes.fromhex("d8fec3d61b0e483c92975828877ec481")) - 8
    return [
        range(start, start + int.from_bytes(data[start : start + 4], "big")) for start in (0, at)
    ]


def flipped(data, at, bits=1):
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


# ------------------------------------------------------------------------------ what is read out


def test_everything_that_was_said_is_read(signed, trust):
    reading = read(signed[MediaType.JPEG], MediaType.JPEG, trust=trust)
    assert re.fullmatch(r"Labeler \S+", reading.claim_generator)
    assert reading.signer == "Labeler development signer"
    assert reading.signer_organization == "Labeler development only, not for production"
    assert reading.signed_at is None
    assert not reading.time_is_trusted
    assert [action.name for action in reading.actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert reading.actions[0].software_agent == "Stable Diffusion XL 1.0"
    assert reading.actions[0].when is not None
    assert reading.digital_source_types == (GENERATED,)
    assert reading.source_type is SourceType.TRAINED_ALGORITHMIC_MEDIA
    assert reading.soft_bindings == (
        SoftBinding(algorithm="ai.labeler.tile.1", value="1100000000002a"),
    )
    assert reading.declares_watermark
    assert reading.ai_disclosure == AiDisclosure(
        model_type="c2pa.types.model",
        model_name="Stable Diffusion XL",
        model_identifier="pkg:huggingface/stabilityai/stable-diffusion-xl-base-1.0",
        human_oversight="prompt_guided",
    )
    assert reading.failures == reading.history_failures == ()


@pytest.mark.parametrize("media_type", EMBEDDED)
def test_a_file_without_a_credential_reads_as_none(media_type, trust):
    data = picture(media_type)
    assert read(data, media_type, trust=trust) is None
    for broken in (b"", data[:20], data[: len(data) // 2], data + b"tail", b"\0" * 500, b"text"):
        assert read(broken, media_type, trust=trust) is None


@pytest.mark.parametrize("media_type", EMBEDDED)
def test_a_copy_saved_by_pillow_has_lost_its_credential(media_type, signed, trust):
    stream = io.BytesIO()
    with Image.open(io.BytesIO(signed[media_type])) as image:
        image.save(stream, media_type.name)
    assert read(stream.getvalue(), media_type, trust=trust) is None


def test_the_wrong_media_type_does_no_harm(signed, trust):
    for named in EMBEDDED:
        reading = read(signed[MediaType.PNG], named, trust=trust)
        assert reading.integrity is Integrity.INTACT


def test_who_talks_about_manifests_in_text_has_none(trust):
    info = PngInfo()
    info.add_text("workflow", "c2pa.assertions c2pa.claim.v2 c2pa.signature jumb c2pa")
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG", pnginfo=info)
    assert read(stream.getvalue(), MediaType.PNG, trust=trust) is None


# -------------------------------------------------------------------------------------- tampering


@pytest.mark.parametrize("media_type", EMBEDDED)
def test_a_changed_byte_outside_the_excluded_ranges_is_noticed(media_type, signed, trust):
    data = signed[media_type]
    left_out = excluded(data, media_type)
    outside = [at for at in range(len(data)) if not any(at in span for span in left_out)]
    assert len(outside) > 500
    # The file's structure lies at its ends and around the manifest; its pixels in between.
    picked = outside[:40] + outside[40:-40:9] + outside[-40:]
    verdicts = set()
    for at in picked:
        reading = read(flipped(data, at, 1 << at % 8), media_type, trust=trust)
        assert reading is not None, at
        assert reading.integrity is not Integrity.INTACT, at
        verdicts.add(reading.integrity)
    assert Integrity.TAMPERED in verdicts


def test_a_changed_byte_of_the_manifest_is_noticed_or_means_nothing(child, trust):
    """What a signature cannot cover is its own padding; whatever is read out, it covers."""
    (span,) = excluded(child, MediaType.PNG)
    whole = read(child, MediaType.PNG, trust=trust)
    said = [field.name for field in fields(whole) if field.name not in VERDICTS]
    unnoticed = 0
    for at in span[::29]:
        reading = read(flipped(child, at), MediaType.PNG, trust=trust)
        assert reading is not None, at
        intact = reading.integrity is Integrity.INTACT
        if intact and reading.history is not History.TAMPERED:
            assert all(getattr(reading, name) == getattr(whole, name) for name in said), at
            assert reading.trust is Trust.TRUSTED, at
            unnoticed += 1
    assert 0 < unnoticed < len(span[::29]) // 2


@pytest.mark.parametrize("media_type", EMBEDDED)
def test_appended_bytes_are_noticed(media_type, signed, trust):
    reading = read(signed[media_type] + b"tail", media_type, trust=trust)
    assert reading.integrity is not Integrity.INTACT


@pytest.mark.parametrize("media_type", EMBEDDED)
def test_a_cut_file_is_damaged_or_tampered_with(media_type, signed, trust):
    data = signed[media_type]
    end = excluded(data, media_type)[-1].stop
    for length in {len(data) - 1, (end + len(data)) // 2, end - 500} - {len(data)}:
        reading = read(data[:length], media_type, trust=trust)
        assert reading.integrity in {Integrity.DAMAGED, Integrity.TAMPERED}


def test_the_manifest_of_one_file_in_another_is_tampering(signed, trust):
    data, other = signed[MediaType.PNG], picture(seed=7)
    (span,) = excluded(data, MediaType.PNG)
    moved = other[: span.start] + data[span.start : span.stop] + other[span.start :]
    reading = read(moved, MediaType.PNG, trust=trust)
    assert (reading.integrity, reading.trust) == (Integrity.TAMPERED, Trust.TRUSTED)


def test_a_manifest_that_no_reader_reaches_any_more_is_damaged(signed, trust):
    data = signed[MediaType.PNG].replace(b"caBX", b"caBY")
    assert read(data, MediaType.PNG, trust=trust).integrity is Integrity.DAMAGED
    assert has_traces(MemoryAsset(data))


edits = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 2**20), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.integers(0, 2**20), st.integers(1, 400)),
    st.tuples(st.just("insert"), st.integers(0, 2**20), st.integers(1, 400)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(media_type=st.sampled_from(EMBEDDED), changes=st.lists(edits, min_size=1, max_size=4))
def test_reading_never_fails_and_never_calls_other_pixels_intact(
    signed, trust, media_type, changes
):
    data = signed[media_type]
    for kind, where, amount in changes:
        at = where % max(len(data), 1)
        if kind == "flip":
            data = flipped(data, at, amount) if data else data
        elif kind == "cut":
            data = data[:at] + data[at + amount :]
        else:
            data = data[:at] + bytes([amount % 256]) * amount + data[at:]
    reading = read(data, media_type, trust=trust)
    if reading is not None and reading.integrity is Integrity.INTACT:
        assert decoded(data) == decoded(signed[media_type])


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), sidecar=st.none() | st.binary(max_size=300))
def test_reading_noise_never_fails(data, sidecar):
    for media_type in EMBEDDED:
        reading = read(data, media_type, trust=TrustStore(), sidecar=sidecar)
        assert reading is None or reading.integrity is Integrity.DAMAGED


# ---------------------------------------------------------------------------------------- history


def edited(source, definition, identity, *, size):
    """A child made by the toolkit alone, which does not refuse a tampered parent."""
    parent = toolkit.ParentInput(asset=MemoryAsset(source), media_type="image/png")
    key = toolkit.local_signer(
        identity.algorithm, identity.certificate_chain, identity.private_key, None
    )
    data, _ = toolkit.sign_embedded(
        picture(size=size), "image/png", definition, key, parent=parent, trust=TrustStore()
    )
    return data


def plain_state(data, development):
    root = (development / "root.pem").read_text()
    anchors = [{"trust_anchors": root, "trust_kind": "manifest"}]
    context = c2pa.Context.from_dict({"trust": {"anchors": anchors}})
    return c2pa.Reader("image/png", io.BytesIO(data), context=context).get_validation_state()


@pytest.mark.parametrize("generations", [1, 2, 3])
def test_a_tampered_ancestor_is_found_though_the_toolkit_says_trusted(
    signed, child_definition, identity, trust, development, generations
):
    source = signed[MediaType.PNG]
    data = flipped(source, source.rindex(b"IDAT") + 60)
    for generation in range(generations):
        data = edited(data, child_definition, identity, size=40 + generation)
    assert plain_state(data, development) == "Trusted"
    reading = read(data, MediaType.PNG, trust=trust)
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert reading.history is History.TAMPERED
    assert "assertion.dataHash.mismatch" in reading.history_failures
    assert reading.failures == ()


def test_clean_ancestors_are_clean(signed, child_definition, identity, trust):
    data = signed[MediaType.PNG]
    for generation in range(3):
        data = edited(data, child_definition, identity, size=40 + generation)
        reading = read(data, MediaType.PNG, trust=trust)
        assert (reading.integrity, reading.history) == (Integrity.INTACT, History.CLEAN)
        assert reading.history_failures == ()


def test_a_parents_manifest_changed_after_signing_taints_the_history_only(child, trust):
    words = b"Stable Diffusion XL"
    at = child.index(words)
    reading = read(
        child[:at] + words.swapcase() + child[at + len(words) :], MediaType.PNG, trust=trust
    )
    parent_is_first = at < child.index(b"c2pa.opened")
    assert parent_is_first
    assert reading.integrity is Integrity.INTACT
    assert reading.history is History.TAMPERED


def test_what_a_parent_says_about_its_origin_is_inherited(signed, identity, trust, provenance):
    definition = describe(provenance, now=NOW, with_parent=True)
    silent = type(definition)(
        json=definition.json.replace(GENERATED, "http://cv.iptc.org/newscodes/x/humanEdits"),
        has_parent=True,
    )
    reading = read(
        edited(signed[MediaType.PNG], silent, identity, size=40), MediaType.PNG, trust=trust
    )
    assert reading.digital_source_types == ("http://cv.iptc.org/newscodes/x/humanEdits",)
    assert reading.inherited_source_types == (GENERATED,)
    assert reading.source_type is SourceType.TRAINED_ALGORITHMIC_MEDIA


def test_ingredients_of_the_first_versions_are_judged_too():
    """They list validation codes in one list; c2pa-rs cannot write them any more."""

    def history(*codes):
        ingredient = {"validation_status": [{"code": code} for code in codes]}
        manifests = {"a": {"ingredients": [ingredient]}}
        return report.tampering({"active_manifest": "a", "manifests": manifests})

    assert history("claimSignature.validated", "assertion.dataHash.match") == ()
    assert history("signingCredential.untrusted", "timeStamp.mismatch") == ()
    assert history("assertion.bmffHash.mismatch") == ("assertion.bmffHash.mismatch",)


def test_the_walk_ends_where_ingredients_go_round():
    ingredient = {"active_manifest": "a"}
    round_trip = {"active_manifest": "a", "manifests": {"a": {"ingredients": [ingredient] * 3}}}
    assert len(list(report.ancestry(round_trip))) == 3


# ---------------------------------------------------------------------------- remote, old, strange


def test_a_manifest_elsewhere_is_not_fetched(definition, identity, trust):
    key = toolkit.local_signer(
        identity.algorithm, identity.certificate_chain, identity.private_key, None
    )
    builder = c2pa.Builder(definition.json)
    builder.set_no_embed()
    builder.set_remote_url("http://192.0.2.1/manifest.c2pa")  # an address that nobody has
    stream = io.BytesIO()
    store = builder.sign(key, "image/png", io.BytesIO(picture()), stream)
    reading = read(stream.getvalue(), MediaType.PNG, trust=trust)
    assert (reading.integrity, reading.trust) == (Integrity.NOT_CHECKED, Trust.NOT_CHECKED)
    beside = read(stream.getvalue(), MediaType.PNG, trust=trust, sidecar=store)
    assert (beside.integrity, beside.detached) == (Integrity.INTACT, True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "active_manifest",
                    "manifests",
                    "ingredients",
                    "assertions",
                    "label",
                    "data",
                    "actions",
                    "blocks",
                    "validation_results",
                    "activeManifest",
                    "failure",
                    "code",
                    "a",
                ]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    values=st.dictionaries(
        st.sampled_from(["active_manifest", "manifests", "validation_results"]), json_values
    )
)
def test_reports_of_any_shape_are_taken(values):
    store = toolkit.Store(report={"active_manifest": "a", **values}, certificate={})
    result = reading_module._interpret(store, TrustStore(), detached=False, time_is_trusted=False)
    assert result.integrity is Integrity.TAMPERED or "success" in str(values)


# --------------------------------------------------------------------------------------- verdicts

VALID = "claimSignature.validated"
MATCH = "assertion.dataHash.match"


@pytest.mark.parametrize(
    ("success", "failure", "verdict"),
    [
        ([VALID, MATCH], [], Integrity.INTACT),
        ([VALID, "assertion.bmffHash.match"], ["signingCredential.untrusted"], Integrity.INTACT),
        ([VALID, MATCH], ["cawg.x509.untrusted", "timeStamp.mismatch"], Integrity.INTACT),
        ([VALID, MATCH], ["ingredient.manifest.missing"], Integrity.INTACT),
        ([VALID, MATCH], ["assertion.hashedURI.mismatch"], Integrity.TAMPERED),
        ([VALID, MATCH], ["a.code.of.tomorrow"], Integrity.TAMPERED),
        ([VALID], [], Integrity.TAMPERED),
        ([MATCH], [], Integrity.TAMPERED),
        ([], [], Integrity.TAMPERED),
    ],
)
def test_integrity_needs_a_valid_signature_and_a_matching_hash(success, failure, verdict):
    assert judge_integrity(success, failure) is verdict


@pytest.mark.parametrize(
    ("success", "failure", "list_is_ours", "verdict"),
    [
        ([VALID, "signingCredential.trusted"], [], True, Trust.TRUSTED),
        ([VALID, "signingCredential.trusted"], [], False, Trust.UNTRUSTED),
        ([VALID], ["signingCredential.untrusted"], True, Trust.UNTRUSTED),
        (
            [VALID],
            ["signingCredential.expired", "signingCredential.untrusted"],
            True,
            Trust.EXPIRED,
        ),
        ([VALID], ["signingCredential.ocsp.revoked"], True, Trust.REVOKED),
        ([VALID], ["signingCredential.invalid"], True, Trust.UNTRUSTED),
        (["signingCredential.trusted"], ["claimSignature.mismatch"], True, Trust.NOT_CHECKED),
    ],
)
def test_trust_follows_from_the_codes(success, failure, list_is_ours, verdict):
    judged = judge_trust(success, failure, list_is_ours=list_is_ours, has_lists=True)
    assert judged is verdict


def test_only_what_was_changed_is_tampering():
    for code in ("signingCredential.untrusted", "timeStamp.untrusted", "cawg.ica.untrusted"):
        assert not is_tampering(code)
    for code in ("assertion.dataHash.mismatch", "claim.malformed", "ingredient.manifest.mismatch"):
        assert is_tampering(code)
