"""Pipes: how bytes get to a node. Today straight over TCP; punched and relayed ones come here."""

from typing import Protocol

import attrs
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IReactorTCP, IStreamClientEndpoint

from reticulum.model import Contact


class Pipes(Protocol):
    """Finds a way to a node; nothing above it knows which."""

    def to(self, contact: Contact) -> IStreamClientEndpoint:
        """
        A stream of bytes that should end at *contact*.

        Whoever is at its end is not to be believed: TLS is between the two ends of the pipe.
        """


@attrs.frozen(kw_only=True)
class DirectPipes:
    """
    Straight to the address of a contact; a `Pipes`.

    Args:
        reactor: Connects.
        timeout_s: For TCP to connect.
    """

    _reactor: IReactorTCP
    _timeout_s: float = 3.0

    def to(self, contact: Contact) -> IStreamClientEndpoint:
        """A TCP connection to the contact's address."""
        address = contact.address
        kind = TCP6ClientEndpoint if ":" in address.host else TCP4ClientEndpoint
        endpoint: IStreamClientEndpoint = kind(
            self._reactor, address.host, address.port, timeout=self._timeout_s
        )
        return endpoint
