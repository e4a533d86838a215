"""Stamping as the work of a pool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labeler.batch.pool import Tell
from labeler.batch.run import Task
from labeler.errors import OutputError
from labeler.policy import Facts
from labeler.provenance import Provenance
from labeler.receipt import Receipt
from labeler.settings import LABELLING_SETTINGS, Settings

if TYPE_CHECKING:
    from labeler.stamping import AlreadyMarked, Stamper

__all__ = ["StampingOrder"]

# The settings that decide what an output is like, beside those about where things lie.
_RELEVANT: Final = frozenset(
    {
        "issuer",
        "watermark_key_id",
        "public_signpost",
        "strength",
        "tsa_url",
        "detector_url",
        "resolver_url",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StampingOrder:
    """What is asked for, for every file of a batch. Calling it gives a pool its work."""

    settings: Settings
    provenance: Provenance
    facts: Facts | None = None
    """What the law goes by, the same for every file; None: nothing is assessed."""
    already_marked: AlreadyMarked = "refuse"
    """What to do with sources that carry a watermark."""
    force_invalid_parent: bool = False
    """Dangerous: sign also where a source's own credential does not hold."""

    @contextmanager
    def __call__(self, tell: Tell) -> Iterator[Callable[[Task], Receipt]]:
        """One `Stamper` for all tasks of a process."""
        from labeler.stamping import Stamper  # noqa: PLC0415 - only where the work is done

        with Stamper(self.settings) as stamper:
            yield partial(self._stamp, stamper, tell)

    def _stamp(self, stamper: Stamper, tell: Tell, task: Task) -> Receipt:
        source, target = task.item.source, task.item.target
        _require_text(target)
        published = None
        if task.begun:
            published = stamper.find_published(
                source,
                target,
                self.provenance,
                facts=self.facts,
                already_marked=self.already_marked,
            )
        return published or stamper.stamp(
            source,
            target,
            self.provenance,
            facts=self.facts,
            overwrite=task.overwrite,
            already_marked=self.already_marked,
            force_invalid_parent=self.force_invalid_parent,
            progress=tell,
        )

    def digest(self) -> str:
        """A digest of what is asked for: outputs with different ones do not belong together."""
        members = {
            "provenance": self.provenance.to_json(),
            "already_marked": self.already_marked,
            "force_invalid_parent": self.force_invalid_parent,
            "allow_missing": sorted(self.settings.allow_missing),
            "settings": self.settings.model_dump(mode="json", include=set(_RELEVANT)),
        }
        if self.facts is not None:
            members["facts"] = self.facts.digest
            members["labelling"] = self.settings.model_dump(
                mode="json", include=set(LABELLING_SETTINGS)
            )
        text = json.dumps(members, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _require_text(target: Path) -> None:
    """Receipts are JSON: they cannot name a file whose name is no text."""
    try:
        str(target).encode()
    except UnicodeEncodeError:
        raise OutputError(
            "the file name is no UTF-8 text, so that no receipt can name it",
            file=target,
            hint="Rename the file",
        ) from None
