"""The questions behind the facts, in plain words and in the order in which they are asked.

Sources: the AI Act, Articles 2, 3(60), 5, 50 and 111(4), and the Commission's Guidelines on Article
50, C(2026) 5054, in whose words the criteria are put as far as plain English allows.
"""

from __future__ import annotations

from typing import Final

from labeler.gaps.question import Choice, Kind, Question, Value
from labeler.policy.operations import EXEMPT_OPERATIONS, MARKED_OPERATIONS

__all__ = ["QUESTIONS"]

# Before the Act applied, within the time of grace, and after it.
_DATES: Final[tuple[Value, ...]] = ("2026-06-01", "2026-10-01", "2026-12-15")


def _choose(
    key: str,
    asks: str,
    *choices: tuple[str | int, str],
    group: str,
    several: bool = False,
    presumed: Value = None,
    in_words: bool = False,
) -> Question:
    values = [choice for choice, _ in choices]
    trials: tuple[Value, ...] = tuple((each,) if several else each for each in values)
    return Question(
        key=key,
        asks=asks,
        group=group,
        kind=Kind.CHOICES if several else Kind.CHOICE,
        choices=tuple(Choice(value, says) for value, says in choices),
        trials=trials,
        presumed=presumed,
        in_words=in_words,
    )


def _date(key: str, asks: str, *, group: str, or_never: bool = False) -> Question:
    trials = (*_DATES, None) if or_never else _DATES
    return Question(key=key, asks=asks, group=group, kind=Kind.DATE, trials=trials)


def _ask(group: str, *asked: tuple[str, str]) -> tuple[Question, ...]:
    return tuple(Question(key=key, asks=asks, group=group) for key, asks in asked)


_MODALITIES: Final = (
    ("text", "text"),
    ("image", "a picture"),
    ("audio", "sound"),
    ("video", "a film, or a 3-D or extended-reality asset"),
)

_WHO: Final = (
    Question(
        key="eu_nexus",
        asks="Is the system placed on the market in the EU, are you established there, or is its "
        "output used there?",
        group="scope",
        presumed=True,
    ),
    _choose(
        "actor.roles",
        "What are you?",
        ("provider", "provider: you offer an AI system under your own name, also for free"),
        ("deployer", "deployer: you use an AI system under your authority, and publish with it"),
        ("platform", "platform: you only host or spread what others make"),
        ("model_provider", "model provider: others build systems on your model"),
        group="who",
        several=True,
        presumed=("deployer", "platform", "provider"),
    ),
    *_ask(
        "excluded",
        ("exclusions.military", "Is it for military, defence or national security use alone?"),
        ("exclusions.sole_scientific_rd", "Is it made and used for scientific research alone?"),
        (
            "exclusions.premarket_test",
            "Is it still in testing or development, not in use and not in real-world tests?",
        ),
    ),
    *_ask(
        "personal",
        (
            "actor.personal_nonprofessional",
            "Do you act as a private person, purely personally, without regular earnings from it?",
        ),
    ),
)

_WHAT: Final = (
    _choose(
        "output.modality",
        "What is the output?",
        *_MODALITIES,
        group="what",
    ),
    _choose(
        "output.kind",
        "Which kind of output is it?",
        ("content", "content for people: a text, a picture, a sound, a film"),
        ("source_code", "source code, queries, configuration or schemas"),
        ("short_sequence", "single words, captions, labels of a user interface, icons"),
        ("machine_to_machine", "only machines read it"),
        ("intermediate", "an intermediate result inside a production; only the final one is shown"),
        ("reasoning", "reasoning or actions of an agent that people do not see"),
        ("reproduction", "existing content, only reproduced or arranged (playlists, rankings)"),
        ("observation", "a recording or measurement of what is there"),
        group="kind",
        presumed="content",
    ),
    _choose(
        "output.operation",
        "What did AI do?",
        *((each, each.replace("_", " ")) for each in sorted(MARKED_OPERATIONS)),
        *((each, each.replace("_", " ")) for each in sorted(EXEMPT_OPERATIONS)),
        group="operation",
    ),
    *_ask(
        "changes",
        ("output.new_content", "Did it add content that was not there before?"),
        (
            "output.material_change",
            "Did it change the content in a material way: its meaning, style or intent?",
        ),
    ),
    _date("output.generated_at", "When was the output generated?", group="age"),
    _date(
        "output.last_ai_change_at",
        "When did AI last change it? (don't know: it did not change it later)",
        group="age",
        or_never=True,
    ),
    _date(
        "system.placed_on_market",
        "When was the system placed on the EU market? (don't know: it was not)",
        group="market",
        or_never=True,
    ),
    _date(
        "system.put_into_service",
        "When was it put into service? (don't know: it was not)",
        group="market",
        or_never=True,
    ),
    _choose(
        "output.synthetic_tracks",
        "What of the film is synthetic?",
        ("visual", "the pictures"),
        ("audio", "the sound"),
        ("text", "text in it"),
        group="tracks",
        several=True,
    ),
    _choose(
        "output.text_form",
        "How is the text delivered?",
        ("free_form", "as it is: on a page, in a chat"),
        ("containerised", "in a file: PDF, Word, HTML"),
        group="text form",
    ),
    Question(
        key="output.tokens",
        asks="How many tokens long is it? (a token is about three quarters of an English word)",
        group="text form",
        kind=Kind.NUMBER,
        trials=(100, 1000),
    ),
    *_ask(
        "product",
        (
            "system.closed_physical_no_export",
            "Is it built into a closed physical product from which nothing can be exported?",
        ),
    ),
)

_PROHIBITED: Final = _ask(
    "prohibited",
    (
        "prohibited_content.intimate_without_consent",
        "Does it realistically show a real person nude or in sexual acts, without their consent?",
    ),
    ("prohibited_content.csam", "Is it child sexual abuse material?"),
)

_SYSTEM: Final = (
    *_ask(
        "interaction",
        ("system.interacts_directly", "Do people talk, write or otherwise interact with it?"),
        ("system.obvious", "Is it beyond almost any doubt to all of them that it is AI?"),
        (
            "system.vulnerable_audience",
            "May children, elderly or disabled people, or people new to AI be among them?",
        ),
        ("system.agent", "Does it act on somebody's behalf towards others?"),
    ),
    *_ask(
        "recognition",
        ("system.emotion_recognition", "Does it recognise people's emotions?"),
        (
            "system.biometric_categorisation",
            "Does it sort people into categories by their bodies, faces or voices?",
        ),
        ("system.workplace_or_education", "Is it used at work or in education?"),
        ("system.medical_or_safety", "Is it there for medical or safety reasons?"),
    ),
)

_DEEPFAKE: Final = _ask(
    "deep fake",
    (
        "deepfake.resembles",
        "Does it appreciably resemble a person, object, place, entity or event?",
    ),
    (
        "deepfake.plausible",
        "Does what it resembles exist, or could it plausibly exist or have existed?",
    ),
    (
        "deepfake.false_appearance",
        "Would somebody in the audience you can foresee falsely take it for authentic or true?",
    ),
    (
        "deepfake.insignificant",
        "Did AI change something insignificant only (light, noise, a passer-by)?",
    ),
    ("work.evidently_artistic", "Is it evidently artistic, creative, satirical or fictional?"),
    (
        "work.informative_or_commercial",
        "Does it inform (which prevails), or is it purely commercial?",
    ),
)

_TEXT: Final = (
    *_ask(
        "text",
        ("text.published", "Is the text published: open to a large number of unrelated readers?"),
        ("text.informs", "Is it meant to inform: to communicate knowledge, opinions or facts?"),
        (
            "text.public_interest",
            "Is it of public interest: politics, justice, health, economy, science, culture, ...?",
        ),
    ),
    _date("text.published_at", "When was it first published?", group="text date"),
    *_ask(
        "review",
        (
            "review.human_substantive",
            "Has a competent person deliberately examined its substance, not only its spelling?",
        ),
        ("review.fact_checked", "Were its facts checked?"),
        (
            "review.editorial_control",
            "Was it under the control of an editorial body that may approve, alter or reject it?",
        ),
    ),
    Question(
        key="review.responsible_party",
        asks="Who holds editorial responsibility for it, legally? (a name; don't know: nobody)",
        group="review",
        kind=Kind.TEXT,
        trials=("somebody", None),
    ),
    *_ask(
        "review",
        ("review.ai_change_after_signoff", "Has AI changed its substance after that review?"),
        (
            "review.contact_public",
            "Can everybody easily find who that is, and how to reach them?",
        ),
    ),
)

_RELIEFS: Final = (
    *_ask(
        "law enforcement",
        (
            "law_enforcement.authorised",
            "Is the use authorised by law to detect, prevent, investigate or prosecute crime?",
        ),
        ("law_enforcement.safeguards", "Are there the safeguards that the law asks for?"),
        (
            "law_enforcement.public_reporting_channel",
            "Is it a channel by which the public reports crime?",
        ),
    ),
    *_ask(
        "business",
        ("system.b2b_strictly_technical", "Is the output strictly technical, for professionals?"),
        (
            "system.b2b_limited_insiders",
            "Does only a limited, known group of professionals inside see it?",
        ),
        (
            "system.b2b_no_external_sharing",
            "Is it kept from being shared outside, with safeguards?",
        ),
    ),
    *_ask(
        "ephemeral",
        ("system.ephemeral_realtime", "Is it made in real time and not kept (a game, VR)?"),
        ("system.marking_infeasible", "Is it technically infeasible to mark it?"),
        ("system.persons_informed", "Are people told that it is made by AI?"),
    ),
)

_ELSEWHERE: Final = (
    *_ask(
        "elsewhere",
        (
            "system.publicly_accessible_in_california",
            "Can the public in California use the system?",
        ),
        ("system.generates_for_china", "Does it generate content for people in mainland China?"),
        ("system.generates_for_india", "Does it generate content for people in India?"),
        (
            "actor.large_online_platform_california",
            "Do you run a platform with more than two million unique monthly users in total?",
        ),
    ),
)

_THERE: Final = (
    *_ask(
        "channel",
        ("channel.audio_only", "Is it only heard?"),
        ("channel.screen_available", "Is there a screen where people hear it?"),
        ("channel.live", "Is it live?"),
        ("channel.closed_internal", "Does only a closed professional group inside see or hear it?"),
    ),
    *_ask(
        "marks",
        ("marks.signed_metadata", "Is signed metadata (Content Credentials) in the output?"),
        ("marks.watermark", "Is an imperceptible watermark in it?"),
        ("marks.audio_watermark", "Is an imperceptible watermark in its sound?"),
        ("marks.fingerprint", "Is its fingerprint kept in a registry?"),
        ("marks.visible_badge", "Is there a visible badge on it?"),
        ("marks.detector", "Can everybody who may be exposed check it with a detector, free?"),
    ),
    _choose(
        "label.where",
        "Where are people told that it is AI?",
        ("content_start", "at the start of the content, or on the picture"),
        ("content_interval", "at intervals in it"),
        ("content_after_break", "after breaks"),
        ("content_top", "at the top of the text"),
        ("interface_start", "at the start of the interaction"),
        ("adjacent", "beside the content"),
        ("terms_of_use", "in the terms of use"),
        ("footer", "in a footer"),
        ("metadata_only", "in metadata only"),
        ("platform_toggle", "by a platform's own label"),
        ("credits", "in the credits"),
        group="label",
        several=True,
    ),
    _choose(
        "actor.size",
        "How large are you? (only for the fine that the law threatens)",
        ("large", "large"),
        ("smc", "small mid-cap"),
        ("sme", "small or medium, or a start-up"),
        group="size",
        in_words=True,
    ),
    _choose(
        "actor.code_sections_signed",
        "Which sections of the Code of Practice have you signed?",
        (1, "Section 1, for providers"),
        (2, "Section 2, for deployers"),
        group="signed",
        several=True,
        in_words=True,
    ),
)

QUESTIONS: Final[tuple[Question, ...]] = (
    *_WHO,
    *_WHAT,
    *_PROHIBITED,
    *_SYSTEM,
    *_ELSEWHERE,
    *_DEEPFAKE,
    *_TEXT,
    *_RELIEFS,
    *_THERE,
)
"""Every question, in the order in which they are asked; the assessment's date is no question."""
