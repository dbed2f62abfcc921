"""What went over the network: counters of each node and of all together."""

from enum import IntEnum

import attrs

UNFRAGMENTED_BYTES = 1232
"""UDP payload that every IPv6 path carries in one piece (RFC 8200, section 5)."""


class Fate(IntEnum):
    """What becomes of a datagram when it is sent."""

    SENT = 0
    LOST = 1
    CUT_OFF = 2
    """The way is partitioned."""
    NOBODY = 3
    """No node lives at the address, or none ever did."""
    TOO_LONG = 4
    STRANGER = 5
    """It comes to a node behind a NAT, from an address to which that has sent nothing."""


@attrs.define
class Traffic:
    """
    Counters.

    Args:
        sent: Datagrams, also those that never arrive.
        received: Datagrams.
        sent_bytes: UDP payload.
        fragmented: Datagrams longer than any path is sure to carry in one piece.
        longest: Bytes of the longest datagram sent.
        fates: How many were sent with each fate, `Fate.SENT` left out.
    """

    sent: int = 0
    received: int = 0
    sent_bytes: int = 0
    fragmented: int = 0
    longest: int = 0
    fates: dict[Fate, int] = attrs.field(factory=dict)

    def leaves(self, length: int, fate: Fate) -> None:
        """Count a datagram of *length* bytes."""
        self.sent += 1
        self.sent_bytes += length
        self.fragmented += length > UNFRAGMENTED_BYTES
        self.longest = max(self.longest, length)
        if fate is not Fate.SENT:
            self.fates[fate] = self.fates.get(fate, 0) + 1
