"""Where nodes are: points in the key space of the DHT, and addresses."""

import functools
import hashlib
import ipaddress
import re
from typing import Self

import attrs
from attrs import validators as v

from reticulum.model.ids import ImageId

KEY_BYTES = 20


@attrs.frozen(order=True)
class Key:
    """
    A point in the key space: 160 bits, where a node stands or an image belongs.

    Args:
        digest: 20 bytes.
    """

    digest: bytes = attrs.field()

    @digest.validator
    def _length(self, _attribute: object, digest: bytes) -> None:
        if len(digest) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(digest)}")

    @classmethod
    def of_image(cls, image_id: ImageId) -> Self:
        """Where the records of an image belong: first 20 bytes of SHA-256 of the id's text."""
        return cls(hashlib.sha256(str(image_id).encode()).digest()[:KEY_BYTES])

    @classmethod
    def of_public_key(cls, public_key: bytes) -> Self:
        """Where a node stands: first 20 bytes of SHA-256 of its Ed25519 public key."""
        return cls(hashlib.sha256(public_key).digest()[:KEY_BYTES])

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read 40 hexadecimal digits.

        Raises:
            ValueError: The text is something else.
        """
        return cls(bytes.fromhex(text))

    @property
    def number(self) -> int:
        """As a whole number, most significant byte first."""
        return int.from_bytes(self.digest)

    def distance(self, other: "Key") -> int:
        """XOR metric (Maymounkov and Mazieres, Kademlia, section 2.1)."""
        return self.number ^ other.number

    def __str__(self) -> str:
        return self.digest.hex()


NodeId = Key

# The scope of a link-local address; ipaddress takes any text for one.
_INTERFACE = re.compile(r"[0-9A-Za-z._-]{1,15}")


@attrs.frozen(order=True)
class Address:
    """
    An IP address and a port.

    Args:
        host: IPv4 or IPv6 in its one canonical text.
        port: 1 to 65535.
    """

    host: str = attrs.field()
    port: int = attrs.field(validator=[v.ge(1), v.le(65_535)])

    @host.validator
    def _is_canonical(self, _attribute: object, host: str) -> None:
        if str(ipaddress.ip_address(host)) != host:
            raise ValueError(f"{host!r} is not the canonical text of an IP address")
        scope = host.partition("%")[2]
        if scope and not _INTERFACE.fullmatch(scope):
            raise ValueError(f"{host!r} is not of any interface")

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read what `str` wrote.

        Raises:
            ValueError: The text is something else.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()):
            raise ValueError(f"{text[:80]!r} is not HOST:PORT")
        address = cls(host.removeprefix("[").removesuffix("]"), int(port))
        if str(address) != text:
            raise ValueError(f"{text[:80]!r} is not the canonical text of an address")
        return address

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen
class Contact:
    """
    A node and where it is reached.

    Args:
        node_id: Made from its public key.
        address: UDP and TCP; with a relay, the relay's.
        via: The relay that passes bytes on to the node; None if it is reached directly.
    """

    node_id: NodeId
    address: Address
    via: NodeId | None = None


LOOPBACK, PRIVATE, PUBLIC = range(3)
"""How far an address carries."""
_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Between a provider's routers and its customers' (RFC 6598)."""


# Asked for each voice at each answer; parsing an address is 4 us, remembering it 0.1.
@functools.lru_cache(4096)
def reach_of(host: str) -> int:
    """How far an IP address carries: 0 on this machine, 1 in a network of somebody, 2 anywhere."""
    address = ipaddress.ip_address(host)
    # What is sent to 0.0.0.0 arrives on this machine.
    if address.is_loopback or address.is_unspecified:
        return LOOPBACK
    is_shared = address.version == 4 and address in _SHARED  # noqa: PLR2004  (a version, not a bound)
    return PRIVATE if address.is_private or address.is_link_local or is_shared else PUBLIC
