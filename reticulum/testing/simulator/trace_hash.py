"""A running hash over everything that was sent: two runs are the same if theirs are."""

import hashlib
import struct

_ENTRY = struct.Struct(">dIIIB")


class TraceHash:
    """Hash over time, sender, receiver, length and fate of every datagram, in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.entries = 0

    def add(self, at: float, sender: int, receiver: int, length: int, fate: int) -> None:
        """
        Take in one datagram.

        Args:
            at: Seconds of virtual time.
            sender: Number of its place.
            receiver: Number of its place.
            length: Bytes.
            fate: What became of it, 0 to 255.
        """
        self.entries += 1
        self._hash.update(_ENTRY.pack(at, sender, receiver, length, fate))

    def hexdigest(self) -> str:
        """The hash so far, 32 hexadecimal digits."""
        return self._hash.hexdigest()
