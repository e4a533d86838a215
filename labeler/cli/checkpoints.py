"""``labeler registry audit checkpoint`` and ``checkpoints``: the audit log's head, signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_OK, print_json, printable, reporting, say
from labeler.cli.inputs import load_settings
from labeler.cli.registries import open_reader
from labeler.cli.registry import EXIT_BROKEN
from labeler.errors import RegistryError, UnreadableMediaError

if TYPE_CHECKING:
    from labeler.registry import RegistryReader
    from labeler.registry.audit_notes import CheckpointVerdict

__all__ = ["EXIT_CODES", "EXIT_CODES_CHECK", "checkpoint", "checkpoints"]

EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 it cannot be done; 2 usage; 4 the log is not as it was written."
)
EXIT_CODES_CHECK: Final = (
    "Exit codes: 0 the log holds what every checkpoint states; 1 it cannot be read; 2 usage; 4 one "
    "does not hold, or states what the log does not have."
)

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="Checkpoints kept elsewhere.", show_default=False),
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the checkpoint here too.")]


def checkpoint(
    *, out: Out = None, home: options.Home = None, as_json: options.Json = False
) -> None:
    """Sign how long the audit log is, and its head, with the identity that signs manifests.

    Keep it where those who can write the registry cannot, or publish it: it names nobody. It goes
    into the registry too.
    """
    with reporting(as_json=as_json):
        from labeler.credentials import Identity  # noqa: PLC0415 - slow to import
        from labeler.registry import Registry, StoredCheckpoint  # noqa: PLC0415 - as above
        from labeler.registry.audit_notes import sign_checkpoint  # noqa: PLC0415 - as above

        settings, now = load_settings(home), datetime.now(UTC)
        identity = Identity.from_pem_files(
            settings.certificate_chain_file, settings.private_key_file, now=now
        )
        with Registry.of(settings) as registry:
            verdict = registry.verify_audit()
            if not verdict.intact:
                say(f"broken: {verdict.problem}")
                raise typer.Exit(EXIT_BROKEN)
            signed = sign_checkpoint(
                entries=verdict.entries, head=verdict.head, identity=identity, at=now
            )
            registry.add_checkpoint(
                StoredCheckpoint(
                    sequence=verdict.entries, digest=verdict.head, at=now, signed=signed
                )
            )
        _write(out, signed)
        if as_json:
            told = {"entries": verdict.entries, "head": verdict.head, "checkpoint": signed}
            print_json(told)
        else:
            say(f"{verdict.entries} entries, head {verdict.head}")
            say(signed)


def checkpoints(
    *, files: Files = None, home: options.Home = None, as_json: options.Json = False
) -> None:
    """Hold the audit log against its checkpoints: those in the registry, and those in FILEs."""
    with reporting(as_json=as_json):
        from detectors.verification import load_trust  # noqa: PLC0415 - slow to import
        from labeler.registry.audit_notes import check_checkpoint  # noqa: PLC0415 - as above

        settings, now = load_settings(home), datetime.now(UTC)
        broken = False
        with open_reader(settings) as reader:
            for name, signed in _all(reader, files or ()):
                verdict = check_checkpoint(signed, trust=load_trust(settings), now=now)
                problem = _problem(verdict, reader)
                broken = broken or problem is not None
                _tell(name, verdict, problem, as_json=as_json)
        raise typer.Exit(EXIT_BROKEN if broken else EXIT_OK)


def _all(reader: RegistryReader, files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for each in reader.checkpoints():
        yield f"entry {each.sequence}", each.signed
    for file in files:
        try:
            yield str(file), file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableMediaError(
                "the checkpoint cannot be read", file=file, hint="Check the path"
            ) from error


def _problem(verdict: CheckpointVerdict, reader: RegistryReader) -> str | None:
    """What is wrong; None where the log has what was signed."""
    stated = verdict.checkpoint
    if stated is None:
        return verdict.reason or "its signature does not hold"
    found = reader.digest_of_entry(stated.entries)
    if found is None:
        return f"the log has no entry {stated.entries} any more: its end was cut off"
    if found != stated.head:
        return f"entry {stated.entries} is another than was signed: the log was written anew"
    return None


def _tell(name: str, verdict: CheckpointVerdict, problem: str | None, *, as_json: bool) -> None:
    stated = verdict.checkpoint
    if as_json:
        print_json(
            {
                "name": name,
                "holds": problem is None,
                "problem": problem,
                "entries": None if stated is None else stated.entries,
                "head": None if stated is None else stated.head,
                "at": None if stated is None else stated.at.isoformat(),
                "signer": verdict.signer,
                "trust": verdict.trust.value,
            }
        )
        return
    if problem is not None or stated is None:
        say(f"{printable(name)}: broken: {problem}")
        return
    signer = printable(verdict.signer or "nobody")
    say(
        f"{printable(name)}: holds; {stated.entries} entries on {stated.at.isoformat()}, signed by "
        f"{signer} ({verdict.trust.value})"
    )


def _write(out: Path | None, signed: str) -> None:
    if out is None:
        return
    try:
        out.write_text(signed + "\n", "ascii")
    except OSError as error:
        raise RegistryError(
            f"the checkpoint cannot be written ({error.strerror})", file=out, hint="Check the path"
        ) from error
