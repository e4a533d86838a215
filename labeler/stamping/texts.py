"""Finished text: a credential beside it, and a label in words; it cannot carry more."""

# ruff: noqa: ARG002 - the interface names arguments that there is nothing to do with

from __future__ import annotations

from typing import NoReturn

from labeler.codec.payload import Payload
from labeler.credentials import SoftBinding
from labeler.disclosure.labels import TextLabel
from labeler.disclosure.texts import label_text
from labeler.errors import CapacityError, LabelerError, MetadataError
from labeler.media.content import Content
from labeler.media.text import open_text
from labeler.stamping.in_memory import InMemory
from labeler.stamping.interface import ExpectedWatermark, Marked, Order, Tools
from labeler.stamping.readback import lost

__all__ = ["TextLayers", "TextWatermarking", "labelled"]


class TextWatermarking:
    """See `labeler.stamping.interface.Watermarking`: there is none in finished text.

    Marks that hide in characters nobody sees are auxiliary data and no watermark, which has to
    survive retyping (Code of Practice, glossary); marks in the choice of words are made by who
    generates the text.
    """

    def find(self, order: Order, tools: Tools) -> tuple[()]:
        """See `Watermarking.find`."""
        return ()

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`."""
        raise CapacityError(
            "finished text cannot carry a watermark yet",
            hint="Watermark it where it is generated",
        )

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        written = order.labels.written
        return order.content if written is None else labelled(order.content, written)

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding, ...]:
        """See `Watermarking.bind`."""
        return ()

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> NoReturn:
        """See `Watermarking.check`."""
        lost("Finished text carries none")

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark, order: Order, tools: Tools
    ) -> None:
        """See `Watermarking.fingerprint`."""


class TextLayers(InMemory):
    """See `labeler.stamping.interface.Layers`; the credential lies beside the text."""

    def write_metadata(self, content: Content, order: Order) -> NoReturn:
        """See `Layers.write_metadata`."""
        raise MetadataError(
            f"no metadata are written into {order.media_type.label}",
            hint="Allow them to be missing (--allow-missing metadata): the credential beside the "
            "text says what they would",
        )


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
