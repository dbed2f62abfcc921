"""How many originals are here: counted once in the background, then kept up to date."""

import contextlib
import threading
from pathlib import Path

import attrs

from reticulum.model import HashName, ImageId
from reticulum.storage import layout, listing
from reticulum.storage.locks import Locks

PAIRS = tuple(f"{number:02x}" for number in range(256))


@attrs.frozen(kw_only=True)
class Stock:
    """
    What is stored.

    Args:
        originals: How many.
        bytes: Of all originals together, sidecars left out.
        is_complete: False while they are still being counted; the numbers then only grow.
    """

    originals: int
    bytes: int
    is_complete: bool


class Census:
    """
    Counts originals below *data*, and removes sidecars that a killed process left alone.

    The walk goes in a fixed order and takes one lock for each 256th of the ids. Who adds or
    removes an image holds the same lock; so a change behind the walk is counted at once, and
    one ahead of it is left for the walk to see: nothing is counted twice or missed.
    """

    def __init__(self, data: Path, locks: Locks) -> None:
        self._data = data
        self._locks = locks
        self._guard = threading.Lock()
        self._passed: set[tuple[str, str]] = set()
        self._originals = 0
        self._bytes = 0
        self._is_complete = False

    @property
    def stock(self) -> Stock:
        """What is known now."""
        with self._guard:
            return Stock(
                originals=self._originals, bytes=self._bytes, is_complete=self._is_complete
            )

    def change(self, image_id: ImageId, *, originals: int, length: int) -> None:
        """Note that so many originals and bytes came (or went, below 0); holding the lock."""
        with self._guard:
            if (image_id.hash_name.value, image_id.digest[:2]) in self._passed:
                self._originals += originals
                self._bytes += length

    def walk(self, stop: threading.Event) -> None:
        """Count what has not been counted yet, until done or *stop* is set. Blocks: in a thread."""
        for hash_name in sorted(name.value for name in HashName):
            for pair in PAIRS:
                if stop.is_set():
                    return
                if (hash_name, pair) not in self._passed:
                    with self._locks.of_pair(pair):
                        self._walk_pair(hash_name, pair)
        with self._guard:
            self._is_complete = True

    def _walk_pair(self, hash_name: str, pair: str) -> None:
        originals = length = 0
        top = self._data / layout.ORIGINALS / hash_name / pair
        for second in filter(layout.is_pair, listing.names(top)):
            shelf = (hash_name, pair, second)
            for image_id in listing.images_on(self._data, shelf):
                with contextlib.suppress(FileNotFoundError):
                    length += (self._data / layout.original(image_id)).stat().st_size
                    originals += 1
            self._clear_lone_sidecars(shelf)
        with self._guard:
            self._originals += originals
            self._bytes += length
            self._passed.add((hash_name, pair))

    def _clear_lone_sidecars(self, shelf: listing.Shelf) -> None:
        folder = "/".join((layout.ORIGINALS, *shelf))
        names = set(listing.names(self._data / folder))
        for name in names:
            stem = name.removesuffix(layout.SIDECAR_SUFFIX)
            if stem not in names and layout.image_id(f"{folder}/{stem}") is not None:
                (self._data / folder / name).unlink(missing_ok=True)
