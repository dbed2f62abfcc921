"""Listening for other nodes: TLS, the door for members, and behind it the routes for them."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger

from reticulum.errors import BadSettings
from reticulum.web.site import NodeSite

BACKLOG = 50
"""Connections not yet taken, as the reactor has it for its own sockets."""

_log = Logger()


@attrs.define(kw_only=True)
class PeerListener:
    """
    HTTP for other nodes.

    Args:
        reactor: Listens, and has the clock.
        site: Routes for nodes.
        door: Leads members to *site*, and whoever else may come to where he belongs.
        hang_up: Sends everybody away who stands at the door.
        hosts: IP addresses to listen on; an empty one stands for all, of IPv4 and of IPv6.
        port: TCP; 0 for any that is free.
        drain_s: How long requests under way may take at the stop.
    """

    _reactor: Any
    _site: NodeSite
    _door: IProtocolFactory
    _hang_up: Callable[[], None]
    _hosts: Sequence[str] = ("",)
    _port: int
    _drain_s: float = 10.0
    _listening: list[IListeningPort] = attrs.field(factory=list, init=False)

    async def start(self) -> None:
        """
        Listen.

        Raises:
            BadSettings: The address can't be listened on.
        """
        factory = self._door
        for host in self._hosts:
            try:
                port = self._reactor.listenTCP(self._port, factory, interface=host)
            except CannotListenError as error:
                raise BadSettings(
                    f"can't listen for other nodes on {host}:{self._port}: {error.socketError}; "
                    "set another address with --peer or address in [peer]"
                ) from None
            self._listening.append(port)
            if not host:
                self._listen_on_ipv6(port.getHost().port, factory)

    def _listen_on_ipv6(self, number: int, factory: IProtocolFactory) -> None:
        # The reactor's own socket on :: would take IPv4 as well, which the first one has.
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as ours:
                ours.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                ours.setblocking(False)
                ours.bind(("::", number))
                ours.listen(BACKLOG)
                port = self._reactor.adoptStreamPort(ours.fileno(), socket.AF_INET6, factory)
        except OSError as error:
            # A machine without IPv6 is no fault.
            _log.debug("peer.no_ipv6 error={error}", error=str(error))
            return
        self._listening.append(port)

    @property
    def port(self) -> int:
        """Where it listens."""
        address: Any = self._listening[0].getHost()
        number: int = address.port
        return number

    async def stop(self) -> None:
        """Take no more connections; give what is under way its time, then cut it off."""
        for port in self._listening:
            await maybeDeferred(port.stopListening)
        self._listening.clear()
        self._hang_up()
        try:
            await self._site.drain().addTimeout(self._drain_s, self._reactor)
        except DeferredTimeoutError:
            self._site.hang_up()
            await self._site.drain()
