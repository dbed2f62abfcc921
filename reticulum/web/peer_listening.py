"""Listening for other nodes: TLS, the door for members, and behind it the routes for them."""

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.web.http import Request

from reticulum.errors import BadSettings
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.tls import NodeTls
from reticulum.web.bodies import Body, NoBody
from reticulum.web.site import NodeSite


@attrs.define
class NoIntake:
    """The routes for nodes take no bodies; an `Intakes`."""

    deadline_s: float = 0.0

    def body(self, request: Request, length: int | None) -> Body:
        """Refuse every byte; no route for nodes takes a body."""
        del request
        body = NoBody(0)
        body.expect(length or 0)
        return body

    def opened(self) -> None:
        """Nothing is counted."""

    def closed(self) -> None:
        """Nothing is counted."""


@attrs.define(kw_only=True)
class PeerListener:
    """
    HTTP for other nodes.

    Args:
        reactor: Listens, and has the clock.
        site: Routes for nodes.
        admission: The door to *site*.
        tls: Made from the node's key.
        hosts: IP addresses to listen on; an empty one stands for all of IPv4.
        port: TCP; 0 for any that is free.
        drain_s: How long requests under way may take at the stop.
    """

    _reactor: Any
    _site: NodeSite
    _admission: Admission
    _tls: NodeTls
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
        factory = Porch(self._admission, self._tls)
        for host in self._hosts:
            try:
                port = self._reactor.listenTCP(self._port, factory, interface=host)
            except CannotListenError as error:
                raise BadSettings(
                    f"can't listen for other nodes on {host}:{self._port}: {error.socketError}; "
                    "set another address with --peer or address in [peer]"
                ) from None
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
        self._admission.hang_up()
        try:
            await self._site.drain().addTimeout(self._drain_s, self._reactor)
        except DeferredTimeoutError:
            self._site.hang_up()
            await self._site.drain()
