"""Outputs that are local files."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from labeler.credentials import sidecar_name
from labeler.errors import OutputError
from labeler.media.content import Content
from labeler.media.scratch import Scratch
from labeler.stamping.outlet import EXISTS, EXISTS_HINT, TEMPORARY_SUFFIX, Staged, refusing

__all__ = ["FileOutlet"]

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class FileOutlet:
    """A local file."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    @property
    def name(self) -> str:
        """See `Outlet.name`."""
        return str(self._path)

    @property
    def sidecar_name(self) -> str:
        """See `Outlet.sidecar_name`."""
        return sidecar_name(self.name)

    def check(self, *, overwrite: bool) -> None:
        """See `Outlet.check`."""
        if self._path.is_dir():
            raise OutputError(
                "the output is a directory", file=self.name, hint="Give the path of a file"
            )
        if not overwrite and os.path.lexists(self._path):
            raise OutputError(EXISTS, file=self.name, hint=EXISTS_HINT)

    def sha256(self) -> str | None:
        """See `Outlet.sha256`."""
        try:
            with self._path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    @contextmanager
    def stage(
        self, content: Content, sidecar: bytes | None, *, scratch: Scratch, overwrite: bool
    ) -> Iterator[Staged]:
        """See `Outlet.stage`."""
        del scratch  # what was written lies near
        # A link stays a link: what it leads to is replaced. Its sidecar is looked for beside it.
        path, beside = self._path.resolve(), Path(self.sidecar_name)
        files = [_StagedFile(path, overwrite=overwrite)]
        if sidecar is not None:
            files.append(_StagedFile(beside, overwrite=overwrite))
        try:
            with refusing(self.name):
                path.parent.mkdir(parents=True, exist_ok=True)
                files[0].write(content)
                if sidecar is not None:
                    files[1].write(Content(sidecar, self.sidecar_name))
            yield _StagedFiles(
                self.name,
                files,
                stale=beside if overwrite else None,
                in_memory=content.file is None,
            )
        finally:
            for file in files:
                file.discard()


class _StagedFiles:
    """A file and perhaps its sidecar, under temporary names."""

    def __init__(
        self, name: str, files: list[_StagedFile], *, stale: Path | None, in_memory: bool
    ) -> None:
        self._name = name
        self._files = files
        self._stale = stale
        self._in_memory = in_memory

    def read(self) -> tuple[Content, bytes | None]:
        file, *sidecars = (file.temporary for file in self._files)
        with refusing(self._name):
            sidecar = sidecars[0].read_bytes() if sidecars else None
            if self._in_memory:
                return Content(file.read_bytes(), self._name), sidecar
        return Content.of_file(file, self._name), sidecar

    def publish(self) -> None:
        file, *sidecars = self._files
        with refusing(self._name):
            for sidecar in sidecars:
                sidecar.publish()
            try:
                file.publish()
            except OSError:
                for sidecar in sidecars:
                    sidecar.withdraw()
                raise
        # From here on the output is there, and nothing is an error any more.
        with suppress(OSError):
            if self._stale is not None and not sidecars:
                # The sidecar of a file that was replaced would belie the new one.
                self._stale.unlink(missing_ok=True)
        with suppress(OSError):
            _synchronise(file.path.parent)


class _StagedFile:
    """One file on its way."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
        self._overwrite = overwrite
        self._is_new = False

    def write(self, content: Content) -> None:
        mode = 0o666  # less what the umask takes, as for any new file
        if self._overwrite:
            with suppress(FileNotFoundError):
                mode = stat.S_IMODE(self.path.stat().st_mode)
        descriptor = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            content.copy_to(file)
            file.flush()
            os.fsync(file.fileno())

    def publish(self) -> None:
        if self._overwrite:
            self._is_new = not self.path.exists()
            self.temporary.replace(self.path)
            return
        try:
            # Unlike renaming, linking fails where something has appeared in the meantime.
            os.link(self.temporary, self.path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # No links on this file system (FAT, some shares): nearly as good.
            if os.path.lexists(self.path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            self.temporary.rename(self.path)
        self._is_new = True

    def withdraw(self) -> None:
        """Take back what was published, unless it replaced something: that is gone."""
        if self._is_new:
            self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)


def _synchronise(directory: Path) -> None:
    """Make a rename last beyond a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
