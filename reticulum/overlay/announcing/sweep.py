"""
The sweep: which region of the key space to announce next, and when.

A node goes through the key space once in `PERIOD_S`. Where it is and when that was due is all it
has to remember, so a sweep goes on after a restart where it was, and does not care when regions
become smaller or larger on the way. A node that was away is behind, at most by one whole round,
and then goes as fast as `gap_s` lets it.
"""

from collections.abc import Iterator
from typing import Protocol, Self

import attrs
from attrs import validators as v

from reticulum.model import Key, NodeId
from reticulum.overlay.announcing.region import KEY_BITS, SPACE, Region

PERIOD_S = 11 * 3600
"""Of a round. Records live 24 h: one round may fail."""
MOST_PACKETS_S = 40
LONGEST_GAP_S = 1.0
"""Few packets are sent at once, while the tokens for them are good."""


class OwnKeys(Protocol):
    """What this node holds."""

    def within(self, region: Region) -> Iterator[tuple[Key, int]]:
        """Keys in one region in rising order, each with its size class; may change meanwhile."""

    def count(self, region: Region) -> int:
        """How many these are."""


@attrs.frozen
class Sweep:
    """
    How far a node has come: what is kept over a restart.

    Args:
        position: Number of the key that comes next, below 2^160.
        due: When that should be announced, in seconds since 1970.
    """

    position: int = attrs.field(validator=[v.ge(0), v.lt(SPACE)])
    due: float

    @classmethod
    def begin(cls, own: NodeId, now: float) -> Self:
        """Start the very first round, at *now*: everything is overdue."""
        return cls(own.number, now - PERIOD_S)

    def region(self, bits: int) -> Region:
        """Of all regions with *bits* the one that comes next."""
        return Region(bits, self.position >> (KEY_BITS - bits))

    def after(self, region: Region, now: float) -> Self:
        """
        Go on behind a region that was announced, or had nothing to announce.

        Args:
            region: Any that the position is in.
            now: Seconds since 1970.
        """
        due = self.due + self.slot_s(region)
        # A clock that was set back may not stop the sweep for longer than a round, either.
        due = min(max(due, now - PERIOD_S), now + PERIOD_S)
        return type(self)(region.end % SPACE, due)

    def slot_s(self, region: Region) -> float:
        """How long a region takes, if all is well, in seconds: as much of a round as of space."""
        return PERIOD_S * ((region.end - self.position) / SPACE)


def gap_s(packets: int, sweep: Sweep, region: Region, now: float) -> float:
    """
    Say how long to wait between two packets of a region.

    Args:
        packets: Still to be sent.
        sweep: As it was when the region began.
        region: Which.
        now: Seconds since 1970.

    Returns:
        Seconds, from 1 / `MOST_PACKETS_S` (behind time) to `LONGEST_GAP_S` (few packets).
    """
    left_s = sweep.due + sweep.slot_s(region) - now
    return min(max(left_s / max(packets, 1), 1 / MOST_PACKETS_S), LONGEST_GAP_S)
