"""The keys of all images that are here, in order: 21 bytes each, a million in 25 MB."""

from collections.abc import Iterator

from reticulum.model import Key
from reticulum.model.peers import KEY_BYTES
from reticulum.overlay.announcing.region import KEY_BITS, Region

_SHELF_BITS = 12
_ENTRY_BYTES = KEY_BYTES + 1


class KeyIndex:
    """A sorted set of keys with size classes, in 4,096 shelves by their first bits."""

    def __init__(self) -> None:
        self._shelves = [bytearray() for _ in range(1 << _SHELF_BITS)]
        self._keys = 0

    def __len__(self) -> int:
        return self._keys

    def __contains__(self, key: Key) -> bool:
        return self._place(key)[2]

    def add(self, key: Key, size_class: int) -> None:
        """Note an image; once more only changes its size class, 0 to 63."""
        shelf, at, here = self._place(key)
        entry = key.digest + bytes((size_class,))
        shelf[at : at + _ENTRY_BYTES * here] = entry
        self._keys += not here

    def discard(self, key: Key) -> None:
        """Forget an image, whether it is here or not."""
        shelf, at, here = self._place(key)
        if here:
            del shelf[at : at + _ENTRY_BYTES]
            self._keys -= 1

    def within(self, region: Region) -> Iterator[tuple[Key, int]]:
        """Keys in one region in rising order, each with its size class; may change meanwhile."""
        for number in self._shelves_of(region):
            shelf = bytes(self._shelves[number])
            for at in range(0, len(shelf), _ENTRY_BYTES):
                key = Key(shelf[at : at + KEY_BYTES])
                if key in region:
                    yield key, shelf[at + KEY_BYTES]

    def count(self, region: Region) -> int:
        """How many these are."""
        if region.bits > _SHELF_BITS:
            return sum(1 for _ in self.within(region))
        return sum(len(self._shelves[n]) for n in self._shelves_of(region)) // _ENTRY_BYTES

    def _shelves_of(self, region: Region) -> range:
        shift = KEY_BITS - _SHELF_BITS
        return range(region.first >> shift, ((region.end - 1) >> shift) + 1)

    def _place(self, key: Key) -> tuple[bytearray, int, bool]:
        shelf = self._shelves[key.number >> (KEY_BITS - _SHELF_BITS)]
        low, high = 0, len(shelf) // _ENTRY_BYTES
        while low < high:
            middle = (low + high) // 2
            at = middle * _ENTRY_BYTES
            if shelf[at : at + KEY_BYTES] < key.digest:
                low = middle + 1
            else:
                high = middle
        at = low * _ENTRY_BYTES
        return shelf, at, shelf[at : at + KEY_BYTES] == key.digest
