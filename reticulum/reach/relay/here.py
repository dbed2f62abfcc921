"""The relay's own streams to nodes that are attached to it: no hello, no splice."""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ITransport,
)
from zope.interface import implementer

from reticulum.errors import HolderFailed
from reticulum.model import Address, NodeId
from reticulum.reach.pipes import ip_address
from reticulum.reach.relay.berth import Berth
from reticulum.reach.relay.limits import Limits
from reticulum.reach.relay.lingering import drop
from reticulum.reach.relay.seen import host_of
from reticulum.reach.relay.status import Dialler, Status
from reticulum.reach.relay.tally import Tally
from reticulum.reach.relay.turn import Turn


class Here:
    """
    Opens streams to attached nodes for this very node.

    Args:
        own_id: Of this node.
        own_address: Asked for each stream: told to the node as the dialler's; None to tell it
            where its own spare ends.
        clock: For time.
        limits: Asked for at each use.
        tally: Counts.
        berth_of: Where a node is attached, if it is.
    """

    def __init__(
        self,
        *,
        own_id: NodeId,
        own_address: Callable[[], Address | None],
        clock: IReactorTime,
        limits: Callable[[], Limits],
        tally: Tally,
        berth_of: Callable[[NodeId], Berth | None],
    ) -> None:
        self._own_id = own_id
        self._own_address = own_address
        self._clock = clock
        self._limits = limits
        self._tally = tally
        self._berth_of = berth_of
        self._errands: set[_Errand] = set()

    def __len__(self) -> int:
        return len(self._errands)

    def endpoint(self, node_id: NodeId) -> "HereEndpoint":
        """Streams to *node_id*."""
        return HereEndpoint(self, node_id)

    def connect(self, node_id: NodeId, factory: IProtocolFactory) -> "Deferred[IProtocol]":
        """
        Open one stream.

        Returns:
            Fails with `HolderFailed`.
        """
        errand = _Errand(node_id, factory, self._errands.discard)
        berth, limits = self._berth_of(node_id), self._limits()
        if berth is None:
            errand.fail("it is not attached here")
        elif len(self._errands) >= limits.circuits:
            errand.fail("too many of ours wait for nodes attached here")
        else:
            self._tally.circuits += 1
            self._errands.add(errand)
            errand.peer = berth.address
            address = self._own_address() or host_of(berth.anchor.transport)
            dialler = Dialler(self._own_id, address)
            errand.turn = Turn(errand, dialler, berth=berth, clock=self._clock, limits=limits)
            errand.turn.begin()
        return errand.done

    def hang_up(self) -> None:
        """Nobody gets a stream any more."""
        for errand in list(self._errands):
            errand.stop()


@implementer(IStreamClientEndpoint)
class HereEndpoint:
    """Streams to one attached node; see `Here.connect`."""

    def __init__(self, here: Here, node_id: NodeId) -> None:
        self._here = here
        self._node_id = node_id

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """Open a stream."""
        return self._here.connect(self._node_id, protocolFactory)


class _Errand:
    """One stream that this node waits for; a `Claim`."""

    def __init__(
        self, node_id: NodeId, factory: IProtocolFactory, over: Callable[["_Errand"], None]
    ) -> None:
        self.done: Deferred[IProtocol] = Deferred(lambda _: self._cancel())
        self.peer: Address | None = None
        self.turn: Turn | None = None
        self._node_id = node_id
        self._factory = factory
        self._over = over

    def granted(self, transport: Any, data: bytes) -> None:
        """Hand the transport over, as if we had dialled."""
        self._over(self)
        peer = transport.getPeer() if self.peer is None else ip_address(self.peer)
        protocol = self._factory.buildProtocol(peer)
        if protocol is None:
            drop(transport)
            self.fail("nobody wants the connection any more")
            return
        transport.protocol = protocol
        transport.setTcpNoDelay(True)
        protocol.makeConnection(cast("ITransport", _Dialled(transport, peer)))
        if data:
            protocol.dataReceived(data)
        self.done.callback(protocol)

    def refused(self, status: Status) -> None:
        """There is none."""
        self._over(self)
        self.fail(f"attached here: {status.name.lower().replace('_', ' ')}")

    def stop(self) -> None:
        """Wait no more."""
        self._cancel()
        self.fail("this node is stopping")

    def fail(self, why: str) -> None:
        """Tell whoever wants the stream."""
        self.done.errback(HolderFailed(f"node {self._node_id}: {why}"))

    def _cancel(self) -> None:
        self._over(self)
        if self.turn is not None:
            self.turn.cancel()


class _Dialled:
    """A transport whose other end is where the node is seen, whichever port its spare has."""

    def __init__(self, transport: Any, peer: IPv4Address | IPv6Address) -> None:
        self._transport = transport
        self._peer = peer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def getPeer(self) -> IPv4Address | IPv6Address:  # noqa: N802  (Twisted's name)
        """The address of the node's anchor."""
        return self._peer
