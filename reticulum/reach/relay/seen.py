"""Whence a connection comes."""

import ipaddress
from typing import Any

from reticulum.model import Address


def peer_of(transport: Any) -> Address:
    """The other end of a TCP connection, as this end sees it."""
    return _address(transport.getPeer())


def host_of(transport: Any) -> Address:
    """This end of a TCP connection."""
    return _address(transport.getHost())


def _address(there: Any) -> Address:
    return Address(str(ipaddress.ip_address(there.host)), there.port)
