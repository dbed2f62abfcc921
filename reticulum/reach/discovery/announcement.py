"""What a node tells the local network, and what it reads from what others tell."""

import random
import re
from collections.abc import Mapping
from typing import Final, Self

import attrs
from attrs import validators as v

SERVICE: Final = "_reticulum._udp.local."
WORD: Final = b"reticulum"
"""In every datagram of a node: in the type of service, and in names of hosts."""
VERSION: Final = b"1"

_VERSION_KEY, _GRID_KEY = b"v", b"grid"
_FINGERPRINT = re.compile(rb"[0-9a-f]{16}")
_NAME_BITS = 64


@attrs.frozen
class Alias:
    """
    Two names of a node that nobody has heard before, and that say nothing.

    With 64 random bits no other node has them, so nobody needs to be asked (RFC 6762 section 8.1)
    and nobody can object.

    Args:
        service: Of what it offers.
        host: Of the machine.
    """

    service: str
    host: str

    @classmethod
    def random(cls, rng: random.Random) -> Self:
        """Make one up."""
        first, second = (f"{rng.getrandbits(_NAME_BITS):016x}" for _ in range(2))
        return cls(service=f"{first}.{SERVICE}", host=f"{WORD.decode()}-{second}.local.")


@attrs.frozen(kw_only=True)
class Announcement:
    """
    All that a node tells about itself.

    Args:
        alias: Its names.
        port: UDP and TCP, for other nodes.
        fingerprint: 8 bytes, public, of the grid.
        addresses: IP addresses.
    """

    alias: Alias
    port: int = attrs.field(validator=[v.ge(1), v.le(65_535)])
    fingerprint: bytes = attrs.field(validator=[v.min_len(8), v.max_len(8)])
    addresses: tuple[str, ...] = attrs.field(validator=v.min_len(1))

    @property
    def text(self) -> dict[bytes, bytes]:
        """Its TXT record."""
        return {_VERSION_KEY: VERSION, _GRID_KEY: self.fingerprint.hex().encode()}


@attrs.frozen(kw_only=True)
class Heard:
    """
    What a service on the network tells about itself; nothing of it is to be believed.

    Args:
        port: Any number.
        text: Its TXT record.
        hosts: IP addresses, as text.
    """

    port: int
    text: Mapping[bytes, bytes | None]
    hosts: tuple[str, ...]

    @property
    def fingerprint(self) -> bytes | None:
        """Of the grid it says to be of; None if it speaks another language."""
        grid = self.text.get(_GRID_KEY) or b""
        if self.text.get(_VERSION_KEY) != VERSION or not _FINGERPRINT.fullmatch(grid):
            return None
        return bytes.fromhex(grid.decode())
