"""A look: where does a relay see a port of ours?"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.model import Address, Contact
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import MOST_ADDRESS_BYTES, Status, read_answer


class Look:
    """
    One question to one relay, on a connection that is to be kept as long as the answer matters:
    as long does the router keep the port.

    Args:
        greeting: Who we are.
        relay: Whom.
    """

    def __init__(self, greeting: Greeting, relay: Contact) -> None:
        self.hello = greeting.hello(Kind.LOOK, relay.node_id)
        self.seen: Deferred[Address] = Deferred()
        """Fails with `ConnectionDone` and its like if no sound answer comes."""
        self.factory = Factory.forProtocol(lambda: _Looking(self))
        self.factory.noisy = False
        self._looking: _Looking | None = None

    def began(self, looking: "_Looking") -> None:
        """Note the connection."""
        self._looking = looking

    def close(self) -> None:
        """Close it."""
        if self._looking is not None and self._looking.transport is not None:
            self._looking.transport.abortConnection()


class _Looking(Protocol):
    transport: Any

    def __init__(self, look: Look) -> None:
        self._look = look
        self._received = b""

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        self._look.began(self)
        self.transport.write(self._look.hello)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        self._received = (self._received + data)[: 2 * MOST_ADDRESS_BYTES]
        try:
            read = read_answer(self._received)
        except ValueError:
            self.transport.abortConnection()
            return
        if read is None or self._look.seen.called:
            return
        answer, _ = read
        if answer.status is Status.WELCOME and answer.address is not None:
            self._look.seen.callback(answer.address)
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        del reason
        self.transport = None
        if not self._look.seen.called:
            self._look.seen.errback(ConnectionDone())
