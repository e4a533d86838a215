"""Which files a command line means: files, folders, patterns and URLs."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import unquote, urlsplit

from labeler.credentials.sidecar import SIDECAR_SUFFIX
from labeler.errors import BatchError, MediaError
from labeler.media.media_type import MediaKind, MediaType, sniff_file
from labeler.media.source import is_url

__all__ = ["Found", "LeftOut", "Source", "find"]

# Text lies beside media for many reasons, as a note or a licence: it has to be named itself.
_EXTENSIONS: Final = frozenset(
    extension
    for media_type in MediaType
    if media_type.kind is not MediaKind.TEXT
    for extension in media_type.extensions
)
_TEXT: Final = (
    "it is text; in folders Labeler recognises only pictures, sounds and films, so name it itself"
)


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file to work on."""

    location: str
    """Its path or URL, to be opened."""
    name: PurePath
    """Its name below the output folder: relative, without ``..``."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a folder that is not worked on, because it is no media that Labeler handles."""

    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a list of files, folders, patterns and URLs comes to."""

    files: tuple[Source, ...]
    """Each file once, in the order given; the files of a folder or pattern by name."""
    left_out: tuple[LeftOut, ...]


def find(
    arguments: Sequence[str], *, recursive: bool = False, exclude: Path | None = None
) -> Found:
    """The files that ``arguments`` mean.

    A file or URL is taken whatever it is, but for the manifest beside a file that is taken. Of a
    folder, and of a pattern such as ``shots/**/*.png`` (for shells that do not expand it), those
    files are taken that have the extension or the first bytes of a format that Labeler handles; the
    rest is reported as left out, and so is text, which is taken only where it is named itself.
    Hidden files and folders are not looked at.

    Args:
        arguments: Paths, patterns and URLs.
        recursive: Whether the folders in a folder are searched too.
        exclude: A folder that is not searched: where the outputs go.

    Raises:
        BatchError: An argument means nothing: no such file, or no media in the folder.
    """
    files: dict[Source, None] = {}
    left_out: dict[LeftOut, None] = {}
    for argument in arguments:
        taken = 0
        for candidate in _expand(argument, recursive=recursive, exclude=exclude):
            if isinstance(candidate, LeftOut):
                left_out[candidate] = None
            else:
                files[candidate] = None
                taken += 1
        if not taken:
            raise BatchError(
                "no pictures, sounds or films in it",
                file=argument,
                hint="Give files (texts always), or --recursive to search the folders in it too",
            )
    return Found(tuple(_without_sidecars(files)), tuple(left_out))


def _without_sidecars(files: Iterable[Source]) -> Iterator[Source]:
    """The files but for manifests whose file is there too: they are looked at together."""
    files = tuple(files)
    owners = {each.location + SIDECAR_SUFFIX for each in files}
    return (each for each in files if each.location not in owners)


def _expand(argument: str, *, recursive: bool, exclude: Path | None) -> Iterator[Source | LeftOut]:
    path = Path(argument)
    if is_url(argument):
        yield Source(argument, _url_name(argument))
    elif _is(path.is_dir, argument):
        yield from _select(_walk(path, recursive=recursive, exclude=exclude), base=path)
    elif _is(path.exists, argument):
        yield Source(argument, PurePath(path.name))
    elif glob.has_magic(argument):
        base = _fixed_part(path)
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob takes hidden ones
        files = (Path(match) for match in matches if stat.S_ISREG(_mode(Path(match))))
        yield from _select((f for f in files if not _is_within(f, exclude)), base=base)
    else:
        raise BatchError("no such file or folder", file=argument, hint="Check the path")


def _is(question: Callable[[], bool], argument: str) -> bool:
    """The answer of the file system, which refuses some questions: no permission, a long name."""
    try:
        return question()
    except OSError as error:
        raise BatchError(
            f"the path cannot be followed ({error.strerror})",
            file=argument,
            hint="Check the path and its permissions",
        ) from error


def _url_name(url: str) -> PurePath:
    name = PurePath(unquote(urlsplit(url).path)).name
    if not name:
        raise BatchError("the URL names no file", file=url, hint="Give the URL of one file")
    return PurePath(name)


def _walk(folder: Path, *, recursive: bool, exclude: Path | None) -> Iterator[Path | LeftOut]:
    """The files in ``folder``, hidden ones left out, in the order of their names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise BatchError(
            f"the folder cannot be read ({error.strerror})",
            file=folder,
            hint="Check its permissions",
        ) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        mode = _mode(path)
        # Links to files are followed, links to folders are not: they may lead in circles.
        if stat.S_ISREG(mode):
            yield path
        elif stat.S_ISDIR(mode):
            if recursive and not entry.is_symlink() and not _is_within(path, exclude):
                yield from _walk(path, recursive=True, exclude=exclude)
        elif path.suffix.lower() in _EXTENSIONS:
            yield LeftOut(str(path), "it is a broken link, a pipe or a device")


def _mode(path: Path) -> int:
    """Type and permissions of what ``path`` leads to; 0 where that cannot be known."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _select(paths: Iterable[Path | LeftOut], *, base: Path) -> Iterator[Source | LeftOut]:
    for path in paths:
        if isinstance(path, LeftOut):
            yield path
            continue
        if path.suffix == SIDECAR_SUFFIX:
            continue  # It belongs to the file beside it.
        reason = None if path.suffix.lower() in _EXTENSIONS else _foreign(path)
        if reason is None:
            yield Source(str(path), path.relative_to(base))
        else:
            yield LeftOut(str(path), reason)


def _foreign(path: Path) -> str | None:
    """Why ``path`` is no media that Labeler handles, by its content; None where it is."""
    try:
        with path.open("rb") as file:
            if sniff_file(file, name=str(path)).kind is MediaKind.TEXT:
                return _TEXT
    except MediaError as error:
        return error.problem
    except OSError:
        return None  # The error belongs to the work on this file, where it is reported.
    return None


def _fixed_part(pattern: Path) -> Path:
    """The folder that ``pattern`` names before its first wildcard."""
    fixed = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _is_within(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder.resolve())
