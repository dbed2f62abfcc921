"""Tombstones in memory, for tests: as strict as those on disk."""

import itertools
from collections.abc import Callable, Sequence

from reticulum.model import ImageId, Tombstone
from reticulum.storage.buried import must_fit

_DAY_S = 86_400
_US = 1_000_000


class GraveyardInMemory:
    """
    Tombstones in a dictionary, in the order in which they were learned; a `Graveyard`.

    Args:
        now: Seconds since 1970, UTC.
    """

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        # With each its place in the order of learning, and the day after which it may go.
        self._kept: dict[ImageId, tuple[int, int, Tombstone]] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def keep(self, tombstones: Sequence[Tombstone]) -> Sequence[Tombstone]:
        """
        Keep what is news. Of several for one image the highest counts.

        Raises:
            ValueError: A number in one of them is beyond all reason.
        """
        news: dict[ImageId, Tombstone] = {}
        for one in tombstones:
            must_fit(one)
            known = news.get(one.image_id) or self._kept.get(one.image_id, (0, 0, None))[2]
            if one.expires > self._now() and (known is None or one.sequence > known.sequence):
                news[one.image_id] = one
        for one in news.values():
            self._serial = max(self._serial + 1, int(self._now() * _US))
            # Popped, to be behind all others; and it goes no earlier than what it replaces.
            before = self._kept.pop(one.image_id, (0, 0, None))[1]
            self._kept[one.image_id] = (self._serial, max(before, one.expires // _DAY_S), one)
        return list(news.values())

    def get(self, image_id: ImageId) -> Tombstone | None:
        """The last one of an image."""
        tombstone = self._kept.get(image_id, (0, 0, None))[2]
        return tombstone if tombstone and tombstone.expires > self._now() else None

    def since(self, learned: int, after: int, most: int) -> tuple[Sequence[Tombstone], int | None]:
        """Tombstones in the order in which they were learned."""
        first, now = max(learned * _US - 1, after), self._now()
        rows = (row for row in self._kept.values() if row[0] > first and row[2].expires > now)
        found = list(itertools.islice(rows, most + 1))
        page = [tombstone for _, _, tombstone in found[:most]]
        return page, found[most - 1][0] if len(found) > most else None

    async def expire(self) -> int:
        """Forget those whose day is over; returns how many that were."""
        today = self._now() // _DAY_S
        gone = [image_id for image_id, (_, day, _) in self._kept.items() if day < today]
        for image_id in gone:
            del self._kept[image_id]
        return len(gone)
