"""Results that come in any order, passed on in the order they were asked for."""

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.define
class InOrder(Generic[T]):
    """
    Holds each result back until all before it are there.

    Args:
        pass_on: Gets each result, once.
    """

    _pass_on: Callable[[T], object]
    _next: int = 0
    _held: dict[int, T] = attrs.field(factory=dict)

    def add(self, place: int, result: T) -> None:
        """Take the result for *place*: 0, 1, 2 and so on, each once."""
        self._held[place] = result
        while self._next in self._held:
            self._pass_on(self._held.pop(self._next))
            self._next += 1

    def flush(self) -> None:
        """Pass on what is held, over the gaps: no more results will come."""
        for place in sorted(self._held):
            self._pass_on(self._held.pop(place))
