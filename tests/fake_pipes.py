"""Pipes that lead nowhere by themselves: a test says what becomes of every attempt to connect."""

import random
from typing import Any

import attrs
from members import GRID, Who
from plain_connections import NOW_MS, Wire
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from reticulum.model import Address, Contact
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import HELLO_BYTES, Hello, read_hello
from reticulum.reach.relay.status import Answer, Status, write_answer

SEEN = Address("203.0.113.7", 40_000)
"""Where every relay sees us."""


def greeting_of(who: Who) -> Greeting:
    return Greeting(
        private_key=who.key,
        key=lambda: GRID,
        boot=b"b" * 8,
        now_ms=lambda: NOW_MS,
        rng=random.SystemRandom(),
    )


class Pipe(Wire):
    """One connection, as the other end of it has it."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.is_lost = False
        self.is_closed = False
        self.protocol = protocol
        protocol.makeConnection(self)

    def loseConnection(self) -> None:  # noqa: N802
        self.is_closed = True

    @property
    def is_given_up(self) -> bool:
        """Whether this end is to be closed."""
        return self.is_aborted or self.is_closed

    @property
    def hello(self) -> Hello:
        """What was said first."""
        hello = read_hello(self.sent[:HELLO_BYTES], [GRID])
        assert hello is not None
        return hello

    @property
    def said(self) -> bytes:
        """What was said behind the hello."""
        return self.sent[HELLO_BYTES:]

    def hear(self, data: bytes) -> None:
        """The other end says something, if it is still listened to."""
        assert not self.is_given_up
        self.protocol.dataReceived(data)

    def answer(self, status: Status = Status.WELCOME, behind: bytes = b"") -> None:
        """The other end is a relay, and answers."""
        seen = SEEN if status is Status.WELCOME else None
        self.hear(write_answer(Answer(status, seen)) + behind)

    def lose(self, reason: Any = connectionDone) -> None:
        """The connection is gone."""
        if not self.is_lost:
            self.is_lost = True
            self.protocol.connectionLost(reason)


@attrs.define(eq=False)
class Attempt:
    """Somebody wants to connect."""

    contact: Contact
    factory: Any
    done: "Deferred[IProtocol]"
    is_cancelled: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing has become of it yet."""
        return not self.done.called

    def connect(self) -> Pipe:
        """It succeeds."""
        pipe = Pipe(self.factory.buildProtocol(None))
        self.done.callback(pipe.protocol)
        return pipe

    def refuse(self) -> None:
        """Nobody is there."""
        self.done.errback(Refused())


@implementer(IStreamClientEndpoint)
@attrs.frozen
class _Endpoint:
    pipes: "FakePipes"
    contact: Contact

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        def cancel(done: "Deferred[IProtocol]") -> None:
            attempt.is_cancelled = True
            done.errback(CancelledError())

        attempt = Attempt(self.contact, protocolFactory, Deferred(cancel))
        self.pipes.attempts.append(attempt)
        if self.pipes.is_off:
            attempt.refuse()
        return attempt.done


@attrs.define(eq=False)
class FakePipes:
    """A `DirectPipes`; *is_off* refuses everything at once."""

    is_off: bool = False
    attempts: list[Attempt] = attrs.field(factory=list)
    pipes: list[Pipe] = attrs.field(factory=list)

    def to(self, contact: Contact) -> _Endpoint:
        return _Endpoint(self, contact)

    @property
    def waiting(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.is_open]

    def connect(self) -> list[Pipe]:
        """Let everybody connect who wants to."""
        pipes = [attempt.connect() for attempt in self.waiting]
        self.pipes += pipes
        return pipes

    def welcome(self) -> list[Pipe]:
        """Likewise, and be welcome."""
        pipes = self.connect()
        for pipe in pipes:
            pipe.answer()
        return pipes

    def settle(self) -> None:
        """Let what was closed find out."""
        for pipe in self.pipes:
            if pipe.is_given_up:
                pipe.lose()

    @property
    def alive(self) -> list[Pipe]:
        return [pipe for pipe in self.pipes if not pipe.is_lost and not pipe.is_given_up]
