"""A look: where does a relay see a port of ours?"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.model import Address, Contact
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import MOST_ADDRESS_BYTES, read_answer


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
        """Fails with `ConnectionDone` if no sound answer comes; never fires once this is closed."""
        self.factory = Factory.forProtocol(lambda: _Looking(self))
        self.factory.noisy = False
        self._looking: _Looking | None = None
        self._is_closed = False

    def began(self, looking: "_Looking") -> None:
        """Note the connection; it may come too late."""
        self._looking = looking
        if self._is_closed:
            self.close()

    def close(self) -> None:
        """Close it."""
        self._is_closed = True
        if self._looking is not None and self._looking.transport is not None:
            self._looking.transport.abortConnection()

    def told(self, address: Address | None) -> None:
        """Take the answer; None if none comes any more."""
        if self.seen.called or self._is_closed:
            return
        if address is None:
            self.seen.errback(ConnectionDone())
        else:
            self.seen.callback(address)


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
        if read is None:
            return
        answer, _ = read
        if answer.address is None:
            self.transport.abortConnection()
        else:
            self._look.told(answer.address)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        del reason
        self.transport = None
        self._look.told(None)
