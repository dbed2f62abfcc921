"""How many bytes the renditions take, and how many they may."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ROOM_TO_SPARE = 0.9


class Ledger:
    """
    A running total with an upper bound; safe to use from several threads.

    The total is never below the truth, except for what others put into the cache by hand.
    Until the first count it is not known, and nothing fits.

    Args:
        max_bytes: The bound, at least 0.
    """

    def __init__(self, max_bytes: int) -> None:
        self._guard = threading.Lock()
        self._max_bytes = max_bytes
        self._total = 0
        self._is_known = False
        # Reserved, and perhaps not to be seen by a walk: its file comes into place any moment.
        self._pending = 0
        self._added = 0

    @property
    def max_bytes(self) -> int:
        """The bound."""
        return self._max_bytes

    @max_bytes.setter
    def max_bytes(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    @property
    def total(self) -> int:
        """Bytes in the cache, those reserved among them."""
        return self._total

    @property
    def is_known(self) -> bool:
        """Whether the cache has been counted."""
        return self._is_known

    @property
    def is_over(self) -> bool:
        """Whether the total is above the bound."""
        return self._total > self._max_bytes

    def reserve(self, length: int) -> bool:
        """Add so many bytes if they fit, then `settle` them; returns whether they did."""
        with self._guard:
            if not self._is_known or self._total + length > self._max_bytes:
                return False
            self._total += length
            self._pending += length
            self._added += length
            return True

    def settle(self, length: int, *, freed: int) -> None:
        """End a reservation: the file is in place, or not; *freed* bytes are gone for it."""
        with self._guard:
            self._pending -= length
            self._total = max(0, self._total - freed)

    def release(self, length: int) -> None:
        """Take so many bytes off."""
        with self._guard:
            self._total = max(0, self._total - length)

    def goal(self, wanted: int) -> int:
        """What to shrink the cache to, so that *wanted* bytes fit and some room is left over."""
        return max(0, int(self._max_bytes * _ROOM_TO_SPARE) - wanted)

    @contextmanager
    def counting(self) -> Iterator["Count"]:
        """
        Put a true count in the total's place, once the block is done.

        What is added during the count may be seen by it or not; it is added once more, so
        that the total errs on the safe side, until the next count.
        """
        with self._guard:
            self._added = self._pending
        count = Count()
        yield count
        if count.is_complete:
            with self._guard:
                self._total = count.seen + self._added
                self._is_known = True


class Count:
    """Bytes seen by one walk through the cache; without `is_complete` it is thrown away."""

    def __init__(self) -> None:
        self.seen = 0
        self.is_complete = False
