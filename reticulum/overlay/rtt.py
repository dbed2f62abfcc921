"""How long to wait for a peer: round-trip times measured, smoothed and bounded."""

from collections import OrderedDict
from typing import Self

import attrs

from reticulum.model import NodeId

SHORTEST_S = 0.150
LONGEST_S = 2.0
FIRST_S = 0.5
"""For the very first question of a node, when no peer at all has answered it yet."""
MOST_PEERS = 4096


@attrs.frozen
class RoundTrip:
    """
    Smoothed round-trip time and how much it varies.

    Args:
        srtt_s: Smoothed, in seconds.
        rttvar_s: Mean deviation, in seconds.

    Source: RFC 6298, section 2, without its granularity and with bounds of our own.
    """

    srtt_s: float
    rttvar_s: float

    @classmethod
    def first(cls, rtt_s: float) -> Self:
        """Begin with one measurement (rule 2.2)."""
        return cls(rtt_s, rtt_s / 2)

    def after(self, rtt_s: float) -> Self:
        """Take in one more measurement (rule 2.3)."""
        deviation = abs(self.srtt_s - rtt_s)
        return attrs.evolve(
            self,
            srtt_s=0.875 * self.srtt_s + 0.125 * rtt_s,
            rttvar_s=0.75 * self.rttvar_s + 0.25 * deviation,
        )

    @property
    def timeout_s(self) -> float:
        """Seconds until a silence means something: `SHORTEST_S` to `LONGEST_S`."""
        return min(max(self.srtt_s + 4 * self.rttvar_s, SHORTEST_S), LONGEST_S)


class RoundTrips:
    """
    Round-trip times of the peers measured last, and of all of them together.

    Args:
        most_peers: How many to remember; the one not measured for longest is forgotten.
    """

    def __init__(self, most_peers: int = MOST_PEERS) -> None:
        self._most_peers = most_peers
        self._peers: OrderedDict[NodeId, RoundTrip] = OrderedDict()
        self._together: RoundTrip | None = None

    def measured(self, peer: NodeId, rtt_s: float) -> None:
        """
        Take in one measurement, *rtt_s* in seconds, at least 0.

        Only of a question sent once: after a retransmission nobody knows which of the two
        was answered (RFC 6298, section 3).
        """
        known = self._peers.pop(peer, None)
        self._peers[peer] = RoundTrip.first(rtt_s) if known is None else known.after(rtt_s)
        while len(self._peers) > self._most_peers:
            self._peers.popitem(last=False)
        together = self._together
        self._together = RoundTrip.first(rtt_s) if together is None else together.after(rtt_s)

    def timeout_s(self, peer: NodeId) -> float:
        """
        Soft time-out for a question to *peer*, in seconds.

        A peer never measured is given what the peers together need, and before there are
        any, `FIRST_S`.
        """
        estimate = self._peers.get(peer, self._together)
        return FIRST_S if estimate is None else estimate.timeout_s

    def srtt_s(self, peer: NodeId) -> float | None:
        """Smoothed round-trip time of *peer* in seconds; None if it was not measured."""
        estimate = self._peers.get(peer)
        return None if estimate is None else estimate.srtt_s

    def __len__(self) -> int:
        return len(self._peers)
