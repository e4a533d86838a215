"""``labeler verify``: looking for marks, and saying what they mean."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_OK, EXIT_USAGE, reporting
from labeler.cli.inputs import find_sources, load_settings, spooled

if TYPE_CHECKING:
    from detectors import Report, Verifier
    from labeler.cli.result_files import ResultFiles
    from labeler.policy import Assessment, Facts
    from labeler.registry import RegistryReader
    from labeler.settings import Settings

__all__ = ["EXIT_CODES", "verify"]

EXIT_NONE_FOUND: Final = 3
EXIT_CONTRADICTION: Final = 4
EXIT_UNREADABLE: Final = 5
EXIT_GAP: Final = 6

EXIT_CODES: Final = (
    "Exit codes: 0 an AI mark was found in every file; 3 none in at least one; 4 conflicting, "
    "tampered or copied marks in at least one; 5 at least one cannot be read; of several, the "
    "highest. 6, where it would be 0 or 3: with --facts, something that is due is not there. "
    "1 the check itself failed; 2 usage."
)
_EXIT_CODES: Final = {
    "marked": EXIT_OK,
    "no-mark-found": EXIT_NONE_FOUND,
    "conflicting": EXIT_CONTRADICTION,
    "tampered": EXIT_CONTRADICTION,
    "copied-mark-suspected": EXIT_CONTRADICTION,
    "unreadable": EXIT_UNREADABLE,
}

# Files that are read ahead of the one that is printed next, for each process.
_AHEAD: Final = 4


def verify(
    *,
    sources: options.Sources,
    trust_anchors: options.TrustAnchors = None,
    resolvers: options.Resolvers = None,
    follow_signposts: options.FollowSignposts = False,
    facts: options.Facts = None,
    result_out: options.ResultOut = None,
    result_names: options.ResultNames = True,
    name: options.InputName = None,
    recursive: options.Recursive = False,
    jobs: options.Jobs = None,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Look for marks of AI in files, and say what they mean.

    Signed manifests, watermarks and metadata are looked for, offline unless --resolver or
    --follow-signposts asks for more. That no mark was found does not mean that a person made the
    content. With --facts, what was found is held against what the law asks.
    """
    with ExitStack() as stack:
        with reporting(as_json=as_json, exit_code=EXIT_USAGE):
            given = stack.enter_context(spooled(sources, name=name))
            found = find_sources(given, recursive=recursive)
            settings = _settings(
                home, trust_anchors or [], resolvers or [], follow_signposts=follow_signposts
            )
            check = None if facts is None else _Check.load(facts, settings)
            results = None if result_out is None else _results(result_out, settings, result_names)
        with reporting(as_json=as_json):
            locations = [source.location for source in found.files]
            reports = _verify_all(locations, settings, jobs=options.choose_jobs(jobs, locations))
            reports = _called(reports, sources, given)
            if results is not None:
                reports = results.writing(reports)
            raise typer.Exit(_print_all(reports, check, as_json=as_json))


def _results(folder: Path, settings: Settings, with_name: bool) -> ResultFiles:
    from labeler.cli.result_files import ResultFiles  # noqa: PLC0415 - slow to import

    return ResultFiles.load(
        folder, settings, detector_url=settings.detector_url, with_name=with_name
    )


def _called(
    reports: Iterator[Report], sources: Sequence[str], given: Sequence[str]
) -> Iterator[Report]:
    """The reports, standard input called what it is and not what it was written to."""
    names = dict(zip(given, sources, strict=True))
    for report in reports:
        yield replace(report, file=names.get(report.file, report.file))


def _settings(
    home: Path | None,
    trust_anchors: Sequence[Path],
    resolvers: Sequence[str],
    *,
    follow_signposts: bool,
) -> Settings:
    from detectors.resolver import resolvers_of  # noqa: PLC0415 - slow to import

    settings = load_settings(home)
    if trust_anchors or resolvers or follow_signposts:
        settings = load_settings(
            home,
            trust_anchors=(*settings.trust_anchors, *trust_anchors),
            resolvers=(*settings.resolvers, *resolvers),
            follow_signposts=follow_signposts or None,
        )
    resolvers_of(settings)  # what is misspelt is told before anything is verified
    return settings


def _verify_all(locations: Sequence[str], settings: Settings, *, jobs: int) -> Iterator[Report]:
    """Reports in the order of ``locations``, by ``jobs`` verifiers with a subprocess each."""
    from detectors import Verifier  # noqa: PLC0415 - slow to import

    with ExitStack() as stack:
        # The first settles whether verifying is possible at all, before threads are started.
        idle: SimpleQueue[Verifier] = SimpleQueue()
        for _ in range(jobs):
            idle.put(stack.enter_context(Verifier(settings)))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))

        def work(location: str) -> Report:
            verifier = idle.get()
            try:
                return verifier.verify(location)
            finally:
                idle.put(verifier)

        pending: deque[Future[Report]] = deque()
        try:
            for location in locations:
                pending.append(pool.submit(work, location))
                if len(pending) > _AHEAD * jobs:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Check:
    """What files are held against."""

    facts: Facts
    registry: RegistryReader | None

    @classmethod
    def load(cls, path: Path, settings: Settings) -> _Check:
        from labeler.policy import read_facts  # noqa: PLC0415 - slow to import
        from labeler.registry import RegistryReader  # noqa: PLC0415 - as above

        return cls(read_facts(path), RegistryReader.of(settings))

    def assess(self, report: Report) -> Assessment:
        from labeler.cli.evidence import hold_against  # noqa: PLC0415 - slow to import

        return hold_against(self.facts, report, self.registry)


def _print_all(reports: Iterator[Report], check: _Check | None, *, as_json: bool) -> int:
    """Print each report when it is there, and give the exit code that all together ask for."""
    from labeler.cli import reports as rendering  # noqa: PLC0415 - slow to import
    from labeler.cli.evidence import has_gaps  # noqa: PLC0415 - as above

    counts: Counter[str] = Counter()
    gap = EXIT_OK
    for report in reports:
        counts[report.conclusion.value] += 1
        assessment = None if check is None else check.assess(report)
        if assessment is not None and has_gaps(assessment):
            gap = EXIT_GAP
        rendering.print_report(report, assessment, as_json=as_json)
    if not as_json:
        rendering.print_summary(counts)
    worst = max(_EXIT_CODES[conclusion] for conclusion in counts)
    # That something due is missing says more than that no mark was found, and less than the others.
    return worst if worst in {EXIT_CONTRADICTION, EXIT_UNREADABLE} else max(worst, gap)
