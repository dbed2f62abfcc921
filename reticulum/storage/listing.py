"""Walking the originals in the order of their ids, one folder in memory at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

from reticulum.model import HashName, ImageId
from reticulum.storage import layout

Shelf = tuple[str, str, str]


def names(folder: str | Path) -> list[str]:
    """Names in *folder*, sorted; none if it is not there or no folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def shelves(data: Path, start: Shelf = ("", "", "")) -> Iterator[Shelf]:
    """Every folder that originals lie in, in order, from *start* on."""
    for hash_name in sorted(name.value for name in HashName):
        if hash_name < start[0]:
            continue
        top = data / layout.ORIGINALS / hash_name
        for first in names(top):
            if not layout.is_pair(first) or (hash_name, first) < start[:2]:
                continue
            for second in names(top / first):
                if layout.is_pair(second) and (hash_name, first, second) >= start:
                    yield (hash_name, first, second)


def images_on(data: Path, shelf: Shelf) -> list[ImageId]:
    """Ids of the originals in one folder, sorted; stray files are passed over."""
    folder = "/".join((layout.ORIGINALS, *shelf))
    found = (layout.image_id(f"{folder}/{name}") for name in names(data / folder))
    return [image_id for image_id in found if image_id is not None]


def images_after(data: Path, after: ImageId | None) -> Iterator[ImageId]:
    """Ids of all originals behind *after*, in the order of their text."""
    start = ("", "", "") if after is None else layout.shelf_of(after)
    for shelf in shelves(data, start):
        for image_id in images_on(data, shelf):
            if after is None or str(image_id) > str(after):
                yield image_id
