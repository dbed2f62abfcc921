"""Pipes: streams of bytes straight to an address. Those through a relay are in `relay`."""

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IReactorTCP, IStreamClientEndpoint

from reticulum.model import Address, Contact


def ip_address(address: Address) -> IPv4Address | IPv6Address:
    """As Twisted has it."""
    kind = IPv6Address if ":" in address.host else IPv4Address
    return kind("TCP", address.host, address.port)


@attrs.frozen(kw_only=True)
class DirectPipes:
    """
    Straight to the address of a contact.

    Args:
        reactor: Connects.
        timeout_s: For TCP to connect.
    """

    _reactor: IReactorTCP
    _timeout_s: float = 3.0

    def to(self, contact: Contact) -> IStreamClientEndpoint:
        """
        A TCP connection to the contact's address.

        Whoever is at its end is not to be believed: TLS is between the two ends.
        """
        address = contact.address
        kind = TCP6ClientEndpoint if ":" in address.host else TCP4ClientEndpoint
        endpoint: IStreamClientEndpoint = kind(
            self._reactor, address.host, address.port, timeout=self._timeout_s
        )
        return endpoint
