"""
Node record: where a node lives, what it offers, what it runs.

::

    offset  bytes
         0      1  kind, 02
         1     32  public key of the node
        33      8  sequence
        41      4  issued, seconds since 1970
        45      4  expires, seconds since 1970
        49      n  named fields (msgpack as in wire), below
      49+n     64  signature over "reticulum node record 1", a zero byte, and bytes 0 to 48+n

    addresses  bytes   addresses beside each other, at most 8
    relays     bytes   contacts of relays beside each other, at most 4
    relaying   number  1 if the node passes bytes on for others that nobody can dial; missing is 0
    role       number  0 client, 1 server
    zone       text    at most 64 bytes
    capacity   number  bytes that the node offers to keep
    free       number  of these, unused
    shelf      number  0 keeps no images of others, 1 keeps some, 2 is full; missing is 1
    software   text    name and version, at most 32 bytes

Fields that are not known are ignored, and kept as they are signed; a record is at most 512 bytes.
"""

import enum
import struct
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import ClassVar, Self, TypeVar

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.errors import BadMessage, BadRecord, RecordFault
from reticulum.model import Address, Contact, NodeId, Shelf
from reticulum.overlay.records.statement import LIFETIME_S, PUBLIC_BYTES, SIGNATURE_BYTES
from reticulum.overlay.wire import (
    Fields,
    pack,
    pack_address,
    pack_contact,
    take_address,
    take_contact,
)

MOST_BYTES = 512
MOST_ADDRESSES = 8
MOST_RELAYS = 4
LONGEST_ZONE = 64
LONGEST_SOFTWARE = 32
_HEAD = struct.Struct(f">c{PUBLIC_BYTES}sQII")
_LABEL = b"reticulum node record 1\0"

_Item = TypeVar("_Item", Address, Contact)


class Role(enum.IntEnum):
    """Whether others may enter the node in their tables."""

    CLIENT = 0
    SERVER = 1


@attrs.frozen(kw_only=True)
class NodeRecord:
    """
    A node's statement about itself.

    Args:
        public_key: 32 bytes.
        sequence: Of two records of one node the higher one holds.
        issued: Whole seconds since 1970.
        expires: Whole seconds since 1970.
        addresses: Where it is reached, best first.
        relays: Who passes bytes on to it, the one to use first first.
        relaying: Whether it passes bytes on to others.
        role: See `Role`.
        zone: Name, or empty.
        capacity: Bytes it offers to keep.
        free: Of these, unused.
        software: Name and version.
        shelf: What it does for images of others.
        packed: The record as it was signed, with whatever a newer version wrote into it.
    """

    KIND: ClassVar[bytes] = b"\2"

    public_key: bytes
    sequence: int
    issued: int
    expires: int
    addresses: tuple[Address, ...]
    relays: tuple[Contact, ...] = ()
    relaying: bool = False
    role: Role
    zone: str = ""
    capacity: int = 0
    free: int = 0
    software: str = ""
    shelf: Shelf = Shelf.OPEN
    packed: bytes = attrs.field(repr=False)

    @classmethod
    def sign(
        cls,
        private_key: Ed25519PrivateKey,
        *,
        addresses: Sequence[Address],
        role: Role,
        sequence: int,
        now: float,
        relays: Sequence[Contact] = (),
        relaying: bool = False,
        zone: str = "",
        capacity: int = 0,
        free: int = 0,
        software: str = "",
        shelf: Shelf = Shelf.OPEN,
    ) -> Self:
        """
        Make a record that holds from *now*, seconds since 1970, for `LIFETIME_S`.

        Raises:
            BadRecord: Something is longer than a record may hold.
        """
        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        fields = pack(
            {
                "addresses": b"".join(map(pack_address, addresses)),
                "capacity": capacity,
                "free": free,
                **({"relaying": 1} if relaying else {}),
                "relays": b"".join(map(pack_contact, relays)),
                "role": int(role),
                "shelf": int(shelf),
                "software": software,
                "zone": zone,
            }
        )
        head = _HEAD.pack(cls.KIND, public, sequence, int(now), int(now) + LIFETIME_S)
        return cls.parse(head + fields + private_key.sign(_LABEL + head + fields))

    @classmethod
    def parse(cls, packed: bytes) -> Self:
        """
        Read one record.

        Raises:
            BadRecord: With `RecordFault.MALFORMED`.
        """
        try:
            return cls._parse(packed)
        except BadMessage:
            raise BadRecord(RecordFault.MALFORMED) from None

    @classmethod
    def _parse(cls, packed: bytes) -> Self:
        if not _HEAD.size + SIGNATURE_BYTES < len(packed) <= MOST_BYTES:
            raise BadMessage("no node record")
        kind, public_key, sequence, issued, expires = _HEAD.unpack_from(packed)
        if kind != cls.KIND or expires <= issued:
            raise BadMessage("no node record")
        fields = Fields.parse(packed[_HEAD.size : -SIGNATURE_BYTES])
        return cls(
            public_key=public_key,
            sequence=sequence,
            issued=issued,
            expires=expires,
            addresses=_several(fields, "addresses", MOST_ADDRESSES, take_address),
            relays=_several(fields, "relays", MOST_RELAYS, take_contact),
            relaying=bool(fields.number("relaying", default=0)),
            role=Role(fields.number("role", last=max(Role))),
            zone=fields.text("zone", LONGEST_ZONE),
            capacity=fields.number("capacity"),
            free=fields.number("free"),
            software=fields.text("software", LONGEST_SOFTWARE),
            shelf=Shelf(fields.number("shelf", last=max(Shelf), default=Shelf.OPEN)),
            packed=packed,
        )

    @cached_property
    def speaker(self) -> NodeId:
        """The node."""
        return NodeId.of_public_key(self.public_key)

    @cached_property
    def ways(self) -> tuple[Contact, ...]:
        """The node by way of each of its relays; none of a server, which is reached directly."""
        if self.role is Role.SERVER:
            return ()
        node_id = self.speaker
        return tuple(
            Contact(node_id, relay.address, via=relay.node_id)
            for relay in self.relays
            if relay.node_id != node_id
        )

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return _LABEL + self.packed[:-SIGNATURE_BYTES]

    @property
    def signature(self) -> bytes:
        """Ed25519, 64 bytes, unchecked."""
        return self.packed[-SIGNATURE_BYTES:]


def _several(
    fields: Fields, name: str, most: int, take: Callable[[bytes, int], tuple[_Item, int]]
) -> tuple[_Item, ...]:
    packed = fields.octets(name, 0, MOST_BYTES)
    items: list[_Item] = []
    at = 0
    while at < len(packed):
        item, at = take(packed, at)
        items.append(item)
    if len(items) > most:
        raise BadMessage(f"{name}: more than {most}")
    return tuple(items)
