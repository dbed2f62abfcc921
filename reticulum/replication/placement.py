"""
Which nodes should keep an image: one pure rule, the same answer on every machine.

The candidates are the `CANDIDATES` storing nodes closest to the image's key. Each draws a lot for
each image, the larger and the closer the node the better: rendezvous hashing (Thaler and
Ravishankar, 1998) with weights (Schindelhauer and Schomaker, 2005). Zones take turns: the best of
every zone first, then the second of every zone, and so on.

Against taking the closest nodes this evens the load out and keeps copies apart. The weight falls
with the square root of the distance, so that those at the edge, where one newcomer pushes another
node out, hold little: about 1.5 copies move, and not 1.9, for each copy that has to, and the load
is as even. Falling faster it would be less even in small grids, where all nodes are candidates.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from reticulum.model import Key, Member, NodeId, Shelf

CANDIDATES = 20
"""Nodes closest to a key that an image may go to."""
_DRAW_BITS = 52
_TERMS = 8
_LN_2 = 0.6931471805599453


def placement(key: Key, members: Sequence[Member], copies: int) -> tuple[Member, ...]:
    """
    Put all candidates in order.

    The first *copies* are the holders. They are in distinct zones if there are as many zones;
    otherwise no zone has two more than another that has one to spare. A node without a zone is a
    zone of its own. The others stand by: first those in zones where no holder is.

    What is full stays in the order. For the order without some nodes, leave them out of
    *members*: whoever follows in the order need not be in the zone that lost its holder.

    Args:
        key: Of the image.
        members: Each node once, in any order; none that is left out may be closer to the key than
            the 20th of them that stores.
        copies: How many nodes are to hold it; at least 0.

    Returns:
        The up to 20 closest of *members* that store, in the order in which they are to hold it.
    """
    candidates = nearest(key, (member for member in members if member.shelf is not Shelf.CLOSED))
    drawn = sorted(candidates, key=lambda member: (lot(key, member), member.node_id))
    met: Counter[Hashable] = Counter()
    turns: dict[NodeId, int] = {}
    for member in drawn:
        zone = zone_of(member)
        turns[member.node_id] = met[zone]
        met[zone] += 1
    # Stable: within one turn, lots decide.
    order = sorted(drawn, key=lambda member: turns[member.node_id])
    holders = order[:copies]
    held = Counter(map(zone_of, holders))
    return (*holders, *sorted(order[copies:], key=lambda member: held[zone_of(member)]))


def nearest(key: Key, members: Iterable[Member], most: int = CANDIDATES) -> list[Member]:
    """Up to *most* members in the order of their distance to *key*, whatever they store."""
    return sorted(members, key=lambda member: member.node_id.distance(key))[:most]


def zone_of(member: Member) -> Hashable:
    """What tells its zone from others: the name, or itself if it has told none."""
    return member.zone or member.node_id


def lot(key: Key, member: Member) -> float:
    """
    Draw what decides between nodes of one zone; the smallest is the best.

    Lots are exponentially distributed, with the weight of the node as their rate: that its own is
    the smallest is as likely as its part of all weight.
    """
    hashed = hashlib.blake2b(
        key.digest + member.node_id.digest, digest_size=8, person=b"placement"
    ).digest()
    fraction = ((int.from_bytes(hashed) >> (64 - _DRAW_BITS)) + 0.5) / 2**_DRAW_BITS
    root = math.sqrt(key.distance(member.node_id))
    return _minus_ln(fraction) * root / max(member.capacity, 1)


def _minus_ln(fraction: float) -> float:
    # Of a number between 0 and 1. `math.log` is the C library's: its last bit differs between
    # machines, and one bit is enough for two nodes to disagree about an order. IEEE 754 fixes the
    # result of each operation here: ln(m) = 2 artanh((m - 1) / (m + 1)), the start of its series.
    mantissa, exponent = math.frexp(fraction)
    part = (mantissa - 1) / (mantissa + 1)
    square = part * part
    series = 0.0
    for odd in range(2 * _TERMS - 1, 0, -2):
        series = series * square + 1 / odd
    return -(exponent * _LN_2 + 2 * part * series)
