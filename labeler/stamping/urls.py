"""Outputs behind URLs, through fsspec."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from labeler.credentials import sidecar_name
from labeler.errors import OutputError
from labeler.media.content import Content
from labeler.media.scratch import Scratch
from labeler.media.source import open_filesystem
from labeler.stamping.outlet import EXISTS, EXISTS_HINT, TEMPORARY_SUFFIX, Staged

__all__ = ["UrlOutlet"]

_PIECE: Final = 1 << 20


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
        digest = hashlib.sha256()
        try:
            with self._filesystem.open(self._path, "rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
        except OSError:
            return None
        return digest.hexdigest()

    @contextmanager
    def stage(
        self, content: Content, sidecar: bytes | None, *, scratch: Scratch, overwrite: bool
    ) -> Iterator[Staged]:
        """See `Outlet.stage`."""
        paths = [self._path] if sidecar is None else [self._path, sidecar_name(self._path)]
        staged = _StagedObjects(
            self,
            self._filesystem,
            paths,
            overwrite=overwrite,
            scratch=None if content.file is None else scratch,
        )
        try:
            with _refusing_remote(self._url):
                self._filesystem.makedirs(_parent(self._path), exist_ok=True)
                self._write(staged.temporaries[0], content)
                if sidecar is not None:
                    self._filesystem.pipe_file(staged.temporaries[1], sidecar)
            yield staged
        finally:
            staged.discard()

    def _write(self, path: str, content: Content) -> None:
        if content.file is None:
            self._filesystem.pipe_file(path, content.data)
        else:
            self._filesystem.put_file(str(content.local_path), path)


class _StagedObjects:
    """An object and perhaps its sidecar, under temporary names."""

    def __init__(
        self,
        outlet: UrlOutlet,
        filesystem: Any,
        paths: list[str],
        *,
        overwrite: bool,
        scratch: Scratch | None,
    ) -> None:
        self._outlet = outlet
        self._filesystem = filesystem
        self._paths = paths
        self._overwrite = overwrite
        self._scratch = scratch
        self.temporaries = [_temporary(path) for path in paths]

    def read(self) -> tuple[Content, bytes | None]:
        name = self._outlet.name
        file, *sidecars = self.temporaries
        with _refusing_remote(name):
            sidecar = self._filesystem.cat_file(sidecars[0]) if sidecars else None
            if self._scratch is None:
                return Content(self._filesystem.cat_file(file), name), sidecar
            local = self._scratch.new_file()
            self._filesystem.get_file(file, str(local))
        return Content.of_file(local, name), sidecar

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
