"""
Datagrams as members of one grid seal them: the layout, sub-keys, and what seals.

::

    offset  bytes
         0      8  fingerprint of the grid, of the secret it is sealed with   \
         8      1  version, 1                                                  |
         9     12  boot: random, made anew whenever the sender starts          | in the clear,
        21      4  boot check: says that a member made the boot                | authenticated
        25      8  counter of the sender's datagrams in this boot, from 0     /
        33      8  sender's clock, ms since 1970                              \
        41      8  recipient: start of its node id, or zeros: whoever gets it  | ChaCha20-Poly1305
        49      n  body                                                        |
      49+n     16  tag                                                        /

Numbers are unsigned, most significant byte first. Sub-key and boot check are the first 32 and
the next 4 bytes of BLAKE2b(boot, key = datagram key, digest 36 bytes, person "reticulum 1 seal").
The nonce is four zero bytes and the counter (RFC 8439, section 2.3, with a fixed part of zero);
the first 33 bytes are the additional data. A sub-key belongs to one boot of one node, so no nonce
comes twice.

The boot check costs a stranger's packet its life before a cipher is set up for it: one hash.
"""

import hashlib
import struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reticulum.errors import CountersSpent
from reticulum.overlay.grid_keys import FINGERPRINT_BYTES, GridKeys, KeyRing

VERSION = 1
BOOT_BYTES = 12
CHECK_BYTES = 4
COUNTER_BYTES = 8
RECIPIENT_BYTES = 8
TAG_BYTES = 16

VERSION_AT = FINGERPRINT_BYTES
BOOT_AT = VERSION_AT + 1
CHECK_AT = BOOT_AT + BOOT_BYTES
COUNTER_AT = CHECK_AT + CHECK_BYTES
HEADER_BYTES = COUNTER_AT + COUNTER_BYTES

INNER = struct.Struct(f">Q{RECIPIENT_BYTES}s")
"""Clock and recipient, before the body."""
OVERHEAD_BYTES = HEADER_BYTES + INNER.size + TAG_BYTES
"""65: what sealing adds to a body."""

LONGEST_BYTES = 4096
"""Of a datagram, sealed. Longer ones are neither made nor opened."""
LONGEST_BODY_BYTES = LONGEST_BYTES - OVERHEAD_BYTES
UNFRAGMENTED_BODY_BYTES = 1280 - 40 - 8 - OVERHEAD_BYTES
"""1167: fits every path that IPv6 does (RFC 8200, section 5). Bodies should stay within it."""

LAST_COUNTER = 2**48 - 1
"""Nine years at a million datagrams a second; no boot seals more."""

ANYONE = bytes(RECIPIENT_BYTES)
"""Recipient of a datagram to an address where the sender does not know who lives."""
NONCE_START = bytes(4)

_PERSON = b"reticulum 1 seal"


def sub_key(keys: GridKeys, boot: bytes) -> tuple[bytes, bytes]:
    """
    Sub-key of one boot of one sender, 32 bytes, and boot check, 4 bytes.

    Args:
        keys: Of the grid.
        boot: 12 bytes.

    Source: RFC 7693, section 2.9 (keyed BLAKE2b is a pseudo-random function); one call of it
    is a third of an HKDF of two blocks.
    """
    digest_bytes = 32 + CHECK_BYTES
    digest = hashlib.blake2b(
        boot, key=keys.datagram, digest_size=digest_bytes, person=_PERSON
    ).digest()
    return digest[:32], digest[32:]


class Sealer:
    """
    Seals what this node sends. Not for use from several threads.

    Args:
        ring: Sealed is with its current keys.
        boot: 12 random bytes, made at this start of the node and never used before.
        counter: Of the first datagram; 0 except in tests.
    """

    def __init__(self, ring: KeyRing, boot: bytes, counter: int = 0) -> None:
        if len(boot) != BOOT_BYTES:
            raise ValueError(f"a boot has {BOOT_BYTES} bytes, not {len(boot)}")
        self._boot = boot
        self._counter = counter
        self.rekey(ring)

    @property
    def boot(self) -> bytes:
        """12 bytes that tell this run of the node from every other."""
        return self._boot

    def rekey(self, ring: KeyRing) -> None:
        """Seal with the current keys of *ring* from now on. The counter goes on."""
        keys = ring.current
        key, check = sub_key(keys, self._boot)
        self._start = b"".join((keys.fingerprint, bytes([VERSION]), self._boot, check))
        self._cipher = ChaCha20Poly1305(key)

    def seal(self, body: bytes, now_ms: int, recipient: bytes = ANYONE) -> bytes:
        """
        A datagram; equal bodies never make equal ones.

        Args:
            body: At most 4031 bytes, better at most 1167.
            now_ms: Wall clock, ms since 1970.
            recipient: First 8 bytes of the node id of who may open it. `ANYONE` where that is
                not known; any member can then be shown a recording of it.

        Raises:
            CountersSpent: This boot has sealed 2^48 datagrams.
            ValueError: The body is too long, or the recipient has not 8 bytes.
        """
        if len(body) > LONGEST_BODY_BYTES:
            raise ValueError(f"{len(body)} bytes don't fit in a datagram")
        if len(recipient) != RECIPIENT_BYTES:
            raise ValueError(f"a recipient has {RECIPIENT_BYTES} bytes, not {len(recipient)}")
        counter = self._counter
        if counter > LAST_COUNTER:
            raise CountersSpent("this node has sealed all it can since it started: restart it")
        number = counter.to_bytes(COUNTER_BYTES)
        header = self._start + number
        inner = INNER.pack(now_ms, recipient) + body
        # Before encrypting: whatever happens then, this nonce is used.
        self._counter = counter + 1
        return header + self._cipher.encrypt(NONCE_START + number, inner, header)
