"""
The sweep: which region of the key space to announce next, and when.

A node goes through the key space once in a period, which `round_s` chooses. Where it is and when
that was due is all it has to remember, so a sweep goes on after a restart where it was, and does
not care when regions or the period become smaller or larger on the way. A node that was away is
behind, at most by one whole round, and then goes as fast as `gap_s` lets it.
"""

from collections.abc import Iterator
from typing import Protocol, Self

import attrs
from attrs import validators as v

from reticulum.model import Key, NodeId
from reticulum.overlay.announcing.region import KEY_BITS, SPACE, Region
from reticulum.overlay.announcing.rounds import LONGEST_ROUND_S

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
        return cls(own.number, now - LONGEST_ROUND_S)

    def region(self, bits: int) -> Region:
        """Of all regions with *bits* the one that comes next."""
        return Region(bits, self.position >> (KEY_BITS - bits))

    def within(self, now: float, period_s: float) -> Self:
        """
        Go on within a round from now at the latest, which may not be what was planned.

        The rounds may have become shorter since, or the clock may have been set back.

        Args:
            now: Seconds since 1970.
            period_s: Of a round as it is now, in seconds.
        """
        return type(self)(self.position, min(self.due, now + period_s))

    def after(self, region: Region, now: float, period_s: float) -> Self:
        """
        Go on behind a region that was announced, or had nothing to announce.

        Args:
            region: Any that the position is in.
            now: Seconds since 1970.
            period_s: Of a round, in seconds.
        """
        due = max(self.due + self.slot_s(region, period_s), now - period_s)
        return type(self)(region.end % SPACE, due).within(now, period_s)

    def slot_s(self, region: Region, period_s: float) -> float:
        """How long a region takes, if all is well, in seconds: as much of a round as of space."""
        return period_s * ((region.end - self.position) / SPACE)


def gap_s(packets: int, sweep: Sweep, region: Region, now: float, period_s: float) -> float:
    """
    Say how long to wait between two packets of a region.

    Args:
        packets: Still to be sent.
        sweep: As it was when the region began.
        region: Which.
        now: Seconds since 1970.
        period_s: Of a round, in seconds.

    Returns:
        Seconds, from 1 / `MOST_PACKETS_S` (behind time) to `LONGEST_GAP_S` (few packets).
    """
    left_s = sweep.due + sweep.slot_s(region, period_s) - now
    return min(max(left_s / max(packets, 1), 1 / MOST_PACKETS_S), LONGEST_GAP_S)
