"""How often a node announces everything again: as often as costs it little, within bounds."""

from reticulum.overlay.announcing.piles import COPIES, PER_DATAGRAM
from reticulum.overlay.announcing.region import PEERS

SHORTEST_ROUND_S = 1800
"""
Half of a usual short session. Those that keep a record come and go, and others become closer to its
key: the more of them have changed since the last round, the more lookups miss the record.
"""
LONGEST_ROUND_S = 11 * 3600
"""Records live 24 h: one round may fail."""
PACKETS_S = 6.0
"""Packets a second that a node sends for its rounds on average, if they are of neither bound."""
LOOKUP_PACKETS = 30
"""Sent in one lookup among 300 nodes; twelve more or less for ten times or a tenth of them."""


def round_packets(images: int, regions: int) -> float:
    """
    Estimate how many packets a node sends in one round.

    Args:
        images: Of the node.
        regions: Of the key space, which images are spread over evenly.

    Returns:
        Packets out, receipts not counted. Of a region that has any image: one lookup, and to each
        node a last datagram that is not full.
    """
    told = min(images, regions)
    return images * COPIES / PER_DATAGRAM + told * (LOOKUP_PACKETS + PEERS)


def round_s(images: int, regions: int) -> float:
    """
    Choose how long a round takes.

    Args:
        images: Of the node.
        regions: Of the key space.

    Returns:
        Seconds, from `SHORTEST_ROUND_S` to `LONGEST_ROUND_S`.
    """
    wanted_s = round_packets(images, regions) / PACKETS_S
    return min(max(wanted_s, SHORTEST_ROUND_S), LONGEST_ROUND_S)
