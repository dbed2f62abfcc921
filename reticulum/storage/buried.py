"""A tombstone as an entry of a file, and back."""

import struct

import attrs

from reticulum.model import Tombstone
from reticulum.storage.packed_id import unpack

_FIXED = struct.Struct(">QQqBB")
_REVOKED = 1
MOST_PACKED_BYTES = 4096
_MOST = 2**63 - 1


@attrs.frozen
class Buried:
    """
    A tombstone and its place in the order of learning.

    Args:
        serial: Microseconds since 1970, all different.
        packed_id: See `packed_id.pack`.
        tombstone: Itself.
    """

    serial: int
    packed_id: bytes
    tombstone: Tombstone

    def encode(self) -> bytes:
        """Serial, sequence, expiry (8 bytes each), flags, length of the id, id, statement."""
        one = self.tombstone
        flags = _REVOKED if one.revoked else 0
        fixed = _FIXED.pack(self.serial, one.sequence, one.expires, flags, len(self.packed_id))
        return fixed + self.packed_id + one.packed


def must_fit(tombstone: Tombstone) -> None:
    """
    Refuse what no entry can hold; nothing that was signed by our rules is near to it.

    Raises:
        ValueError: A number or the statement is too large.
    """
    fits = tombstone.sequence <= _MOST and 0 <= tombstone.expires <= _MOST
    if not fits or len(tombstone.packed) > MOST_PACKED_BYTES:
        raise ValueError(f"no sound tombstone of {tombstone.image_id}")


def decode(entry: bytes) -> Buried:
    """
    Read an entry.

    Raises:
        ValueError: It is none.
    """
    try:
        serial, sequence, expires, flags, length = _FIXED.unpack_from(entry)
    except struct.error as error:
        raise ValueError(f"no tombstone: {error}") from None
    packed_id, packed = entry[_FIXED.size :][:length], entry[_FIXED.size + length :]
    return Buried(
        serial,
        packed_id,
        Tombstone(
            image_id=unpack(packed_id),
            sequence=sequence,
            expires=expires,
            revoked=bool(flags & _REVOKED),
            packed=packed,
        ),
    )
