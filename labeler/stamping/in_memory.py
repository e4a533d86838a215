"""Metadata and credential of content that is held in memory: pictures and text."""

from __future__ import annotations

from datetime import datetime

from labeler.credentials import Identity, ManifestDefinition, Parent, Place, sign
from labeler.media.content import Content
from labeler.metadata import write as write_metadata
from labeler.stamping.interface import Order, Signature, Tools

__all__ = ["InMemory"]


class InMemory:
    """See `labeler.stamping.interface.Layers`."""

    def write_metadata(self, content: Content, order: Order) -> Content:
        """See `Layers.write_metadata`."""
        name = order.content.name
        data = write_metadata(content.data, order.media_type, order.provenance, name=name)
        return Content(data, name)

    def place(self, order: Order, tools: Tools) -> Place:  # noqa: ARG002 - texts need them
        """Where the manifest goes."""
        return Place.INSIDE

    def sign(
        self,
        content: Content,
        definition: ManifestDefinition,
        identity: Identity,
        order: Order,
        tools: Tools,
        *,
        now: datetime,
    ) -> tuple[Content, Signature]:
        """See `Layers.sign`."""
        parent = Parent(data=order.content.data, media_type=order.media_type, sidecar=order.sidecar)
        signed = sign(
            content.data,
            order.media_type,
            definition,
            identity,
            parent=parent if definition.has_parent else None,
            force_invalid_parent=order.force_invalid_parent,
            tsa_url=tools.settings.tsa_url,
            trust=tools.trust,
            now=now,
            place=self.place(order, tools),
        )
        signature = Signature(
            sidecar=signed.sidecar,
            store=signed.store,
            manifest_id=signed.manifest_id,
            remark=signed.remark,
        )
        return Content(signed.data, order.content.name), signature
