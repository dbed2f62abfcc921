"""A ferryman: carries datagrams for nodes in networks where UDP does not pass."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from reticulum.model import Address, NodeId
from reticulum.reach.ferry.crossing import Crossing, Rules
from reticulum.reach.ferry.fares import Fares
from reticulum.reach.ferry.limits import SWEEP_S, Limits
from reticulum.reach.ferry.log_book import FerrymanView, LogBook
from reticulum.reach.ferry.quay import Quay, Received
from reticulum.reach.relay.answers import Answers
from reticulum.reach.relay.hello import Hello, Kind
from reticulum.reach.relay.limits import SAID_AGAIN_S
from reticulum.reach.relay.limits import Limits as AnswerLimits
from reticulum.reach.relay.lingering import drop
from reticulum.reach.relay.seen import peer_of
from reticulum.reach.relay.seldom import Seldom
from reticulum.reach.relay.status import Status
from reticulum.reach.relay.tally import Tally

_log = Logger()


class Ferryman:
    """
    Takes over connections whose hello, for a ferry, was believed.

    While *is_open* says no, nobody new is let in; those who are there are carried for some time,
    in which they find another ferryman.

    Args:
        own_id: Of this node.
        own: Addresses of this node itself.
        door: Where this node listens for datagrams, as its own machine reaches it.
        open_quay: Opens sockets for one ferry, told who gets what comes in there.
        is_ours: Whether a datagram is one of the grid, as far as that can be seen from outside.
        is_open: Asked at each use: whether this node is to carry anything, and can.
        limits: Asked for at each use.
        clock: For time.
    """

    def __init__(
        self,
        *,
        own_id: NodeId,
        own: Callable[[], Collection[Address]],
        door: Address,
        open_quay: Callable[[Received], Quay],
        is_ours: Callable[[bytes], bool],
        is_open: Callable[[], bool],
        limits: Callable[[], Limits],
        clock: IReactorTime,
    ) -> None:
        self._own_id = own_id
        self._ask_own = own
        self._own: Collection[Address] = ()
        self._door = door
        self._open_quay = open_quay
        self._is_ours = is_ours
        self._is_open = is_open
        self._limits = limits
        self._clock = clock
        self._crossings: dict[NodeId, Crossing] = {}
        self._hosts: Counter[str] = Counter()
        self._fares = Fares(limits, clock.seconds)
        self._log_book = LogBook()
        self._tally = Tally()
        self._seldom = Seldom(clock.seconds)
        self._answers = Answers(
            clock=clock, limits=AnswerLimits, tally=self._tally, seldom=self._seldom
        )
        self._is_stopped = False
        self._closed_at: float | None = None
        self._next: IDelayedCall | None = None

    def receive(self, hello: Hello, transport: Any, data: bytes) -> None:
        """
        Carry for the sender of a hello from now on, or tell why not.

        Args:
            hello: It was judged; one that is for no ferry is nothing for a ferryman.
            transport: Of its sender, TCP; it gets another protocol.
            data: What came behind the hello.
        """
        if self._is_stopped or hello.kind is not Kind.FERRY:
            drop(transport)
            return
        self._keep_sweeping()
        if not self._is_open():
            self._answers.refuse(hello, transport, Status.DOES_NOT_RELAY)
        elif hello.sender == self._own_id:
            self._answers.refuse(hello, transport, Status.TAKEN)
        else:
            # The newer connection is the true one: a router may have lost the other.
            self._leave(hello.sender, "a newer ferry")
            self._begin(hello, transport, data)

    def view(self) -> FerrymanView:
        """What is told of it."""
        log_book = self._log_book
        return FerrymanView(
            ferries=len(self._crossings),
            ferries_total=log_book.ferries,
            datagrams_out=log_book.datagrams_out,
            datagrams_in=log_book.datagrams_in,
            bytes_carried=log_book.bytes_carried,
            dropped=dict(log_book.dropped),
            refused={status.name.lower(): times for status, times in self._tally.refused.items()},
        )

    def hang_up(self) -> None:
        """Close every connection at once, and take over no more."""
        self._is_stopped = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._leave_all("the node is stopping")
        self._answers.hang_up()

    def _begin(self, hello: Hello, transport: Any, data: bytes) -> None:
        limits, member = self._limits(), hello.sender
        host = peer_of(transport).host
        is_full = len(self._crossings) >= limits.ferries
        if is_full or self._hosts[host] >= limits.ferries_per_host:
            self._answers.refuse(hello, transport, Status.FULL)
            return
        self._own = self._ask_own()
        out, back = self._fares.of(member)
        rules = Rules(
            is_ours=self._is_ours,
            own=lambda: self._own,
            door=self._door,
            out=out,
            back=back,
            pause_s=limits.pause_s,
        )
        self._answers.welcome(transport, peer_of(transport))
        crossing = self._crossings[member] = Crossing(
            transport,
            self._open_quay,
            rules=rules,
            log_book=self._log_book,
            clock=self._clock,
            lost=lambda crossing: self._lost(member, crossing),
        )
        self._hosts[host] += 1
        self._log_book.ferries += 1
        if self._seldom.may_say((member, "carried"), SAID_AGAIN_S):
            _log.info(
                "ferry.carries node={node} address={address}",
                node=str(member),
                address=str(crossing.address),
            )
        if data:
            crossing.dataReceived(data)

    def _lost(self, member: NodeId, crossing: Crossing) -> None:
        if self._crossings.get(member) is crossing:
            self._leave(member, "the connection is lost")

    def _leave(self, member: NodeId, why: str) -> None:
        crossing = self._crossings.pop(member, None)
        if crossing is None:
            return
        host = crossing.address.host
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        crossing.hang_up()
        if self._seldom.may_say((member, "left"), SAID_AGAIN_S):
            _log.info("ferry.left node={node} reason={reason}", node=str(member), reason=why)

    def _leave_all(self, why: str) -> None:
        for member in list(self._crossings):
            self._leave(member, why)

    def _keep_sweeping(self) -> None:
        if self._next is None:
            self._next = self._clock.callLater(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._next = None
        now = self._clock.seconds()
        if self._is_open():
            self._closed_at = None
        elif self._closed_at is None:
            self._closed_at = now
        elif now - self._closed_at >= self._limits().closing_s:
            self._leave_all("this node carries nobody any more")
        self._own = self._ask_own()
        for member, crossing in list(self._crossings.items()):
            if crossing.ends_at <= now:
                self._leave(member, "silent")
        self._answers.sweep(now)
        if self._crossings or len(self._answers):
            self._keep_sweeping()
        else:
            self._closed_at = None
