"""
Tombstone: "this image is deleted", or, revoked, "it may be kept again".

::

    offset  bytes
         0      1  kind, 03
         1     32  public key of the node where it was asked for
        33      1  flags: 1 revoked; others are ignored
        34      8  sequence
        42      4  issued, seconds since 1970
        46      4  expires, seconds since 1970
        50      1  hash of the image's id: 1 SHA-256, 2 SHA-1
        51   32/20  digest of the image's id
    83/71     64  signature over "reticulum tombstone 1", a zero byte, and all before it

Numbers are unsigned, most significant byte first. Any node of the grid may sign one about any
image: who may delete is decided where people ask, and whoever is in the grid is trusted with it.
"""

import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import HashName, ImageId, Tombstone
from reticulum.overlay.records.statement import MOST_SKEW_S, PUBLIC_BYTES, SIGNATURE_BYTES

LIFETIME_S = 30 * 24 * 3600
"""Nodes that were away for longer check all they hold before they serve it again."""
KIND = b"\3"
REVOKED = 1
_HEAD = struct.Struct(f">c{PUBLIC_BYTES}sBQIIB")
_LABEL = b"reticulum tombstone 1\0"
_HASHES = {1: HashName.SHA256, 2: HashName.SHA1}
_NUMBERS = {name: number for number, name in _HASHES.items()}


def sign_tombstone(
    private_key: Ed25519PrivateKey,
    image_id: ImageId,
    *,
    sequence: int,
    now: float,
    revoked: bool = False,
) -> Tombstone:
    """
    Make a tombstone that holds for `LIFETIME_S`.

    Args:
        private_key: Of this node.
        image_id: Of the image.
        sequence: Above that of every tombstone of the image that is known; see `next_sequence`.
        now: Seconds since 1970.
        revoked: The image was uploaded again.
    """
    issued = int(now)
    public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    head = _HEAD.pack(
        KIND,
        public,
        REVOKED * revoked,
        sequence,
        issued,
        issued + LIFETIME_S,
        _NUMBERS[image_id.hash_name],
    )
    said = head + bytes.fromhex(image_id.digest)
    return Tombstone(
        image_id=image_id,
        sequence=sequence,
        expires=issued + LIFETIME_S,
        revoked=revoked,
        packed=said + private_key.sign(_LABEL + said),
    )


def read_tombstone(packed: bytes, now: float) -> Tombstone:
    """
    Read a tombstone and believe it; cheap checks come first.

    Args:
        packed: As it was signed.
        now: Seconds since 1970.

    Raises:
        BadRecord: `RecordFault` says why not: `MALFORMED`, `TOO_LONG_LIVED`, `NOT_YET_VALID` (by
            more than `MOST_SKEW_S`), `EXPIRED` or `BAD_SIGNATURE`.
    """
    if len(packed) < _HEAD.size:
        raise BadRecord(RecordFault.MALFORMED)
    kind, public_key, flags, sequence, issued, expires, number = _HEAD.unpack_from(packed)
    said, signature = packed[:-SIGNATURE_BYTES], packed[-SIGNATURE_BYTES:]
    hash_name = _HASHES.get(number)
    if kind != KIND or hash_name is None or sequence == 0 or expires <= issued:
        raise BadRecord(RecordFault.MALFORMED)
    if len(said) != _HEAD.size + hash_name.hex_digits // 2:
        raise BadRecord(RecordFault.MALFORMED)
    _check_times(issued, expires, now)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _LABEL + said)
    except (InvalidSignature, ValueError):
        raise BadRecord(RecordFault.BAD_SIGNATURE) from None
    return Tombstone(
        image_id=ImageId(hash_name, said[_HEAD.size :].hex()),
        sequence=sequence,
        expires=expires,
        revoked=bool(flags & REVOKED),
        packed=packed,
    )


def _check_times(issued: int, expires: int, now: float) -> None:
    if expires - issued > LIFETIME_S + MOST_SKEW_S:
        raise BadRecord(RecordFault.TOO_LONG_LIVED)
    if issued > now + MOST_SKEW_S:
        raise BadRecord(RecordFault.NOT_YET_VALID)
    if expires <= now:
        raise BadRecord(RecordFault.EXPIRED)
