"""Waiting on a clock that is passed in: for a while, or until something happens."""

import random
from collections.abc import Iterator

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime


class Alarm:
    """
    A pause that can be cut short. One waiter at a time.

    Args:
        clock: What the pause is measured on.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: Deferred[None] | None = None
        self._rung = False
        self._is_closed = False

    def close(self) -> None:
        """Let nobody wait any more; who waits now is cancelled by its owner."""
        self._is_closed = True

    def ring(self) -> None:
        """End the pause that is on; if none is, the next one ends at once."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._rung = True
        else:
            waiting.callback(None)

    def hush(self) -> None:
        """Forget a ring that no pause has heard yet: what it was for is done now."""
        self._rung = False

    async def pause(self, seconds: float) -> None:
        """
        Wait *seconds*, or until it rings.

        Raises:
            CancelledError: It is closed.
        """
        if self._is_closed:
            raise CancelledError
        if self._rung:
            self._rung = False
            return
        self._waiting = Deferred()
        timer = self._clock.callLater(max(seconds, 0.0), self.ring)
        try:
            await self._waiting
        finally:
            self._waiting = None
            if timer.active():
                timer.cancel()


def about(seconds: float, rng: random.Random, spread: float = 0.2) -> float:
    """*seconds*, give or take a part of it, so that nodes started together drift apart."""
    return seconds * rng.uniform(1 - spread, 1 + spread)


def growing(first_s: float, longest_s: float, factor: float = 1.6) -> Iterator[float]:
    """Pauses in seconds, each longer than the one before, up to *longest_s*; for ever."""
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(pause_s * factor, longest_s)
