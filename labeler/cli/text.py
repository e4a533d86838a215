"""``labeler text``: watermarks in the choice of words, and the log of what was generated."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from labeler.cli import options, text_keys, text_log
from labeler.cli.console import EXIT_USAGE, complain, print_json, printable, reporting, say
from labeler.cli.inputs import load_settings, one_by_one, read_prose

if TYPE_CHECKING:
    from detectors.text import Boilerplate, TextDetection
    from labeler.codec.tokens.keys import TextKeyring

__all__ = ["app"]

EXIT_CODES_DETECT: Final = (
    "Exit codes: 0 every text carries a mark; 3 at least one does not, or too little of it; "
    "1 at least one cannot be searched; 2 usage."
)
EXIT_CODES: Final = "Exit codes: 0 done; 1 refused, nothing was written; 2 usage."

_WIDTHS: Final = frozenset({2, 4})
"""Context widths that boilerplate is always kept for: those of keys that Labeler derives."""
EngineName: TypeAlias = Literal["vllm", "sglang"]

Tokenizer = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The model's tokenizer.json, or the folder that holds it; else: those that were kept "
        "with the keys.",
    ),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--keys",
        metavar="PATH",
        help="Key files, or folders of them; else: those of labeler text keys. Can be given "
        "several times.",
    ),
]
BoilerplateFile = Annotated[
    Path | None,
    typer.Option(
        "--boilerplate",
        metavar="FILE",
        help="What labeler text boilerplate made; else: the one that was kept.",
    ),
]
EngineArgument = Annotated[
    EngineName, typer.Argument(metavar="ENGINE", help="vllm or sglang.", show_default=False)
]
KeyId = Annotated[
    str, typer.Option("--key-id", metavar="KEY", help="Id of the text key.", show_default=False)
]
OutDirectory = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the configuration file goes.")
]
References = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Templates, system prompts and texts without a mark.",
        show_default=False,
    ),
]
RequiredTokenizer = Annotated[
    Path, typer.Option("--tokenizer", metavar="FILE", help="The model's tokenizer.json.")
]
LeastDocuments = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="In how many of the files a sequence of words must be; 1 for templates, 2 for texts.",
    ),
]

app: Final = typer.Typer(
    help="Watermarks in the choice of words, and the log of generated texts.", no_args_is_help=True
)
app.add_typer(text_keys.app, name="keys")
app.add_typer(text_log.app, name="log")


@app.callback()
def text() -> None:
    """Watermarks in the choice of words, and the log of generated texts."""


@app.command(epilog=EXIT_CODES_DETECT)
def detect(
    *,
    files: options.Texts,
    tokenizer: Tokenizer = None,
    keys: Keys = None,
    boilerplate: BoilerplateFile = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Look for the watermarks of vLLM, SGLang, transformers and Labeler in texts.

    The answer is whether a mark is there, how surely, whose key it is and where; that none was
    found does not mean that a person wrote the text.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        search = _Search(home, tokenizer, keys or [], boilerplate)
    with reporting(as_json=as_json):
        raise typer.Exit(
            one_by_one(
                files,
                lambda name: _tell(name, search.run(name), search.keys, as_json=as_json),
                as_json=as_json,
            )
        )


@app.command("engine-config", epilog=EXIT_CODES)
def engine_config(
    *,
    engine: EngineArgument,
    key_id: KeyId,
    out: OutDirectory = Path(),
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Write the configuration with which an inference engine marks its texts.

    The file has mode 0600; the secret stands in it and nowhere else.
    """
    with reporting(as_json=as_json):
        from detectors.texts import TextTools  # noqa: PLC0415 - slow to import
        from labeler.integrations.engines import engine_configuration  # noqa: PLC0415 - as above

        key = TextTools.of(load_settings(home)).key(key_id)
        configuration = engine_configuration(key, engine)
        path = configuration.write(out)
        arguments = configuration.arguments(path)
        if as_json:
            print_json(
                {
                    "engine": engine,
                    "key_id": key_id,
                    "file": str(path),
                    "arguments": list(arguments),
                    "checks": list(configuration.checks),
                    "notes": list(configuration.notes),
                }
            )
            return
        say(f"{path} (mode 0600). Start the engine with:")
        say(f"  {' '.join(arguments)}")
        for heading, lines in (
            ("See to it that", configuration.checks),
            ("Notes", configuration.notes),
        ):
            say("")
            say(f"{heading}:")
            for line in lines:
                say(f"  - {line}")


@app.command(epilog=EXIT_CODES)
def boilerplate(
    *,
    references: References,
    tokenizer: RequiredTokenizer,
    least_documents: LeastDocuments = 1,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Learn what texts share that carry no mark, so that it is left out of the search.

    A key meets the same template in thousands of texts: where it happens to score high there, all
    of them would look marked.
    """
    with reporting(as_json=as_json):
        from detectors.text import Boilerplate, load_tokenizer  # noqa: PLC0415 - slow to import
        from detectors.texts import TextTools  # noqa: PLC0415 - as above

        settings, loaded = load_settings(home), load_tokenizer(tokenizer)
        widths = {each.scheme.context_width for each in TextTools.of(settings).keys.values()}
        built = Boilerplate.build(
            (loaded.encode(read_prose(name)).ids for name in references),
            tokenizer=loaded.sha256,
            least_documents=least_documents,
            widths=widths | _WIDTHS,
        )
        settings.boilerplate.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = settings.boilerplate / f"{loaded.sha256}.boilerplate"
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        built.save(draft)
        draft.replace(path)
        count = max(len(built.hashes[width]) for width in built.widths)
        if as_json:
            print_json({"file": str(path), "ngrams": count, "tokenizer": loaded.sha256})
        else:
            say(f"{count} sequences of tokens are left out from now on: {path}")


class _Search:
    """The keys and tokenizers that the command line names, or those that are kept."""

    def __init__(
        self,
        home: Path | None,
        tokenizer: Path | None,
        keys: Sequence[Path],
        boilerplate: Path | None,
    ) -> None:
        from detectors.text import Boilerplate, load_tokenizer  # noqa: PLC0415 - slow to import
        from detectors.texts import TextTools  # noqa: PLC0415 - as above
        from labeler.codec.tokens.keys import TextKeyring  # noqa: PLC0415 - as above

        settings = load_settings(home)
        self.keys: TextKeyring = _load_keys(keys) if keys else TextKeyring.load(settings.text_keys)
        self._tools = TextTools(
            self.keys, tokenizers=settings.tokenizers, boilerplate=settings.boilerplate
        )
        self._tokenizer = None if tokenizer is None else load_tokenizer(tokenizer)
        self._boilerplate: Boilerplate | None = (
            None if boilerplate is None else Boilerplate.load(boilerplate)
        )

    def run(self, name: str) -> TextDetection:
        """What is found in one text."""
        from detectors.texts import MAX_CHARACTERS  # noqa: PLC0415 - slow to import

        text = read_prose(name)
        if len(text) > MAX_CHARACTERS:
            complain(f"{name}: only the first {MAX_CHARACTERS:,} characters are searched")
        return self._tools.detect(
            text[:MAX_CHARACTERS], tokenizer=self._tokenizer, boilerplate=self._boilerplate
        )


def _load_keys(paths: Sequence[Path]) -> TextKeyring:
    from labeler.codec.tokens.keys import TextKeyring, load_text_key  # noqa: PLC0415 - slow

    def each() -> Iterator[TextKeyring]:
        for path in paths:
            if path.is_dir():
                yield _load_folder(path)
            else:
                yield TextKeyring([load_text_key(path)])

    return TextKeyring(key for ring in each() for key in ring.values())


def _load_folder(folder: Path) -> TextKeyring:
    from labeler.codec.tokens.keys import TEXT_KEY_SUFFIX, TextKeyring  # noqa: PLC0415 - slow
    from labeler.errors import WatermarkKeyError  # noqa: PLC0415 - as above

    if not (found := TextKeyring.load(folder)):
        raise WatermarkKeyError(
            "no keys of text watermarks are in the folder",
            file=folder,
            hint=f"Give the key files themselves, or name them *{TEXT_KEY_SUFFIX}",
        )
    return found


def _tell(name: str, found: TextDetection, keys: TextKeyring, *, as_json: bool) -> bool:
    """Print what was found in one text, and say whether a mark was."""
    from detectors.report import Presence  # noqa: PLC0415 - slow to import

    key = None if found.key_id is None else keys[found.key_id]
    if as_json:
        print_json(
            {
                "file": name,
                "presence": found.presence.value,
                "p_value": found.p_value,
                "log10_p": found.log_p_value / math.log(10),
                "key_id": found.key_id,
                "scheme": found.scheme,
                "provider": None if key is None else key.provider,
                "model": None if key is None else key.model,
                "epoch": None if key is None else key.epoch,
                "characters": None if found.characters is None else list(found.characters),
                "tokens": found.tokens,
                "hypotheses": found.hypotheses,
                "reason": found.reason,
                "left_out": list(found.left_out),
            }
        )
    else:
        say(f"{printable(name)}: {_in_words(found)}")
        if key is not None:
            whose = [each for each in (key.provider, key.model, key.epoch) if each]
            say(f"  key {key.key_id} ({key.scheme.name}) {' '.join(whose)}".rstrip())
        for other in found.left_out:
            say(f"  key {other} belongs to another tokenizer and was not tried")
    return found.presence is Presence.PRESENT


def _in_words(found: TextDetection) -> str:
    from detectors.report import Presence  # noqa: PLC0415 - slow to import

    log10_p = found.log_p_value / math.log(10)
    p_value = f"p = {found.p_value:.1g}" if log10_p > -300 else f"p = 1e{log10_p:.0f}"
    where = ""
    if found.characters is not None:
        where = f", characters {found.characters[0]} to {found.characters[1]}"
    short = f"; {found.reason}: {found.tokens} tokens count" if found.reason else ""
    match found.presence:
        case Presence.PRESENT:
            return f"watermarked, {p_value}{where}{short}"
        case Presence.INCONCLUSIVE:
            return f"perhaps watermarked, {p_value}{where}{short}"
        case Presence.ABSENT:
            return (
                f"no watermark found, {p_value}{short}; that does not mean that a person wrote it"
            )
