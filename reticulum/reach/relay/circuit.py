"""A circuit, as its dialler has it: a stream to a node through a relay."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from reticulum.model import Address, Contact, NodeId
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import MOST_ADDRESS_BYTES, Status, read_answer

_WHY = {
    Status.FULL: "it has as many circuits as it may",
    Status.DOES_NOT_RELAY: "it does not relay",
    Status.NOT_ATTACHED: "the node is not attached to it",
    Status.TOO_MANY: "it takes no more of ours now",
    Status.NO_ANSWER: "the node did not answer it in time",
}


class CircuitRefused(ConnectError):
    """A relay does not connect us."""


@implementer(IStreamClientEndpoint)
class CircuitEndpoint:
    """
    Connects to one node through one relay.

    Whoever is at the end is not to be believed: TLS is between the two ends of the stream. What is
    sent goes out behind the hello, so the relay costs no round trip.

    Args:
        greeting: Who we are.
        pipes: To the relay.
        relay: Which.
        wanted: The node at the other end.
    """

    def __init__(
        self, greeting: Greeting, pipes: DirectPipes, relay: Contact, wanted: NodeId
    ) -> None:
        self._greeting = greeting
        self._pipe = pipes.to(Contact(relay.node_id, relay.address))
        self._relay = relay.node_id
        self._wanted = wanted
        self.seen: Address | None = None
        """Where the relay sees the wanted node; None before it has answered."""

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """
        Connect to the relay, and begin.

        Returns:
            The protocol, as soon as the relay is there: if it refuses, the connection is lost with
            `CircuitRefused`.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        hello = self._greeting.hello(Kind.CIRCUIT, self._relay, wanted=self._wanted)
        waiting = Factory.forProtocol(lambda: _Beginning(self, hello, factory))
        waiting.noisy = False
        beginning: Any = await self._pipe.connect(waiting)
        stream: IProtocol | None = beginning.stream
        if stream is None:
            raise ConnectionAbortedError("nobody wants the connection any more")
        return stream

    def refused(self, status: Status) -> CircuitRefused:
        """What to tell of a refusal."""
        why = _WHY.get(status, f"it answers {status}")
        return CircuitRefused(None, f"relay {self._relay}: {why}")  # type: ignore[no-untyped-call]


class _Beginning(Protocol):
    """The connection until the relay has answered; then it is the stream's alone."""

    transport: Any

    def __init__(self, endpoint: CircuitEndpoint, hello: bytes, factory: IProtocolFactory) -> None:
        self._endpoint = endpoint
        self._hello = hello
        self._factory = factory
        self._received = b""
        self._reason: Failure | None = None
        self.stream: Any = None

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        self.transport.write(self._hello)
        address: IAddress = self.transport.getPeer()
        self.stream = self._factory.buildProtocol(address)
        if self.stream is None:
            self.transport.abortConnection()
        else:
            self.stream.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        self._received += data
        try:
            read = read_answer(self._received)
        except ValueError:
            self._give_up(Failure(ConnectError(string="the relay answers what cannot be")))
            return
        if read is None:
            if len(self._received) > MOST_ADDRESS_BYTES:
                self._give_up(Failure(ConnectError(string="the relay answers what cannot be")))
            return
        answer, rest = read
        if answer.status is not Status.WELCOME:
            self._give_up(Failure(self._endpoint.refused(answer.status)))
            return
        self._endpoint.seen = answer.address
        self.transport.protocol = self.stream
        if rest:
            self.stream.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        if self.stream is not None:
            self.stream.connectionLost(self._reason or reason)

    def _give_up(self, reason: Failure) -> None:
        self._reason = self._reason or reason
        self.transport.abortConnection()
