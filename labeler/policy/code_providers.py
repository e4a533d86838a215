"""Section 1 of the Code of Practice: marking and detection, for providers."""

from __future__ import annotations

from typing import Final

from labeler.policy.facts import CodeSection
from labeler.policy.measure import Force, Help, Measure

__all__ = ["PROVIDER_MEASURES"]

_MARK: Final = ("eu-50-2-mark",)
_LAYERS: Final = ("code-1-1-signed-metadata", "code-1-1-watermark")
_DETECTOR: Final = ("code-2-1-detector",)
_BENCHMARKS: Final = "docs/benchmarks.md, and `python -m benchmarks.*` on your own content"

PROVIDER_MEASURES: Final = (
    Measure(
        id="S1 1.1",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Two layers of machine-readable marks",
        asks="Mark audio, images, video and containerised text with at least two layers of "
        "machine-readable marks. One layer is enough for free-form text (a watermark) and for "
        "closed physical products without export.",
        help=Help.PART,
        labeler="`labeler stamp` writes a signed manifest and a watermark into pictures, sound and "
        "films, reads both back before the file is published, and fails when a layer is missing. "
        "Text is watermarked while it is generated (`labeler.marks.text`, its adapters, or vLLM "
        "and SGLang as `labeler text engine-config` sets them up); finished text and documents get "
        "the signed manifest, and the receipt says whether the watermark was found.",
        organisation="Put stamping where every output passes, including outputs of APIs and of "
        "trials. Put the text watermark into the sampler of every model that you serve, and refuse "
        "requests that switch it off. Marks made by others may be relied on; the responsibility "
        "stays with you.",
        evidence=("Receipts of `labeler stamp --json`", "docs/architecture.md", "docs/text.md"),
        obligations=_LAYERS,
        gaps=_LAYERS,
    ),
    Measure(
        id="S1 1.1.1",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Digitally signed metadata",
        asks="Where the format holds metadata, record in it whether the content is AI-generated or "
        "manipulated, signed and (where a time is known) time-stamped, so that tampering shows. "
        "Keep signing keys safe. By default, no data that are private or business secrets.",
        help=Help.PART,
        labeler="A C2PA manifest with the IPTC digital source type, signed with your key; a "
        "trusted time stamp with the setting `LABELER_TSA_URL`. Prompts and their authors are left "
        "out unless asked for. Ogg, Matroska, AVI, plain text, Markdown, source and ODT get "
        "the manifest in a file beside them; HTML, PDF, DOCX, XLSX and EPUB hold it.",
        organisation="Get a signing certificate that verifiers trust: `labeler keys init` makes "
        "one for development only. Keep the private key in hardware or a vault. Set a time-stamp "
        "authority.",
        evidence=("`labeler verify --json`: the signature, its trust and its time", "docs/json.md"),
        obligations=("code-1-1-signed-metadata",),
        gaps=("code-1-1-signed-metadata",),
    ),
    Measure(
        id="S1 1.1.2",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Imperceptible watermark",
        asks="Mark content with an imperceptible watermark, but for text shorter than 200 tokens. "
        "Free-form text longer than that gets one even where it is less reliable. A film whose "
        "pictures and sound are both synthetic carries one in each.",
        help=Help.PART,
        labeler="Robust watermarks in pictures, sound, and both tracks of films, embedded after "
        "generation and read back before the file is published. In text a watermark in the choice "
        "of words, made while it is generated; for each text it is told how well the mark will be "
        "found. None is put into finished text.",
        organisation="For text, generate through Labeler's sampler or an engine that it "
        "configures, at a temperature above 0. Say which tokeniser counts the 200 tokens. Text "
        "without choice (code, JSON) hardly shows the mark, and content too small or too flat for "
        "one is refused by default: decide what becomes of both.",
        evidence=(
            "Receipts",
            "Logs of `Session.detectability`",
            "docs/image-mark.md, docs/sound-mark.md, docs/video-mark.md, docs/text.md",
        ),
        obligations=("code-1-1-watermark",),
        gaps=("code-1-1-watermark",),
    ),
    Measure(
        id="S1 1.1.3",
        section=CodeSection.PROVIDERS,
        force=Force.MAY,
        title="Fingerprinting or logging",
        asks="Supplementary only: never enough alone. Outputs only, no prompts; with access "
        "control and an end to retention.",
        help=Help.PART,
        labeler="The registry keeps handles and receipts of what was stamped, acoustic "
        "fingerprints of sounds too short for a handle, and of texts keyed hashes of word "
        "sequences, which `labeler text log expire` ends. It keeps no prompt and no text.",
        organisation="Set who may read the registry and the log's key, and how long both are kept.",
        evidence=("The registry (`LABELER_REGISTRY`)", "Its audit log: `text-expiry`"),
        obligations=_MARK,
    ),
    Measure(
        id="S1 1.2(a)",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Keeping marks found on inputs",
        asks="As a best effort, retain the marks found on inputs and do not intentionally alter "
        "them. Replacement in good faith, security audits and research are allowed.",
        help=Help.DOES,
        labeler="Stamping keeps an input's C2PA manifest as the parent of the new one, keeps "
        "foreign metadata, and refuses to write a second watermark over one that is there, unless "
        "told to keep it and only sign.",
        organisation="Hand Labeler the original input, not a copy that your own pipeline has "
        "stripped.",
        evidence=("Receipts: the parent manifest and the marks that were found",),
        obligations=("code-1-2-preserve",),
    ),
    Measure(
        id="S1 1.2(b)",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Prohibiting removal",
        asks="Prohibit the removal of marks in terms, acceptable-use policy or documentation; for "
        "free and open-source software, an alert in the documentation is sufficient. Offer and "
        "promote no tool whose purpose is to circumvent marks.",
        organisation="Put the prohibition into your terms. Check what you offer and promote.",
        evidence=("The clause and the date from which it applies",),
        obligations=("code-1-2-preserve",),
    ),
    Measure(
        id="S1 1.3",
        section=CodeSection.PROVIDERS,
        force=Force.ENCOURAGED,
        title="Richer provenance",
        asks="Add the system's name, the provider's name and a time; model and version, and the "
        "kind of operation, may be added.",
        help=Help.DOES,
        labeler="`--generator`, `--generator-version`, `--model`, `--created-at` and "
        "`--source-type` go into the manifest and the metadata; the signer's certificate names "
        "the provider.",
        organisation="Fill them in for each system.",
        evidence=("`labeler verify --json`",),
        obligations=_MARK,
    ),
    Measure(
        id="S1 1.4",
        section=CodeSection.PROVIDERS,
        force=Force.ENCOURAGED,
        title="A label function for users",
        asks="Offer users a function that puts a perceptible label on outputs, as Section 2 "
        "describes it.",
        help=Help.PART,
        labeler="Labels for pictures, films, sound and text in the Union's 24 official languages "
        "(`labeler.disclosure`).",
        organisation="Build the function into your product.",
        evidence=("The product's documentation",),
        obligations=_MARK,
    ),
    Measure(
        id="S1 2.1",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="A detection mechanism for each technique",
        asks="Make available a detection mechanism for each marking technique used: a public "
        "specification, software, or an interface in the cloud.",
        help=Help.PART,
        labeler="`labeler verify` and the package `detectors` read every mark that Labeler writes, "
        "offline, and the text watermarks of vLLM, SGLang and transformers. Marks made with the "
        "public key can be detected by anyone.",
        organisation="Tell people where the detector is. Marks made with a secret key, those in "
        "text among them, need a detection service that you run, with the models' tokenizers.",
        evidence=("The detector's address in your documentation", "docs/wire-format.md"),
        obligations=_DETECTOR,
        gaps=_DETECTOR,
    ),
    Measure(
        id="S1 2.1.1",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Free of charge",
        asks="Detection is free. A fee is possible only under narrow conditions, and never for "
        "authorities, law enforcement, media, fact-checkers, trusted flaggers, researchers, "
        "education and civil society.",
        help=Help.PART,
        labeler="The detector is free software (Apache-2.0), and unlimited where it runs.",
        organisation="If you run a detection service, run it without a fee.",
        evidence=("LICENSE", "The service's terms"),
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 2.1.2",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="An interface for the audience",
        asks="An interface that the audience can use (the general public, if it is exposed), whose "
        "result can be downloaded, digitally signed, with a hash of the content, an identifier of "
        "the detection solution and a time.",
        help=Help.PART,
        labeler="`labeler serve`: a page and an interface for programs, whose results can be "
        "downloaded signed, and `labeler verify --result-out` for files; `labeler verify-result` "
        "checks them. There are no RFC 3161 time stamps on results yet.",
        organisation="Run the service for your audience, with a certificate that others trust.",
        evidence=("docs/service.md", "The service's address"),
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 2.1.3",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Privacy and security of detection",
        asks="Protect personal data and confidential content: only what is needed, for this "
        "purpose alone, nothing retained, no verbatim copy; and keep it secure.",
        help=Help.PART,
        labeler="Detection runs offline, in a subprocess with limits. `labeler serve` keeps "
        "nothing of an upload, and logs neither names nor contents nor addresses.",
        organisation="What stands in front of the service has to hold to the same: the proxy's "
        "logs, and backups.",
        evidence=("docs/architecture.md", "The service's record of processing"),
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 2.1.4",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Retiring a detector",
        asks="Retire a detection mechanism only when another one replaces it that still reads the "
        "old marks; else hand it to the authorities.",
        help=Help.PART,
        labeler="Marks carry the number of their format, and the format is documented.",
        organisation="Keep detectors and watermark keys as long as marked content is around.",
        evidence=("docs/wire-format.md", "Archive of keys"),
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 2.2",
        section=CodeSection.PROVIDERS,
        force=Force.MAY,
        title="Forensic detection",
        asks="Detection without marks is not deemed mature; it may be offered, to experts only.",
        organisation="Nothing is due. Labeler offers none.",
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 2.3",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Results that people understand",
        asks="Clear results that say on which technique they rest and include the embedded "
        "information, accessible as the accessibility acts ask.",
        help=Help.PART,
        labeler="Each finding names its technique, what it read, and how sure it is; the "
        "conclusion says that no mark does not mean that a person made it.",
        organisation="Make the page or app that shows results accessible (EN 301 549, WCAG 2.1 "
        "AA).",
        evidence=("docs/json.md", "An accessibility statement"),
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 2.4",
        section=CodeSection.PROVIDERS,
        force=Force.ENCOURAGED,
        title="Literacy",
        asks="Help people understand marks and detection.",
        organisation="Publish guidance for your audience.",
        evidence=("The guidance",),
    ),
    Measure(
        id="S1 3.1",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Effectiveness",
        asks="Marks and results enable people to understand where content comes from; judged over "
        "all techniques together.",
        help=Help.PART,
        labeler="One conclusion from all techniques, in words.",
        organisation="Try it with people of your audience.",
        evidence=("Notes of the trial",),
        obligations=_MARK,
    ),
    Measure(
        id="S1 3.2",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Reliability",
        asks="Report error rates, false alarms among them, in nominal conditions and over the "
        "variety of content, on content that was not used in development.",
        help=Help.PART,
        labeler="Each detection comes with a p-value; false alarms are bounded and measured on "
        "unmarked content, and detection on held-out content.",
        organisation="Repeat the measurement on outputs of your own system, and report it.",
        evidence=(_BENCHMARKS,),
        obligations=_MARK,
    ),
    Measure(
        id="S1 3.3",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Robustness",
        asks="Marks stand processing in place, desynchronisation, the analogue hole and localised "
        "edits; adversarial copying, removal, regeneration and modification are considered.",
        help=Help.PART,
        labeler="Watermarks are measured under these alterations, with the limits stated; that of "
        "text does not survive paraphrasing and translating. A signature shows tampering.",
        organisation="Repeat on outputs of your own system. State what the marks do not survive.",
        evidence=(_BENCHMARKS,),
        obligations=("code-1-1-watermark",),
    ),
    Measure(
        id="S1 3.4(a)",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Established standards for metadata",
        asks="Use established standards for metadata, so that anyone can detect them.",
        help=Help.DOES,
        labeler="C2PA, XMP, IPTC 2025.1, and schema.org in pages.",
        organisation="Nothing more for marks that Labeler writes.",
        evidence=("Any C2PA or XMP reader",),
        obligations=("code-1-1-signed-metadata",),
    ),
    Measure(
        id="S1 3.4(b)",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Public information on access",
        asks="Tell the public how to get at the detection mechanisms.",
        organisation="Publish the address and how to use it.",
        evidence=("The page",),
        obligations=_DETECTOR,
    ),
    Measure(
        id="S1 3.4(c)",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Interoperable watermark detection",
        asks="By 2 February 2027: an industry-standard interface, a publicly readable signpost "
        "that names the detector, a consortium's detector, or something comparable.",
        help=Help.PART,
        labeler="The payload carries the issuer's number, which anyone can read with the public "
        "key, beside a secret key's mark too, and look up in a directory; the manifest names the "
        "detector.",
        organisation="Enter your issuer number and your detector's address into a directory that "
        "others use (labeler issuers), or join a consortium.",
        evidence=("docs/signposts.md", "The entry"),
        obligations=("code-3-4-interoperability",),
    ),
    Measure(
        id="S1 4.1",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Compliance process",
        asks="Document a compliance process. Reliance on open-source solutions is documented where "
        "public information on them is lacking.",
        help=Help.PART,
        labeler="This report, and the audit log of decisions, are material for it.",
        organisation="Write the process, name who answers for it, and keep it current.",
        evidence=("The process, with its version and date", "`labeler registry audit export`"),
    ),
    Measure(
        id="S1 4.2",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Testing",
        asks="Test before placing on the market and regularly after, in representative conditions; "
        "monitor shortcomings. Tests of others may be relied on.",
        help=Help.PART,
        labeler="Benchmarks that run on your own content, with the method and results published; "
        "`labeler doctor` checks an installation.",
        organisation="Run them on outputs of your own system before each release, and keep the "
        "results.",
        evidence=(_BENCHMARKS, "`labeler doctor --json`"),
    ),
    Measure(
        id="S1 4.3",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Training of staff",
        asks="Train the people who work on marking and detection.",
        organisation="Train them, and keep a record of it.",
        evidence=("The record of trainings",),
    ),
    Measure(
        id="S1 4.4",
        section=CodeSection.PROVIDERS,
        force=Force.WILL,
        title="Cooperation with authorities",
        asks="Cooperate with market surveillance authorities.",
        organisation="Name a contact, and answer.",
        evidence=("The contact",),
    ),
)
