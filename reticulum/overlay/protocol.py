"""The package's datagram protocol with everything it would do by itself taken out of it."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from rpcudp.protocol import RPCProtocol
from twisted.internet.defer import Deferred

from reticulum.model import Address, NodeId
from reticulum.overlay.table import Table

MOST_UNSENT_BYTES = 1 << 20
"""Datagrams that wait for the kernel; what comes on top is lost, as the network loses it."""


class SealedProtocol(KademliaProtocol):  # type: ignore[misc]  # the package has no types
    """
    Carries sealed datagrams between a socket and the node.

    Overrides what is wrong in kademlia 2.2.3 and rpcudp 5.0.1: an unknown attribute is a remote
    call; whatever comes is parsed, by a task of its own, before anybody knows who sent it; an
    answer is taken from anybody; whoever asks is entered, and handed the wrong keys.

    Args:
        own: The id of this node.
        table: Of this node.
        received: Told every datagram.
    """

    def __init__(
        self, own: NodeId, table: Table, received: Callable[[bytes, Address], None]
    ) -> None:
        # Not KademliaProtocol's own: it makes a table of its own.
        RPCProtocol.__init__(self)
        self.source_node = Node(own.digest)
        self.router = table
        self.storage: dict[bytes, bytes] = {}
        self.closed: Deferred[None] = Deferred()
        self._received = received

    def __getattr__(self, name: str) -> NoReturn:
        """Say that there is no such attribute; the package makes a remote call of it."""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Hand it on; the package would parse it in a task."""
        address = _address(addr[0], addr[1])
        if address is not None:
            self._received(data, address)

    def error_received(self, exc: OSError) -> None:
        """Nothing: some datagram was not delivered, and nobody can tell which."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's)
        """Note that the socket is closed."""
        self.transport = None
        self.closed.callback(None)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send, or lose it."""
        transport: Any = self.transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() <= MOST_UNSENT_BYTES:
            transport.sendto(datagram, (to.host, to.port))

    def close(self) -> None:
        """Begin to close the socket; `closed` fires when it is."""
        transport: Any = self.transport
        if transport is not None:
            transport.close()

    def welcome_if_new(self, node: Node) -> None:
        """Nothing: who has answered is entered by the node, and records move in sweeps."""

    def handle_call_response(self, result: Any, node: Node) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        _refuse()

    async def call_ping(self, node_to_ask: Node) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        _refuse()

    async def call_store(self, node_to_ask: Node, key: bytes, value: Any) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        _refuse()

    async def call_find_node(self, node_to_ask: Node, node_to_find: Node) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        _refuse()

    async def call_find_value(self, node_to_ask: Node, node_to_find: Node) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        _refuse()


def _refuse() -> NoReturn:
    raise NotImplementedError("remote calls go through OverlayNode, sealed and checked")


@lru_cache(4096)
def _address(host: str, port: int) -> Address | None:
    """None for what can't be answered: port 0, or an address that means something here only."""
    try:
        return None if "%" in host else Address(host, port)
    except ValueError:
        return None
