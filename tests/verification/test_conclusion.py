import pytest

from detectors.conclusion import MISSING, NOT_HUMAN, UNSIGNED, Evidence, conclude
from detectors.mark_layers import MarkLayer, write_layers
from detectors.report import Conclusion, Finding, Presence, Technique
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.provenance import SourceType

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 1))
OTHER = Payload(origin=Origin.GENERATED, handle=Handle(0, 2))
GENERATED = SourceType.TRAINED_ALGORITHMIC_MEDIA


def credential(*source_types, presence=Presence.PRESENT, **options):
    return evidence(Technique.CREDENTIAL, presence, source_types=source_types, **options)


def watermark(payload=PAYLOAD, presence=Presence.PRESENT):
    return evidence(Technique.WATERMARK, presence, payload=payload)


def metadata(*source_types, presence=Presence.PRESENT):
    return evidence(Technique.METADATA, presence, source_types=source_types)


def evidence(technique, presence, **options):
    return Evidence(finding=Finding(technique=technique, presence=presence), **options)


NO_CREDENTIAL = credential(presence=Presence.ABSENT)
NO_WATERMARK = watermark(None, Presence.ABSENT)
NO_METADATA = metadata(presence=Presence.ABSENT)


def test_nothing_found_does_not_mean_a_person_made_it():
    verdict = conclude([NO_CREDENTIAL, NO_WATERMARK, NO_METADATA])
    assert verdict.conclusion is Conclusion.NO_MARK_FOUND
    assert verdict.origin is None
    assert verdict.warnings == (NOT_HUMAN,)


@pytest.mark.parametrize(
    "found", [credential(GENERATED), watermark(), metadata(GENERATED.uri)], ids=str
)
def test_each_technique_alone_marks(found):
    verdict = conclude([found])
    assert verdict.conclusion is Conclusion.MARKED
    assert verdict.origin is Origin.GENERATED


def test_metadata_alone_comes_with_a_warning_and_not_otherwise():
    assert UNSIGNED in conclude([NO_CREDENTIAL, metadata(GENERATED)]).warnings
    assert conclude([credential(GENERATED), metadata(GENERATED)]).warnings == ()


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.INCONCLUSIVE])
@pytest.mark.parametrize("make", [credential, metadata])
def test_what_is_not_present_does_not_mark(make, presence):
    assert conclude([make(GENERATED, presence=presence)]).conclusion is Conclusion.NO_MARK_FOUND


@pytest.mark.parametrize("payload", [None, PAYLOAD])
def test_an_inconclusive_watermark_does_not_mark(payload):
    verdict = conclude([watermark(payload, Presence.INCONCLUSIVE)])
    assert verdict.conclusion is Conclusion.NO_MARK_FOUND


def test_a_watermark_without_payload_marks_with_unknown_origin():
    verdict = conclude([watermark(None)])
    assert (verdict.conclusion, verdict.origin) == (Conclusion.MARKED, Origin.UNKNOWN)


@pytest.mark.parametrize(
    "source_type", ["digitalCapture", "computationalCapture", "algorithmicallyEnhanced", "novelty"]
)
def test_a_credential_without_ai_is_no_ai_mark(source_type):
    verdict = conclude([credential(source_type), NO_WATERMARK, NO_METADATA])
    assert verdict.conclusion is Conclusion.NO_MARK_FOUND
    assert verdict.warnings == (NOT_HUMAN,)


@pytest.mark.parametrize(
    "others", [[], [watermark()], [watermark(OTHER), metadata("digitalCapture")]], ids=len
)
def test_tampering_comes_before_everything(others):
    tampered = credential(GENERATED, is_tampered=True, payload=PAYLOAD)
    assert conclude([tampered, *others]).conclusion is Conclusion.TAMPERED


def test_what_a_tampered_credential_says_of_the_origin_does_not_count():
    assert conclude([credential(GENERATED, is_tampered=True)]).origin is None
    enhanced = watermark(Payload(origin=Origin.MODIFIED, handle=Handle(0, 1)))
    assert conclude([credential(GENERATED, is_tampered=True), enhanced]).origin is Origin.MODIFIED


def test_another_payload_than_the_credential_binds_is_a_conflict():
    verdict = conclude([credential(GENERATED, payload=OTHER), watermark(PAYLOAD)])
    assert verdict.conclusion is Conclusion.CONFLICTING
    assert verdict.origin is None
    assert str(OTHER.handle) in verdict.warnings[0]
    assert str(PAYLOAD.handle) in verdict.warnings[0]


def test_the_bound_payload_is_no_conflict():
    verdict = conclude([credential(GENERATED, payload=PAYLOAD), watermark(PAYLOAD)])
    assert verdict.conclusion is Conclusion.MARKED


@pytest.mark.parametrize(
    "pair",
    [
        (credential("digitalCapture"), watermark()),
        (credential("digitalCapture"), metadata(GENERATED)),
        (credential(GENERATED), metadata("http://cv.iptc.org/newscodes/digitalsourcetype/print")),
        (watermark(), metadata("digitalCapture")),
    ],
    ids=lambda pair: pair[0].finding.technique + pair[1].finding.technique,
)
def test_ai_against_an_origin_without_ai_is_a_conflict(pair):
    for each in (pair, pair[::-1]):
        verdict = conclude(each)
        assert verdict.conclusion is Conclusion.CONFLICTING
        assert verdict.origin is None
        assert any("contradict" in warning for warning in verdict.warnings)


def test_kinds_of_ai_do_not_conflict_and_the_signed_word_counts_first():
    modified = SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
    verdict = conclude([metadata(GENERATED), watermark(), credential(modified)])
    assert (verdict.conclusion, verdict.origin) == (Conclusion.MARKED, Origin.MODIFIED)
    assert conclude([metadata(modified), watermark()]).origin is Origin.GENERATED


@pytest.mark.parametrize("source_type", ["screenCapture", "humanEdits", "algorithmicallyEnhanced"])
def test_what_copies_of_ai_output_are_called_does_not_conflict(source_type):
    assert conclude([watermark(), metadata(source_type)]).conclusion is Conclusion.MARKED


def test_ai_in_one_of_several_source_types_of_a_credential_marks():
    verdict = conclude([credential("digitalCapture", GENERATED), watermark()])
    assert verdict.conclusion is Conclusion.MARKED


def test_warnings_of_the_techniques_are_kept():
    verdict = conclude([credential(GENERATED, warnings=("It is expired.",))])
    assert verdict.warnings == ("It is expired.",)


def test_a_watermark_that_the_credential_names_and_nobody_finds_is_told():
    verdict = conclude([credential(GENERATED, payload=PAYLOAD), NO_WATERMARK])
    assert verdict.conclusion is Conclusion.MARKED
    assert verdict.warnings == (MISSING.format(payload="handle 0000-00000001"),)
    tampered = credential(GENERATED, payload=PAYLOAD, is_tampered=True)
    assert conclude([tampered, NO_WATERMARK]).warnings == ()


def test_a_named_ai_system_marks_unless_the_source_type_denies_it():
    def named(*source_types):
        return evidence(
            Technique.METADATA, Presence.PRESENT, source_types=source_types, names_ai=True
        )

    assert conclude([named()]).conclusion is Conclusion.MARKED
    assert conclude([named()]).origin is Origin.UNKNOWN
    assert conclude([named(GENERATED)]).origin is Origin.GENERATED
    assert conclude([named("digitalCapture")]).conclusion is Conclusion.NO_MARK_FOUND


def test_a_short_payload_is_held_against_a_whole_one_by_its_tag():
    short, other = ShortPayload.of(PAYLOAD), ShortPayload.of(OTHER)
    for one in (PAYLOAD, short):
        verdict = conclude([credential(GENERATED, payload=one), watermark(short)])
        assert (verdict.conclusion, verdict.origin) == (Conclusion.MARKED, Origin.GENERATED)
        verdict = conclude([credential(GENERATED, payload=one), watermark(other)])
        assert verdict.conclusion is Conclusion.CONFLICTING
        assert f"tag {other.tag:04x}" in verdict.warnings[-1]


def test_a_watermark_that_is_there_and_cannot_be_read_is_not_missing():
    verdict = conclude([credential(GENERATED, payload=PAYLOAD), watermark(None)])
    assert (verdict.conclusion, verdict.warnings) == (Conclusion.MARKED, ())


# ------------------------------------------------------------------------------------------ films


def test_one_marked_track_of_a_film_is_enough():
    for looks in ([watermark(), NO_WATERMARK], [NO_WATERMARK, watermark()]):
        verdict = conclude([NO_CREDENTIAL, *looks])
        assert (verdict.conclusion, verdict.origin) == (Conclusion.MARKED, Origin.GENERATED)
        assert verdict.warnings == ()


def test_the_same_payload_in_both_tracks_is_one_mark():
    short = watermark(ShortPayload.of(PAYLOAD))
    bound = credential(GENERATED, payload=PAYLOAD, others=(ShortPayload.of(PAYLOAD),))
    assert conclude([bound, watermark(), short]).warnings == ()
    assert conclude([watermark(), watermark()]).warnings == ()


def test_different_payloads_in_the_tracks_are_no_conflict_but_a_warning():
    verdict = conclude([NO_CREDENTIAL, watermark(PAYLOAD), watermark(OTHER)])
    assert verdict.conclusion is Conclusion.MARKED
    (warning,) = verdict.warnings
    assert "0000-00000001" in warning
    assert "0000-00000002" in warning


def test_a_credential_may_name_a_watermark_for_each_track():
    named = credential(GENERATED, payload=PAYLOAD, others=(OTHER,))
    verdict = conclude([named, watermark(PAYLOAD), watermark(OTHER)])
    assert verdict.conclusion is Conclusion.MARKED
    stranger = Payload(origin=Origin.GENERATED, handle=Handle(0, 3))
    assert conclude([named, watermark(stranger)]).conclusion is Conclusion.CONFLICTING


def test_the_pictures_say_how_a_film_came_about():
    pictures = Payload(origin=Origin.MODIFIED, handle=Handle(0, 1))
    assert conclude([watermark(pictures), watermark(OTHER)]).origin is Origin.MODIFIED


def test_a_named_watermark_is_missing_only_where_no_track_has_any():
    named = credential(GENERATED, payload=PAYLOAD)
    missing = MISSING.format(payload="handle 0000-00000001")
    assert missing in conclude([named, NO_WATERMARK, NO_WATERMARK]).warnings
    assert conclude([named, NO_WATERMARK, watermark()]).warnings == ()


# ------------------------------------------------------------------------------------------ layers


def layers(*payloads):
    found = tuple(
        MarkLayer(key_id=f"{number:016x}", p_value=10.0**-number, payload=payload)
        for number, payload in enumerate(payloads, 10)
    )
    payload = next((each for each in payloads if each is not None), None)
    return evidence(Technique.WATERMARK, Presence.PRESENT, payload=payload, layers=found)


@pytest.mark.parametrize(
    "payloads",
    [(PAYLOAD,), (PAYLOAD, PAYLOAD), (PAYLOAD, ShortPayload.of(PAYLOAD)), (PAYLOAD, None)],
)
def test_layers_that_say_the_same_are_one_mark(payloads):
    verdict = conclude([credential(GENERATED, payload=PAYLOAD), layers(*payloads)])
    assert verdict.conclusion is Conclusion.MARKED
    assert verdict.origin is Origin.GENERATED
    assert verdict.warnings == ()


@pytest.mark.parametrize("other", [OTHER, ShortPayload.of(OTHER)])
def test_layers_that_say_different_things_are_a_conflict(other):
    verdict = conclude([NO_CREDENTIAL, layers(PAYLOAD, other), NO_METADATA])
    assert verdict.conclusion is Conclusion.CONFLICTING
    assert verdict.origin is None
    (warning,) = verdict.warnings
    assert "0000-00000001" in warning
    assert "copied from other content, or written over" in warning


def test_layers_are_written_the_strongest_first():
    written = write_layers(layers(PAYLOAD, ShortPayload.of(PAYLOAD), None).layers)
    assert [each["key_id"][-1] for each in written] == ["c", "b", "a"]
    assert [each["payload"] for each in written[:2]] == [None, None]
    assert written[1]["short_payload"]["tag"] == ShortPayload.of(PAYLOAD).tag
    assert written[2]["payload"]["handle"] == "0000-00000001"
