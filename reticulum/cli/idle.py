"""A limit on silence: what shows no sign of life for too long is given up."""

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

T = TypeVar("T")


class IdleLimit:
    """
    Cancels what is waited for when nothing has moved for so many seconds.

    Args:
        clock: Measures the silence.
        seconds: The longest silence borne.
    """

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._call: IDelayedCall | None = None

    def moved(self) -> None:
        """Something happened: the silence starts again."""
        if self._call is not None and self._call.active():
            self._call.reset(self.seconds)

    async def watch(self, deferred: Deferred[T]) -> T:
        """
        Wait for *deferred*.

        Raises:
            TimeoutError: It was cancelled because nothing moved.
        """
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            deferred.cancel()

        self._call = self._clock.callLater(self.seconds, expire)
        try:
            return await deferred
        except Exception:
            # Whatever a cancelled Deferred makes of its cancellation.
            if expired:
                raise TimeoutError from None
            raise
        finally:
            if self._call.active():
                self._call.cancel()
