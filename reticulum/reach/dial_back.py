"""Dials a node back over TCP, so that it learns whether others can reach it."""

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.model import Contact
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind

MOST_AT_ONCE = 64


@attrs.define(kw_only=True)
class DialBack:
    """
    Connects, says the nonce, and hangs up.

    Whoever asks for it has proved that the address is its own; see the overlay's `Answering`.

    Args:
        greeting: Who we are.
        pipes: Connects.
    """

    _greeting: Greeting
    _pipes: DirectPipes
    _under_way: set[Deferred[Any]] = attrs.field(factory=set, init=False)
    _is_stopped: bool = attrs.field(default=False, init=False)

    def __call__(self, contact: Contact, nonce: bytes) -> None:
        """Dial *contact* back; whether anybody is there is not for us to know."""
        if self._is_stopped or len(self._under_way) >= MOST_AT_ONCE:
            return
        hello = self._greeting.hello(Kind.KNOCK, contact.node_id, nonce=nonce)
        factory = Factory.forProtocol(lambda: _Knocking(hello))
        factory.noisy = False
        dialling: Deferred[Any] = self._pipes.to(contact).connect(factory)
        self._under_way.add(dialling)

        def over(_outcome: object) -> None:
            self._under_way.discard(dialling)

        dialling.addBoth(over)

    async def start(self) -> None:
        """Nothing is to be done before somebody asks."""

    async def stop(self) -> None:
        """Give up whatever is under way."""
        self._is_stopped = True
        for dialling in list(self._under_way):
            dialling.cancel()


class _Knocking(Protocol):
    transport: Any

    def __init__(self, hello: bytes) -> None:
        self._hello = hello

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        self.transport.write(self._hello)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        del reason
