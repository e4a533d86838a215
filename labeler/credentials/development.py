"""An identity for trying things out: nobody but its maker trusts it, and its names say so."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from labeler.credentials.identity import DEVELOPMENT_ORGANIZATION, Identity
from labeler.errors import IdentityError

__all__ = [
    "CHAIN_FILE",
    "DEVELOPMENT_ORGANIZATION",
    "KEY_FILE",
    "ROOT_FILE",
    "create_development_identity",
    "load_development_identity",
]

CHAIN_FILE: Final = "chain.pem"
"""File name of the certificate chain in an identity's directory."""
KEY_FILE: Final = "key.pem"
"""File name of the private key, mode 0600."""
ROOT_FILE: Final = "root.pem"
"""File name of the root certificate, for trust lists."""


def create_development_identity(
    directory: Path, *, now: datetime, common_name: str = "Labeler development signer"
) -> Identity:
    """Make a root and a signing certificate (ES256) for development, and keep them in files.

    The directory appears with all its files or not at all. The root's key is not kept.

    Args:
        directory: Where to keep them; it must not exist yet, or be empty. Its parents are made.
        now: The present time, with a time zone. The certificates are valid for two years.
        common_name: The signer's name, at most 64 characters.

    Raises:
        IdentityError: The directory holds something already, cannot be written, or the name does
            not fit a certificate.
    """
    from labeler.credentials import _authority  # noqa: PLC0415 - slow to import

    try:
        issued = _authority.issue(common_name, now)
    except ValueError as error:
        raise IdentityError(
            f"{common_name!r} cannot be the name in a certificate",
            hint="Use 1 to 64 characters",
        ) from error
    files = {
        ROOT_FILE: issued.root.encode(),
        CHAIN_FILE: issued.chain.encode(),
        KEY_FILE: issued.key,
    }
    try:
        _publish(directory, files)
    except OSError as error:
        if directory.is_dir() and any(directory.iterdir()):
            raise IdentityError(
                "the directory holds files already, and nothing in it was changed",
                file=directory,
                hint="Use the identity that is there, or choose another directory",
            ) from None
        raise IdentityError(
            f"the identity cannot be written ({error.strerror})",
            file=directory,
            hint="Choose a directory that can be written; LABELER_HOME names where all lies",
        ) from error
    return load_development_identity(directory, now=now)


def load_development_identity(directory: Path, *, now: datetime | None = None) -> Identity:
    """The identity that `create_development_identity` put into ``directory``.

    Args:
        directory: The identity's directory.
        now: The time at which the certificates have to be valid; None: the present.

    Raises:
        IdentityError: See `Identity.from_pem_files`.
    """
    return Identity.from_pem_files(directory / CHAIN_FILE, directory / KEY_FILE, now=now)


def _publish(directory: Path, files: dict[str, bytes]) -> None:
    """Make ``directory`` with ``files`` in it, in one step.

    Renaming onto a directory works only where that is empty, so nothing is ever overwritten, also
    by two processes at once.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        for name, content in files.items():
            _write(draft / name, content)
        draft.rename(directory)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync(directory.parent)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make the rename last; not every platform and file system can."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
