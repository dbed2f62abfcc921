"""The package's server on sealed datagrams: sockets of both IP versions around one node."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from kademlia.network import Server
from twisted.internet.defer import Deferred, gatherResults

from reticulum.aio import future
from reticulum.errors import NodeError, StartError
from reticulum.model import Address, Contact, ImageId, Key
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.protocol import SealedProtocol
from reticulum.overlay.surroundings import Send
from reticulum.overlay.views import Holder

EVERYWHERE = ""
"""The interface that stands for all, of both IP versions."""
RECEIVE_BUFFER_BYTES = 1 << 20
_FAMILIES = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104  (asked for)


class Carrier(Protocol):
    """Another way for datagrams than our own sockets."""

    def takes(self, to: Address) -> bool:
        """Whether datagrams to *to* go by it now."""

    def send(self, datagram: bytes, to: Address) -> None:
        """Send, or lose it."""


class Network(Server):  # type: ignore[misc]  # the package has no types
    """
    A node with its sockets.

    Overrides what is wrong in kademlia 2.2.3: `set` reports success when every store failed,
    values never expire, the republishing task outlives `stop`, the state is a pickle.

    Args:
        make: Makes the node around two ways to send: the usual one, and one that leaves from
            another port, for dial-backs.
    """

    protocol_class = SealedProtocol

    def __init__(self, make: Callable[[Send, Send], OverlayNode]) -> None:
        self.overlay = make(self.send, self.send_elsewhere)
        super().__init__(ksize=20, alpha=10, node_id=self.overlay.node_id.digest, storage={})
        self._protocols: dict[int, SealedProtocol] = {}
        self._elsewhere: dict[int, SealedProtocol] = {}
        self.carrier: Carrier | None = None
        """Asked for each datagram."""

    def _create_protocol(self) -> SealedProtocol:
        return self.protocol_class(self.overlay.node_id, self.overlay.table, self.overlay.received)

    def _create_deaf_protocol(self) -> SealedProtocol:
        return self.protocol_class(self.overlay.node_id, self.overlay.table, lambda *_: None)

    async def listen(self, port: int, interface: str = EVERYWHERE) -> None:
        """
        Open the sockets; everything after that is the node's own.

        Args:
            port: 0 for any.
            interface: An IP address, or `EVERYWHERE`.

        Raises:
            StartError: It can't be listened there.
        """
        loop = asyncio.get_running_loop()
        for sock in _sockets(port, interface):
            self.transport, self.protocol = await loop.create_datagram_endpoint(
                self._create_protocol, sock=sock
            )
            self._protocols[sock.family] = self.protocol
            host = sock.getsockname()[0]
            _, self._elsewhere[sock.family] = await loop.create_datagram_endpoint(
                self._create_deaf_protocol, sock=_socket(sock.family, host, 0)
            )
        self.overlay.listens_on(self.port)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def send(self, datagram: bytes, to: Address) -> None:
        """Send, or lose it; by the carrier if it takes it."""
        carrier = self.carrier
        if carrier is not None and carrier.takes(to):
            carrier.send(datagram, to)
        else:
            self.send_straight(datagram, to)

    def send_straight(self, datagram: bytes, to: Address) -> None:
        """Send from the socket that is listened on, or lose it."""
        _send_by(self._protocols, datagram, to)

    def send_elsewhere(self, datagram: bytes, to: Address) -> None:
        """Send from another port, at which nobody listens, or lose it."""
        _send_by(self._elsewhere, datagram, to)

    def stop(self) -> None:
        """Begin to close the sockets; `closed` waits for it."""
        for protocol in (*self._protocols.values(), *self._elsewhere.values()):
            protocol.close()

    async def closed(self) -> None:
        """Wait until every socket is closed. To be awaited by one, among Deferreds."""
        protocols = [*self._protocols.values(), *self._elsewhere.values()]
        waiting = [protocol.closed for protocol in protocols]
        self._protocols.clear()
        self._elsewhere.clear()
        await gatherResults(waiting)

    async def bootstrap(self, addrs: Sequence[tuple[str, int]]) -> tuple[Contact, ...]:
        """
        Knock at IP addresses, then look around.

        Returns:
            The closest nodes; empty if nobody answered.
        """
        return await future(self._bootstrap([Address(host, port) for host, port in addrs]))

    async def _bootstrap(self, addresses: Sequence[Address]) -> tuple[Contact, ...]:
        async def knock(address: Address) -> None:
            try:
                await self.overlay.ping(address)
            except NodeError:
                return

        await gatherResults([Deferred.fromCoroutine(knock(address)) for address in addresses])
        return await self.overlay.closest(self.overlay.node_id)

    async def get(self, key: ImageId) -> tuple[Holder, ...]:
        """Holders of an image: what this network knows instead of values."""
        return await future(self.overlay.holders(Key.of_image(key)))

    async def set(self, key: Any, value: Any) -> NoReturn:  # noqa: ARG002  (the package's)
        """Refuse: values nobody signed, which never expire, are not kept here."""
        _refuse("announce an image instead")

    async def set_digest(self, dkey: bytes, value: Any) -> NoReturn:  # noqa: ARG002
        """Refuse, as `set` does."""
        _refuse("announce an image instead")

    def refresh_table(self, interval: int = 3600) -> NoReturn:  # noqa: ARG002
        """Refuse: the node does it on its own clock."""
        _refuse("the node refreshes its table itself")

    def save_state(self, fname: str) -> NoReturn:  # noqa: ARG002
        """Refuse: no pickles."""
        _refuse("the node has a notebook")

    @classmethod
    async def load_state(cls, fname: str, port: int, interface: str = "") -> NoReturn:  # noqa: ARG003
        """Refuse: no pickles."""
        _refuse("the node has a notebook")

    def save_state_regularly(self, fname: str, frequency: int = 600) -> NoReturn:  # noqa: ARG002
        """Refuse: no pickles."""
        _refuse("the node has a notebook")


def _send_by(protocols: Mapping[int, SealedProtocol], datagram: bytes, to: Address) -> None:
    family = socket.AF_INET6 if ":" in to.host else socket.AF_INET
    if (protocol := protocols.get(family)) is not None:
        protocol.send(datagram, to)


def _refuse(instead: str) -> NoReturn:
    raise NotImplementedError(f"this is not done here: {instead}")


def _sockets(port: int, interface: str) -> list[socket.socket]:
    if interface:
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        return [_socket(family, interface, port)]
    ipv4 = _socket(socket.AF_INET, _FAMILIES[socket.AF_INET], port)
    port = ipv4.getsockname()[1]
    try:
        # A machine without IPv6 is no fault. IPv4 comes last: its port is the one that is told.
        return [_socket(socket.AF_INET6, _FAMILIES[socket.AF_INET6], port), ipv4]
    except StartError:
        return [ipv4]


def _socket(family: int, host: str, port: int) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise StartError(f"no sockets of this kind: {error.strerror}") from None
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise StartError(
            f"can't listen on UDP {host} port {port}: {error.strerror}; set another --peer"
        ) from None
    return sock
