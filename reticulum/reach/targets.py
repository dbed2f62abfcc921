"""Which addresses a node dials because another node says so: its own, and nobody else's."""

from collections.abc import Sequence

from reticulum.model import LOOPBACK, PRIVATE, Address, reach_of
from reticulum.reach.punch_messages import MOST_ADDRESSES


def is_at(place: str, host: str, own_host: str | None) -> bool:
    """
    Whether a node may be at *place*, as it says.

    Args:
        place: An IP address.
        host: Where a relay sees the node. It is there; or, if it is behind the same router as this
            one, somewhere in the network there.
        own_host: Where others see this node; None before anybody said.
    """
    if "%" in place:
        return False  # names an interface, of its own machine
    is_this_machine = reach_of(place) == LOOPBACK
    if is_this_machine and (own_host is None or reach_of(own_host) != LOOPBACK):
        return False
    return place == host or (host == own_host and reach_of(place) == PRIVATE)


def targets(addresses: Sequence[Address], host: str, own_host: str | None) -> list[Address]:
    """Those of *addresses* that may be dialled; see `is_at`."""
    allowed = [address for address in addresses if is_at(address.host, host, own_host)]
    return allowed[:MOST_ADDRESSES]


def is_symmetric(seen: Sequence[Address]) -> bool:
    """Whether one port was seen at different ones of the same host."""
    return len({address.port for address in seen if reach_of(address.host) != PRIVATE}) > 1
