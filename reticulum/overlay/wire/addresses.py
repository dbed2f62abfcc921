"""
Addresses and contacts, packed by hand: most of what nodes tell each other.

::

    address:  family 1 (4 or 6) | host 4 or 16 | port 2        7 or 19 bytes
    contact:  node id 20 | address                             27 or 39 bytes
    relayed:  node id 20 | contact of its relay                47 or 59 bytes
"""

import functools
import ipaddress

from reticulum.errors import BadMessage
from reticulum.model import Address, Contact, NodeId
from reticulum.model.peers import KEY_BYTES

SHORTEST_CONTACT = KEY_BYTES + 7
_LENGTHS = {4: 7, 6: 19}
# Nodes name the same peers again and again; parsing an IP address is 4 us, remembering it 0.1.
_REMEMBERED = 4096


@functools.lru_cache(_REMEMBERED)
def pack_address(address: Address) -> bytes:
    """Write one address, 7 or 19 bytes."""
    host = ipaddress.ip_address(address.host)
    return bytes((host.version,)) + host.packed + address.port.to_bytes(2)


@functools.lru_cache(_REMEMBERED)
def pack_contact(contact: Contact) -> bytes:
    """
    Write one contact, 27 or 39 bytes.

    Raises:
        ValueError: It is one by way of a relay: at that address lives another node.
    """
    if contact.via is not None:
        raise ValueError(f"{contact.node_id} is reached through a relay, not at {contact.address}")
    return contact.node_id.digest + pack_address(contact.address)


@functools.lru_cache(_REMEMBERED)
def pack_relayed(contact: Contact) -> bytes:
    """
    Write one contact by way of a relay, 47 or 59 bytes.

    Raises:
        ValueError: There is no relay in it.
    """
    if contact.via is None:
        raise ValueError(f"{contact.node_id} at {contact.address} is reached through no relay")
    return contact.node_id.digest + pack_contact(Contact(contact.via, contact.address))


def take_address(data: bytes, at: int = 0) -> tuple[Address, int]:
    """
    Read the address at offset *at*.

    Returns:
        It, and the offset behind it.

    Raises:
        BadMessage: None begins there, or no datagram can be sent to it.
    """
    end = _end(data, at)
    return _address(data[at:end]), end


def take_contact(data: bytes, at: int = 0) -> tuple[Contact, int]:
    """
    Read the contact at offset *at*.

    Returns:
        It, and the offset behind it.

    Raises:
        BadMessage: None begins there, or no datagram can be sent to it.
    """
    end = _end(data, at + KEY_BYTES)
    return _contact(data[at:end]), end


def take_relayed(data: bytes, at: int = 0) -> tuple[Contact, int]:
    """
    Read the contact by way of a relay at offset *at*.

    Returns:
        It, and the offset behind it.

    Raises:
        BadMessage: None begins there, no datagram can be sent to its relay, or it is its own.
    """
    end = _end(data, at + 2 * KEY_BYTES)
    return _relayed(data[at:end]), end


def _end(data: bytes, at: int) -> int:
    length = _LENGTHS.get(data[at]) if at < len(data) else None
    if length is None or at + length > len(data):
        raise BadMessage("no address, or one that is cut off")
    return at + length


@functools.lru_cache(_REMEMBERED)
def _address(packed: bytes) -> Address:
    host = ipaddress.ip_address(packed[1:-2])
    port = int.from_bytes(packed[-2:])
    mapped = isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None
    broadcast = str(host) == "255.255.255.255"
    if port == 0 or mapped or broadcast or host.is_multicast or host.is_unspecified:
        raise BadMessage("an address that nobody can be at")
    return Address(str(host), port)


@functools.lru_cache(_REMEMBERED)
def _contact(packed: bytes) -> Contact:
    return Contact(NodeId(packed[:KEY_BYTES]), _address(packed[KEY_BYTES:]))


@functools.lru_cache(_REMEMBERED)
def _relayed(packed: bytes) -> Contact:
    relay = _contact(packed[KEY_BYTES:])
    node_id = NodeId(packed[:KEY_BYTES])
    if relay.node_id == node_id:
        raise BadMessage("a node that is its own relay")
    return Contact(node_id, relay.address, via=relay.node_id)
