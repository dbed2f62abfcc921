"""The local networks a machine is in: what it tells there, and which addresses are near."""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, Self

import attrs

MOST_ADDRESSES: Final = 8
"""Told, and taken from one service."""
MOST_VOICES: Final = 16
"""Sockets; a machine may have a bridge for every container."""

# RFC 1918 and RFC 4193. Not what else Python calls private: no node is at an address for
# documentation, and behind one of a carrier is a stranger.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_ONE_FAMILY = {"0.0.0.0": 4, "::": 6}  # noqa: S104  (compared with)
# A network of one or two addresses is a line to a provider or a tunnel: no neighbours there.
_LEAST_HOST_BITS = 2


@attrs.frozen
class Network:
    """
    One network.

    Args:
        interface: The number that the system has given it.
        own: Address of this machine in it, with the length of the network's prefix.
    """

    interface: int
    own: IPv4Interface | IPv6Interface

    @property
    def is_lan(self) -> bool:
        """Whether there may be neighbours."""
        ip = self.own.ip
        return (
            ip.max_prefixlen - self.own.network.prefixlen >= _LEAST_HOST_BITS
            and not ip.is_loopback
            and not ip.is_unspecified
            and not ip.is_multicast
        )

    @property
    def needs_scope(self) -> bool:
        """Whether the address says nothing without the interface, and so is no `Address`."""
        return self.own.version == 6 and self.own.is_link_local  # noqa: PLR2004  (of IP)


@attrs.frozen
class Networks:
    """
    Those a node takes part in.

    Args:
        lans: In the order of the system.
    """

    lans: tuple[Network, ...] = ()

    @classmethod
    def listened_on(cls, host: str, networks: Iterable[Network]) -> Self:
        """
        Choose those on which a node is reached.

        Args:
            host: Where it listens: an IP address, "0.0.0.0" for all of IPv4, "::" for all of IPv6,
                nothing for both.
            networks: All of this machine.
        """
        lans = [network for network in networks if network.is_lan]
        if version := _ONE_FAMILY.get(host):
            lans = [lan for lan in lans if lan.own.version == version]
        elif host:
            here = {lan.interface for lan in lans if str(lan.own.ip) == host}
            lans = [
                lan
                for lan in lans
                if str(lan.own.ip) == host
                or (":" in host and lan.needs_scope and lan.interface in here)
            ]
        return cls(tuple(lans))

    @property
    def told(self) -> tuple[str, ...]:
        """This machine's addresses, for other nodes: private ones first, IPv4 before IPv6."""
        own = [lan.own.ip for lan in self.lans if not lan.needs_scope]
        own.sort(key=lambda ip: (not _is_private(ip), ip.version))
        return tuple(dict.fromkeys(map(str, own)))[:MOST_ADDRESSES]

    @property
    def own(self) -> frozenset[str]:
        """Every address of this machine on them."""
        return frozenset(str(lan.own.ip) for lan in self.lans)

    @property
    def voices(self) -> list[str]:
        """
        Addresses to speak from: one for each network of IPv4, each interface with IPv6.

        That is the link-local one where there is one, as neighbours of every prefix believe it.
        Where there is nothing to be told, nothing is said.
        """
        chosen: dict[object, str] = {}
        told = {(lan.interface, lan.own.version) for lan in self.lans if not lan.needs_scope}
        for lan in sorted(self.lans, key=lambda lan: not lan.needs_scope):
            if (lan.interface, lan.own.version) in told:
                is_one = isinstance(lan.own, IPv6Interface)
                place = (lan.interface, None if is_one else lan.own.network)
                chosen.setdefault(place, str(lan.own.ip))
        return list(chosen.values())[:MOST_VOICES]

    @property
    def names(self) -> str:
        """For people."""
        names = dict.fromkeys(str(lan.own.network) for lan in self.lans if not lan.needs_scope)
        return ", ".join(names)

    def has_sent(self, source: str) -> bool:
        """Whether a datagram from *source*, as the system names it, is from one of the networks."""
        ip = _parsed(source.partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return ip is not None and any(ip in lan.own.network for lan in self.lans)

    def is_near(self, host: str) -> bool:
        """
        Whether another node may be at *host*: in one of these networks, or privately addressed.

        Somebody on the local network could name any address, and this node would send a datagram
        there. So none of the Internet is taken, nor one that stands for many machines.
        """
        ip = _parsed(host)
        if (
            ip is None
            or str(ip) != host
            or ip.version not in {lan.own.version for lan in self.lans}
        ):
            return False
        if isinstance(ip, IPv6Address) and (ip.is_link_local or ip.scope_id is not None):
            return False
        own = [lan.own.network for lan in self.lans]
        if any(ip in (network.network_address, network.broadcast_address) for network in own):
            return False
        return _is_private(ip) or any(ip in network for network in own)


def _is_private(ip: IPv4Address | IPv6Address) -> bool:
    return any(ip in network for network in _PRIVATE)


def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
