"""The facts about an output, its system and the people behind it, from which obligations follow.

Facts are three-valued: True, False, or None for "not known". Whether something is a deep fake,
evidently artistic or substantially reviewed is a person's judgement: an input here, never computed
from the content. Names are those of the facts file: ``facts.deepfake.resembles`` is
``deepfake.resembles``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from typing import TypeAlias

__all__ = [
    "Actor",
    "Channel",
    "CodeSection",
    "Deepfake",
    "Exclusions",
    "Facts",
    "LabelPlace",
    "LabelPlaces",
    "LawEnforcement",
    "Marks",
    "Modality",
    "Output",
    "OutputKind",
    "ProhibitedContent",
    "Review",
    "Role",
    "Size",
    "SyntheticTrack",
    "System",
    "Text",
    "TextForm",
    "Tri",
    "Work",
]

Tri: TypeAlias = bool | None
"""True, False, or not known."""


class Role(StrEnum):
    """What somebody is under the AI Act (Art. 3), or runs."""

    PROVIDER = "provider"
    DEPLOYER = "deployer"
    PLATFORM = "platform"
    """Only disseminates what others make (Guidelines 16)."""
    MODEL_PROVIDER = "model_provider"
    """Of a general-purpose model; Article 50 binds providers of systems (Guidelines 26)."""


class Size(StrEnum):
    """Of the undertaking, for the fine (Art. 99)."""

    LARGE = "large"
    SMC = "smc"
    """Small mid-cap."""
    SME = "sme"


class CodeSection(IntEnum):
    """Sections of the Code of Practice, which are signed apart."""

    PROVIDERS = 1
    DEPLOYERS = 2


class Modality(StrEnum):
    """What the content is; 3-D and extended-reality assets are video (Guidelines 61)."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


class SyntheticTrack(StrEnum):
    """What of a video is synthetic."""

    VISUAL = "visual"
    AUDIO = "audio"
    TEXT = "text"


class OutputKind(StrEnum):
    """Content, or one of the kinds of output that Art. 50(2) does not reach (Guidelines 63-68)."""

    CONTENT = "content"
    SOURCE_CODE = "source_code"
    SHORT_SEQUENCE = "short_sequence"
    MACHINE_TO_MACHINE = "machine_to_machine"
    INTERMEDIATE = "intermediate"
    REASONING = "reasoning"
    REPRODUCTION = "reproduction"
    OBSERVATION = "observation"


class TextForm(StrEnum):
    """How text is delivered (Code of Practice, glossary)."""

    FREE_FORM = "free_form"
    """Without an enclosing format: shown on a page or in a chat."""
    CONTAINERISED = "containerised"
    """In a file that has room for metadata: PDF, DOCX, HTML."""


class LabelPlace(StrEnum):
    """Where people meet a label."""

    CONTENT_START = "content_start"
    CONTENT_INTERVAL = "content_interval"
    CONTENT_AFTER_BREAK = "content_after_break"
    CONTENT_TOP = "content_top"
    INTERFACE_START = "interface_start"
    ADJACENT = "adjacent"
    TERMS_OF_USE = "terms_of_use"
    FOOTER = "footer"
    METADATA_ONLY = "metadata_only"
    PLATFORM_TOGGLE = "platform_toggle"
    CREDITS = "credits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whose obligations are asked for."""

    roles: frozenset[Role] | None = None
    """None: not known."""
    personal_nonprofessional: Tri = None
    """A natural person's purely personal use (Art. 2(10))."""
    size: Size | None = None
    code_sections_signed: frozenset[CodeSection] | None = None
    """Sections of the Code that bind; the others are a gap analysis."""
    large_online_platform_california: Tri = None
    """More than two million unique monthly users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusions:
    """What takes a system out of the AI Act (Art. 2)."""

    military: Tri = None
    sole_scientific_rd: Tri = None
    premarket_test: Tri = None
    """Not testing in real-world conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawEnforcement:
    """Use that the law authorises against crime."""

    authorised: Tri = None
    safeguards: Tri = None
    public_reporting_channel: Tri = None
    """Whether the public reports offences through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProhibitedContent:
    """What Art. 5(1)(ba) and (bb) prohibit."""

    intimate_without_consent: Tri = None
    csam: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The AI system."""

    placed_on_market: date | None = None
    put_into_service: date | None = None
    interacts_directly: Tri = None
    obvious: Tri = None
    """That people deal with AI, to anybody who is reasonably attentive."""
    vulnerable_audience: Tri = None
    agent: Tri = None
    """Acts for somebody."""
    generates: frozenset[Modality] | None = None
    closed_physical_no_export: Tri = None
    b2b_strictly_technical: Tri = None
    b2b_limited_insiders: Tri = None
    b2b_no_external_sharing: Tri = None
    ephemeral_realtime: Tri = None
    marking_infeasible: Tri = None
    persons_informed: Tri = None
    emotion_recognition: Tri = None
    biometric_categorisation: Tri = None
    workplace_or_education: Tri = None
    medical_or_safety: Tri = None
    publicly_accessible_in_california: Tri = None
    generates_for_china: Tri = None
    generates_for_india: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output."""

    kind: OutputKind | None = None
    modality: Modality | None = None
    synthetic_tracks: frozenset[SyntheticTrack] | None = None
    """Of a video; None: pictures and sound."""
    operation: str | None = None
    """An id of the catalogue: `labeler.policy.operations`."""
    new_content: Tri = None
    material_change: Tri = None
    generated_at: date | None = None
    last_ai_change_at: date | None = None
    """None: no later change by AI."""
    text_form: TextForm | None = None
    tokens: int | None = None
    declared_source_type: str | None = None
    """An IPTC digital source type id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deepfake:
    """The criteria of Art. 3(60), as a person judges them (Guidelines 113-116)."""

    resembles: Tri = None
    plausible: Tri = None
    false_appearance: Tri = None
    insignificant: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Whether the content is part of an artistic work (Guidelines 119-124)."""

    evidently_artistic: Tri = None
    informative_or_commercial: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a text is published for (Guidelines 131)."""

    published: Tri = None
    informs: Tri = None
    public_interest: Tri = None
    published_at: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Human review and editorial responsibility (Guidelines 133-138)."""

    human_substantive: Tri = None
    fact_checked: Tri = None
    editorial_control: Tri = None
    responsible_party: str | None = field(default=None, repr=False)
    contact_public: Tri = None
    ai_change_after_signoff: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How people meet the content; it shapes the labels."""

    audio_only: Tri = None
    screen_available: Tri = None
    live: Tri = None
    closed_internal: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is there already; what is not stated counts as absent."""

    signed_metadata: Tri = None
    watermark: Tri = None
    audio_watermark: Tri = None
    fingerprint: Tri = None
    visible_badge: Tri = None
    detector: Tri = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlaces:
    """Where a label is there already."""

    where: frozenset[LabelPlace] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that an assessment goes by."""

    assessment_date: date
    """As of which day; no rule asks the clock."""
    eu_nexus: Tri = None
    """Placed in the Union, established there, or output used there (Art. 2(1))."""
    actor: Actor = Actor()
    exclusions: Exclusions = Exclusions()
    law_enforcement: LawEnforcement = LawEnforcement()
    prohibited_content: ProhibitedContent = ProhibitedContent()
    system: System = System()
    output: Output | None = None
    """None: the answer is for content that the system generates."""
    deepfake: Deepfake = Deepfake()
    work: Work = Work()
    text: Text = Text()
    review: Review = Review()
    channel: Channel = Channel()
    marks: Marks = Marks()
    label: LabelPlaces = LabelPlaces()

    @property
    def modalities(self) -> frozenset[Modality]:
        """Of the output, or else of all that the system generates; empty: not known."""
        if self.output is not None and self.output.modality is not None:
            return frozenset({self.output.modality})
        return self.system.generates or frozenset()

    @property
    def subject(self) -> Output:
        """The output; where there is none, content about which nothing else is known."""
        return _ANY_CONTENT if self.output is None else self.output

    @property
    def digest(self) -> str:
        """SHA-256 of all of them, hexadecimal: the same for the same facts."""
        text = json.dumps(asdict(self), sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)


_ANY_CONTENT = Output(kind=OutputKind.CONTENT)
