"""Where a ferry goes: to the world, and not into the networks of the ferryman."""

import ipaddress

from reticulum.model import Address, reach_of

_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


def is_open_to(there: Address, member: str) -> bool:
    """
    Whether datagrams may go to *there*, and come from there.

    Nobody gets at what is nearer to the ferryman than he is himself: a member on the Internet at
    no private network, one in a private network at nothing on the ferryman's own machine.

    Args:
        there: The other end.
        member: From which IP address he who is carried came.
    """
    host = ipaddress.ip_address(there.host)
    if host.is_multicast or host.is_unspecified:
        return False
    if isinstance(host, ipaddress.IPv4Address):
        # Reserved is the last of them, 255.255.255.255: everybody on the network.
        if host.is_reserved or host in _THIS_NETWORK:
            return False
    elif host.scope_id is not None or host.ipv4_mapped or host.sixtofour or host.teredo:
        return False  # other ways to write an IPv4 address, or a place on one's own network
    return reach_of(there.host) >= reach_of(member)
