"""Room for datagrams before a connection whose other end may read too slowly."""

from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from reticulum.reach.ferry.limits import AT_ONCE_BYTES, MOST_WAITING_BYTES


@implementer(IPushProducer)
class Room:
    """
    Writes as long as not too much waits; what is on top is lost, as datagrams are.

    Args:
        transport: Where to write; it has no other producer.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._waiting = 0
        transport.bufferSize = AT_ONCE_BYTES
        transport.registerProducer(self, True)

    def write(self, frame: bytes) -> bool:
        """Write *frame*, all of it or, if it is to be lost, nothing."""
        if self._waiting:
            if self._waiting + len(frame) > MOST_WAITING_BYTES:
                return False
            self._waiting += len(frame)
        self._transport.write(frame)
        return True

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """More than `AT_ONCE_BYTES` wait; it is said again at each writing."""
        self._waiting = self._waiting or 2 * AT_ONCE_BYTES

    def resumeProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """Nothing waits any more."""
        self._waiting = 0

    def stopProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """The connection is lost; whoever listens on it is told."""
