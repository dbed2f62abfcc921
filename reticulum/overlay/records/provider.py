"""
Provider record: "node N holds the image of key K", or, withdrawn, "no longer".

::

    offset  bytes
         0      1  kind, 01
         1     32  public key of the provider
        33      8  zone mark: start of SHA-256 of the zone's name, zeros for none
        41      1  flags: 1 withdrawn, 2 client (dialled over a relay); others are ignored
        42      8  sequence
        50      4  issued, seconds since 1970
        54      4  expires, seconds since 1970
        58     20  key of the image
        78      1  size class: bits of the image's length in bytes
        79     64  signature over "reticulum provider record 1", a zero byte, and bytes 0 to 78

Numbers are unsigned, most significant byte first.
"""

import hashlib
import struct
from collections.abc import Callable
from typing import ClassVar, Self

import attrs
from attrs import validators as v
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import Key, NodeId
from reticulum.overlay.records.statement import LIFETIME_S, PUBLIC_BYTES, SIGNATURE_BYTES

ZONE_BYTES = 8
WITHDRAWN, CLIENT = 1, 2
HEAD = struct.Struct(f">c{PUBLIC_BYTES}s{ZONE_BYTES}sBQII")
"""What all records that a provider signs in one go have in common."""
ENTRY = struct.Struct(f">20sB{SIGNATURE_BYTES}s")
PACKED_BYTES = HEAD.size + ENTRY.size
_LABEL = b"reticulum provider record 1\0"


def zone_mark(zone: str) -> bytes:
    """Shorten a zone's name to 8 bytes; the empty name, for no zone, to zeros."""
    return hashlib.sha256(zone.encode()).digest()[:ZONE_BYTES] if zone else bytes(ZONE_BYTES)


def size_class(length: int) -> int:
    """Round the length of an image, in bytes, to 0 to 63: how many bits it has."""
    return min(length.bit_length(), 63)


def _exactly(length: int) -> list[Callable[..., None]]:
    return [v.min_len(length), v.max_len(length)]


@attrs.frozen(kw_only=True)
class ProviderRecord:
    """
    A node's statement about one image.

    Args:
        key: Of the image.
        public_key: Of the provider, 32 bytes.
        zone: Mark of its zone, 8 bytes.
        size_class: See `size_class`.
        flags: `WITHDRAWN` and `CLIENT`; one byte.
        sequence: Of two records of one provider for one key the higher one holds.
        issued: Whole seconds since 1970.
        expires: Whole seconds since 1970.
        signature: 64 bytes, unchecked.
    """

    KIND: ClassVar[bytes] = b"\1"

    key: Key
    public_key: bytes = attrs.field(validator=_exactly(PUBLIC_BYTES))
    zone: bytes = attrs.field(validator=_exactly(ZONE_BYTES))
    size_class: int
    flags: int
    sequence: int
    issued: int
    expires: int
    signature: bytes = attrs.field(
        default=bytes(SIGNATURE_BYTES), validator=_exactly(SIGNATURE_BYTES), repr=False
    )

    @classmethod
    def sign(
        cls,
        private_key: Ed25519PrivateKey,
        *,
        key: Key,
        sequence: int,
        now: float,
        zone: str = "",
        length: int = 0,
        withdrawn: bool = False,
        client: bool = False,
    ) -> Self:
        """
        Make a record that holds from *now*, seconds since 1970, for `LIFETIME_S`.

        A withdrawal lives as long as what it withdraws, so that it can't be outlived by it.
        """
        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        draft = cls(
            key=key,
            public_key=public,
            zone=zone_mark(zone),
            size_class=size_class(length),
            flags=WITHDRAWN * withdrawn | CLIENT * client,
            sequence=sequence,
            issued=int(now),
            expires=int(now) + LIFETIME_S,
        )
        return attrs.evolve(draft, signature=private_key.sign(draft.signed))

    @classmethod
    def parse(cls, packed: bytes) -> Self:
        """
        Read one record.

        Raises:
            BadRecord: With `RecordFault.MALFORMED`.
        """
        if len(packed) != PACKED_BYTES:
            raise BadRecord(RecordFault.MALFORMED)
        return cls.join(HEAD.unpack_from(packed), ENTRY.unpack_from(packed, HEAD.size))

    @classmethod
    def join(
        cls, head: tuple[bytes, bytes, bytes, int, int, int, int], entry: tuple[bytes, int, bytes]
    ) -> Self:
        """
        Put a record together of unpacked `HEAD` and `ENTRY`.

        Raises:
            BadRecord: With `RecordFault.MALFORMED`: another kind, or it ends before it begins.
        """
        kind, public_key, zone, flags, sequence, issued, expires = head
        if kind != cls.KIND or expires <= issued:
            raise BadRecord(RecordFault.MALFORMED)
        digest, bits, signature = entry
        return cls(
            key=Key(digest),
            public_key=public_key,
            zone=zone,
            size_class=bits,
            flags=flags,
            sequence=sequence,
            issued=issued,
            expires=expires,
            signature=signature,
        )

    @property
    def speaker(self) -> NodeId:
        """The provider."""
        return NodeId.of_public_key(self.public_key)

    @property
    def withdrawn(self) -> bool:
        """Whether the provider no longer holds the image."""
        return bool(self.flags & WITHDRAWN)

    @property
    def client(self) -> bool:
        """Whether the provider can only be reached through a relay."""
        return bool(self.flags & CLIENT)

    @property
    def head(self) -> bytes:
        """What it has in common with the provider's other records of the same moment."""
        return HEAD.pack(
            self.KIND,
            self.public_key,
            self.zone,
            self.flags,
            self.sequence,
            self.issued,
            self.expires,
        )

    @property
    def entry(self) -> bytes:
        """What is its own: key, size class, signature."""
        return ENTRY.pack(self.key.digest, self.size_class, self.signature)

    @property
    def packed(self) -> bytes:
        """The record, 143 bytes."""
        return self.head + self.entry

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return _LABEL + self.packed[:-SIGNATURE_BYTES]
