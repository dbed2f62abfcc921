"""The connections that a node keeps at a relay: hello, answer, then a byte now and then."""

from typing import Any, Protocol, cast

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from reticulum.model import Address
from reticulum.reach.pipes import ip_address
from reticulum.reach.relay.status import (
    ANCHOR_SAYS_S,
    ANCHOR_SILENT_S,
    ARE_YOU_THERE,
    GO,
    MORE_SPARES,
    MOST_ADDRESS_BYTES,
    SPARE_SAYS_S,
    SPARE_SILENT_S,
    STILL_HERE,
    Answer,
    Dialler,
    Status,
    read_answer,
    read_go,
)

ANSWER_S = 5.0
"""For a relay to answer a hello, connecting included."""


class Moored(Protocol):
    """Whose connections they are."""

    clock: IReactorTime

    def one_more(self) -> None:
        """The relay has somebody waiting, and no spare left."""

    def begins(self, spare: "SpareLine", dialler: Dialler, /) -> Any:
        """Make what listens on a stream that begins; None if nobody does."""

    def gone(self, spare: "SpareLine", /) -> None:
        """Note a spare that is closed."""

    def anchor_gone(self) -> None:
        """Note that the anchor is closed."""


class KeptLine(protocol.Protocol):
    """A connection that is kept open at the relay: hello, answer, then a byte now and then."""

    transport: Any
    says_s: float
    silent_s: float

    def __init__(self, mooring: Moored) -> None:
        self.mooring = mooring
        self.hello = b""
        self.received = b""
        self.answer: Answer | None = None
        self._saying: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        """Say what it is for."""
        self.transport.write(self.hello)
        self.transport.setTcpNoDelay(True)
        self._deadline = self.mooring.clock.callLater(ANSWER_S, self.close)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Take what comes; nonsense, or too much of it, ends the line."""
        self.received += data
        if len(self.received) > 2 * MOST_ADDRESS_BYTES:
            self.close()
            return
        try:
            self.read()
        except ValueError:
            self.close()

    def read(self) -> None:
        """Take what has come."""
        if self.answer is None:
            read = read_answer(self.received)
            if read is None:
                return
            self.answer, self.received = read
            self.welcomed(self.answer)
        if self.answer.status is Status.WELCOME:
            self._extend()
            if self._saying is None:
                self._say_later()
            self.frames()

    def welcomed(self, answer: Answer) -> None:
        """The relay has answered."""

    def frames(self) -> None:
        """Take what came behind the answer."""

    def say(self) -> None:
        """Say that this node is still here."""
        self.transport.write(bytes([STILL_HERE]))

    def close(self) -> None:
        """Close at once."""
        self.quiet()
        if self.transport is not None:
            self.transport.abortConnection()

    def quiet(self) -> None:
        """End the keep-alive."""
        for timer in (self._saying, self._deadline):
            if timer is not None and timer.active():
                timer.cancel()

    def _say_later(self) -> None:
        self._saying = self.mooring.clock.callLater(self.says_s, self._say)

    def _say(self) -> None:
        self.say()
        self._say_later()

    def _extend(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.reset(self.silent_s)


class AnchorLine(KeptLine):
    """The one that shows that this node is there; its keep-alive is answered."""

    says_s = ANCHOR_SAYS_S
    silent_s = ANCHOR_SILENT_S

    def __init__(self, mooring: Moored) -> None:
        super().__init__(mooring)
        self.answered: Deferred[Answer] = Deferred()

    def welcomed(self, answer: Answer) -> None:
        """Tell whoever waits."""
        if not self.answered.called:
            self.answered.callback(answer)

    def frames(self) -> None:
        """Do what the relay asks for."""
        frames, self.received = self.received, b""
        for frame in frames:
            if frame == MORE_SPARES:
                self.mooring.one_more()
            elif frame == ARE_YOU_THERE:
                self.say()
            elif frame != STILL_HERE:
                raise ValueError(f"frame {frame} on an anchor")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell."""
        self.quiet()
        self.transport = None
        if not self.answered.called:
            self.answered.errback(reason)
        else:
            self.mooring.anchor_gone()


class SpareLine(KeptLine):
    """One for the next who wants this node: it becomes the stream to him."""

    says_s = SPARE_SAYS_S
    silent_s = SPARE_SILENT_S

    def welcomed(self, answer: Answer) -> None:
        """A spare that is not wanted is none."""
        if answer.status is not Status.WELCOME:
            self.close()

    def frames(self) -> None:
        """Become a stream as soon as the relay says so."""
        self.received = self.received.lstrip(bytes([STILL_HERE]))
        if not self.received:
            return
        read = read_go(self.received)
        if read is None:
            return
        dialler, rest = read
        self.quiet()
        stream = self.mooring.begins(self, dialler)
        if stream is None:
            self.close()
            return
        transport = self.transport
        transport.write(bytes([GO]))
        transport.protocol = stream
        stream.makeConnection(cast("ITransport", Relayed(transport, dialler.address)))
        if rest:
            stream.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell."""
        del reason
        self.quiet()
        self.transport = None
        self.mooring.gone(self)


class Relayed:
    """A transport that ends at a dialler, not at the relay in between."""

    def __init__(self, transport: Any, dialler: Address) -> None:
        self._transport = transport
        self._dialler = dialler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def getPeer(self) -> Any:  # noqa: N802  (Twisted's name)
        """Where the relay sees the dialler."""
        return ip_address(self._dialler)
