"""What every medium offers to the pipeline, and what the pipeline hands around.

Two things differ. How a watermark gets into content and out of it is a matter of what people
perceive: pictures, sound, films. Where content lies while the layers around it are written is a
matter of its size: in memory, or on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol, Self

from detectors.conclusion import Evidence
from detectors.texts import TextTools
from labeler.codec.acoustic import Fingerprint
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Handle, Payload, ShortPayload
from labeler.codec.shingles import Shingles
from labeler.credentials import Identity, ManifestDefinition, SoftBinding, TrustStore
from labeler.errors import CapacityError, IdentityError, MarkNotVerifiedError
from labeler.marks.signpost import Signpost
from labeler.media.content import Content
from labeler.media.media_type import MediaType
from labeler.media.scratch import Scratch
from labeler.provenance import Provenance, Track
from labeler.receipt import LabelOutcome, Layer, MarkReading
from labeler.settings import Settings
from labeler.stamping.labelling import Labelling

if TYPE_CHECKING:
    from labeler.codec.sketch import Sketch

__all__ = [
    "SKETCHED",
    "Draft",
    "ExpectedLayer",
    "ExpectedWatermark",
    "Layers",
    "Marked",
    "Medium",
    "Order",
    "Signature",
    "Tools",
    "WatermarkLostError",
    "Watermarking",
    "expected_beside",
]


SKETCHED: Final = 8
"""Frames or pages of a picture file that are sketched, from its beginning."""


class WatermarkLostError(CapacityError, MarkNotVerifiedError):
    """The watermark did not survive the encoding: the content cannot carry it in this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for, once the source is known to be of use."""

    content: Content
    """The source."""
    media_type: MediaType
    sidecar: bytes | None = field(repr=False)
    """The source's manifest store, where that lies beside it."""
    provenance: Provenance
    allow_missing: frozenset[Layer]
    leave_out: frozenset[Layer] = frozenset()
    """Layers that are not made, though they might be: nobody asked for them."""
    force_invalid_parent: bool
    scratch: Scratch
    """Where files on their way to the output go."""
    labels: Labelling = field(default_factory=Labelling)
    """What people are to perceive in the output."""
    outcomes: tuple[LabelOutcome, ...] = ()
    """The same for the receipt, and what the publisher has to show beside it."""
    progress: Callable[[float], None] = field(repr=False)
    """Is told from time to time how far the marking is, 0 to 1, where it takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What is the same for every file."""

    settings: Settings
    key: Key
    """Makes watermarks."""
    signpost: Key | None = None
    """Makes the layer beside them that everybody can read; None: none is made."""
    no_signpost: str | None = None
    """Why none is made, where one was asked for."""
    keyring: Keyring
    """Finds watermarks that are there already."""
    texts: TextTools
    """Find watermarks in text."""
    text_log_key: Callable[[], Key] | None
    """Gives the key of the registry's log of texts; None where texts are not logged."""
    identity: Identity | IdentityError
    """Who signs, or why nobody can."""
    trust: TrustStore
    reserve: Callable[[], Handle]
    """Gives a new handle."""
    now: Callable[[], datetime]

    def find_key(self, key_id: str) -> Key:
        """The key of a watermark in a picture, sound or film."""
        made_with = {each.key_id: each for each in (self.key, self.signpost) if each is not None}
        return made_with[key_id] if key_id in made_with else self.keyring[key_id]

    def signpost_for(self, payload: Payload | ShortPayload) -> Signpost | None:
        """The layer beside a watermark that says ``payload``; None where none is made."""
        return None if self.signpost is None else Signpost(payload=payload, key=self.signpost)

    def without_signpost(self, reason: str) -> Tools:
        """Tools that make no layer beside the watermark."""
        return replace(self, signpost=None, no_signpost=reason)


@dataclass(frozen=True, slots=True)
class ExpectedLayer:
    """What has to be found under one key."""

    carried: Payload | ShortPayload
    """What the content itself says."""
    key_id: str
    """Id of the key that it was made with."""


def expected_beside(signpost: Signpost | None) -> tuple[ExpectedLayer, ...]:
    """What has to be found beside a watermark."""
    return () if signpost is None else (ExpectedLayer(signpost.payload, signpost.key.key_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedWatermark:
    """A watermark that has to be found."""

    carried: Payload | ShortPayload | None
    """What the content itself says; None where that is no more than its key: text."""
    payload: Payload | None
    """What that stands for; None where it is a short form that nobody here made."""
    key_id: str
    """Id of the key that it was made with."""
    beside: tuple[ExpectedLayer, ...] = ()
    """Layers of other keys in the same place: a public signpost."""
    frames: frozenset[int] | None = None
    """Numbers of a picture's frames that have to carry it; None: one of them has to."""
    tracks: Mapping[Track, ExpectedWatermark] = field(default_factory=dict)
    """The tracks of a film that have to carry a watermark, each its own; empty for other media."""

    @property
    def layers(self) -> tuple[ExpectedLayer, ...]:
        """Each key's; none where the content says no more than its key."""
        if self.carried is None:
            return self.beside
        return (ExpectedLayer(self.carried, self.key_id), *self.beside)

    @classmethod
    def of_tracks(cls, tracks: Mapping[Track, ExpectedWatermark]) -> Self:
        """Those of a film; for all of it stands the first that carries a whole payload.

        Args:
            tracks: At least one.
        """
        ordered = {track: tracks[track] for track in Track if track in tracks}
        each = list(ordered.values())
        first = next((one for one in each if one.carried == one.payload), each[0])
        return cls(
            carried=first.carried, payload=first.payload, key_id=first.key_id, tracks=ordered
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Content that carries a watermark."""

    content: Content
    """The file, encoded again for a new one."""
    watermark: ExpectedWatermark
    sketches: tuple[Sketch, ...] = ()
    """See `Draft.sketches`."""
    legibility: Mapping[str, float] | None = None
    """How legible the mark of a picture is expected to be; see `LayerOutcome.legibility`."""
    psnr_db: float | None = None
    """See `labeler.receipt.LayerOutcome`."""
    snr_db: float | None = None
    """See `labeler.receipt.LayerOutcome`."""
    remark: str | None = None
    """What the mark does not cover, or where it came from; None where nothing need be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What signing added."""

    sidecar: bytes | None = field(default=None, repr=False)
    """The manifest store, to be kept beside the file; None where it is embedded."""
    store: bytes = field(repr=False)
    """The manifest store, wherever it is."""
    manifest_id: str
    """Label of the manifest."""
    remark: str | None = None
    """Why there is a sidecar, where that needs saying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An output that nobody has seen yet."""

    content: Content
    signature: Signature | None = None
    """The credential; None where there is none."""
    marked: Marked | None = None
    """What making the watermark gave; None where none was made."""
    watermark: ExpectedWatermark | None
    """The watermark that it carries; None where there is none."""
    sketches: tuple[Sketch, ...] = ()
    """What it looked like without the watermark that was made, its first frames or pages; of other
    content than pictures, none."""
    remarks: Mapping[Layer, str]
    """Why a layer is missing, or what it does not cover."""


class Watermarking(Protocol):
    """Watermarks in one kind of content."""

    def find(self, order: Order, tools: Tools) -> Sequence[Evidence]:
        """Look for watermarks in the source: one look, or one at each track of a film.

        Raises:
            MediaError: The source cannot be decoded.
        """
        ...

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """Encode the source again, with the order's labels and a watermark.

        Raises:
            CapacityError: It cannot carry one.
            UnsupportedMediaError: Its format cannot be written without loss.
            MediaError: It cannot be decoded.
        """
        ...

    def label(self, order: Order, tools: Tools) -> Content:
        """The source with the order's labels and no mark; the source itself where there are none.

        Raises:
            UnsupportedMediaError: Its format cannot be written without loss.
            MediaError: It cannot be decoded.
        """
        ...

    def bind(self, watermark: ExpectedWatermark) -> Sequence[SoftBinding]:
        """What the manifest says of a watermark: what detectors read out of the content."""
        ...

    def sketches(self, order: Order, tools: Tools, found: Evidence | None) -> tuple[Sketch, ...]:
        """What a source that gets no new mark looks like: see `Draft.sketches`.

        Args:
            order: What was asked for.
            tools: What is the same for every file.
            found: The mark that it keeps; None: it has none.

        Raises:
            MediaError: The source cannot be decoded.
        """
        ...

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> tuple[MarkReading, ...]:
        """See that the watermark reads from what was written: how each key's layer does.

        Raises:
            WatermarkLostError: It does not.
            MarkNotVerifiedError: What was written cannot be opened.
        """
        ...

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> Fingerprint | Shingles | None:
        """What the registry needs to tell the output from others with the same short payload.

        None where the watermark alone leads to its receipt. Of text, what it is recognised by
        without any mark.
        """
        ...


class Layers(Protocol):
    """The layers around content: metadata and the credential."""

    def write_metadata(self, content: Content, order: Order) -> Content:
        """``content`` with metadata that say what is claimed.

        Raises:
            MetadataError: They cannot be written.
        """
        ...

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
        """``content`` with a credential, embedded or beside it.

        The definition speaks of a parent or not: the source is the parent.

        Raises:
            CredentialError: It cannot be signed, or the parent's credential does not hold.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """How one kind of content is stamped."""

    watermarking: Watermarking
    layers: Layers
