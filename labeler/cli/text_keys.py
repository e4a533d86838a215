"""``labeler text keys``: the keys of text watermarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_FAILED, EXIT_OK, print_json, printable, reporting, say, show
from labeler.cli.inputs import load_settings

if TYPE_CHECKING:
    from labeler.codec.tokens.keys import TextKey
    from labeler.settings import Settings

__all__ = ["app"]

EXIT_CODES: Final = "Exit codes: 0 done; 1 refused, nothing was changed; 2 usage."
EXIT_CODES_VET: Final = (
    "Exit codes: 0 the key can be used; 1 it is not to be used, or could not be tried; 2 usage."
)

PUBLIC: Final = (
    "The key is derived from the public key: everyone can detect its marks, and forge them. To "
    "derive it from a secret one, set LABELER_WATERMARK_KEY_ID (labeler keys init makes one)."
)
GUESSABLE: Final = (
    "The secret is a small number, which others will try: replace it where texts are generated."
)

Tokenizer = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="The model's tokenizer.json, or the folder that holds it; it is kept, so that texts "
        "can be verified later.",
        show_default=False,
    ),
]
OptionalTokenizer = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The tokenizer.json that belongs to the key; it is kept."),
]
Model = Annotated[
    str | None, typer.Option(metavar="NAME", help="The model; each gets a key of its own.")
]
Provider = Annotated[str | None, typer.Option(metavar="NAME", help="Who generates with it.")]
Epoch = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A period, such as 2026-11; each gets a key of its own."),
]
Robust = Annotated[
    bool,
    typer.Option(
        "--robust",
        help="For texts that will be edited much: each token depends on the two before it, not on "
        "four. Engines have to be told the same.",
    ),
]
SchemeName: TypeAlias = Literal[
    "gumbel/philox4x32-10-v1", "dual-gumbel/philox4x32-10-v1", "gumbel/murmur3-sglang"
]
SchemeOption = Annotated[
    SchemeName,
    typer.Option(
        "--scheme",
        metavar="NAME",
        help="What writes the mark: gumbel/philox4x32-10-v1 for Labeler and vLLM, "
        "dual-gumbel/philox4x32-10-v1 for vLLM with speculative decoding, gumbel/murmur3-sglang "
        "for SGLang.",
    ),
]
KeyFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="The key's description; see docs/text.md.", show_default=False
    ),
]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key.", show_default=False)]
References = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        help="Texts without a mark, like those that will be verified.",
        show_default=False,
    ),
]

app: Final = typer.Typer(help="Make and keep keys of text watermarks.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Make and keep keys of text watermarks."""


@app.command(epilog=EXIT_CODES)
def new(
    *,
    tokenizer: Tokenizer,
    model: Model = None,
    provider: Provider = None,
    epoch: Epoch = None,
    robust: Robust = False,
    scheme: SchemeOption = "gumbel/philox4x32-10-v1",
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Derive a key from your watermark key, for one tokenizer, model and period."""
    with reporting(as_json=as_json):
        from detectors.tokens.tokenizers import load_tokenizer  # noqa: PLC0415 - slow to import
        from labeler.codec.keys import PUBLIC_KEY, Keyring  # noqa: PLC0415 - as above
        from labeler.codec.tokens.keys import TextKey, derivable  # noqa: PLC0415 - as above
        from labeler.codec.tokens.schemes import (  # noqa: PLC0415 - as above
            DEFAULT_CONTEXT_WIDTH,
            ROBUST_CONTEXT_WIDTH,
        )
        from labeler.stamping.preparation import choose_key  # noqa: PLC0415 - as above

        settings = load_settings(home)
        root = choose_key(settings, Keyring.load(settings.watermark_keys))
        key = TextKey.derive(
            root,
            tokenizer=load_tokenizer(tokenizer).sha256,
            model=model,
            provider=provider,
            epoch=epoch,
            context_width=ROBUST_CONTEXT_WIDTH if robust else DEFAULT_CONTEXT_WIDTH,
            scheme=derivable(scheme),
        )
        warnings = [PUBLIC] if root == PUBLIC_KEY else []
        _keep(key, tokenizer, settings, warnings, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def add(
    *,
    file: KeyFile,
    tokenizer: OptionalTokenizer = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Take over a key that an engine uses, so that its texts are recognised."""
    with reporting(as_json=as_json):
        from labeler.codec.tokens.keys import load_text_key  # noqa: PLC0415 - slow to import

        key = load_text_key(file)
        warnings = [GUESSABLE] if key.is_guessable else []
        _keep(key, tokenizer, load_settings(home), warnings, as_json=as_json)


@app.command("list", epilog=EXIT_CODES)
def show_all(*, home: options.Home = None, as_json: options.Json = False) -> None:
    """Show the keys that texts are verified with; never their secrets."""
    with reporting(as_json=as_json):
        from labeler.codec.tokens.keys import TextKeyring  # noqa: PLC0415 - slow to import

        settings = load_settings(home)
        keys = TextKeyring.load(settings.text_keys)
        if as_json:
            for key in keys.values():
                print_json(_members(key, settings))
            return
        if not keys:
            say("There are none. labeler text keys new makes one.")
            return
        _show(list(keys.values()))


@app.command(epilog=EXIT_CODES_VET)
def vet(
    *,
    key: KeyId,
    references: References,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Try a key on texts that carry no mark, before it is used.

    One key in a thousand scores high on a corpus by chance, and would find itself there.
    """
    with reporting(as_json=as_json):
        from detectors.texts import TextTools  # noqa: PLC0415 - slow to import

        vetting = TextTools.of(load_settings(home)).vet(key, references)
        if as_json:
            print_json(
                {
                    "key_id": vetting.key_id,
                    "ngrams": vetting.ngrams,
                    "z": vetting.z,
                    "rejected": vetting.is_rejected,
                }
            )
        else:
            verdict = "do not use it: derive another" if vetting.is_rejected else "it can be used"
            say(
                f"{vetting.key_id}: {vetting.z:+.1f} standard errors on {vetting.ngrams} different "
                f"n-grams; {verdict}"
            )
        raise typer.Exit(EXIT_FAILED if vetting.is_rejected else EXIT_OK)


def _keep(
    key: TextKey, tokenizer: Path | None, settings: Settings, warnings: list[str], *, as_json: bool
) -> None:
    from detectors.texts import keep_tokenizer  # noqa: PLC0415 - slow to import
    from labeler.codec.tokens.keys import (  # noqa: PLC0415 - as above
        TEXT_KEY_SUFFIX,
        TextKeyring,
        save_text_key,
    )

    kept = None if tokenizer is None else keep_tokenizer(tokenizer, settings.tokenizers, key)
    path = settings.text_keys / f"{key.key_id}{TEXT_KEY_SUFFIX}"
    if TextKeyring.load(settings.text_keys).get(key.key_id) != key:
        save_text_key(key, settings.text_keys)
    if as_json:
        print_json(_members(key, settings) | {"file": str(path), "warnings": warnings})
        return
    say(f"key {key.key_id} ({key.scheme.name}, context width {key.scheme.context_width})")
    say(f"  {path}")
    if kept is not None:
        say(f"  {kept}")
    for warning in warnings:
        say(warning)


def _members(key: TextKey, settings: Settings) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "scheme": key.scheme.name,
        "context_width": key.scheme.context_width,
        "tokenizer": key.tokenizer,
        "model": key.model,
        "provider": key.provider,
        "epoch": key.epoch,
        "directory": str(settings.text_keys),
    }


def _show(keys: list[TextKey]) -> None:
    from rich.table import Table  # noqa: PLC0415 - only people need it

    table = Table(box=None, pad_edge=False)
    for heading in ("key", "scheme", "width", "model", "epoch", "provider", "tokenizer"):
        table.add_column(heading)
    for key in keys:
        told = (key.model, key.epoch, key.provider, key.tokenizer and key.tokenizer[:12])
        table.add_row(
            key.key_id,
            key.scheme.name,
            str(key.scheme.context_width),
            *(printable(each or "-") for each in told),
        )
    show(table)
