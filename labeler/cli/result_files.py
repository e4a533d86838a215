"""Signed results as files: for each verified file the envelope, and the page that people read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from labeler.cli.console import complain
from labeler.cli.outputs import write_text
from labeler.errors import OutputError

if TYPE_CHECKING:
    from detectors import Report
    from detectors.results import Detector
    from labeler.credentials import Identity
    from labeler.settings import Settings

__all__ = ["ResultFiles"]

_ODD: Final = re.compile(r"[^\w.()+ -]")
_LONGEST_NAME: Final = 60
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """A folder for signed results, and who signs them."""

    folder: Path
    identity: Identity
    detector: Detector
    with_name: bool
    """Whether results tell what the file is called."""

    @classmethod
    def load(
        cls, folder: Path, settings: Settings, *, detector_url: str | None, with_name: bool
    ) -> Self:
        """Signed by the identity that the settings name.

        Raises:
            IdentityError: It cannot be used.
            OutputError: There is a file where the folder should be.
        """
        from detectors.results import Detector  # noqa: PLC0415 - slow to import
        from labeler.credentials import Identity  # noqa: PLC0415 - as above

        if folder.exists() and not folder.is_dir():
            raise OutputError("it is a file", file=folder, hint="Give a folder for signed results")
        return cls(
            folder=folder,
            identity=Identity.from_pem_files(
                settings.certificate_chain_file, settings.private_key_file
            ),
            detector=Detector.here(url=detector_url),
            with_name=with_name,
        )

    def writing(self, reports: Iterable[Report]) -> Iterator[Report]:
        """The reports, each after its signed result was written.

        Raises:
            OutputError: A result cannot be written.
            SigningError: The identity's key cannot be used.
        """
        written: set[Path] = set()
        for report in reports:
            if report.sha256 is None:
                complain(f"{report.file}: no signed result, as its content could not be read")
            else:
                self._write(report, written)
            yield report

    def _write(self, report: Report, written: set[Path]) -> None:
        from detectors.results import (  # noqa: PLC0415 - slow to import
            VerificationResult,
            render_page,
            sign_result,
        )

        result = VerificationResult.of(
            report,
            detector=self.detector,
            checked_at=datetime.now(UTC),
            with_name=self.with_name,
        )
        stem = (
            f"{_tame(result.report.file)}.{result.checked_at:%Y%m%dT%H%M%SZ}"
            f".{str(report.sha256)[:_DIGITS]}"
        )
        target = self.folder / f"{stem}.json"
        if target in written:  # the same content under the same name in the same second
            return
        signed = sign_result(result, self.identity)
        write_text(target, signed.to_json() + "\n", overwrite=False)
        write_text(self.folder / f"{stem}.html", render_page(signed), overwrite=False)
        written.add(target)


def _tame(name: str) -> str:
    """A name for files, whatever a URL or a stranger's file is called."""
    return _ODD.sub("_", name).strip(" .-")[:_LONGEST_NAME] or "result"
