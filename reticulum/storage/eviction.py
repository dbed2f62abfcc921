"""Choosing the renditions that nobody has looked at for longest."""

import heapq
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from reticulum.model import HashName


@attrs.frozen(order=True)
class Kept:
    """
    A file in the cache.

    Args:
        used_ns: When it was used last; nanoseconds since 1970.
        path: Where it is.
        length: In bytes.
    """

    used_ns: int
    path: str
    length: int


def walk(top: Path) -> Iterator[Kept]:
    """Every file in the cache, in no order; what vanishes meanwhile is passed over."""
    for hash_name in HashName:
        yield from files(f"{top}/{hash_name.value}")


def files(folder: str) -> Iterator[Kept]:
    """Every file in one folder and the folders in it; none if it is not there."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from files(entry.path)
                else:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    yield Kept(status.st_atime_ns, entry.path, status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return


def oldest(kept: Iterable[Kept], excess: int, most: int) -> list[Kept]:
    """
    The least recently used files that together have *excess* bytes, oldest first.

    Memory is bounded: no more than *most* are returned, so it can take several rounds.

    Args:
        kept: In any order; gone through once.
        excess: Bytes to be rid of; none are returned if it is not above 0.
        most: How many, at least 1.
    """
    # A heap with the newest on top: whatever is not needed any more is taken off there.
    heap: list[_Newest] = []
    length = 0
    for file in kept:
        heapq.heappush(heap, _Newest(file))
        length += file.length
        while heap and (length - heap[0].file.length >= excess or len(heap) > most):
            length -= heapq.heappop(heap).file.length
    return sorted(newest.file for newest in heap)


@attrs.frozen(order=False)
class _Newest:
    file: Kept

    def __lt__(self, other: "_Newest") -> bool:
        return other.file < self.file
