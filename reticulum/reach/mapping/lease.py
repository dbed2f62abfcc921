"""What a router may grant, and what is believed of it."""

import enum
from ipaddress import AddressValueError, IPv4Address
from typing import Final, Protocol

import attrs

from reticulum.errors import NotMapped
from reticulum.model import Address

WANTED_S: Final = 3_600
"""Lifetime asked for, in seconds: what a crash leaves behind is gone after it."""
LONGEST_S: Final = 86_400
"""Lifetime believed at most, in seconds (RFC 6887 section 15)."""


class Transport(enum.IntEnum):
    """What a mapping passes on; the number is the one in the header of IP."""

    TCP = 6
    UDP = 17


@attrs.frozen(kw_only=True)
class Lease:
    """
    A port that a router passes on to this node, of UDP and of TCP.

    Args:
        external: Where others send to: the same port for both.
        seconds: How long it lasts from when it was granted; None for ever.
    """

    external: Address
    seconds: float | None


class Method(Protocol):
    """One way to speak with one router about one port of this node."""

    @property
    def name(self) -> str:
        """Of the protocol."""

    @property
    def where(self) -> str:
        """Address of the router."""

    async def map(self, wanted: int) -> Lease:
        """
        Get the port mapped, or what is mapped renewed.

        Args:
            wanted: Port to have outside; the router may give another one.

        Raises:
            NotMapped: It is not mapped now. Then, and when this is cancelled, nothing is left
                behind, as far as the router could be told.
        """

    async def glance(self) -> bool:
        """
        Find out whether what `map` got last is still there; costs the router little.

        Raises:
            NotMapped: No telling now.
        """

    async def give_back(self) -> None:
        """Undo what `map` did; never fails."""


def external_address(host: str, port: int) -> Address:
    """
    Check what a router calls its outer address, and the port that it gives there.

    Raises:
        NotMapped: Nobody could ever be reached there.
    """
    try:
        address = IPv4Address(host)
    except AddressValueError:
        raise NotMapped(f"its outer address {host[:40]!a} is no IPv4 address") from None
    if address.is_unspecified or address.is_loopback or address.is_multicast:
        raise NotMapped(f"its outer address {address} can't be one")
    if address == IPv4Address("255.255.255.255"):
        raise NotMapped(f"its outer address {address} can't be one")
    if not port:
        raise NotMapped("it gives port 0")
    return Address(str(address), port)


def is_public(address: Address) -> bool:
    """Whether the whole Internet can send there: not private, shared by a provider, reserved."""
    return IPv4Address(address.host).is_global
