"""A connection of a node that is kept open: it says now and then that it is still there."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.reach.relay.limits import BEATS_S, MOST_BEATS
from reticulum.reach.relay.status import STILL_HERE

_BEAT = bytes([STILL_HERE])


class Line(Protocol):
    """
    An anchor, a spare that nobody has taken, or an anchor whose place is taken.

    Args:
        transport: It becomes the protocol of it.
        clock: For time.
        silent_s: Without a byte, after which it is given up.
        beaten: Called when the node says that it is there.
        lost: Called when the connection is gone.
    """

    transport: Any

    def __init__(
        self,
        transport: Any,
        *,
        clock: IReactorTime,
        silent_s: float,
        beaten: Callable[["Line"], None],
        lost: Callable[["Line"], None],
    ) -> None:
        self.transport = transport
        self.silent_s = silent_s
        self._clock = clock
        self._beaten = beaten
        self._lost = lost
        self._beats = 0
        self._beats_at = clock.seconds()
        self.ends_at = self._beats_at + silent_s
        transport.protocol = self

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Answer with the same; who says anything else, or says it too often, is hung up on."""
        now = self._clock.seconds()
        if now - self._beats_at >= BEATS_S:
            self._beats, self._beats_at = 0, now
        self._beats += len(data)
        if self._beats > MOST_BEATS or data.count(_BEAT) != len(data):
            self.hang_up()
            return
        self.ends_at = now + self.silent_s
        self.transport.write(data)
        self._beaten(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell."""
        del reason
        self._lost(self)

    def say(self, frame: int) -> None:
        """Send one byte."""
        self.transport.write(bytes([frame]))

    def hang_up(self) -> None:
        """Close at once."""
        self.transport.abortConnection()
