"""Arguments and options of the commands, and how their text becomes values.

The choices are spelled out here, because the types they stand for are slow to import; a test holds
the two together.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, get_args

import typer

from labeler.errors import BatchError
from labeler.strength import Strength as StrengthName

SourceTypeName: TypeAlias = Literal[
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicallyEnhanced",
    "algorithmicMedia",
]
OversightName: TypeAlias = Literal["fully_autonomous", "prompt_guided", "human_validated"]
TrackName: TypeAlias = Literal["visual", "audio"]
AlreadyMarkedName: TypeAlias = Literal["refuse", "keep"]


class LayerName(StrEnum):
    """As above, for an option that can be given several times: typer knows no lists of literals."""

    CREDENTIAL = "credential"
    WATERMARK = "watermark"
    METADATA = "metadata"


_STARTING: Final = 4
"""Small files that take as long as starting a process."""
_LARGE_BYTES: Final = 16 << 20

# --- of several commands -------------------------------------------------------------------------

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SRC",
        help="Files, folders, patterns or URLs; - is standard input.",
        show_default=False,
    ),
]
Texts = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Texts, pages or documents; - is standard input.",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why.", show_default=False)]
Actor = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does this; else: the system's user.")
]
Before = Annotated[
    str, typer.Option(metavar="TIME", help="ISO 8601 with time zone.", show_default=False)
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, one object a line; see docs/json.md.")
]
Home = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where keys, identity and registry lie; also LABELER_HOME."),
]
InputName = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="What standard input (-) is called; the extension tells Markdown and HTML apart.",
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Search the folders in folders too.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="Files at a time; else: as many as there are cores.",
    ),
]

# --- of `stamp`: what is claimed -----------------------------------------------------------------

SourceType = Annotated[
    SourceTypeName,
    typer.Option(
        metavar="TYPE",
        help=f"How the content came about (IPTC): {', '.join(get_args(SourceTypeName))}.",
    ),
]
Generator = Annotated[
    str | None, typer.Option(metavar="NAME", help="The generating system, as its users know it.")
]
GeneratorVersion = Annotated[str | None, typer.Option(metavar="VERSION", help="Its version.")]
Model = Annotated[
    str | None, typer.Option(metavar="URI", help="The model, as a package URL or another URI.")
]
Oversight = Annotated[
    OversightName | None,
    typer.Option(
        metavar="LEVEL",
        help=f"How far a person steered the generation: {', '.join(get_args(OversightName))}.",
    ),
]
CreatedAt = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="When it was generated, ISO 8601 with time zone; else: now."),
]
PromptFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Put the prompt in this text file into the metadata."),
]
PromptWriter = Annotated[
    str | None, typer.Option(metavar="NAME", help="Put the prompt's author into the metadata.")
]
SyntheticTracks = Annotated[
    str | None,
    typer.Option(
        metavar="TRACKS",
        help=f"Films: what of them is synthetic, {','.join(get_args(TrackName))}; else: all.",
    ),
]

Facts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Facts (JSON or TOML) from which follows what the law asks; see `labeler assess`.",
    ),
]
LabelLanguage = Annotated[
    str | None,
    typer.Option(metavar="LANG", help="Language of labels: en, de, fr, nl, ... (24 of the EU)."),
]

# --- of `stamp`: how it is done ------------------------------------------------------------------

EmbedInText = Annotated[
    bool,
    typer.Option(
        "--embed-in-text",
        help="Text: put the manifest into a comment (Markdown, source) or into invisible "
        "characters at the end (plain text), not beside it; language models then read many times "
        "the tokens, and sanitisers strip invisible characters.",
    ),
]

Out = Annotated[
    Path,
    typer.Option(
        metavar="DIR", help="Folder for the outputs, which keep their names.", show_default=False
    ),
]
Strength = Annotated[
    StrengthName | None,
    typer.Option(
        metavar="HOW", help=f"Strength of watermarks: {', '.join(get_args(StrengthName))}."
    ),
]
AllowMissing = Annotated[
    list[LayerName] | None,
    typer.Option(
        metavar="LAYER",
        help="Go on without this layer where it is not possible (credential, watermark, "
        "metadata); repeatable.",
    ),
]
AlreadyMarked = Annotated[
    AlreadyMarkedName,
    typer.Option(
        metavar="WHAT",
        help="A source with a watermark: refuse it, or keep the mark and only sign.",
    ),
]
ForceInvalidParent = Annotated[
    bool,
    typer.Option(
        "--force-invalid-parent",
        help="Dangerous: sign also where a source's own credential does not hold.",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a batch: skip what it has done.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist already.")]

# --- of `verify` and `keys` ----------------------------------------------------------------------

TrustAnchors = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", help="Certificates (PEM) to trust beside the settings'; repeatable."
    ),
]
Resolvers = Annotated[
    list[str] | None,
    typer.Option(
        "--resolver",
        metavar="URL",
        help="Ask this Soft Binding Resolution API for manifests that files have lost, beside the "
        "settings'; repeatable. It learns what the watermark says.",
    ),
]
FollowSignposts = Annotated[
    bool,
    typer.Option(
        "--follow-signposts",
        help="Ask the resolvers that content itself names, too: whoever it names learns of it.",
    ),
]
ResultOut = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write each result signed (JSON) and as a page (HTML) into this folder; see `labeler "
        "verify-result`.",
    ),
]
ResultNames = Annotated[
    bool, typer.Option("--result-names/--no-result-names", help="Tell file names in them.")
]
SignerName = Annotated[str, typer.Option(help="The signer's name, as verifiers will show it.")]


def parse_moment(text: str, *, option: str = "--created-at") -> datetime:
    """The moment in an ISO 8601 text with a time zone, which ``option`` was given.

    Raises:
        typer.BadParameter: ``text`` is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-11-21T10:00:00Z", param_hint=option
        ) from None
    if moment.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} has no time zone; add Z or an offset such as +01:00",
            param_hint=option,
        )
    return moment


def split_tracks(text: str) -> frozenset[str]:
    """The tracks that a text such as ``visual,audio`` names.

    Raises:
        typer.BadParameter: It names none, or something else.
    """
    names = frozenset(name.strip() for name in text.split(","))
    known = get_args(TrackName)
    if not names.issubset(known):
        raise typer.BadParameter(
            f"{text!r} is not one of {', '.join(known)}, nor both with a comma between them",
            param_hint="--synthetic-tracks",
        )
    return names


def read_text(path: Path) -> str:
    """The text in a UTF-8 file, without the line's end that editors put at its end.

    Raises:
        BatchError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise BatchError(
            f"the prompt cannot be read ({reason})", file=path, hint="Give a text file"
        ) from error


def choose_jobs(asked: int | None, locations: Sequence[str]) -> int:
    """How many processes to use: starting one takes as long as about four files, or a large one."""
    files = len(locations)
    if asked is not None:
        return min(asked, max(files, 1))
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # macOS
        cores = os.cpu_count() or 1
    large = sum(map(_is_large, locations))
    return max(1, min(cores, files, (files - large) // _STARTING + large))


def _is_large(location: str) -> bool:
    try:
        return Path(location).stat().st_size >= _LARGE_BYTES
    except OSError:
        return False  # a URL, or what will be an error later
