"""Metadata and credential of content that stays on disk: sound and films."""

from __future__ import annotations

from datetime import datetime

from labeler.credentials import FileParent, Identity, ManifestDefinition, sign_file
from labeler.media.content import Content
from labeler.metadata import write_file
from labeler.stamping.interface import Order, Signature, Tools

__all__ = ["OnDisk"]


class OnDisk:
    """See `labeler.stamping.interface.Layers`; every step gives a file of its own."""

    def write_metadata(self, content: Content, order: Order) -> Content:
        """See `Layers.write_metadata`."""
        name, scratch = order.content.name, order.scratch
        source, target = content.local_path, scratch.new_file()
        with scratch.writing():
            write_file(source, target, order.media_type, order.provenance, name=name)
        _discard(content, order)
        return Content.of_file(target, name)

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
        scratch = order.scratch
        source, target = content.local_path, scratch.new_file()
        parent = FileParent(
            path=order.content.local_path,
            media_type=order.media_type,
            sidecar=order.sidecar,
        )
        with scratch.writing():
            signed = sign_file(
                source,
                target,
                order.media_type,
                definition,
                identity,
                parent=parent if definition.has_parent else None,
                force_invalid_parent=order.force_invalid_parent,
                tsa_url=tools.settings.tsa_url,
                trust=tools.trust,
                now=now,
                may_link=content is not order.content,  # a draft, discarded below
            )
        _discard(content, order)
        signature = Signature(
            sidecar=signed.sidecar,
            store=signed.store,
            manifest_id=signed.manifest_id,
            remark=signed.remark,
        )
        return Content.of_file(target, order.content.name), signature


def _discard(content: Content, order: Order) -> None:
    """Give back the room of a draft that another has taken the place of."""
    if content is not order.content and content.file is not None:
        content.file.path.unlink()
