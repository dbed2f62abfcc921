"""The UDP sockets of one ferry, on the ferryman's machine."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from reticulum.model import Address
from reticulum.reach.ferry.frames import MOST_DATAGRAM_BYTES
from reticulum.reach.sockets import EVERYWHERE, family_of

Received = Callable[[bytes, Address], None]
"""Gets a datagram, and from where it came."""


class Quay(Protocol):
    """From where the datagrams of one ferry go out, and where the answers come in."""

    def send(self, datagram: bytes, to: Address) -> bool:
        """Send, or say that it can't be."""

    def close(self) -> None:
        """Send and receive nothing more."""


class UdpQuay:
    """
    A `Quay`: one socket for each IP version, opened when it is needed first.

    Args:
        reactor: Opens them.
        host: The IP address that the node listens on; None for all.
        received: Gets what comes in; what is too long is longer than a datagram may be.
        opened: Called with the port of each.
    """

    def __init__(
        self,
        reactor: Any,
        host: str | None,
        *,
        received: Received,
        opened: Callable[[int], None],
    ) -> None:
        self._reactor = reactor
        self._host = host
        self._received = received
        self._opened = opened
        self._ports: dict[socket.AddressFamily, Any] = {}
        self._is_closed = False

    def send(self, datagram: bytes, to: Address) -> bool:
        """Send, or say that it can't be."""
        port = self._port(family_of(to.host))
        if port is None:
            return False
        try:
            port.write(datagram, (to.host, to.port))
        except (OSError, MessageLengthError):
            return False  # no way there, no room in the kernel, a broadcast
        return True

    def close(self) -> None:
        """Send and receive nothing more."""
        self._is_closed = True
        for port in self._ports.values():
            if port is not None:
                port.stopListening()
        self._ports.clear()

    def _port(self, family: socket.AddressFamily) -> Any:
        """None if there can be none, which is found out once."""
        if family not in self._ports and not self._is_closed:
            self._ports[family] = self._open(family)
        return self._ports.get(family)

    def _open(self, family: socket.AddressFamily) -> Any:
        host = self._host or EVERYWHERE[family]
        if family_of(host) is not family:
            return None
        try:
            port = self._reactor.listenUDP(
                0, _Arriving(self._received), interface=host, maxPacketSize=MOST_DATAGRAM_BYTES + 1
            )
        except CannotListenError:
            return None
        self._opened(port.getHost().port)
        return port


class _Arriving(DatagramProtocol):
    noisy = False

    def __init__(self, received: Received) -> None:
        self._received = received

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:  # noqa: N802
        # The scope of a link, or port 0: nobody could answer.
        with suppress(ValueError):
            self._received(datagram, Address(addr[0], addr[1]))
