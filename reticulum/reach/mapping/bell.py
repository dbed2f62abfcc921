"""A pause that can be cut short."""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class Bell:
    """
    What ends pauses. One waiter at a time.

    Args:
        clock: What pauses are measured on.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: Deferred[bool] | None = None
        self._has_rung = False

    def ring(self) -> None:
        """End the pause that is on; if none is, the next one ends at once."""
        if self._waiting is None:
            self._has_rung = True
        else:
            self._end(rung=True)

    async def pause(self, seconds: float) -> bool:
        """Wait *seconds*, or until it rings: then True."""
        if self._has_rung:
            self._has_rung = False
            return True
        waiting: Deferred[bool] = Deferred()
        self._waiting = waiting
        timer = self._clock.callLater(seconds, lambda: self._end(rung=False))
        try:
            return await waiting
        finally:
            self._waiting = None
            if timer.active():
                timer.cancel()

    def _end(self, *, rung: bool) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(rung)
