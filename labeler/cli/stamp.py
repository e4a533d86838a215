"""``labeler stamp``: marking files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_FAILED, EXIT_OK, EXIT_USAGE, complain, reporting
from labeler.cli.inputs import find_sources, load_settings, spooled
from labeler.cli.interrupts import Interrupts
from labeler.errors import BatchError, LabelerError

if TYPE_CHECKING:
    from labeler.batch.ledger import Ledger
    from labeler.batch.plan import Item
    from labeler.batch.pool import Pool, Watch
    from labeler.batch.run import Agenda, Task
    from labeler.batch.stamping import StampingOrder
    from labeler.cli.receipts import Results
    from labeler.policy import Facts
    from labeler.provenance import Provenance
    from labeler.receipt import Receipt

__all__ = ["EXIT_CODES", "stamp"]

EXIT_CODES: Final = (
    "Exit codes: 0 every file was stamped (or had been, with --resume); 1 at least one failed; "
    "2 usage, nothing was done; 130 or 143 interrupted, go on with --resume."
)


def stamp(
    *,
    sources: options.Sources,
    out: options.Out,
    source_type: options.SourceType = "trainedAlgorithmicMedia",
    generator: options.Generator = None,
    generator_version: options.GeneratorVersion = None,
    model: options.Model = None,
    oversight: options.Oversight = None,
    created_at: options.CreatedAt = None,
    prompt_file: options.PromptFile = None,
    prompt_writer: options.PromptWriter = None,
    synthetic_tracks: options.SyntheticTracks = None,
    facts: options.Facts = None,
    label_language: options.LabelLanguage = None,
    strength: options.Strength = None,
    allow_missing: options.AllowMissing = None,
    already_marked: options.AlreadyMarked = "refuse",
    force_invalid_parent: options.ForceInvalidParent = False,
    name: options.InputName = None,
    embed_in_text: options.EmbedInText = False,
    recursive: options.Recursive = False,
    jobs: options.Jobs = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Mark files: signed manifest, robust watermark, metadata.

    With --facts, what the law asks is assessed first and carried out: what is due may not be
    missing, labels for people are laid, and what is prohibited is refused.

    Sources are never changed. An output appears whole, after every mark in it was read back, or
    not at all.
    """
    with reporting(as_json=as_json, exit_code=EXIT_USAGE):
        from labeler.batch.stamping import StampingOrder  # noqa: PLC0415 - slow to import

        order = StampingOrder(
            settings=load_settings(
                home,
                strength=strength,
                allow_missing=allow_missing or None,
                label_language=label_language,
                embed_in_text=embed_in_text or None,
            ),
            facts=None if facts is None else _facts(facts),
            provenance=_provenance(
                source_type=source_type,
                generator=generator,
                generator_version=generator_version,
                model_identifier=model,
                human_oversight=oversight,
                created_at=None if created_at is None else options.parse_moment(created_at),
                prompt=None if prompt_file is None else options.read_text(prompt_file),
                prompt_writer=prompt_writer,
                synthetic_tracks=synthetic_tracks,
            ),
            already_marked=already_marked,
            force_invalid_parent=force_invalid_parent,
        )
        batch = _Batch(order=order, out=out, jobs=jobs, resume=resume, overwrite=overwrite)
    with ExitStack() as stack:
        with reporting(as_json=as_json, exit_code=EXIT_USAGE):
            given = stack.enter_context(spooled(sources, name=name))
            items = _plan(given, out, recursive=recursive)
        raise typer.Exit(batch.stamp(items, as_json=as_json))


def _facts(path: Path) -> Facts:
    from labeler.policy import read_facts  # noqa: PLC0415 - slow to import

    return read_facts(path)


def _provenance(
    *,
    source_type: str,
    human_oversight: str | None,
    created_at: datetime | None,
    synthetic_tracks: str | None,
    generator: str | None,
    generator_version: str | None,
    model_identifier: str | None,
    prompt: str | None,
    prompt_writer: str | None,
) -> Provenance:
    from labeler import provenance  # noqa: PLC0415 - slow to import

    return provenance.Provenance(
        source_type=provenance.SourceType(source_type),
        human_oversight=(
            None if human_oversight is None else provenance.HumanOversight(human_oversight)
        ),
        created_at=created_at,
        synthetic_tracks=(
            None
            if synthetic_tracks is None
            else frozenset(map(provenance.Track, options.split_tracks(synthetic_tracks)))
        ),
        generator=generator,
        generator_version=generator_version,
        model_identifier=model_identifier,
        prompt=prompt,
        prompt_writer=prompt_writer,
    )


def _plan(sources: list[str], out: Path, *, recursive: bool) -> tuple[Item, ...]:
    from labeler.batch.plan import make_plan  # noqa: PLC0415 - slow to import

    _check_folder(out)
    return make_plan(find_sources(sources, recursive=recursive, exclude=out).files, out)


def _check_folder(out: Path) -> None:
    from labeler.media.source import is_url  # noqa: PLC0415 - slow to import

    hint = "Give a folder with --out"
    # As typed; a Path makes one slash of two.
    if is_url(str(out).replace(":/", "://", 1)):
        raise BatchError("outputs cannot be written to a URL", file=out, hint=hint)
    try:
        out.resolve()
    except RuntimeError as error:  # Python 3.11 and 3.12 raise no OSError here
        raise BatchError("the link leads in a circle", file=out, hint=hint) from error
    if out.exists() and not out.is_dir():
        raise BatchError("it is a file", file=out, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is to be done with the items."""

    order: StampingOrder
    out: Path
    jobs: int | None
    resume: bool
    overwrite: bool

    def stamp(self, items: tuple[Item, ...], *, as_json: bool) -> int:
        """Stamp ``items``, print what came of it, and give the exit code."""
        from labeler.batch.ledger import Ledger  # noqa: PLC0415 - slow to import
        from labeler.cli.receipts import JsonResults, WordResults  # noqa: PLC0415 - slow to import

        results = JsonResults() if as_json else WordResults()
        with ExitStack() as stack:
            with reporting(as_json=as_json, exit_code=EXIT_USAGE):
                ledger = stack.enter_context(Ledger(self.order.settings.batches, self.out))
                agenda = self._agenda(items, ledger)
            with reporting(as_json=as_json):
                return self._carry_out(agenda, ledger, results)

    def _agenda(self, items: tuple[Item, ...], ledger: Ledger) -> Agenda:
        from labeler.batch.run import make_agenda, tidy  # noqa: PLC0415 - slow to import

        entries = ledger.entries()
        tidy(entries)
        return make_agenda(
            items,
            entries,
            request=self.order.digest(),
            resume=self.resume,
            overwrite=self.overwrite,
        )

    def _carry_out(self, agenda: Agenda, ledger: Ledger, results: Results) -> int:
        from labeler.batch.run import carry_out  # noqa: PLC0415 - slow to import
        from labeler.cli.progress import progress_bar  # noqa: PLC0415 - slow to import

        for skipped in agenda.skipped:
            results.add(skipped.item, skipped.receipt, skipped=True)
        done = failed = 0
        with progress_bar(len(agenda.todo)) as meter, Interrupts(_announce) as interrupts:
            run = carry_out(
                agenda.todo,
                ledger=ledger,
                pool=self._pool(ledger, agenda.todo, watch=meter.watch),
                request=self.order.digest(),
                stop=interrupts.requested,
            )
            with closing(run), suppress(KeyboardInterrupt):
                for finished in run if agenda.todo else ():
                    results.add(finished.task.item, finished.outcome)
                    done += 1
                    failed += isinstance(finished.outcome, LabelerError)
                    meter.finish(finished.task, failed=failed)
        results.finish(self.out)
        if interrupts.exit_code is not None and done < len(agenda.todo):
            self._clear_scratch()
            complain(
                f"stopped after {done} of {len(agenda.todo)} files; "
                "the same command with --resume goes on"
            )
            return interrupts.exit_code
        return EXIT_FAILED if failed else EXIT_OK

    def _clear_scratch(self) -> None:
        """Remove what workers that were stopped at once have left: of films, gigabytes."""
        from labeler.media.scratch import remove_abandoned  # noqa: PLC0415 - slow to import

        with suppress(OSError):  # The next run tries again.
            remove_abandoned(self.order.settings.scratch)

    def _pool(
        self, ledger: Ledger, todo: Sequence[Task], *, watch: Watch[Task]
    ) -> Pool[Task, Receipt]:
        from labeler.batch.pool import LocalPool, SerialPool  # noqa: PLC0415 - slow to import

        jobs = options.choose_jobs(self.jobs, [task.item.source for task in todo])
        if jobs == 1:
            return SerialPool(self.order, watch=watch)
        return LocalPool(self.order, jobs=jobs, lock=ledger.lock, watch=watch)


def _announce() -> None:
    complain("stopping once the files at work are finished; interrupt again to stop at once")
