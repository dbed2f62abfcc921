"""What was found out of late: bounded in number and in time."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """
    Remembers up to *most* values, each for a while.

    Args:
        most: How many, at least 1; the one put in first goes first.
        seconds: How long.
        now: Seconds, monotonic.
    """

    def __init__(self, *, most: int, seconds: float, now: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._now = now
        self._values: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def put(self, key: K, value: V) -> None:
        """Remember *value* from now on."""
        self._values.pop(key, None)
        self._values[key] = (value, self._now() + self._seconds)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def get(self, key: K) -> V | None:
        """What is remembered and not yet too old."""
        value, until = self._values.get(key, (None, 0.0))
        return value if self._now() < until else None

    def stale(self, key: K) -> V | None:
        """What is remembered, even if it is too old."""
        return self._values.get(key, (None, 0.0))[0]

    def forget(self, key: K) -> None:
        """Remember nothing about *key*."""
        self._values.pop(key, None)
