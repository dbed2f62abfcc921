"""
Where the older servers keep their originals.

thraxil/reticulum has `aa/bb/…/full.<ext>`, Apomixis `data/aa/bb/…/image.<ext>`: twenty folders of
two hexadecimal digits each, which together are the SHA-1 of the bytes. Sizes lie beside it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from reticulum.cli.importing.found import Kind
from reticulum.model import HashName, ImageId

LEVELS = 20
# A store whose first folders are empty is still one; a tree of any size is none after a few looks.
_MOST_LOOKS = 2_000

_PAIR = re.compile(r"[0-9a-f]{2}")
_ORIGINAL = {
    Kind.RETICULUM: re.compile(r"full\.[0-9A-Za-z]{1,8}"),
    Kind.APOMIXIS: re.compile(r"image\.[0-9A-Za-z]{1,8}"),
}


@attrs.frozen
class Source:
    """
    A folder to be brought in.

    Args:
        top: Where the walk begins; paths and ids are read from here on.
        kind: How it is laid out.
        is_told: Whether a person has said so.
    """

    top: Path
    kind: Kind
    is_told: bool = False


def source_at(folder: Path, kind: Kind | None = None) -> Source:
    """
    What *folder* holds: told by *kind*, or found out.

    A store is also recognised by the folder above it, if it is called `data` there, as Apomixis
    has it. What is no store is a tree.
    """
    is_told = kind is not None
    if kind is Kind.TREE:
        return Source(folder, kind, is_told)
    for top in (folder, folder / "data"):
        looks = _Looks()
        for name in _names_at_leaves(top, LEVELS, looks):
            for known, pattern in _ORIGINAL.items():
                if pattern.fullmatch(name) and kind in {None, known}:
                    return Source(top, known, is_told)
    return Source(folder, kind or Kind.TREE, is_told)


def original_id(parts: tuple[str, ...], kind: Kind) -> ImageId | None:
    """
    The id of an original.

    Args:
        parts: Of its path, from the top of a store on.
        kind: Of the store; not a tree.

    Returns:
        None if the path is not that of an original.
    """
    *folders, name = parts
    if len(folders) != LEVELS or not _ORIGINAL[kind].fullmatch(name):
        return None
    if not all(_PAIR.fullmatch(folder) for folder in folders):
        return None
    return ImageId(HashName.SHA1, "".join(folders))


def store_around(folder: Path) -> Path | None:
    """The top of the store that *folder* holds an original and its sizes in; None if in none."""
    if not _PAIR.fullmatch(folder.name):
        return None
    parts = folder.absolute().parts
    if len(parts) <= LEVELS or not all(_PAIR.fullmatch(part) for part in parts[-LEVELS:]):
        return None
    return Path(*parts[:-LEVELS])


@attrs.define
class _Looks:
    left: int = _MOST_LOOKS


def _names_at_leaves(folder: Path, depth: int, looks: _Looks) -> Iterator[str]:
    """Names of files so many folders of two digits down; ends when enough was looked at."""
    if looks.left <= 0:
        return
    looks.left -= 1
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if not depth and not is_folder:
                    yield entry.name
                elif depth and is_folder and _PAIR.fullmatch(entry.name):
                    yield from _names_at_leaves(folder / entry.name, depth - 1, looks)
    except OSError:
        # Whether it can be read is for the walk to tell.
        return
