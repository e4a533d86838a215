"""Recovering the manifest of a file that has lost it: the durable half of a credential.

What a watermark says is named in the manifest that was signed for its content: a *soft binding*
(C2PA 2.4, 18.10). So it leads from a file without metadata back to that manifest, wherever it is
kept. Who keeps it is not relied on: a manifest counts only where its own signature holds and it
names this very watermark. Whether the content is the one that it was signed for, a hash cannot
tell, for the bytes have changed; that is what the fingerprint is for (`detectors.likeness`).

Where the watermark is gone too, the fingerprint alone may lead to a manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from detectors.manifest_sources import ManifestSource, RegistrySource
from detectors.report import Finding, Presence
from labeler.credentials import Integrity, SoftBinding
from labeler.errors import LabelerError
from labeler.registry import RegistryReader

__all__ = ["Recovered", "recover", "recover_alike"]

_NOT_ASKED: Final = "{source} could not be asked for the file's manifest: {problem}."
_FOREIGN: Final = (
    "{source} gave a manifest for the file's watermark that does not name it, or whose signature "
    "does not hold; it was not used."
)

Read = Callable[[bytes], Finding]
"""Reads a manifest store as a credential finding, in the sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What asking gave."""

    finding: Finding | None
    """The credential, with where it came from under ``recovered``; None where there is none."""
    warnings: tuple[str, ...] = ()
    """What the reader should know: sentences."""


def recover(
    bindings: Sequence[SoftBinding], sources: Sequence[ManifestSource], read: Read
) -> Recovered:
    """Look for the manifest that watermarks lead to; the first that counts is taken.

    Args:
        bindings: What the watermarks say, the likeliest first.
        sources: Where to ask, in this order.
        read: Reads a store.
    """
    warnings: list[str] = []
    for binding in bindings:
        for source in sources:
            try:
                for store in _stores(source, binding):
                    finding = _checked(read(store), binding, source)
                    if finding is not None:
                        return Recovered(finding=finding, warnings=tuple(warnings))
                    warnings.append(_FOREIGN.format(source=_capitalised(source.name)))
            except LabelerError as error:
                told = _NOT_ASKED.format(source=_capitalised(source.name), problem=error.problem)
                warnings.append(told)
    return Recovered(finding=None, warnings=tuple(dict.fromkeys(warnings)))


def recover_alike(receipt_id: str, registry: RegistryReader, read: Read) -> Recovered:
    """The manifest of an output that content looks, sounds or reads like, without any watermark.

    It is shown as what may have been lost, and not as the content's own: the finding is
    inconclusive. What is alike may have been there before the output was.

    Args:
        receipt_id: Of the output.
        registry: Where it is known.
        read: Reads a store.
    """
    kept = registry.manifest_of(receipt_id)
    finding = None if kept is None else read(kept.store)
    if finding is None or finding.detail.get("integrity") != Integrity.UNBOUND.value:
        return Recovered(finding=None)
    recovered = {"source": RegistrySource(registry).name, "receipt_id": receipt_id}
    detail = {**finding.detail, "recovered": recovered}
    return Recovered(
        finding=replace(finding, presence=Presence.INCONCLUSIVE, detail=detail),
    )


def _stores(source: ManifestSource, binding: SoftBinding) -> Iterator[bytes]:
    for manifest_id in source.find(binding):
        store = source.fetch(manifest_id)
        if store is not None:
            yield store


def _checked(finding: Finding, binding: SoftBinding, source: ManifestSource) -> Finding | None:
    """The finding, where it is of a manifest that names the binding and holds."""
    detail = finding.detail
    named = detail.get("soft_bindings")
    is_named = isinstance(named, list) and _members(binding) in named
    if detail.get("integrity") != Integrity.UNBOUND.value or not is_named:
        return None
    recovered = {"source": source.name, **_members(binding)}
    return replace(finding, presence=Presence.PRESENT, detail={**detail, "recovered": recovered})


def _members(binding: SoftBinding) -> Mapping[str, Any]:
    return {"algorithm": binding.algorithm, "value": binding.value}


def _capitalised(name: str) -> str:
    # "registry" is a word, the others are URLs.
    return "The registry" if name == "registry" else name
