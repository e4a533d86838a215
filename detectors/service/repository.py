"""The registry as a manifest repository that strangers read and API keys write.

What an API key stores is its own: it may bind more values to it, point them elsewhere and delete
it. The manifests of this machine's own outputs nobody changes over the network, or whoever has a
key could lead their watermarks to another story.

The registry is asked in threads: its database may be slow, and the event loop waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from detectors.service.problems import ProblemKind, Refused, RequestError
from labeler.closing import Closing
from labeler.credentials import SoftBinding
from labeler.errors import ConflictError, LabelerError
from labeler.registry import Registry, RegistryReader, StoredManifest
from labeler.settings import Settings

__all__ = ["Repository"]

_LOG: Final = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_UNKNOWN_ALGORITHM: Final = ""
_REASON: Final = "asked for over the Soft Binding Resolution API by who stored it"


class Repository(Closing):
    """Manifests and what leads to them.

    Args:
        settings: They name the registry, which is made where the first manifest is stored.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._reader: RegistryReader | None = None
        self._writer: Registry | None = None

    async def find(
        self, values: Iterable[str], *, algorithm: str | None, limit: int
    ) -> tuple[str, ...]:
        """The manifests that a soft binding leads to, the likeliest first.

        Args:
            values: What its value may be in the registry.
            algorithm: Which; None: any.
            limit: How many at most.

        Raises:
            RequestError: The registry cannot be read.
        """

        def ask(reader: RegistryReader) -> tuple[str, ...]:
            found = [
                each
                for value in values
                for each in reader.find_manifests(value, algorithm=algorithm, limit=limit)
            ]
            return tuple(dict.fromkeys(found))[:limit]

        return await self._read(ask, ())

    async def of_receipts(self, receipt_ids: Iterable[str]) -> tuple[str, ...]:
        """The manifests of outputs of this registry, in the same order.

        Raises:
            RequestError: The registry cannot be read.
        """

        def ask(reader: RegistryReader) -> tuple[str, ...]:
            found = (reader.manifest_of(each) for each in receipt_ids)
            return tuple(each.manifest_id for each in found if each is not None)

        return await self._read(ask, ())

    async def manifest(self, manifest_id: str) -> StoredManifest:
        """A manifest.

        Raises:
            RequestError: The registry cannot be read.
            Refused: There is none of that id.
        """
        found = await self._read(lambda reader: reader.manifest(manifest_id), None)
        if found is None:
            raise _no_manifest()
        return found

    async def store(
        self, manifest_id: str, store: bytes, bindings: Sequence[SoftBinding], *, key_id: str
    ) -> StoredManifest:
        """Keep a manifest store, which is the API key's then, unless it was there before.

        Raises:
            RequestError: The registry cannot be written.
            Refused: There is another store under its label.
        """

        def work(registry: Registry) -> StoredManifest | None:
            registry.store_manifest(manifest_id, store, soft_bindings=bindings, stored_by=key_id)
            return registry.manifest(manifest_id)

        try:
            stored = await self._write(work)
        except ConflictError:
            raise Refused(
                409,
                "conflict",
                "there is another manifest store under this label",
                hint="A label belongs to one manifest: sign anew, which makes a new label",
            ) from None
        if stored is None:  # deleted in the same moment
            raise _no_manifest()
        return stored

    async def bind(self, manifest_id: str, value: str, *, key_id: str) -> None:
        """Let a value of an algorithm that nobody names lead to a manifest of the API key's.

        Raises:
            RequestError: The registry cannot be written.
            Refused: There is no such manifest, or it is somebody else's.
        """
        _check_owner(await self.manifest(manifest_id), key_id)
        binding = SoftBinding(algorithm=_UNKNOWN_ALGORITHM, value=value)
        if not await self._write(lambda registry: registry.bind(manifest_id, binding)):
            raise _no_manifest()

    async def rebind(self, manifest_id: str, value: str, *, key_id: str) -> None:
        """Let a value lead to this manifest instead of the API key's others.

        Raises:
            RequestError: The registry cannot be written.
            Refused: There is no such manifest, or it is somebody else's; the value led to
                none, or to none of the API key's.
        """
        _check_owner(await self.manifest(manifest_id), key_id)
        if not await self.find([value], algorithm=None, limit=1):
            raise Refused(404, "not-found", "the soft binding's value leads to no manifest")
        if not await self._write(
            lambda registry: registry.rebind(value, manifest_id, stored_by=key_id)
        ):
            raise _not_yours("the value leads to manifests of somebody else")

    async def delete(self, manifest_id: str, *, key_id: str) -> None:
        """Delete a manifest of the API key's, and what leads to it.

        Raises:
            RequestError: The registry cannot be written.
            Refused: There is no such manifest, or it is somebody else's.
        """
        _check_owner(await self.manifest(manifest_id), key_id)

        def work(registry: Registry) -> bool:
            if registry.manifest(manifest_id) is None:
                return False
            registry.delete_manifest(manifest_id, actor=f"api-key:{key_id}", reason=_REASON)
            return True

        if not await self._write(work):
            raise _no_manifest()

    def close(self) -> None:
        """Let go of the registry."""
        with self._opening:
            for each in (self._reader, self._writer):
                if each is not None:
                    each.close()
            self._reader = self._writer = None

    async def _read(self, ask: Callable[[RegistryReader], _Result], nothing: _Result) -> _Result:
        def work() -> _Result:
            reader = self._open_reader()
            return nothing if reader is None else ask(reader)

        return await _in_thread(work)

    async def _write(self, work: Callable[[Registry], _Result]) -> _Result:
        return await _in_thread(lambda: work(self._open_writer()))

    def _open_reader(self) -> RegistryReader | None:
        with self._opening:
            if self._reader is None:
                # It may have been made since: a service outlives the first stamping.
                self._reader = RegistryReader.of(self._settings)
            return self._reader

    def _open_writer(self) -> Registry:
        with self._opening:
            if self._writer is None:
                self._writer = Registry.of(self._settings)
            return self._writer


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    try:
        return await asyncio.to_thread(work)
    except ConflictError:
        raise
    except LabelerError as error:
        _LOG.error("%s: %s", type(error).__name__, error.problem)
        raise RequestError(ProblemKind.FAILED) from None


def _check_owner(stored: StoredManifest, key_id: str) -> None:
    if stored.stored_by != key_id:
        raise _not_yours("the manifest was stored by somebody else")


def _not_yours(problem: str) -> Refused:
    return Refused(403, "forbidden", problem, hint="Use the API key that stored it")


def _no_manifest() -> Refused:
    return Refused(404, "not-found", "there is no manifest of that id")
