"""One node's own time: timers that die with it, and a wall clock that may be wrong."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from reticulum.testing.simulator.clock import HeapClock, Timer

EPOCH = 1_800_000_000.0
"""The wall clock when a simulation begins: January 2027."""


@implementer(IReactorTime)
class NodeClock:
    """
    What one node takes for the reactor.

    Args:
        clock: Of the whole simulation.
        skew_s: Seconds by which the wall clock of the node is ahead.
    """

    def __init__(self, clock: HeapClock, skew_s: float = 0.0) -> None:
        self._clock = clock
        self.skew_s = skew_s
        self.running = True

    def seconds(self) -> float:
        """Seconds that never go back."""
        return self._clock.seconds()

    def wall(self) -> float:
        """Seconds since 1970, as this node believes."""
        return EPOCH + self._clock.seconds() + self.skew_s

    def wall_ms(self) -> int:
        """Whole milliseconds since 1970, as this node believes."""
        return int(self.wall() * 1000)

    def stop(self) -> None:
        """As SIGKILL does: no timer of this node fires any more."""
        self.running = False

    def callLater(  # noqa: N802  (Twisted's name)
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002  (Twisted's name)
        *args: Any,
        **kw: Any,
    ) -> Timer:
        """Make a call in *delay* seconds, if the node still runs then."""

        def call() -> None:
            if self.running:
                callable(*args, **kw)

        timer = self._clock.callLater(delay, call)
        timer.owner = self
        return timer

    def getDelayedCalls(self) -> list[Timer]:  # noqa: N802  (Twisted's name)
        """Every call of this node that is still to come."""
        return [timer for timer in self._clock.getDelayedCalls() if timer.owner is self]
