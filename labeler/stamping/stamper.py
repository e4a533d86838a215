"""The pipeline: one source in, one marked output out, or an error and nothing.

The order is fixed, because each step would undo what a later one has done:

    facts → what is due → read → labels → watermark → encode → metadata → sign → write under another
    name → read every layer back from what was written → decision and receipt into the registry →
    rename to the target → receipt confirmed

`labeler.registry.store` says what a crash leaves behind at each point.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Literal

from detectors.texts import TextTools
from detectors.verification import load_trust
from labeler.closing import Closing
from labeler.codec.keys import Keyring
from labeler.credentials import Identity
from labeler.errors import (
    IdentityError,
    LabelerError,
    MarkNotVerifiedError,
    OutputError,
)
from labeler.media.content import Content
from labeler.media.scratch import Scratch
from labeler.media.source import Source, read_content
from labeler.policy import Facts, parse_facts
from labeler.provenance import Provenance
from labeler.receipt import Layer, Receipt
from labeler.registry import Registry
from labeler.settings import Settings
from labeler.stamping.build import build, excuse, find_mark
from labeler.stamping.checking import read_back
from labeler.stamping.durable import make_durable
from labeler.stamping.fitting import asked_for, excused, fitted
from labeler.stamping.interface import Draft, Order, Tools, WatermarkLostError
from labeler.stamping.labelling import Labelling
from labeler.stamping.media import medium_for
from labeler.stamping.outlet import Outlet
from labeler.stamping.preparation import (
    check_target,
    check_tracks,
    choose_key,
    choose_signpost,
    load_identity,
    recognise,
    sidecar_beside,
)
from labeler.stamping.profile import labelling_settings, profile_digest
from labeler.stamping.publication import Target, open_outlet
from labeler.stamping.receipts import make_receipt, prepare
from labeler.stamping.ruling import Ruling, failing_closed, make_ruling

__all__ = ["AlreadyMarked", "Stamper", "stamp"]

_MARKING: Final = 0.9
"""What part of stamping a film its marking takes, roughly; the rest is signing and reading back."""

AlreadyMarked = Literal["refuse", "keep"]
"""What to do with a source that carries a watermark: refuse it, or leave the content as it is and
sign with that watermark's payload."""


def stamp(
    source: Source,
    target: Target,
    provenance: Provenance,
    *,
    settings: Settings | None = None,
    facts: Mapping[str, Any] | Facts | None = None,
    overwrite: bool = False,
) -> Receipt:
    """Mark one file: manifest, watermark and metadata, each read back from what was written.

    Args:
        source: A path, an fsspec URL, bytes, or a binary stream. It is never changed.
        target: Path, fsspec URL, or writable binary stream. It appears whole or not at all; its
            directories are made. The format is the source's.
        provenance: What is claimed about the content.
        settings: None: those of the environment.
        facts: What the law goes by; see `Stamper.stamp`.
        overwrite: Whether an existing target may be replaced, the source itself too.

    Raises:
        LabelerError: Nothing was written; the error names the file, and says what to do.
    """
    with Stamper(settings) as stamper:
        return stamper.stamp(source, target, provenance, facts=facts, overwrite=overwrite)


class Stamper(Closing):
    """Stamps many files with one identity, one watermark key and one registry.

    Use it as a context manager, or `close` it. Threads may share it; each process makes its own.

    Args:
        settings: None: those of the environment.
        identity: Who signs; None: the identity in the files that the settings name.
        now: Gives the time, with its zone.
        draw: Gives a random number from 0 up to, not including, its argument.

    Raises:
        LabelerError: A setting, the identity, a key or the registry cannot be used.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        identity: Identity | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._settings = Settings() if settings is None else settings
        self._now = now
        keyring = Keyring.load(self._settings.watermark_keys)
        key = choose_key(self._settings, keyring)
        trust = load_trust(self._settings)
        signer = load_identity(self._settings, now) if identity is None else identity
        self._registry = Registry.of(self._settings, draw=draw, now=now)
        self._tools = Tools(
            settings=self._settings,
            key=key,
            signpost=choose_signpost(self._settings, key),
            keyring=keyring,
            identity=signer,
            trust=trust,
            texts=TextTools.of(self._settings),
            text_log_key=self._registry.make_text_key if self._settings.log_texts else None,
            reserve=lambda: self._registry.reserve(self._settings.issuer),
            now=now,
        )

    def stamp(
        self,
        source: Source,
        target: Target,
        provenance: Provenance,
        *,
        facts: Mapping[str, Any] | Facts | None = None,
        labels: Labelling | None = None,
        name: str | None = None,
        sidecar: bytes | None = None,
        overwrite: bool = False,
        allow_missing: Collection[Layer] | None = None,
        leave_out: Collection[Layer] = (),
        already_marked: AlreadyMarked = "refuse",
        force_invalid_parent: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> Receipt:
        """Mark one file: manifest, watermark and metadata, each read back from what was written.

        Args:
            source: A path, an fsspec URL, bytes, or a binary stream. It is never changed.
            target: Path, fsspec URL, or writable binary stream. It appears whole or not at all;
                its directories are made. The format is the source's.
            provenance: What is claimed about the content.
            facts: What the law goes by (`labeler.policy.assess`): marks that are due then may not
                be missing, whatever ``allow_missing`` says, and others may; labels that are due are
                laid; the decision goes into the audit log. None: nothing is assessed.
            labels: Labels to lay; ``facts``, where they are given, decide instead.
            name: What errors call the source; None: its path, URL or stream name.
            sidecar: The manifest store that belongs to the source; None: for a path, the one that
                lies beside it.
            overwrite: Whether an existing target may be replaced, the source itself too.
            allow_missing: Layers to go without where they cannot be made; None: the settings'.
            leave_out: Layers not to make at all; facts may ask for none of them.
            already_marked: What to do with a source that carries a watermark.
            force_invalid_parent: Dangerous: sign also where the source's own credential does not
                hold. Readers will report a history that was tampered with.
            progress: Is told how far it is, 0 to 1: of films often, of what takes moments at its
                end. It may be told less than before, where a step has to be done again.

        Raises:
            PolicyError: The facts cannot be used.
            ObligationError: The output is prohibited, or it is undecided whether a label is due, or
                what is due cannot be done.
            MediaError: The source cannot be used, or synthetic tracks are declared of what is no
                film.
            CapacityError: It is too small or short, too flat or too quiet for a watermark.
            ConflictError: It carries a watermark already.
            ParentCredentialError: It carries a credential that does not hold.
            MarkNotVerifiedError: A layer could not be read back from what was written.
            OutputError: The target exists, or cannot be written.
            LabelerError: Another cause. Whatever is raised, nothing was published.
        """
        told = progress or (lambda _: None)
        with Scratch(self._settings.scratch) as scratch:
            content = self._read(source, scratch, name)
            try:
                order = Order(
                    content=content,
                    media_type=recognise(content),
                    sidecar=sidecar_beside(content) if sidecar is None else sidecar,
                    provenance=provenance,
                    allow_missing=self._allowed(allow_missing),
                    force_invalid_parent=force_invalid_parent,
                    scratch=scratch,
                    labels=labels or Labelling(),
                    outcomes=asked_for(labels or Labelling()),
                    leave_out=frozenset(leave_out),
                    progress=lambda part: told(_MARKING * part),
                )
                check_tracks(order)
                outlet = open_outlet(target)
                check_target(outlet, order.media_type, overwrite=overwrite)
                ruling = None
                if facts is not None:
                    ruling = make_ruling(
                        order, facts, self._registry, self._settings, now=self._now()
                    )
                with failing_closed(ruling):
                    receipt = self._carry_out(
                        order, outlet, already_marked, ruling, overwrite=overwrite
                    )
            except LabelerError as error:
                error.with_file(content.name)
                raise
        told(1.0)
        return receipt

    def find_published(
        self,
        source: Source,
        target: Target,
        provenance: Provenance,
        *,
        facts: Mapping[str, Any] | Facts | None = None,
        allow_missing: Collection[Layer] | None = None,
        already_marked: AlreadyMarked = "refuse",
    ) -> Receipt | None:
        """The receipt of an earlier stamping of the same, if its output is still there as it was.

        The same is: the same bytes, claims, facts, settings and target. This also settles what a
        crash between publishing and confirming has left open. Nothing but the registry is written.

        Raises:
            LabelerError: Source, target or registry cannot be read.
        """
        with Scratch(self._settings.scratch) as scratch:
            source_sha256 = self._read(source, scratch, None).sha256
        outlet = open_outlet(target)
        stated = facts if facts is None or isinstance(facts, Facts) else parse_facts(facts)
        profile = self._profile(
            provenance, self._allowed(allow_missing), already_marked, facts=stated
        )
        digest = outlet.sha256()
        for receipt in self._registry.find_stamped(source_sha256, profile):
            if receipt.target == outlet.name and receipt.target_sha256 == digest:
                self._registry.confirm(receipt.receipt_id)
                return receipt
        return None

    def close(self) -> None:
        """Let go of the registry."""
        self._registry.close()

    def _read(self, source: Source, scratch: Scratch, name: str | None) -> Content:
        return read_content(
            source,
            max_bytes=self._settings.max_file_bytes,
            max_sound_bytes=self._settings.max_sound_bytes,
            max_video_bytes=self._settings.max_video_bytes,
            scratch=scratch,
            name=name,
        )

    def _allowed(self, asked: Collection[Layer] | None) -> frozenset[Layer]:
        return self._settings.allow_missing if asked is None else frozenset(asked)

    def _profile(
        self,
        provenance: Provenance,
        allow_missing: frozenset[Layer],
        already_marked: AlreadyMarked,
        *,
        facts: Facts | None = None,
        labels: Labelling | None = None,
    ) -> str:
        identity = self._tools.identity
        return profile_digest(
            provenance,
            self._settings,
            key_id=self._tools.key.key_id,
            signpost=None if self._tools.signpost is None else self._tools.signpost.key_id,
            signer=None if isinstance(identity, IdentityError) else identity.certificate_chain,
            allow_missing=allow_missing,
            already_marked=already_marked,
            facts=None if facts is None else facts.digest,
            labels=repr(labels) if labels else None,
            labelling=None if facts is None else labelling_settings(self._settings),
        )

    def _carry_out(
        self,
        order: Order,
        outlet: Outlet,
        already_marked: AlreadyMarked,
        ruling: Ruling | None,
        *,
        overwrite: bool,
    ) -> Receipt:
        profile = self._profile(
            order.provenance,
            order.allow_missing,
            already_marked,
            facts=None if ruling is None else ruling.facts,
            labels=order.labels,
        )
        order = excused(order)
        order = fitted(order if ruling is None else ruling.apply(order))
        kept = find_mark(order, self._tools, keep=already_marked == "keep")
        if ruling is not None:
            ruling.check_kept(kept)
        tools, reason = self._tools, None
        while True:
            draft = build(order, tools, kept=kept, without_watermark=reason)
            try:
                return self._finish(order, draft, outlet, profile, ruling, overwrite=overwrite)
            except WatermarkLostError as error:
                if kept is not None or reason is not None:
                    raise
                excused_by = excuse(error, Layer.WATERMARK, order)
                # First without the layer beside it, then without any.
                if tools.signpost is not None:
                    tools = tools.without_signpost(excused_by)
                else:
                    reason = excused_by

    def _finish(
        self,
        order: Order,
        draft: Draft,
        outlet: Outlet,
        profile: str,
        ruling: Ruling | None,
        *,
        overwrite: bool,
    ) -> Receipt:
        """Write, read back, record, publish."""
        sidecar = None if draft.signature is None else draft.signature.sidecar
        with outlet.stage(
            draft.content, sidecar, scratch=order.scratch, overwrite=overwrite
        ) as staged:
            written, beside = staged.read()
            if (written.sha256, beside) != (draft.content.sha256, sidecar):
                raise MarkNotVerifiedError(
                    "what was written does not read back as it was",
                    hint="Nothing was published; check the disk",
                )
            readings = read_back(order, draft, written, beside, self._tools)
            receipt = make_receipt(
                order,
                draft,
                outlet,
                written,
                readings=readings,
                created_at=self._now(),
                decision_id=None if ruling is None else ruling.decision_id,
            )
            watermarking = medium_for(order.media_type).watermarking
            fingerprint = watermarking.fingerprint(written, draft.watermark, order, self._tools)
            if ruling is not None:
                # On record before anybody can see what was decided about.
                ruling.record(self._registry, receipt)
            durable = make_durable(order, draft, written, self._tools)
            prepare(self._registry, receipt, fingerprint, durable, profile=profile)
            try:
                staged.publish()
            except OutputError:
                # A prepared receipt too many is harmless, one too few is not: after anything else,
                # an interruption say, it stays.
                if outlet.sha256() != receipt.target_sha256:
                    self._registry.withdraw(receipt.receipt_id)
                raise
        # The output is there, and its receipt too: failing now would only deny both.
        with suppress(LabelerError):
            self._registry.confirm(receipt.receipt_id)
        return receipt
