"""One ferry, as the ferryman has it: a member's connection on one side, UDP on the other."""

from collections.abc import Callable, Collection
from typing import Any

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.model import Address
from reticulum.reach.ferry.fares import Fare
from reticulum.reach.ferry.frames import (
    MOST_DATAGRAM_BYTES,
    STILL_HERE,
    Parcel,
    Reading,
    write_frame,
)
from reticulum.reach.ferry.limits import SILENT_S
from reticulum.reach.ferry.log_book import LogBook
from reticulum.reach.ferry.quay import Quay, Received
from reticulum.reach.ferry.room import Room
from reticulum.reach.ferry.waters import is_open_to
from reticulum.reach.relay.seen import peer_of


@attrs.frozen(kw_only=True)
class Rules:
    """
    What is carried, and whither.

    Args:
        is_ours: Whether a datagram is one of the grid, as far as that can be seen from outside.
        own: Asked for each datagram: addresses of this node itself.
        door: Where this node listens for its own, for those behind a router that does not lead
            back in.
        out: What the member may send.
        back: What may be brought to him.
        pause_s: If he is faster, he is not read from for so long.
    """

    is_ours: Callable[[bytes], bool]
    own: Callable[[], Collection[Address]]
    door: Address
    out: Fare
    back: Fare
    pause_s: float


class Crossing(Protocol):
    """
    Carries datagrams for one member.

    Args:
        transport: Of the member, who was told that he is welcome; it becomes the protocol of it.
        open_quay: Opens sockets, told who gets what comes in there.
        rules: What is carried, and whither.
        log_book: Counts.
        clock: For time.
        lost: Called when the connection is gone.
    """

    transport: Any

    def __init__(
        self,
        transport: Any,
        open_quay: Callable[[Received], Quay],
        *,
        rules: Rules,
        log_book: LogBook,
        clock: IReactorTime,
        lost: Callable[["Crossing"], None],
    ) -> None:
        self.transport = transport
        self.address = peer_of(transport)
        self._quay = open_quay(self._arrived)
        self._rules = rules
        self._log_book = log_book
        self._clock = clock
        self._lost = lost
        self._reading = Reading()
        self._room = Room(transport)
        self._pause: IDelayedCall | None = None
        self._own: Address | None = None
        """How the member calls this node."""
        self.ends_at = clock.seconds() + SILENT_S
        transport.protocol = self

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Send on what is sound; who says what cannot be is hung up on."""
        try:
            frames = self._reading.take(data)
        except ValueError:
            self.hang_up()
            return
        self.ends_at = self._clock.seconds() + SILENT_S
        for frame in frames:
            if not self._rules.out.take(0 if frame is None else len(frame.datagram)):
                self._log_book.dropped["too fast"] += 1
                self._rest_a_while()
            elif frame is None:
                self._room.write(STILL_HERE)
            else:
                self._send(frame)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Close the sockets, and tell."""
        del reason
        self._quay.close()
        if self._pause is not None:
            self._pause.cancel()
        self._lost(self)

    def hang_up(self) -> None:
        """Close at once."""
        self._quay.close()
        self.transport.abortConnection()

    def _send(self, parcel: Parcel) -> None:
        to, datagram = parcel.address, parcel.datagram
        is_own = to in self._rules.own()
        if not self._rules.is_ours(datagram):
            why = "foreign"
        elif not is_own and not is_open_to(to, self.address.host):
            why = "forbidden"
        elif not self._quay.send(datagram, self._rules.door if is_own else to):
            why = "no way"
        else:
            self._own = to if is_own else self._own
            self._log_book.datagrams_out += 1
            self._log_book.bytes_carried += len(datagram)
            return
        self._log_book.dropped[why] += 1

    def _arrived(self, datagram: bytes, from_: Address) -> None:
        own = self._own if from_ == self._rules.door else None
        if len(datagram) > MOST_DATAGRAM_BYTES or not self._rules.is_ours(datagram):
            why = "foreign"
        elif own is None and not is_open_to(from_, self.address.host):
            why = "forbidden"
        elif not self._rules.back.take(len(datagram)):
            why = "too fast"
        elif not self._room.write(write_frame(Parcel(own or from_, datagram))):
            why = "slow reader"
        else:
            self._log_book.datagrams_in += 1
            self._log_book.bytes_carried += len(datagram)
            return
        self._log_book.dropped[why] += 1

    def _rest_a_while(self) -> None:
        """Not to read is what makes a fast sender slow, and costs nothing."""
        if self._pause is None:
            self.transport.pauseProducing()
            self._pause = self._clock.callLater(self._rules.pause_s, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self.transport.resumeProducing()
