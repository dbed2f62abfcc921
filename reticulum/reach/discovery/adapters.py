"""Asks the system which networks this machine is in."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from reticulum.reach.discovery.networks import Network, Networks


def networks_of_this_machine(host: str) -> Networks:
    """
    Those on which a node that listens on *host* is reached; takes less than 1 ms.

    Args:
        host: See `Networks.listened_on`.

    Raises:
        OSError: The system does not tell.
    """
    import ifaddr  # noqa: PLC0415  (loads a compiler of foreign calls; only for who discovers)

    return Networks.listened_on(host, _networks(ifaddr.get_adapters()))


def _networks(adapters: Any) -> Iterator[Network]:
    for adapter in adapters:
        for address in adapter.ips:
            host = address.ip if isinstance(address.ip, str) else address.ip[0]
            own = ipaddress.ip_interface(f"{host.partition('%')[0]}/{address.network_prefix}")
            yield Network(adapter.index or 0, own)
