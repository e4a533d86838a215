"""``labeler text log``: which texts were generated here, without keeping them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import print_json, printable, say
from labeler.cli.inputs import one_by_one, read_prose, system_user
from labeler.cli.registries import changing, reading, writing
from labeler.errors import RegistryError

if TYPE_CHECKING:
    from labeler.codec.keys import Key
    from labeler.registry import RegistryReader
    from labeler.registry.texts import TextMatch

__all__ = ["app"]

_LOG_FIRST: Final = "Log texts first (labeler text log add)"
EXIT_CODES: Final = "Exit codes: 0 done; 1 it cannot be done; 2 usage."
EXIT_CODES_FIND: Final = (
    "Exit codes: 0 every text, or a passage of it, was generated here; 3 at least one is unknown; "
    "1 it cannot be looked up; 2 usage."
)

Provider = Annotated[str | None, typer.Option(metavar="NAME", help="Who generated it.")]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="With which model.")]
Reference = Annotated[
    str | None,
    typer.Option(metavar="ID", help="What you know it by: a request's id, nothing personal."),
]
Number = Annotated[int, typer.Argument(min=1, metavar="NUMBER", show_default=False)]

app: Final = typer.Typer(
    help="Which texts were generated here, without keeping them.", no_args_is_help=True
)


@app.callback()
def log() -> None:
    """Which texts were generated here, without keeping them."""


@app.command(epilog=EXIT_CODES)
def add(
    *,
    files: options.Texts,
    provider: Provider = None,
    model: Model = None,
    reference: Reference = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Log texts that were generated, so that edited copies and excerpts are recognised.

    Hashes of word sequences are kept, under a key of the log's own; stamping a text logs it too.
    """
    with writing(home, as_json=as_json) as registry:
        from labeler.codec.shingles import shingles  # noqa: PLC0415 - slow to import

        key = registry.make_text_key()

        def log_one(name: str) -> bool:
            taken = shingles(read_prose(name), key)
            number = registry.log_text(
                None, taken, provider=provider, model=model, reference=reference
            )
            if as_json:
                print_json({"file": name, "text_id": number, "words": taken.words})
            else:
                say(f"{printable(name)}: text {number}, {taken.words} words")
            return True

        raise typer.Exit(one_by_one(files, log_one, as_json=as_json))


@app.command(epilog=EXIT_CODES_FIND)
def find(*, files: options.Texts, home: options.Home = None, as_json: options.Json = False) -> None:
    """Tell whether texts, or passages of them, were generated here.

    Copies are found after edits, and passages from about 30 words.
    """
    with reading(home, as_json=as_json, hint=_LOG_FIRST) as reader:
        key = reader.text_key()
        if key is None:
            raise RegistryError("no text was logged", hint=_LOG_FIRST)
        raise typer.Exit(
            one_by_one(
                files, lambda name: _find(name, reader, key, as_json=as_json), as_json=as_json
            )
        )


@app.command(epilog=EXIT_CODES)
def delete(
    *,
    number: Number,
    reason: options.Reason,
    actor: options.Actor = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Delete a text from the log; the audit log keeps that it was deleted, and why."""
    with changing(home, as_json=as_json) as registry:
        entry = registry.delete_text(number, actor=actor or system_user(), reason=reason)
        if as_json:
            print_json({"text_id": number, "audit_sequence": entry.sequence})
        else:
            say(f"text {number} is deleted; entry {entry.sequence} of the audit log says so")


@app.command(epilog=EXIT_CODES)
def expire(
    *,
    before: options.Before,
    reason: options.Reason,
    actor: options.Actor = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Delete what came out before some time."""
    moment = options.parse_moment(before, option="--before")
    with changing(home, as_json=as_json) as registry:
        count = registry.expire_texts(moment, actor=actor or system_user(), reason=reason)
        if as_json:
            print_json({"expired": count})
        else:
            say(f"{count} outputs of texts are deleted")


def _find(name: str, reader: RegistryReader, key: Key, *, as_json: bool) -> bool:
    from labeler.codec.shingles import shingles  # noqa: PLC0415 - slow to import

    taken = shingles(read_prose(name), key)
    matches = reader.find_text(taken)
    if as_json:
        from detectors.text_fingerprint import outline  # noqa: PLC0415 - slow to import

        print_json(
            {
                "file": name,
                "words": taken.words,
                "matches": [dict(outline(each)) for each in matches],
            }
        )
    elif matches:
        say(f"{printable(name)}: known")
        for match in matches:
            say(f"  {_in_words(match)}")
    else:
        say(f"{printable(name)}: unknown here")
    return bool(matches)


def _in_words(match: TextMatch) -> str:
    latest = match.outputs[0] if match.outputs else None
    told = [f"{latest.at:%Y-%m-%d %H:%M} UTC"] if latest is not None else []
    if latest is not None:
        told += [each for each in (latest.provider, latest.model, latest.reference) if each]
    found = match.overlap
    return (
        f"text {match.text_id} ({', '.join(map(printable, told))}): words {found.start + 1} to "
        f"{found.stop}, {found.aligned} of {found.stored} fingerprints in place"
    )
