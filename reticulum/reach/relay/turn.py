"""From wanting a node to a stream that ends at it: one of its spares is taken, and answers."""

from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from reticulum.reach.relay.limits import SPARES_TRIED, Limits
from reticulum.reach.relay.lingering import drop
from reticulum.reach.relay.status import GO, STILL_HERE, Dialler, Status, write_go

_BEAT = bytes([STILL_HERE])


class Claim(Protocol):
    """Whoever wants a node; exactly one of these is called, unless the turn is cancelled."""

    def granted(self, transport: Any, data: bytes) -> None:
        """
        Begin the stream.

        Args:
            transport: Of the spare; its protocol is to be replaced at once.
            data: First bytes of the stream.
        """

    def refused(self, status: Status) -> None:
        """Give up."""


class Waiting(Protocol):
    """Where spares come from."""

    def take_spare(self) -> Any:
        """The transport of an idle one; None if there is none."""

    def wait(self, turn: "Turn") -> Status:
        """Call the turn's `call` as soon as there is a spare, if it is welcome to wait."""

    def leave(self, turn: "Turn") -> None:
        """Wait no more."""


class Turn(protocol.Protocol):
    """
    The turn of one claim; the protocol of the spare that was taken for it.

    A spare may be dead without anybody's knowing, so a second one is tried.

    Args:
        claim: Whose.
        dialler: Told to the node.
        berth: Where the spares come from.
        clock: For deadlines.
        limits: Of now.
    """

    transport: Any

    def __init__(
        self,
        claim: Claim,
        dialler: Dialler,
        *,
        berth: Waiting,
        clock: IReactorTime,
        limits: Limits,
    ) -> None:
        self.transport: Any = None
        self._claim = claim
        self._dialler = dialler
        self._berth = berth
        self._clock = clock
        self._limits = limits
        self._ends_at = clock.seconds() + limits.circuit_answers_s
        self._timer: IDelayedCall | None = None
        self._tried = 0

    def begin(self) -> None:
        """Take a spare, or wait for one."""
        transport = self._berth.take_spare()
        if transport is not None:
            self.call(transport)
            return
        status = self._berth.wait(self)
        if status is Status.WELCOME:
            self._within(self._limits.wait_for_spare_s)
        else:
            self._refuse(status)

    def call(self, transport: Any) -> None:
        """Say go on a spare."""
        self._tried += 1
        self._within(self._limits.spare_answers_s)
        self.transport = transport
        transport.protocol = self
        transport.write(write_go(self._dialler))

    def refuse(self, status: Status) -> None:
        """There will be no spare."""
        self._refuse(status)

    def cancel(self) -> None:
        """The claim is given up; it hears nothing more."""
        self._still()
        if self.transport is None:
            self._berth.leave(self)
        else:
            drop(self._let_go())

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Skip what the node said before it knew; then it must say go."""
        data = data.lstrip(_BEAT)
        if not data:
            return
        transport = self._let_go()
        if data[0] != GO:
            drop(transport)
            self._failed()
            return
        self._still()
        self._claim.granted(transport, data[1:])

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Try another one."""
        del reason
        self._let_go()
        self._failed()

    def _late(self) -> None:
        self._timer = None
        if self.transport is None:
            self._berth.leave(self)
            self._refuse(Status.NO_ANSWER)
            return
        drop(self._let_go())
        self._failed()

    def _failed(self) -> None:
        self._still()
        if self._tried < SPARES_TRIED and self._clock.seconds() < self._ends_at:
            self.begin()
        else:
            self._refuse(Status.NO_ANSWER)

    def _refuse(self, status: Status) -> None:
        self._still()
        self._claim.refused(status)

    def _let_go(self) -> Any:
        transport, self.transport = self.transport, None
        return transport

    def _within(self, seconds: float) -> None:
        self._still()
        left = self._ends_at - self._clock.seconds()
        self._timer = self._clock.callLater(max(0.0, min(seconds, left)), self._late)

    def _still(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
