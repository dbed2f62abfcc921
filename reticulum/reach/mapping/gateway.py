"""The router that this host sends everything to, and this host's address on the way there."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import attrs

ROUTES = Path("/proc/self/net/route")
"""Linux's IPv4 routes, in the format of proc_net(5)."""

# Flags of a route, <linux/route.h>.
_UP, _GATEWAY, _REJECT = 0x1, 0x2, 0x200
_COLUMNS = 8
_ANY_PORT = 9


@attrs.frozen(kw_only=True)
class Gateway:
    """
    A default gateway.

    Args:
        address: IPv4, of the router.
        local: IPv4, of this host on the way to it.
    """

    address: str
    local: str


def default_route(routes: str) -> str | None:
    """
    Find the IPv4 address of the default gateway with the lowest metric; of equals, the first.

    Args:
        routes: Text of `ROUTES`. Lines that make no sense are passed over.
    """
    found = [route for line in routes.splitlines() if (route := _default(line)) is not None]
    return min(found, key=lambda route: route[0])[1] if found else None


def _default(line: str) -> tuple[int, str] | None:
    """Metric and gateway of one line, if it is the route to everywhere."""
    columns = line.split()
    if len(columns) < _COLUMNS:
        return None
    try:
        # The kernel prints addresses as numbers in the byte order of the machine.
        destination, gateway, flags = (int(columns[at], 16) for at in (1, 2, 3))
        metric, mask = int(columns[6]), int(columns[7], 16)
        address = str(IPv4Address(socket.ntohl(gateway)))
    except (ValueError, OverflowError):
        return None
    if destination or mask or not gateway or flags & (_UP | _GATEWAY | _REJECT) != _UP | _GATEWAY:
        return None
    return metric, address


def address_towards(host: str) -> str | None:
    """Find the IPv4 address that this host would send from to *host*; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, _ANY_PORT))
        except OSError:
            return None
        name: tuple[str, int] = probe.getsockname()
    return name[0]


def default_gateway(
    routes: Path = ROUTES, towards: Callable[[str], str | None] = address_towards
) -> Gateway | None:
    """
    Find the default gateway as things are now; None if there is none, or no telling.

    Args:
        routes: File in the format of `ROUTES`.
        towards: See `address_towards`.
    """
    try:
        address = default_route(routes.read_text("ascii", "replace"))
    except OSError:
        return None
    local = None if address is None else towards(address)
    return None if address is None or local is None else Gateway(address=address, local=local)
