"""Opens sealed datagrams, or refuses them as cheaply as their fault allows."""

import hmac
from collections import OrderedDict

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reticulum.errors import DatagramRefused, Refusal
from reticulum.overlay.grid_keys import FINGERPRINT_BYTES, GridKeys, KeyRing
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import (
    ANYONE,
    BOOT_AT,
    CHECK_AT,
    COUNTER_AT,
    HEADER_BYTES,
    INNER,
    LONGEST_BYTES,
    NONCE_START,
    OVERHEAD_BYTES,
    RECIPIENT_BYTES,
    VERSION,
    VERSION_AT,
    sub_key,
)

SKEW_MS = 60_000
"""How far a sender's clock may be from ours."""

MOST_CIPHERS = 1024
"""Ciphers kept ready; about 2.4 kB each."""


@attrs.frozen
class Opened:
    """
    A datagram that a member sealed, not received before, of a clock near enough to ours.

    Args:
        boot: 12 bytes; tells the sender's run from every other. One node id with two boots at a
            time is two nodes that run with one key.
        counter: Of the sender's datagrams in this boot, from 0.
        clock_ms: The sender's clock when it sealed, ms since 1970.
        addressed: Sealed for this very node; else for whoever gets it, and perhaps recorded
            on its way to another: learn no address from it and answer it briefly.
        body: What was sealed.
    """

    boot: bytes
    counter: int
    clock_ms: int
    addressed: bool
    body: bytes


class Unsealer:
    """
    Opens what this node receives. Not for use from several threads.

    A refused datagram must not be answered, whatever the reason: not a single byte goes to
    somebody who has not shown that he is a member, and a recording shows nothing.

    Checked in this order, cheapest first: fingerprint, length, version, whether we sealed it
    ourselves, boot check, window, seal, clock, recipient, window again. A stranger who copies the
    clear parts of a real datagram gets as far as the seal, with a cipher that was ready.

    Args:
        ring: All its keys are accepted.
        boot: Of this node's own `Sealer`: its datagrams are refused when they come back.
        me: First 8 bytes of this node's id.
        windows: What was received before.
        skew_ms: How far a sender's clock may be from ours, in ms.
    """

    def __init__(
        self, ring: KeyRing, *, boot: bytes, me: bytes, windows: Windows, skew_ms: int = SKEW_MS
    ) -> None:
        if len(me) != RECIPIENT_BYTES or me == ANYONE:
            raise ValueError(f"a recipient is {RECIPIENT_BYTES} bytes, not all of them zero")
        self._boot = boot
        self._me = me
        self._windows = windows
        self._skew_ms = skew_ms
        self._ciphers: OrderedDict[bytes, ChaCha20Poly1305] = OrderedDict()
        self.rekey(ring)

    def rekey(self, ring: KeyRing) -> None:
        """Accept the keys of *ring* and no others from now on. What was received stays known."""
        self._accepted = ring.accepted
        self._ciphers.clear()

    def unseal(self, datagram: bytes, now_ms: int) -> Opened:
        """
        Open a datagram.

        Args:
            datagram: As it came.
            now_ms: Wall clock, ms since 1970.

        Raises:
            DatagramRefused: With the reason; for a wrong clock with the difference.
        """
        keys = self._accepted.get(datagram[:FINGERPRINT_BYTES])
        if keys is None:
            raise DatagramRefused(Refusal.FOREIGN)
        if not OVERHEAD_BYTES <= len(datagram) <= LONGEST_BYTES:
            too_long = len(datagram) > LONGEST_BYTES
            raise DatagramRefused(Refusal.LONG if too_long else Refusal.SHORT)
        sender = datagram[:COUNTER_AT]
        cipher = self._ciphers.get(sender)
        if cipher is None:
            cipher = self._cipher(keys, sender)
        else:
            self._ciphers.move_to_end(sender)
        number = datagram[COUNTER_AT:HEADER_BYTES]
        counter = int.from_bytes(number)
        if refusal := self._windows.refusal(sender, counter):
            raise DatagramRefused(refusal)
        try:
            inner = cipher.decrypt(
                NONCE_START + number, datagram[HEADER_BYTES:], datagram[:HEADER_BYTES]
            )
        except InvalidTag:
            inner = None
        if inner is None:
            # Out here there is no other error to chain, which a stranger would make us pay for.
            raise DatagramRefused(Refusal.FORGED)
        clock_ms, recipient = INNER.unpack_from(inner)
        off_ms = clock_ms - now_ms
        if not -self._skew_ms <= off_ms <= self._skew_ms:
            raise DatagramRefused(Refusal.AHEAD if off_ms > 0 else Refusal.BEHIND, off_ms)
        if recipient not in (self._me, ANYONE):
            raise DatagramRefused(Refusal.MISDIRECTED)
        if refusal := self._windows.take(sender, counter, clock_ms, now_ms):
            raise DatagramRefused(refusal, off_ms)
        return Opened(
            sender[BOOT_AT:CHECK_AT], counter, clock_ms, recipient != ANYONE, inner[INNER.size :]
        )

    def _cipher(self, keys: GridKeys, sender: bytes) -> ChaCha20Poly1305:
        """
        Of a sender that has none ready.

        It is kept although nothing has been deciphered yet: nobody but a member makes boots that
        pass their check, so strangers can't fill the cache.
        """
        if sender[VERSION_AT] != VERSION:
            raise DatagramRefused(Refusal.VERSION)
        boot = sender[BOOT_AT:CHECK_AT]
        if boot == self._boot:
            raise DatagramRefused(Refusal.ECHO)
        key, check = sub_key(keys, boot)
        if not hmac.compare_digest(check, sender[CHECK_AT:]):
            raise DatagramRefused(Refusal.FORGED)
        cipher = ChaCha20Poly1305(key)
        self._ciphers[sender] = cipher
        if len(self._ciphers) > MOST_CIPHERS:
            self._ciphers.popitem(last=False)
        return cipher
