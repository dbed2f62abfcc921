"""A relay: passes bytes on to nodes that nobody can dial, without reading them."""

from collections.abc import Callable, Container
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from reticulum.model import Address, Contact, NodeId
from reticulum.reach.relay.answers import Answers
from reticulum.reach.relay.harbour import Harbour
from reticulum.reach.relay.hello import Hello, Kind
from reticulum.reach.relay.here import Here
from reticulum.reach.relay.limits import SWEEP_S, Limits
from reticulum.reach.relay.lingering import drop
from reticulum.reach.relay.passages import Passages
from reticulum.reach.relay.seldom import Seldom
from reticulum.reach.relay.status import Status
from reticulum.reach.relay.tally import RelayView, Tally

_log = Logger()


class Relay:
    """
    Takes over connections whose hello was believed.

    While *is_open* says no, nobody new is let in. Those who are attached already are served for
    some time, in which they find another relay; then their anchors are closed. Circuits are left
    to finish.

    Args:
        own_id: Of this node.
        own_address: Asked for each stream of our own: where others see this node, if it is known.
        clock: For time.
        limits: Asked for at each use.
        is_open: Asked at each use: whether this node is to relay, and can.
        changed: Called with the id of each node that attaches, moves or leaves.
    """

    def __init__(
        self,
        *,
        own_id: NodeId,
        own_address: Callable[[], Address | None],
        clock: IReactorTime,
        limits: Callable[[], Limits],
        is_open: Callable[[], bool],
        changed: Callable[[NodeId], None],
    ) -> None:
        self._own_id = own_id
        self._clock = clock
        self._limits = limits
        self._is_open = is_open
        self._is_stopped = False
        self._closed_at: float | None = None
        self._next: IDelayedCall | None = None
        self._tally = Tally()
        seldom = Seldom(clock.seconds)
        self._answers = Answers(clock=clock, limits=limits, tally=self._tally, seldom=seldom)
        self._harbour = Harbour(
            own_id=own_id,
            clock=clock,
            limits=limits,
            answers=self._answers,
            seldom=seldom,
            changed=changed,
        )
        self._passages = Passages(
            clock=clock,
            limits=limits,
            answers=self._answers,
            seldom=seldom,
            tally=self._tally,
            berth_of=self._harbour.berth_of,
        )
        self._here = Here(
            own_id=own_id,
            own_address=own_address,
            clock=clock,
            limits=limits,
            tally=self._tally,
            berth_of=self._harbour.berth_of,
        )

    @property
    def attached(self) -> Container[NodeId]:
        """Nodes with a live anchor here; follows what happens."""
        return self._harbour.attached

    def clients(self) -> list[Contact]:
        """The same, as this node reaches them."""
        known = map(self.contact_of, self._harbour.attached)
        return [contact for contact in known if contact is not None]

    def contact_of(self, node_id: NodeId) -> Contact | None:
        """How this node reaches an attached one: where its anchor comes from, by way of itself."""
        address = self.address_of(node_id)
        return None if address is None else Contact(node_id, address, via=self._own_id)

    def address_of(self, node_id: NodeId) -> Address | None:
        """Where the anchor of an attached node comes from."""
        berth = self._harbour.berth_of(node_id)
        return None if berth is None else berth.address

    def endpoint(self, node_id: NodeId) -> IStreamClientEndpoint:
        """
        Streams from this very node to one that is attached here.

        Connecting fails with `HolderFailed` if it is not, or does not answer.
        """
        return self._here.endpoint(node_id)

    def receive(self, hello: Hello, transport: Any, data: bytes) -> None:
        """
        Do what a hello asks for; a knock or a ferry is nothing for a relay.

        Args:
            hello: It was judged.
            transport: Of its sender, TCP; it gets another protocol.
            data: What came behind the hello.
        """
        if self._is_stopped or hello.kind in {Kind.KNOCK, Kind.FERRY}:
            drop(transport)
            return
        self._keep_sweeping()
        is_known = hello.sender in self.attached or hello.wanted in self.attached
        if not self._is_open() and (hello.kind is Kind.ANCHOR or not is_known):
            self._answers.refuse(hello, transport, Status.DOES_NOT_RELAY)
        elif hello.kind is Kind.ANCHOR:
            self._harbour.anchor(hello, transport, data)
        elif hello.kind is Kind.SPARE:
            self._harbour.spare(hello, transport, data)
        elif hello.kind is Kind.CIRCUIT:
            self._passages.dial(hello, transport, data)
        else:
            self._answers.look(hello, transport)

    def view(self) -> RelayView:
        """What is told of it."""
        tally = self._tally
        return RelayView(
            attached=len(self._harbour),
            spares=self._harbour.spares,
            circuits=self._passages.open,
            waiting=self._passages.waiting + len(self._here),
            looks=self._answers.looks,
            circuits_total=tally.circuits,
            bytes_relayed=self._passages.bytes_relayed,
            refused={status.name.lower(): times for status, times in tally.refused.items()},
            hung_up=dict(tally.hung_up),
        )

    def hang_up(self) -> None:
        """Close every connection at once, and take over no more."""
        self._is_stopped = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._here.hang_up()
        self._passages.hang_up()
        self._harbour.hang_up()
        self._answers.hang_up()

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
        elif now - self._closed_at >= self._limits().closing_s and len(self._harbour):
            _log.info("relay.closes attached={attached}", attached=len(self._harbour))
            self._harbour.hang_up()
        for part in (self._harbour, self._passages, self._answers):
            part.sweep(now)
        if len(self._harbour) or len(self._passages) or len(self._answers):
            self._keep_sweeping()
        else:
            self._closed_at = None
