"""Pipes: streams of bytes straight to an address. Those through a relay are in `relay`."""

from typing import NoReturn

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTCP,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

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
        return self.at(contact.address)

    def at(self, address: Address) -> IStreamClientEndpoint:
        """A TCP connection to *address*, whoever is there."""
        kind = TCP6ClientEndpoint if ":" in address.host else TCP4ClientEndpoint
        return _Pipe(kind(self._reactor, address.host, address.port, timeout=self._timeout_s))


@implementer(IStreamClientEndpoint)
@attrs.frozen
class _Pipe:
    """An endpoint of TCP that is cancelled like everything else."""

    _endpoint: IStreamClientEndpoint

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """Connect; fails with `ConnectError`, or with `CancelledError` if that was cancelled."""
        return self._endpoint.connect(protocolFactory).addErrback(_translated)


def _translated(failure: Failure) -> NoReturn:
    # Twisted's TCP has a word of its own for it, which nobody else knows.
    if failure.check(ConnectingCancelledError):
        raise CancelledError from None
    failure.raiseException()
