"""Outputs behind URLs, through fsspec."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from labeler.credentials import sidecar_name
from labeler.errors import OutputError
from labeler.media.source import open_filesystem
from labeler.stamping.outlet import EXISTS, EXISTS_HINT, TEMPORARY_SUFFIX, Staged

__all__ = ["UrlOutlet"]


class UrlOutlet:
    """An object or file behind a URL. It is put under a temporary name, read back and moved."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._filesystem, self._path = open_filesystem(url)

    @property
    def name(self) -> str:
        """See `Outlet.name`."""
        return self._url

    @property
    def sidecar_name(self) -> str:
        """See `Outlet.sidecar_name`."""
        return sidecar_name(self._url)

    def check(self, *, overwrite: bool) -> None:
        """See `Outlet.check`."""
        with _refusing_remote(self._url):
            if not overwrite and self._filesystem.exists(self._path):
                raise OutputError(EXISTS, file=self._url, hint=EXISTS_HINT)

    def sha256(self) -> str | None:
        """See `Outlet.sha256`."""
        try:
            return hashlib.sha256(self._filesystem.cat_file(self._path)).hexdigest()
        except OSError:
            return None

    @contextmanager
    def stage(self, data: bytes, sidecar: bytes | None, *, overwrite: bool) -> Iterator[Staged]:
        """See `Outlet.stage`."""
        objects = [(self._path, data)]
        if sidecar is not None:
            objects.append((sidecar_name(self._path), sidecar))
        staged = _StagedObjects(self, self._filesystem, [path for path, _ in objects], overwrite)
        try:
            with _refusing_remote(self._url):
                self._filesystem.makedirs(_parent(self._path), exist_ok=True)
                for temporary, (_, content) in zip(staged.temporaries, objects, strict=True):
                    self._filesystem.pipe_file(temporary, content)
            yield staged
        finally:
            staged.discard()


class _StagedObjects:
    """An object and perhaps its sidecar, under temporary names."""

    def __init__(
        self,
        outlet: UrlOutlet,
        filesystem: Any,
        paths: list[str],
        overwrite: bool,
    ) -> None:
        self._outlet = outlet
        self._filesystem = filesystem
        self._paths = paths
        self._overwrite = overwrite
        self.temporaries = [_temporary(path) for path in paths]

    def read(self) -> tuple[bytes, bytes | None]:
        with _refusing_remote(self._outlet.name):
            contents = [self._filesystem.cat_file(path) for path in self.temporaries]
        return contents[0], contents[1] if len(contents) > 1 else None

    def publish(self) -> None:
        self._outlet.check(overwrite=self._overwrite)
        with _refusing_remote(self._outlet.name):
            # The sidecar first.
            for temporary, path in reversed(list(zip(self.temporaries, self._paths, strict=True))):
                self._filesystem.mv(temporary, path)

    def discard(self) -> None:
        for path in self.temporaries:
            with suppress(OSError, NotImplementedError):
                self._filesystem.rm_file(path)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _temporary(path: str) -> str:
    directory, slash, name = path.rpartition("/")
    return f"{directory}{slash}.{name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"


@contextmanager
def _refusing_remote(url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError, ValueError) as error:
        # File systems raise these for want of permission, place or ability.
        raise OutputError(
            f"the output cannot be written ({error or type(error).__name__})",
            file=url,
            hint="Check the URL, and that you may write there",
        ) from error
