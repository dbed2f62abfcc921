"""Which files `reticulum put` sends: what was named, and what is in the folders named."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

# What cameras and people call images; a folder's other files are left alone.
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".tif", ".tiff", ".bmp"})


@attrs.frozen
class Photo:
    """
    A file to be sent.

    Args:
        path: As the person would write it.
        length: Bytes in it when it was found.
    """

    path: Path
    length: int


def photos(
    paths: Iterable[Path], complain: Callable[[Path, str], object], *, every: bool = False
) -> Iterator[Photo]:
    """
    Regular files at *paths* and below them, each folder sorted by name.

    In folders, hidden files, links to folders and, unless *every*, files without the extension
    of an image are left out. What was named is never left out silently.

    Args:
        paths: Files and folders.
        complain: Told what can't be sent, and why.
        every: Whether to take files of any name.
    """
    for path in paths:
        try:
            found = path.stat()
        except OSError as error:
            complain(path, _reason(error))
            continue
        if stat.S_ISDIR(found.st_mode):
            empty = True
            for photo in _below(path, complain, every=every):
                empty = False
                yield photo
            if empty:
                complain(path, _nothing_in(every=every))
        elif stat.S_ISREG(found.st_mode):
            yield Photo(path, found.st_size)
        else:
            complain(path, "neither a file nor a folder")


def _below(
    folder: Path, complain: Callable[[Path, str], object], *, every: bool
) -> Iterator[Photo]:
    # By hand and not by recursion: folders may be nested deeper than Python's stack.
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            complain(here, _reason(error))
            continue
        folders = []
        for name in names:
            if name.startswith("."):
                continue
            path = here / name
            try:
                if stat.S_ISDIR(path.lstat().st_mode):
                    folders.append(path)
                    continue
                if not every and path.suffix.lower() not in EXTENSIONS:
                    continue
                found = path.stat()
            except OSError as error:
                complain(path, _reason(error))
                continue
            if stat.S_ISREG(found.st_mode):
                yield Photo(path, found.st_size)
        pending.extend(reversed(folders))


def _nothing_in(*, every: bool) -> str:
    if every:
        return "no files in this folder"
    return "no images in this folder; --all sends files of any name"


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    return f"can't be read: {error.strerror}"
