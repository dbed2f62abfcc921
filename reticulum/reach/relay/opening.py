"""A circuit that somebody has asked for, until a spare of the node is there."""

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.reach.relay.hello import Hello
from reticulum.reach.relay.status import Status
from reticulum.reach.relay.turn import Turn


class Opening(Protocol):
    """
    Keeps what the dialler says meanwhile, up to a bound; a `Claim`.

    Args:
        hello: What he said.
        transport: Of the dialler; it becomes the protocol of it.
        data: What he sent behind it.
        most: Bytes kept; then he is not read from.
        granted: Called with this, the transport of a spare, and the first bytes from there.
        refused: Called with this and why.
        gone: Called with this if the dialler hangs up.
    """

    transport: Any

    def __init__(
        self,
        hello: Hello,
        transport: Any,
        data: bytes,
        *,
        most: int,
        granted: Callable[["Opening", Any, bytes], None],
        refused: Callable[["Opening", Status], None],
        gone: Callable[["Opening"], None],
    ) -> None:
        self.hello = hello
        self.transport = transport
        self.turn: Turn | None = None
        self._data: list[bytes] = []
        self._most = most
        self._granted = granted
        self._refused = refused
        self._gone = gone
        transport.protocol = self
        self.dataReceived(data)

    @property
    def data(self) -> bytes:
        """What the dialler has said."""
        return b"".join(self._data)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Keep it; one reading may take us above the bound."""
        self._data.append(data)
        self._most -= len(data)
        if self._most <= 0:
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Nobody wants the node any more."""
        del reason
        if self.turn is not None:
            self.turn.cancel()
        self._gone(self)

    def granted(self, transport: Any, data: bytes) -> None:
        """There is a spare."""
        self._granted(self, transport, data)

    def refused(self, status: Status) -> None:
        """There is none."""
        self._refused(self, status)
