"""The connection over which this node's datagrams go, while UDP does not pass."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.model import Address, reach_of
from reticulum.reach.ferry.frames import (
    MOST_DATAGRAM_BYTES,
    STILL_HERE,
    Parcel,
    Reading,
    write_frame,
)
from reticulum.reach.ferry.limits import SAYS_S, SILENT_S
from reticulum.reach.ferry.room import Room
from reticulum.reach.relay.status import Answer, Status, read_answer

ANSWER_S: Final = 5.0
"""For a ferryman to answer a hello, connecting not included."""


class Boat(Protocol):
    """
    A ferry, as he has it who is carried.

    Args:
        hello: What to say first.
        received: Gets what is brought, and from where it came.
        lost: Called with this once, if the connection is lost after a welcome.
        clock: For time.
    """

    transport: Any = None

    def __init__(
        self,
        hello: bytes,
        *,
        received: Callable[[bytes, Address], None],
        lost: Callable[["Boat"], None],
        clock: IReactorTime,
    ) -> None:
        self.answered: Deferred[Answer] = Deferred()
        """What the ferryman says; fails if he hangs up, or takes too long."""
        self.seen: Address | None = None
        """Where he sees this node; None before a welcome."""
        self.is_lost = False
        self._hello = hello
        self._received = received
        self._lost = lost
        self._clock = clock
        self._early = b""
        self._reading = Reading()
        self._room: Room | None = None
        self._saying: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None

    def takes(self, to: Address) -> bool:
        """Whether the ferryman carries to *to*: not to what is nearer to him than this node is."""
        return self.seen is not None and reach_of(to.host) >= reach_of(self.seen.host)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send, or lose it."""
        if self._room is not None and len(datagram) <= MOST_DATAGRAM_BYTES:
            self._room.write(write_frame(Parcel(to, datagram)))

    def close(self) -> None:
        """Close at once; nobody is told that it is lost."""
        self._lost = _nobody
        self._abandon()

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        """Say hello."""
        self.transport.write(self._hello)
        self.transport.setTcpNoDelay(True)
        self._deadline = self._clock.callLater(ANSWER_S, self._abandon)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Take the answer, then what is brought."""
        try:
            if self._room is None:
                data = self._answer(data)
            if self._room is not None:
                self._frames(data)
        except ValueError:
            self._abandon()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell whoever waits, or rides."""
        self.is_lost, self.transport, self._room = True, None, None
        self._quiet()
        if not self.answered.called:
            self.answered.errback(reason)
        elif self.seen is not None:
            self._lost(self)

    def _answer(self, data: bytes) -> bytes:
        """Read it; what came behind it."""
        self._early += data
        read = read_answer(self._early)
        if read is None:
            return b""
        answer, rest = read
        if answer.status is Status.WELCOME:
            self.seen = answer.address
            self._room = Room(self.transport)
            self._saying = self._clock.callLater(SAYS_S, self._say)
        if not self.answered.called:
            self.answered.callback(answer)
        return rest

    def _frames(self, data: bytes) -> None:
        if self._deadline is not None:
            self._deadline.reset(SILENT_S)
        for parcel in self._reading.take(data):
            if parcel is not None and not self.is_lost:
                self._received(parcel.datagram, parcel.address)

    def _say(self) -> None:
        if self._room is not None:
            self._room.write(STILL_HERE)
        self._saying = self._clock.callLater(SAYS_S, self._say)

    def _abandon(self) -> None:
        self._quiet()
        if self.transport is not None:
            self.transport.abortConnection()

    def _quiet(self) -> None:
        for timer in (self._saying, self._deadline):
            if timer is not None and timer.active():
                timer.cancel()
        self._saying = self._deadline = None


def _nobody(_boat: Boat) -> None:
    """Nobody wants to know any more."""
