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
from reticulum.reach.relay.status import Status, read_answer

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
        self.refusal = ""
        """Why the relay does not connect us; empty if it has not said so."""
        self.is_crowded = False
        """Whether that is because it has too many of ours already."""

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
            # Never of more than some dozen bytes: an address too long is one that cannot be.
            read = read_answer(self._received)
        except ValueError:
            self._give_up("it answers what cannot be")
            return
        if read is None:
            return
        answer, rest = read
        if answer.status is not Status.WELCOME:
            self._endpoint.is_crowded = answer.status is Status.TOO_MANY
            self._give_up(_WHY.get(answer.status, f"it answers {answer.status.name}"))
            return
        self._endpoint.seen = answer.address
        self.transport.protocol = self.stream
        if rest:
            self.stream.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        if self.stream is not None:
            self.stream.connectionLost(self._reason or reason)

    def _give_up(self, why: str) -> None:
        self._endpoint.refusal = why
        self._reason = Failure(CircuitRefused(string=why))  # type: ignore[no-untyped-call]
        self.transport.abortConnection()
