"""``labeler registry``: the audit log, what people sign off, and how long records are kept."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_OK, complain, print_json, printable, reporting, say
from labeler.cli.inputs import load_settings, system_user
from labeler.cli.registries import changing, check_there, reading
from labeler.errors import UnreadableMediaError

if TYPE_CHECKING:
    from labeler.registry import AuditEntry, AuditVerdict, SignOff

__all__ = ["EXIT_BROKEN", "EXIT_CODES", "app", "audit"]

EXIT_CODES: Final = "Exit codes: 0 done; 1 it cannot be done; 2 usage."
EXIT_CODES_VERIFY: Final = (
    "Exit codes: 0 the log is as it was written; 1 it cannot be read; 2 usage; 4 it is not."
)
EXIT_BROKEN: Final = 4

_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{64}")

INSUFFICIENT: Final = (
    "This alone does not exempt a text from disclosure (Art. 50(4) AI Act): that takes a review of "
    "the substance with its facts checked, or editorial control"
)

Kind = Annotated[str | None, typer.Option(metavar="KIND", help="Only entries of this kind.")]
Subject = Annotated[
    str | None, typer.Option(metavar="SHA256", help="Only entries about this content.")
]
Expect = Annotated[
    str | None,
    typer.Option(
        metavar="DIGEST",
        help="Digest of an entry that has to be there: what the log's head was when it was noted.",
    ),
]
Recorder = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who records this; else: the system's user.")
]
Sequence = Annotated[int, typer.Argument(min=1, metavar="NUMBER", show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
Work = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The work that FILE is a version of, which keeps its name when it changes; else: "
        "FILE's absolute path.",
    ),
]
Responsible = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Who holds editorial responsibility for it.", show_default=False
    ),
]
Contact = Annotated[
    str,
    typer.Option(metavar="URL", help="Where the public reaches that party.", show_default=False),
]
Reviewer = Annotated[str, typer.Option(metavar="NAME", help="Who signs off.", show_default=False)]
HumanReview = Annotated[
    bool, typer.Option("--human-review", help="A competent person has examined the substance.")
]
FactChecked = Annotated[bool, typer.Option("--fact-checked", help="The facts were checked.")]
EditorialControl = Annotated[
    bool,
    typer.Option(
        "--editorial-control",
        help="An editorial entity that could alter or reject the substance has approved it.",
    ),
]

ReceiptId = Annotated[str, typer.Argument(metavar="RECEIPT", show_default=False)]

app: Final = typer.Typer(help="See and add to the registry's records.", no_args_is_help=True)
audit: Final = typer.Typer(help="The audit log: who decided what and why.", no_args_is_help=True)
app.add_typer(audit, name="audit")


@audit.command(epilog=EXIT_CODES_VERIFY)
def verify(
    *, expect: Expect = None, home: options.Home = None, as_json: options.Json = False
) -> None:
    """Check that nobody has changed the audit log.

    Every entry holds the digest of the one before it. To notice that the end was cut off, note the
    head somewhere else and give it with --expect later.
    """
    if expect is not None and not _DIGEST.fullmatch(expect):
        raise typer.BadParameter(
            f"{expect!r} is no digest of 64 hexadecimal digits", param_hint="--expect"
        )
    with reading(home, as_json=as_json) as reader:
        verdict = reader.verify_audit(None if expect is None else expect.lower())
        if as_json:
            print_json(
                {
                    "intact": verdict.intact,
                    "entries": verdict.entries,
                    "head": verdict.head,
                    "first_broken": verdict.first_broken,
                    "problem": verdict.problem,
                }
            )
        else:
            _tell(verdict)
        raise typer.Exit(EXIT_OK if verdict.intact else EXIT_BROKEN)


@audit.command(epilog=EXIT_CODES)
def show(
    *,
    kind: Kind = None,
    subject: Subject = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Show the audit log's entries, oldest first, without checking them."""
    with reading(home, as_json=as_json) as reader:
        for entry in reader.audit_entries(subject=subject, kind=kind):
            if as_json:
                print_json(_members(entry))
            else:
                who = "(erased)" if entry.is_erased else f"{entry.actor}: {entry.reason}"
                say(f"{entry.sequence}  {entry.at}  {entry.kind}  {entry.subject}  {who}")


@audit.command(epilog=EXIT_CODES)
def export(*, home: options.Home = None, as_json: options.Json = False) -> None:  # noqa: ARG001 - taken as everywhere; it is JSON anyway
    """Print the whole audit log as JSON Lines, with what others need to check it.

    The last line has the number of entries and the head's digest. It holds names of people: mind
    who gets it.
    """
    with reading(home, as_json=True) as reader:
        entry = None
        for entry in reader.audit_entries():
            # The body as the text that was recorded: its digest is over that.
            evidence = {"detail_digest": entry.detail_digest, "salt": entry.salt}
            print_json({**_members(entry), **evidence, "body": entry.body})
        count, head = (0, None) if entry is None else (entry.sequence, entry.digest)
        print_json({"entries": count, "head": head})


@audit.command(epilog=EXIT_CODES)
def erase(
    *,
    number: Sequence,
    reason: options.Reason,
    actor: Recorder = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Erase actor, reason and particulars of the entry NUMBER, for good.

    The chain holds without them, and the erasure is recorded. A sign-off that is erased counts no
    longer. Write no personal data into the reason.
    """
    with changing(home, as_json=as_json) as registry:
        entry = registry.erase(number, actor=actor or system_user(), reason=reason)
        if as_json:
            print_json(_members(entry))
        else:
            say(f"erased: entry {number}, recorded as entry {entry.sequence}")
            say(f"head of the audit log: {entry.digest}")


@app.command(epilog=EXIT_CODES)
def sign_off(
    *,
    file: File,
    responsible: Responsible,
    contact: Contact,
    reviewer: Reviewer,
    reason: options.Reason,
    human_review: HumanReview = False,
    fact_checked: FactChecked = False,
    editorial_control: EditorialControl = False,
    work: Work = None,
    actor: Recorder = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Record that a person has signed off FILE, exactly as it is now.

    That is the record behind the editorial exemption of Art. 50(4) AI Act. It holds for these
    bytes: after a change, sign off anew. Names go into the registry's audit log and nowhere else.
    """
    with reporting(as_json=as_json):
        from labeler.registry import SignOff  # noqa: PLC0415 - slow to import

        given = SignOff(
            content_sha256=_digest(file),
            work=str(file.absolute()) if work is None else work,
            human_substantive=human_review,
            fact_checked=fact_checked,
            editorial_control=editorial_control,
            responsible_party=responsible,
            contact=contact,
            reviewer=reviewer,
            signed_off_at=datetime.now(UTC),
            reason=reason,
        )
        _record(given, file, actor=actor or system_user(), home=home, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def upgrade(*, home: options.Home = None, as_json: options.Json = False) -> None:
    """Bring a registry of an earlier version of Labeler up to this one.

    Whoever opens one does that. This is for where those who open it may not change it.
    """
    with reporting(as_json=as_json):
        from labeler.registry.database import database_of  # noqa: PLC0415 - slow to import
        from labeler.registry.migrating import migrate  # noqa: PLC0415 - as above
        from labeler.registry.schema import REVISION  # noqa: PLC0415 - as above

        settings = load_settings(home)
        check_there(settings)
        database = database_of(settings)
        found = migrate(database, named=database.name)
        if as_json:
            print_json({"registry": database.name, "found": found, "revision": REVISION})
        elif found == REVISION:
            say(f"up to date: revision {REVISION}")
        else:
            say(f"brought up from revision {found} to {REVISION}")


@app.command(epilog=EXIT_CODES)
def delete(
    *,
    receipt: ReceiptId,
    reason: options.Reason,
    actor: Recorder = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Delete the receipt with the id RECEIPT and all that hangs on it, for good.

    Its manifest, fingerprints and logged text go too; its handle is never given to another output.
    The audit log records it. Write no personal data into the reason.
    """
    with changing(home, as_json=as_json) as registry:
        entry = registry.delete_receipt(receipt, actor=actor or system_user(), reason=reason)
        if as_json:
            print_json({"receipt_id": receipt, "audit_sequence": entry.sequence})
        else:
            say(f"deleted: receipt {printable(receipt)}, recorded as entry {entry.sequence}")


@app.command(epilog=EXIT_CODES)
def expire(
    *,
    before: options.Before,
    reason: options.Reason,
    actor: Recorder = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Delete the receipts from before TIME and all that hangs on them, for good.

    The audit log records it once. After an interruption, call it again.
    """
    moment = options.parse_moment(before, option="--before")
    with changing(home, as_json=as_json) as registry:
        count = registry.expire_receipts(moment, actor=actor or system_user(), reason=reason)
        if as_json:
            print_json({"expired": count})
        else:
            say(f"deleted: {count} receipts")


def _record(given: SignOff, file: Path, *, actor: str, home: Path | None, as_json: bool) -> None:
    from labeler.registry import Registry  # noqa: PLC0415 - slow to import

    with Registry.of(load_settings(home)) as registry:
        entry = registry.sign_off(given, actor)
    warnings = () if given.is_review_sufficient else (INSUFFICIENT,)
    for warning in warnings:
        complain(warning)
    if as_json:
        print_json({**_members(entry), "warnings": list(warnings)})
        return
    say(f"signed off: {file}, as entry {entry.sequence}")
    say(f"SHA-256 of the file: {given.content_sha256}")
    say(f"head of the audit log: {entry.digest}")


def _members(entry: AuditEntry) -> dict[str, object]:
    try:
        body: object = None if entry.body is None else json.loads(entry.body)
    except ValueError:
        body = entry.body  # damaged; it is shown as it is
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "kind": entry.kind,
        "subject": entry.subject,
        "actor": entry.actor,
        "reason": entry.reason,
        "body": body,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _tell(verdict: AuditVerdict) -> None:
    if verdict.intact:
        say(f"intact: {verdict.entries} entries")
    else:
        say(f"broken: {verdict.problem}")
    say(f"head of the audit log: {verdict.head}")


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableMediaError(
            f"the file cannot be read ({error.strerror})", file=file, hint="Check the path"
        ) from error
