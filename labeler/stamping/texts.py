"""Finished text: a credential, a label in words, metadata where its format has a place for them.

A watermark in the choice of words is made when text is generated (`labeler.marks.text`). Here it is
found again, so that the receipt of a finished text can say that it is there.
"""

# ruff: noqa: ARG002 - the interface names arguments that there is nothing to do with

from __future__ import annotations

from detectors.conclusion import Evidence
from detectors.report import Presence
from labeler.codec.payload import Payload
from labeler.codec.shingles import Shingles, shingles
from labeler.credentials import Place, SoftBinding
from labeler.disclosure.labels import TextLabel
from labeler.disclosure.texts import label_text
from labeler.errors import CapacityError, LabelerError, MediaError, MetadataError
from labeler.media.content import Content
from labeler.media.media_type import MediaType
from labeler.media.prose import visible_text
from labeler.media.text import open_text
from labeler.metadata import holds_metadata
from labeler.receipt import MarkReading
from labeler.stamping.in_memory import InMemory
from labeler.stamping.interface import ExpectedWatermark, Marked, Order, Tools
from labeler.stamping.readback import lost

__all__ = ["TextLayers", "TextWatermarking", "labelled"]


class TextWatermarking:
    """See `labeler.stamping.interface.Watermarking`: in finished text one can only be found.

    Marks that hide in characters nobody sees are auxiliary data and no watermark, which has to
    survive retyping (Code of Practice, glossary); marks in the choice of words are made by who
    generates the text.
    """

    def find(self, order: Order, tools: Tools) -> tuple[Evidence, ...]:
        """See `Watermarking.find`: what a key of this machine has marked."""
        text = _prose(order.content, order.media_type) if tools.texts.keys else None
        if text is None:
            return ()
        found = tools.texts.examine(text)
        return (found,) if found.finding.presence is Presence.PRESENT else ()

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`."""
        why = "no key of a text watermark is known here"
        if tools.texts.keys:
            why = "none of the text keys known here has marked it"
            if (obstacle := tools.texts.obstacle()) is not None:
                why = f"its watermark could not be looked for: {obstacle}"
        raise CapacityError(
            f"a finished text cannot be watermarked any more, and {why}",
            hint="Watermark it where it is generated (labeler.marks.text, or the inference "
            "engine), and add the key (labeler text keys)",
        )

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        written = order.labels.written
        return order.content if written is None else labelled(order.content, written)

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding, ...]:
        """See `Watermarking.bind`."""
        return (SoftBinding.for_text(watermark.key_id),)

    def sketches(self, order: Order, tools: Tools, found: Evidence | None) -> tuple[()]:
        """See `Watermarking.sketches`: pictures alone are sketched."""
        return ()

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> tuple[MarkReading, ...]:
        """See `Watermarking.check`."""
        finding = tools.texts.examine(_prose(written, order.media_type) or "").finding
        found = finding.detail.get("key_id")
        if (
            finding.presence is not Presence.PRESENT
            or finding.p_value is None
            or found != expected.key_id
        ):
            lost("Nothing was published; stamp the text without a label, or as it was generated")
        return (MarkReading(key_id=expected.key_id, p_value=finding.p_value),)

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> Shingles | None:
        """See `Watermarking.fingerprint`: of the text as it came, whatever is laid on it."""
        if tools.text_log_key is None:
            return None
        text = _prose(order.content, order.media_type)
        try:
            return None if text is None else shingles(text, tools.text_log_key())
        except CapacityError:  # a few words: nothing to recognise it by
            return None


class TextLayers(InMemory):
    """See `labeler.stamping.interface.Layers`."""

    def write_metadata(self, content: Content, order: Order) -> Content:
        """See `Layers.write_metadata`."""
        if holds_metadata(order.media_type):
            return super().write_metadata(content, order)
        raise MetadataError(
            f"no metadata are written into {order.media_type.label}",
            hint="Allow them to be missing (--allow-missing metadata): the credential says what "
            "they would",
        )

    def place(self, order: Order, tools: Tools) -> Place:
        """Beside a text without a container, unless it is asked for in the text.

        A comment of some thousand characters, let alone invisible ones, is nothing that people
        expect in a text which goes on to editors, version control and language models.
        """
        if holds_metadata(order.media_type):
            return Place.INSIDE
        if not tools.settings.embed_in_text:
            return Place.BESIDE
        return Place.INVISIBLE if order.media_type is MediaType.TEXT else Place.INSIDE


def labelled(content: Content, label: TextLabel) -> Content:
    """``content``, a text file in memory, with a label in words; see `disclosure.texts`.

    Raises:
        UnreadableMediaError: It cannot be decoded.
        UnsupportedMediaError: It is no text, or its encoding cannot write the label.
    """
    text = open_text(content.data, name=content.name)
    try:
        data = text.encoded(label_text(text.text, label, text.media_type))
    except LabelerError as error:
        error.with_file(content.name)
        raise
    return Content(data, content.name)


def _prose(content: Content, media_type: MediaType) -> str | None:
    """What people read of it; None where that cannot be told: an encrypted document, say."""
    try:
        return visible_text(content.data, media_type, name=content.name)
    except MediaError:
        return None
