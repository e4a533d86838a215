"""Section 2 of the Code of Practice: labels, for deployers."""

from __future__ import annotations

from typing import Final

from labeler.policy.assessment import Status
from labeler.policy.facts import CodeSection, Modality
from labeler.policy.measure import Force, Help, Measure

__all__ = ["DEPLOYER_MEASURES"]

_BOTH: Final = ("eu-50-4-deepfake", "eu-50-4-text")
_DEEPFAKE: Final = ("eu-50-4-deepfake",)
_TEXT: Final = ("eu-50-4-text",)
_MANNER: Final = ("eu-50-5-manner",)
# An artistic work is labelled under C3 instead, in its limited form.
_IN_FULL: Final = frozenset({Status.REQUIRED, Status.DEFERRED, Status.NEEDS_JUDGEMENT})
_EXEMPT: Final = frozenset({Status.EXEMPT, Status.NEEDS_JUDGEMENT})

_PICTURES: Final = frozenset({Modality.IMAGE})
_FILMS: Final = frozenset({Modality.VIDEO})
_SOUND: Final = frozenset({Modality.AUDIO})
_SEEN: Final = _PICTURES | _FILMS
_WRITTEN: Final = frozenset({Modality.TEXT})
_PERCEIVED: Final = _SEEN | _SOUND

DEPLOYER_MEASURES: Final = (
    Measure(
        id="S2 C1",
        section=CodeSection.DEPLOYERS,
        force=Force.COMMIT,
        title="The EU icon or an equivalent label",
        asks="Disclose deep fakes and published text with the EU icon (Annex 1) or an equivalent "
        "label that meets the specification. A label exempts from no other law.",
        help=Help.PART,
        labeler="An equivalent label, drawn as Annex 1 describes the icons: AI, AI with GENERATED, "
        "AI with MODIFIED.",
        organisation="Decide what is a deep fake or a text of public interest: Labeler cannot. "
        "Clear consent and rights apart from this.",
        evidence=("Decisions in `labeler registry audit export`", "Receipts"),
        obligations=_BOTH,
    ),
    Measure(
        id="S2 1.1 visual",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Design of visible labels",
        asks='The main element is the capital letters "AI", of the same height, in the given '
        "proportions; in English unless national law on language asks otherwise.",
        help=Help.DOES,
        labeler="Letters drawn as vector shapes, in four colour variants; the one with at least "
        "4.5:1 against the actual background is laid.",
        organisation="Look at the result. Check whether your language law asks for other letters.",
        evidence=("The labelled file",),
        obligations=_BOTH,
    ),
    Measure(
        id="S2 1.1 second layer",
        section=CodeSection.DEPLOYERS,
        force=Force.ENCOURAGED,
        title="Generated or modified",
        asks='A second layer says "generated" or "modified", and what was modified.',
        help=Help.PART,
        labeler="The second layer is drawn and spoken in 24 languages. What was modified is not "
        "said.",
        organisation="Say whether the content is generated or modified, and in the text around it "
        "what was modified.",
        evidence=("The labelled file",),
        obligations=_BOTH,
    ),
    Measure(
        id="S2 1.1 style",
        section=CodeSection.DEPLOYERS,
        force=Force.MAY,
        title="Size and style",
        asks="Size and style may vary as long as the label is clear, accessible and "
        "distinguishable.",
        help=Help.DOES,
        labeler="Size follows the shortest side of the picture.",
        organisation="Nothing is due.",
        obligations=_BOTH,
        modalities=_SEEN,
    ),
    Measure(
        id="S2 1.1 audio",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Design of spoken labels",
        asks="Where there is only sound: at its beginning, a short audible disclaimer in plain "
        "language, in the content's language or in English, that discloses the artificial origin. "
        "An earcon may replace it only with measures of awareness.",
        help=Help.DOES,
        labeler="A spoken sentence in the content's language, before the content or over it, as "
        "loud as the content.",
        organisation="Listen to it. The voice is synthetic; your own recording can replace it.",
        evidence=("The labelled file",),
        obligations=_DEEPFAKE,
        modalities=_SOUND,
    ),
    Measure(
        id="S2 1.1 accessibility",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Accessible labels",
        asks="As the accessibility acts ask where they apply: an audio description or another cue "
        "for what is only seen, a tactile one for what is only heard, high contrast, found by "
        "screen readers and other assistive technology.",
        help=Help.PART,
        labeler="Contrast is measured. HTML with alternative text and ARIA markup, and caption "
        "cues, are offered beside the file.",
        organisation="Put them into your pages and players; try them with assistive technology.",
        evidence=("A test with a screen reader", "An accessibility statement"),
        obligations=_BOTH,
    ),
    Measure(
        id="S2 1.2.1",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Recognised at once",
        asks="Recognised immediately, without an action or sustained attention; visible long "
        "enough; embedded in the content, unless an equivalent overlay is used; clear at first "
        "exposure against any background. Artistic works: see C3.",
        help=Help.DOES,
        labeler="Labels are embedded in the content, on an opaque plate.",
        organisation="Check that your page or player does not crop or cover them, or start later.",
        evidence=("The labelled file, as published",),
        obligations=_BOTH,
        applies_when=_IN_FULL,
        gaps=_MANNER,
        gaps_suffice=False,
    ),
    Measure(
        id="S2 1.2.2(a)",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Place on pictures and films",
        asks="A place free of overlays, such as the top right corner.",
        help=Help.DOES,
        labeler="Top right as people see the picture; another corner by choice.",
        organisation="Choose another corner where your platform puts something there.",
        evidence=("The labelled file, as published",),
        obligations=_DEEPFAKE,
        applies_when=_IN_FULL,
        modalities=_SEEN,
    ),
    Measure(
        id="S2 1.2.2(b)",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="When on films",
        asks="At the beginning and, where possible, at regular intervals; at a minimum after "
        "interruptions. Display throughout is encouraged. Live film too.",
        help=Help.PART,
        labeler="At the start, at intervals and after the breaks you name, or throughout. Files "
        "only: live film is not handled.",
        organisation="Name the breaks. For live film, use a label of your production system.",
        evidence=("The labelled file",),
        obligations=_DEEPFAKE,
        applies_when=_IN_FULL,
        gaps=_MANNER,
        gaps_suffice=False,
        modalities=_FILMS,
    ),
    Measure(
        id="S2 1.2.2(c)",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Closed internal professional use",
        asks="The user interface, the physical setting or another medium may carry the label; it "
        "comes before exposure.",
        organisation="Tell the group beforehand, and keep the wording.",
        evidence=("The wording, with its date",),
        obligations=_DEEPFAKE,
        applies_when=_IN_FULL,
        modalities=_PERCEIVED,
        condition="channel.closed_internal",
    ),
    Measure(
        id="S2 1.2.2(d)",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Visual deep fakes are labelled visibly",
        asks="An audible disclosure comes only in addition to the visible one.",
        help=Help.DOES,
        labeler="Films get a visible label whatever is spoken.",
        organisation="Nothing more for labels that Labeler lays.",
        evidence=("The labelled file",),
        obligations=_DEEPFAKE,
        applies_when=_IN_FULL,
        modalities=_FILMS,
    ),
    Measure(
        id="S2 1.2.2(e)",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Sound where there is a screen",
        asks="A deep fake in sound with a screen available gets a visible label too.",
        help=Help.PART,
        labeler="Films with a synthetic sound track get both. For a file of sound, HTML with the "
        "label is offered; what a player shows is not ours.",
        organisation="Show the label in the player.",
        evidence=("A screenshot of the player",),
        obligations=_DEEPFAKE,
        applies_when=_IN_FULL,
        modalities=_FILMS | _SOUND,
        condition="channel.screen_available",
    ),
    Measure(
        id="S2 1.2.2(f)",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Place in text",
        asks="Above or at the top, near the headline, or in a colophon at the beginning; it may "
        "cover the AI part only. Short text may be labelled by a notice in its context.",
        help=Help.PART,
        labeler="The first line of plain text, under the headline of Markdown and HTML. PDF and "
        "office documents get no label in words.",
        organisation="Label documents before they become PDF or an office file. See to it that "
        "your publishing system, feeds and newsletters carry the label.",
        evidence=("The text as published",),
        obligations=_TEXT,
        gaps=_MANNER,
        gaps_suffice=False,
        modalities=_WRITTEN,
    ),
    Measure(
        id="S2 1.2.3",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="When in sound",
        asks="An audible disclaimer at first exposure; where appropriate, reminders at regular "
        "intervals, and at a minimum after interruptions.",
        help=Help.PART,
        labeler="Before the content, and again at intervals, in pauses where there are any. Files "
        "only: live sound is not handled.",
        organisation="Name the breaks of a broadcast. Label live sound in your production system.",
        evidence=("The labelled file",),
        obligations=_DEEPFAKE,
        applies_when=_IN_FULL,
        gaps=_MANNER,
        gaps_suffice=False,
        modalities=_SOUND,
    ),
    Measure(
        id="S2 1.3",
        section=CodeSection.DEPLOYERS,
        force=Force.ENCOURAGED,
        title="Task force on labels",
        asks="Take part in work on an icon for sound alone and on an interactive layer.",
        organisation="Take part if you can.",
    ),
    Measure(
        id="S2 2.1-2.3 process",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Compliance process",
        asks="A proportionate process, documented; with regular use, one to verify that labels are "
        "laid.",
        help=Help.PART,
        labeler="`labeler verify --facts` reports what is missing in a file; decisions and their "
        "reasons are in the audit log.",
        organisation="Write the process, and say who checks what, and when.",
        evidence=("The process, with its version and date", "`labeler registry audit export`"),
    ),
    Measure(
        id="S2 2.1-2.3 awareness",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Awareness of staff",
        asks="The people who publish know when and how to label.",
        organisation="Train them, and keep a record of it.",
        evidence=("The record of trainings",),
    ),
    Measure(
        id="S2 2.1-2.3 reports",
        section=CodeSection.DEPLOYERS,
        force=Force.WILL,
        title="Reports of mislabelling",
        asks="Review substantiated reports of mislabelling without undue delay.",
        organisation="Offer an address for them, and keep what came of each.",
        evidence=("The address", "The record of reports"),
    ),
    Measure(
        id="S2 C3",
        section=CodeSection.DEPLOYERS,
        force=Force.COMMIT,
        title="Artistic, creative, satirical and fictional works",
        asks="Label by the design of 1.1, clear, distinguishable and accessible, at the latest at "
        "first exposure, so that it does not hamper the work: accompanying notes, description, "
        "credits; beside the frame or interface; at the entrance, on the ticket or packaging.",
        help=Help.PART,
        labeler="The sentence goes into the description in the file's metadata, and is offered for "
        "credits and captions.",
        organisation="Show it: people do not see metadata. Keep why the work is evidently artistic "
        "and not informative.",
        evidence=("Credits, page or ticket as published", "The decision in the audit log"),
        obligations=_DEEPFAKE,
        applies_when=frozenset({Status.LIMITED_FORM, Status.NEEDS_JUDGEMENT}),
        gaps=_MANNER,
        gaps_suffice=False,
        modalities=_PERCEIVED,
    ),
    Measure(
        id="S2 C4 procedures",
        section=CodeSection.DEPLOYERS,
        force=Force.MAY,
        title="Editorial control: media service providers",
        asks="Media service providers under the European Media Freedom Act may rely on the "
        "procedures that they have.",
        organisation="Say where these procedures stand.",
        evidence=("The procedures",),
        obligations=_TEXT,
        applies_when=_EXEMPT,
        modalities=_WRITTEN,
    ),
    Measure(
        id="S2 C4 policy",
        section=CodeSection.DEPLOYERS,
        force=Force.COMMIT,
        title="Editorial control: written policy",
        asks="All others who rely on review or editorial control: a written policy with the person "
        "who has editorial responsibility (name, role, contact) and the measures and people for "
        "review; contact details published. No record of each review is asked for.",
        help=Help.PART,
        labeler="`labeler registry sign-off` records who signed off which content, when and why; "
        "a later change of the content shows. The Code does not ask for it; it is evidence all the "
        "same.",
        organisation="Write the policy, and publish the contact where people find it. An AI change "
        "after the review voids the exemption.",
        evidence=("The policy", "The contact page", "`labeler registry audit export`"),
        obligations=_TEXT,
        applies_when=_EXEMPT,
        modalities=_WRITTEN,
    ),
)
