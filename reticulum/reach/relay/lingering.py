"""A connection on which all is said, but which is not closed yet."""

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure


class Lingering(Protocol):
    """
    Throws away what still arrives.

    A look's address is good as long as its connection is there; and a refusal is lost if the
    connection is closed over bytes that nobody has read.

    Args:
        transport: It becomes the protocol of it.
        ends_at: When to hang up, in seconds of the relay's clock.
        lost: Called when the connection is gone.
    """

    transport: Any

    def __init__(
        self, transport: Any, *, ends_at: float, lost: Callable[["Lingering"], None]
    ) -> None:
        self.transport = transport
        self.ends_at = ends_at
        self._lost = lost
        transport.protocol = self

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Throw it away."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell."""
        del reason
        self._lost(self)

    def hang_up(self) -> None:
        """Close at once."""
        self.transport.abortConnection()


def drop(transport: Any) -> None:
    """Close at once, and hear nothing more of it."""
    Lingering(transport, ends_at=0.0, lost=lambda _: None)
    transport.abortConnection()
