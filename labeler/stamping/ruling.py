"""A decision about one file, carried through its stamping: applied, recorded, failing closed."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from labeler.errors import (
    CapacityError,
    CredentialError,
    LabelerError,
    MarkNotVerifiedError,
    MetadataError,
    ObligationError,
    UnsupportedMediaError,
)
from labeler.media.content import Content
from labeler.media.source import is_url
from labeler.policy import Assessment, Facts, assess, parse_facts
from labeler.receipt import Layer, Receipt
from labeler.registry import Registry, SignOff
from labeler.settings import Settings
from labeler.stamping.decision import Decision, complete, decide
from labeler.stamping.editorial import as_signed_off, sign_off_from
from labeler.stamping.fitting import is_silent
from labeler.stamping.interface import Marked, Order

__all__ = ["Ruling", "failing_closed", "make_ruling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What was decided about one file."""

    facts: Facts
    """As they were stated."""
    decision: Decision
    content_sha256: str
    """Of the source."""
    actor: str
    """Who runs this: the account's name."""
    sign_off: SignOff | None
    """What the facts state about a review, to be recorded; None: nothing new."""

    @property
    def decision_id(self) -> str:
        """Names the decision in the receipt and in the audit log."""
        return self.decision.assessment.decision_id

    def apply(self, order: Order) -> Order:
        """The order, with what is due.

        Raises:
            ObligationError: It leaves out a layer that is due.
        """
        due = self.decision.layers
        for layer in sorted(order.leave_out & due.keys()):
            raise ObligationError(
                f"{due[layer]} is due, and the {layer} is to be left out",
                hint="Leave out only what is not due",
            )
        return replace(
            order,
            provenance=self.decision.provenance,
            allow_missing=self.decision.allow_missing | (order.allow_missing - due.keys()),
            labels=self.decision.labels,
            outcomes=self.decision.outcomes,
        )

    def check_kept(self, kept: Marked | None) -> None:
        """See that the mark which a film brings along is in every track in which it is due.

        Raises:
            ObligationError: It is not.
        """
        tracks = {} if kept is None else kept.watermark.tracks
        bare = self.decision.marked_tracks - frozenset(tracks)
        if tracks and bare and Layer.WATERMARK in self.decision.layers:
            names = " and the ".join(sorted(track.label for track in bare))
            raise ObligationError(
                f"{self.decision.layers[Layer.WATERMARK]} is due, and the watermark that is kept "
                f"is not in the {names}",
                hint="Stamp the original",
            )

    def record(self, registry: Registry, receipt: Receipt) -> None:
        """Put the decision, and the review that it relies on, on record.

        Raises:
            RegistryError: The registry cannot be written.
        """
        if self.sign_off is not None:
            registry.sign_off(self.sign_off, self.actor)
        registry.record_decision(
            self.decision_id,
            self.content_sha256,
            actor=self.actor,
            reason=self.decision.reason,
            body={
                "outcome": "stamped",
                "receipt_id": receipt.receipt_id,
                "target": receipt.target,
                "target_sha256": receipt.target_sha256,
                "assessment": json.loads(self.decision.assessment.to_json()),
            },
        )


def make_ruling(
    order: Order,
    facts: Mapping[str, Any] | Facts,
    registry: Registry,
    settings: Settings,
    *,
    now: datetime,
) -> Ruling:
    """Decide what is due for the order's source; a refusal is put on record too.

    Raises:
        PolicyError: The facts cannot be used.
        ObligationError: The output is prohibited or undecided, or cannot be labelled as is due.
        RegistryError: The registry cannot be used.
    """
    stated = facts if isinstance(facts, Facts) else parse_facts(facts)
    sha256, work, actor = order.content.sha256, _work_of(order.content), _actor()
    told = complete(
        stated,
        order.media_type,
        is_silent=is_silent(order),
        declared=order.provenance.synthetic_tracks,
    )
    known = as_signed_off(told, sha256, work, registry)
    assessment = assess(known)
    try:
        decision = decide(
            known, order.media_type, order.provenance, settings, produce_id=sha256[:32]
        )
    except ObligationError as refusal:
        _record_refusal(registry, assessment, sha256, actor, refusal)
        raise
    sign_off = sign_off_from(
        known,
        assessment,
        content_sha256=sha256,
        work=work,
        registry=registry,
        actor=actor,
        now=now,
    )
    return Ruling(
        facts=stated, decision=decision, content_sha256=sha256, actor=actor, sign_off=sign_off
    )


@contextmanager
def failing_closed(ruling: Ruling | None) -> Iterator[None]:
    """Say of what cannot be done that it is due, if it is.

    Raises:
        ObligationError: A layer or label that is due is not possible.
    """
    try:
        yield
    except (CapacityError, CredentialError, MarkNotVerifiedError, MetadataError,
            UnsupportedMediaError) as error:  # fmt: skip
        asked = None if ruling is None else _asked_by(error, ruling.decision)
        if asked is None:
            raise
        raise ObligationError(
            f"{asked} is due and cannot be carried out: {error.problem}",
            # To go without a layer that is due would be no way out.
            hint=None if isinstance(error, CapacityError | MetadataError) else error.hint,
            file=error.file,
        ) from error


def _asked_by(error: LabelerError, decision: Decision) -> str | None:
    """The obligation behind what failed."""
    layer = Layer.WATERMARK
    if isinstance(error, CredentialError):
        layer = Layer.CREDENTIAL
    elif isinstance(error, MetadataError):
        layer = Layer.METADATA
    if layer in decision.layers:
        return decision.layers[layer]
    return next((each.asked_by for each in decision.outcomes if each.laid), None)


def _work_of(content: Content) -> str:
    """What versions of a file have in common, however its path is written: as in a sign-off.

    Streams have nothing in common: of those, each content is a work of its own.
    """
    if content.path is not None:
        return str(content.path.absolute())
    return content.name if is_url(content.name) else content.sha256


def _record_refusal(
    registry: Registry, assessment: Assessment, sha256: str, actor: str, refusal: ObligationError
) -> None:
    registry.record_decision(
        assessment.decision_id,
        sha256,
        actor=actor,
        reason=f"Refused: {refusal.problem}",
        body={"outcome": "refused", "assessment": json.loads(assessment.to_json())},
    )


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name, in a container say
        return f"uid {os.getuid()}"
