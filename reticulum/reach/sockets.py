"""TCP sockets that connect from the very port at which they listen, as punching takes."""

import asyncio
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from reticulum.aio import deferred
from reticulum.model import Address

EVERYWHERE = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104  (that is the point)
_BACKLOG = 8


def family_of(host: str) -> socket.AddressFamily:
    """Of an IP address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def bound(family: socket.AddressFamily, port: int = 0) -> socket.socket:
    """
    Bind a socket that shares its port with others of ours.

    Raises:
        OSError: It can't be had.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((EVERYWHERE[family], port))
    except OSError:
        sock.close()
        raise
    return sock


def listen(reactor: Any, sock: socket.socket, factory: IProtocolFactory) -> IListeningPort:
    """
    Listen on *sock*, which is the reactor's from now on.

    Raises:
        OSError: It can't be listened there.
    """
    with sock:
        sock.listen(_BACKLOG)
        listening: IListeningPort = reactor.adoptStreamPort(sock.fileno(), sock.family, factory)
        return listening


def connect(
    reactor: Any, port: int, to: Address, factory: IProtocolFactory, seconds: float
) -> Deferred[Any]:
    """
    Connect from a port of ours.

    Args:
        reactor: Gets the connection.
        port: From where.
        to: Where.
        factory: Makes its protocol.
        seconds: For all of it.

    Returns:
        The protocol. Fails with `OSError`, or with `TimeoutError` when the time is up.
    """
    return Deferred.fromCoroutine(_connect(reactor, port, to, factory, seconds))


async def _connect(
    reactor: Any, port: int, to: Address, factory: IProtocolFactory, seconds: float
) -> Any:
    family = family_of(to.host)
    with bound(family, port) as sock:
        await deferred(_connected(sock, (to.host, to.port), seconds))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = reactor.adoptStreamConnection(sock.fileno(), family, factory)
        if transport is None:
            raise ConnectionAbortedError("nobody wants the connection any more")
        return transport.protocol


async def _connected(sock: socket.socket, to: tuple[str, int], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    # Not wait_for: before Python 3.12 it swallows a cancel that comes in the turn of the result.
    async with asyncio.timeout(seconds):
        await loop.sock_connect(sock, to)
