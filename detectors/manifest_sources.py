"""Where manifests are kept that files have lost: what recovery asks, one source after the other.

The registry of this machine is one, `RegistrySource`; others are asked over the network, by
`detectors.resolver.Resolver`, and only where the caller opted in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from labeler.credentials import SoftBinding
from labeler.registry import RegistryReader

__all__ = ["MAX_CANDIDATES", "ManifestSource", "OutputSource", "RegistrySource"]

MAX_CANDIDATES: Final = 10
"""How many manifests a source names for one binding (C2PA 2.4, ``maxResults``)."""


class ManifestSource(Protocol):
    """Whoever may know a manifest by what a watermark says."""

    @property
    def name(self) -> str:
        """What a report calls it: "registry", or a URL without secrets."""

    def find(self, binding: SoftBinding) -> Sequence[str]:
        """The ids of the manifests that ``binding`` leads to, the likeliest first.

        Args:
            binding: What a watermark says, or a fingerprint.

        Returns:
            At most `MAX_CANDIDATES` ids; none where it knows none. They are the source's word
            only: whether a manifest belongs to the file is for the caller to check.

        Raises:
            LabelerError: It cannot be asked.
        """

    def fetch(self, manifest_id: str) -> bytes | None:
        """The manifest store (``application/c2pa``) whose active manifest has this id.

        Args:
            manifest_id: One that `find` named.

        Returns:
            The store as it was handed over, unchecked; None where there is none (any more).

        Raises:
            LabelerError: It cannot be asked.
        """


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """The registry of this machine."""

    reader: RegistryReader
    """Its read side."""

    @property
    def name(self) -> str:
        """What a report calls it: its location is the owner's business alone."""
        return "registry"

    def find(self, binding: SoftBinding) -> Sequence[str]:
        """The manifests that ``binding`` leads to: see `ManifestSource.find`.

        Raises:
            RegistryError: The registry cannot be read.
        """
        return self.reader.find_manifests(
            binding.value, algorithm=binding.algorithm or None, limit=MAX_CANDIDATES
        )

    def fetch(self, manifest_id: str) -> bytes | None:
        """The store of a manifest: see `ManifestSource.fetch`.

        Raises:
            RegistryError: The registry cannot be read.
        """
        found = self.reader.manifest(manifest_id)
        return None if found is None else found.store


@dataclass(frozen=True, slots=True)
class OutputSource:
    """The manifest of one output, which was recognised by other means than its soft binding."""

    reader: RegistryReader
    """Where it is kept."""
    receipt_id: str
    """Of the output."""

    @property
    def name(self) -> str:
        """What a report calls it: see `RegistrySource.name`."""
        return "registry"

    def find(self, binding: SoftBinding) -> Sequence[str]:  # noqa: ARG002 - it is known already
        """The output's manifest: see `ManifestSource.find`.

        Raises:
            RegistryError: The registry cannot be read.
        """
        found = self.reader.manifest_of(self.receipt_id)
        return () if found is None else (found.manifest_id,)

    def fetch(self, manifest_id: str) -> bytes | None:
        """The store of a manifest: see `ManifestSource.fetch`.

        Raises:
            RegistryError: The registry cannot be read.
        """
        found = self.reader.manifest(manifest_id)
        return None if found is None else found.store
